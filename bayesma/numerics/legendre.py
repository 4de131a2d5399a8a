"""A density known at Gauss-Legendre nodes, as a Legendre series: integral, distribution and quantiles."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

MAX_STEPS = 100
ROOT_STEPS = 8  # the approximation is good to 1e-5 or better: three are enough


@cache
def rule(n: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [-1, 1], shapes (n,), rising.

    Newton's method from Tricomi's approximation: numpy's eigenvalues need seconds for n = 2048.
    """
    nodes, slopes = _roots(n)
    return nodes, 2.0 / ((1.0 - nodes) * (1.0 + nodes) * slopes**2)


@compiled
def _roots(n: int) -> tuple[Array, Array]:
    """Roots of the n-th Legendre polynomial, and its derivative there."""
    nodes, slopes = np.empty(n), np.empty(n)
    for i in range(n):
        x = -(1.0 - (n - 1.0) / (8.0 * n**3)) * np.cos(np.pi * (4.0 * i + 3.0) / (4.0 * n + 2.0))
        slope = 1.0
        for _ in range(ROOT_STEPS):
            before, here = 1.0, x
            for k in range(2, n + 1):
                before, here = here, ((2.0 * k - 1.0) * x * here - (k - 1.0) * before) / k
            slope = n * (before - x * here) / ((1.0 - x) * (1.0 + x))
            step = here / slope
            x -= step
            if abs(step) < 1e-15:
                break
        nodes[i], slopes[i] = x, slope
    return nodes, slopes


@cache
def transform(n: int) -> Array:
    """Matrix from values at the n nodes to Legendre coefficients, shape (n, n)."""
    weights, degree = rule(n)[1], np.arange(n)
    return np.ascontiguousarray((values(n) * weights[:, None]).T * (degree + 0.5)[:, None])


def coefficients(values: Array) -> Array:
    """Legendre coefficients of polynomials through values (..., n) at the n Gauss-Legendre nodes."""
    return np.asarray(values @ transform(values.shape[-1]).T)


@cache
def values(n: int) -> Array:
    """Matrix from n Legendre coefficients to values at the n nodes: the inverse of `transform`."""
    return np.ascontiguousarray(legendre.legvander(rule(n)[0], n - 1))


@cache
def carry(n: int, to: int) -> Array:
    """Matrix from values of a polynomial at the nodes of the rule of n to those of another, (to, n)."""
    return np.ascontiguousarray(legendre.legvander(rule(to)[0], n - 1) @ transform(n))


@cache
def last_terms(n: int, to: int) -> Array:
    """Matrix from values at n nodes to the sum of the series' last four terms at others, (to, n)."""
    last = legendre.legvander(rule(to)[0], n - 1)[:, -4:]
    return np.ascontiguousarray(last @ transform(n)[-4:])


def roughness(series: Array) -> Array:
    """What the last terms of Legendre series (m, n) still add, in parts of all: 0 when resolved, shape (m,).

    A rule of n nodes integrates polynomials of twice the degree that its series can follow, so that an exact
    integral does not show that the series follows the function.
    """
    size = np.abs(series)
    return np.asarray(size[:, -4:].sum(axis=1) / size.sum(axis=1))


def antiderivative(series: Array) -> Array:
    """Coefficients, shape (n + 1,), of the integral from -1."""
    return np.asarray(legendre.legint(series, lbnd=-1.0), dtype=np.float64)


def antiderivatives(series: Array) -> Array:
    """`antiderivative` of every row, shape (m, n + 1)."""
    return np.ascontiguousarray(legendre.legint(series, lbnd=-1.0, axis=1), dtype=np.float64)


@compiled
def evaluate(x: float, series: Array) -> float:
    """Value of a Legendre series at `x` in [-1, 1], by Clenshaw's recurrence."""
    n = series.size
    b1, b2 = 0.0, 0.0
    for k in range(n - 1, 0, -1):
        b1, b2 = series[k] + (2.0 * k + 1.0) / (k + 1.0) * x * b1 - (k + 1.0) / (k + 2.0) * b2, b1
    return float(series[0] + x * b1 - 0.5 * b2)


@compiled
def evaluate_many(x: Array, series: Array) -> Array:
    """Values of a Legendre series at several points."""
    result = np.empty(x.size)
    for i in range(x.size):
        result[i] = evaluate(x[i], series)
    return result


@compiled
def solve(target: float, integral: Array, density: Array) -> float:
    """Point in [-1, 1] where the increasing series `integral` is `target`; `density` is its derivative."""
    low, high = -1.0, 1.0
    x = 0.0
    for _ in range(MAX_STEPS):
        excess = evaluate(x, integral) - target
        if excess > 0.0:
            high = x
        else:
            low = x
        slope = evaluate(x, density)
        moved = x - excess / slope if slope > 0.0 else 2.0
        if not low < moved < high:
            moved = 0.5 * (low + high)
        if abs(moved - x) <= 1e-15 or high - low <= 1e-15:
            return moved
        x = moved
    return x


@compiled
def solve_many(targets: Array, integral: Array, density: Array) -> Array:
    """`solve` for several targets."""
    result = np.empty(targets.size)
    for i in range(targets.size):
        result[i] = solve(targets[i], integral, density)
    return result
