"""Do the marginals of study effects and of a new study follow their densities, far out too?

The posterior of a new effect is also a mixture over the nodes of mu and tau, computed here with scipy: it
knows nothing of windows and series.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.errors import ConvergenceWarning
from bayesma.numerics import legendre

SPARSE = bm.TwoArmCounts.from_counts([2, 0, 4, 3], [60, 40, 55, 70], [6, 3, 4, 9], [58, 42, 50, 66])
# a thousand times the error asked of the integral; a series that had not ended was off by 2e-4
SAME = 1e-6
# the trapezoid over steps of 0.02 in mu and 0.005 in tau
DENSE = 1e-5
PLACES = (-6.0, -3.0, -1.5, -0.5, 0.0, 1.0, 2.0)


@pytest.mark.parametrize("baseline", ["fixed", "conditional"])
def test_a_new_effect_is_the_mixture_over_the_nodes(baseline: str) -> None:
    """Where tau cannot be small: a sum over nodes of mu is a staircase below their spacing."""
    priors = {"tau": "Uniform(0.5, 4)"}
    fit = bm.fit(SPARSE, priors=priors, baseline=baseline, engine="exact", random_seed=1)
    grid = fit["exact"].dataset
    weight, mu, tau = (grid[name].values for name in ("weight", "mu", "tau"))
    for place in PLACES:
        right = float(weight @ stats.norm.cdf((place - mu) / tau))
        assert bm.prob(fit, "delta_new", below=place) == pytest.approx(right, abs=SAME)


@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfNormal(1)"])
def test_a_new_effect_is_the_mixture_over_a_dense_grid(tau: str) -> None:
    """Where tau can be small: even steps of mu that meet the places, so that the staircase cancels."""
    setting = make_setting(SPARSE, None, {"tau": tau}, 1, {})
    mu, spread = np.meshgrid(np.linspace(-11.0, 9.0, 1001), np.linspace(0.0, 6.0, 1201))
    spread[0] = 1e-9
    points = {"mu": mu.ravel(), "tau": spread.ravel()}
    height = setting.family.log_likelihood(points, setting.case).sum(axis=1)
    height += sum(values for values in setting.family.log_prior(points, setting.case).values())
    weight = np.exp(height - height.max()).reshape(mu.shape)
    weight[0] *= 0.5
    weight /= weight.sum()
    fit = bm.fit(SPARSE, priors={"tau": tau}, engine="exact", random_seed=1)
    for place in PLACES:
        right = float(np.sum(weight * stats.norm.cdf((place - mu) / spread)))
        assert bm.prob(fit, "delta_new", below=place) == pytest.approx(right, abs=DENSE)


def test_far_tails_of_heavy_priors() -> None:
    priors = {"mu": "StudentT(3, 0, 2)", "tau": "HalfCauchy(0.5)"}
    fit = bm.fit(SPARSE, priors=priors, engine="exact", random_seed=1)
    grid = fit["exact"].dataset
    weight, mu, tau = (grid[name].values for name in ("weight", "mu", "tau"))
    for place in (20.0, 50.0):
        right = float(weight @ stats.norm.sf((place - mu) / tau))
        assert bm.prob(fit, "delta_new", above=place) == pytest.approx(right, abs=SAME)


@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(1)", "LogNormal(-2, 1.7)"])
def test_distribution_of_tau_is_that_of_its_nodes(tau: str) -> None:
    """The series against sums over slices: at the ends of slices the sums are exact, between them coarse."""
    fit = bm.fit(SPARSE, priors={"tau": tau}, engine="exact", random_seed=1)
    grid = fit["exact"].dataset
    assert legendre.roughness(grid["tau_density"].values[None])[0] < SAME
    draws = fit["posterior"]["tau"].values.reshape(-1)
    for q in (0.1, 0.5, 0.9):
        at = float(np.quantile(draws, q))
        assert bm.prob(fit, "tau", below=at) == pytest.approx(q, abs=5 * np.sqrt(q * (1 - q) / draws.size))


def test_a_series_that_has_not_ended_is_seen() -> None:
    """A bell far narrower than 64 nodes resolve: its integral may be right by chance, its series is not."""
    u, _ = legendre.rule(64)
    narrow, wide = (legendre.coefficients(np.exp(-0.5 * (u / sd) ** 2)) for sd in (0.02, 0.3))
    rough = legendre.roughness(np.array([narrow, wide]))
    assert rough[0] > 1e-3
    assert rough[1] < 1e-12


def test_what_cannot_be_followed_is_said() -> None:
    """A beta-binomial with all but a point mass of risks: narrower than any tabulated window."""
    arms = bm.ArmCounts.from_counts([0], [100])
    priors = {"mean": "Beta(1, 1)", "kappa": "Gamma(1e6, 1)"}
    with pytest.warns(ConvergenceWarning, match="a study effect or a new study is accurate to"):
        bm.fit(arms, distribution="beta-binomial", priors=priors, engine="exact", random_seed=1)
