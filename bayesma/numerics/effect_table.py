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

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.effect_draws import draws, refined
from bayesma.numerics.effect_kernels import LEVELS, Packed, interpolate_many, log_marginals
from bayesma.numerics.threads import by_rows

Array = NDArray[np.float64]
type LogLikelihood = Callable[[Array], Array]

FEWEST = 5000  # integrals for which a thread is worth starting
POINTS = 385  # 24 * 16 + 1, so that every 2nd, 4th, 8th and 16th point is again a table
WIDEST_STEP = 0.05  # in asinh units: a table with wider ones is made twice as fine
SCOUTS = 61  # points of the first look at a likelihood
FARTHEST = 14.0  # in asinh units: 600,000 widths from the centre
DROP = 46.0  # a likelihood is followed until it has fallen to exp(-46) of its peak
# Trapezoid in the log precision of a Student-t: error abs(Gamma(a + 2 pi i / step)) / Gamma(a), a = nu / 2
STEP = 0.4
SHARE = 0.55  # of the width sqrt(2 / nu) of that density, when it is the smaller
NEGLIGIBLE = 1e-12


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
        """Log of each study's likelihood integrated over effects, shape (n, k).

        Parameters
        ----------
        mean
            Shape (n,), or (n, k) where each study has its own.
        sd
            Shape (n,), in units of which `shape` is.
        shape
            Distribution of effects around their mean.
        """
        mean, sd = _by_study(mean), np.ascontiguousarray(sd)
        return by_rows(
            lambda part: log_marginals(mean[part], sd[part], shape.scales, shape.weights, self.packed),
            sd.size,
            FEWEST // self.k + 1,
        )

    def draw(self, mean: Array, sd: Array, shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
        """Effects drawn given their study's data, mean and sd as in `log_marginal`, and that: (n, k) each."""
        size = (sd.size, self.k)
        mean, sd = _by_study(mean), np.ascontiguousarray(sd)
        uniform, other, normal = rng.uniform(size=size), rng.uniform(size=size), rng.standard_normal(size)
        fine = refined(self.packed)

        def some(part: slice) -> Array:
            chance = uniform[part], other[part], normal[part]
            made = draws(mean[part], sd[part], shape.scales, shape.weights, *chance, self.packed, fine)
            return np.moveaxis(made, 0, 1)

        effects, likelihood = np.moveaxis(by_rows(some, sd.size, FEWEST // self.k + 1), 1, 0)
        return effects, likelihood

    def at(self, effect: Array, studies: NDArray[np.intp]) -> Array:
        """Log likelihood of studies (q,) at effects (q, g), of that shape; 0 for one beyond the last."""
        return interpolate_many(effect, studies, self.packed)


def _by_study(mean: Array) -> Array:
    """One column for all studies, or one each."""
    return np.ascontiguousarray(mean if mean.ndim > 1 else mean[:, None])


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
    """Centre and width of the part where each likelihood bends: between drops of 0.5 and 4 on its sides.

    A side counts by its steepness: one that only a wide prior ends, hundreds of units away, is no bend.
    """
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
        new_centre[i] = float(np.average(place, weights=np.maximum(spans, 1e-300) ** -2.0))
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
