"""Draws of effects given their study's data and a normal, by inversion on a finer table."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.effect_kernels import (
    NORMAL_REACH,
    Packed,
    Row,
    fast_exp,
    interpolate,
    log_marginal_one,
    log_mixture,
    quick_asinh,
    row,
    sextic,
)
from bayesma.numerics.jit import compiled, compiled_sum, unlocked

Array = NDArray[np.float64]

FINER = 8  # so many points stand where the table has one
LEVELS = 7  # strides 1, 2, 4 ... of these points
DENSE = 2.5  # points an sd has at least
COARSEST = 0.1  # step in asinh units beyond which the likelihood itself would not be resolved
LOCAL = 0.5  # steps of the table below which a normal sees a likelihood as exp of a parabola
NARROW = 6.4  # steps of the table below which a normal may have all its mass beyond the table's end
BEYOND = 73  # points on which it is drawn there
NEWTON = 3
_SQRT_2PI = math.sqrt(2.0 * math.pi)


class Fine(NamedTuple):
    """A table with more points: their effects and masses at every one, then every 2nd, 4th ..., (k, m)."""

    effects: Array
    masses: Array
    points: int


def refined(table: Packed) -> Fine:
    """The table with `FINER` times the points, log likelihoods interpolated."""
    values = _between(table.log_likelihood)
    step = table.step / FINER
    z = table.start[:, None] + step[:, None] * np.arange(values.shape[1])
    effects = table.centre[:, None] + table.width[:, None] * np.sinh(z)
    masses = np.exp(values - table.peak[:, None]) * np.cosh(z)
    strides = [2**level for level in range(LEVELS)]
    by_stride = [np.concatenate([a[:, ::stride] for stride in strides], axis=1) for a in (effects, masses)]
    return Fine(by_stride[0], by_stride[1], values.shape[1])


@compiled
def _between(values: Array) -> Array:
    """Sextic interpolation at `FINER` places from each even point to the next."""
    k, points = values.shape
    result = np.empty((k, (points - 1) * FINER + 1))
    for i in range(k):
        for n in range(result.shape[1]):
            at = n / FINER
            first = min(max(int(at + 0.5) - 3, 0), points - 7)
            result[i, n] = sextic(at - first, values[i], first)
    return result


@compiled
def _component(
    mean: float, sd: float, scales: Array, weights: Array, u: float, level: float, of: Row
) -> float:
    """Scale of the component an effect comes from, given its study's data and their log likelihood."""
    target = math.log(u) + level
    seen = 0.0
    for c in range(scales.size):
        seen += math.exp(log_marginal_one(mean, sd * scales[c], of) + math.log(weights[c]) - target)
        if seen >= 1.0:
            return float(scales[c])
    return float(scales[-1])


@compiled_sum
def _terms(effects: Array, masses: Array, mean: float, precision: float, nearest: float, out: Array) -> float:
    """Masses times a normal density without its constant, relative to exp(-nearest / 2), and their sum."""
    total = 0.0
    for j in range(effects.size):
        u = (effects[j] - mean) * precision
        out[j] = masses[j] * fast_exp(-0.5 * (u * u - nearest))
        total += out[j]
    return total


@compiled
def _draw_one(
    mean: float, sd: float, u: float, normal: float, of: Row, effects: Array, masses: Array, terms: Array
) -> tuple[float, float]:
    """One effect given its study's data: inversion on the finer table, or the local normal when sd is small.

    Second the log of the likelihood integrated against the normal, a by-product of the inversion.
    """
    if sd <= 0.0:
        return mean, interpolate(mean, of)
    centre, width, start, step = of.centre, of.width, of.start, of.step / FINER
    points = (of.log_likelihood.size - 1) * FINER + 1
    offset = abs(mean - centre) / width
    here = width * step * math.sqrt(1.0 + offset * offset)
    if sd < LOCAL * FINER * here:
        level = interpolate(mean, of)
        up, down = interpolate(mean + sd, of), interpolate(mean - sd, of)
        slope, bend = 0.5 * (up - down), min(up + down - 2.0 * level, 0.5)
        spread = 1.0 / (1.0 - bend)
        value = mean + sd * (slope * spread + math.sqrt(spread) * normal)
        return value, log_marginal_one(mean, sd, of)
    reach = offset + 3.0 * sd / width
    local = min(width * step * math.sqrt(1.0 + reach * reach), here + 1.8 * step * sd)
    stride, begin = 1, 0
    while stride < 2 ** (LEVELS - 1) and 2 * stride * step <= COARSEST and sd >= DENSE * 2 * stride * local:
        begin += (points - 1) // stride + 1
        stride *= 2
    low = (quick_asinh((mean - NORMAL_REACH * sd - centre) / width) - start) / step
    high = (quick_asinh((mean + NORMAL_REACH * sd - centre) / width) - start) / step
    last, nearest = points - 1, 0.0
    first, stop = 0, last // stride
    if (low < 0.0 or high > last) and sd < NARROW * FINER * here:
        return _beyond(mean, sd, u, of, terms), log_marginal_one(mean, sd, of)
    if low > last or high < 0.0:
        edge = 0 if high < 0.0 else last
        nearest = ((centre + width * math.sinh(start + edge * step) - mean) / sd) ** 2
    else:
        first, stop = int(max(low, 0.0)) // stride, int(min(high, last)) // stride
    begin, end = begin + first, begin + stop + 1
    total = _terms(effects[begin:end], masses[begin:end], mean, 1.0 / sd, nearest, terms)
    place = first + _inverted(u, terms, end - begin, total)
    value = centre + width * math.sinh(start + place * stride * step)
    if not total > 0.0:
        return value, -np.inf
    level = math.log(total * width * step * stride / (sd * _SQRT_2PI))
    return value, float(of.peak + level - 0.5 * nearest)


@compiled
def _beyond(mean: float, sd: float, u: float, of: Row, terms: Array) -> float:
    """An effect that may lie beyond the table, where the likelihood goes on as a parabola."""
    step = 2.0 * NORMAL_REACH / (BEYOND - 1)
    largest = -np.inf
    for n in range(BEYOND):
        z = -NORMAL_REACH + n * step
        terms[n] = interpolate(mean + sd * z, of) - 0.5 * z * z
        largest = max(largest, terms[n])
    total = 0.0
    for n in range(BEYOND):
        terms[n] = math.exp(terms[n] - largest)
        total += terms[n]
    return float(mean + sd * (-NORMAL_REACH + step * _inverted(u, terms, BEYOND, total)))


@compiled
def _inverted(u: float, terms: Array, count: int, total: float) -> float:
    """Place, in points, below which lies the share u of a density known at `count` even points.

    Its integral up to a point is the trapezoid's, set right at that end by the differences there; between two
    points it is that of the cubic through four.
    """
    if not total > 0.0:
        return 0.5 * count
    target, seen, n = u * total, 0.0, 0
    while n < count - 2 and seen + terms[n] + 0.5 * terms[n + 1] < target:
        seen += terms[n]
        n += 1
    if n > 0 and seen + 0.5 * terms[n] + _end(terms, n, count) > target:
        n -= 1
        seen -= terms[n]
    elif n < count - 2 and seen + terms[n] + 0.5 * terms[n + 1] + _end(terms, n + 1, count) < target:
        seen += terms[n]
        n += 1
    left = seen + 0.5 * terms[n] + _end(terms, n, count)
    right = seen + terms[n] + 0.5 * terms[n + 1] + _end(terms, n + 1, count)
    if not right > left:
        return n + 0.5
    f0, f1, f2, f3 = terms[max(n - 1, 0)], terms[n], terms[n + 1], terms[min(n + 2, count - 1)]
    a = -f0 / 3.0 - 0.5 * f1 + f2 - f3 / 6.0
    b = 0.5 * (f0 + f2) - f1
    c = (f3 - f0) / 6.0 + 0.5 * (f1 - f2)
    whole = f1 + a / 2.0 + b / 3.0 + c / 4.0
    part = min(max((target - left) / (right - left), 0.0), 1.0) * whole
    root = math.sqrt(max(f1 * f1 + 2.0 * (f2 - f1) * part, 0.0))
    s = min(2.0 * part / (f1 + root), 1.0) if f1 + root > 0.0 else 0.5
    for _ in range(NEWTON):
        slope = f1 + s * (a + s * (b + s * c))
        if slope > 0.0:
            s -= (s * (f1 + s * (a / 2.0 + s * (b / 3.0 + s * c / 4.0))) - part) / slope
            s = min(max(s, 0.0), 1.0)
    return n + s


@compiled
def _end(terms: Array, n: int, count: int) -> float:
    """What the trapezoid up to point n lacks, by central differences of the ends."""
    if n < 2 or n > count - 3:
        return 0.0
    near, far = terms[n + 1] - terms[n - 1], terms[n + 2] - terms[n - 2]
    return float((-82.0 * near + 11.0 * far) / 1440.0)


@unlocked
def draws(
    mean: Array,
    sd: Array,
    scales: Array,
    weights: Array,
    u: Array,
    v: Array,
    normal: Array,
    table: Packed,
    fine: Fine,
) -> Array:
    """Draws and log likelihoods, shape (2, n, k); means (n, 1), or (n, k) where each study has its own."""
    k = table.centre.size
    result = np.empty((2, mean.shape[0], k))
    terms = np.empty(fine.points)
    for i in range(k):
        of, effects, masses = row(i, table), fine.effects[i], fine.masses[i]
        own = i if mean.shape[1] > 1 else 0
        for n in range(mean.shape[0]):
            m, s, chance, other = mean[n, own], sd[n], u[n, i], normal[n, i]
            level, scale = 0.0, scales[0]
            if scales.size > 1:
                level = log_mixture(m, s, scales, weights, of)
                scale = _component(m, s, scales, weights, v[n, i], level, of)
            effect, alone = _draw_one(m, s * scale, chance, other, of, effects, masses, terms)
            result[0, n, i], result[1, n, i] = effect, level if scales.size > 1 else alone
    return result
