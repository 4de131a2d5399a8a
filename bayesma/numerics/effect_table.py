"""Log likelihoods of one scalar effect a study, tabulated once and then integrated against any normal.

A study enters a hierarchical model with one random effect through L_i(x), its likelihood at effect x with
everything else of the study integrated out. L_i is computed at a few hundred points; the integral of L_i
against N(mean, sd^2), its draws and its mixtures over a grid are then cheap and common to all such models.

The points are uniform in ``asinh((x - centre) / width)``: dense where the likelihood bends, sparse along a
flat tail (zero cells), which may be followed for many orders of magnitude. On them the trapezoid rule is
exact to rounding wherever the normal is wide enough to see several points; a narrower normal sees a smooth
function, which Gauss-Hermite nodes on an interpolated log likelihood integrate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled, compiled_sum

Array = NDArray[np.float64]
type LogLikelihood = Callable[[Array], Array]

POINTS = 385  # 24 * 16 + 1, so that every 2nd, 4th, 8th and 16th point is again a table
LEVELS = 5  # strides 1, 2, 4, 8 and 16
WIDEST_STEP = 0.05  # in asinh units: a table with wider ones is made twice as fine
SCOUTS = 61  # points of the first look at a likelihood
FARTHEST = 14.0  # in asinh units: 600,000 widths from the centre
DROP = 46.0  # a likelihood is followed until it has fallen to exp(-46) of its peak
RESOLVED = 1.6  # the trapezoid is exact to rounding when the sd is this many steps
COARSEST = 0.2  # step in asinh units beyond which the likelihood itself would not be resolved
NORMAL_REACH = 9.0  # sds of a normal beyond which it is 0
HERMITE = 11
FINER = 4  # draws use so many times the points an integral does
BETWEEN = 73  # points on which a normal is drawn that is too narrow for that
LOCAL = 0.5  # steps below which a normal sees a likelihood as exp of a parabola
# Trapezoid in the log precision of a Student-t: error abs(Gamma(a + 2 pi i / step)) / Gamma(a), a = nu / 2
STEP = 0.4
SHARE = 0.55  # of the width sqrt(2 / nu) of that density, when it is the smaller
NEGLIGIBLE = 1e-12


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


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Distribution of effects around their mean, in units of tau: a scale mixture of normals.

    Attributes
    ----------
    scales, weights
        Shapes (c,): one component 1 with weight 1 for normal effects.
    nu
        Degrees of freedom of the Student-t that the mixture is, infinite for the normal.
    """

    scales: Array
    weights: Array
    nu: float = math.inf

    @classmethod
    def normal(cls) -> Shape:
        """Normal effects."""
        return cls(np.ones(1), np.ones(1))

    @classmethod
    def student_t(cls, nu: float) -> Shape:
        """Student-t effects: precision Gamma(nu / 2, nu / 2), discretised by the trapezoid in its log."""
        half = 0.5 * nu
        low = -1.0 - 38.0 / half
        high = math.log1p(38.0 / half + math.sqrt(76.0 / half))
        log_precision = np.arange(low, high, min(STEP, SHARE * math.sqrt(2.0 / nu)))
        log_weight = half * (log_precision - np.exp(log_precision))
        weight = np.exp(log_weight - log_weight.max())
        kept = weight > NEGLIGIBLE * weight.max()
        return cls(np.exp(-0.5 * log_precision[kept]), weight[kept] / weight[kept].sum(), nu)

    def draw(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Standardised effects."""
        scales = self.scales[rng.choice(self.scales.size, size=size, p=self.weights)]
        return np.asarray(scales * rng.standard_normal(size))


@dataclass(frozen=True, slots=True, eq=False)
class EffectTable:
    """Likelihoods of k studies, one scalar effect each."""

    packed: Packed

    @classmethod
    def build(
        cls, log_likelihood: LogLikelihood, centre: Array, width: Array, bend: float = math.inf
    ) -> EffectTable:
        """Tabulate.

        Parameters
        ----------
        log_likelihood
            Effects of shape (k, g) to log likelihoods of the same shape, row i for study i.
        centre, width
            Rough place and scale of each likelihood, shapes (k,); they only have to be of the right order.
        bend
            Scale on which a likelihood can bend about the rough centre, however wide it is as a whole.
        """
        rough = centre
        scout = np.linspace(-FARTHEST, FARTHEST, SCOUTS)
        for _ in range(2):  # the second look starts from the first one's centre and width
            seen = centre[:, None] + width[:, None] * np.sinh(scout)
            values = log_likelihood(seen)
            centre, width = _focus(scout, values, centre, width)
            wide = width > bend
            centre, width = np.where(wide, rough, centre), np.where(wide, bend, width)
        start, stop = _ends(np.arcsinh((seen - centre[:, None]) / width[:, None]), values)
        points = POINTS
        if np.max(stop - start) > WIDEST_STEP * (points - 1):
            points = 2 * points - 1
        step = (stop - start) / (points - 1)
        z = start[:, None] + step[:, None] * np.arange(points)
        values = np.ascontiguousarray(log_likelihood(centre[:, None] + width[:, None] * np.sinh(z)))
        return cls(_pack(centre, width, start, step, values))

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.packed.centre.size)

    def halved(self) -> EffectTable:
        """Every second point: the difference it makes bounds the error of the table."""
        p = self.packed
        values = np.ascontiguousarray(p.log_likelihood[:, ::2])
        return EffectTable(_pack(p.centre, p.width, p.start, 2.0 * p.step, values))

    def points(self) -> Array:
        """Effects at which the likelihoods are known, shape (k, POINTS)."""
        p = self.packed
        z = p.start[:, None] + p.step[:, None] * np.arange(p.mass.shape[1])
        return np.asarray(p.centre[:, None] + p.width[:, None] * np.sinh(z))

    def log_marginal(self, mean: Array, sd: Array, shape: Shape) -> Array:
        """Log of each study's likelihood integrated over effects: mean and sd (n,) in, (n, k) out."""
        return _log_marginals(
            np.ascontiguousarray(mean), np.ascontiguousarray(sd), shape.scales, shape.weights, self.packed
        )

    def draw(self, mean: Array, sd: Array, shape: Shape, rng: np.random.Generator) -> Array:
        """Effects drawn given their study's data and mean, sd of shape (n,): shape (n, k)."""
        size = (mean.size, self.k)
        return _draws(
            np.ascontiguousarray(mean),
            np.ascontiguousarray(sd),
            shape.scales,
            shape.weights,
            rng.uniform(size=size),
            rng.uniform(size=size),
            rng.standard_normal(size),
            self.packed,
        )

    def at(self, effect: Array) -> Array:
        """Log likelihood of each study at its effects, (p, g) to (p, g); 0 in rows beyond the last study."""
        return _interpolate_many(effect, self.packed)


def _pack(centre: Array, width: Array, start: Array, step: Array, values: Array) -> Packed:
    """Table with the trapezoid masses of the likelihood relative to its peak."""
    peak = values.max(axis=1)
    z = start[:, None] + step[:, None] * np.arange(values.shape[1])
    mass = np.exp(values - peak[:, None]) * (width * step)[:, None] * np.cosh(z)
    effects = centre[:, None] + width[:, None] * np.sinh(z)
    strides = [2**level for level in range(LEVELS)]
    by_stride = [np.concatenate([a[:, ::stride] for stride in strides], axis=1) for a in (effects, mass)]
    return Packed(centre, width, start, step, values, mass, peak, *by_stride)


def _focus(z: Array, values: Array, centre: Array, width: Array) -> tuple[Array, Array]:
    """Centre and width of the part where each likelihood bends: between drops of 0.5 and 4 on its sides."""
    new_centre, new_width = centre.copy(), width.copy()
    for i in range(values.shape[0]):
        drop = values[i].max() - values[i]
        near = _crossings(z, drop, 0.5)
        far = _crossings(z, drop, 4.0)
        sides = [(n, f) for n, f in zip(near, far, strict=True) if n is not None and f is not None]
        if not sides:
            continue
        place = [centre[i] + width[i] * math.sinh(n) for n, _ in sides]
        spans = [width[i] * abs(math.sinh(f) - math.sinh(n)) for n, f in sides]
        new_centre[i] = float(np.mean(place))
        new_width[i] = max(min(spans) / 1.8, 1e-3 * width[i])
    return new_centre, new_width


def _crossings(z: Array, drop: Array, level: float) -> tuple[float | None, float | None]:
    """Where a drop from the peak passes a level, left and right of the peak; None along a flat side."""
    inside = np.flatnonzero(drop <= level)
    first, last = int(inside[0]), int(inside[-1])
    left = (
        None
        if first == 0
        else float(np.interp(level, [drop[first], drop[first - 1]], [z[first], z[first - 1]]))
    )
    right = (
        None
        if last == z.size - 1
        else float(np.interp(level, [drop[last], drop[last + 1]], [z[last], z[last + 1]]))
    )
    return left, right


def _ends(z: Array, values: Array) -> tuple[Array, Array]:
    """First and last of the points (k, g), in asinh units, at which each likelihood matters."""
    inside = values > values.max(axis=1, keepdims=True) - DROP
    first = np.maximum(np.argmax(inside, axis=1) - 1, 0)
    last = np.minimum(z.shape[1] - np.argmax(inside[:, ::-1], axis=1), z.shape[1] - 1)
    rows = np.arange(z.shape[0])
    return z[rows, first], z[rows, last]


@cache
def _hermite(n: int) -> tuple[Array, Array]:
    """Nodes and weights that integrate against a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


_NODES, _WEIGHTS = _hermite(HERMITE)


@compiled
def interpolate(i: int, effect: float, table: Packed) -> float:
    """Log likelihood of study `i`: sextic through seven points; a parabola beyond the table."""
    z = math.asinh((effect - table.centre[i]) / table.width[i])
    at = (z - table.start[i]) / table.step[i]
    points = table.log_likelihood.shape[1]
    if at < 0.0 or at > points - 1.0:
        a, b, c = (0, 4, 8) if at < 0.0 else (points - 1, points - 5, points - 9)
        x_a, x_b, x_c = table.effects[i, a], table.effects[i, b], table.effects[i, c]
        y_a, y_b, y_c = table.log_likelihood[i, a], table.log_likelihood[i, b], table.log_likelihood[i, c]
        slope = (y_a - y_b) / (x_a - x_b)
        bend = min((slope - (y_b - y_c) / (x_b - x_c)) / (x_a - x_c), 0.0)
        return float(y_a + (effect - x_a) * (slope + bend * (effect - x_b)))
    first = min(max(int(at + 0.5) - 3, 0), points - 7)
    t = at - first
    total = 0.0
    for j in range(7):
        weight = 1.0
        for m in range(7):
            if m != j:
                weight *= (t - m) / (j - m)
        total += weight * table.log_likelihood[i, first + j]
    return total


@compiled
def _interpolate_many(effect: Array, table: Packed) -> Array:
    """`interpolate` at effects (k, g); 0 in rows beyond the last study, which stand for new studies."""
    result = np.zeros(effect.shape)
    for i in range(min(effect.shape[0], table.centre.size)):
        for j in range(effect.shape[1]):
            result[i, j] = interpolate(i, effect[i, j], table)
    return result


@compiled
def _stride(i: int, mean: float, sd: float, table: Packed) -> int:
    """Every how many points the trapezoid needs; 0 when the normal is too narrow for the table."""
    offset = abs(mean - table.centre[i]) / table.width[i]
    here = table.width[i] * table.step[i] * math.sqrt(1.0 + offset * offset)
    if sd < RESOLVED * here:
        return 0
    reach = offset + 3.0 * sd / table.width[i]
    local = min(
        table.width[i] * table.step[i] * math.sqrt(1.0 + reach * reach), here + 0.6 * table.step[i] * sd * 3.0
    )
    stride = 1
    while (
        2 * stride * table.step[i] <= COARSEST
        and sd >= RESOLVED * 2 * stride * local
        and stride < 2 ** (LEVELS - 1)
    ):
        stride *= 2
    return stride


@compiled
def _span(i: int, mean: float, sd: float, stride: int, table: Packed) -> tuple[int, int, float]:
    """First and last-plus-one strided point within reach of the normal, and its nearest squared distance."""
    points = table.log_likelihood.shape[1]
    low = math.asinh((mean - NORMAL_REACH * sd - table.centre[i]) / table.width[i])
    high = math.asinh((mean + NORMAL_REACH * sd - table.centre[i]) / table.width[i])
    first = int(max(math.floor((low - table.start[i]) / table.step[i]), 0.0))
    last = int(min(math.ceil((high - table.start[i]) / table.step[i]), points - 1.0))
    if first > points - 1 or last < 0 or first > last:
        edge = 0 if last < 0 else points - 1
        x = table.centre[i] + table.width[i] * math.sinh(table.start[i] + edge * table.step[i])
        return 0, points, ((x - mean) / sd) ** 2
    first = (first // stride) * stride
    return first, last + 1, 0.0


@compiled
def _slots(first: int, stop: int, stride: int, points: int) -> tuple[int, int]:
    """Where the strided points from `first` up to `stop` stand among `effects` and `masses`."""
    begin, level = 0, 1
    while level < stride:
        begin += (points - 1) // level + 1
        level *= 2
    return begin + first // stride, begin + (stop - 1) // stride + 1


@compiled_sum
def _fast_exp(x: float) -> float:
    """exp(x) for x <= 0 as (1 + x / 1024 + ...)^1024, exact to 1e-13 down to exp(-40).

    Plain arithmetic, which a processor does on several numbers at once.
    """
    r = max(x, -700.0) * (1.0 / 1024.0)
    e = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720))))))
    for _ in range(10):
        e *= e
    return e


@compiled_sum
def bell_sum(effects: Array, masses: Array, mean: float, precision: float, nearest: float) -> float:
    """Sum of masses times a normal density without its constant, relative to exp(-nearest / 2)."""
    total = 0.0
    for j in range(effects.size):
        u = (effects[j] - mean) * precision
        total += masses[j] * _fast_exp(-0.5 * (u * u - nearest))
    return total


@compiled
def log_marginal_one(i: int, mean: float, sd: float, table: Packed) -> float:
    """Log of the integral of study i's likelihood against N(mean, sd^2)."""
    if sd <= 0.0:
        return interpolate(i, mean, table)
    stride = _stride(i, mean, sd, table)
    if stride == 0:
        largest = -np.inf
        total = 0.0
        for j in range(HERMITE):
            value = interpolate(i, mean + sd * _NODES[j], table)
            if value > largest:
                total = total * math.exp(largest - value) + _WEIGHTS[j]
                largest = value
            else:
                total += _WEIGHTS[j] * math.exp(value - largest)
        return largest + math.log(total)
    first, stop, nearest = _span(i, mean, sd, stride, table)
    begin, end = _slots(first, stop, stride, table.mass.shape[1])
    total = bell_sum(table.effects[i, begin:end], table.masses[i, begin:end], mean, 1.0 / sd, nearest)
    if total <= 0.0:
        return -np.inf
    level = math.log(total * stride / (sd * math.sqrt(2.0 * math.pi)))
    return float(table.peak[i] + level - 0.5 * nearest)


@compiled
def _log_mixture(i: int, mean: float, sd: float, scales: Array, weights: Array, table: Packed) -> float:
    """`log_marginal_one` over the components of the effects' distribution."""
    if scales.size == 1:
        return log_marginal_one(i, mean, sd * scales[0], table)
    largest, total = -np.inf, 0.0
    for c in range(scales.size):
        value = log_marginal_one(i, mean, sd * scales[c], table) + math.log(weights[c])
        if value > largest:
            total = total * math.exp(largest - value) + 1.0
            largest = value
        elif value > -np.inf:
            total += math.exp(value - largest)
    return largest + math.log(total) if total > 0.0 else -np.inf


@compiled
def _log_marginals(mean: Array, sd: Array, scales: Array, weights: Array, table: Packed) -> Array:
    """Shape (n, k)."""
    k = table.centre.size
    result = np.empty((mean.size, k))
    for n in range(mean.size):
        for i in range(k):
            result[n, i] = _log_mixture(i, mean[n], sd[n], scales, weights, table)
    return result


@compiled
def _component(
    i: int, mean: float, sd: float, scales: Array, weights: Array, u: float, table: Packed
) -> float:
    """Scale of the component an effect comes from, given its study's data."""
    if scales.size == 1:
        return float(scales[0])
    target = math.log(u) + _log_mixture(i, mean, sd, scales, weights, table)
    seen = 0.0
    for c in range(scales.size):
        seen += math.exp(log_marginal_one(i, mean, sd * scales[c], table) + math.log(weights[c]) - target)
        if seen >= 1.0:
            return float(scales[c])
    return float(scales[-1])


@compiled_sum
def _bell_terms(
    effects: Array, masses: Array, mean: float, precision: float, nearest: float, out: Array
) -> None:
    """The terms that `bell_sum` adds up."""
    for j in range(effects.size):
        u = (effects[j] - mean) * precision
        out[j] = masses[j] * _fast_exp(-0.5 * (u * u - nearest))


@compiled
def _draw_one(i: int, mean: float, sd: float, u: float, normal: float, table: Packed, terms: Array) -> float:
    """One effect given its study's data: inversion on the table, or the local normal when sd is small."""
    if sd <= 0.0:
        return mean
    offset = abs(mean - table.centre[i]) / table.width[i]
    here = table.width[i] * table.step[i] * math.sqrt(1.0 + offset * offset)
    if sd < LOCAL * here:
        level = interpolate(i, mean, table)
        up, down = interpolate(i, mean + sd, table), interpolate(i, mean - sd, table)
        slope, bend = 0.5 * (up - down), min(up + down - 2.0 * level, 0.5)
        spread = 1.0 / (1.0 - bend)
        return mean + sd * (slope * spread + math.sqrt(spread) * normal)
    if sd < FINER * RESOLVED * here:  # too narrow to be drawn on the table's own points
        step = 2.0 * NORMAL_REACH / (BETWEEN - 1)
        largest = -np.inf
        for n in range(BETWEEN):
            z = -NORMAL_REACH + n * step
            terms[n] = interpolate(i, mean + sd * z, table) - 0.5 * z * z
            largest = max(largest, terms[n])
        for n in range(BETWEEN):
            terms[n] = math.exp(terms[n] - largest)
        return mean + sd * (-NORMAL_REACH + step * _inverted(u, terms, BETWEEN))
    stride = _stride(i, mean, sd, table)
    first, stop, nearest = _span(i, mean, sd, max(stride, 1), table)
    stride = max(stride // FINER, 1)
    begin, end = _slots(first, stop, stride, table.mass.shape[1])
    _bell_terms(table.effects[i, begin:end], table.masses[i, begin:end], mean, 1.0 / sd, nearest, terms)
    z = table.start[i] + (first + _inverted(u, terms, end - begin) * stride) * table.step[i]
    return float(table.centre[i] + table.width[i] * math.sinh(z))


@compiled
def _inverted(u: float, terms: Array, count: int) -> float:
    """Place, in points, below which lies the share u of a density known at `count` even points.

    The mass between two points is that of the cubic through four; within it the density is taken as linear.
    """
    total = 0.0
    for n in range(count):
        total += terms[n]
    if total <= 0.0:
        return 0.5 * count
    target, seen, n, share = u * total, 0.0, 0, 0.0
    while n < count - 1:
        outer = terms[max(n - 1, 0)] + terms[min(n + 2, count - 1)]
        share = max((13.0 * (terms[n] + terms[n + 1]) - outer) / 24.0, 0.0)
        if seen + share >= target:
            break
        seen += share
        n += 1
    n = min(n, count - 2)
    left, right = terms[n], terms[n + 1]
    part = min(max((target - seen) / share, 0.0), 1.0) if share > 0.0 else 0.5
    root = math.sqrt(left * left + (right * right - left * left) * part)
    return n + (part * (left + right) / (left + root) if left + root > 0.0 else 0.5)


@compiled
def _draws(
    mean: Array, sd: Array, scales: Array, weights: Array, u: Array, v: Array, normal: Array, table: Packed
) -> Array:
    """Shape (n, k)."""
    k = table.centre.size
    result = np.empty((mean.size, k))
    terms = np.empty(max(table.mass.shape[1], BETWEEN))
    for n in range(mean.size):
        for i in range(k):
            scale = _component(i, mean[n], sd[n], scales, weights, v[n, i], table)
            result[n, i] = _draw_one(i, mean[n], sd[n] * scale, u[n, i], normal[n, i], table, terms)
    return result
