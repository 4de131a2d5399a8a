"""Marginal posteriors of study effects and baselines, from the slices of a two-parameter posterior.

Each is tabulated as a density on a window of its own and kept as a Legendre series. Its integral must be 1
and its last terms small: what is missed is the error reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.effect_mixture import Mixture
from bayesma.engines.gaussian import DROP
from bayesma.engines.slice_levels import Slices
from bayesma.families.problems import Baseline, ConditionalEffects, LocationScaleEffects
from bayesma.numerics import legendre
from bayesma.numerics import slices as pieces

Array = NDArray[np.float64]
type Rows = NDArray[np.intp]
type LogDensity = Callable[[Rows, Array], Array]  # rows (q,) and values (q, g) to (q, g)

SIZES = (64, 96, 144, 216, 324, 486)
MASS = 1e-6  # what a density may miss of 1, or a series be rough, before it is tabulated again, finer
SCOUTS = 65
FARTHEST = 14.0
LOOKS = 4
SHARPER = 0.4
FAINT = 1e-15  # of the largest weight
BELL = 2.0  # of where it has fallen by 2: in asinh units of four sds a bell is nearest to a polynomial


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
        Largest difference of an integral from 1, or roughness of a series.
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
        Rows among the p quantities, shape (q,), and values (q, g) to log densities of the same shape.
    centre, unit
        Where to look and on what scale, shapes (p,).
    """
    return _expand(_look(log_density, centre, unit), log_density)


def _look(log_density: LogDensity, centre: Array, unit: Array) -> Array:
    """Windows (p, 4) that hold the densities: where each is above exp(-DROP) of its peak, around that."""
    share, rows = np.linspace(0.0, 1.0, SCOUTS), np.arange(centre.size)
    low, high = np.full(centre.size, -FARTHEST), np.full(centre.size, FARTHEST)
    for _ in range(LOOKS):
        grid = low[:, None] + (high - low)[:, None] * share
        values, log_slope = centre[:, None] + unit[:, None] * np.sinh(grid), np.log(np.cosh(grid))
        height = log_density(rows, values) + log_slope
        inside = height > height.max(axis=1, keepdims=True) - DROP
        first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
        last = np.minimum(SCOUTS - np.argmax(inside[:, ::-1], axis=1), SCOUTS - 1)
        ends = values[rows, first], values[rows, last]
        centre, unit = _bell(values, height - log_slope)
        low, high = np.arcsinh((ends[0] - centre) / unit), np.arcsinh((ends[1] - centre) / unit)
        if np.all(last - first > SCOUTS // 3):
            break
    return np.column_stack([centre, unit, low, high])


def _places(window: Array, n: int) -> tuple[Array, Array]:
    """Values at the n Gauss-Legendre nodes of each window, and their weights, both (q, n)."""
    u, w = legendre.rule(n)
    centre, unit, low, high = window.T[:, :, None]
    half = 0.5 * (high - low)
    z = low + half * (u + 1.0)
    return centre + unit * np.sinh(z), np.cosh(z) * half * unit * w


def _expand(window: Array, log_density: LogDensity) -> Densities:
    """Legendre series on the windows, each with as many terms as it needs.

    A density with a sharp peak on a broad foot needs fewer with a smaller unit: where the first terms do not
    suffice, one is tried.
    """
    window = window.copy()
    series, errors = np.zeros((window.shape[0], 0)), np.full(window.shape[0], np.inf)
    for n in SIZES:
        rows = np.flatnonzero(errors > MASS)
        if not rows.size:
            break
        series = np.pad(series, ((0, 0), (0, n - series.shape[1])))
        errors[rows] = np.inf
        for sharper in (False, True) if n > SIZES[0] else (False,):
            rows = np.flatnonzero(errors > MASS)
            if not rows.size:
                break
            tried = _sharper(window[rows]) if sharper else window[rows]
            places, slope = _places(tried, n)
            mass = np.exp(log_density(rows, places)) * slope
            total = mass.sum(axis=1)
            found = legendre.coefficients(mass / (total[:, None] * legendre.rule(n)[1]))
            off = np.maximum(np.abs(total - 1.0), legendre.roughness(found))
            better = off < errors[rows]
            kept = rows[better]
            window[kept], series[kept], errors[kept] = tried[better], found[better], off[better]
    return Densities(window, series, float(errors.max()))


def _sharper(window: Array) -> Array:
    """The same windows with smaller units."""
    centre, unit, low, high = window.T
    ends = (np.arcsinh(np.sinh(end) / SHARPER) for end in (low, high))
    return np.column_stack([centre, SHARPER * unit, *ends])


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

        def conditional(rows: Rows, x: Array) -> Array:
            each = zip(rows.tolist(), x, strict=True)
            terms = (effects.log_density(i, row, location[kept], scale[kept]) for i, row in each)
            with np.errstate(divide="ignore"):
                return np.array([np.log(np.exp(term) @ weight[kept]) for term in terms])

        return tabulate(conditional, np.full(effects.k + 1, mean), np.full(effects.k + 1, sd))
    table = effects.table
    mixture = Mixture.of(slices, effects.shape)
    packed = table.packed
    centre = np.append(packed.centre, mean)
    unit = np.append(np.minimum(packed.width, sd), sd)
    centre[:-1] = np.where(packed.width > sd, mean, centre[:-1])

    def likelihood(rows: Rows, x: Array) -> Array:
        return table.at(x, rows)

    window = _look(lambda rows, x: mixture.rough(rows, x) + likelihood(rows, x), centre, unit)
    return _expand(window, lambda rows, x: mixture.log_density(rows, x) + likelihood(rows, x))


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
    effect, weight = _heaviest(effect, weight)

    def log_density(rows: Rows, x: Array) -> Array:
        return baseline.log_mixture(rows, effect[rows], weight[rows], x)

    return tabulate(log_density, centre, np.maximum(0.5 * (high - low), 1e-8))


def _heaviest(effect: Array, weight: Array) -> tuple[Array, Array]:
    """The nodes (k, m) whose weights matter in any row, heaviest first, and these weights."""
    order = np.argsort(-weight, axis=1)
    effect, weight = (np.take_along_axis(values, order, axis=1) for values in (effect, weight))
    kept = np.any(weight > FAINT * weight[:, :1], axis=0)
    return effect[:, kept], np.maximum(weight[:, kept], 0.0)


def _rough(slices: Slices) -> tuple[float, float]:
    """Mean and sd of the location on the line, for windows only."""
    mean = float(np.sum(slices.weight * slices.location))
    return mean, max(math.sqrt(float(np.sum(slices.weight * (slices.location - mean) ** 2))), 1e-300)
