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

from bayesma.engines.gaussian import DROP
from bayesma.engines.slices import Slices
from bayesma.families.problems import Baseline, ConditionalEffects, LocationScaleEffects
from bayesma.numerics import legendre
from bayesma.numerics import slices as pieces
from bayesma.numerics.effect_kernels import bell_sum
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]
type Rows = NDArray[np.intp]
type LogDensity = Callable[[Rows, Array], Array]  # rows (q,) and values (q, g) to (q, g)

SIZES = (64, 96, 144, 216, 324, 486)
LIGHT = 1e-11  # slices of less mass are left out
FINE = 513  # points of a slice's profile between which it is interpolated
MASS = 1e-6  # what a density may miss of 1, or a series be rough, before it is tabulated again, finer
SCOUTS = 65
FARTHEST = 14.0
LOOKS = 4
BELL = 2.0  # of where it has fallen by 2: in asinh units of four sds a bell is nearest to a polynomial
BULK = 0.6  # units within which a slice has its mass, where its nodes must be seen
WIDE = 3.0  # the same for a Student-t, whose complex poles lie nearer
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
    share, rows = np.linspace(0.0, 1.0, SCOUTS), np.arange(centre.size)
    low, high = np.full(centre.size, -FARTHEST), np.full(centre.size, FARTHEST)
    for _ in range(LOOKS):
        grid = low[:, None] + (high - low)[:, None] * share
        height = log_density(rows, centre[:, None] + unit[:, None] * np.sinh(grid)) + np.log(np.cosh(grid))
        inside = height > height.max(axis=1, keepdims=True) - DROP
        first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
        last = np.minimum(SCOUTS - np.argmax(inside[:, ::-1], axis=1), SCOUTS - 1)
        values = centre[:, None] + unit[:, None] * np.sinh(grid)
        ends = values[rows, first], values[rows, last]
        centre, unit = _bell(values, height - np.log(np.cosh(grid)))
        low, high = np.arcsinh((ends[0] - centre) / unit), np.arcsinh((ends[1] - centre) / unit)
        if np.all(last - first > SCOUTS // 3):
            break
    window = np.column_stack([centre, unit, low, high])
    series = np.zeros((centre.size, 0))
    errors = np.full(centre.size, np.inf)
    for n in SIZES:
        rows = np.flatnonzero(errors > MASS)
        if not rows.size:
            break
        u, w = legendre.rule(n)
        start, half = low[rows, None], 0.5 * (high - low)[rows, None]
        grid = start + half * (u + 1.0)
        value = log_density(rows, centre[rows, None] + unit[rows, None] * np.sinh(grid))
        density = np.exp(value) * np.cosh(grid) * half * unit[rows, None]
        total = density @ w
        series = np.pad(series, ((0, 0), (0, n - series.shape[1])))
        series[rows] = [legendre.coefficients(row) for row in density / total[:, None]]
        errors[rows] = np.maximum(np.abs(total - 1.0), legendre.roughness(series[rows]))
    return Densities(window, series, float(errors.max()))


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
    packed, shape, k = effects.table.packed, effects.shape, effects.table.k
    n = slices.location.shape[1]
    heavy = slices.mass > LIGHT
    location, weight = slices.location[heavy], slices.weight[heavy]
    marginal = effects.table.log_marginal(location.reshape(-1), np.repeat(slices.scale[heavy], n), shape)
    share = np.concatenate([np.moveaxis(marginal.reshape(-1, n, k), -1, 0), np.zeros((1, *location.shape))])
    with np.errstate(divide="ignore"):
        ratio = np.log(weight) - share  # (k + 1, s, n): what all other studies say of the location
    offset = ratio.max(axis=(1, 2), keepdims=True)
    ratio = np.exp(ratio - offset)
    _, rule = legendre.rule(n)
    fine = np.linspace(-1.0, 1.0, FINE)
    to_fine = np.polynomial.legendre.legvander(fine, n - 1) @ legendre.transform(n)
    _, unit, low, high = slices.window[heavy].T
    widest = np.pi / n * 0.5 * (high - low) * unit * np.cosh(np.maximum(np.abs(low), np.abs(high)))
    finest = RESOLVED / shape.scales.min() if math.isinf(shape.nu) else WIDE
    profile = _profiles(ratio / rule, to_fine, slices.scale[heavy] < finest * widest)

    def location_scale(rows: Rows, x: Array) -> Array:
        value = _convolved(
            np.ascontiguousarray(x),
            rows,
            slices.scale[heavy],
            slices.location[heavy],
            slices.window[heavy],
            ratio,
            profile,
            shape.scales,
            shape.weights,
            shape.nu,
        )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(value) + offset[rows, 0] + effects.table.at(x, rows))

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

    def log_density(rows: Rows, x: Array) -> Array:
        terms = np.exp(baseline.log_density(rows, effect[rows], x))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.einsum("kg,kga->ka", kept[rows], terms)))

    return tabulate(log_density, centre, np.maximum(0.5 * (high - low), 1e-8))


def _rough(slices: Slices) -> tuple[float, float]:
    """Mean and sd of the location on the line, for windows only."""
    mean = float(np.sum(slices.weight * slices.location))
    return mean, max(math.sqrt(float(np.sum(slices.weight * (slices.location - mean) ** 2))), 1e-300)


def _hermite(*sizes: int) -> tuple[Array, Array]:
    """Rules of several sizes, one a row, padded with weights of 0."""
    nodes, weights = np.zeros((len(sizes), max(sizes))), np.zeros((len(sizes), max(sizes)))
    for row, n in enumerate(sizes):
        x, w = np.polynomial.hermite_e.hermegauss(n)
        nodes[row, :n], weights[row, :n] = x, w / w.sum()
    return nodes, weights


NARROW = (0.06, 0.35)  # spacings below which a normal needs the smallest, the second smallest of the rules
_SIZES = np.array([3, 7, 24])
_NODES, _WEIGHTS = _hermite(3, 7, 24)


@compiled
def _profiles(values: Array, to_fine: Array, needed: NDArray[np.bool_]) -> Array:
    """Values (p, s, n) at the nodes of the needed slices, carried to evenly spaced points: (p, s, FINE).

    Written out, since a threaded matrix product waits for its threads longer than this takes.
    """
    p, s, n = values.shape
    result = np.zeros((p, s, to_fine.shape[0]))
    for i in range(p):
        for j in range(s):
            if needed[j]:
                for f in range(to_fine.shape[0]):
                    total = 0.0
                    for m in range(n):
                        total += to_fine[f, m] * values[i, j, m]
                    result[i, j, f] = max(total, 0.0)
    return result


@compiled
def _between(u: float, profile: Array) -> float:
    """Value at u in (-1, 1) of a smooth function known at evenly spaced points: quintic through six."""
    at = 0.5 * (u + 1.0) * (profile.size - 1)
    first = min(max(int(at) - 2, 0), profile.size - 6)
    t = at - first
    t0, t1, t2, t3, t4, t5 = t, t - 1.0, t - 2.0, t - 3.0, t - 4.0, t - 5.0
    return float(
        (
            t1 * t2 * t3 * t4 * t5 * -profile[first]
            + 5.0 * t0 * t2 * t3 * t4 * t5 * profile[first + 1]
            - 10.0 * t0 * t1 * t3 * t4 * t5 * profile[first + 2]
            + 10.0 * t0 * t1 * t2 * t4 * t5 * profile[first + 3]
            - 5.0 * t0 * t1 * t2 * t3 * t5 * profile[first + 4]
            + t0 * t1 * t2 * t3 * t4 * profile[first + 5]
        )
        / 120.0
    )


@compiled
def _convolved(
    x: Array,
    rows: Rows,
    scale: Array,
    location: Array,
    window: Array,
    ratio: Array,
    profile: Array,
    components: Array,
    shares: Array,
    nu: float,
) -> Array:
    """Sum over slices of the density in x of location + scale * effect, location weighted by `ratio`."""
    result = np.zeros(x.shape)
    n = location.shape[1]
    level = 0.0
    if nu < np.inf:
        level = math.exp(math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu)) / math.sqrt(nu * math.pi)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total = 0.0
            for s in range(scale.size):
                centre, unit, low, high = window[s]
                half = 0.5 * (high - low)
                offset = min(abs(x[i, j] - centre) / unit, BULK)
                spacing = half * math.pi / n * unit * math.sqrt(1.0 + offset * offset)
                if nu < np.inf and scale[s] >= WIDE * spacing:
                    part = 0.0
                    for m in range(n):
                        z = (x[i, j] - location[s, m]) / scale[s]
                        part += ratio[rows[i], s, m] * (1.0 + z * z / nu) ** (-0.5 * (nu + 1.0))
                    total += level * part / scale[s]
                    continue
                for c in range(components.size):
                    sd = scale[s] * components[c]
                    if sd >= RESOLVED * spacing:
                        part = bell_sum(location[s], ratio[rows[i], s], x[i, j], 1.0 / sd, 0.0)
                        total += shares[c] * part / (sd * math.sqrt(2.0 * math.pi))
                        continue
                    rule = 0 if sd < NARROW[0] * spacing else 1 if sd < NARROW[1] * spacing else 2
                    for q in range(_SIZES[rule]):
                        at = (x[i, j] - sd * _NODES[rule, q] - centre) / unit
                        u = (math.asinh(at) - low) / half - 1.0
                        if abs(u) < 1.0:
                            slope = half * unit * math.sqrt(1.0 + at * at)
                            total += shares[c] * _WEIGHTS[rule, q] * _between(u, profile[rows[i], s]) / slope
            result[i, j] = max(total, 0.0)
    return result
