"""Marginal posteriors of study effects and baselines, from the slices of a two-parameter posterior.

Each is tabulated as a density on a window of its own and kept as a Legendre series, whose integral must be 1:
what it misses is the error reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.gaussian import DROP
from bayesma.engines.slices import Slices
from bayesma.families.problems import Baseline, ConditionalEffects, LocationScaleEffects
from bayesma.numerics import legendre
from bayesma.numerics import slices as pieces
from bayesma.numerics.effect_table import Packed, interpolate_many
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]
type LogDensity = Callable[[Array], Array]  # (p, g) to (p, g)

SIZES = (64, 96, 144, 216)
MASS = 1e-7  # what a density may miss of 1 before it is tabulated again, finer
SCOUTS = 65
FARTHEST = 14.0
LOOKS = 4
BELL = (
    2.0  # a bell is a polynomial of the least degree in asinh units of 4 sds, twice where it has fallen by 2
)
HERMITE = 16
RESOLVED = 1.3  # spacings of the slice's nodes from which a normal sees enough of them


@dataclass(frozen=True, slots=True, eq=False)
class Densities:
    """Densities of p quantities.

    Attributes
    ----------
    window
        Shape (p, 4): centre, unit, low, high; value = centre + unit sinh(z), z from low to high.
    series
        Shape (p, n): Legendre coefficients of the density in u on [-1, 1].
    error
        Largest difference of an integral from 1.
    """

    window: Array
    series: Array
    error: float

    def nodes(self) -> tuple[Array, Array]:
        """Values (p, n) and their posterior weights (p, n)."""
        return pieces.nodes(self.window, self.series)


def tabulate(log_density: LogDensity, centre: Array, unit: Array) -> Densities:
    """Densities of p quantities, normalised, from log densities known up to rounding.

    Parameters
    ----------
    log_density
        Values (p, g) to log densities of the same shape.
    centre, unit
        Where to look and on what scale, shapes (p,).
    """
    share = np.linspace(0.0, 1.0, SCOUTS)
    low, high = np.full(centre.size, -FARTHEST), np.full(centre.size, FARTHEST)
    for _ in range(LOOKS):
        grid = low[:, None] + (high - low)[:, None] * share
        height = log_density(centre[:, None] + unit[:, None] * np.sinh(grid)) + np.log(np.cosh(grid))
        inside = height > height.max(axis=1, keepdims=True) - DROP
        first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
        last = np.minimum(SCOUTS - np.argmax(inside[:, ::-1], axis=1), SCOUTS - 1)
        rows = np.arange(centre.size)
        values = centre[:, None] + unit[:, None] * np.sinh(grid)
        ends = values[rows, first], values[rows, last]
        centre, unit = _bell(values, height - np.log(np.cosh(grid)))
        low, high = np.arcsinh((ends[0] - centre) / unit), np.arcsinh((ends[1] - centre) / unit)
        if np.all(last - first > SCOUTS // 3):
            break
    window = np.column_stack([centre, unit, low, high])
    for n in SIZES:
        u, w = legendre.rule(n)
        grid = low[:, None] + 0.5 * (high - low)[:, None] * (u + 1.0)
        value = log_density(centre[:, None] + unit[:, None] * np.sinh(grid))
        density = np.exp(value) * np.cosh(grid) * (0.5 * (high - low) * unit)[:, None]
        total = density @ w
        error = float(np.max(np.abs(total - 1.0)))
        if error <= MASS:
            break
    series = np.array([legendre.coefficients(row) for row in density / total[:, None]])
    return Densities(window, series, error)


def _bell(values: Array, height: Array) -> tuple[Array, Array]:
    """Peak of each density and a unit of four sds, taken from the steeper side where it has fallen by 2."""
    centre, unit = np.empty(values.shape[0]), np.empty(values.shape[0])
    for i, (x, h) in enumerate(zip(values, height, strict=True)):
        top = int(np.argmax(h))
        inside = np.flatnonzero(h >= h[top] - 2.0)
        left, right = x[max(inside[0] - 1, 0)], x[min(inside[-1] + 1, x.size - 1)]
        centre[i] = x[top]
        unit[i] = BELL * max(min(x[top] - left, right - x[top]), 0.05 * (right - left))
    return centre, unit


def effect_densities(slices: Slices, effects: LocationScaleEffects | ConditionalEffects) -> Densities:
    """Marginal posteriors of the k study effects and, last, of a new study's effect."""
    mean, sd = _rough(slices)
    if isinstance(effects, ConditionalEffects):
        weight = slices.weight.reshape(-1)
        location = slices.location.reshape(-1)
        scale = np.repeat(slices.scale, slices.location.shape[1])
        kept = weight > 1e-14 * weight.max()

        def conditional(x: Array) -> Array:
            rows = (effects.log_density(i, row, location[kept], scale[kept]) for i, row in enumerate(x))
            with np.errstate(divide="ignore"):
                return np.array([np.log(np.exp(row) @ weight[kept]) for row in rows])

        return tabulate(conditional, np.full(effects.k + 1, mean), np.full(effects.k + 1, sd))
    packed, shape, k = effects.table.packed, effects.shape, effects.table.k
    n = slices.location.shape[1]
    marginal = effects.table.log_marginal(
        slices.location.reshape(-1), np.repeat(slices.scale, n), shape
    ).reshape(-1, n, k)
    share = np.concatenate([np.moveaxis(marginal, -1, 0), np.zeros((1, *slices.location.shape))])
    with np.errstate(divide="ignore"):
        ratio = np.log(slices.weight) - share  # (k + 1, s, n): what all other studies say of the location
    offset = ratio.max(axis=(1, 2), keepdims=True)
    ratio = np.exp(ratio - offset)
    _, rule = legendre.rule(n)
    series = np.ascontiguousarray((ratio / rule) @ legendre.transform(n).T)

    def location_scale(x: Array) -> Array:
        value = _convolved(
            np.ascontiguousarray(x),
            slices.scale,
            slices.location,
            slices.window,
            ratio,
            series,
            shape.scales,
            shape.weights,
            packed,
        )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(value) + offset[:, 0] + interpolate_many(x, packed))

    centre = np.append(packed.centre, mean)
    unit = np.append(np.minimum(packed.width, sd), sd)
    centre[:-1] = np.where(packed.width > sd, mean, centre[:-1])
    return tabulate(location_scale, centre, unit)


def baseline_densities(effect: Array, weight: Array, baseline: Baseline) -> Densities:
    """Marginal posteriors of the baselines of the k studies.

    Parameters
    ----------
    effect, weight
        Shape (k, g): nodes of each study's effect and their posterior weights.
    baseline
        Its density given data and effect.
    """
    middle = np.argmax(weight, axis=1)
    at_middle = np.take_along_axis(effect, middle[:, None], axis=1)
    low, centre, high = np.moveaxis(baseline.quantiles(at_middle, np.array([0.16, 0.5, 0.84]))[:, 0], -1, 0)
    kept = np.maximum(weight, 0.0)

    def log_density(x: Array) -> Array:
        terms = np.exp(baseline.log_density(effect, x))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.einsum("kg,kga->ka", kept, terms)))

    return tabulate(log_density, centre, np.maximum(0.5 * (high - low), 1e-8))


def _rough(slices: Slices) -> tuple[float, float]:
    """Mean and sd of the location on the line, for windows only."""
    mean = float(np.sum(slices.weight * slices.location))
    return mean, max(math.sqrt(float(np.sum(slices.weight * (slices.location - mean) ** 2))), 1e-300)


_nodes, _weights = np.polynomial.hermite_e.hermegauss(HERMITE)
_NODES, _WEIGHTS = _nodes, _weights / _weights.sum()


@compiled
def _convolved(
    x: Array,
    scale: Array,
    location: Array,
    window: Array,
    ratio: Array,
    series: Array,
    components: Array,
    shares: Array,
    table: Packed,
) -> Array:
    """Sum over slices of the density in x of location + scale * effect, location weighted by `ratio`."""
    result = np.zeros(x.shape)
    n = location.shape[1]
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total = 0.0
            for s in range(scale.size):
                centre, unit, low, high = window[s]
                half = 0.5 * (high - low)
                offset = (x[i, j] - centre) / unit
                spacing = half * math.pi / n * unit * math.sqrt(1.0 + offset * offset)
                for c in range(components.size):
                    sd = scale[s] * components[c]
                    if sd >= RESOLVED * spacing:
                        part = 0.0
                        for m in range(n):
                            z = (x[i, j] - location[s, m]) / sd
                            if abs(z) < 9.0:
                                part += ratio[i, s, m] * math.exp(-0.5 * z * z)
                        total += shares[c] * part / (sd * math.sqrt(2.0 * math.pi))
                        continue
                    for q in range(_NODES.size):
                        at = (x[i, j] - sd * _NODES[q] - centre) / unit
                        u = (math.asinh(at) - low) / half - 1.0
                        if abs(u) < 1.0:
                            density = legendre.evaluate(u, series[i, s])
                            slope = half * unit * math.sqrt(1.0 + at * at)
                            total += shares[c] * _WEIGHTS[q] * max(density, 0.0) / slope
            result[i, j] = total
    return result
