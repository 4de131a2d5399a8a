"""A two-dimensional posterior by quadrature: slices of constant scale, each with its own window in location.

The scale (tau, or a precision) runs over one Gauss-Legendre rule on a window found by scanning; in each slice
the location runs over another, around the slice's mode. Both rules are refined until log evidence, means,
sds and P(location < 0) stand still and the series of the densities have ended: what is left is the error that
is reported. Between its nodes a density is known by its log, which a polynomial follows sooner.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.gaussian import DROP, LOUD
from bayesma.engines.scale import ScaleMap
from bayesma.engines.slice_levels import Level, Slices, level
from bayesma.engines.slice_windows import LOOKS, SCAN, Posterior, scale_window
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import TwoParameterProblem
from bayesma.numerics import legendre
from bayesma.numerics import slices as pieces

Array = NDArray[np.float64]

LEVELS = ((20, 24), (28, 32), (40, 44), (56, 60), (80, 84), (120, 120), (180, 180))  # scale, location nodes
TOLERANCE = 1e-7  # of the rule before: the one that is kept is finer
FOLLOWED = 5e-7  # what the last terms of a density's series may still add
TABLE_GAIN = 64.0  # by which twice the points of a table reduce its error at least: interpolation's is 2^7


def solve(problem: TwoParameterProblem) -> Slices:
    """Integrate.

    Warns
    -----
    ConvergenceWarning
        When the estimated error stays above 1e-6.
    """
    slices = solved(problem)
    if slices.error > LOUD:
        warnings.warn(
            f"the integral over {problem.location} and {problem.scale} reached an accuracy of "
            f"{slices.error:.1g}; compare with engine='nuts' before relying on it",
            ConvergenceWarning,
            stacklevel=2,
        )
    return slices


def solved(problem: TwoParameterProblem) -> Slices:
    """`solve` for those who weigh the error themselves."""
    posterior = Posterior.of(problem)
    reach = scale_window(posterior)
    previous, error, known = None, math.inf, None
    for sizes in LEVELS:
        found = level(posterior, reach, *sizes, known)
        slices, summary = found.slices, _summary(problem, found)
        known = known or slices
        if previous is not None:
            change = _change(previous, summary)
            error = max(change, found.rough)
            if change <= TOLERANCE and found.rough <= FOLLOWED:
                break
        previous = summary
    assert known is not None
    error = max(error, _table_error(problem, known))
    return replace(slices, error=error, nodes=slices.weight.size)


def rough_log_evidence(problem: TwoParameterProblem) -> float:
    """Log evidence by the first rule alone, for those who look where it is large."""
    posterior = Posterior.of(problem)
    return level(posterior, scale_window(posterior), *LEVELS[0], None).slices.log_evidence


def log_evidence_at(problem: TwoParameterProblem, location: float) -> float:
    """Log evidence with the location held at a value."""
    prior = problem.scale_prior
    if prior is None:
        return float(problem.log_likelihood(np.array([location]), np.zeros(1)).sum())
    scale_map = ScaleMap.for_prior(prior, problem.scales[0])
    low, high = scale_map.reach(prior, problem.scales[1], problem.scale_moments)

    def height(z: Array) -> Array:
        """Log integrand in z."""
        scale = scale_map.tau(z)
        value = problem.log_likelihood(np.full(z.size, location), scale).sum(axis=1)
        with np.errstate(divide="ignore"):  # a scale below the smallest number
            return np.asarray(value + prior.logpdf(scale) + np.log(scale_map.slope(z)))

    for _ in range(LOOKS):
        z = np.linspace(low, high, 2 * SCAN)
        value = height(z)
        inside = np.flatnonzero(value > np.nanmax(value) - DROP)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, z.size - 1)
        low, high = z[first], z[last]
        if last - first + 1 >= SCAN:
            break
    before = math.inf
    for sizes in LEVELS:
        u, w = legendre.rule(2 * sizes[0])
        value = height(low + 0.5 * (high - low) * (u + 1.0)) + np.log(w * 0.5 * (high - low))
        peak = float(np.max(value))
        result = peak + math.log(float(np.exp(value - peak).sum()))
        if abs(result - before) <= TOLERANCE:
            break
        before = result
    return result


def _table_error(problem: TwoParameterProblem, slices: Slices) -> float:
    """Mean change of the log likelihood when every second point of its table is left out, brought to all."""
    if problem.coarser is None:
        return 0.0
    location = slices.location.reshape(-1)
    scale = np.repeat(slices.scale, slices.location.shape[1])
    change = problem.coarser(location, scale) - slices.likelihood.reshape(location.size, -1)
    weight = slices.weight.reshape(-1)
    kept = weight > 0.0
    return float(weight[kept] @ np.abs(change.sum(axis=1)[kept])) / TABLE_GAIN


def _summary(problem: TwoParameterProblem, found: Level) -> dict[str, float]:
    """What has to stand still: log evidence, P(location < 0), means and sds of those with moments."""
    slices, shares = found.slices, found.shares
    mass = slices.mass
    first, second = np.empty((2, mass.size)), np.empty((2, mass.size))
    for rule, (nodes, weight) in enumerate(
        [(slices.location, slices.weight), pieces.nodes(slices.window, slices.series)]
    ):
        value = expit(nodes) if problem.link == "expit" else nodes
        within = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        first[rule] = (within * value).sum(axis=1)
        second[rule] = (within * (value - first[rule][:, None]) ** 2).sum(axis=1)
    means, variances = (np.where(found.of_logs, fine, own) for own, fine in (first, second))
    mean = float(shares @ means)
    variance = float(shares @ (variances + (means - mean) ** 2))
    integrals = legendre.antiderivatives(slices.series)
    share_below = [
        pieces.below(0.0, slices.window[s : s + 1], integrals[s : s + 1]) for s in range(slices.scale.size)
    ]
    result = {
        "evidence": slices.log_evidence,
        "below": float(shares @ (np.array(share_below) / np.maximum(mass, 1e-300))),
    }
    if problem.location_moments > 1:
        result["mean"] = mean
    if problem.location_moments > 2:
        result["sd"] = math.sqrt(max(variance, 0.0))  # a rule too coarse for long tails may have it below 0
    if slices.scale_density is not None and problem.scale_moments > 1:
        result["scale"] = float(found.weight @ found.scale)
        if problem.scale_moments > 2:
            result["scale_sd"] = math.sqrt(float(found.weight @ (found.scale - result["scale"]) ** 2))
    return result


def _change(before: dict[str, float], after: dict[str, float]) -> float:
    """Largest difference: absolute for logs and probabilities, in sds for means, relative for sds.

    A mean without an sd is compared with itself and the scale, an sd of 0 with nothing: it is wrong.
    """
    unit = {"evidence": 1.0, "below": 1.0}
    unit["sd"] = after.get("sd", 0.0)
    unit["mean"] = after["sd"] if "sd" in after else max(abs(after.get("mean", 0.0)), after.get("scale", 0.0))
    unit["scale"] = max(after.get("scale", 1.0), after.get("scale_sd", 0.0))
    unit["scale_sd"] = after.get("scale_sd", 1.0)
    return max(
        abs(after[name] - before[name]) / unit[name] if unit[name] > 0.0 else math.inf for name in after
    )
