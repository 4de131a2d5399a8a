"""A handful of parameters by importance sampling on randomised Sobol points, its error measured.

The parameters are functions of deviates z, independent standard normal a priori. The proposal stands around
the mode of z, or around one for every value of a leading deviate (see `proposals`). Every scrambling of the
points is an estimate of its own (Owen 1997, doi 10.1214/aos/1031594731): their scatter is the error, and the
points are doubled until it is small. Seeds are fixed, so that equal questions have equal answers.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import qmc

from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.marginals import WeightedPoints
from bayesma.engines.proposals import Proposal, around_mode, led
from bayesma.errors import ConvergenceWarning
from bayesma.families.base import Arrays
from bayesma.families.problems import StandardProblem

Array = NDArray[np.float64]

SCRAMBLES = 8
LEVELS = (2**11, 2**12, 2**13)  # points of each scrambling, as many as reach the tolerance
FURTHER = (2**14, 2**15)  # ... and as many as reach the standard
MOST = 2**26  # effects of all studies at all points, half a gigabyte: further points are not drawn
TOLERANCE = 1.5e-3, 1e-2  # standard errors of means and of quantiles, in posterior sds, at which we stop
QUANTILES = (0.025, 0.5, 0.975)  # whose errors are looked at: in the tails they are the largest
STANDARD = 1e-2, 5e-2  # ... and above which it is said aloud
SEED = 20261122
FLOOR = -1e10  # log likelihoods below are all the same: the prior leads the search for the mode back
EDGE = 1e-12  # uniform points keep this distance from 0 and 1


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Weighted points of all scramblings.

    Attributes
    ----------
    weight
        Shape (n,), summing to 1; the points of a scrambling stand together.
    values
        Parameters and effects at the points.
    log_evidence
        log p(y).
    error
        Largest standard error of the log evidence and, in posterior sds, of means.
    error_quantiles
        The same of medians and of the ends of 95 % intervals.
    """

    weight: Array
    values: Arrays
    log_evidence: float
    error: float
    error_quantiles: float


@dataclass(frozen=True, slots=True, eq=False)
class StandardIntegral:
    """A solved `StandardProblem`."""

    problem: StandardProblem
    sample: Sample

    @classmethod
    def solve(cls, problem: StandardProblem, moments: dict[str, float]) -> StandardIntegral:
        """Integrate.

        Warns
        -----
        ConvergenceWarning
            When the standard error of a mean stays above a hundredth of its posterior sd, or that of a
            quantile above a twentieth.
        """
        sample = _sample(problem, {name for name, limit in moments.items() if limit > 2})
        solved = cls(problem, sample)
        if not solved.sound:
            warnings.warn(
                f"importance sampling reached an accuracy of {sample.error:.1g} posterior sds only "
                f"(quantiles: {sample.error_quantiles:.1g}); compare with engine='nuts' before relying on it",
                ConvergenceWarning,
                stacklevel=2,
            )
        return solved

    @property
    def error(self) -> float:
        """Estimated accuracy: a standard error in posterior sds."""
        return self.sample.error

    @property
    def sound(self) -> bool:
        """Whether that is good enough."""
        return self.error <= STANDARD[0] and self.sample.error_quantiles <= STANDARD[1]

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Weighted points of every parameter and effect."""
        sample, dims = self.sample, self.problem.dims
        variables: dict[str, Any] = {"weight": ("node", sample.weight)}
        variables |= {f"{name}_at": (("node", *dims[name]), values) for name, values in sample.values.items()}
        evidence = Evidence(sample.log_evidence, {})
        errors = {"error": self.error, "error_quantiles": sample.error_quantiles}
        attrs = {**errors, "nodes": sample.weight.size, **evidence.attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Points drawn by their weights.

        Where the problem has an order they are drawn systematically along it (every share 1 / size of the
        weight gives one), so that draws and points tell the same of it to that share, and are then shuffled.
        """
        weight = self.sample.weight
        if self.problem.order is None:
            chosen = rng.choice(weight.size, size=size, p=weight)
        else:
            ranked = np.argsort(self.problem.order(self.sample.values), kind="stable")
            below = np.cumsum(weight[ranked])
            places = np.searchsorted(below, (np.arange(size) + rng.uniform()) / size * below[-1])
            chosen = rng.permutation(ranked[np.minimum(places, weight.size - 1)])
        effects = set(self.problem.effect_names)
        return {name: values[chosen] for name, values in self.sample.values.items() if name not in effects}


def _log_posterior(problem: StandardProblem, z: Array) -> Array:
    """Log of likelihood times prior of the deviates, (n, d) to (n,)."""
    with np.errstate(all="ignore"):  # far out, where the density is 0, an overflow says just that
        value = problem.log_likelihood(problem.parameters(z))
    prior = -0.5 * (np.square(z).sum(axis=1) + z.shape[1] * math.log(math.tau))
    return np.asarray(np.where(value > FLOOR, value, FLOOR) + prior)


class _Points:
    """One scrambling of Sobol points, mapped to the proposal; it can be continued."""

    def __init__(self, problem: StandardProblem, proposal: Proposal, number: int) -> None:
        self.problem, self.proposal = problem, proposal
        self.sobol = qmc.Sobol(proposal.size + problem.effect_size, rng=np.random.default_rng([SEED, number]))
        self.z, self.log_weight = np.empty((0, problem.size)), np.empty(0)
        self.uniform = np.empty((0, problem.effect_size))

    def extend(self, size: int) -> None:
        """Add points until there are so many."""
        uniform = np.clip(self.sobol.random(size - self.log_weight.size), EDGE, 1.0 - EDGE)
        z, log_density = self.proposal.points(uniform[:, : self.proposal.size])
        self.z = np.concatenate([self.z, z])
        self.uniform = np.concatenate([self.uniform, uniform[:, self.proposal.size :]])
        self.log_weight = np.concatenate([self.log_weight, _log_posterior(self.problem, z) - log_density])


def _proposal(problem: StandardProblem) -> Proposal:
    """Around the mode, or around a mode for every value of the first deviate."""

    def log_posterior(z: Array) -> Array:
        return _log_posterior(problem, z)

    return (
        led(log_posterior, problem.size)
        if problem.led
        else around_mode(log_posterior, np.zeros(problem.size))
    )


def _sample(problem: StandardProblem, finite: set[str]) -> Sample:
    """Points of all scramblings, until they tell little different of parameters that have a variance."""
    proposal = _proposal(problem)
    runs = [_Points(problem, proposal, i) for i in range(SCRAMBLES)]
    for size in (*LEVELS, *FURTHER):
        if size > LEVELS[0] and size * SCRAMBLES * problem.effect_size > MOST:
            break
        for run in runs:
            run.extend(size)
        log_weight = np.array([run.log_weight for run in runs])
        largest = float(log_weight.max())
        raw = np.exp(log_weight - largest)
        values = problem.parameters(np.concatenate([run.z for run in runs]))
        known = [v.reshape(SCRAMBLES, size, -1) for name, v in values.items() if name in finite]
        errors = _scatter(raw, known)
        limits = TOLERANCE if size < LEVELS[-1] else STANDARD
        if errors[0] <= limits[0] and errors[1] <= limits[1]:
            break
    values |= problem.effects(values, np.concatenate([run.uniform for run in runs]))
    return Sample(raw.ravel() / raw.sum(), values, largest + math.log(float(raw.mean())), *errors)


def _scatter(raw: Array, values: list[Array]) -> tuple[float, float]:
    """Largest standard errors of log evidence and means, and of quantiles, in sds; weights (r, n).

    Infinite where a scrambling has no weight at all, or one point has all of it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        means, quantiles = [raw.mean(axis=1).std(ddof=1) / raw.mean()], [np.zeros(1)]
        within, weight = raw / raw.sum(axis=1, keepdims=True), raw / raw.sum()
        for value in values:
            mean = np.einsum("rn,rnp->p", weight, value)
            sd = np.sqrt(np.einsum("rn,rnp->p", weight, np.square(value - mean)))
            means.append(np.einsum("rn,rnp->rp", within, value).std(axis=0, ddof=1) / sd)
            each = zip(value, within, strict=True)
            found = np.array([WeightedPoints(*run).quantile(QUANTILES).T for run in each])
            quantiles.append(found.std(axis=0, ddof=1) / sd)
    return _largest(means), _largest(quantiles)


def _largest(spread: list[Any]) -> float:
    """Largest standard error of a mean over the scramblings, from their standard deviations."""
    every = np.concatenate([np.ravel(one) for one in spread])
    return float(np.max(np.where(np.isnan(every), np.inf, every))) / math.sqrt(SCRAMBLES)
