"""Are the bubbles the studies, and the line what predict says of them?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.errors import OptionError

TABLE = pd.DataFrame(
    {"dose": [1.0, 2.0, 4.0, 8.0], "age": [30.0, 50.0, 40.0, 35.0], "cells": ["UC", "BM", "UC", "BM"]}
)
EFFECTS = bm.Effects.from_estimates(
    [0.1, 0.3, 0.2, 0.8], [0.2, 0.1, 0.3, 0.2], ["A", "B", "C", "D"], measure="OR", table=TABLE
)


@pytest.fixture(scope="module")
def fit():
    return bm.fit(EFFECTS, engine="exact", moderators=["dose"], random_seed=1)


def test_bubbles_are_studies_and_lines_are_predictions(fit) -> None:
    figure = bm.plots.bubble(fit, title="Simulated")
    (axes,) = figure.axes
    (circles,) = [c for c in axes.collections if c.get_label() == "studies"]
    np.testing.assert_allclose(circles.get_offsets(), np.column_stack([TABLE["dose"], EFFECTS.y]), rtol=1e-12)
    tau = float(fit["posterior"]["tau"].median())
    weight = 1.0 / (EFFECTS.se**2 + tau**2)
    np.testing.assert_allclose(circles.get_sizes() / circles.get_sizes().max(), weight / weight.max())
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    for label, estimand, column in (
        ("mean", "average study", "median"),
        ("new ci_low", "new study", "ci_low"),
        ("new ci_high", "new study", "ci_high"),
    ):
        places = lines[label][[0, 30, -1]]
        found = bm.predict(fit, at={"dose": places[:, 0]}).loc[estimand, column]
        np.testing.assert_allclose(places[:, 1], found, rtol=1e-9)
    assert {t.get_text() for t in axes.texts} == {"A", "B", "C", "D"}
    assert axes.get_title(loc="left") == "Simulated" and axes.get_ylabel() == "Odds ratio"
    assert "1" in [tick.get_text() for tick in axes.get_yticklabels()]  # ratios, not logs


def test_a_common_effect_has_no_new_study_and_a_moderator_is_chosen() -> None:
    two = bm.fit(EFFECTS, engine="exact", moderators=["dose", "age"], random_effects="none", random_seed=1)
    with pytest.raises(OptionError, match="2 moderators of this fit are numbers; choose among dose, age"):
        bm.plots.bubble(two)
    (axes,) = bm.plots.bubble(two, "age").axes
    assert axes.get_xlabel() == "age"
    assert not [line for line in axes.lines if str(line.get_label()).startswith("new")]


def crowded(k: int) -> bm.Effects:
    """Studies whose names do not all have room."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"dose": rng.uniform(0.0, 5.0, k)})
    se = np.exp(rng.normal(-1.5, 0.4, k))
    return bm.Effects.from_estimates(
        rng.normal(0.3, se), se, [f"Author {i} 20{i:02d}" for i in range(k)], "OR", table=table
    )


@pytest.mark.parametrize("k", [3, 40])
def test_names_cover_neither_each_other_nor_bubbles_and_the_caption_has_the_rest(k) -> None:
    figure = bm.plots.bubble(bm.fit(crowded(k), engine="exact", moderators=["dose"], random_seed=1))
    (axes,) = figure.axes
    figure.canvas.draw()
    names = [t for t in axes.texts if t.get_text().startswith("Author")]
    boxes = np.array([t.get_window_extent().extents for t in names])
    over = np.minimum.outer(boxes[:, 2], boxes[:, 2]) > np.maximum.outer(boxes[:, 0], boxes[:, 0])
    over &= np.minimum.outer(boxes[:, 3], boxes[:, 3]) > np.maximum.outer(boxes[:, 1], boxes[:, 1])
    assert over.sum() == len(names)  # each meets itself alone
    (circles,) = [c for c in axes.collections if c.get_label() == "studies"]
    centres = axes.transData.transform(circles.get_offsets())
    radius = np.sqrt(circles.get_sizes() / np.pi) / 72 * figure.dpi
    for x0, y0, x1, y1 in boxes:
        nearest = np.clip(centres, (x0, y0), (x1, y1))
        assert np.all(np.hypot(*(centres - nearest).T) > radius)
    caption = figure.texts[0].get_text().replace("\n", " ")
    written = {t.get_text() for t in names}
    assert len(written) == 3 if k == 3 else 8 < len(written) < 40
    if "have no room" in caption:
        assert f"{k - len(written)} studies have no room for a name" in caption
    else:
        assert all(
            (f"Author {i} 20{i:02d}" in written) != (f"Author {i} 20{i:02d}" in caption) for i in range(k)
        )


def test_both_sides_of_the_null_say_whom_they_favour(fit) -> None:
    (axes,) = bm.plots.bubble(fit, favours="lower", treatment="MSCT").axes
    sides = {t.get_text().replace("\n", " "): t.get_va() for t in axes.texts if "favours" in t.get_text()}
    sides = {text.replace("\u00a0", " "): side for text, side in sides.items()}
    assert sides == {"◄ favours MSCT": "top", "favours control ►": "bottom"}
    with pytest.raises(OptionError, match="favours is 'up'"):
        bm.plots.bubble(fit, favours="up")


@pytest.mark.parametrize(
    ("options", "moderator", "message"),
    [
        ({}, None, "this fit has no moderators"),
        ({"moderators": ["cells"]}, None, "0 moderators of this fit are numbers; subgroups has the table"),
        ({"moderators": ["cells", "dose"]}, "cells", "cells is a category; subgroups has the table"),
        ({"moderators": ["dose"]}, "age", "'age', which is no moderator of this model"),
    ],
)
def test_what_has_no_line_is_refused(options, moderator, message) -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1, **options)
    with pytest.raises(OptionError, match=message):
        bm.plots.bubble(fit, moderator)
