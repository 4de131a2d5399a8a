"""A third parameter around a two-dimensional integral, as the exact engine delivers it.

The evidence of the inner integral, as a function of the outer parameter, is that parameter's marginal
posterior. Mapped so that it vanishes at both ends it is integrated by the trapezoid rule, which converges
exponentially there (Takahasi & Mori 1974, doi 10.2977/prims/1195192451), and followed between its nodes by
sinc functions. What the inner integrals know of the other two parameters is mixed over the nodes.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.densities import ScaleDensity
from bayesma.engines.exact_slices import POINTS, SEED, SliceIntegral, without_scale
from bayesma.engines.gaussian import LOUD
from bayesma.engines.slice_levels import Slices
from bayesma.engines.slices import log_evidence_at, rough_log_evidence, solve, solved
from bayesma.errors import ConvergenceWarning
from bayesma.families.base import Arrays
from bayesma.families.problems import OuterProblem, TwoParameterProblem
from bayesma.numerics import legendre

Array = NDArray[np.float64]

STEP, FINEST = 0.5, 0.0625  # in z; halved until two rules agree
ROUGH_STEP = 0.75  # of the look that finds centre and unit
FARTHEST = 8.0  # in z, beyond which nothing is followed
TOLERANCE = 3e-7  # asked of the log evidence and, in sds, of means and sds
DROP = 25.0  # the nodes end where the density in z has fallen to exp(-25) of its peak
UNIT = 0.7  # of an sd: the sinh map is nearly straight over a heavy-tailed peak
INVERSION_POINTS = 2049  # tabulated distribution function that draws are read from
NODES = 129  # of the mixed density of the scale, and of the outer parameter


@dataclass(frozen=True, slots=True)
class _Map:
    """From z on the line to the outer parameter, so that its density in z vanishes at both ends.

    ``centre + unit sinh(z)`` on the line, ``low + unit exp(z - exp(-z))`` above a bound, and between two
    bounds the share expit(2 sinh(z)) of the way.
    """

    low: float
    high: float
    centre: float
    unit: float

    def value(self, z: Array) -> Array:
        """The parameter, shape of `z`."""
        if math.isfinite(self.high):
            return np.asarray(self.low + (self.high - self.low) * expit(2.0 * np.sinh(z)))
        if math.isfinite(self.low):
            return np.asarray(self.low + self.unit * np.exp(z - np.exp(-z)))
        return np.asarray(self.centre + self.unit * np.sinh(z))

    def slope(self, z: Array) -> Array:
        """Its derivative, shape of `z`."""
        if math.isfinite(self.high):
            share = expit(2.0 * np.sinh(z))
            return np.asarray((self.high - self.low) * share * expit(-2.0 * np.sinh(z)) * 2.0 * np.cosh(z))
        if math.isfinite(self.low):
            return np.asarray(self.unit * np.exp(z - np.exp(-z)) * (1.0 + np.exp(-z)))
        return np.asarray(self.unit * np.cosh(z))


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    """The posterior at the nodes of the outer parameter.

    Attributes
    ----------
    map, z, step
        Nodes z, even, and what they stand for.
    value, weight, inner
        At its n nodes: values, shares of the posterior that sum to 1, and the inner posteriors.
    log_evidence
        log p(y).
    """

    map: _Map
    z: Array
    step: float
    value: Array
    weight: Array
    inner: tuple[Slices, ...]
    log_evidence: float

    @classmethod
    def of(cls, problem: OuterProblem, own: _Map, known: dict[float, Slices], step: float) -> _Rule:
        """From the inner posteriors known at nodes z."""
        z = np.array(sorted(known))
        inner = tuple(known[at] for at in z.tolist())
        height = _height(problem, own, z, np.array([slices.log_evidence for slices in inner]))
        peak = float(height.max())
        mass = np.exp(height - peak) * step
        total = float(mass.sum())
        return cls(own, z, step, own.value(z), mass / total, inner, peak + math.log(total))

    def summary(self) -> Array:
        """Log evidence, then means and sds of the outer parameter, of the location and of the scale."""
        means = np.array([[np.sum(s.weight * s.location), np.sum(s.mass * s.scale)] for s in self.inner])
        squares = np.array(
            [[np.sum(s.weight * s.location**2), np.sum(s.mass * s.scale**2)] for s in self.inner]
        )
        first = self.weight @ np.column_stack([self.value, means])
        second = self.weight @ np.column_stack([self.value**2, squares])
        sd = np.sqrt(np.maximum(second - first**2, 0.0))
        return np.concatenate([[self.log_evidence], first, sd])

    def density(self, z: Array) -> Array:
        """Density of the outer parameter in z, between the nodes by sinc functions."""
        return np.asarray(np.sinc((z[:, None] - self.z) / self.step) @ (self.weight / self.step))


@dataclass(frozen=True, slots=True, eq=False)
class OuterIntegral:
    """A solved `OuterProblem`."""

    problem: OuterProblem
    rule: _Rule
    error: float

    @classmethod
    def solve(cls, problem: OuterProblem, moments: dict[str, float]) -> OuterIntegral:
        """Integrate.

        Warns
        -----
        ConvergenceWarning
            When the estimated error stays above 1e-6.
        """
        del moments  # the inner problems carry what they need of them
        own = _map(problem)
        known: dict[float, Slices] = {}
        step, error = STEP, math.inf
        _walk(problem, own, step, known)
        rule = _Rule.of(problem, own, known, step)
        while error > TOLERANCE and step > FINEST:
            step *= 0.5
            for z in (rule.z[:-1] + step).tolist():
                known[z] = solved(problem.at(float(own.value(np.array([z]))[0])))
            before, rule = rule.summary(), _Rule.of(problem, own, known, step)
            after = rule.summary()
            error = float(np.max(np.abs(after - before) / _units(after)))
        # the error falls as its square where a step is halved; what is left is that of the last rule, and the
        # inner integrals' own, each by its share of the posterior
        error = max(error**2, float(rule.weight @ np.array([slices.error for slices in rule.inner])))
        if error > LOUD:
            warnings.warn(
                f"the integral over {problem.name} reached an accuracy of {error:.1g}; compare with "
                "engine='nuts' before relying on it",
                ConvergenceWarning,
                stacklevel=3,
            )
        return cls(problem, rule, error)

    @property
    def sound(self) -> bool:
        """Whether the error is small enough."""
        return self.error <= LOUD

    @property
    def _one(self) -> TwoParameterProblem:
        """The inner integral at one value, for what does not depend on it."""
        return self.problem.at(float(self.rule.value[0]))

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Nodes of all inner integrals, and the marginal density of every parameter."""
        one, parts = self._one, list(zip(self.rule.weight, self.rule.inner, strict=True))
        n = self.rule.inner[0].location.shape[1]
        locations = [slices.location.ravel() for slices in self.rule.inner]
        variables: dict[str, Any] = {
            "weight": ("node", np.concatenate([w * slices.weight.ravel() for w, slices in parts])),
            one.location: ("node", np.concatenate(locations)),
            f"{one.location}_window": (
                ("slice", "end"),
                np.concatenate([slices.window for slices in self.rule.inner]),
                {"link": one.link},
            ),
            f"{one.location}_density": (("slice", "degree"), _padded([w * s.series for w, s in parts])),
        }
        if one.scale_prior is not None:
            scales = [np.repeat(slices.scale, slices.location.shape[1]) for slices in self.rule.inner]
            variables[one.scale] = ("node", np.concatenate(scales))
            variables[f"{one.scale}_slice"] = ("slice", np.concatenate([s.scale for s in self.rule.inner]))
            variables |= self._scale(one.scale)
        variables |= self._outer()
        drawn = self.draw(POINTS, np.random.default_rng(SEED))
        effects = self.problem.draw(drawn, np.random.default_rng([SEED, 1]))
        dims = {1: ("point",), 2: ("point", "study")}
        variables |= {f"{name}_at": (dims[v.ndim], v) for name, v in effects.items()}
        attrs = {"error": self.error, "nodes": len(self.rule.inner) * n, **self._evidence().attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def _outer(self) -> dict[str, Any]:
        """The density of the outer parameter, one series on one window."""
        name, rule, dimension = self.problem.name, self.rule, self.problem.dimension
        inside = np.flatnonzero(rule.weight > math.exp(-DROP) * rule.weight.max())
        ends = rule.value[[max(inside[0] - 1, 0), min(inside[-1] + 1, rule.z.size - 1)]]
        mean = float(rule.weight @ rule.value)
        sd = math.sqrt(float(rule.weight @ (rule.value - mean) ** 2))
        centre = (
            max(mean, self.problem.bounds[0])
            if math.isinf(self.problem.bounds[0])
            else self.problem.bounds[0]
        )
        low, high = np.arcsinh((ends - centre) / sd)
        u, _ = legendre.rule(NODES)
        own = low + 0.5 * (high - low) * (u + 1.0)
        value = centre + sd * np.sinh(own)
        z = np.interp(value, rule.value, rule.z)
        for _ in range(4):  # Newton's steps to the place in z that a value has
            z = z - (rule.map.value(z) - value) / rule.map.slope(z)
        density = np.maximum(rule.density(z), 0.0) / rule.map.slope(z) * sd * np.cosh(own)
        series = legendre.coefficients(density * (0.5 * (high - low)))
        window = np.array([centre, sd, low, high])
        if dimension is None:
            return {f"{name}_window": ("end", window), f"{name}_density": (f"{name}_degree", series)}
        return {
            f"{name}_window": ((dimension, "end"), window[None]),
            f"{name}_density": ((dimension, f"{name}_degree"), series[None]),
        }

    def _scale(self, name: str) -> dict[str, Any]:
        """The density of the scale, mixed over the outer nodes, on the window that holds them all."""
        densities = [slices.scale_density for slices in self.rule.inner]
        first = densities[0]
        assert first is not None
        known = [d for d in densities if d is not None]
        low, high = min(d.low for d in known), max(d.high for d in known)
        u, _ = legendre.rule(NODES)
        z = low + 0.5 * (high - low) * (u + 1.0)
        at = first.scale_map.tau(z)
        height = np.zeros(z.size)
        for weight, slices, d in zip(self.rule.weight, self.rule.inner, known, strict=True):
            own = ScaleDensity(slices.weight, slices.scale, d.scale_map, d.low, d.high, d.series)
            height += weight * own.density(at)
        series = legendre.coefficients(height * first.scale_map.slope(z) * (0.5 * (high - low)))
        window = asdict(first.scale_map) | {"low": low, "high": high}
        return {f"{name}_density": (f"{name}_degree", series, {"window": json.dumps(window)})}

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """The outer parameter by inversion; the others from the inner posterior at the node before or after.

        The nearer one is taken the more often, which mixes the two linearly.
        """
        rule = self.rule
        fine = np.linspace(rule.z[0], rule.z[-1], INVERSION_POINTS)
        table = np.cumsum(np.maximum(rule.density(fine), 0.0))
        z = np.interp(rng.uniform(size=size) * table[-1], table, fine)
        place = (z - rule.z[0]) / rule.step
        index = np.minimum(np.floor(place + rng.uniform(size=size)).astype(int), rule.z.size - 1)
        outer = rule.map.value(z)
        drawn: Arrays = {}
        for i in np.unique(index).tolist():
            rows = np.flatnonzero(index == i)
            inner = SliceIntegral(self.problem.at(float(rule.value[i])), rule.inner[i])
            for name, values in inner.draw(rows.size, rng).items():
                drawn.setdefault(name, np.empty(size))[rows] = values
        return {self.problem.name: outer if self.problem.dimension is None else outer[:, None]} | drawn

    def _evidence(self) -> Evidence:
        """Log evidence and log Bayes factors for location, scale and outer parameter at 0."""
        one, name = self._one, self.problem.name
        priors = {one.location: one.location_prior, one.scale: one.scale_prior, name: self.problem.prior}
        evidence = Evidence(self.rule.log_evidence, priors)
        evidence.against(one.location, lambda: self._mixed(lambda inner: log_evidence_at(inner, 0.0)))
        evidence.against(
            one.scale, lambda: self._mixed(lambda inner: solve(without_scale(inner)).log_evidence)
        )
        if self.problem.null:
            evidence.against(name, lambda: solve(self.problem.at(0.0)).log_evidence)
        else:
            evidence.undefined(name, f"{name} = 0 is no null value in this model")
        return evidence

    def _mixed(self, log_evidence: Callable[[TwoParameterProblem], float]) -> float:
        """Log evidence of a null of the inner model, over the prior of the outer parameter."""
        changes = np.array([log_evidence(self.problem.at(float(v))) for v in self.rule.value])
        own = np.array([slices.log_evidence for slices in self.rule.inner])
        ratio = changes - own
        peak = float(ratio.max())
        return self.rule.log_evidence + peak + math.log(float(self.rule.weight @ np.exp(ratio - peak)))


def _height(problem: OuterProblem, own: _Map, z: Array, log_evidence: Array) -> Array:
    """Log posterior density in z, up to a constant."""
    with np.errstate(divide="ignore"):
        return np.asarray(log_evidence + problem.prior.logpdf(own.value(z)) + np.log(own.slope(z)))


def _map(problem: OuterProblem) -> _Map:
    """The map for its bounds; on the line around mean and sd of a rough posterior."""
    own = _Map(*problem.bounds, *problem.start)
    if any(math.isfinite(end) for end in problem.bounds):
        return own

    def height(z: float) -> float:
        """From the first rule of the inner integral."""
        at = np.array([z])
        evidence = rough_log_evidence(problem.at(float(own.value(at)[0])))
        return float(_height(problem, own, at, np.array([evidence]))[0])

    heights = _outward(height, ROUGH_STEP)
    z = np.array(sorted(heights))
    weight = np.exp(np.array([heights[at] for at in z.tolist()]) - max(heights.values()))
    weight /= weight.sum()
    value = own.value(z)
    mean = float(weight @ value)
    sd = math.sqrt(float(weight @ (value - mean) ** 2))
    return _Map(*problem.bounds, mean, UNIT * sd)


def _walk(problem: OuterProblem, own: _Map, step: float, known: dict[float, Slices]) -> None:
    """Solve at nodes outward from z = 0 until the density has vanished on both sides."""

    def height(z: float) -> float:
        at = np.array([z])
        known[z] = solved(problem.at(float(own.value(at)[0])))
        return float(_height(problem, own, at, np.array([known[z].log_evidence]))[0])

    _outward(height, step)


def _outward(height: Callable[[float], float], step: float) -> dict[float, float]:
    """Heights at 0, and step by step on either side until they lie DROP below the highest."""
    found = {0.0: height(0.0)}
    for sign in (1.0, -1.0):
        for i in range(1, int(FARTHEST / step) + 1):
            z = sign * i * step
            found[z] = height(z)
            if found[z] < max(found.values()) - DROP and found[z] <= found[z - sign * step]:
                break
    return found


def _units(summary: Array) -> Array:
    """What differences of a summary are measured in: 1, and sds."""
    sd = np.maximum(summary[4:], 1e-300)
    return np.concatenate([[1.0], sd, sd])


def _padded(series: list[Array]) -> Array:
    """Series of different lengths, one below the other."""
    longest = max(part.shape[1] for part in series)
    return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in series])
