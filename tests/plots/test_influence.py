"""Do the figures of influence, leave-one-out and subsets hold the numbers of their tables?"""

from __future__ import annotations

import matplotlib.text
import numpy as np
import pytest

import bayesma as bm
from bayesma.errors import OptionError

from .conftest import simulated

EFFECTS = bm.Effects.from_estimates(
    [-0.5, -0.2, 0.1, 1.4], [0.2, 0.3, 0.25, 0.1], ["A", "B", "C", "D"], measure="SMD"
)


def texts(figure) -> str:
    return "\n".join(t.get_text() for t in figure.findobj(matplotlib.text.Text)).replace("\n", " ")


@pytest.fixture(scope="module")
def influences():
    return bm.influence(EFFECTS, random_seed=1)


def test_panels_are_the_columns_and_red_is_beyond_a_limit(influences) -> None:
    figure = bm.plots.influence(influences, title="Simulated")
    assert [axes.get_label() for axes in figure.axes] == ["shift", "shift_tau", "pareto_k", "weight"]
    for axes in figure.axes:
        name = axes.get_label()
        (dots,) = [c for c in axes.collections if len(c.get_offsets()) == 4 and len(c.get_sizes())]
        np.testing.assert_allclose(dots.get_offsets()[:, 0], influences[name])
        dotted = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        limit = influences.attrs["limits"][name]
        assert dotted == ([-limit, limit] if name.startswith("shift") else [limit])
        red = dots.get_facecolors()[:, 0] > 0.5
        size = influences[name].abs() if name.startswith("shift") else influences[name]
        assert red.tolist() == (size > limit).tolist()
    most = influences["shift"].abs().idxmax()
    written = texts(figure)
    assert f"{most} moves mu most, by {influences['shift'].abs().max():.2f} sd" in written
    assert "Simulated" in written
    beyond = written.partition("red): ")[2]
    assert (most in beyond) == bool(influences["shift"].abs().max() > influences.attrs["limits"]["shift"])


def test_a_forest_without_each_study_before_the_band_of_all() -> None:
    table = bm.leave_one_out(EFFECTS, favours="higher")
    figure = bm.plots.leave_one_out(table)
    (axes,) = figure.axes
    drawn = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 1.4]
    np.testing.assert_allclose(drawn, table[["ci_low", "ci_high"]])
    (band,) = [p for p in axes.patches if p.get_label() == "all studies"]
    full = table.attrs["full"]
    ends = band.get_x(), band.get_x() + band.get_width()
    assert ends == pytest.approx((full["ci_low"], full["ci_high"]))
    assert [t.get_text() for t in axes.get_yticklabels()] == [f"without {s}" for s in "ABCD"]
    assert "all 4 studies" in texts(figure) and "the probability of benefit" in texts(figure)


def test_rows_of_a_cumulative_table_are_the_studies_so_far() -> None:
    table = bm.cumulative(EFFECTS, order=["C", "A", "D", "B"], favours="lower")
    figure = bm.plots.leave_one_out(table)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["C", "+ A", "+ D", "+ B"]
    written = texts(figure)
    assert "Each row adds a study to those above it" in written and "without" not in written


def test_the_axis_says_measure_scale_and_side_of_benefit() -> None:
    ratios = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.25], ["A", "B", "C"], measure="OR")
    for favours, left, right in (("lower", "treatment", "control"), ("higher", "control", "treatment")):
        figure = bm.plots.leave_one_out(bm.leave_one_out(ratios, favours=favours))
        (axes,) = figure.axes
        assert axes.get_xlabel() == "Log odds ratio (mu)"
        signs = {t.get_text(): t.get_ha() for t in axes.texts if "favours" in t.get_text()}
        assert signs == {f"◄ favours {left}": "right", f"favours {right} ►": "left"}
        assert "P(benefit)" in texts(figure) and "Priors: mu ~" in texts(figure)
    figure = bm.plots.leave_one_out(bm.leave_one_out(ratios, question="tau > 0.2"))
    written = texts(figure)
    assert "Standard deviation between studies, of the log odds ratio (tau)" in written
    assert "P(tau > 0.2)" in written and "favours" not in written
    assert "P(" not in texts(bm.plots.leave_one_out(bm.leave_one_out(ratios)))


def test_subsets_with_and_without_the_study_that_matters() -> None:
    table = bm.subsets(EFFECTS)
    figure = bm.plots.subsets(table)
    axes = figure.axes[0]
    with_it, without = (
        next(c for c in axes.collections if c.get_label() == f"{word} D") for word in ("with", "without")
    )
    assert len(with_it.get_offsets()) == 8 and len(without.get_offsets()) == 7
    np.testing.assert_allclose(with_it.get_offsets(), table.loc[table["D"], ["estimate", "tau"]])
    (cross,) = [line for line in axes.lines if line.get_label() == "all studies"]
    full = table.attrs["full"]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (full["estimate"], full["tau"])
    assert "15 subsets" in texts(figure)
    other = bm.plots.subsets(table, highlight="A").axes[0]
    assert {c.get_label() for c in other.collections} == {"with A", "without A"}
    common = bm.plots.subsets(bm.subsets(EFFECTS, random_effects="none")).axes[0]
    assert common.get_ylabel() == "studies"


def test_few_dots_are_large_and_the_legend_lies_off_the_points() -> None:
    few, many = (
        bm.plots.subsets(bm.subsets(effects, favours="higher", max_subsets=600))
        for effects in (EFFECTS, simulated(12, "OR"))
    )
    sizes = [figure.axes[0].collections[0].get_sizes()[0] for figure in (few, many)]
    opacity = [figure.axes[0].collections[0].get_alpha() for figure in (few, many)]
    assert sizes[0] > 2 * sizes[1] and opacity[0] > opacity[1]
    assert many.axes[0].get_xlabel() == "Log odds ratio (mu)" and "favours treatment" in texts(many)
    for figure in (few, many):
        figure.canvas.draw()
        (legend,) = figure.legends
        assert all(legend.get_window_extent().y0 >= axes.bbox.y1 for axes in figure.axes)
        assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_other_tables_are_refused(influences) -> None:
    for draw, name in (
        (bm.plots.influence, "influence"),
        (bm.plots.leave_one_out, "leave_one_out"),
        (bm.plots.subsets, "subsets"),
    ):
        with pytest.raises(OptionError, match=f"plots.{name} draws the table that {name} returns"):
            draw(bm.summary(bm.fit(EFFECTS, engine="exact", random_seed=1)))
    with pytest.raises(OptionError, match="highlight is 'E', which is no study; they are: A, B, C, D"):
        bm.plots.subsets(bm.subsets(EFFECTS), highlight="E")
