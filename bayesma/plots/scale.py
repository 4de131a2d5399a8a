"""How does the effect axis look? Limits that hold the null, ticks on the printed scale, what is cut off."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bayesma.errors import OptionError
from bayesma.measures.base import Measure
from bayesma.plots.style import FONT, INK
from bayesma.plots.text import text_width
from bayesma.words.numbers import Interval, tick

type Scale = Literal["log", "logit", "identity"]

PADDING = 0.04  # of the span, left free at both ends
STRETCH = 1.0  # how far, in spans of the core, the axis goes to avoid cutting an interval
ENOUGH_TICKS, MOST_TICKS = 4, 8
TICK_GAP = 0.08  # inches between tick labels
DECADE_STEPS: tuple[tuple[float, ...], ...] = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
SHORT = 0.45  # decades; below this a ratio axis is nearly linear
SHORT_LOGITS = 2.5  # below this span proportions are nearly linear
FAR_LOGIT = 12.0  # beyond it labels of proportions would run out of digits
SMALL_SHARES = (1e-6, 1e-5, 1e-4, 0.001)
SHARES = tuple(
    (*SMALL_SHARES, *shares, *(1.0 - s for s in reversed(SMALL_SHARES)))
    for shares in (
        (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995),
        (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99),
        (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99),
        (0.01, 0.1, 0.5, 0.9, 0.99),
        (0.01, 0.5, 0.99),
        (0.5,),
    )
)
FAMILIAR = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 50.0, 100.0)


def limits(null: float | None, core: Iterable[Interval], others: Iterable[Interval]) -> tuple[float, float]:
    """Ends of the axis on the analysis scale.

    Parameters
    ----------
    null
        No effect; always inside. None where there is no such value.
    core
        Intervals shown whole.
    others
        Intervals shown whole only while the axis need not grow by more than `STRETCH` core spans a side.
    """
    low, high = _hull(null, core)
    if low == high:
        low, high = low - 1.0, high + 1.0
    span = high - low
    far_low, far_high = _hull(null, others)
    left = min(low, max(far_low, low - STRETCH * span))
    right = max(high, min(far_high, high + STRETCH * span))
    room = PADDING * (right - left)
    return left - room, right + room


def given_limits(xlim: tuple[float, float], measure: Measure, option: str = "xlim") -> tuple[float, float]:
    """Limits the user gave on the printed scale as `option`, moved to the analysis scale.

    Raises
    ------
    OptionError
        When they do not rise, do not hold the null, or lie where the measure cannot be.
    """
    low, high = float(xlim[0]), float(xlim[1])
    null = measure.display_null
    inside = low < high if null is None else low < null < high
    if not (math.isfinite(low) and math.isfinite(high) and inside):
        between = "" if null is None else f", {null:g} between them"
        raise OptionError(f"{option} is {xlim!r}; give (low, high) on the printed scale{between}")
    if measure.scale != "identity" and low <= 0.0:
        raise OptionError(f"{option} is {xlim!r}; a {measure.name} is above 0")
    if measure.scale == "logit" and high >= 1.0:
        raise OptionError(f"{option} is {xlim!r}; a {measure.name} is below 1")
    place = PLACES[measure.scale]
    return place(low), place(high)


def dress(axes: Axes, span: tuple[float, float], width: float, measure: Measure | None, size: float) -> None:
    """Set limits and ticks of an axes `width` inches wide; without a measure the axis is printed as it is."""
    axes.set_xlim(*span)
    places, labels = ticks(span, width, size, "identity" if measure is None else measure.scale)
    axes.set_xticks(places, labels, parse_math=False, fontfamily=list(FONT), fontsize=size)
    axes.tick_params(axis="x", colors=INK, length=3.5, width=0.8, pad=2.5)


def ticks(
    span: tuple[float, float], width: float, size: float, scale: Scale
) -> tuple[list[float], list[str]]:
    """Positions on the analysis scale and labels on the printed one, for limits that hold the null."""
    fullest: tuple[list[float], list[str]] = ([], [])
    for values in CANDIDATES[scale](span):
        labels = [tick(value) for value in values]
        places = [PLACES[scale](value) for value in values]
        if len(places) <= MOST_TICKS and _apart(places, labels, span, width, size):
            if len(places) >= ENOUGH_TICKS:
                return places, labels
            if len(places) > len(fullest[0]):
                fullest = places, labels
    return fullest


def _linear_candidates(span: tuple[float, float]) -> Iterable[list[float]]:
    """Round numbers within the limits, densest first."""
    for bins in range(9, 1, -1):
        values = MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10]).tick_values(*span)
        kept = [float(v) for v in values if span[0] <= v <= span[1]]
        step = float(values[1] - values[0]) if len(values) > 1 else 1.0
        yield [0.0 if abs(v) < 1e-9 * step else v for v in kept]


def _ratio_candidates(span: tuple[float, float]) -> Iterable[list[float]]:
    """Round ratios within limits that hold 1: familiar, evenly spaced over a short span, or decades."""
    low10, high10 = span[0] / math.log(10.0), span[1] / math.log(10.0)
    if max(abs(low10), abs(high10)) > 300.0:  # no float holds these ratios
        yield [1.0]
        return
    if high10 - low10 >= SHORT:
        yield [v for v in FAMILIAR if span[0] <= math.log(v) <= span[1]]
    if high10 - low10 < 2 * SHORT:
        yield from _linear_candidates((math.exp(span[0]), math.exp(span[1])))
    decades = range(math.floor(low10), math.ceil(high10) + 1)
    for steps in DECADE_STEPS:
        values = [step * 10.0**decade for decade in decades for step in steps]
        yield [v for v in values if span[0] <= math.log(v) <= span[1]]
    for stride in (2, 3, 5, 10, 25, 50, 100):
        yield [10.0**decade for decade in decades if decade % stride == 0 and low10 <= decade <= high10]


def _share_candidates(span: tuple[float, float]) -> Iterable[list[float]]:
    """Round proportions within limits on the logit scale: evenly spaced over a short span, else familiar."""
    if span[1] - span[0] < SHORT_LOGITS and max(map(abs, span)) < FAR_LOGIT:
        low, high = (1.0 / (1.0 + math.exp(-end)) for end in span)
        for values in _linear_candidates((low, high)):
            yield [v for v in values if 0.0 < v < 1.0 and span[0] <= _logit(v) <= span[1]]
    for shares in SHARES:
        yield [v for v in shares if span[0] <= _logit(v) <= span[1]]


def _logit(share: float) -> float:
    """Where a proportion lies on the analysis scale."""
    return math.log(share) - math.log1p(-share)


PLACES: dict[Scale, Callable[[float], float]] = {"identity": float, "log": math.log, "logit": _logit}
CANDIDATES: dict[Scale, Callable[[tuple[float, float]], Iterable[list[float]]]] = {
    "identity": _linear_candidates,
    "log": _ratio_candidates,
    "logit": _share_candidates,
}


def _apart(
    places: Sequence[float], labels: Sequence[str], span: tuple[float, float], width: float, size: float
) -> bool:
    """Whether neighbouring labels leave a gap."""
    inches = np.asarray(places) * (width / (span[1] - span[0]))
    widths = np.array([text_width(label, size) for label in labels])
    return bool(np.all(np.diff(inches) >= 0.5 * (widths[1:] + widths[:-1]) + TICK_GAP))


def _hull(null: float | None, intervals: Iterable[Interval]) -> tuple[float, float]:
    """Smallest span that holds the null and every finite end."""
    ends = [] if null is None else [null]
    for interval in intervals:
        ends += [v for v in (interval.point, interval.low, interval.high) if math.isfinite(v)]
    return min(ends, default=0.0), max(ends, default=0.0)
