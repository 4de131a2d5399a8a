"""Typing mistakes that were accepted in silence: each door says so, and says little else."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import t as student

import bayesma as bm
from bayesma.errors import DataError, DataWarning
from bayesma.evidence.suspicions import (
    TYPED,
    first_part,
    near_visits,
    of_labels,
    person_time,
    repeated_counts,
)
from bayesma.measures.base import MEASURES

FALSE_ALARMS = 0.01  # of simulated reviews with honest numbers: a warning that comes more often is not read


def said(door: Callable[..., Any], *args: Any, **keywords: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        door(*args, **keywords)
    assert all(w.category is DataWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


def only(found: list[str], *parts: str) -> None:
    assert len(found) == 1, found
    for part in parts:
        assert part in found[0]


# scales


def test_proportions_typed_for_logits() -> None:
    typed = [0.72, 0.65, 0.8], [0.05, 0.06, 0.07]
    only(said(bm.Effects.from_estimates, *typed, measure="PLO"), "row 1 (study 1)", "0.72", "logits")
    frame = pd.DataFrame({"p": typed[0], "se": typed[1]})
    only(said(bm.effect_sizes, frame, "PLO", estimate="p", se="se"), "all lie between 0 and 1")
    per_cent = 100 * np.array(typed)
    only(said(bm.Effects.from_estimates, *per_cent, measure="PLO"), "72", "per cent")
    months = frame.assign(study="Ash", month=[1, 3, 6])
    by_month = {"study": "study", "month": "month", "estimate": "p", "se": "se", "within_correlation": 0.0}
    only(said(bm.Trajectories.from_estimates, months, measure="PLO", **by_month), "row 1 (Ash)", "logits")


def test_logits_of_such_proportions_are_no_suspicion() -> None:
    p, n = np.array([0.6, 0.65, 0.7]), np.array([40, 60, 80])
    logits, se = np.log(p / (1 - p)), 1 / np.sqrt(n * p * (1 - p))
    assert said(bm.Effects.from_estimates, logits, se, measure="PLO") == []
    assert said(bm.Effects.from_estimates, [*logits, -0.3], [*se, 0.05], measure="PLO") == []


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_ratios_typed_for_logs(measure: str) -> None:
    typed = {"y": [0.72, 0.85, 1.1], "se": [0.1, 0.2, 0.15]}
    only(said(bm.Effects.from_estimates, typed["y"], typed["se"], measure=measure), "0.72", "logs")
    frame = pd.DataFrame(typed)
    only(said(bm.effect_sizes, frame, measure, estimate="y", se="se"), "near 1")
    logs = np.log(typed["y"])
    assert said(bm.Effects.from_estimates, logs, typed["se"], measure=measure) == []
    assert said(bm.Effects.from_estimates, typed["y"], typed["se"], measure="MD") == []


def test_ratios_with_their_intervals_and_computed_ones_are_no_suspicion() -> None:
    frame = pd.DataFrame({"y": [2.0, 2.2], "low": [1.5, 1.6], "high": [2.667, 3.025]})
    roles = {"estimate": "y", "ci_low": "low", "ci_high": "high"}
    assert said(bm.effect_sizes, frame, "OR", ratio=True, **roles) == []
    counts = pd.DataFrame({"a": [40, 50], "b": [100, 120], "c": [20, 26], "d": [101, 121]})
    arms = {"events_treat": "a", "n_treat": "b", "events_ctrl": "c", "n_ctrl": "d"}
    assert said(bm.effect_sizes, counts, "OR", **arms) == []


def test_every_measure_on_a_scale_of_its_own_has_its_check() -> None:
    assert set(TYPED) == {code for code, measure in MEASURES.items() if measure.scale != "identity"}


# sizes and the t-test


@pytest.mark.parametrize("n", [1.204, 0.0, 0.5, -3.0, np.inf])
def test_n_is_a_whole_number(n: float) -> None:
    message = "it must be a whole number of at least 1; write 1204 and not 1.204"
    with pytest.raises(DataError, match=message):
        bm.Effects.from_estimates([0.1, 0.2], [0.1, 0.2], n=[40, n])
    frame = pd.DataFrame({"y": [0.1, 0.2], "se": [0.1, 0.2], "n": [40, n], "study": "Ash", "month": [1, 2]})
    shared = {"estimate": "y", "se": "se", "n": "n"}
    for door in (
        lambda: bm.effect_sizes(frame, "MD", **shared),
        lambda: bm.Trajectories.from_estimates(
            frame, study="study", month="month", within_correlation=0.5, **shared
        ),
    ):
        with pytest.raises(DataError, match=r"row 2 .*(whole|finite) number"):
            door()


def test_a_p_value_with_n_is_that_of_a_t_test() -> None:
    frame = pd.DataFrame({"y": [-4.0], "p": [0.04], "a": [4], "b": [4], "n": [8], "none": [np.nan]})
    roles = {"estimate": "y", "p_value": "p"}
    for size in ({"n_treat": "a", "n_ctrl": "b"}, {"n": "n"}):
        effects = bm.effect_sizes(frame, "MD", **roles, **size)
        assert effects.se[0] == pytest.approx(4 / student(6).isf(0.02), rel=1e-12)
        assert f"{effects.se[0]:.2f}" == "1.53"
        assert effects.notes == ("Standard errors were derived from two-sided p-values of t-tests.",)
    one_group = bm.effect_sizes(frame, "MC", **roles, n="n")
    assert one_group.se[0] == pytest.approx(4 / student(7).isf(0.02), rel=1e-12)
    z = 4 / 2.0537489106318225  # normal quantile of 0.98
    assert bm.effect_sizes(frame, "MD", **roles).se[0] == pytest.approx(z, rel=1e-12)
    assert bm.effect_sizes(frame, "MD", **roles, n="none").se[0] == pytest.approx(z, rel=1e-12)
    assert bm.effect_sizes(frame, "OR", **roles, n="n").se[0] == pytest.approx(z, rel=1e-12)
    with pytest.raises(DataError, match="a t-test of 2 means needs more patients"):
        bm.effect_sizes(frame.assign(n=2), "MD", **roles, n="n")


# labels


@pytest.mark.parametrize(
    "label",
    [
        "Total",
        "TOTAL (95% CI)",
        "Subtotal",
        "sub-total",
        "Overall",
        "Pooled estimate",
        "Sum",
        "Summary",
        "Random effects model",
        "All studies",
        "Asia, subtotal",
        "total:",
    ],
)
def test_a_total_is_no_study(label: str) -> None:
    only(said(bm.Effects.from_estimates, [0.1, 0.2], [0.1, 0.2], ["Ash", label]), "row 2", "a total")


@pytest.mark.parametrize("label", ["Sumner", "Total 2004", "Lee-Sum 1999", "Poole", "Allen", "Totaro et al."])
def test_names_like_totals_are_studies(label: str) -> None:
    assert said(bm.Effects.from_estimates, [0.1, 0.2], [0.1, 0.2], ["Ash", label]) == []


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (["Smith 2010 3 months", "Smith 2010 6 months"], ["Smith 2010", "Smith 2010"]),
        (["Smith (2010), pain", "smith (2010) function"], ["Smith (2010", "smith (2010"]),
        (["Smith: low dose", "Smith: high dose"], ["Smith", "Smith"]),
        (["Smith (A)", "Smith (B)"], ["Smith", "Smith"]),
        (["Smith 10 mg", "Smith 20 mg"], ["Smith", "Smith"]),
        (["Smith, low", "Smith, high"], ["Smith", "Smith"]),
    ],
)
def test_labels_that_begin_alike(labels: list[str], parts: list[str]) -> None:
    assert [first_part(label) for label in labels] == parts
    only(said(bm.Effects.from_estimates, [0.1, 0.2], [0.1, 0.2], labels), "row 2", labels[0], "begin alike")


@pytest.mark.parametrize(
    "labels",
    [
        ["Comstock 1974", "Comstock 1976"],
        ["Smith 2010a", "Smith 2010b"],
        ["Ahn, Kim", "Ahn, Lee"],
        ["study 1", "study 2"],
        ["Orpington-Mild", "Orpington-Severe"],
        ["(1)", "(2)"],
    ],
)
def test_labels_of_different_studies(labels: list[str]) -> None:
    assert said(bm.Effects.from_estimates, [0.1, 0.2], [0.1, 0.2], labels) == []


@given(st.lists(st.text(min_size=1), max_size=6), st.randoms())
def test_labels_do_not_depend_on_their_order(labels: list[str], shuffle: Any) -> None:
    other = list(labels)
    shuffle.shuffle(other)
    assert len(of_labels(labels)) == len(of_labels(other))


COUNTS = {
    "study": ["Ash 2001", "ASH  2001", "Birch 2002", "Total"],
    "events": [5, 9, 4, 18],
    "n": [50, 61, 58, 169],
    "start": [0, 0, 0, 0],
    "stop": [6, 6, 6, 6],
}
DOORS: dict[str, Callable[[pd.DataFrame], object]] = {
    "Effects": lambda f: bm.Effects.from_estimates([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4], f["study"].tolist()),
    "PLO": lambda f: bm.effect_sizes(f, "PLO", study="study", events="events", n="n"),
    "MC": lambda f: bm.effect_sizes(f, "MC", study="study", estimate="events", se="n"),
    "ArmCounts": lambda f: bm.ArmCounts.from_frame(f, study="study", events="events", n="n"),
    "from_counts": lambda f: bm.ArmCounts.from_counts(f["events"], f["n"], f["study"].tolist()),
    "TwoArmCounts": lambda f: bm.TwoArmCounts.from_counts(
        f["events"], f["n"], f["events"] + 1, f["n"], f["study"].tolist()
    ),
    "FollowUp": lambda f: bm.FollowUp.from_frame(
        f, study="study", start="start", stop="stop", at_risk="n", relapses="events"
    ),
    "Trajectories": lambda f: bm.Trajectories.from_estimates(
        f, study="study", month="stop", estimate="events", se="n", within_correlation=0.5
    ),
    "arms": lambda f: bm.Trajectories.from_arms(
        pd.concat([f, f.assign(stop=0)]),
        study="study",
        month="stop",
        mean="events",
        sd="n",
        n="n",
        within_correlation=0.5,
    ),
}


@pytest.mark.parametrize("door", list(DOORS))
def test_every_door_looks_at_the_labels(door: str) -> None:
    found = said(DOORS[door], pd.DataFrame(COUNTS))
    assert any("row 2 (ASH  2001" in f and "but for capitals and blanks" in f for f in found), found
    assert any("row 4 (Total" in f and "a total" in f for f in found), found
    assert len(found) == 2


def test_a_visit_in_the_label_and_groups_of_patients() -> None:
    rows = {"y": [0.1, 0.2, 0.4], "se": [1.0, 2.0, 3.0], "month": [3, 6, 6]}
    roles = {"study": "s", "month": "month", "estimate": "y", "se": "se", "within_correlation": 0.5}
    cut = pd.DataFrame({"s": ["Ash 2001 3", "Ash 2001 6", "Birch"], **rows})
    only(said(bm.Trajectories.from_estimates, cut, **roles), "row 2", "begin alike")
    groups = pd.DataFrame({"s": ["Ash 2001: mild", "Ash 2001: mild", "Ash 2001: severe"], **rows})
    assert said(bm.Trajectories.from_estimates, groups, **roles) == []


# patients twice


def test_the_same_estimate_twice() -> None:
    twice = [0.123, 0.123, 0.3], [0.145, 0.145, 0.2], ["A", "B", "C"]
    only(said(bm.Effects.from_estimates, *twice), "row 2 (B)", "0.123", "0.145", "that of A")
    frame = pd.DataFrame({"y": twice[0], "se": twice[1], "s": twice[2], "month": [1, 1, 1]})
    only(said(bm.effect_sizes, frame, "MD", study="s", estimate="y", se="se"), "row 2 (B)")
    roles = {"study": "s", "month": "month", "estimate": "y", "se": "se", "within_correlation": 0.5}
    only(said(bm.Trajectories.from_estimates, frame, **roles), "row 2 (B)")
    coarse = [0.1, 0.1, 0.3], [0.2, 0.2, 0.2], ["A", "B", "C"]
    assert said(bm.Effects.from_estimates, *coarse) == []


SHARED = pd.DataFrame(
    {"s": ["A", "B", "C"], "et": [5, 9, 3], "nt": [50, 60, 55], "ec": [10, 10, 4], "nc": [52, 52, 40]}
)
ARMS = {"events_treat": "et", "n_treat": "nt", "events_ctrl": "ec", "n_ctrl": "nc", "study": "s"}


def test_one_control_group_in_two_rows() -> None:
    parts = ("row 2 (B)", "the counts of the control arm are those of A", "combine the arms")
    only(said(bm.TwoArmCounts.from_frame, SHARED, **ARMS), *parts)
    for measure in ("OR", "RR", "RD"):
        only(said(bm.effect_sizes, SHARED, measure, **ARMS), *parts)
    only(said(bm.TwoArmCounts.from_counts, *(SHARED[c] for c in ("et", "nt", "ec", "nc"))), parts[1][:38])
    thrice = SHARED.assign(ec=10, nc=52)
    assert len(said(bm.TwoArmCounts.from_frame, thrice, **ARMS)) == 2
    few = SHARED.assign(ec=[2, 2, 4])
    assert said(bm.TwoArmCounts.from_frame, few, **ARMS) == []
    apart = SHARED.iloc[[0, 2, 1]]
    assert said(bm.TwoArmCounts.from_frame, apart, **ARMS) == []
    only(said(bm.TwoArmCounts.from_frame, apart.assign(ec=[15, 4, 15]), **ARMS), "row 2 (B)", *parts[1:])


def test_both_arms_in_two_rows_are_said_once() -> None:
    frame = SHARED.assign(et=[5, 5, 3], nt=[50, 50, 55])
    only(said(bm.TwoArmCounts.from_frame, frame, **ARMS), "the four counts are those of A")
    only(said(bm.ArmCounts.from_frame, frame, events="ec", n="nc", study="s"), "the counts are those of A")


def test_visits_of_one_study_may_share_their_control_group(tmp_path: Any) -> None:
    SHARED.assign(s="A", month=[1, 3, 6]).to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "a.toml").write_text(
        'schema = 1\ntitle = "t"\ndata = "d.csv"\n[effects]\nmeasure = "OR"\nstudy = "s"\n'
        "within_correlation = 0.5\n[effects.columns]\nmonth = 'month'\n"
        "events_treat = 'et'\nn_treat = 'nt'\nevents_ctrl = 'ec'\nn_ctrl = 'nc'\n"
        '[model]\nfamily = "longitudinal"\n[fit]\nengine = "exact"\nrandom_seed = 1\n',
        encoding="utf-8",
    )
    from bayesma.spec.rows import evidence_of

    (job,) = bm.load_spec(tmp_path / "a.toml").jobs
    assert said(evidence_of, job) == []
    assert evidence_of(job).measure == "OR"


# person-time


def test_person_time_among_patients() -> None:
    frame = pd.DataFrame({"s": list("ABCD"), "e": [5, 9, 3, 7], "n": [50, 60, 55, 600]})
    door = {"study": "s", "events": "e"}
    only(said(bm.ArmCounts.from_frame, frame, n="n", **door), "row 4 (D)", "600", "person-time")
    only(said(bm.effect_sizes, frame, "PLO", n="n", **door), "row 4 (D)", "person-time")
    two = {"events_treat": "e", "n_treat": "n", "events_ctrl": "e2", "n_ctrl": "n2", "study": "s"}
    pairs = frame.assign(e2=frame["e"] + 1, n2=frame["n"] + 1)
    only(said(bm.TwoArmCounts.from_frame, pairs, **two), "row 4 (D)", "person-time")


@pytest.mark.parametrize(
    "name", ["person_years", "patient-months", "PY", "n_pyrs", "exposure", "Person time"]
)
def test_a_column_called_like_person_time(name: str) -> None:
    frame = pd.DataFrame({"s": list("AB"), "e": [5, 9], name: [50, 60]})
    door = {"study": "s", "events": "e", "n": name}
    only(said(bm.ArmCounts.from_frame, frame, **door), name, "person-time")
    only(said(bm.effect_sizes, frame, "PLO", **door), name)


@pytest.mark.parametrize("name", ["n", "n_patients", "patients", "n_12_months", "happy", "ni", "persons"])
def test_a_column_of_patients(name: str) -> None:
    frame = pd.DataFrame({"s": list("AB"), "e": [5, 9], name: [50, 60]})
    assert said(bm.ArmCounts.from_frame, frame, study="s", events="e", n=name) == []


def rate(check: Callable[[np.random.Generator], Sequence[object]], draws: int = 2000) -> float:
    rng = np.random.default_rng(20261201)
    return float(np.mean([bool(check(rng)) for _ in range(draws)]))


def honest(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    k = int(rng.integers(4, 31))
    n = np.maximum(5, np.round(np.exp(rng.normal(4.2, 1.0, k))))
    return rng.binomial(n.astype(int), expit(rng.normal(-1.5, 0.8, k))).astype(float), n


def test_honest_counts_raise_few_alarms() -> None:
    assert rate(lambda rng: person_time(*honest(rng))) < FALSE_ALARMS

    def repeated(rng: np.random.Generator) -> Sequence[object]:
        events, n = honest(rng)
        return repeated_counts([(events, n - events)], [str(i) for i in range(len(n))])

    assert rate(repeated) < FALSE_ALARMS  # up to 435 pairs of arms a review


# months


def test_visits_in_two_units() -> None:
    months = [12 / (30.4375 / 7), 90 / 30.4375, 3.0, 6.0]
    frame = pd.DataFrame({"s": ["A", "B", "C", "C"], "month": months, "y": [1, 2, 3, 4], "se": [1, 2, 3, 4]})
    roles = {"study": "s", "month": "month", "within_correlation": 0.5}
    found = said(bm.Trajectories.from_estimates, frame, estimate="y", se="se", **roles)
    assert len(found) == 2
    assert "row 2 (B): month 2.957 is a visit of its own beside month 2.76 of 'A'" in found[0]
    assert "row 3 (C): month 3 is a visit of its own beside month 2.957 of 'B'" in found[1]
    arms = pd.concat([frame, pd.DataFrame({"s": list("ABC"), "month": 0, "y": 5, "se": 1})]).assign(n=20)
    arms.index = range(len(arms))
    assert len(said(bm.Trajectories.from_arms, arms, mean="y", sd="se", n="n", **roles)) == 2


@pytest.mark.parametrize(
    ("months", "alarms"),
    [
        ([5.0, 5.51], 0),
        ([1.0, 1.2], 0),
        ([5.0, 5.45], 1),
        ([1.0, 1.09], 1),
        ([0.0, 0.01], 0),
        ([12, 12.6], 0),
    ],
)
def test_how_near_is_near(months: list[float], alarms: int) -> None:
    assert len(near_visits(["A", "B"], np.array(months))) == alarms
    assert near_visits(["A", "A"], np.array(months)) == []
