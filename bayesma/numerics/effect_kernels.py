"""The compiled side of the effect tables: integrals, draws and interpolation, a study at a time."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled, compiled_sum, unlocked

Array = NDArray[np.float64]

LEVELS = 5  # strides 1, 2, 4, 8 and 16
RESOLVED = 1.6  # the trapezoid is exact to rounding when the sd is this many steps
COARSEST = 0.2  # step in asinh units beyond which the likelihood itself would not be resolved
NORMAL_REACH = 9.0  # sds of a normal beyond which it is 0
HERMITE = 11
FAINTEST = -600.0  # log of what still counts


class Packed(NamedTuple):
    """The table as the kernels read it; shapes (k,) and (k, POINTS).

    `effects` and `masses` hold every point, then every 2nd, every 4th ... one after the other, so that a rule
    with any stride runs through neighbouring numbers.
    """

    centre: Array
    width: Array
    start: Array
    step: Array
    log_likelihood: Array
    mass: Array
    peak: Array
    effects: Array
    masses: Array


class Row(NamedTuple):
    """What the kernels read of one study: a whole `Packed`, handed on, would cost more than an integral."""

    centre: float
    width: float
    start: float
    step: float
    peak: float
    log_likelihood: Array
    effects: Array
    masses: Array


@compiled
def row(i: int, table: Packed) -> Row:
    """Study `i` of a table."""
    return Row(
        table.centre[i],
        table.width[i],
        table.start[i],
        table.step[i],
        table.peak[i],
        table.log_likelihood[i],
        table.effects[i],
        table.masses[i],
    )


@cache
def _hermite(n: int) -> tuple[Array, Array]:
    """Nodes and weights that integrate against a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


NODES, WEIGHTS = _hermite(HERMITE)


@compiled
def sextic(t: float, values: Array, first: int) -> float:
    """Polynomial through seven even values, at t steps from the first of them."""
    a, b, c, d, e, f, g = t, t - 1.0, t - 2.0, t - 3.0, t - 4.0, t - 5.0, t - 6.0
    ab, fg = a * b, f * g
    abc, efg = ab * c, e * fg
    abcd, defg = abc * d, d * efg
    return float(
        (values[first] * b * c * defg + values[first + 6] * abcd * e * f) / 720.0
        - (values[first + 1] * a * c * defg + values[first + 5] * abcd * e * g) / 120.0
        + (values[first + 2] * ab * defg + values[first + 4] * abcd * fg) / 48.0
        - values[first + 3] * abc * efg / 36.0
    )


@compiled
def interpolate(effect: float, of: Row) -> float:
    """Log likelihood of a study: sextic through seven points; a parabola beyond the table."""
    z = math.asinh((effect - of.centre) / of.width)
    at = (z - of.start) / of.step
    points = of.log_likelihood.size
    if at < 0.0 or at > points - 1.0:
        a, b, c = (0, 4, 8) if at < 0.0 else (points - 1, points - 5, points - 9)
        x_a, x_b, x_c = of.effects[a], of.effects[b], of.effects[c]
        y_a, y_b, y_c = of.log_likelihood[a], of.log_likelihood[b], of.log_likelihood[c]
        slope = (y_a - y_b) / (x_a - x_b)
        bend = min((slope - (y_b - y_c) / (x_b - x_c)) / (x_a - x_c), 0.0)
        return float(y_a + (effect - x_a) * (slope + bend * (effect - x_b)))
    first = min(max(int(at + 0.5) - 3, 0), points - 7)
    return sextic(at - first, of.log_likelihood, first)


@compiled
def interpolate_many(effect: Array, studies: NDArray[np.intp], table: Packed) -> Array:
    """`interpolate` at effects (q, g) of studies (q,); 0 for one beyond the last, which is a new one."""
    result = np.zeros(effect.shape)
    for i in range(effect.shape[0]):
        if studies[i] < table.centre.size:
            of = row(studies[i], table)
            for j in range(effect.shape[1]):
                result[i, j] = interpolate(effect[i, j], of)
    return result


@compiled
def stride_of(mean: float, sd: float, of: Row) -> int:
    """Every how many points the trapezoid needs; 0 when the normal is too narrow for the table."""
    offset = abs(mean - of.centre) / of.width
    here = of.width * of.step * math.sqrt(1.0 + offset * offset)
    if sd < RESOLVED * here:
        return 0
    reach = offset + 3.0 * sd / of.width
    local = min(of.width * of.step * math.sqrt(1.0 + reach * reach), here + 0.6 * of.step * sd * 3.0)
    stride = 1
    while (
        2 * stride * of.step <= COARSEST
        and sd >= RESOLVED * 2 * stride * local
        and stride < 2 ** (LEVELS - 1)
    ):
        stride *= 2
    return stride


@compiled
def quick_asinh(x: float) -> float:
    """Inverse of sinh to find a point by, twice as fast as the exact one."""
    return math.copysign(math.log(abs(x) + math.sqrt(x * x + 1.0)), x)


@compiled
def span(mean: float, sd: float, stride: int, of: Row) -> tuple[int, int, float]:
    """First and last-plus-one strided point within reach of the normal, and its nearest squared distance."""
    points = of.log_likelihood.size
    low = quick_asinh((mean - NORMAL_REACH * sd - of.centre) / of.width)
    high = quick_asinh((mean + NORMAL_REACH * sd - of.centre) / of.width)
    first = int(max(math.floor((low - of.start) / of.step), 0.0))
    last = int(min(math.ceil((high - of.start) / of.step), points - 1.0))
    if first > points - 1 or last < 0 or first > last:
        edge = 0 if last < 0 else points - 1
        x = of.centre + of.width * math.sinh(of.start + edge * of.step)
        return 0, points, ((x - mean) / sd) ** 2
    first = (first // stride) * stride
    return first, last + 1, 0.0


@compiled
def slots(first: int, stop: int, stride: int, points: int) -> tuple[int, int]:
    """Where the strided points from `first` up to `stop` stand among `effects` and `masses`."""
    begin, level = 0, 1
    while level < stride:
        begin += (points - 1) // level + 1
        level *= 2
    return begin + first // stride, begin + (stop - 1) // stride + 1


@compiled_sum
def fast_exp(x: float) -> float:
    """exp(x) for x <= 0 as (1 + x / 1024 + ...)^1024, exact to 1e-13 down to exp(-40); 0 below exp(-600).

    Plain arithmetic, which a processor does on several numbers at once; numbers near the smallest there are,
    which products with less would be, take it a hundred times as long.
    """
    r = max(x, FAINTEST) * (1.0 / 1024.0)
    e = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720))))))
    for _ in range(10):
        e *= e
    return e if x > FAINTEST else 0.0


@compiled_sum
def bell_sum(effects: Array, masses: Array, mean: float, precision: float, nearest: float) -> float:
    """Sum of masses times a normal density without its constant, relative to exp(-nearest / 2)."""
    total = 0.0
    for j in range(effects.size):
        u = (effects[j] - mean) * precision
        total += masses[j] * fast_exp(-0.5 * (u * u - nearest))
    return total


@compiled
def log_marginal_one(mean: float, sd: float, of: Row) -> float:
    """Log of the integral of a study's likelihood against N(mean, sd^2)."""
    if sd <= 0.0:
        return interpolate(mean, of)
    stride = stride_of(mean, sd, of)
    if stride == 0:
        largest = -np.inf
        total = 0.0
        for j in range(HERMITE):
            value = interpolate(mean + sd * NODES[j], of)
            if value > largest:
                total = total * math.exp(largest - value) + WEIGHTS[j]
                largest = value
            else:
                total += WEIGHTS[j] * math.exp(value - largest)
        return largest + math.log(total)
    first, stop, nearest = span(mean, sd, stride, of)
    begin, end = slots(first, stop, stride, of.log_likelihood.size)
    total = bell_sum(of.effects[begin:end], of.masses[begin:end], mean, 1.0 / sd, nearest)
    if total <= 0.0:
        return -np.inf
    level = math.log(total * stride / (sd * math.sqrt(2.0 * math.pi)))
    return float(of.peak + level - 0.5 * nearest)


@compiled
def log_mixture(mean: float, sd: float, scales: Array, weights: Array, of: Row) -> float:
    """`log_marginal_one` over the components of the effects' distribution."""
    if scales.size == 1:
        return log_marginal_one(mean, sd * scales[0], of)
    largest, total = -np.inf, 0.0
    for c in range(scales.size):
        value = log_marginal_one(mean, sd * scales[c], of) + math.log(weights[c])
        if value > largest:
            total = total * math.exp(largest - value) + 1.0
            largest = value
        elif value > -np.inf:
            total += math.exp(value - largest)
    return largest + math.log(total) if total > 0.0 else -np.inf


@unlocked
def log_marginals(mean: Array, sd: Array, scales: Array, weights: Array, table: Packed) -> Array:
    """Means (n, 1), or (n, k) where each study has its own: shape (n, k)."""
    k = table.centre.size
    result = np.empty((mean.shape[0], k))
    for i in range(k):
        of, own = row(i, table), i if mean.shape[1] > 1 else 0
        for n in range(mean.shape[0]):
            result[n, i] = log_mixture(mean[n, own], sd[n], scales, weights, of)
    return result
