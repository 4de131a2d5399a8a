"""Shapes of the intensity of relapse over months: what an interval adds up of it, at u = 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.families.base import Parameter

type Array = NDArray[np.float64]
type Draws = Mapping[str, Array]

YEAR = 12.0  # months over which exp(log_rate) is the mean intensity of a Weibull
CELLS = 16  # of an interval in which the intensity changes all the time; incidences are then right to 2e-3
HIGHEST = 200.0  # of a log intensity: a month later nobody is left
PERIOD = ("period",)
H = Parameter("h", "hyper", PERIOD, meaning="log monthly intensity of relapse in each period, typical study")
CONSTANT_H = Parameter("h", "hyper", meaning="log monthly intensity of relapse, typical study")
SIGMA_H = Parameter("sigma_h", "hyper", lower=0.0, meaning="sd of the step of h from a period to the next")
LOG_RATE = Parameter(
    "log_rate", "hyper", meaning="log mean monthly intensity of relapse over the first 12 months"
)
SHAPE = Parameter(
    "shape", "hyper", lower=0.0, meaning="Weibull shape; above 1 the intensity of relapse rises"
)


@dataclass(frozen=True, slots=True, eq=False)
class Hazard:
    """One shape.

    Attributes
    ----------
    parameters
        Its own, in the order of summaries.
    accumulated
        Start and stop of intervals in months, shapes (rows,), draws (s, ...) and cut points to the intensity
        added up over each interval in a typical study, (s, rows).
    log_level
        Name of the parameter that a shift of the log intensity moves.
    smooth
        Whether the intensity changes all the time.
    rise
        Draws to how steeply the intensity rises at first, (s,); None where it cannot.
    """

    parameters: tuple[Parameter, ...]
    accumulated: Callable[[Array, Array, Draws, Sequence[float]], Array]
    log_level: str
    smooth: bool = False
    rise: Callable[[Draws], Array] | None = None


def exponential(log_intensity: Array) -> Array:
    """An intensity from its logarithm, as far as floats can multiply and add it."""
    return np.asarray(np.exp(np.minimum(log_intensity, HIGHEST)))


def exposure(start: Array, stop: Array, periods: Sequence[float]) -> Array:
    """Months each interval spends in each period, shape (rows, periods); the last period has no end."""
    edges = np.array([0.0, *periods])
    edges[-1] = np.inf
    overlap = np.minimum(stop[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])
    return np.asarray(np.maximum(overlap, 0.0))


def cell_edges(start: Array, stop: Array) -> Array:
    """Ends of the cells of intervals in which the intensity changes all the time, (rows, CELLS + 1).

    The square roots of months are equally far apart: a Weibull intensity changes fastest at month 0.
    """
    first, last = np.sqrt(start)[:, None], np.sqrt(stop)[:, None]
    edges = np.square(first + (last - first) * np.linspace(0.0, 1.0, CELLS + 1))
    edges[:, 0], edges[:, -1] = start, stop
    return np.asarray(edges)


def cells(
    start: Array, stop: Array, periods: Sequence[float], *, smooth: bool
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Pieces of intervals in which relapse and death keep their ratio.

    Parameters
    ----------
    start, stop
        Of intervals, in months, shapes (rows,).
    periods
        Cut points; none where the intensity is constant.
    smooth
        Whether the intensity changes all the time.

    Returns
    -------
    Start and stop of the cells (cells,), interval after interval, and the number of each interval's first
    cell, with the number of all cells at the end: (rows + 1,).
    """
    if smooth:
        each = list(cell_edges(start, stop))
    else:
        cuts = np.asarray(periods[:-1], dtype=np.float64)
        ends = zip(start, stop, strict=True)
        each = [np.array([a, *cuts[(a < cuts) & (cuts < b)], b]) for a, b in ends]
    first = np.cumsum([0, *(edges.size - 1 for edges in each)], dtype=np.intp)
    return np.concatenate([e[:-1] for e in each]), np.concatenate([e[1:] for e in each]), first


def period_lengths(periods: Sequence[float]) -> Array:
    """Months of each period, up to the last cut point."""
    return np.diff([0.0, *periods])


def _piecewise(start: Array, stop: Array, draws: Draws, periods: Sequence[float]) -> Array:
    """An intensity of its own in every period."""
    return np.asarray(exponential(draws["h"]) @ exposure(start, stop, periods).T)


def _constant(start: Array, stop: Array, draws: Draws, periods: Sequence[float]) -> Array:
    """One intensity at all times."""
    del periods
    return np.asarray(exponential(draws["h"])[:, None] * (stop - start))


def _weibull(start: Array, stop: Array, draws: Draws, periods: Sequence[float]) -> Array:
    """Up to month t: exp(log_rate) 12 (t / 12)^shape."""
    del periods
    shape = draws["shape"][:, None]
    grown = np.power(stop / YEAR, shape) - np.power(start / YEAR, shape)
    return np.asarray(exponential(draws["log_rate"])[:, None] * YEAR * grown)


def _first_step(draws: Draws) -> Array:
    """From the first period to the second; 0 where there is one."""
    h = draws["h"]
    return np.asarray(h[:, min(1, h.shape[1] - 1)] - h[:, 0])


HAZARDS: dict[str, Hazard] = {
    "random_walk": Hazard((SIGMA_H, H), _piecewise, "h", rise=_first_step),
    "independent": Hazard((H,), _piecewise, "h", rise=_first_step),
    "constant": Hazard((CONSTANT_H,), _constant, "h"),
    "weibull": Hazard(
        (LOG_RATE, SHAPE), _weibull, "log_rate", smooth=True, rise=lambda draws: draws["shape"]
    ),
}
