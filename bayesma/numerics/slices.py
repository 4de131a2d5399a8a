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
    """Values with so much of the mass below them, by Chandrupatla's method; shape of targets.

    In asinh units of the narrowest window: the widest may be 1e20 times as wide. The method
    (Chandrupatla 1997, doi 10.1016/S0965-9978(96)00051-8) takes the inverse quadratic through three points
    where that is safe, and halves the bracket where it is not. What is known of one target narrows the
    bracket of the next.
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
    known, mass = [first, last], [0.0, 1.0]  # places, and the mass below each
    for i in range(targets.size):
        old, new = first, last  # the two ends of the bracket
        f_old, f_new = -targets[i], 1.0 - targets[i]
        for k in range(len(known)):
            f = mass[k] - targets[i]
            if f <= 0.0 and known[k] > old:
                old, f_old = known[k], f
            elif f > 0.0 and known[k] < new:
                new, f_new = known[k], f
        share = 0.5
        for _ in range(HALVINGS):
            at = new + share * (old - new)
            here = below(centre + unit * math.sinh(at), windows, integrals) / total
            known.append(at)
            mass.append(here)
            f = here - targets[i]
            if (f > 0.0) == (f_new > 0.0):
                before, f_before = new, f_new
            else:
                before, f_before = old, f_old
                old, f_old = new, f_new
            new, f_new = at, f
            if f == 0.0:
                old = new
            width = abs(new - old)
            if width <= ACCURATE * (last - first):
                break
            least = 0.5 * ACCURATE * (last - first) / width
            share = 0.5
            place, height = (new - old) / (before - old), (f_new - f_old) / (f_before - f_old)
            if height**2 < place and (1.0 - height) ** 2 < 1.0 - place:
                share = f_new / (f_old - f_new) * f_before / (f_old - f_before) + (before - new) / (
                    old - new
                ) * f_new / (f_before - f_new) * f_old / (f_before - f_old)
            share = min(max(share, least), 1.0 - least)
        result[i] = centre + unit * math.sinh(0.5 * (old + new))
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
