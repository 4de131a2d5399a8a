"""Distributions given piece by piece: a density as a sum of Legendre series, each on a window of its own.

A window (centre, unit, low, high) maps u in [-1, 1] to ``centre + unit sinh(z)``, z from low to high.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics import legendre
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

HALVINGS = 200
ROUNDING = 1e-15
ACCURATE = 1e-14  # relative to the distance of the two ends, in asinh units


@compiled
def _place(value: float, window: Array) -> float:
    """The u of a value, clipped to [-1, 1]."""
    if value == np.inf:
        return 1.0
    if value == -np.inf:
        return -1.0
    z = math.asinh((value - window[0]) / window[1])
    return float(min(max(2.0 * (z - window[2]) / (window[3] - window[2]) - 1.0, -1.0), 1.0))


@compiled
def below(value: float, windows: Array, integrals: Array) -> float:
    """Mass below a value; windows (m, 4), integrated series (m, n + 1)."""
    total = 0.0
    for s in range(windows.shape[0]):
        u = _place(value, windows[s])
        if u > -1.0:
            total += legendre.evaluate(u, integrals[s])
    return total


@compiled
def quantiles(targets: Array, windows: Array, integrals: Array) -> Array:
    """Values with so much of the mass below them, by regula falsi and bisection; shape of targets.

    In asinh units of the narrowest window: the widest may be 1e20 times as wide.
    """
    narrow = np.argmin(windows[:, 1])
    centre, unit = windows[narrow, 0], windows[narrow, 1]
    first, last = np.inf, -np.inf
    for s in range(windows.shape[0]):
        away, factor = (windows[s, 0] - centre) / unit, windows[s, 1] / unit
        first = min(first, math.asinh(away + factor * math.sinh(windows[s, 2])))
        last = max(last, math.asinh(away + factor * math.sinh(windows[s, 3])))
    total = below(np.inf, windows, integrals)
    result = np.empty(targets.size)
    for i in range(targets.size):
        low, high = first, last
        f_low, f_high = -targets[i], 1.0 - targets[i]
        for step in range(HALVINGS):
            at = low - f_low * (high - low) / (f_high - f_low) if step % 3 else 0.5 * (low + high)
            if not low < at < high:
                at = 0.5 * (low + high)
            f = below(centre + unit * math.sinh(at), windows, integrals) / total - targets[i]
            if f > 0.0:
                high, f_high = at, f
            else:
                low, f_low = at, f
            if f == 0.0:
                low = high = at
            if high - low <= ACCURATE * (last - first):
                break
        result[i] = centre + unit * math.sinh(0.5 * (low + high))
    return result


@compiled
def density(x: Array, windows: Array, series: Array) -> Array:
    """Density at `x`, shape of `x`; windows (m, 4), series (m, n)."""
    result = np.zeros(x.size)
    for i in range(x.size):
        for s in range(windows.shape[0]):
            u = _place(x[i], windows[s])
            if abs(u) < 1.0:
                at = (x[i] - windows[s, 0]) / windows[s, 1]
                slope = 0.5 * (windows[s, 3] - windows[s, 2]) * windows[s, 1] * math.sqrt(1.0 + at * at)
                result[i] += max(legendre.evaluate(u, series[s]), 0.0) / slope
    return result


def nodes(windows: Array, series: Array) -> tuple[Array, Array]:
    """Gauss-Legendre nodes of every piece and their masses, shapes (m, n)."""
    u, w = legendre.rule(series.shape[1])
    centre, unit, low, high = windows.T[:, :, None]
    values = centre + unit * np.sinh(low + 0.5 * (high - low) * (u + 1.0))
    density = np.array([legendre.evaluate_many(u, row) for row in series])
    noise = ROUNDING * np.abs(series).sum(axis=1, keepdims=True)  # far out it would outweigh the density
    return values, np.where(density > noise, density, 0.0) * w
