"""Does the figure of priors show the grid it is given, as a forest or as a map?"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.errors import OptionError

EFFECTS = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.25], ["A", "B", "C"], measure="SMD")


def texts(figure: object) -> str:
    """All that is written in it."""
    import matplotlib.text

    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text))  # type: ignore[attr-defined]


def test_a_forest_marks_the_priors_of_the_analysis() -> None:
    grid = bm.prior_sensitivity(
        EFFECTS,
        {"tau": ["HalfNormal(0.25)", "HalfCauchy(0.5)"], "mu": ["Normal(0, 2)", "Flat()"]},
        favours="lower",
    )
    figure = bm.plots.sensitivity(grid, title="Simulated")
    (axes,) = figure.axes
    bold = [tick.get_text() for tick in axes.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["tau ~ HalfNormal(0.25), mu ~ Normal(0, 2)"]
    intervals = [
        line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 1
    ]
    assert np.array(intervals) == pytest.approx(grid[["ci_low", "ci_high"]].to_numpy())
    assert "P(benefit)" in texts(figure)
    assert "95 % intervals" in texts(figure)


def test_a_map_has_the_tipping_contour_where_the_probability_is_the_threshold() -> None:
    grid = bm.prior_sensitivity(
        EFFECTS,
        {
            "mu": [f"Normal(0, {s:g})" for s in np.geomspace(0.02, 2, 9)],
            "tau": [f"HalfNormal({s:g})" for s in np.geomspace(0.02, 2, 9)],
        },
        favours="lower",
    )
    figure = bm.plots.sensitivity(grid, threshold=0.8)
    written = texts(figure)
    assert "Thick line: 80 %." in written
    assert "sd s of mu ~ Normal(0, s)" in written and "scale s of tau ~ HalfNormal(s)" in written
    assert "probability of benefit, mu < 0" in written
    assert "this analysis" in written
    axes = figure.axes[0]
    thick = [c for c in axes.collections if np.any(np.asarray(c.get_linewidth()) > 2)]
    vertices = np.concatenate([path.vertices for c in thick for path in c.get_paths()])
    for x, y in vertices[:: max(len(vertices) // 5, 1)]:
        priors = {"mu": f"Normal(0, {x})", "tau": f"HalfNormal({y})"}
        fit = bm.fit(EFFECTS, priors=priors, engine="exact", random_seed=1)
        assert bm.prob(fit, "mu", below=0.0) == pytest.approx(0.8, abs=0.02)


def test_ticks_of_a_map_are_plain_numbers_apart_and_the_analysis_may_lie_outside() -> None:
    grid = bm.prior_sensitivity(
        EFFECTS,
        {
            "mu": [f"Normal(0, {s:g})" for s in np.geomspace(0.1, 1, 4)],
            "tau": [f"HalfNormal({s:g})" for s in np.geomspace(0.3, 0.9, 4)],
        },
        favours="lower",
    )
    figure = bm.plots.sensitivity(grid)
    axes = figure.axes[0]
    figure.canvas.draw()
    for labels, side in ((axes.get_xticklabels(which="both"), "x"), (axes.get_yticklabels(), "y")):
        shown = [label for label in labels if label.get_text()]
        assert len(shown) >= 3 and all(float(label.get_text()) > 0 for label in shown)
        ends = sorted(tuple(getattr(label.get_window_extent(), f"interval{side}")) for label in shown)
        assert all(low[1] < high[0] for low, high in itertools.pairwise(ends))
    assert axes.get_xlim() == pytest.approx((0.1, 1.0))  # nothing white beyond what was computed
    written = texts(figure).replace("\n", " ")
    assert "This analysis (mu ~ Normal(0, 2), tau ~ HalfNormal(0.25)) is not on the map" in written


def test_a_forest_says_measure_and_side_of_benefit() -> None:
    ratios = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="RR")
    grid = bm.prior_sensitivity(ratios, {"tau": ["HalfNormal(0.5)", "HalfNormal(1)"]}, favours="lower")
    figure = bm.plots.sensitivity(grid)
    assert figure.axes[0].get_xlabel() == "Log risk ratio (mu)"
    assert "◄ favours treatment" in texts(figure) and "favours control ►" in texts(figure)


def test_a_map_says_when_nothing_crosses() -> None:
    grid = bm.prior_sensitivity(
        EFFECTS,
        {
            "mu": [f"Normal(0, {s:g})" for s in (1, 2, 3)],
            "tau": [f"HalfNormal({s:g})" for s in (0.1, 0.2, 0.3)],
        },
        favours="lower",
    )
    assert "The probability is above 50 % everywhere." in texts(bm.plots.sensitivity(grid, threshold=0.5))


def test_mistakes() -> None:
    with pytest.raises(OptionError, match="draws the table that prior_sensitivity returns"):
        bm.plots.sensitivity(pd.DataFrame())
    grid = bm.prior_sensitivity(EFFECTS, {"tau": ["HalfNormal(1)"]}, favours="lower")
    with pytest.raises(OptionError, match="threshold is 95"):
        bm.plots.sensitivity(grid, threshold=95)
    many = bm.prior_sensitivity(EFFECTS, {"tau": [f"HalfNormal({s})" for s in range(1, 62)]}, favours="lower")
    with pytest.raises(OptionError, match="61 combinations of priors, and a forest shows 60"):
        bm.plots.sensitivity(many)


def test_long_names_of_published_priors_stay_on_the_page() -> None:
    effects = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.25], measure="OR")
    long = "Turner 2015: mental health indicators, pharmacological v placebo / control"
    vary = {"tau": [long, "HalfNormal(0.5)"], "mu": ["Normal(0, 2)", "Sceptical(-0.5, 0.05)"]}
    figure = bm.plots.sensitivity(bm.prior_sensitivity(effects, vary, favours="lower"))
    figure.canvas.draw()
    labels = figure.axes[0].get_yticklabels()
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert min(box.x0 for box in boxes) > 0.0
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))
    assert any(long.partition(",")[0] in label.get_text() for label in labels)
