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


def test_names_do_not_cover_each_other() -> None:
    table = pd.DataFrame({"dose": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0]})
    same = bm.Effects.from_estimates(
        [0.3] * 7, [0.2] * 7, [f"Study {i}" for i in range(7)], "SMD", table=table
    )
    (axes,) = bm.plots.bubble(bm.fit(same, engine="exact", moderators=["dose"], random_seed=1)).axes
    heights = [t.xyann[1] for t in axes.texts if t.xy[0] == 1.0]
    assert len(heights) == len(set(heights)) == 4


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
