"""What all other studies say of one study's effect: a mixture over the nodes of location and scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.slice_levels import Slices
from bayesma.numerics import legendre
from bayesma.numerics.effect_kernels import bell_sum, fast_exp
from bayesma.numerics.effect_table import Shape
from bayesma.numerics.jit import compiled, unlocked
from bayesma.numerics.log_series import through_logs
from bayesma.numerics.threads import by_rows

Array = NDArray[np.float64]
type Rows = NDArray[np.intp]

LIGHT = 1e-11  # slices of less mass are left out
FINE = 513  # even points of a slice's profile; every 2nd, 4th and 8th is a profile again
STRIDES = 4
STEP = 2.0 / (FINE - 1)
BULK = 0.6  # units within which a slice has its mass, where its nodes must be seen
WIDE = 3.0  # the same for a Student-t, whose complex poles lie nearer
RESOLVED = 1.3  # spacings of a slice's nodes or points from which a normal sees enough of them
REACH = 9.0  # sds of a normal beyond which it is 0
OPEN = 1e-6  # of the peak: where a profile is higher at an end, what lies beyond is no tail but cut away
FAR = 300.0  # a rough look does not tell exp(-FAR) from less
FEWEST = 200  # effects for which a thread is worth starting
THIN = 4  # nodes that a rough look takes together; rules have a multiple of them


class Profile(NamedTuple):
    """Slices' masses without one study at even points of their windows.

    Attributes
    ----------
    values
        Density in u on [-1, 1], shape (k + 1, s, FINE).
    places, masses
        Locations and trapezoid masses at every point, then every 2nd, 4th and 8th, one after the other,
        shapes (s, m) and (k + 1, s, m).
    open
        Slices that have vanished at both ends, where the trapezoid is exact to rounding, shape (s,).
    """

    values: Array
    places: Array
    masses: Array
    open: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Slices with the mass their nodes have when one study at a time is left out.

    Attributes
    ----------
    scale, location, window
        Of the slices that weigh something, as in `Slices`.
    ratio
        Weight of every node without each study, and last with all of them, relative to the largest, shape
        (k + 1, s, n).
    profile
        The same between the nodes.
    offset
        Logs of those largest, shape (k + 1,).
    shape
        Distribution of effects around the location.
    """

    scale: Array
    location: Array
    window: Array
    ratio: Array
    profile: Profile
    offset: Array
    shape: Shape

    @classmethod
    def of(cls, slices: Slices, shape: Shape) -> Mixture:
        """Divide the likelihood of each study out of the posterior."""
        heavy = slices.mass > LIGHT
        location, weight, scale = slices.location[heavy], slices.weight[heavy], slices.scale[heavy]
        n = location.shape[1]
        of_studies = np.moveaxis(slices.likelihood[heavy], -1, 0)
        share = np.concatenate([of_studies, np.zeros((1, *location.shape))])
        with np.errstate(divide="ignore"):
            ratio = np.log(weight) - share
        offset = ratio.max(axis=(1, 2))
        ratio -= offset[:, None, None]
        window = slices.window[heavy]
        profile = _profile(ratio - np.log(legendre.rule(n)[1]), window, _needed(scale, window, n, shape))
        return cls(scale, location, window, np.exp(ratio), profile, offset, shape)

    def log_density(self, rows: Rows, x: Array) -> Array:
        """Log density, up to a constant, of effects (q, g) of studies (q,), their own data aside."""
        shape, x = self.shape, np.ascontiguousarray(x)
        slices = self.scale, self.location, self.window, self.ratio, self.profile
        value = by_rows(
            lambda part: _convolved(x[part], rows[part], *slices, shape.scales, shape.weights, shape.nu),
            rows.size,
            FEWEST // x.shape[1] + 1,
        )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(value) + self.offset[rows, None])

    def rough(self, rows: Rows, x: Array) -> Array:
        """`log_density` with a few nodes at a time taken together, as wide as the next one is far."""
        location = self.location.reshape(self.scale.size, -1, THIN).mean(axis=2)
        spread = np.hypot(self.scale[:, None], np.abs(np.gradient(location, axis=1)))
        ratio = self.ratio.reshape(*self.ratio.shape[:2], -1, THIN).sum(axis=3) / spread
        x, width, nu = np.ascontiguousarray(x), 1.0 / spread, self.shape.nu
        value = by_rows(
            lambda part: _thinned(x[part], rows[part], location, width, ratio, nu),
            rows.size,
            THIN * FEWEST // x.shape[1] + 1,
        )
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(value) + self.offset[rows, None])


def _needed(scale: Array, window: Array, n: int, shape: Shape) -> NDArray[np.bool_]:
    """Slices on whose scale not every effect sees enough of their n nodes, shape (s,)."""
    _, unit, low, high = window.T
    widest = np.pi / n * 0.5 * (high - low) * unit * math.hypot(1.0, BULK)
    finest = RESOLVED / shape.scales.min() if math.isinf(shape.nu) else WIDE
    return np.asarray(scale < finest * widest)


def _profile(height: Array, window: Array, needed: NDArray[np.bool_]) -> Profile:
    """Profiles from logs of the slices' densities (k + 1, s, n) at Gauss-Legendre nodes; 0 if not needed."""
    p, m, n = height.shape
    finer = through_logs(height[:, needed].reshape(-1, n)).values
    values = np.zeros((p, m, FINE))
    values[:, needed] = np.maximum(finer @ _to_fine(finer.shape[1]).T, 0.0).reshape(p, -1, FINE)
    _, unit, low, high = window.T[:, :, None]
    z = low + 0.5 * (high - low) * np.linspace(0.0, 2.0, FINE)
    places = window[:, :1] + unit * np.sinh(z)
    masses = values * STEP
    strides = [2**power for power in range(STRIDES)]
    ends = np.maximum(values[:, :, 0], values[:, :, -1])
    return Profile(
        values,
        np.concatenate([places[:, ::stride] for stride in strides], axis=1),
        np.concatenate([masses[:, :, ::stride] * stride for stride in strides], axis=2),
        np.all(ends <= OPEN * values.max(axis=2), axis=0),
    )


@cache
def _to_fine(n: int) -> Array:
    """Matrix from values at n nodes to evenly spaced points, shape (FINE, n)."""
    fine = np.linspace(-1.0, 1.0, FINE)
    return np.ascontiguousarray(np.polynomial.legendre.legvander(fine, n - 1) @ legendre.transform(n))


def _hermite(*sizes: int) -> tuple[Array, Array]:
    """Rules of several sizes, one a row, padded with weights of 0."""
    nodes, weights = np.zeros((len(sizes), max(sizes))), np.zeros((len(sizes), max(sizes)))
    for row, n in enumerate(sizes):
        x, w = np.polynomial.hermite_e.hermegauss(n)
        nodes[row, :n], weights[row, :n] = x, w / w.sum()
    return nodes, weights


NARROW = (0.004, 0.024)  # half windows below which a normal needs the smallest, second smallest of the rules
_SIZES = np.array([3, 7, 24])
_SQRT_2PI = math.sqrt(2.0 * math.pi)
_NODES, _WEIGHTS = _hermite(3, 7, 24)


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
def _even(x: float, sd: float, local: float, window: Array, places: Array, masses: Array) -> float:
    """Density at x of a slice's location plus a normal: trapezoid over the even points within reach."""
    centre, unit, low, high = window
    half, points = 0.5 * (high - low), FINE - 1
    stride, begin = 1, 0
    while stride < 2 ** (STRIDES - 1) and sd >= RESOLVED * 2 * stride * local * STEP:
        begin += points // stride + 1
        stride *= 2
    first = 0.5 * points * (math.asinh((x - REACH * sd - centre) / unit) - low) / half
    last = 0.5 * points * (math.asinh((x + REACH * sd - centre) / unit) - low) / half
    if first > points or last < 0.0:
        return 0.0
    start, stop = begin + int(max(first, 0.0)) // stride, begin + int(min(last, points)) // stride + 1
    return bell_sum(places[start:stop], masses[start:stop], x, 1.0 / sd, 0.0) / (sd * _SQRT_2PI)


@compiled
def _narrow(x: float, sd: float, local: float, window: Array, density: Array) -> float:
    """Density at x of a slice's location plus a normal too narrow for its points: Gauss-Hermite."""
    centre, unit, low, high = window
    half = 0.5 * (high - low)
    rule = 0 if sd < NARROW[0] * local else 1 if sd < NARROW[1] * local else 2
    total = 0.0
    for q in range(_SIZES[rule]):
        at = (x - sd * _NODES[rule, q] - centre) / unit
        u = (math.asinh(at) - low) / half - 1.0
        if abs(u) < 1.0:
            slope = half * unit * math.sqrt(1.0 + at * at)
            total += _WEIGHTS[rule, q] * _between(u, density) / slope
    return max(total, 0.0)


@unlocked
def _convolved(
    x: Array,
    rows: Rows,
    scale: Array,
    location: Array,
    window: Array,
    ratio: Array,
    profile: Profile,
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
        for s in range(scale.size):
            centre, unit, low, high = window[s]
            across = 0.5 * (high - low) * unit
            places, masses = location[s], ratio[rows[i], s]
            even_places, even_masses = profile.places[s], profile.masses[rows[i], s]
            density = profile.values[rows[i], s]
            for j in range(x.shape[1]):
                offset = min(abs(x[i, j] - centre) / unit, BULK)
                local = across * math.sqrt(1.0 + offset * offset)
                spacing = local * math.pi / n
                if nu < np.inf and scale[s] >= WIDE * spacing:
                    part = 0.0
                    for m in range(n):
                        z = (x[i, j] - places[m]) / scale[s]
                        part += masses[m] * (1.0 + z * z / nu) ** (-0.5 * (nu + 1.0))
                    result[i, j] += level * part / scale[s]
                    continue
                for c in range(components.size):
                    sd = scale[s] * components[c]
                    if sd >= RESOLVED * spacing:
                        part = bell_sum(places, masses, x[i, j], 1.0 / sd, 0.0) / (sd * _SQRT_2PI)
                    elif profile.open[s] and sd >= RESOLVED * local * STEP:
                        part = _even(x[i, j], sd, local, window[s], even_places, even_masses)
                    else:
                        part = _narrow(x[i, j], sd, local, window[s], density)
                    result[i, j] += shares[c] * part
    return result


@compiled
def _thinned(x: Array, rows: Rows, location: Array, precision: Array, ratio: Array, nu: float) -> Array:
    """Sum of normal or Student-t densities without their constant."""
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total = 0.0
            for s in range(location.shape[0]):
                for m in range(location.shape[1]):
                    z = (x[i, j] - location[s, m]) * precision[s, m]
                    if nu < np.inf:
                        total += ratio[rows[i], s, m] * (1.0 + z * z / nu) ** (-0.5 * (nu + 1.0))
                    else:
                        total += ratio[rows[i], s, m] * fast_exp(max(-0.5 * z * z, -FAR))
            result[i, j] = total
    return result
