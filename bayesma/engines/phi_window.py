"""Where a posterior of one to three parameters lives: a map and a window for each, found by scanning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.phi_axes import Axis, SinhMap
from bayesma.engines.scale import ScaleMap
from bayesma.priors import Prior

Array = NDArray[np.float64]
Target = Callable[[Sequence[Axis], Sequence[Array]], Array]

DROP = 34.0  # a window ends where the profile has fallen to exp(-34) of its peak
SPACING = 0.75  # between the points of the first scan along a scale, in z
POINTS = {1: 129, 2: 41, 3: 23}  # of every later scan, by the number of parameters
SETTLED = 0.8  # a window that a scan leaves larger than this share of the last is found
SCANS = 8
FARTHEST, BEYOND = 1e6, 100.0  # sizes, or medians of the prior, that a scale is followed beside others
INSIDE = 1e-9  # parts of an interval from its ends, where a correlation of 1 is singular, to a scan
WIDTH = 2.0  # the profile's width that sets the unit of a map is taken exp(-2) below its peak
FINEST = 1e-7  # unit of a map, in parts of the window, at least
ENDS = np.array([0.0, 1e-6, 1e-4, 1e-3, 1e-2, 3e-2])  # places of a scan near an end, in parts of the window


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Where one parameter is looked for: its map, the ends in z, and the power of it that has moments."""

    axis: Axis
    power: int


def reach_of(
    prior: Prior, bounds: tuple[float, float], scale: float, moments: float, *, kinked: bool, alone: bool
) -> Reach:
    """Map and farthest window of one parameter.

    Parameters
    ----------
    prior, bounds, scale
        As in `GaussianMeanProblem`.
    moments
        The q-th moment exists exactly when q is below this.
    kinked
        Whether the density has kinks, which only a map without logarithms is cut at.
    alone
        Whether it is the only parameter: beside a correlation near 1, covariances with a far larger between-
        study part than errors lose the errors to rounding, and a scale is not followed that far.
    """
    power = sum(q < moments for q in (1, 2))
    low, high = max(prior.support[0], bounds[0]), min(prior.support[1], bounds[1])
    if math.isfinite(high) and (kinked or math.isfinite(bounds[1])):
        straight = SinhMap(0.5 * (low + high), 1e3 * (high - low))
        return Reach(Axis(straight, (low, high), straight.z(np.array([low, high]))), 0)
    scale_map = ScaleMap.for_prior(prior, scale)
    ends = scale_map.reach(prior, scale, moments - power)
    if not alone:
        farthest = max(FARTHEST * scale, BEYOND * prior.median() if prior.is_proper else 0.0)
        ends = ends[0], min(ends[1], scale_map.z(farthest))
    return Reach(Axis(scale_map, (low, high), np.array(ends)), power)


def windows(target: Target, reaches: Sequence[Reach], breaks: Sequence[tuple[float, ...]]) -> list[Axis]:
    """The axes of the final grid.

    Parameters
    ----------
    target
        Axes and points in z along each to the log density in z, on their tensor grid.
    reaches
        Where to look.
    breaks
        Places of kinks, for each parameter.
    """
    axes = [reach.axis for reach in reaches]
    points = [_first(axis) for axis in axes]
    for _ in range(SCANS):
        profiles = _profiles(
            target(axes, [_inside(a, z) for a, z in zip(axes, points, strict=True)]),
            [reach.power for reach in reaches],
            axes,
            points,
        )
        found = [_window(z, profile) for z, profile in zip(points, profiles, strict=True)]
        share = [(w[1] - w[0]) / (a.edges[-1] - a.edges[0]) for w, a in zip(found, axes, strict=True)]
        axes = [Axis(a.map, a.bounds, np.array(w)) for a, w in zip(axes, found, strict=True)]
        last = points
        points = [_scan(axis, POINTS[len(axes)]) for axis in axes]
        if min(share) > SETTLED:
            break
    return [
        _final(axis, z, profile[0], kinks)
        for axis, z, profile, kinks in zip(axes, last, profiles, breaks, strict=True)
    ]


def widened(axis: Axis, *, lower: bool, upper: bool, farthest: Axis) -> Axis:
    """The axis with a window larger by a quarter on one side or both, inside the farthest."""
    ends = _limits(axis, farthest)
    quarter = 0.25 * (axis.edges[-1] - axis.edges[0])
    edges = axis.edges.copy()
    if lower:
        edges[0] = max(edges[0] - quarter, ends[0])
    if upper:
        edges[-1] = min(edges[-1] + quarter, ends[1])
    return Axis(axis.map, axis.bounds, edges)


def open_ends(axis: Axis, farthest: Axis) -> tuple[bool, bool]:
    """Whether the window could be larger, below and above."""
    low, high = _limits(axis, farthest)
    slack = 1e-9 * (high - low)
    return bool(axis.edges[0] > low + slack), bool(axis.edges[-1] < high - slack)


def _limits(axis: Axis, farthest: Axis) -> tuple[float, float]:
    """Ends of the farthest window in this axis's z."""
    if isinstance(axis.map, SinhMap):
        low, high = axis.map.z(np.array(axis.bounds))
        return float(low), float(high)
    return float(farthest.edges[0]), float(farthest.edges[-1])


def _first(axis: Axis) -> Array:
    """Points of the first scan."""
    if isinstance(axis.map, SinhMap):
        return _scan(axis, 17)
    low, high = axis.edges
    return np.linspace(low, high, int(min(max(math.ceil((high - low) / SPACING) + 1, 17), 97)))


def _scan(axis: Axis, n: int) -> Array:
    """Points all over a window, and more of them near the ends of an interval."""
    low, high = axis.edges[0], axis.edges[-1]
    share = np.linspace(0.0, 1.0, n)
    if isinstance(axis.map, SinhMap):
        share = np.unique(np.concatenate([share, ENDS, 1.0 - ENDS]))
    return np.asarray(low + (high - low) * share)


def _inside(axis: Axis, z: Array) -> Array:
    """Points off the very ends of an interval."""
    if not isinstance(axis.map, SinhMap):
        return z
    low, high = axis.map.z(np.array(axis.bounds))
    slack = INSIDE * (high - low)
    return np.clip(z, low + slack, high - slack)


def _profiles(
    log_density: Array, powers: Sequence[int], axes: Sequence[Axis], points: Sequence[Array]
) -> list[list[Array]]:
    """For each axis the profile below its peak, of the density and of density times its highest moment."""
    result = []
    for i, (axis, z, power) in enumerate(zip(axes, points, powers, strict=True)):
        others = tuple(j for j in range(len(axes)) if j != i)
        profile = np.max(log_density, axis=others) if others else log_density
        kinds = [profile]
        if power and isinstance(axis.map, ScaleMap):
            with np.errstate(divide="ignore"):
                kinds.append(profile + power * np.log(axis.value(z)))
        result.append([kind - np.max(kind) for kind in kinds])
    return result


def _window(z: Array, profiles: Sequence[Array]) -> tuple[float, float]:
    """From the last point before any profile matters to the first after."""
    matters = np.flatnonzero(np.max(profiles, axis=0) >= -DROP)
    return float(z[max(matters[0] - 1, 0)]), float(z[min(matters[-1] + 1, z.size - 1)])


def _final(axis: Axis, z: Array, profile: Array, kinks: tuple[float, ...]) -> Axis:
    """The axis in a map that suits the profile, cut into panels at the kinks."""
    if isinstance(axis.map, SinhMap):
        low, high = axis.value(axis.edges)
        at = axis.value(z)
        high_up = np.flatnonzero(profile >= -WIDTH)
        before, after = at[max(high_up[0] - 1, 0)], at[min(high_up[-1] + 1, at.size - 1)]
        unit = max(0.5 * (after - before), FINEST * (high - low))
        centre = float(at[int(np.argmax(profile))])
        bent = SinhMap(centre, float(unit))
        axis = Axis(bent, axis.bounds, bent.z(np.array([low, high])))
    elif kinks and not axis.map.logarithmic:
        axis = Axis(SinhMap(axis.map.origin, axis.map.unit), axis.bounds, axis.edges)
    if not isinstance(axis.map, SinhMap):
        return axis
    cuts = [z for z in sorted(axis.map.z(np.array(kinks))) if axis.edges[0] < z < axis.edges[-1]]
    return Axis(axis.map, axis.bounds, np.array([axis.edges[0], *cuts, axis.edges[-1]]))
