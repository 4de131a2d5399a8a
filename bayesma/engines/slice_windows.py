"""Where the posterior of a location and a scale has its mass: along the scale, and in every slice of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from bayesma.engines.gaussian import DROP
from bayesma.engines.scale import ScaleMap
from bayesma.families.problems import TwoParameterProblem
from bayesma.priors import Prior
from bayesma.priors.kernels import log_densities

Array = NDArray[np.float64]

SCAN = 33  # points of a look along the scale
ENOUGH = 9  # of them within the window before it is trusted
STEPS = 40  # of the search for a slice's mode
UNIT = 4.0  # sds: in asinh units of so many a bell is a polynomial of the least degree
LOOKS = 12


def _probes(outward: Array) -> Array:
    """Places, in sds around a mode, at which the ends of a slice's window are looked for."""
    return np.concatenate([-outward[::-1], [0.0], outward])


NEAR = _probes(np.array([1.0, 3.0, 5.0, 6.5, 7.5, 8.2, 8.8, 9.4, 10.0, 11.0, 12.5, 15.0]))
FAR = _probes(np.concatenate([np.arange(1.0, 10.0), 10.0 * 1.35 ** np.arange(60)]))


@dataclass(slots=True, eq=False)
class Posterior:
    """Unnormalised log posterior on the line, with the look-up of slices."""

    problem: TwoParameterProblem
    prior: Array
    unbounded: Array
    low: float
    high: float

    @classmethod
    def of(cls, problem: TwoParameterProblem) -> Posterior:
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
        likelihood = self.problem.log_likelihood(location, np.full(location.size, scale))
        return self.with_prior(location, likelihood, bounded=bounded)

    def with_prior(self, location: Array, likelihood: Array, *, bounded: bool = True) -> Array:
        """`log_density` from the log likelihood of each study there, shape (n, k)."""
        value, prior = likelihood.sum(axis=1), self.prior if bounded else self.unbounded
        if self.problem.link == "expit":
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
            at = centre + sd * probes
            value = self.log_density(np.clip(at, self.low, self.high), scale)
            value[(at < self.low) | (at > self.high)] = -math.inf  # nothing is beyond a bound
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


@dataclass(frozen=True, slots=True)
class ScaleWindow:
    """Window of the scale, and where in each slice to look for the mode: tables over z."""

    scale_map: ScaleMap
    low: float
    high: float
    z: Array
    centre: Array
    sd: Array

    def z_at(self, u: Array) -> Array:
        """From [-1, 1] to the window."""
        return self.low + 0.5 * (self.high - self.low) * (u + 1.0)


def scale_window(posterior: Posterior) -> ScaleWindow | None:
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
            return ScaleWindow(scale_map, ends[0], ends[1], z, centre, sd)
        low, high = z[first], z[last]
    return ScaleWindow(scale_map, low, high, z, centre, sd)


def _crossing(z: Array, height: Array, inner: int, outer: int) -> float:
    """Where the height has fallen by DROP, between a point above it and the next beyond."""
    if inner == outer or not math.isfinite(height[outer]):
        return float(z[outer])
    fall = (height.max() - DROP - height[inner]) / (height[outer] - height[inner])
    return float(z[inner] + min(max(fall, 0.0), 1.0) * (z[outer] - z[inner]))


def _heights(posterior: Posterior, scale_map: ScaleMap, z: Array, power: float) -> tuple[Array, Array, Array]:
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
