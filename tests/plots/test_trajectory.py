"""`trajectory`: studies at their months, the courses of `predict`, the probabilities of `benefit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.plots.spreading import spread, stride
from bayesma.plots.trajectory_course import build
from bayesma.posterior.curves import curves
from bayesma.posterior.provenance import provenance
from bayesma.words.numbers import probability_claim

from .conftest import axes_of, collisions, words

type Fitter = Callable[..., xr.DataTree]

YEAR = (1, 2, 3, 4, 6, 12)
AVERAGE, NEW = "average study", "new study"
Z = 1.959963984540054  # 0.975 quantile of the standard normal


def visits(k: int, months: Sequence[float], measure: str = "SMD", rho: float = 0.0) -> bm.Trajectories:
    """Reproducible studies that miss some visits; the first has them all."""
    rng = np.random.default_rng(k)
    rows = []
    for i in range(k):
        se, own = np.exp(rng.normal(-1.2, 0.4)), rng.normal(0.0, 0.3)
        seen = [month for month in months if i == 0 or rng.random() > 0.2] or [months[0]]
        rows += [(f"Trial {i + 1} of {k}", m, own - 0.4 + se * rng.normal(), se) for m in seen]
    return bm.Trajectories.from_estimates(
        pd.DataFrame(rows, columns=["study", "month", "y", "se"]),
        study="study",
        month="month",
        estimate="y",
        se="se",
        measure=measure,
        within_correlation=rho,
        within_structure="cs",
    )


@pytest.fixture(scope="session")
def followed() -> Fitter:
    """Exact fits of k simulated studies, each computed once."""
    known: dict[tuple[object, ...], xr.DataTree] = {}

    def fit(
        k: int, months: Sequence[float] = YEAR, measure: str = "SMD", curve: str = "visit"
    ) -> xr.DataTree:
        key = (k, tuple(months), measure, curve)
        if key not in known:
            free = curve == "visit"
            known[key] = bm.fit(
                visits(k, months, measure, 0.0 if free else 0.5),
                priors={"m": "Normal(0, 2)", "tau": "HalfNormal(0.5)"} if measure == "MC" else None,
                engine="exact",
                random_seed=1,
                draws=100,
                trajectory=curve,
                between="diagonal" if free else "cs",
            )
        return known[key].copy()

    return fit


def lines(figure: Figure, label: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Months and values of the lines with a label, in drawing order."""
    found = [line for line in axes_of(figure, "graph").lines if line.get_label() == f"_{label}"]
    return [tuple(np.asarray(v, dtype=float) for v in line.get_data()) for line in found]  # type: ignore[misc]


def bars(figure: Figure) -> list[np.ndarray]:
    """Both ends of each study's intervals: one array (visits, 2) a study."""
    drawn = [c for c in axes_of(figure, "graph").collections if isinstance(c, LineCollection)]
    return [np.array([segment[:, 1] for segment in c.get_segments()]) for c in drawn]


def sheet_row(figure: Figure, label: str) -> list[list[str]]:
    """Texts that stand on the height of each occurrence of a label, from left to right."""
    texts = [text for text in axes_of(figure, "sheet").texts if text.get_ha() == "center"]
    starts = [text for text in axes_of(figure, "sheet").texts if text.get_text() == label]
    return [
        [t.get_text() for t in sorted(texts, key=lambda t: t.get_position()[0]) if _level(t) == _level(start)]
        for start in sorted(starts, key=_level)
    ]


def _level(text: object) -> float:
    """Height of a text on the sheet."""
    return round(float(text.get_position()[1]), 6)  # type: ignore[attr-defined]


def graph_of(figure: Figure) -> Axes:
    """The graph."""
    return axes_of(figure, "graph")


def short(p: float) -> str:
    """A probability as the strip prints it."""
    return "<0.001" if p < 0.001 else ">0.999" if p > 0.999 else f"{p:.3f}"


@pytest.mark.parametrize("months", [(6,), (3, 6), YEAR, tuple(range(1, 25))], ids=str)
@pytest.mark.parametrize("k", [1, 2, 5, 8, 46])
def test_no_texts_collide(followed: Fitter, k: int, months: tuple[int, ...]) -> None:
    figure = bm.plots.trajectory(followed(k, months), favours="lower", mid=0.2, treatment="MSCT")
    assert collisions(figure) == []


def test_courses_are_those_of_predict(followed: Fitter) -> None:
    fit = followed(5)
    figure = bm.plots.trajectory(fit, ci_prob=0.9)
    table = bm.predict(fit, ci_prob=0.9)
    months = [f"month {month}" for month in YEAR]
    month, median = lines(figure, "average median")[0]
    assert_allclose(month, YEAR)
    assert_allclose(median, table.loc[AVERAGE].loc[months, "median"])
    for name, estimand in (("average", AVERAGE), ("new", NEW)):
        low, high = (values for _, values in lines(figure, f"{name} end"))
        assert_allclose(low, table.loc[estimand].loc[months, "ci_low"])
        assert_allclose(high, table.loc[estimand].loc[months, "ci_high"])


def test_a_curve_is_drawn_between_the_visits_and_meets_them(followed: Fitter) -> None:
    fit = followed(5, (1, 3, 12), curve="emax")
    figure = bm.plots.trajectory(fit)
    month, median = lines(figure, "average median")[0]
    assert month.size > 20
    at = bm.predict(fit).loc[AVERAGE].loc[["month 1", "month 3", "month 12"], "median"]
    assert_allclose(median[np.isin(month, (1, 3, 12))], at)
    assert_allclose(lines(figure, "average point")[0][0], (1, 3, 12))
    between = bm.predict(fit, months=[float(month[7])]).loc[AVERAGE].iloc[0]["median"]
    drawn = np.median(curves(fit, provenance(fit), np.array([1.0, 3.0, 12.0]))[AVERAGE], axis=(0, 1))
    missed = np.interp(month[7], (1, 3, 12), at.to_numpy() - drawn)  # by 400 draws, at the visits
    assert abs(missed) > 1e-5
    assert median[7] == pytest.approx(between + missed)
    said = words(figure)
    assert "Emax" in said
    assert "From independent draws of the exact posterior: the average study, a new study." in said


def test_studies_are_drawn_at_the_visits_they_have(followed: Fitter) -> None:
    fit = followed(5)
    figure = bm.plots.trajectory(fit)
    evidence = visits(5, YEAR)
    drawn, intervals = lines(figure, "study"), bars(figure)
    assert len(drawn) == len(intervals) == 5
    aside = []
    for i, (month, value) in enumerate(drawn):
        seen = np.isfinite(evidence.y[i])
        assert_allclose(value, evidence.y[i, seen])
        reach = Z * evidence.se[i, seen]
        assert_allclose(intervals[i], np.column_stack([value - reach, value + reach]))
        shift = month - evidence.visit[seen]
        assert_allclose(shift, shift[0])  # a study keeps its place beside every visit
        aside.append(shift[0])
    assert len(set(np.round(aside, 9))) == 5
    assert np.all(np.abs(aside) > 0)  # none behind the average
    assert np.max(np.abs(aside)) < 0.5
    assert sheet_row(figure, "studies") == [[str(n) for n in np.isfinite(evidence.y).sum(axis=0)]]


@pytest.mark.parametrize("favours", ["lower", "higher"])
def test_probabilities_are_those_of_benefit(followed: Fitter, favours: str) -> None:
    fit = followed(5)
    figure = bm.plots.trajectory(fit, favours=favours, mid=0.2, treatment="MSCT", control="usual care")
    table = bm.benefit(fit, favours=favours, mid=0.2)
    for name, label in (("m", AVERAGE), ("theta_new", NEW)):
        told = sheet_row(figure, label)
        assert told[0] == [short(p) for p in table.loc[name]["p_benefit"].iloc[:-1]]
        assert told[1] == [short(p) for p in table.loc[name]["p_mid"].iloc[:-1]]
    assert sheet_row(figure, "months") == [[str(month) for month in YEAR]] * 2
    said = words(figure)
    assert "Posterior probability of benefit (favours MSCT)" in said
    sign = -1.0 if favours == "lower" else 1.0
    assert ("▼ favours MSCT   ▲ favours usual care" in said) == (favours == "lower")
    assert lines(figure, "mid")[0][1][0] == sign * 0.2
    p = table.loc[("m", "all visits"), "p_benefit"]
    error = table.attrs["mcse"]["m, all visits"]["p_benefit"]
    assert 0.0 < error < 0.02  # of draws, though each visit by itself is integrated
    assert f"benefit at all visits: average study {probability_claim(p, error)}" in said


def test_without_a_direction_there_are_no_probabilities(followed: Fitter) -> None:
    said = words(bm.plots.trajectory(followed(5)))
    assert "robability of benefit" not in said
    assert "favours" not in said


def test_numbers_stand_under_their_months_in_order(followed: Fitter) -> None:
    figure = bm.plots.trajectory(followed(5), favours="lower")
    graph, sheet = graph_of(figure), axes_of(figure, "sheet")
    ticks = [line.get_xdata()[0] for line in sheet.lines if line.get_label() == "_tick"]
    low, high = graph.get_xlim()
    box = graph.get_position()
    width = figure.get_size_inches()[0]
    expected = (box.x0 + (np.array(YEAR) - low) / (high - low) * box.width) * width
    assert_allclose(ticks, expected)
    led = np.array([line.get_xdata() for line in sheet.lines if line.get_label() == "_leader"])
    assert_allclose(led[:, 0], ticks)
    assert_allclose(led[:, 1], ticks, atol=0.3)  # inches: numbers at months 1 to 4 need more room than that
    row = [t for t in sheet.texts if t.get_text() == "12" and t.get_ha() == "center"]
    assert_allclose([t.get_position()[0] for t in row], led[-1, 1])


def test_of_many_visits_every_so_manieth_is_numbered(followed: Fitter) -> None:
    figure = bm.plots.trajectory(followed(5, tuple(range(1, 25))), favours="lower")
    assert "Numbers are written for every 2nd visit." in words(figure)
    assert sheet_row(figure, "studies")[0] == sheet_row(figure, "studies")[0][:12]
    assert len(lines(figure, "average median")[0][0]) == 24


def test_few_studies_are_named_and_many_counted(followed: Fitter) -> None:
    few, many = (words(bm.plots.trajectory(followed(k))) for k in (8, 46))
    assert all(f"Trial {i + 1} of 8" in few for i in range(8))
    assert "Trial" not in many
    assert "46 studies" in many


def test_one_visit_is_a_box(followed: Fitter) -> None:
    figure = bm.plots.trajectory(followed(3, (6,)))
    fit = followed(3, (6,))
    table = bm.predict(fit)
    for name, estimand in (("average", AVERAGE), ("new", NEW)):
        low, high = lines(figure, f"{name} end")
        assert low[0][0] < 6.0 < low[0][1]
        ends = [low[1][0], low[1][1], high[1][0], high[1][1]]
        row = table.loc[(estimand, "month 6")]
        assert_allclose(ends, [row["ci_low"]] * 2 + [row["ci_high"]] * 2)
    assert "for the eye" not in words(figure)


def test_ratios_are_printed_as_ratios(followed: Fitter) -> None:
    graph = graph_of(bm.plots.trajectory(followed(5, measure="OR")))
    labels = [float(label.get_text()) for label in graph.get_yticklabels()]
    assert_allclose(np.log(labels), graph.get_yticks(), rtol=1e-9)
    assert 1.0 in labels


def test_a_change_in_one_arm_gets_better_or_worse(followed: Fitter) -> None:
    said = words(bm.plots.trajectory(followed(3, measure="MC"), favours="higher"))
    assert "▼ worse   ▲ better" in said
    assert "favours" not in said


def test_what_the_axis_cuts_is_told(followed: Fitter) -> None:
    fit = followed(5)
    figure = bm.plots.trajectory(fit, ylim=(-0.5, 0.1))
    assert graph_of(figure).get_ylim() == (-0.5, 0.1)
    heads = sum(month.size for month, _ in lines(figure, "study arrowhead"))
    assert heads > 0
    assert "confidence intervals reach beyond the axis" in words(figure)
    assert "A credible interval reaches beyond the axis." in words(figure)
    assert collisions(figure) == []


def test_unconverged_fit_is_loud(followed: Fitter) -> None:
    fit = followed(3)
    fit.attrs["converged"] = 0
    assert words(bm.plots.trajectory(fit)).count("NOT CONVERGED") == 2


def test_a_stored_fit_gives_the_same_figure(followed: Fitter, tmp_path: Path) -> None:
    fit = followed(3)
    fit.to_netcdf(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc") as stored:
        again = bm.plots.trajectory(stored, favours="lower")
    assert words(again) == words(bm.plots.trajectory(fit, favours="lower"))


def test_names_are_text(followed: Fitter) -> None:
    figure = bm.plots.trajectory(
        followed(3), favours="lower", treatment="$x_1$", control="<b>", title="$y$", ylabel="$z$"
    )
    assert "favours $x_1$" in words(figure)
    assert not any(a.get_parse_math() for axes in figure.axes for a in axes.texts)
    assert collisions(figure) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mid": 0.2}, "mid needs favours"),
        ({"mid": -0.2, "favours": "lower"}, "mid is -0.2"),
        ({"favours": "up"}, "favours is 'up'"),
        ({"ci_prob": 0.0}, "ci_prob is 0.0"),
        ({"ylim": (0.1, 1.0)}, "ylim is"),
    ],
)
def test_wrong_options_are_refused(followed: Fitter, options: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        bm.plots.trajectory(followed(3), **options)


def test_a_fit_without_visits_is_refused(bcg_fit: xr.DataTree) -> None:
    with pytest.raises(OptionError, match=r"family 'normal' has none; draw it with bayesma\.plots\.forest"):
        bm.plots.trajectory(bcg_fit)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    k=st.sampled_from([1, 3, 8, 46]),
    months=st.sampled_from([(6,), (0.25, 0.5, 24), YEAR]),
    measure=st.sampled_from(["SMD", "OR", "RD"]),
    ci_prob=st.sampled_from([0.5, 0.95, 0.999]),
    direction=st.sampled_from([(None, None), ("lower", None), ("lower", 0.1), ("higher", 3.0)]),
    name=st.text(st.characters(codec="latin-1"), max_size=80),
)
def test_any_combination_draws(
    followed: Fitter,
    k: int,
    months: tuple[float, ...],
    measure: str,
    ci_prob: float,
    direction: tuple[str | None, float | None],
    name: str,
) -> None:
    figure = bm.plots.trajectory(
        followed(k, months, measure),
        ci_prob=ci_prob,
        favours=direction[0],
        mid=direction[1],
        treatment=name,
        title=name,
        ylabel=name,
    )
    assert collisions(figure) == []


@given(
    places=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=12).map(sorted),
    seed=st.integers(0, 100),
)
def test_spread_labels_never_touch_and_stay_inside(places: list[float], seed: int) -> None:
    size = np.random.default_rng(seed).uniform(0.1, 10.0 / 12, len(places))
    centres = spread(places, size, (0.0, 10.0))
    rounding = 1e-9  # sums of at most twelve numbers below 10
    assert np.all(np.diff(centres) >= 0.5 * (size[1:] + size[:-1]) - rounding)
    assert centres[0] >= 0.5 * size[0] - rounding
    assert centres[-1] <= 10.0 - 0.5 * size[-1] + rounding


def test_spread_leaves_alone_what_has_room() -> None:
    assert_allclose(spread([1.0, 3.0, 8.0], [1.0, 1.0, 1.0], (0.0, 10.0)), [1.0, 3.0, 8.0])
    assert_allclose(spread([5.0, 5.0], [1.0, 1.0], (0.0, 10.0)), [4.5, 5.5])


@pytest.mark.parametrize(("n", "step"), [(4, 1), (5, 1), (6, 2), (10, 2), (11, 3)])
def test_stride_keeps_what_fits(n: int, step: int) -> None:
    assert stride([1.0] * n, 5.0) == step


def test_patients_stand_under_the_studies_where_they_are_known() -> None:
    frame = pd.DataFrame(
        {
            "study": ["A", "A", "B", "B"],
            "month": [1, 6, 1, 6],
            "y": [-0.5, -0.9, -0.2, -0.7],
            "se": 0.2,
            "n": [20.0, 18.0, np.nan, 31.0],
        }
    )
    columns = {"study": "study", "month": "month", "estimate": "y", "se": "se"}
    priors = {"m": "Normal(0, 5)", "tau": "HalfNormal(1)"}
    arguments = {"priors": priors, "between": "diagonal", "engine": "exact", "random_seed": 1}
    known = bm.Trajectories.from_estimates(frame, **columns, n="n", within_correlation=0)
    text = words(bm.plots.trajectory(bm.fit(known, **arguments)))
    assert "patients" in text
    assert {"20+", "49"} <= set(text.split())
    silent = bm.Trajectories.from_estimates(frame, **columns, within_correlation=0)
    assert "patients" not in words(bm.plots.trajectory(bm.fit(silent, **arguments)))


def test_a_band_of_draws_has_no_notch_at_an_exact_visit() -> None:
    """Between visits the band is moved by what draws miss at these: few draws show whether it is."""
    frame = pd.DataFrame(
        {
            "study": np.repeat(list("ABC"), 3),
            "month": [1, 6, 12] * 3,
            "y": np.linspace(-1.0, 0.5, 9),
            "se": 0.2,
        }
    )
    evidence = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.3
    )
    priors = {"intercept": "Normal(0, 5)", "slope": "Normal(0, 1)", "tau": "HalfNormal(1)"}
    arguments = {"trajectory": "linear", "between": "cs", "engine": "exact", "random_seed": 1}
    fit = bm.fit(evidence, priors=priors, draws=25, chains=4, **arguments)
    origin = provenance(fit)
    course = build(fit, origin, 0.95, None, None, "")
    at = int(np.flatnonzero(course.average.month == 6.0)[0])
    drawn = bm.predict(fit, months=course.average.month.tolist()).loc["average study"]
    for edge, name in ((course.average.low, "ci_low"), (course.average.high, "ci_high")):
        values = drawn[name].to_numpy()
        with_notch = abs(values[at] - 0.5 * (values[at - 1] + values[at + 1]))
        assert abs(edge[at] - 0.5 * (edge[at - 1] + edge[at + 1])) < 0.25 * with_notch
