"""Does exact integration stay exact where quadrature usually fails, and is its reported error honest?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, gammaln

from bayesma.engines import gaussian
from bayesma.engines.densities import ScaleDensity
from bayesma.engines.marginals import NormalMixture
from bayesma.errors import ConvergenceWarning
from bayesma.evidence.effects import Effects
from bayesma.families import FAMILIES
from bayesma.families.base import Case as ModelCase
from bayesma.families.problems import GaussianProblem
from bayesma.priors import Prior

# "Honest": the reported error is compared between two rules, so it may miss the next digit ...
FACTOR = 10.0
# ... and no difference of rules sees the rounding of log densities of size 1e3 to 1e6 (k = 3000, y = 1e6).
ROUNDING = 5e-9
# Quantiles of mu relative to the width of the 95 % interval, of tau relative: root searches on both sides.
QUANTILE = 1e-6
# P(tau < x) at an end of the panels.
DISTRIBUTION = 1e-9

NORMAL = FAMILIES["normal"]
FLAT = (0.0, np.inf)
rng = np.random.default_rng(20261123)


def of(frozen) -> Callable:
    """Density of log tau from a scipy distribution of tau."""
    return lambda x: np.where(x > -700, frozen.logpdf(np.exp(x)), frozen.logpdf(1e-300)) + x


def half_t(nu: float, scale: float) -> Callable:
    return lambda x: np.log(2) + stats.t(nu, 0, scale).logpdf(np.exp(x)) + x


def gamma(shape: float, rate: float) -> Callable:
    return lambda x: shape * np.log(rate) - gammaln(shape) + shape * x - rate * np.exp(x)


def inverse_gamma(shape: float, scale: float) -> Callable:
    return lambda x: shape * np.log(scale) - gammaln(shape) - shape * x - scale * np.exp(-np.maximum(x, -700))


def beta(a: float, b: float) -> Callable:
    return lambda x: np.where(
        x < 0, a * x + (b - 1) * np.log1p(-np.exp(np.minimum(x, -1e-15))) - betaln(a, b), -np.inf
    )


def cut(frozen, low: float, high: float) -> Callable:
    kept = np.log(frozen.cdf(high) - frozen.cdf(low))
    return lambda x: np.where((np.exp(x) > low) & (np.exp(x) < high), of(frozen)(x) - kept, -np.inf)


@dataclass(frozen=True)
class Case:
    """Data, prior of mu (mean and sd), prior of tau as text and as a density of log tau."""

    y: object
    se: object
    tau: str
    log_tau: Callable
    mu: tuple[float, float] = (0.0, 4.0)
    options: dict = field(default_factory=dict)


def two_hills(precise: int, vague: int, half_range: float, se: float) -> tuple[np.ndarray, np.ndarray]:
    """Precise studies that say tau is small and vague ones that say it is 0.7, balanced: two peaks as high.

    Each is some 0.04 wide in log tau, between them the density falls by hundreds of log units. Where a coarse
    scan saw one peak only, the log evidence was off by up to 5 and the mean of tau by a factor of 1800.
    """
    y = np.r_[np.linspace(-half_range, half_range, precise), np.linspace(-3.0, 3.0, vague)]
    return y, np.repeat([se, 0.3], [precise, vague])


THREE = ([-0.4, 0.1, 0.3], [0.2, 0.3, 0.1])
HALF_NORMAL = ("HalfNormal(0.5)", of(stats.halfnorm(scale=0.5)))
HALF_CAUCHY = ("HalfCauchy(0.5)", of(stats.halfcauchy(scale=0.5)))
SMALL_NORMAL = ("HalfNormal(0.001)", of(stats.halfnorm(scale=1e-3)))
FINE = {"width": 0.01}

CASES = {
    "k = 1, half-normal": Case([-0.4], [0.2], *HALF_NORMAL),
    "k = 1, half-Cauchy": Case([-0.4], [0.2], *HALF_CAUCHY),
    "k = 1, half-Cauchy, flat mu": Case([-0.4], [0.2], *HALF_CAUCHY, FLAT),
    "k = 1, half-t tail 1.3, flat mu": Case([-0.4], [0.2], "HalfStudentT(0.3, 0.5)", half_t(0.3, 0.5), FLAT),
    "k = 2, half-normal, flat mu": Case([-0.4, 0.1], [0.2, 0.3], *HALF_NORMAL, FLAT),
    "k = 2, half-Cauchy, flat mu": Case([-0.4, 0.1], [0.2, 0.3], *HALF_CAUCHY, FLAT),
    "k = 3, half-Cauchy, flat mu": Case(*THREE, *HALF_CAUCHY, FLAT),
    "k = 4, flat, flat": Case([-0.4, 0.1, 0.3, 0.35], [0.2, 0.3, 0.1, 0.2], "Flat()", lambda x: x, FLAT),
    "identical estimates": Case([0.1] * 10, [0.2] * 10, *HALF_NORMAL),
    "identical estimates, se 1e-6": Case([0.1] * 3, [1e-6] * 3, *HALF_NORMAL),
    "uniform to 10": Case(*THREE, "Uniform(0, 10)", of(stats.uniform(0, 10)), options={"breaks": (10,)}),
    "uniform from 1": Case(*THREE, "Uniform(1, 2)", of(stats.uniform(1, 1)), options={"breaks": (1, 2)}),
    "uniform to 1e9": Case(
        *THREE, "Uniform(1, 1e9)", of(stats.uniform(1, 1e9)), options={"breaks": (1, 1e9)}
    ),
    "se 1e-6": Case(THREE[0], [1e-6] * 3, *HALF_NORMAL),
    "se 1e6": Case(THREE[0], [1e6] * 3, *HALF_NORMAL),
    "se 1e6, half-Cauchy, flat mu": Case(THREE[0], [1e6] * 3, *HALF_CAUCHY, FLAT),
    "se 1e-6, 1 and 1e6": Case(THREE[0], [1e6, 1e-6, 1.0], *HALF_NORMAL),
    "se 1e-6 and 1e6, flat mu": Case([-0.4, 0.1, 0.3, 5], [1e6, 1e-6, 1e-6, 1e6], *HALF_CAUCHY, FLAT),
    "one precise, many vague": Case(np.r_[0.2, rng.normal(0, 5, 30)], [0.01] + [5.0] * 30, *HALF_CAUCHY),
    "k = 1000": Case(rng.normal(0.3, 0.36, 1000), [0.2] * 1000, *HALF_NORMAL, options={"width": 0.05}),
    "k = 3000": Case(
        rng.normal(0.3, 0.36, 3000), rng.uniform(0.05, 0.4, 3000), *HALF_NORMAL, options={"width": 0.05}
    ),
    "estimates of 1e6": Case(
        [1e6, 1e6 + 2, 1e6 - 1], [1, 2, 0.5], "HalfNormal(1)", of(stats.halfnorm()), (0, 4e6)
    ),
    "estimates of 1e6 against mu ~ Normal(0, 4)": Case(
        [1e6, 1e6 + 2, 1e6 - 1], [1, 2, 0.5], "HalfNormal(1)", of(stats.halfnorm()), options={"width": 5e-4}
    ),
    "prior scale 0.001, effects 10 apart": Case([-10, 0, 10], [0.1] * 3, *SMALL_NORMAL, options=FINE),
    "the same, half-Cauchy": Case(
        [-10, 0, 10], [0.1] * 3, "HalfCauchy(0.001)", of(stats.halfcauchy(scale=1e-3))
    ),
    "both priors at 0.001": Case([-10, 0, 10], [1e-3] * 3, *SMALL_NORMAL, (0, 1e-3), {"width": 1e-3}),
    "two hills": Case(*two_hills(360, 100, 0.0173, 1e-4), *HALF_CAUCHY, options=FINE),
    "two hills, 6 apart in log tau": Case(
        *two_hills(401, 200, 0.0173 * 0.03 * 1.65, 3e-6), *HALF_CAUCHY, options=FINE
    ),
    "two hills, 5 apart in log tau": Case(
        *two_hills(771, 300, 0.0173 * 0.1 * 2.35, 1e-5), *HALF_CAUCHY, options=FINE
    ),
    "tiny prior": Case(*THREE, "HalfNormal(1e-9)", of(stats.halfnorm(scale=1e-9))),
    "huge prior": Case(*THREE, "HalfNormal(1e9)", of(stats.halfnorm(scale=1e9))),
    "tiny half-Cauchy": Case(*THREE, "HalfCauchy(1e-9)", of(stats.halfcauchy(scale=1e-9))),
    "exponential": Case(*THREE, "Exponential(2)", of(stats.expon(scale=0.5))),
    "log-normal": Case(*THREE, "LogNormal(-1, 1)", stats.norm(-1, 1).logpdf),
    "log-normal, 30 wide": Case(*THREE, "LogNormal(-1, 30)", stats.norm(-1, 30).logpdf),
    "log-normal, far below": Case([-10, 0, 10], THREE[1], "LogNormal(-8, 0.5)", stats.norm(-8, 0.5).logpdf),
    "log-normal, far above": Case(*THREE, "LogNormal(20, 0.5)", stats.norm(20, 0.5).logpdf),
    "log-t, 5 df": Case(*THREE, "LogStudentT(5, -1, 1)", stats.t(5, -1, 1).logpdf),
    "log-t, 1 df": Case(*THREE, "LogStudentT(1, -1, 1)", stats.t(1, -1, 1).logpdf),
    "log-t, narrow, far": Case(
        [-10, 0, 10], THREE[1], "LogStudentT(5, -8, 0.1)", stats.t(5, -8, 0.1).logpdf, options={"width": 0.02}
    ),
    "gamma(0.5)": Case(*THREE, "Gamma(0.5, 1)", gamma(0.5, 1)),
    "gamma(0.001)": Case(*THREE, "Gamma(0.001, 0.001)", gamma(1e-3, 1e-3)),
    "gamma(0.0001): its median is below the smallest number": Case(
        *THREE, "Gamma(1e-4, 1e-4)", gamma(1e-4, 1e-4)
    ),
    "inverse gamma": Case(*THREE, "InverseGamma(1, 0.15)", inverse_gamma(1, 0.15)),
    "inverse gamma(0.001)": Case(*THREE, "InverseGamma(0.001, 0.001)", inverse_gamma(1e-3, 1e-3)),
    "beta": Case(*THREE, "Beta(2, 3)", beta(2, 3), options={"breaks": (1,)}),
    "truncated on both sides": Case(
        *THREE,
        "Truncated(HalfNormal(0.5), lower=0.2, upper=1)",
        cut(stats.halfnorm(scale=0.5), 0.2, 1.0),
        options={"breaks": (0.2, 1)},
    ),
    "truncated normal, a tail": Case(
        *THREE, "Truncated(Normal(-0.5, 0.1), lower=0)", cut(stats.norm(-0.5, 0.1), 0.0, np.inf)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_against_brute_force(case, brute_force):
    y, se = np.array(case.y, dtype=float), np.array(case.se, dtype=float)
    mu = Prior.parse("Flat()") if case.mu == FLAT else Prior("Normal", case.mu)
    tau = Prior.parse(case.tau)
    priors = {"mu": mu, "tau": tau}
    exists = NORMAL.moments_below(
        ModelCase(NORMAL.arrays(Effects.from_estimates(y, se), {}), priors, NORMAL.checked_options({}))
    )
    solution = gaussian.solve(GaussianProblem(y, se, mu, tau), exists["tau"])
    scales = tuple(s for s in (case.mu[1], tau.median() if tau.is_proper else 1.0) if 1e-300 < s < 1e300)
    theirs = brute_force.normal_mu(y, se, case.mu, case.log_tau, scales=scales, **case.options)

    allowed = FACTOR * solution.error + ROUNDING
    assert solution.log_evidence == pytest.approx(theirs.log_evidence, abs=allowed)
    mixture = NormalMixture(solution.weight, solution.mu_mean[None], solution.mu_sd[None])
    density = solution.tau_density
    scale = ScaleDensity(
        solution.weight, solution.tau, density.scale_map, density.low, density.high, density.series
    )
    mean, sd, tau_mean, tau_sd = theirs.moments()
    if exists["mu"] > 2:
        assert mixture.mean()[0] == pytest.approx(mean, abs=allowed * sd)
        assert mixture.sd()[0] == pytest.approx(sd, rel=allowed)
    if exists["tau"] > 1:
        assert scale.mean()[0] == pytest.approx(tau_mean, rel=allowed)
    if exists["tau"] > 2:
        assert scale.sd()[0] == pytest.approx(tau_sd, rel=allowed)
    assert mixture.probability(0.0, above=False)[0] == pytest.approx(theirs.below(0.0), abs=allowed)
    low, middle, high = (theirs.quantile(q) for q in (0.025, 0.5, 0.975))
    assert mixture.quantile([0.025, 0.5, 0.975])[0] == pytest.approx(
        [low, middle, high], abs=QUANTILE * (high - low)
    )
    for x in theirs.edges_near(0.1, 0.5, 0.9):
        p = theirs.tau_below(x)
        assert scale.probability(x, above=False)[0] == pytest.approx(p, abs=DISTRIBUTION)
        if DISTRIBUTION < p < 1.0 - DISTRIBUTION:
            assert scale.quantile([p])[0, 0] == pytest.approx(x, rel=QUANTILE)


def test_an_accuracy_that_is_not_reached_is_loud_and_honest(brute_force):
    """Beta(0.5, 0.5) is infinite at tau = 1, a kind of end that no rule in use can follow."""
    y, se = (np.array(values) for values in THREE)
    problem = GaussianProblem(y, se, Prior.parse("Normal(0, 4)"), Prior.parse("Beta(0.5, 0.5)"))
    with pytest.warns(ConvergenceWarning, match="the integral over tau reached an accuracy of 0.000"):
        solution = gaussian.solve(problem)

    # tau = sin(a)^2 removes both ends: the density of a is uniform on (0, pi / 2)
    angle, rule = np.polynomial.legendre.leggauss(400)
    angle, rule = np.pi / 4 * (angle + 1.0), rule / 2.0
    log_like, _, _ = brute_force.by_updating(np.sin(angle) ** 2, y, se, 0.0, 16.0)
    expected = np.log(np.sum(rule * np.exp(log_like)))
    wrong = abs(solution.log_evidence - expected)
    assert 1e-6 < wrong <= FACTOR * solution.error


def test_a_tail_cut_off_where_numbers_end_is_loud():
    """One study, flat mu: tau keeps its prior, an inverse gamma with half of its mass beyond exp(300)."""
    problem = GaussianProblem(
        np.array([-0.4]), np.array([0.2]), Prior.parse("Flat()"), Prior.parse("InverseGamma(0.001, 0.001)")
    )
    with pytest.warns(ConvergenceWarning, match="reached an accuracy of 1 "):
        assert gaussian.solve(problem, moments=0.001).error == 1.0


def test_error_of_an_easy_case_is_near_rounding():
    y, se = (np.array(values) for values in THREE)
    solution = gaussian.solve(
        GaussianProblem(y, se, Prior.parse("Normal(0, 4)"), Prior.parse("HalfNormal(0.5)"))
    )
    assert solution.error < 1e-12
    assert solution.nodes == 2 * gaussian.FIRST
    assert solution.weight.sum() == pytest.approx(1.0, abs=1e-14)
