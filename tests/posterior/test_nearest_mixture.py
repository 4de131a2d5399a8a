"""Mixtures of two normals as the next prior: found again, nearer than one normal, and usable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.posterior.nearest_mixture import nearest_mixture

EFFECTS = bm.Effects.from_estimates([-0.5, -0.2, -0.4, 0.1], [0.2, 0.3, 0.2, 0.25], measure="SMD")
# A search ends when the slope of the mean log density is below 1e-5; numbers are written with six digits.
SEARCH = 5e-3
ROUNDED = 1e-5  # two numbers of six digits each


@settings(max_examples=10)
@given(
    st.floats(0.55, 0.8), st.floats(1.5, 3.0), st.floats(0.3, 0.7), st.floats(-50, 50), st.floats(0.01, 10)
)
def test_a_mixture_is_found_again_in_any_unit(share, apart, narrow, centre, unit) -> None:
    truth = bm.Prior("NormalMixture", (share, 0.0, 1.0, apart, narrow))
    x = np.linspace(-7.0, 8.0, 1501)
    weight = np.exp(truth.logpdf(x))
    found = nearest_mixture(centre + unit * x, weight / weight.sum())
    at = truth.ppf([0.01, 0.2, 0.5, 0.8, 0.99])
    assert found.cdf(centre + unit * at) == pytest.approx(truth.cdf(at), abs=SEARCH)


@pytest.mark.parametrize("parameter", ["mu", "theta_new", "tau"])
def test_two_components_are_nearer_and_the_gap_is_what_it_says(parameter) -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    one, two = (bm.as_prior(fit, parameter, components=number) for number in (1, 2))
    assert two.gap < one.gap / 4
    assert two.prior.distribution == "NormalMixture"
    assert two.prior.support[0] == (0.0 if parameter == "tau" else -np.inf)
    for at in bm.summary(fit, parameters=[parameter]).loc[parameter, ["ci_low", "median", "ci_high"]]:
        off = float(two.prior.cdf(at)) - bm.prob(fit, parameter, below=at)
        assert abs(off) <= two.gap + 1e-6


def test_yesterdays_posterior_enters_where_it_would_have_been() -> None:
    """One new study under the predictive of the others is the analysis of all."""
    first = bm.Effects.from_estimates(EFFECTS.y[:3], EFFECTS.se[:3], measure="SMD")
    found = bm.as_prior(bm.fit(first, engine="exact", random_seed=1), "theta_new", components=2)
    new = bm.Effects.from_estimates(EFFECTS.y[3:], EFFECTS.se[3:], measure="SMD")
    options = {"engine": "exact", "random_seed": 1}
    later = bm.fit(new, priors={"mu": found.prior}, random_effects="none", **options)
    together = bm.shrinkage(bm.fit(EFFECTS, **options)).iloc[3]
    row = bm.summary(later).loc["mu"]
    # half a percentage point of the prior is 0.01 sd of a posterior half as wide
    assert row["mean"] == pytest.approx(together["mean"], abs=0.02 * together["sd"])
    assert row["sd"] == pytest.approx(together["sd"], rel=0.03)


def test_widened_and_cut() -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    once, twice = (bm.as_prior(fit, components=2, widen=widen).prior for widen in (1.0, 2.0))
    share, m1, s1, m2, s2 = once.arguments
    assert twice.arguments == pytest.approx((share, m1, 2 * s1, m2, 2 * s2), rel=ROUNDED)
    tau = bm.as_prior(fit, "tau", components=2).prior
    assert quad(lambda x: float(np.exp(tau.logpdf(x))), 0.0, 5.0)[0] == pytest.approx(1.0, abs=1e-7)


def test_of_one_or_two() -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    with pytest.raises(OptionError, match="components is 3; it must be 1 or 2"):
        bm.as_prior(fit, components=3)


@pytest.mark.parametrize("components", [1, 2])
def test_a_mean_risk_is_a_prior_of_one(components) -> None:
    """Of a beta-binomial model: between 0 and 1, where its next prior has to be."""
    arms = bm.ArmCounts.from_counts([1, 0, 2], [14, 20, 30])
    options = {"distribution": "beta-binomial", "engine": "exact", "random_seed": 1}
    found = bm.as_prior(bm.fit(arms, **options), "mean", components=components)
    assert found.prior.support == (0.0, 1.0)
    later = bm.fit(arms, priors={"mean": found.prior}, **options)
    assert 0.0 < bm.summary(later).loc["mean", "mean"] < 0.3
