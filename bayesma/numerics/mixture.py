"""Finite mixtures of normal distributions: distribution function, density and quantiles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-18  # components below this weight do not move a quantile at double precision
MAX_STEPS = 200
PART = 1000  # components, where a search among more of them begins
_SQRT_2 = math.sqrt(2.0)
_SQRT_2PI = math.sqrt(2.0 * math.pi)


@compiled
def _cdf(x: float, weight: Array, mean: Array, sd: Array) -> tuple[float, float, float]:
    """P(X < x), density and its slope at `x`; a component of sd 0 is a step just above its mean."""
    below, density, slope = 0.0, 0.0, 0.0
    for j in range(weight.size):
        if sd[j] > 0.0:
            z = (x - mean[j]) / sd[j]
            below += weight[j] * 0.5 * math.erfc(-z / _SQRT_2)
            height = weight[j] * math.exp(-0.5 * z * z) / (sd[j] * _SQRT_2PI)
            density += height
            slope -= height * z / sd[j]
        elif x > mean[j]:
            below += weight[j]
    return below, density, slope


@compiled
def _root(q: float, z_q: float, weight: Array, mean: Array, sd: Array, start: float) -> float:
    """Root of cdf(x) = q: Halley's method, held inside a bracket that halves when a step leaves it."""
    low: float = np.inf
    high: float = -np.inf
    for j in range(weight.size):
        if weight[j] > NEGLIGIBLE:
            at = mean[j] + z_q * sd[j]
            low, high = min(low, at), max(high, at)
    largest = np.argmax(weight)
    x = start if low < start < high else mean[largest] + z_q * sd[largest]
    for _ in range(MAX_STEPS):
        below, density, slope = _cdf(x, weight, mean, sd)
        if below > q:
            high = x
        else:
            low = x
        step = (below - q) / density if density > 0.0 else np.inf
        # no tolerance in units of the bracket: heavy tails make it wider than the answer by many powers of 10
        if abs(step) <= 1e-14 * abs(x) or abs(below - q) <= 1e-15 * min(q, 1.0 - q):
            moved = (
                x - step
            )  # where the density vanishes a step leads nowhere: any point of the plateau is right
            return float(moved if low <= moved <= high else x)
        if high - low <= 1e-15 * abs(high):
            return float(x)
        bend = 0.5 * step * slope / density if density > 0.0 else 0.0
        moved = x - (step / (1.0 - bend) if abs(bend) < 0.5 else step)
        if not low < moved < high:
            moved = 0.5 * (low + high)
        x = moved
    return float(x)


@compiled
def _quantiles(q: Array, z_q: Array, weight: Array, mean: Array, sd: Array) -> Array:
    """Quantiles of several mixtures with the same weights: rows of `mean`, columns of the result are `q`.

    Of many components, those of a part of them are where the search begins.
    """
    result = np.empty((mean.shape[0], q.size))
    apart = weight.size // PART
    every = max(apart, 1)
    some = weight[::every].copy()
    begun = apart > 1 and some.sum() > 0.0
    if begun:
        some /= some.sum()
    for i in range(mean.shape[0]):
        means, sds = mean[i, ::every].copy(), sd[i, ::every].copy()
        for j in range(q.size):
            start = _root(q[j], z_q[j], some, means, sds, np.nan) if begun else np.nan
            result[i, j] = _root(q[j], z_q[j], weight, mean[i], sd[i], start)
    return result


@compiled
def _cdfs(x: float, sign: float, weight: Array, mean: Array, sd: Array) -> Array:
    """P(X < x) (sign 1) or P(X > x) (sign -1) of several mixtures with the same weights."""
    result = np.empty(mean.shape[0])
    for i in range(mean.shape[0]):
        result[i] = _cdf(sign * x, weight, sign * mean[i], sd[i])[0]
    return result


@compiled
def _densities(x: Array, weight: Array, mean: Array, sd: Array) -> Array:
    """Density of one mixture at several points."""
    result = np.empty(x.size)
    for i in range(x.size):
        result[i] = _cdf(x[i], weight, mean, sd)[1]
    return result


def quantiles(q: Array, weight: Array, mean: Array, sd: Array) -> Array:
    """Quantiles of normal mixtures.

    Parameters
    ----------
    q
        Probabilities, shape (m,), strictly between 0 and 1.
    weight
        Weights that sum to 1, shape (nodes,).
    mean, sd
        Component means and standard deviations, shape (p, nodes): p mixtures with the same weights.

    Returns
    -------
    ndarray
        Shape (p, m), in the unit of `mean`.
    """
    return _quantiles(q, ndtri(q), weight, np.ascontiguousarray(mean), np.ascontiguousarray(sd))


def probability(x: float, weight: Array, mean: Array, sd: Array, *, above: bool) -> Array:
    """P(X > x) or P(X < x) of p normal mixtures, shape (p,), each tail to full relative accuracy."""
    sign = -1.0 if above else 1.0
    return _cdfs(x, sign, weight, np.ascontiguousarray(mean), np.ascontiguousarray(sd))


def density(x: Array, weight: Array, mean: Array, sd: Array) -> Array:
    """Density of one normal mixture at the points `x`, shape of `x`."""
    return _densities(np.ascontiguousarray(x), weight, mean, sd)
