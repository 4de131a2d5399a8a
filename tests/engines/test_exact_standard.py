"""Importance sampling on Sobol points against posteriors that are known, and an error that is honest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from bayesma.engines import exact_standard
from bayesma.engines.exact_standard import StandardIntegral
from bayesma.engines.marginals import WeightedPoints
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import StandardProblem

Array = NDArray[np.float64]

FAR = 5.0  # standard errors as estimated from eight scramblings, which are themselves a third off
MEAN = 2e-3  # standard error of means, sds and the log evidence; quantiles in the tails have a larger one
MOMENTS = {"z": 99.0}


def problem(size: int, log_likelihood: Callable[[Array], Array]) -> StandardProblem:
    """The deviates themselves are the parameter."""
    return StandardProblem(
        size=size,
        effect_size=0,
        dims={"z": ("study",)},
        parameters=lambda z: {"z": z},
        log_likelihood=lambda drawn: log_likelihood(drawn["z"]),
        effects=lambda drawn, uniform: {},
        effect_names=(),
    )


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("se", [0.02, 0.5, 3.0])
def test_a_normal_posterior(size: int, se: float) -> None:
    """Y ~ N(z, se^2 R) with correlations of 0.6 and z ~ N(0, 1): mean, sd, evidence in closed form."""
    covariance = se**2 * (0.4 * np.eye(size) + 0.6)
    y = np.linspace(0.5, 2.0, size)
    density = multivariate_normal(y, covariance)
    solved = StandardIntegral.solve(
        problem(size, lambda z: np.asarray(density.logpdf(z)).reshape(-1)), MOMENTS
    )
    posterior = np.linalg.inv(np.linalg.inv(covariance) + np.eye(size))
    mean, sd = posterior @ np.linalg.solve(covariance, y), np.sqrt(np.diagonal(posterior))
    at = WeightedPoints(solved.sample.values["z"], solved.sample.weight)
    assert solved.sound
    allowed = FAR * MEAN
    assert np.max(np.abs(at.mean() - mean) / sd) < allowed
    assert np.max(np.abs(at.sd() / sd - 1.0)) < allowed
    evidence = multivariate_normal(np.zeros(size), covariance + np.eye(size)).logpdf(y)
    assert solved.sample.log_evidence == pytest.approx(evidence, abs=allowed)
    for q in (0.025, 0.5, 0.975):
        assert (
            np.max(np.abs(at.quantile([q])[:, 0] - (mean + sd * norm.ppf(q))) / sd)
            < FAR * solved.sample.error_quantiles
        )


@pytest.mark.parametrize("se", [0.05, 0.5, 3.0])
def test_a_spread_that_follows_the_first_deviate(se: float) -> None:
    """Eight y ~ N(0, sigma^2 + se^2), sigma half-normal: sigma and its evidence by quadrature."""
    y = np.array([-1.1, -0.6, 0.1, 0.2, 0.5, 0.8, 1.3, 2.0])

    def parameters(z: Array) -> dict[str, Array]:
        sigma = norm.isf(norm.sf(z[:, 0]) / 2.0)
        return {"sigma": sigma, "theta": sigma[:, None] * z[:, 1:]}

    funnel = StandardProblem(
        size=9,
        effect_size=0,
        dims={"sigma": (), "theta": ("study",)},
        parameters=parameters,
        log_likelihood=lambda drawn: norm.logpdf(y, drawn["theta"], se).sum(axis=1),
        effects=lambda drawn, uniform: {},
        effect_names=(),
        led=True,
    )
    solved = StandardIntegral.solve(funnel, {"sigma": 99.0, "theta": 99.0})

    def integral(power: int) -> float:
        def integrand(sigma: float) -> float:
            density = math.exp(norm.logpdf(y, 0.0, math.hypot(sigma, se)).sum())
            return sigma**power * density * 2.0 * float(norm.pdf(sigma))

        return float(quad(integrand, 0.0, 12.0, points=[0.5, 1.0, 2.0], epsabs=1e-14)[0])

    mass, mean = integral(0), integral(1) / integral(0)
    sd = math.sqrt(integral(2) / mass - mean**2)
    at = WeightedPoints(solved.sample.values["sigma"], solved.sample.weight)
    assert solved.sound
    assert solved.sample.log_evidence == pytest.approx(math.log(mass), abs=FAR * solved.error)
    assert float(at.mean()) == pytest.approx(mean, abs=FAR * solved.error * sd)
    assert float(at.sd()) == pytest.approx(sd, rel=FAR * solved.error)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many effects fewer points are drawn, however far the error is from what is asked."""
    monkeypatch.setattr(exact_standard, "TOLERANCE", (0.0, 0.0))
    monkeypatch.setattr(exact_standard, "MOST", 3 * exact_standard.LEVELS[1] * exact_standard.SCRAMBLES)
    one = replace(problem(3, lambda z: norm.logpdf(z, 1.0, 0.5).sum(axis=1)), effect_size=3)
    solved = StandardIntegral.solve(one, MOMENTS)
    assert solved.sample.weight.size == exact_standard.LEVELS[1] * exact_standard.SCRAMBLES


def test_a_skew_posterior() -> None:
    """0 of n = 50 with risk Phi(z): the posterior risk is Beta(1, 51)."""
    solved = StandardIntegral.solve(problem(1, lambda z: 50.0 * norm.logsf(z[:, 0])), MOMENTS)
    risk = WeightedPoints(norm.cdf(solved.sample.values["z"]), solved.sample.weight)
    sd = math.sqrt(51.0 / (52.0**2 * 53.0))
    assert risk.mean()[0] == pytest.approx(1 / 52, abs=FAR * MEAN * sd)
    assert risk.sd()[0] == pytest.approx(sd, rel=FAR * MEAN)
    assert solved.sample.log_evidence == pytest.approx(-math.log(51.0), abs=FAR * MEAN)
    assert risk.probability(0.02, above=True)[0] == pytest.approx(0.98**51, abs=FAR * MEAN)


def test_two_far_modes_are_said_aloud() -> None:
    """What the proposal cannot follow is not passed off as accurate."""

    def two(z: Array) -> Array:
        heights = [norm.logpdf(z, centre, 0.003).sum(axis=1) for centre in (-3.0, 3.0)]
        return np.logaddexp(*heights)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solved = StandardIntegral.solve(problem(5, two), MOMENTS)
    assert solved.sound != any(w.category is ConvergenceWarning for w in caught)
    assert not solved.sound


def test_a_pilot_that_saw_one_point_is_not_believed() -> None:
    """Weights that grow without limit outwards: the farthest point has all, and tells no covariance."""
    with pytest.warns(ConvergenceWarning, match="accuracy of .* posterior sds only"):
        solved = StandardIntegral.solve(problem(3, lambda z: 5.0 * np.square(z).sum(axis=1)), MOMENTS)
    assert not solved.sound


def test_draws_follow_the_weights() -> None:
    solved = StandardIntegral.solve(problem(2, lambda z: norm.logpdf(z, 1.0, 0.5).sum(axis=1)), MOMENTS)
    drawn = solved.draw(40_000, np.random.default_rng(1))["z"]
    assert drawn.mean(axis=0) == pytest.approx(np.full(2, 0.8), abs=5 * math.sqrt(0.2 / 40_000))


def test_weighted_points_are_a_distribution() -> None:
    values = np.array([[3.0, -1.0], [1.0, 0.0], [2.0, 1.0]])
    at = WeightedPoints(values, np.array([0.25, 0.5, 0.25]))
    assert at.mean().tolist() == [1.75, 0.0]
    assert at.sd() == pytest.approx([math.sqrt(0.6875), math.sqrt(0.5)])
    assert at.probability(1.5, above=True).tolist() == [0.5, 0.0]
    assert at.probability(0.5, above=False).tolist() == [0.0, 0.75]
    assert at.quantile([0.25, 0.875])[0].tolist() == [1.0, 3.0]
