"""Posteriors and publications as the next prior, with the error this makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError, PriorError

EFFECTS = bm.Effects.from_estimates([-0.5, -0.2, -0.4, 0.1], [0.2, 0.3, 0.2, 0.25], measure="SMD")


def test_a_normal_posterior_is_itself_and_two_analyses_are_one() -> None:
    """Common effect, normal prior: yesterday's posterior is today's prior."""
    options = {"engine": "exact", "random_effects": "none", "random_seed": 1}
    first = bm.Effects.from_estimates(EFFECTS.y[:2], EFFECTS.se[:2], measure="SMD")
    second = bm.Effects.from_estimates(EFFECTS.y[2:], EFFECTS.se[2:], measure="SMD")
    found = bm.as_prior(bm.fit(first, priors={"mu": "Normal(0, 1)"}, **options))
    assert found.prior.distribution == "Normal"
    assert found.gap < 1e-5 and abs(found.low_shift) < 1e-4 and abs(found.high_shift) < 1e-4
    both = bm.summary(bm.fit(EFFECTS, priors={"mu": "Normal(0, 1)"}, **options)).loc["mu"]
    later = bm.summary(bm.fit(second, priors={"mu": found.prior}, **options)).loc["mu"]
    assert later[["mean", "sd"]].tolist() == pytest.approx(both[["mean", "sd"]].tolist(), rel=1e-5)


@pytest.mark.parametrize("parameter", ["mu", "theta_new", "tau"])
def test_moments_are_kept_and_the_error_is_what_it_says(parameter) -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    found = bm.as_prior(fit, parameter)
    row = bm.summary(fit, parameters=[parameter]).loc[parameter]
    if parameter == "tau":
        assert found.prior.distribution == "LogNormal"
        draws = np.log(fit["posterior"]["tau"].values)
        error = 5 * draws.std() / math.sqrt(draws.size)
        assert found.prior.arguments[0] == pytest.approx(draws.mean(), abs=error)
    else:
        assert found.prior.arguments == pytest.approx((row["mean"], row["sd"]), rel=1e-5)
    ends = found.prior.ppf([0.025, 0.975])
    assert found.low_shift == pytest.approx((ends[0] - row["ci_low"]) / row["sd"], abs=1e-9)
    assert found.high_shift == pytest.approx((ends[1] - row["ci_high"]) / row["sd"], abs=1e-9)
    at = row["median"]
    assert abs(float(found.prior.cdf(at)) - 0.5) <= found.gap + 1e-9
    assert 0.0 < found.gap < 0.2 and str(found.prior) in found.words


def test_widened() -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    once, twice = bm.as_prior(fit).prior, bm.as_prior(fit, widen=2.0).prior
    assert twice.arguments == pytest.approx((once.arguments[0], 2 * once.arguments[1]), rel=2e-6)


def test_what_has_no_prior_is_refused() -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    with pytest.raises(OptionError, match="the fit has no parameter 'm'; it has: mu, tau, theta"):
        bm.as_prior(fit, "m")
    with pytest.raises(OptionError, match="theta is several numbers"):
        bm.as_prior(fit, "theta")
    with pytest.raises(OptionError, match="widen is 0; it must be a number above 0"):
        bm.as_prior(fit, widen=0)
    with pytest.raises(OptionError, match="widen is '2'; it must be a number above 0"):
        bm.as_prior(fit, widen="2")
    two = bm.Effects.from_estimates([-0.5, 0.2], [0.2, 0.3], ["A", "B"])
    heavy = bm.fit(two, priors={"mu": "Flat()", "tau": "HalfCauchy(0.5)"}, engine="exact", random_seed=1)
    with pytest.raises(PriorError, match="the posterior of mu has no variance"):
        bm.as_prior(heavy)


@given(st.floats(-3, 3), st.floats(0.05, 2), st.sampled_from([0.8, 0.9, 0.95]))
def test_a_published_interval_goes_back_to_its_standard_error(mean, se, level) -> None:
    z = norm.isf(0.5 * (1 - level))
    plain = bm.published_prior(mean, mean - z * se, mean + z * se, level=level)
    assert plain.arguments == pytest.approx((mean, se), rel=1e-5, abs=1e-12)
    ratios = np.exp([mean, mean - z * se, mean + z * se])
    logs = bm.published_prior(*ratios, measure="OR", level=level, widen=1.5)
    assert bm.published_prior(*ratios, measure="HR", level=level, widen=1.5) == logs
    assert logs.arguments == pytest.approx((mean, 1.5 * se), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("numbers", "named", "error", "message"),
    [
        (
            (0.5, 0.1, 2.5),
            {},
            PriorError,
            "is not symmetric about 0.5, so that no normal has it; check the digits, or",
        ),
        ((0.5, 0.4, 2.5), {"measure": "OR"}, PriorError, "is not symmetric about 0.5 on the log scale"),
        ((0.5, 0.6, 0.8), {}, PriorError, r"ci_low, estimate, ci_high are \(0.6, 0.5, 0.8\); they must rise"),
        ((0.5, -0.6, 0.8), {"measure": "RR"}, PriorError, "RR is a ratio"),
        ((0.5, 0.2, 0.8), {"measure": "XX"}, OptionError, "measure is 'XX'; it must be one of"),
        ((0.5, 0.2, 0.8), {"level": 95}, OptionError, "level is 95"),
        ((0.5, 0.2, 0.8), {"level": "95"}, OptionError, "level is '95'"),
        ((0.5, 0.2, 0.8), {"widen": -1}, OptionError, "widen is -1; it must be a number above 0"),
        (("0.7", 0.5, 0.98), {}, PriorError, r"\(0.5, '0.7', 0.98\); give finite numbers"),
        ((0.5, -0.6, 0.8), {"measure": "HR"}, PriorError, "HR is a ratio"),
    ],
)
def test_intervals_that_are_none(numbers, named, error, message) -> None:
    with pytest.raises(error, match=message):
        bm.published_prior(*numbers, **named)
