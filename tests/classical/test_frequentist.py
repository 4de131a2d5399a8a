"""Does the public function keep the symmetries of the problem, survive its edges, say what it cannot do?"""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesma.classical
from bayesma.classical.frequentist import frequentist
from bayesma.classical.intervals import INTERVALS
from bayesma.classical.tau2 import METHODS
from bayesma.errors import OptionError
from bayesma.evidence.effects import Effects

# Symmetries move data by rounding (1e-16 relative); REML on hard data multiplies that by up to about 1e6.
SYMMETRY = 1e-8
EVERY = [(method, ci) for method in METHODS for ci in INTERVALS]
ON_SCALE = ("estimate", "se", "ci_low", "ci_high", "tau", "pi_low", "pi_high")
PURE = ("i2", "i2_q", "h2", "q", "q_p")

# Ten combinations of method and interval walk the same space: half the usual number of examples for each.
SYMMETRIES = settings(max_examples=50)

# On a grid of 1/64, shifts and permutations are exact in y, and two likelihood peaks of equal height, between
# which rounding would choose, do not arise from values that differ in the last digit only.
STUDIES = st.lists(
    st.tuples(st.integers(-256, 256).map(lambda n: n / 64), st.integers(8, 128).map(lambda n: n / 64)),
    min_size=2,
    max_size=10,
)


def _fit(y, se, method="REML", ci="hksj", **options):
    return frequentist(Effects.from_estimates(y, se), method=method, ci=ci, **options)


def _numbers(fit, names):
    return np.array([getattr(fit, name) for name in names])


def _close(ours, expected, size=1.0):
    np.testing.assert_allclose(ours, expected, rtol=SYMMETRY, atol=SYMMETRY * size, equal_nan=True)


@pytest.mark.parametrize(("method", "ci"), EVERY)
@SYMMETRIES
@given(STUDIES, st.integers(-640, 640))
def test_shift_moves_places_and_nothing_else(method, ci, studies, shift):
    y, se = np.array(studies).T
    before, after = _fit(y, se, method, ci), _fit(y + shift / 64, se, method, ci)
    moved = np.array(
        [
            shift / 64 if name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high") else 0.0
            for name in ON_SCALE
        ]
    )
    _close(_numbers(after, ON_SCALE), _numbers(before, ON_SCALE) + moved)
    _close(_numbers(after, PURE), _numbers(before, PURE))


@pytest.mark.parametrize(("method", "ci"), EVERY)
@SYMMETRIES
@given(STUDIES, st.floats(1e-4, 1e4))
def test_scale_multiplies_places_and_nothing_else(method, ci, studies, factor):
    y, se = np.array(studies).T
    before, after = _fit(y, se, method, ci), _fit(y * factor, se * factor, method, ci)
    _close(_numbers(after, ON_SCALE), factor * _numbers(before, ON_SCALE), size=factor)
    _close(_numbers(after, PURE), _numbers(before, PURE))
    _close(after.p_value, before.p_value)


@pytest.mark.parametrize(("method", "ci"), EVERY)
@SYMMETRIES
@given(STUDIES, st.randoms(use_true_random=False))
def test_order_does_not_matter(method, ci, studies, random):
    before = _fit(*np.array(studies).T, method, ci)
    shuffled = random.sample(studies, len(studies))
    after = _fit(*np.array(shuffled).T, method, ci)
    _close(_numbers(after, (*ON_SCALE, *PURE)), _numbers(before, (*ON_SCALE, *PURE)))


@pytest.mark.parametrize(("method", "ci"), EVERY)
@SYMMETRIES
@given(STUDIES)
def test_the_sign_of_the_effect_is_a_label(method, ci, studies):
    y, se = np.array(studies).T
    before, after = _fit(y, se, method, ci), _fit(-y, se, method, ci)
    _close([after.estimate, after.ci_low, after.pi_low], [-before.estimate, -before.ci_high, -before.pi_high])
    _close([after.se, after.tau, after.p_value], [before.se, before.tau, before.p_value])


@given(STUDIES)
def test_each_study_twice_at_twice_its_variance_is_the_same_common_effect(studies):
    y, se = np.array(studies).T
    once = _fit(y, se, "EE", "wald")
    twice = _fit(np.repeat(y, 2), np.repeat(se * math.sqrt(2), 2), "EE", "wald")
    _close(
        _numbers(twice, ("estimate", "se", "ci_low", "p_value", "q")),
        _numbers(once, ("estimate", "se", "ci_low", "p_value", "q")),
    )


@pytest.mark.parametrize("ci", INTERVALS)
@pytest.mark.parametrize("method", METHODS)
def test_one_study(method, ci):
    fit = _fit([0.4], [0.2], method, ci)
    assert (fit.k, fit.estimate, fit.se, fit.tau2, fit.tau, fit.q, fit.q_df) == (1, 0.4, 0.2, 0, 0, 0, 0)
    for name in ("i2", "i2_q", "h2", "q_p", "pi_low", "pi_high"):
        assert math.isnan(getattr(fit, name)), name
    assert math.isnan(fit.ci_low) == math.isnan(fit.ci_high) == math.isnan(fit.p_value) == (ci == "hksj")
    said = " ".join(fit.notes)
    assert ("tau2 cannot be estimated" in said) == (method != "EE")
    assert ("at least 2 studies" in said) == (ci == "hksj")


@pytest.mark.parametrize("method", METHODS)
def test_two_studies_by_hand(method):
    """With equal variances 1 and a distance of 4: Q = 8, the sample variance 8, ML's 4."""
    fit = _fit([0.0, 4.0], [1.0, 1.0], method)
    tau2 = {"EE": 0.0, "ML": 3.0}.get(method, 7.0)
    assert fit.tau2 == pytest.approx(tau2)
    assert (fit.estimate, fit.q) == pytest.approx((2.0, 8.0))
    # Knapp-Hartung with equal weights: the standard error of a sample mean, sqrt(8 / 2), and t with 1 df
    assert fit.se == pytest.approx(2.0)
    assert fit.ci_high == pytest.approx(2.0 + 2.0 * math.tan(0.95 * math.pi / 2))


@pytest.mark.parametrize(("method", "ci"), EVERY)
@pytest.mark.parametrize("k", [2, 5])
def test_all_estimates_equal(method, ci, k):
    fit = _fit(np.full(k, 0.3), np.linspace(0.1, 0.5, k), method, ci)
    assert (fit.estimate, fit.tau2, fit.i2, fit.i2_q, fit.q, fit.q_p) == (0.3, 0, 0, 0, 0, 1)
    if ci == "hksj":
        assert fit.ci_low == fit.ci_high == 0.3
        assert "no width" in fit.notes[-1]
    else:
        assert fit.ci_low < 0.3 < fit.ci_high


@pytest.mark.parametrize(("method", "ci"), EVERY)
@pytest.mark.parametrize(
    ("y", "se"),
    [
        ([0.1, 0.2, 0.4], [1e-6, 1e-6, 1e-6]),
        ([0.1, 0.2, 0.4], [1e6, 1e6, 1e6]),
        ([0.1, 0.2, 0.4], [1e-6, 1.0, 1e6]),
        ([1e6, -1e6, 0.4], [1e-6, 1e-6, 1e6]),
        ([0.5, *np.linspace(-2, 2, 40)], [1e-6, *np.full(40, 10.0)]),
        (np.sin(np.arange(3000.0)), 0.1 + np.cos(np.arange(3000.0)) ** 2),
    ],
    ids=["tiny", "huge", "mixed", "far apart", "one precise, many vague", "k = 3000"],
)
def test_hard_data_give_finite_numbers(method, ci, y, se):
    fit = _fit(y, se, method, ci)
    numbers = fit.to_series()
    if method == "EE":
        numbers = numbers.drop(["pi_low", "pi_high"])
    assert np.isfinite(numbers).all()
    assert fit.ci_low <= fit.estimate <= fit.ci_high
    assert min(y) <= fit.estimate <= max(y)


@pytest.mark.parametrize("method", ["DL", "REML", "PM"])
def test_tiny_standard_errors_leave_the_sample_variance(method):
    y = np.array([0.1, 0.2, 0.4])
    # tau2 exceeds the sampling variances by ten powers of ten, so they change the answer in the tenth digit
    assert _fit(y, np.full(3, 1e-7), method).tau2 == pytest.approx(y.var(ddof=1), rel=1e-9)


def test_several_peaks_are_said():
    fit = _fit([-5.3, -4.5, -0.1, 8.1, -0.2, 0.0], [2.0, 2.0, 0.1, 2.0, 0.1, 0.1], ci="wald")
    assert "several peaks" in fit.notes[0]


def test_notes_of_the_evidence_are_carried():
    effects = Effects.from_estimates([0.1, 0.9], [0.2, 0.2], notes=["1 study left out"])
    assert frequentist(effects).notes[0] == "1 study left out"


def test_level_widens_both_intervals():
    narrow, wide = (_fit([0.1, 0.9, 0.4], [0.2, 0.1, 0.3], level=level) for level in (0.8, 0.99))
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high
    assert wide.pi_low < narrow.pi_low < narrow.pi_high < wide.pi_high
    assert (narrow.level, wide.level) == (0.8, 0.99)


@pytest.mark.parametrize(
    "options", [{"method": "HE2"}, {"ci": "t"}, {"level": 95}, {"level": 0}, {"level": "0.95"}]
)
def test_unknown_options_name_the_allowed(options):
    with pytest.raises(OptionError, match=r"EE, DL, ML, REML, PM|wald, hksj|between 0 and 1"):
        _fit([0.1, 0.9], [0.2, 0.2], **options)


def test_the_series_holds_every_number():
    series = _fit([0.1, 0.9], [0.2, 0.2]).to_series()
    assert series.name == "REML, hksj"
    assert list(series.index[:5]) == ["estimate", "se", "ci_low", "ci_high", "p_value"]
    assert series.dtype == float and len(series) == 17


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(bayesma.classical.__path__)])
def test_docstring_examples_run(module):
    result = doctest.testmod(importlib.import_module(f"bayesma.classical.{module}"))
    assert result.failed == 0 and (result.attempted > 0 or module == "tau2")
