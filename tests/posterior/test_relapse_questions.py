"""Questions of relapse against closed forms, quadrature, and what they must never say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.special import expit

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.posterior.provenance import provenance
from bayesma.posterior.relapse_course import NEW_STUDY, TYPICAL, Course, course_of, repeated

ROUNDING = 1e-12
ROLES = {role: role for role in ("study", "start", "stop", "at_risk", "relapses")}
ROWS = [
    ("Ash", 0, 9, 24, 3, 1),
    ("Ash", 9, 12, 20, 4, 0),
    ("Birch", 0, 24, 40, 9, 2),
    ("Cedar", 0, 6, 13, 0, 1),
]


def followed(**named: str) -> bm.FollowUp:
    """Simulated intervals."""
    frame = pd.DataFrame(ROWS, columns=[*ROLES, "deaths"])
    frame["dose"] = frame["study"].map({"Ash": 1.0, "Birch": 2.0, "Cedar": 4.0})
    return bm.FollowUp.from_frame(frame, **ROLES, **named)


def fitted(hazard: str, deaths: bool = False, **options: Any) -> xr.DataTree:
    """An exact fit."""
    evidence = followed(**({"deaths": "deaths"} if deaths else {}))
    return bm.fit(evidence, hazard=hazard, engine="exact", random_seed=1, draws=500, **options)


@pytest.fixture(scope="module")
def competing() -> xr.DataTree:
    """Free intensities by period, death competes."""
    return fitted("independent", deaths=True)


@pytest.fixture(scope="module")
def weibull() -> xr.DataTree:
    """A smooth course, one for all studies."""
    return fitted("weibull", random_effects="none")


def course(relapse: list[float], death: float, cells: int = 1, to: float = 24.0) -> Course:
    """One draw, with monthly intensities of equally long periods, each divided into cells."""
    edges = np.linspace(0.0, to, len(relapse) * cells + 1)
    width = np.diff(edges)
    intensity = np.repeat(relapse, cells)[None] * width
    shift = {TYPICAL: np.zeros(1), NEW_STUDY: np.array([0.7])}
    return Course(edges, intensity, np.full_like(intensity, death) * width, shift, 1)


@pytest.mark.parametrize("cells", [1, 7])
@pytest.mark.parametrize(
    ("rate", "death"), [(0.05, 0.0), (0.05, 0.02), (0.0, 0.02), (1e-12, 0.0), (3.0, 0.1)]
)
def test_a_constant_intensity_has_closed_forms(rate: float, death: float, cells: int) -> None:
    one, both = course([rate], death, cells), rate + death
    assert one.free(TYPICAL)[0, -1] == pytest.approx(math.exp(-24.0 * both), rel=ROUNDING)
    mean = 24.0 if both < 1e-9 else -math.expm1(-24.0 * both) / both
    assert one.months_free(TYPICAL, 24.0)[0] == pytest.approx(mean, rel=1e-9)
    relapsed, died = (values[0, -1] for values in one.left(TYPICAL))
    gone = -math.expm1(-24.0 * both)
    assert relapsed == pytest.approx(rate / both * gone, rel=1e-9)
    assert died == pytest.approx(death / both * gone, rel=1e-9)


def test_a_new_study_multiplies_relapse_and_not_death() -> None:
    one = course([0.02, 0.05], 0.01)
    expected = math.exp(-12.0 * (0.07 * math.exp(0.7)) - 24.0 * 0.01)
    assert one.free(NEW_STUDY)[0, -1] == pytest.approx(expected, rel=ROUNDING)


def test_everybody_is_somewhere(competing: xr.DataTree) -> None:
    one, _ = course_of(competing, provenance(competing), [3.0, 6.0, 12.0, 30.0])
    for estimand in one.shift:
        relapsed, died = one.left(estimand)
        assert np.max(np.abs(one.free(estimand) + relapsed + died - 1.0)) < ROUNDING


def test_time_free_of_relapse_is_the_area_under_the_curve(competing: xr.DataTree) -> None:
    """By quadrature over the closed form of a draw, 24 months being beyond nothing and 36 beyond all."""
    origin = provenance(competing)
    one, _ = course_of(competing, origin, [24.0, 36.0])
    draws = competing["posterior"].dataset
    h, death = draws["h"].values[0, 7], float(np.exp(draws["h_death"].values[0, 7]))
    cuts = [0.0, *origin.options["periods"]]
    cuts[-1] = math.inf

    def free(t: float) -> float:
        spent = np.clip(t - np.array(cuts[:-1]), 0.0, np.diff(cuts))
        return math.exp(-float(np.exp(h) @ spent) - death * t)

    for to in (24.0, 36.0):
        area = quad(free, 0.0, to, points=[6.0, 12.0, 24.0], epsabs=1e-12)[0]
        assert one.months_free(TYPICAL, to)[7] == pytest.approx(area, rel=1e-10)


def test_cells_of_a_smooth_course_are_small_enough(weibull: xr.DataTree) -> None:
    one, _ = course_of(weibull, provenance(weibull), [24.0])
    draws = weibull["posterior"].dataset
    for i in (0, 99, 300):
        rate, shape = (float(draws[name].values[0, i]) for name in ("log_rate", "shape"))

        def free(t: float, rate: float = rate, shape: float = shape) -> float:
            return math.exp(-math.exp(rate) * 12.0 * (t / 12.0) ** shape)

        assert one.months_free(TYPICAL, 24.0)[i] == pytest.approx(quad(free, 0.0, 24.0)[0], rel=1e-5)


@pytest.mark.parametrize("shape", [0.3, 0.6, 2.0])
def test_a_repeat_starts_a_weibull_course_without_a_limit(weibull: xr.DataTree, shape: float) -> None:
    """Intensity added up over (6, 12] with half of the clock set back, by quadrature in log time."""
    fit = weibull.copy(deep=True)
    draws = fit["posterior"].dataset
    fit["posterior"] = draws.assign(
        log_rate=0.0 * draws["log_rate"] - 3.0, shape=0.0 * draws["shape"] + shape
    )
    one, again = course_of(fit, provenance(fit), [12.0], repeats=[6.0])
    two = repeated(one, 6.0, again[6.0], np.full(len(one.relapse), 0.5))

    def mixed(log_since: float) -> float:
        since = math.exp(log_since)
        rate = [math.exp(-3.0) * shape * (t / 12.0) ** (shape - 1.0) for t in (6.0 + since, since)]
        return math.sqrt(rate[0] * rate[1]) * since

    expected = quad(mixed, -60.0, math.log(6.0), epsabs=1e-12)[0]
    start = int(one.position([6.0])[0])
    assert two.relapse[0, start:].sum() == pytest.approx(expected, rel=3e-4)


# the decision


def decided(relapse: list[float], f: float, month: float = 6.0, to: float = 12.0) -> tuple[float, float]:
    """Months free of relapse with one and with two, in a course of two periods to month 12."""
    one = course(relapse, 0.01, cells=12, to=12.0)
    width = np.diff(one.edges)
    since = one.edges[:-1] - month
    again = (
        np.where(since >= -ROUNDING, np.where(since < 6.0 - ROUNDING, relapse[0], relapse[1]), 0.0) * width
    )
    two = repeated(one, month, again[None], np.array([f]))
    return float(one.months_free(TYPICAL, to)[0]), float(two.months_free(TYPICAL, to)[0])


def test_by_hand() -> None:
    """Intensity 0.02 to month 6 and 0.08 after; half restored at month 6: 0.04 = sqrt(0.02 x 0.08) after."""
    once, twice = decided([0.02, 0.08], 0.5)

    def mean(after: float) -> float:
        first, second = 0.03, after + 0.01
        return -math.expm1(-6 * first) / first + math.exp(-6 * first) * -math.expm1(-6 * second) / second

    assert once == pytest.approx(mean(0.08), rel=ROUNDING)
    assert twice == pytest.approx(mean(0.04), rel=ROUNDING)


@pytest.mark.parametrize("f", [0.0, 0.3, 1.0])
def test_a_constant_intensity_gains_nothing(f: float) -> None:
    once, twice = decided([0.05, 0.05], f)
    assert twice == pytest.approx(once, rel=ROUNDING)


def test_no_restoration_gains_nothing(competing: xr.DataTree, weibull: xr.DataTree) -> None:
    for fit in (competing, weibull):
        table = bm.retreatment(fit, restoration=0.0)
        assert (table["gain"] == 0.0).all()
        assert (table["p_gain"] == 0.0).all()


def test_a_rising_intensity_gains_and_a_falling_one_loses() -> None:
    once, twice = decided([0.02, 0.08], 1.0)
    assert twice > once
    once, twice = decided([0.08, 0.02], 1.0)
    assert twice < once


def test_the_table_of_the_decision(competing: xr.DataTree) -> None:
    table = bm.retreatment(competing, month=[3, 6], to=[12, 24], gain=[0.5, 2.0])
    assert table.index.names == ["estimand", "restoration", "month", "to"]
    assert len(table) == 2 * 3 * 2 * 2
    assert table.attrs["restoration"] == {
        "sceptical": "Beta(1, 4)",
        "neutral": "Beta(1, 1)",
        "trialists": "Beta(4, 1)",
    }
    assert np.allclose(table["repeated"] - table["once"], table["gain"])
    assert (table["P(gain > 0.5)"] >= table["P(gain > 2)"]).all()
    best = table.attrs["best"]
    for key, row in best.iterrows():
        own = table["gain"].loc[(key[0], key[1], slice(None), key[2])]
        assert row["gain"] == pytest.approx(max(0.0, own.max()))
        assert row["evpi"] >= 0.0
    assert any("say nothing about it" in note for note in table.attrs["notes"])
    pd.testing.assert_frame_equal(
        table, bm.retreatment(competing, month=[3, 6], to=[12, 24], gain=[0.5, 2.0])
    )


def test_a_horizon_before_the_repetition_has_no_row(competing: xr.DataTree) -> None:
    table = bm.retreatment(competing, month=[6, 15], to=[12, 24], restoration="neutral")
    assert (typical := table.loc["typical study"]).index.tolist() == [
        ("neutral", 6.0, 12.0),
        ("neutral", 6.0, 24.0),
        ("neutral", 15.0, 24.0),
    ], typical
    assert any("changes nothing: 15 (to 12)" in note for note in table.attrs["notes"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"restoration": 1.5}, "restoration is 1.5; a share is a number between 0 and 1"),
        ({"restoration": True}, "restoration is True; a share is a number between 0 and 1"),
        ({"restoration": []}, "restoration is empty; give a belief"),
        ({"month": None}, "month holds None; give months"),
        ({"restoration": "Normal(0.5, 0.1)"}, "which reaches from -inf to inf; a share lies between 0 and 1"),
        ({"month": 24}, "a second transplantation at month 24 cannot change the time to month 24"),
        ({"month": 0}, "month holds 0; give months after the transplantation, above 0"),
        ({"to": []}, "to is empty; give at least one month"),
        ({"at": {"dose": 2}}, "at names 'dose', which is no moderator of this model; it has none"),
    ],
)
def test_decisions_that_are_refused(competing: xr.DataTree, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        bm.retreatment(competing, **wrong)


# the change of the intensity


def test_the_change_of_the_intensity(competing: xr.DataTree) -> None:
    table = bm.hazard(competing)
    h = competing["posterior"].dataset["h"].values.reshape(-1, 3)
    assert table.index.tolist() == ["(0, 6]", "(6, 12]", "(12, 24]", "ratio", "difference"]
    assert table.loc["(6, 12]", "mean"] == pytest.approx(np.exp(h[:, 1]).mean(), rel=1e-9)
    assert table.loc["ratio", "median"] == pytest.approx(np.median(np.exp(h[:, 1] - h[:, 0])), rel=1e-9)
    assert math.isnan(table.loc["ratio", "mean"])
    assert table.attrs["p_rises"] == pytest.approx(float((h[:, 1] > h[:, 0]).mean()), abs=ROUNDING)
    wide = bm.hazard(competing, early=(0, 9), late=(9, 24))
    expected = (6 * np.exp(h[:, 0]) + 3 * np.exp(h[:, 1])) / 9
    assert wide.loc["(0, 9]", "mean"] == pytest.approx(expected.mean(), rel=1e-9)


def test_a_weibull_rises_where_its_shape_says_so(weibull: xr.DataTree) -> None:
    shape = weibull["posterior"].dataset["shape"].values
    assert bm.hazard(weibull).attrs["p_rises"] == pytest.approx(float((shape > 1.0).mean()), abs=ROUNDING)


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ({"early": (0, 6), "late": (3, 12)}, r"early \(0, 6\] and late \(3, 12\] overlap or are reversed"),
        ({"early": (6, 12), "late": (0, 6)}, "overlap or are reversed"),
        ({"early": (6, 0)}, r"early is \(6, 0\); it must start at 0 or later and end after it starts"),
        ({"early": (6.5, 8), "late": (8, 11)}, r"lie in one period.* for example periods=\[8, 24\]"),
    ],
)
def test_windows_that_are_refused(competing: xr.DataTree, windows: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        bm.hazard(competing, **windows)


def test_a_constant_intensity_is_not_asked_whether_it_changes() -> None:
    with pytest.raises(OptionError, match="assumes that the intensity of relapse never changes"):
        bm.hazard(fitted("constant", random_effects="none"))


# the course


def test_the_course(competing: xr.DataTree) -> None:
    table = bm.predict(competing, months=[6, 30], to=12, above=0.5)
    assert table.loc["typical study"].index.tolist() == [
        "relapse-free at month 6",
        "relapse-free at month 30",
        "relapsed by month 6",
        "relapsed by month 30",
        "died free of relapse by month 6",
        "died free of relapse by month 30",
        "relapse-free months to 12",
    ]
    assert list(table.loc["new study"].index) == list(table.loc["typical study"].index)
    draws = competing["posterior"].dataset
    free = np.exp(-6.0 * (np.exp(draws["h"].values[..., 0]) + np.exp(draws["h_death"].values)))
    row = table.loc[("typical study", "relapse-free at month 6")]
    assert row["mean"] == pytest.approx(float(free.mean()), rel=1e-9)
    assert row["P(> 0.5)"] == pytest.approx(float((free > 0.5).mean()))
    assert any(
        "beyond it (30) the intensity of the last period is held constant" in n for n in table.attrs["notes"]
    )
    assert "died free of relapse by month 6" not in bm.predict(fitted("independent")).loc["new study"].index


def test_moderators_move_the_course() -> None:
    fit = fitted("independent", moderators=["dose"], deaths=False)
    data, draws = fit["constant_data"].dataset, fit["posterior"].dataset
    place = (4.0 - data["moderator_centre"].item()) / data["moderator_scale"].item()
    moved = np.exp(draws["h"].values[..., 0] + place * draws["beta"].values[..., 0])
    table = bm.predict(fit, months=[6], at={"dose": 4.0})
    expected = float(np.exp(-6.0 * moved).mean())
    assert table.loc[("typical study", "relapse-free at month 6"), "mean"] == pytest.approx(
        expected, rel=1e-9
    )
    with pytest.raises(OptionError, match="its moderators are: dose"):
        bm.hazard(fit, at={"cells": "UC"})


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"favours": "lower"}, "of relapses none is a benefit"),
        ({"baseline": 0.1}, "takes no baseline"),
        ({"months": ["six"]}, "months holds 'six'"),
    ],
)
def test_courses_that_are_refused(competing: xr.DataTree, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        bm.predict(competing, **wrong)


def test_other_fits_are_refused() -> None:
    fit = bm.fit(bm.ArmCounts.from_counts([3], [9], ["Ash"]), engine="exact", random_seed=1, draws=100)
    for question in (bm.hazard, bm.retreatment):
        with pytest.raises(OptionError, match="takes one of family 'relapse'"):
            question(fit)
    with pytest.raises(OptionError, match="to is for follow-up after a response"):
        bm.predict(fit, to=12)


# the cohort


@pytest.fixture(scope="module")
def responses() -> list[xr.DataTree]:
    """Any response, major response, survival."""
    counts = ([24, 9], [40, 12]), ([13, 5], [24, 9]), ([37, 12], [40, 12])
    arms = [bm.ArmCounts.from_counts(*one, ["Ash", "Birch"]) for one in counts]
    return [bm.fit(one, engine="exact", random_seed=1, draws=500) for one in arms]


@pytest.mark.parametrize("setting", ["typical study", "new study"])
def test_the_states_of_a_cohort(competing: xr.DataTree, responses: list[xr.DataTree], setting: str) -> None:
    table = bm.occupancy(*responses[:2], competing, survival=responses[2], months=[6, 12], setting=setting)
    states = table["mean"].unstack()
    assert np.allclose(states.sum(axis=1), 1.0, atol=ROUNDING)
    assert states.loc[0.0, ["relapsed", "dead"]].tolist() == [0.0, 0.0]
    assert (states["relapsed"].diff().dropna() > 0).all()
    who = {"typical study": "median setting", "new study": "new setting"}[setting]
    asked = bm.response(*responses[:2])["mean"][who]
    assert states.loc[0.0, "active"] == pytest.approx(asked["no response"], rel=1e-9)
    assert states.loc[0.0, "major"] == pytest.approx(asked["major response"], abs=0.02)  # other pairs
    logit = responses[2]["posterior"].dataset["mu" if setting == "typical study" else "theta_new"].values
    assert states.loc[12.0, "dead"] == pytest.approx(float(expit(-logit).mean()), rel=1e-9)


def test_where_death_comes_from(competing: xr.DataTree, responses: list[xr.DataTree]) -> None:
    own = bm.occupancy(*responses[:2], competing, months=[12])
    assert any("intensity of responders free of relapse" in note for note in own.attrs["notes"])
    without = bm.occupancy(*responses[:2], fitted("independent"), months=[12])
    assert without.index.unique("state").tolist() == ["active", "partial", "major", "relapsed"]
    assert np.allclose(without["mean"].groupby(level="month").sum(), 1.0, atol=ROUNDING)
    assert any("deaths are left out" in note for note in without.attrs["notes"])


def test_a_new_study_where_all_are_alike(weibull: xr.DataTree, responses: list[xr.DataTree]) -> None:
    table = bm.occupancy(*responses[:2], weibull, months=[12], setting="new study")
    assert any("one intensity in all studies" in note for note in table.attrs["notes"])


def test_a_new_centre_is_told_beside_a_new_study(competing: xr.DataTree) -> None:
    """The centre's own shift is added to its study's: set by hand, as exact fits have no centres."""
    fit = competing.copy(deep=True)
    draws = fit["posterior"].dataset
    fit["posterior"] = draws.assign(u_centre_new=draws["u_new"] + 1.0)
    table = bm.predict(fit, months=[6])
    assert table.index.unique("estimand").tolist() == ["typical study", "new study", "new centre"]
    expected = np.exp(
        -6.0
        * (np.exp(draws["h"].values[..., 0] + draws["u_new"].values + 1.0) + np.exp(draws["h_death"].values))
    )
    found = table.loc[("new centre", "relapse-free at month 6"), "mean"]
    assert found == pytest.approx(float(expected.mean()), rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"setting": "new"}, "setting is 'new'"), ({"survival_month": 0}, "survival_month is 0")],
)
def test_cohorts_that_are_refused(
    competing: xr.DataTree, responses: list[xr.DataTree], wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        bm.occupancy(*responses[:2], competing, **wrong)
    with pytest.raises(OptionError, match="occupancy: relapse is a fit of family 'proportion'"):
        bm.occupancy(*responses[:2], responses[0])
