"""A two-dimensional posterior by quadrature: slices of constant scale, each with its own window in location.

The scale (tau, or a precision) runs over one Gauss-Legendre rule on a window found by scanning; in each slice
the location runs over another, around the slice's mode. Both rules are refined until log evidence, means,
sds and P(location < 0) stand still and the series of the densities have ended: what is left is the error that
is reported.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.gaussian import DROP, LOUD, TauDensity
from bayesma.engines.scale import ScaleMap
from bayesma.engines.slice_windows import LOOKS, SCAN, Posterior, ScaleWindow, scale_window
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import TwoParameterProblem
from bayesma.numerics import legendre
from bayesma.numerics.slices import below

Array = NDArray[np.float64]

LEVELS = ((20, 24), (28, 32), (40, 44), (56, 60), (80, 84), (120, 120), (180, 180))  # scale, location nodes
TOLERANCE = 1e-7  # of the rule before: the one that is kept is finer
FOLLOWED = 5e-7  # what the last terms of a density's series may still add
TABLE_GAIN = 64.0  # by which twice the points of a table reduce its error at least: interpolation's is 2^7
LOW_ENOUGH = 25.0  # drop at a slice's outermost nodes without which its window is sought anew


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The posterior of location and scale.

    Attributes
    ----------
    scale
        Shape (s,); one slice at 0 where the scale is fixed.
    location
        Nodes on the line, shape (s, n).
    weight
        Posterior weights of the nodes, shape (s, n), summing to 1.
    window
        Shape (s, 4): centre, unit, low and high; location = centre + unit sinh(z), z from low to high.
    series
        Shape (s, n): Legendre coefficients of the density in u on [-1, 1], its integral the slice's weight.
    scale_density
        Marginal density of the scale.
    log_evidence, error, nodes
        As in `GaussianSolution`.
    """

    scale: Array
    location: Array
    weight: Array
    window: Array
    series: Array
    scale_density: TauDensity | None
    log_evidence: float
    error: float
    nodes: int

    @property
    def mass(self) -> Array:
        """Weight of each slice, shape (s,)."""
        return np.asarray(self.weight.sum(axis=1))


def solve(problem: TwoParameterProblem) -> Slices:
    """Integrate.

    Warns
    -----
    ConvergenceWarning
        When the estimated error stays above 1e-6.
    """
    posterior = Posterior.of(problem)
    reach = scale_window(posterior)
    previous, error, known = None, math.inf, None
    for sizes in LEVELS:
        slices = _level(posterior, reach, *sizes, known)
        known = known or slices
        summary = _summary(problem, slices)
        if previous is not None:
            change, rough = _change(previous, summary), _roughness(slices)
            error = max(change, rough)
            if change <= TOLERANCE and rough <= FOLLOWED:
                break
        previous = summary
    assert known is not None
    error = max(error, _table_error(problem, known))
    if error > LOUD:
        warnings.warn(
            f"the integral over {problem.location} and {problem.scale} reached an accuracy of {error:.1g}; "
            "compare with engine='nuts' before relying on it",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Slices(
        slices.scale,
        slices.location,
        slices.weight,
        slices.window,
        slices.series,
        slices.scale_density,
        slices.log_evidence,
        error,
        slices.weight.size,
    )


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
    change = problem.coarser(location, scale) - problem.log_likelihood(location, scale)
    weight = slices.weight.reshape(-1)
    kept = weight > 0.0
    return float(weight[kept] @ np.abs(change.sum(axis=1)[kept])) / TABLE_GAIN


def _level(
    posterior: Posterior, window: ScaleWindow | None, scales: int, locations: int, known: Slices | None
) -> Slices:
    """The rule with so many nodes; its slices' windows come from `known` slices, where there are any."""
    problem = posterior.problem
    if window is None:
        scale, outer = np.zeros(1), np.zeros(1)
        guess = [problem.start]
    else:
        assert problem.scale_prior is not None
        u, w = legendre.rule(scales)
        half = 0.5 * (window.high - window.low)
        z = window.low + half * (u + 1.0)
        scale = window.scale_map.tau(z)
        outer = np.log(w * half * window.scale_map.slope(z)) + problem.scale_prior.logpdf(scale)
        guess = list(
            zip(np.interp(z, window.z, window.centre), np.interp(z, window.z, window.sd), strict=True)
        )
    v, weight = legendre.rule(locations)
    windows, location, log_mass = [], [], []
    for s in range(scale.size):
        for ends in _windows(posterior, float(scale[s]), guess[s], known):
            centre, unit, low, high = ends
            nodes_z = low + 0.5 * (high - low) * (v + 1.0)
            nodes = centre + unit * np.sinh(nodes_z)
            height = posterior.log_density(nodes, float(scale[s]))
            if _falls(height, nodes, posterior):
                break
        jacobian = np.log(weight * 0.5 * (high - low) * unit * np.cosh(nodes_z))
        location.append(nodes)
        log_mass.append(height + jacobian + outer[s])
        windows.append(ends)
    table = np.array(log_mass)
    peak = table.max()
    mass = np.exp(table - peak)
    log_evidence = peak + math.log(mass.sum())
    mass /= mass.sum()
    density = None
    if window is not None:
        per_u = mass.sum(axis=1) / legendre.rule(scales)[1]
        density = TauDensity(window.scale_map, window.low, window.high, legendre.coefficients(per_u))
    series = np.array([legendre.coefficients(row / weight) for row in mass])
    return Slices(
        scale, np.array(location), mass, np.array(windows), series, density, float(log_evidence), math.inf, 0
    )


def _falls(height: Array, nodes: Array, posterior: Posterior) -> bool:
    """Whether the density has fallen far enough at both ends of a slice, or its support ends there."""
    enough = height.max() - LOW_ENOUGH
    spacing = nodes[1] - nodes[0], nodes[-1] - nodes[-2]
    left = height[0] < enough or nodes[0] - spacing[0] < posterior.low
    return bool(left and (height[-1] < enough or nodes[-1] + spacing[1] > posterior.high))


def _windows(
    posterior: Posterior, scale: float, guess: tuple[float, float], known: Slices | None
) -> Iterator[tuple[float, float, float, float]]:
    """Windows of a slice to try in turn: between those of the known slices around it, then its own."""
    whole = math.isinf(posterior.low) and math.isinf(posterior.high)
    if known is not None and known.scale.size > 1 and whole:
        columns = (np.interp(scale, known.scale, column) for column in known.window.T)
        centre, unit, low, high = (float(value) for value in columns)
        yield centre, unit, low, high
    yield posterior.slice(scale, *guess)


def _summary(problem: TwoParameterProblem, slices: Slices) -> dict[str, float]:
    """What has to stand still: log evidence, P(location < 0), means and sds of those with moments."""
    value = expit(slices.location) if problem.link == "expit" else slices.location
    mean = float(np.sum(slices.weight * value))
    sd = math.sqrt(float(np.sum(slices.weight * (value - mean) ** 2)))
    result = {
        "evidence": slices.log_evidence,
        "below": below(0.0, slices.window, legendre.antiderivatives(slices.series)),
        "mean": mean,
        "sd": sd,
    }
    if slices.scale_density is not None and problem.scale_moments > 1:
        result["scale"] = float(slices.mass @ slices.scale)
        if problem.scale_moments > 2:
            result["scale_sd"] = math.sqrt(float(slices.mass @ (slices.scale - result["scale"]) ** 2))
    return result


def _roughness(slices: Slices) -> float:
    """How far the series of the scale and, on the average of the slices, of the location are from done."""
    density, kept = slices.scale_density, slices.mass > 0.0
    of_scale = 0.0 if density is None else float(legendre.roughness(density.series[None])[0])
    return max(of_scale, float(slices.mass[kept] @ legendre.roughness(slices.series[kept])))


def _change(before: dict[str, float], after: dict[str, float]) -> float:
    """Largest difference: absolute for logs and probabilities, in sds for means, relative for sds."""
    unit = {"evidence": 1.0, "below": 1.0, "mean": after["sd"], "sd": after["sd"]}
    unit["scale"] = max(after.get("scale", 1.0), after.get("scale_sd", 0.0))
    unit["scale_sd"] = after.get("scale_sd", 1.0)
    return max(abs(after[name] - before[name]) / unit[name] for name in after)
