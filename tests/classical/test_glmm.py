"""Mixed models of counts: metafor's numbers, a second computation, what must not change them, the edges."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad
from scipy.special import expit
from scipy.stats import binom, nchypergeom_fisher, norm

from bayesma.classical import glmm_fit, optimum
from bayesma.classical.glmm import _tables, glmm
from bayesma.classical.glmm_models import ONE_ARM, QUADRATURES, TWO_ARM, exact
from bayesma.classical.optimum import together
from bayesma.classical.result import GlmmFit
from bayesma.errors import OptionError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.posterior.compare import compare

REFERENCE = Path(__file__).parents[2] / "data" / "reference" / "metafor.json"
SETS = ("bcg", "hine1989", "nielweise2007", "collins1985b")
# metafor fits UM.FS, CM.AL and the logit-normal with 7 Gauss-Hermite nodes, and glmer stops at about 1e-5.
METAFOR = 1e-3
# Ours is a maximum: sums in another order, or arms exchanged, move it by rounding only.
SAME = 1e-7
MODELS = list(TWO_ARM)


TIMINGS = REFERENCE.with_name("timings.json")


def test_exact_conditional_model_is_metafors() -> None:
    """Niel-Weise: `metafor.json` has no CM.EL, but the run that was timed printed its estimates."""
    ran = json.loads(TIMINGS.read_text(encoding="utf-8"))["metafor_rma_glmm_nielweise2007"]
    for model in ("CM.EL", "CM.AL", "UM.FS"):
        fit = glmm(_counts("nielweise2007"), model)
        pinned = [ran[model][name] for name in ("b", "se", "tau2")]
        assert [fit.estimate, fit.se, fit.tau2] == pytest.approx(pinned, abs=METAFOR)


@cache
def _reference() -> dict[str, Any]:
    reference: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return reference


@cache
def _counts(name: str) -> TwoArmCounts:
    a, b, c, d = (
        np.array([row[cell] for row in _reference()[name]["data"]]) for cell in "ai bi ci di".split()
    )
    return TwoArmCounts.from_counts(a, a + b, c, c + d)


@cache
def _pritz() -> ArmCounts:
    rows = _reference()["pritz1997"]["data"]
    return ArmCounts.from_counts([row["xi"] for row in rows], [row["ni"] for row in rows])


def _table(events_treat: list[int], events_ctrl: list[int], n: int = 20) -> TwoArmCounts:
    size = [n + i for i in range(len(events_treat))]
    return TwoArmCounts.from_counts(events_treat, size, events_ctrl, size)


SMALL = _table([1, 4, 2, 9], [3, 5, 7, 8])


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", ["UM.FS", "CM.AL"])
def test_metafor(name: str, model: str) -> None:
    pinned = _reference()[name]["glmm_or"][model]
    fit = glmm(_counts(name), model)
    for theirs, ours in {"estimate": fit.estimate, "se": fit.se, "tau2": fit.tau2}.items():
        assert ours == pytest.approx(pinned[theirs], abs=METAFOR), theirs
    assert fit.ci_low == pytest.approx(pinned["ci_lb"], abs=METAFOR)
    assert fit.ci_high == pytest.approx(pinned["ci_ub"], abs=METAFOR)


@pytest.mark.parametrize("name", SETS)
def test_metafors_random_intercepts_are_laplaces_without_the_double_zero_studies(name: str) -> None:
    pinned = _reference()[name]["glmm_or"]["UM.RS"]
    fit = glmm(_counts(name), "UM.RS", quadrature="laplace", drop_double_zero=True)
    assert fit.estimate == pytest.approx(pinned["estimate"], abs=METAFOR)
    assert fit.se == pytest.approx(pinned["se"], abs=METAFOR)
    assert fit.tau2 == pytest.approx(pinned["tau2"], abs=METAFOR)
    assert "Laplace" in " ".join(fit.notes)
    assert fit.method == "UM.RS, laplace"


def test_metafors_proportion() -> None:
    pinned = _reference()["pritz1997"]["glmm_plo"]
    fit = glmm(_pritz())
    assert fit.method == "logit-normal"
    for theirs, ours in {"estimate": fit.estimate, "se": fit.se, "tau2": fit.tau2}.items():
        assert ours == pytest.approx(pinned[theirs], abs=METAFOR)


def test_random_intercepts_by_exact_integration() -> None:
    """Niel-Weise, all 18 studies, coding of plus and minus 1/2: another program's exact ML to its digits."""
    fit = glmm(_counts("nielweise2007"), "UM.RS")
    assert fit.k == 18
    assert fit.estimate == pytest.approx(-1.2769, abs=5e-5)
    assert fit.tau2 == pytest.approx(0.713, abs=5e-4)


def test_every_pinned_model_is_compared() -> None:
    for name in SETS:
        assert set(_reference()[name]["glmm_or"]) == {"UM.FS", "UM.RS", "CM.AL"}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("model", ["UM.FS", "CM.AL"])
def test_our_maximum_is_not_below_metafors(name: str, model: str) -> None:
    """The likelihood at ours and at the pinned values: what differs is their stopping and their 7 nodes."""
    pinned, ours = _reference()[name]["glmm_or"][model], glmm(_counts(name), model)
    tables = _tables(_counts(name))
    tables = tables.only(~tables.double_zero)
    surface = together(TWO_ARM[model].build(tables, exact(128)), tables.a.size)
    theirs = surface(np.array([pinned["estimate"], math.sqrt(pinned["tau2"])]))
    assert ours.log_likelihood >= float(theirs.value) - 1e-9


def _by_hand(model: str, counts: Any, point: np.ndarray) -> float:
    """Log likelihood from scipy's distributions and integrals, study by study."""
    mu, tau = point[:2]
    total = 0.0
    for i in range(counts.k):
        if model == "logit-normal":
            y, n = int(counts.events[i]), int(counts.n[i])

            def probability(theta: float, y: int = y, n: int = n) -> float:
                return float(binom.pmf(y, n, expit(theta)))

        else:
            a, n1 = int(counts.events_treat[i]), int(counts.n_treat[i])
            m, n2 = a + int(counts.events_ctrl[i]), int(counts.n_ctrl[i])

            def probability(theta: float, a: int = a, n1: int = n1, m: int = m, n2: int = n2) -> float:
                if model == "CM.AL":
                    return float(binom.pmf(a, m, expit(theta + math.log(n1 / n2))))
                return float(nchypergeom_fisher.pmf(a, n1 + n2, m, n1, math.exp(theta)))

        inside = quad(lambda z: norm.pdf(z) * probability(mu + tau * z), -9, 9, points=[0], epsabs=1e-13)[0]
        total += math.log(inside)
    return total


@pytest.mark.parametrize("model", ["CM.EL", "CM.AL", "logit-normal"])
def test_likelihood_and_maximum_against_scipys_own(model: str) -> None:
    counts = ArmCounts.from_counts([1, 9, 2], [20, 21, 15]) if model == "logit-normal" else SMALL
    fit = glmm(counts, model)
    best = np.array([fit.estimate, fit.tau])
    assert fit.log_likelihood == pytest.approx(_by_hand(model, counts, best), abs=1e-8)
    for unit in np.eye(2) * 1e-3:
        slope = (_by_hand(model, counts, best + unit) - _by_hand(model, counts, best - unit)) / 2e-3
        assert slope == pytest.approx(0.0, abs=1e-5)


@pytest.mark.long
def test_two_random_effects_against_scipys_double_integral() -> None:
    counts = _table([1, 6], [4, 5])
    point = np.array([-1.2, -0.4, 0.7, 0.5])  # alpha, mu, tau, sigma
    surface = together(TWO_ARM["UM.RS"].build(_tables(counts), exact(64)), 2)
    total = 0.0
    for i in range(2):
        y1, y2, n = (int(counts.events_treat[i]), int(counts.events_ctrl[i]), int(counts.n_treat[i]))

        def density(u: float, v: float, y1: int = y1, y2: int = y2, n: int = n) -> float:
            alpha, theta = point[0] + point[3] * u, point[1] + point[2] * v
            both = binom.pmf(y1, n, expit(alpha + theta / 2)) * binom.pmf(y2, n, expit(alpha - theta / 2))
            return float(norm.pdf(u) * norm.pdf(v) * both)

        total += math.log(dblquad(density, -7, 7, -7, 7, epsabs=1e-10)[0])
    assert float(surface(point).value) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("quadrature", QUADRATURES)
@pytest.mark.parametrize("model", MODELS)
def test_derivatives_are_those_of_the_value(model: str, quadrature: str) -> None:
    surface = together(TWO_ARM[model].build(_tables(SMALL), QUADRATURES[quadrature](64)), SMALL.k)
    point = np.array([-0.4, 0.6]) if len(TWO_ARM[model].names) == 2 else np.array([-1.2, -0.4, 0.6, 0.5])
    jet, step = surface(point), 1e-4
    close = 1e-5 if quadrature == "exact" else 2e-4  # Laplace's come from differences themselves
    for i, unit in enumerate(np.eye(point.size) * step):
        up, down = surface(point + unit), surface(point - unit)
        assert jet.gradient[i] == pytest.approx(float(up.value - down.value) / (2 * step), abs=close)
        assert jet.hessian[i] == pytest.approx((up.gradient - down.gradient) / (2 * step), abs=close)


def test_without_random_effects_um_fs_is_logistic_regression() -> None:
    """The estimating equations of a common odds ratio: in every study and overall, fitted equals observed."""
    fit = glmm(SMALL, "UM.FS", random_effects=False)
    assert (fit.tau2, fit.tau) == (0.0, 0.0)
    assert math.isnan(fit.pi_low)
    excess = 0.0
    for i in range(SMALL.k):
        a, c, n = SMALL.events_treat[i], SMALL.events_ctrl[i], SMALL.n_treat[i]
        low, high = -20.0, 20.0
        for _ in range(100):
            alpha = 0.5 * (low + high)
            fitted = n * (expit(alpha + fit.estimate / 2) + expit(alpha - fit.estimate / 2))
            low, high = (alpha, high) if fitted < a + c else (low, alpha)
        excess += a - n * expit(alpha + fit.estimate / 2)
    assert excess == pytest.approx(0.0, abs=1e-7)


def test_prediction_interval_and_missing_numbers() -> None:
    fit = glmm(_counts("nielweise2007"), "CM.EL")
    assert isinstance(fit, GlmmFit)
    half = norm.ppf(0.975) * math.sqrt(fit.tau2 + fit.se**2)
    assert (fit.pi_low, fit.pi_high) == pytest.approx((fit.estimate - half, fit.estimate + half))
    assert all(math.isnan(x) for x in (fit.q, fit.q_df, fit.q_p, fit.i2, fit.h2, fit.baseline_tau2))
    assert (fit.k, fit.method, fit.ci) == (17, "CM.EL", "wald")
    assert fit.notes[0] == "1 of 18 studies contribute nothing (no events, or only events): study 15."
    assert compare({"CM.EL": fit})["tau"].item() == fit.tau
    assert fit.to_series().name == "CM.EL, wald"


@st.composite
def _any_counts(draw: st.DrawFn) -> TwoArmCounts:
    """Two to five studies of 8 to 60 patients an arm in which both arms have both outcomes."""
    k = draw(st.integers(2, 5))
    n = [np.array(draw(st.lists(st.integers(8, 60), min_size=k, max_size=k))) for _ in range(2)]
    events = [np.array([draw(st.integers(1, int(size) - 1)) for size in sizes]) for sizes in n]
    return TwoArmCounts(events[0], n[0], events[1], n[1], np.array([f"study {i}" for i in range(k)]))


def _same(fit: GlmmFit, other: GlmmFit, sign: float = 1.0) -> None:
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)
    assert other.estimate == pytest.approx(sign * fit.estimate, abs=1e-8 + SAME * abs(fit.estimate))
    assert other.se == pytest.approx(fit.se, rel=1e-6)
    assert other.tau2 == pytest.approx(fit.tau2, rel=1e-5, abs=1e-8)


# CM.AL is made for rare events: it has the symmetry of the arms, but not that of the outcomes.
@given(_any_counts())
@settings(max_examples=8)
@pytest.mark.parametrize("model", ["UM.FS", "CM.EL", "CM.AL"])
def test_arm_swap_flips_the_sign(model: str, counts: TwoArmCounts) -> None:
    _same(glmm(counts, model), glmm(counts.swapped(), model), sign=-1.0)


@given(_any_counts())
@settings(max_examples=8)
@pytest.mark.parametrize("model", ["UM.FS", "CM.EL"])
def test_events_against_nonevents_flips_the_sign(model: str, counts: TwoArmCounts) -> None:
    other = replace(
        counts,
        events_treat=counts.n_treat - counts.events_treat,
        events_ctrl=counts.n_ctrl - counts.events_ctrl,
    )
    _same(glmm(counts, model), glmm(other, model), sign=-1.0)


def _permuted(counts: TwoArmCounts, order: list[int]) -> TwoArmCounts:
    names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl", "study")
    return replace(counts, **{name: getattr(counts, name)[order] for name in names})


@pytest.mark.parametrize("model", MODELS)
def test_neither_order_nor_arm_matters(model: str) -> None:
    fit = glmm(SMALL, model)
    _same(fit, glmm(_permuted(SMALL, [2, 0, 3, 1]), model))
    _same(fit, glmm(SMALL.swapped(), model), sign=-1.0)


@pytest.mark.parametrize("model", ["UM.FS", "CM.EL", "CM.AL"])
@pytest.mark.parametrize("events", [0, 50])
def test_a_study_with_one_outcome_changes_nothing(model: str, events: int) -> None:
    arrays = [
        np.append(getattr(SMALL, name), value)
        for name, value in (
            ("events_treat", events),
            ("n_treat", 50),
            ("events_ctrl", events),
            ("n_ctrl", 50),
        )
    ]
    more = TwoArmCounts.from_counts(*arrays, [*SMALL.study, "Empty 2001"])
    fit, other = glmm(SMALL, model), glmm(more, model)
    assert other.to_series().to_numpy() == pytest.approx(fit.to_series().to_numpy(), nan_ok=True)
    assert "Empty 2001" in other.notes[0]


def test_random_intercepts_learn_from_a_double_zero_study() -> None:
    counts = _counts("nielweise2007")
    kept, dropped = glmm(counts, "UM.RS"), glmm(counts, "UM.RS", drop_double_zero=True)
    assert (kept.k, dropped.k) == (18, 17)
    assert kept.notes == ()
    assert kept.baseline_tau2 > dropped.baseline_tau2
    assert abs(kept.estimate - dropped.estimate) > 1e-3


@pytest.mark.parametrize("model", MODELS)
def test_one_study(model: str) -> None:
    fit = glmm(_table([3], [5]), model)
    assert (fit.k, fit.tau2) == (1, 0.0)
    assert math.isfinite(fit.se)
    assert math.isnan(fit.pi_low)
    assert fit.notes == (
        "With 1 study tau2 cannot be estimated: it is taken as 0, and nothing is predicted.",
    )
    if model.startswith("UM"):
        assert fit.estimate == pytest.approx(math.log(3 * 15 / (17 * 5)))


@pytest.mark.parametrize("model", MODELS)
def test_no_events_at_all(model: str) -> None:
    fit = glmm(_table([0, 0], [0, 0]), model)
    assert math.isnan(fit.estimate)
    assert math.isnan(fit.se)
    assert fit.notes[-1] == "No study that contributes is left: there is nothing to estimate."


@pytest.mark.parametrize("random_effects", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_separation(model: str, random_effects: bool) -> None:
    low = glmm(_table([0, 0, 0], [1, 2, 0]), model, random_effects=random_effects)
    high = glmm(_table([1, 2, 0], [0, 0, 0]), model, random_effects=random_effects)
    assert (low.estimate, high.estimate) == (-math.inf, math.inf)
    for fit in (low, high):
        assert all(
            math.isnan(x) for x in (fit.se, fit.ci_low, fit.ci_high, fit.pi_high, fit.p_value, fit.tau2)
        )
        assert fit.notes[-1].startswith("Separation: in every study that contributes ")
    assert "the treated arm has no events" in low.notes[-1]
    assert "the control arm has no events" in high.notes[-1]


@pytest.mark.parametrize("model", ["UM.FS", "CM.EL", "CM.AL"])
def test_separation_in_both_directions_has_no_tau2(model: str) -> None:
    fit = glmm(_table([0, 9], [9, 0]), model)
    assert math.isnan(fit.estimate)
    assert math.isnan(fit.tau2)
    assert "rises with tau2 for ever" in fit.notes[-1]
    assert glmm(_table([0, 9], [9, 0], 20), model, random_effects=False).se > 0


def test_separation_of_proportions() -> None:
    none, every = ArmCounts.from_counts([0, 0], [9, 12]), ArmCounts.from_counts([9, 12], [9, 12])
    assert glmm(none).estimate == -math.inf
    assert "the proportion is 0 (its logit minus infinity)" in glmm(none).notes[-1]
    assert glmm(every).estimate == math.inf
    assert "both directions" in glmm(ArmCounts.from_counts([0, 12], [9, 12])).notes[-1]


@pytest.mark.parametrize("model", MODELS)
def test_huge_counts(model: str) -> None:
    """88,000 patients an arm: the answer of the normal model, whose sampling variances are then exact."""
    counts = TwoArmCounts.from_counts(
        [505, 6000, 900, 20000], [88000] * 4, [499, 5000, 1500, 21000], [88000] * 4
    )
    fit = glmm(counts, model)
    assert math.isfinite(fit.se)
    y = np.log(counts.events_treat / (counts.n_treat - counts.events_treat))
    y = y - np.log(counts.events_ctrl / (counts.n_ctrl - counts.events_ctrl))
    if model != "CM.AL":  # not made for frequent events
        assert fit.estimate == pytest.approx(float(y.mean()), abs=0.01)
        assert fit.tau == pytest.approx(float(y.std()), rel=0.05)
    assert fit.se == pytest.approx(fit.tau / 2, rel=0.05)


def test_tau2_at_its_edge_is_said() -> None:
    fit = glmm(_counts("hine1989"), "CM.EL")
    assert (fit.tau2, fit.tau) == (0.0, 0.0)
    note = "tau2 is estimated as 0, the edge of its range; that does not show that the studies agree."
    assert fit.notes == (note,)
    common = glmm(_counts("hine1989"), "CM.EL", random_effects=False)
    assert common.notes == ()
    assert (fit.estimate, fit.se) == (common.estimate, common.se)


def test_centres_and_notes_of_the_counts() -> None:
    arms = ArmCounts.from_counts(
        [1, 9, 4], [10, 10, 9], ["A", "A", "B"], ["x", "y", "x"], notes=["from a figure."]
    )
    assert glmm(arms).notes[:2] == ("from a figure.", "Centres of one study are taken as independent.")


def test_nodes_are_doubled_until_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = glmm(_counts("bcg"), "CM.EL")
    monkeypatch.setattr(glmm_fit, "FIRST_NODES", 12)
    fit = glmm(_counts("bcg"), "CM.EL")
    assert fit.estimate == pytest.approx(expected.estimate, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-7)


def test_a_peak_that_few_nodes_hide_is_found() -> None:
    """Two of three studies at opposite edges: tau is 16.7, and 48 nodes are too rough for any peak."""
    counts = TwoArmCounts.from_counts([4, 161, 106], [6, 161, 2855], [123, 127, 71], [139, 671, 71])
    fit = glmm(counts, "CM.EL")
    assert fit.tau == pytest.approx(16.711, abs=1e-3)
    assert fit.notes == ()


def test_a_standard_error_that_two_computations_do_not_share_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glmm_fit, "second_se", lambda *args: 0.0001)
    fit = glmm(SMALL, "CM.EL")
    assert math.isnan(fit.se)
    assert math.isnan(fit.ci_low)
    assert "The standard error is not given" in fit.notes[-1]


def test_a_tau_of_nearly_0_has_a_standard_error() -> None:
    """With tau at 0.002, its own standard error 0.8: the second Hessian must not step over the bend at 0."""
    fit = glmm(ArmCounts.from_counts([112, 3, 1461, 1075, 833, 61], [138, 4, 1776, 1326, 1047, 77]))
    assert 0 < fit.tau < 0.01
    assert fit.se == pytest.approx(0.04, rel=0.05)
    assert fit.notes == ()


@pytest.mark.long
def test_two_peaks_are_told_and_the_higher_one_reported() -> None:
    """Two studies that disagree: tau2 = 0 is a peak, and so is a tau2 of about 2."""
    counts = TwoArmCounts.from_counts([101, 1], [140, 18], [15, 3], [359, 108])
    fit = glmm(counts, "UM.FS")
    assert "several peaks" in fit.notes[-1]
    assert fit.tau2 == pytest.approx(1.985, abs=0.001)
    tables = _tables(counts)
    surface = together(TWO_ARM["UM.FS"].build(tables, exact(128)), tables.a.size)
    best = max(
        float(surface(np.array([mu, tau])).value)
        for mu in np.linspace(fit.estimate - 2, fit.estimate + 2, 41)
        for tau in np.linspace(0, 3, 31)
    )
    assert fit.log_likelihood >= best


def test_a_search_that_fails_gives_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "RUNAWAY", 0.01)
    fit = glmm(SMALL, "UM.FS")
    assert math.isnan(fit.estimate)
    assert fit.notes == (glmm_fit.NO_MAXIMUM,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "UM"}, "unknown model of counts in two arms 'UM'; known are: UM.FS, UM.RS, CM.EL, CM.AL"),
        ({"quadrature": "agq"}, "unknown quadrature 'agq'; known are: exact, laplace"),
        ({"level": 95}, "level is 95"),
    ],
)
def test_unknown_options(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        glmm(SMALL, **given)


def test_the_wrong_evidence() -> None:
    with pytest.raises(OptionError, match="known are: logit-normal"):
        glmm(_pritz(), "UM.FS")
    with pytest.raises(OptionError, match="glmm needs TwoArmCounts or ArmCounts, not list"):
        glmm([1, 2])  # type: ignore[arg-type]
    assert list(ONE_ARM) == ["logit-normal"]
