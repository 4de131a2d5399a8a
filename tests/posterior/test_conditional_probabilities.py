"""Probabilities of draws average those given the other parameters, where these are known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

import bayesma as bm
from bayesma.families.conditionals import Conditional
from bayesma.posterior.marginals import (
    ConditionalDraws,
    error_of_share,
    marginal,
    probability_error,
    share_error,
)
from bayesma.words.numbers import probability_text

SEEDS = 6
FAR = 5.0  # Monte Carlo standard errors
Y, SE = [-0.9, -0.2, -1.4, 0.1], [0.3, 0.25, 0.5, 0.4]
PRIORS = {"mu": "Normal(0.2, 0.8)", "tau": "HalfNormal(0.5)"}
ROUNDING = 1e-9


def draws_of(evidence: Any, **options: Any) -> xr.DataTree:
    """An exact fit without its integral: independent draws of the same posterior."""
    fit = bm.fit(evidence, engine="exact", random_seed=1, **options)
    return xr.DataTree.from_dict(
        {name: child.dataset for name, child in fit.children.items() if name != "exact"}
        | {"/": fit.dataset.assign_attrs(fit.attrs)}
    )


def test_mu_given_tau_is_the_posterior_under_a_known_tau() -> None:
    """Against an integral over mu by scipy, at every one of some draws."""
    bare = draws_of(bm.Effects.from_estimates(Y, SE), priors=PRIORS)
    found = marginal(bare, "mu")
    assert isinstance(found, ConditionalDraws)
    ours = found.conditional.tail(-0.5, above=False)
    taus = bare["posterior"]["tau"].values.ravel()
    for i in (0, 7, 100):
        sd = np.hypot(SE, taus[i])

        def height(mu: float, sd: np.ndarray = sd) -> float:
            return float(stats.norm(0.2, 0.8).pdf(mu) * stats.norm.pdf(Y, mu, sd).prod())

        part, whole = (integrate.quad(height, -6.0, end, points=[-0.6], epsabs=0.0)[0] for end in (-0.5, 6.0))
        assert ours[i] == pytest.approx(part / whole, abs=ROUNDING)


@pytest.mark.parametrize("sd", [0.5, 0.0])
def test_tails_of_a_mixture(sd: float) -> None:
    """Two components, of which one may lie on its mean; both tails add up."""
    known = Conditional(np.array([0.3, -0.2]), np.array([[sd, 1.0]]), np.array([[0.25, 0.75]]))
    narrow = stats.norm.cdf(0.1, [0.3, -0.2], sd) if sd else [0.0, 1.0]
    right = 0.25 * np.asarray(narrow) + 0.75 * stats.norm.cdf(0.1, [0.3, -0.2], 1.0)
    assert known.tail(0.1, above=False) == pytest.approx(right, abs=1e-12)
    assert known.tail(0.1, above=True) == pytest.approx(1.0 - right, abs=1e-12)


COUNTS = bm.TwoArmCounts.from_counts([2, 5, 1], [20, 30, 15], [6, 9, 2], [21, 28, 15])
ARMS = bm.ArmCounts.from_counts([3, 8, 2], [20, 30, 15])
EFFECTS = bm.Effects.from_estimates(Y, SE)


@pytest.mark.parametrize(
    ("evidence", "options", "parameter"),
    [
        (EFFECTS, {"priors": PRIORS}, "mu"),
        (EFFECTS, {"priors": PRIORS}, "theta_new"),
        (EFFECTS, {"priors": PRIORS, "random_effects": "student_t"}, "theta_new"),
        (EFFECTS, {"priors": PRIORS, "random_effects": "contaminated"}, "theta_new"),
        (COUNTS, {}, "delta_new"),
        (ARMS, {}, "theta_new"),
    ],
)
def test_the_average_over_draws_is_the_integral(
    evidence: Any, options: dict[str, Any], parameter: str
) -> None:
    """And nearer to it than the share of the draws, as both errors say."""
    exact = bm.fit(evidence, engine="exact", random_seed=1, **options)
    posterior = marginal(draws_of(evidence, **options), parameter)
    assert isinstance(posterior, ConditionalDraws)
    at = float(exact["posterior"][parameter].quantile(0.2))
    right = bm.prob(exact, parameter, below=at)
    error = probability_error(posterior, at, above=False)[0]
    assert abs(posterior.probability(at, above=False)[0] - right) < FAR * error + ROUNDING
    share = (0.16 / posterior.values.size) ** 0.5
    assert 0.0 < error < 0.8 * share


@pytest.mark.slow
def test_probabilities_of_chains_are_nearer_than_their_shares() -> None:
    """Six seeds of NUTS: the errors that are told are met, a third of those of shares and less."""
    exact = bm.benefit(
        bm.fit(EFFECTS, engine="exact", random_seed=1, priors=PRIORS), favours="lower", mid=0.5
    )
    assert {error for row in exact.attrs["mcse"].values() for error in row.values()} == {0.0}
    away, shares = [], []
    for seed in range(SEEDS):
        fit = bm.fit(EFFECTS, priors=PRIORS, random_seed=seed, progressbar=False)
        table, draws = bm.benefit(fit, favours="lower", mid=0.5), fit["posterior"].dataset
        errors = table.attrs["mcse"]
        for name in ("mu", "theta_new"):
            gap = table.loc[name, "p_mid"] - exact.loc[name, "p_mid"]
            assert abs(gap) < FAR * errors[name]["p_mid"]
        away.append(table.loc["mu", "p_mid"] - exact.loc["mu", "p_mid"])
        shares.append(float((draws["mu"] < -0.5).mean()) - exact.loc["mu", "p_mid"])
    assert np.sqrt(np.mean(np.square(away))) < np.sqrt(np.mean(np.square(shares))) / 3.0


def test_an_error_decides_the_digits_and_agreement_is_no_certainty() -> None:
    """The probability of a parameter without a closed form is a share, with the error of a share."""
    posterior = marginal(draws_of(EFFECTS, priors=PRIORS), "tau")
    assert not isinstance(posterior, ConditionalDraws)
    n = posterior.values.size  # type: ignore[attr-defined]
    p = posterior.probability(0.4, above=True)[0]
    error = probability_error(posterior, 0.4, above=True)[0]
    assert error == pytest.approx((p * (1.0 - p) / n) ** 0.5, rel=0.2)  # independent draws
    assert probability_text(p, error) == f"{p:.2f}"
    beyond = probability_error(posterior, 50.0, above=True)[0]
    assert beyond == pytest.approx(3.0 / n, rel=0.2)  # the rule of three
    assert probability_text(posterior.probability(50.0, above=True)[0], beyond) == "<0.01"


def test_the_error_of_a_share_follows_from_that_of_the_mean() -> None:
    """Autocorrelated draws: the same error from the draws and from their sd and the error of their mean."""
    from arviz_stats.base import array_stats

    noise = np.random.default_rng(1).standard_normal((4, 4000))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0]
    for i in range(1, draws.shape[1]):
        draws[:, i] = 0.6 * draws[:, i - 1] + 0.8 * noise[:, i]
    sd, mcse = float(draws.std(ddof=1)), float(array_stats.mcse(draws, method="mean"))
    beyond = (draws > 0.5).astype(np.float64)
    known = error_of_share(float(beyond.mean()), sd, mcse)
    assert known == pytest.approx(share_error(beyond, draws), rel=0.25)
    assert known > 1.5 * (0.21 / draws.size) ** 0.5  # independent draws would have less
    assert error_of_share(0.3, math.nan, math.nan) == 0.0  # computed
    assert error_of_share(0.0, sd, mcse) == pytest.approx(share_error(np.zeros_like(draws), draws), rel=0.05)
