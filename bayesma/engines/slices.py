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
from scipy.special import expit, log_expit, logit

from bayesma.engines.gaussian import DROP, LOUD, TauDensity
from bayesma.engines.scale import ScaleMap
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import TwoParameterProblem
from bayesma.numerics import legendre
from bayesma.numerics.slices import below
from bayesma.priors import Prior
from bayesma.priors.kernels import log_densities

Array = NDArray[np.float64]

LEVELS = ((20, 24), (28, 32), (40, 44), (56, 60), (80, 84), (120, 120), (180, 180))  # scale, location nodes
TOLERANCE = 1e-7  # of the rule before: the one that is kept is finer
FOLLOWED = 5e-7  # what the last terms of a density's series may still add
TABLE_GAIN = 64.0  # by which twice the points of a table reduce its error at least: interpolation's is 2^7
SCAN = 33  # points of a look along the scale
ENOUGH = 9  # of them within the window before it is trusted
LOOKS = 12
STEPS = 40  # of the search for a slice's mode
UNIT = 4.0  # sds: in asinh units of so many a bell is a polynomial of the least degree
LOW_ENOUGH = 25.0  # drop at a slice's outermost nodes without which its window is sought anew


def _probes(outward: Array) -> Array:
    """Places, in sds around a mode, at which the ends of a slice's window are looked for."""
    return np.concatenate([-outward[::-1], [0.0], outward])


NEAR = _probes(np.array([1.0, 3.0, 5.0, 6.5, 7.5, 8.2, 8.8, 9.4, 10.0, 11.0, 12.5, 15.0]))
FAR = _probes(np.concatenate([np.arange(1.0, 10.0), 10.0 * 1.35 ** np.arange(60)]))


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


@dataclass(slots=True, eq=False)
class _Posterior:
    """Unnormalised log posterior on the line, with the look-up of slices."""

    problem: TwoParameterProblem
    prior: Array
    unbounded: Array
    low: float
    high: float

    @classmethod
    def of(cls, problem: TwoParameterProblem) -> _Posterior:
        """With the ends of the location's support on the line, and its prior as it is without them."""
        prior = problem.location_prior
        free = Prior(prior.distribution, prior.arguments)
        whole = (0.0, 1.0) if problem.link == "expit" else (-math.inf, math.inf)
        if free.support != whole:
            free = Prior("Flat", ())
        ends = [float(logit(end)) if problem.link == "expit" else end for end in prior.support]
        return cls(problem, prior.pack(), free.pack(), *ends)

    def log_density(self, location: Array, scale: float, *, bounded: bool = True) -> Array:
        """Log likelihood plus log prior of the location, shape of `location`; its bounds may be ignored."""
        problem, prior = self.problem, self.prior if bounded else self.unbounded
        value = problem.log_likelihood(location, np.full(location.size, scale)).sum(axis=1)
        if problem.link == "expit":
            jacobian = log_expit(location) + log_expit(-location)
            value = value + log_densities(prior, expit(location)) + jacobian
        else:
            value = value + log_densities(prior, location)
        return np.where(value < math.inf, value, -math.inf)  # NaN where a parameter has left its range

    def mode(self, scale: float, centre: float, sd: float) -> tuple[float, float, float]:
        """Mode, sd by curvature and height of a slice, searched for from a guess."""
        height = -math.inf
        for _ in range(STEPS):
            around = centre + 0.4 * sd * np.array([-1.0, 0.0, 1.0])
            left, height, right = self.log_density(around, scale, bounded=False)
            if not math.isfinite(left) or not math.isfinite(right) or not math.isfinite(height):
                sd *= 0.25
                continue
            slope, bend = (right - left) / (0.8 * sd), (left - 2.0 * height + right) / (0.4 * sd) ** 2
            new_sd = 1.0 / math.sqrt(-bend) if bend < 0.0 else 4.0 * sd
            new_sd = min(max(new_sd, 0.1 * sd), 4.0 * sd)
            step = -slope / bend if bend < 0.0 else math.copysign(2.0 * sd, slope)
            step = min(max(step, -5.0 * sd), 5.0 * sd)
            settled = abs(step) < 0.3 * new_sd and 0.7 < new_sd / sd < 1.4
            centre, sd = centre + step, new_sd
            if settled:
                break
        return centre, sd, float(height)

    def slice(self, scale: float, centre: float, sd: float) -> tuple[float, float, float, float]:
        """Centre, unit and ends, in asinh units, of a slice's window."""
        for probes in (NEAR, FAR, FAR, FAR):
            centre, sd, _ = self.mode(scale, centre, sd)
            centre = min(max(centre, self.low), self.high)
            value = self.log_density(np.clip(centre + sd * probes, self.low, self.high), scale)
            best = int(np.argmax(value))
            inside = np.flatnonzero(value >= value[best] - DROP)
            closed = inside[0] > 0 and inside[-1] < probes.size - 1
            if abs(probes[best]) <= 1.0 and (closed or probes is FAR):
                break
            centre = centre + sd * probes[best]  # a second mode that is higher takes over
        ends = []
        for edge, outer in ((inside[0], inside[0] - 1), (inside[-1], inside[-1] + 1)):
            if not 0 <= outer < probes.size or not math.isfinite(value[outer]):
                ends.append(math.asinh(probes[min(max(outer, 0), probes.size - 1)] / UNIT))
                continue
            fall = (value[best] - DROP - value[edge]) / (value[outer] - value[edge])
            ends.append(math.asinh((probes[edge] + fall * (probes[outer] - probes[edge])) / UNIT))
        unit = UNIT * sd
        low = max(ends[0], math.asinh((self.low - centre) / unit))
        high = min(ends[1], math.asinh((self.high - centre) / unit))
        return centre, unit, low, high


def solve(problem: TwoParameterProblem) -> Slices:
    """Integrate.

    Warns
    -----
    ConvergenceWarning
        When the estimated error stays above 1e-6.
    """
    posterior = _Posterior.of(problem)
    reach = _scale_window(posterior)
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


@dataclass(frozen=True, slots=True)
class _Window:
    """Window of the scale, and where in each slice to look for the mode: tables over z."""

    scale_map: ScaleMap
    low: float
    high: float
    z: Array
    centre: Array
    sd: Array


def _scale_window(posterior: _Posterior) -> _Window | None:
    """Scan along the scale until the window that holds the posterior is resolved."""
    problem = posterior.problem
    if problem.scale_prior is None:
        return None
    smallest, largest = problem.scales
    scale_map = ScaleMap.for_prior(problem.scale_prior, smallest)
    power = float(sum(q < problem.scale_moments for q in (1, 2)))
    low, high = scale_map.reach(problem.scale_prior, largest, problem.scale_moments - power)
    for _ in range(LOOKS):
        z = np.linspace(low, high, SCAN)
        height, centre, sd = _heights(posterior, scale_map, z, power)
        inside = np.flatnonzero(height > height.max() - DROP)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, SCAN - 1)
        if last - first + 1 >= ENOUGH:
            ends = [_crossing(z, height, inside[0], first), _crossing(z, height, inside[-1], last)]
            return _Window(scale_map, ends[0], ends[1], z, centre, sd)
        low, high = z[first], z[last]
    return _Window(scale_map, low, high, z, centre, sd)


def _crossing(z: Array, height: Array, inner: int, outer: int) -> float:
    """Where the height has fallen by DROP, between a point above it and the next beyond."""
    if inner == outer or not math.isfinite(height[outer]):
        return float(z[outer])
    fall = (height.max() - DROP - height[inner]) / (height[outer] - height[inner])
    return float(z[inner] + min(max(fall, 0.0), 1.0) * (z[outer] - z[inner]))


def _heights(
    posterior: _Posterior, scale_map: ScaleMap, z: Array, power: float
) -> tuple[Array, Array, Array]:
    """Laplace approximation of each slice's log mass times scale^power, with the slices' modes and sds."""
    prior = posterior.problem.scale_prior
    assert prior is not None
    scale = scale_map.tau(z)
    with np.errstate(divide="ignore"):
        extra = prior.logpdf(scale) + np.log(scale_map.slope(z))
        if power:
            extra = extra + power * np.log(scale)
    height, centre, sd = np.empty_like(z), np.empty_like(z), np.empty_like(z)
    at = posterior.problem.start
    for j in range(z.size):
        mode, spread, peak = posterior.mode(float(scale[j]), *at)
        height[j], centre[j], sd[j] = peak + math.log(spread) + extra[j], mode, spread
        if math.isfinite(peak):
            at = mode, spread
    if scale[0] <= 0.0 and power:  # at 0 the moment vanishes, the density need not
        height[0] = height[1] - 1.0
    return np.where(np.isnan(height), -np.inf, height), centre, sd


def _level(
    posterior: _Posterior, window: _Window | None, scales: int, locations: int, known: Slices | None
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


def _falls(height: Array, nodes: Array, posterior: _Posterior) -> bool:
    """Whether the density has fallen far enough at both ends of a slice, or its support ends there."""
    enough = height.max() - LOW_ENOUGH
    spacing = nodes[1] - nodes[0], nodes[-1] - nodes[-2]
    left = height[0] < enough or nodes[0] - spacing[0] < posterior.low
    return bool(left and (height[-1] < enough or nodes[-1] + spacing[1] > posterior.high))


def _windows(
    posterior: _Posterior, scale: float, guess: tuple[float, float], known: Slices | None
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
    worst = 0.0 if slices.scale_density is None else legendre.roughness(slices.scale_density.series[None])
    kept = slices.mass > 0.0
    each = [legendre.roughness(row[None]) for row in slices.series[kept]]
    return max(worst, float(slices.mass[kept] @ np.array(each)))


def _change(before: dict[str, float], after: dict[str, float]) -> float:
    """Largest difference: absolute for logs and probabilities, in sds for means, relative for sds."""
    unit = {"evidence": 1.0, "below": 1.0, "mean": after["sd"], "sd": after["sd"]}
    unit["scale"] = max(after.get("scale", 1.0), after.get("scale_sd", 0.0))
    unit["scale_sd"] = after.get("scale_sd", 1.0)
    return max(abs(after[name] - before[name]) / unit[name] for name in after)
