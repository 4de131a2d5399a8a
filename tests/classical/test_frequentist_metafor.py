"""Does `frequentist` give metafor's numbers, for every data set, measure, method and interval pinned?

metafor 3.8 stops ML and REML when a Fisher scoring step moves tau2 by less than 1e-5, and PM at the tolerance
of a root finder, so its tau2 is not exact. One thing is tested at a time: tau2 for itself, the rest at
metafor's tau2. `tests/validation/README.md` has the differences.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesma.classical.frequentist import at_tau2, frequentist
from bayesma.classical.search import Tau2
from bayesma.evidence.effects import Effects

REFERENCE = Path(__file__).parents[2] / "data" / "reference" / "metafor.json"
# The file carries 13 digits; what is left after the cancellation in an interval near 0 is far below this.
# Relative only: an absolute part would let any tiny p pass.
SAME = 1e-6
# metafor's stopping rule for ML and REML (default `threshold`): the absolute change of tau2 in one step.
FISHER_STOP = 1e-5
# The pinned values are those of half steps, shown below to 1e-10.
FISHER_STEP = 0.5
FISHER_REPLAY = 1e-10
# Such steps shrink by a constant factor; from a last one of 1e-5 the slowest case (collins1985b, RD) still
# has 7.5 times that to go.
FISHER_REST = 10 * FISHER_STOP
# R's root finder leaves an interval of .Machine$double.eps^0.25 = 1.2e-4 by default; PM is off by up to 3e-5.
ROOT_REST = 4e-5
# Our own root, as a share of the two parts whose balance defines it.
ROOT = 1e-10

ITERATED = ("ML", "REML", "PM")
NAMES = {
    "k": "k",
    "estimate": "estimate",
    "se": "se",
    "pval": "p_value",
    "ci_lb": "ci_low",
    "ci_ub": "ci_high",
    "tau2": "tau2",
    "I2": "i2",
    "H2": "h2",
    "Q": "q",
    "Qp": "q_p",
    "pi_lb": "pi_low",
    "pi_ub": "pi_high",
}
# zval is estimate / se; the others belong to functions that are not `frequentist`.
OTHER_QUESTIONS = {
    "zval",
    "hk",
    "tau2_qprofile_ci",
    "egger_mixed",
    "egger_lm",
}


@cache
def _reference() -> dict[str, Any]:
    reference: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return {name: block for name, block in reference.items() if name != "generator"}


SETS = [(name, measure) for name, block in _reference().items() for measure in block["measures"]]
METHODS = ("EE", "DL", *ITERATED)
CASES = [(*which, method) for which in SETS for method in METHODS]


def _block(name: str, measure: str) -> dict[str, Any]:
    block: dict[str, Any] = _reference()[name]["measures"][measure]
    return block


def _effects(name: str, measure: str) -> Effects:
    block = _block(name, measure)
    return Effects.from_estimates(block["yi"], np.sqrt(block["vi"]))


def _pinned(name: str, measure: str, method: str, ci: str) -> dict[str, Any]:
    fit: dict[str, Any] = _block(name, measure)["fits"][method]
    return fit["hk"] if ci == "hksj" else fit


def test_the_file_holds_what_these_tests_say_they_cover():
    assert len(_reference()) == 7
    assert len(SETS) == 30


@pytest.mark.parametrize("ci", ["wald", "hksj"])
@pytest.mark.parametrize(("name", "measure", "method"), CASES)
def test_every_number_at_metafors_tau2(name, measure, method, ci):
    tau2 = Tau2(_pinned(name, measure, method, "wald")["tau2"])
    fit = at_tau2(_effects(name, measure), tau2, method=method, ci=ci, level=0.95)
    pinned = _pinned(name, measure, method, ci)
    assert len(set(pinned) & set(NAMES)) >= (4 if ci == "hksj" else 11)
    for key, value in pinned.items():
        if key in OTHER_QUESTIONS or isinstance(value, list | dict):
            continue
        ours = getattr(fit, NAMES[key])
        if value is None:
            assert math.isnan(ours), key
        else:
            assert math.isclose(ours, value, rel_tol=SAME), (key, ours, value)
    if method == "EE":
        assert math.isnan(fit.pi_low) and math.isnan(fit.pi_high)


@pytest.mark.parametrize(("name", "measure", "method"), CASES)
def test_i2_from_q_and_tau_follow_from_pinned_numbers(name, measure, method):
    fit = frequentist(_effects(name, measure), method=method)
    pinned = _pinned(name, measure, "EE", "wald")
    assert fit.q_df == pinned["k"] - 1
    assert math.isclose(fit.i2_q, max(0.0, 100 * (pinned["Q"] - fit.q_df) / pinned["Q"]), rel_tol=SAME)
    assert math.isclose(fit.tau**2, fit.tau2)


@pytest.mark.parametrize(("name", "measure", "method"), [case for case in CASES if case[2] not in ITERATED])
def test_closed_tau2_is_metafors(name, measure, method):
    fit = frequentist(_effects(name, measure), method=method)
    assert math.isclose(fit.tau2, _pinned(name, measure, method, "wald")["tau2"], rel_tol=SAME)


@pytest.mark.parametrize(("name", "measure", "method"), [case for case in CASES if case[2] in ITERATED])
def test_iterated_tau2_is_metafors_within_its_stopping_rule(name, measure, method):
    ours = frequentist(_effects(name, measure), method=method).tau2
    theirs = _pinned(name, measure, method, "wald")["tau2"]
    assert (ours == 0) == (theirs == 0)
    assert abs(ours - theirs) < (ROOT_REST if method == "PM" else FISHER_REST)


@pytest.mark.parametrize(("name", "measure", "method"), [case for case in CASES if case[2] in ITERATED])
def test_ours_is_the_better_optimum(name, measure, method):
    block = _block(name, measure)
    y, v = np.array(block["yi"]), np.array(block["vi"])
    ours = frequentist(_effects(name, measure), method=method).tau2
    theirs = _pinned(name, measure, method, "wald")["tau2"]
    grid = np.r_[0.0, np.geomspace(1e-9, 10 * np.ptp(y) ** 2, 500)]
    if method != "PM":
        best = _log_likelihood(y, v, ours, method)
        rounding = 1e-12 * max(1.0, abs(best))
        assert best >= max(_log_likelihood(y, v, t, method) for t in (theirs, *grid)) - rounding
    left, right = _equation(y, v, ours, method)
    if ours == 0:
        assert left <= right
        return
    assert abs(left - right) < ROOT * right
    if not math.isclose(ours, theirs, rel_tol=SAME):
        their_left, their_right = _equation(y, v, theirs, method)
        assert abs(their_left - their_right) > 10 * abs(left - right)


@pytest.mark.parametrize(("name", "measure", "method"), [case for case in CASES if case[2] in ("ML", "REML")])
def test_metafors_tau2_is_fisher_scoring_stopped_early(name, measure, method):
    """The reason for the difference, shown: the same equation, from metafor's start to its stopping rule."""
    theirs = _pinned(name, measure, method, "wald")["tau2"]
    if theirs == 0:
        return  # the boundary is exact: test_iterated_tau2 requires 0 of ours as well
    block = _block(name, measure)
    y, v = np.array(block["yi"]), np.array(block["vi"])
    tau2, step = _pinned(name, measure, "HE", "wald")["tau2"], math.inf
    while abs(step) > FISHER_STOP:
        left, right = _equation(y, v, tau2, method)
        step = FISHER_STEP * (left - right) / _information(v, tau2, method)
        tau2 += step
    assert math.isclose(tau2, theirs, rel_tol=FISHER_REPLAY)


def _projection(v, tau2):
    w = 1 / (v + tau2)
    return np.diag(w) - np.outer(w, w) / w.sum()


def _log_likelihood(y, v, tau2, method):
    """Textbook form with matrices, apart from the code under test."""
    value = -0.5 * np.log(v + tau2).sum() - 0.5 * y @ _projection(v, tau2) @ y
    return value - 0.5 * np.log((1 / (v + tau2)).sum()) if method == "REML" else value


def _equation(y, v, tau2, method):
    """The two sides whose equality defines the estimate."""
    p = _projection(v, tau2)
    if method == "PM":
        return y @ p @ y, y.size - 1.0
    return y @ p @ p @ y, np.trace(p) if method == "REML" else (1 / (v + tau2)).sum()


def _information(v, tau2, method):
    """Twice the expected information on tau2."""
    p = _projection(v, tau2)
    return np.trace(p @ p) if method == "REML" else (1 / (v + tau2) ** 2).sum()
