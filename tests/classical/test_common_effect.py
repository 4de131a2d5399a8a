"""Mantel-Haenszel and Peto: metafor's numbers, what must not change them, and what cannot be computed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.classical.mantel_haenszel import WEIGHTINGS, mantel_haenszel
from bayesma.classical.peto import peto
from bayesma.classical.result import FrequentistFit
from bayesma.errors import OptionError
from bayesma.evidence.counts import TwoArmCounts

REFERENCE = Path(__file__).parents[2] / "data" / "reference" / "metafor.json"
SETS = ("bcg", "hine1989", "nielweise2007", "collins1985b")
# Closed formulas on both sides; 13 digits are pinned.
SAME = 1e-11
# Sums over studies in another order, or with the roles of cells exchanged.
ROUNDING = 1e-8
NAMES = {
    "estimate": "estimate",
    "se": "se",
    "ci_lb": "ci_low",
    "ci_ub": "ci_high",
    "pval": "p_value",
    "Q": "q",
    "I2": "i2",
}

Method = Callable[[TwoArmCounts], FrequentistFit]
METHODS: dict[str, Method] = {m: partial(mantel_haenszel, measure=m) for m in WEIGHTINGS} | {"Peto": peto}
RATIOS = ["OR", "RR", "Peto"]


@cache
def _reference() -> dict[str, Any]:
    reference: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return reference


def _counts(name: str) -> TwoArmCounts:
    a, b, c, d = (
        np.array([row[cell] for row in _reference()[name]["data"]]) for cell in "ai bi ci di".split()
    )
    return TwoArmCounts.from_counts(a, a + b, c, c + d)


def _pinned(name: str, method: str) -> dict[str, float]:
    block = _reference()[name]
    pinned: dict[str, float] = block["peto"] if method == "Peto" else block["mantel_haenszel"][method]
    return pinned


def _table(events_treat: list[int], events_ctrl: list[int], n: int = 10) -> TwoArmCounts:
    size = [n + i for i in range(len(events_treat))]
    return TwoArmCounts.from_counts(events_treat, size, events_ctrl, size)


@st.composite
def _any_counts(draw: st.DrawFn) -> TwoArmCounts:
    arm = st.integers(2, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
    treat = draw(st.lists(arm, min_size=1, max_size=6))
    ctrl = draw(st.lists(arm, min_size=len(treat), max_size=len(treat)))
    arrays = [np.array(values) for arms in (treat, ctrl) for values in zip(*arms, strict=True)]
    study = np.array([f"study {i}" for i in range(len(treat))])
    return TwoArmCounts(*arrays, study)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SETS)
def test_metafor(name: str, method: str) -> None:
    fit = METHODS[method](_counts(name))
    for key, value in _pinned(name, method).items():
        assert getattr(fit, NAMES[key]) == pytest.approx(value, rel=SAME), key
    assert (fit.tau2, fit.tau) == (0.0, 0.0)
    assert math.isnan(fit.pi_low)


def test_every_pinned_number_is_compared() -> None:
    for name in SETS:
        for method in METHODS:
            assert set(_pinned(name, method)) <= set(NAMES)


@given(_any_counts())
@pytest.mark.parametrize("method", METHODS)
def test_arm_swap_flips_the_sign(method: str, counts: TwoArmCounts) -> None:
    fit, swapped = METHODS[method](counts), METHODS[method](counts.swapped())
    assert swapped.estimate == pytest.approx(-fit.estimate, abs=ROUNDING, nan_ok=True)
    assert swapped.se == pytest.approx(fit.se, rel=ROUNDING, nan_ok=True)


@given(_any_counts())
@pytest.mark.parametrize("method", ["OR", "RD", "Peto"])
def test_events_against_nonevents_flips_the_sign(method: str, counts: TwoArmCounts) -> None:
    nonevents = replace(
        counts,
        events_treat=counts.n_treat - counts.events_treat,
        events_ctrl=counts.n_ctrl - counts.events_ctrl,
    )
    fit, other = METHODS[method](counts), METHODS[method](nonevents)
    assert other.estimate == pytest.approx(-fit.estimate, abs=ROUNDING, nan_ok=True)
    assert other.se == pytest.approx(fit.se, rel=ROUNDING, nan_ok=True)


@given(_any_counts(), st.randoms(use_true_random=False))
@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_studies_does_not_matter(method: str, counts: TwoArmCounts, random: Any) -> None:
    order = list(range(counts.k))
    random.shuffle(order)
    names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl", "study")
    permuted = replace(counts, **{name: getattr(counts, name)[order] for name in names})
    expected = METHODS[method](counts).to_series()
    assert METHODS[method](permuted).to_series().to_numpy() == pytest.approx(
        expected.to_numpy(), rel=ROUNDING, abs=ROUNDING, nan_ok=True
    )


@given(_any_counts(), st.integers(1, 500))
@pytest.mark.parametrize("method", RATIOS)
def test_a_double_zero_study_changes_nothing(method: str, counts: TwoArmCounts, n: int) -> None:
    def with_one_more(values: Any, more: Any) -> Any:
        return np.append(values, more)

    more = replace(
        counts,
        events_treat=with_one_more(counts.events_treat, 0),
        events_ctrl=with_one_more(counts.events_ctrl, 0),
        n_treat=with_one_more(counts.n_treat, n),
        n_ctrl=with_one_more(counts.n_ctrl, 2 * n),
        study=with_one_more(counts.study, "Empty 2001"),
    )
    fit, other = METHODS[method](counts), METHODS[method](more)
    assert other.to_series().to_numpy() == pytest.approx(fit.to_series().to_numpy(), nan_ok=True)
    assert "Empty 2001" in " ".join(other.notes)


@pytest.mark.parametrize("method", ["OR", "Peto"])
def test_one_study(method: str) -> None:
    fit = METHODS[method](_table([2], [5]))
    assert (fit.k, fit.q, fit.q_df) == (1, 0.0, 0)
    assert math.isnan(fit.q_p)
    assert math.isnan(fit.i2)
    if method == "OR":
        assert fit.estimate == pytest.approx(math.log(2 * 5 / (8 * 5)))


@pytest.mark.parametrize("method", RATIOS)
def test_no_events_at_all(method: str) -> None:
    fit = METHODS[method](_table([0, 0], [0, 0]))
    assert fit.k == 0
    assert math.isnan(fit.estimate)
    assert math.isnan(fit.se)
    assert "2 of 2 studies contribute nothing" in fit.notes[0]
    assert "does not exist" in fit.notes[1]


def test_a_risk_difference_without_any_event_is_0_without_se() -> None:
    fit = mantel_haenszel(_table([0, 0], [0, 0]), "RD")
    assert fit.estimate == 0.0
    assert math.isnan(fit.se)
    note = "All patients of an arm had the same outcome: the RD has no standard error, no interval."
    assert fit.notes == (note,)


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_one_arm_without_events(measure: str) -> None:
    none_treated, none_control = _table([0, 0], [1, 2]), _table([1, 2], [0, 0])
    low, high = mantel_haenszel(none_treated, measure), mantel_haenszel(none_control, measure)
    assert (low.estimate, high.estimate) == (-math.inf, math.inf)
    for fit in (low, high):
        assert all(math.isnan(value) for value in (fit.se, fit.ci_low, fit.ci_high, fit.p_value, fit.q))
    assert "treated arm has no events" in low.notes[-1]
    assert "is 0 (its log minus infinity)" in low.notes[-1]
    assert "control arm has no events" in high.notes[-1]
    assert "is infinite" in high.notes[-1]


def test_notes_name_the_studies_corrected_for_q_and_those_left_out() -> None:
    fit = mantel_haenszel(_table([0, 3, 0], [2, 4, 0]), "RD")
    assert fit.k == 3
    assert fit.notes == (
        "For Q, I2 and H2, not for the estimate, 1/2 was added to the cells of: study 1.",
        "Q, I2 and H2 leave out the studies in which all had the same outcome: study 3.",
    )
    assert mantel_haenszel(_table([1, 3], [2, 4])).notes == ()


@pytest.mark.parametrize("method", METHODS)
def test_notes_of_the_counts_are_carried(method: str) -> None:
    counts = replace(_table([1, 3], [2, 4]), notes=("read from a figure.",))
    assert METHODS[method](counts).notes[0] == "read from a figure."


@pytest.mark.parametrize("method", METHODS)
def test_huge_counts_agree_with_the_same_study_in_pieces(method: str) -> None:
    """One study of 88,000 patients an arm, against ten equal tenths of it."""
    whole = TwoArmCounts.from_counts([5050], [88000], [4990], [88000])
    study = np.array([f"part {i}" for i in range(10)])
    parts = TwoArmCounts(*(np.full(10, n) for n in (505, 8800, 499, 8800)), study)
    fit, other = METHODS[method](whole), METHODS[method](parts)
    # Peto's variance has N - 1 in it, and a tenth of N is smaller.
    same = 1e-4 if method == "Peto" else 1e-10
    assert fit.estimate == pytest.approx(other.estimate, rel=same)
    assert fit.se == pytest.approx(other.se, rel=same)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0.0, 1.0, 95, "0.95", None])
def test_a_level_that_is_none(method: str, level: Any) -> None:
    with pytest.raises(OptionError, match="level is"):
        partial(METHODS[method], level=level)(_table([1], [2]))


def test_an_unknown_measure() -> None:
    with pytest.raises(OptionError, match="unknown Mantel-Haenszel measure 'SMD'; known are: OR, RR, RD"):
        mantel_haenszel(_table([1], [2]), "SMD")
