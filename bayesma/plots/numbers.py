"""How are numbers printed on a figure? On the printed scale, with the digits their uncertainty deserves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bayesma.measures.base import Measure

MINUS = "\u2212"
MOST_DECIMALS = 8
LARGEST_PLAIN = 1e7
SMALLEST_SHOWN = 0.001  # a probability nearer to 0 or 1 is printed as an inequality
SMALLEST_RATIO, LARGEST_RATIO = 0.001, 99999.0  # beyond these a ratio is printed as an inequality
NOT_AVAILABLE = "not available"


@dataclass(frozen=True, slots=True)
class Interval:
    """A point with its interval on the analysis scale; NaN ends where there is none."""

    point: float
    low: float
    high: float

    @property
    def complete(self) -> bool:
        """Whether it has both ends."""
        return not (math.isnan(self.low) or math.isnan(self.high))


def printed(measure: Measure | None, value: float) -> float:
    """From the analysis scale to the printed one; beyond the range of floats 0 or infinity."""
    if measure is None:
        return value
    with np.errstate(over="ignore", under="ignore"):
        return float(measure.back(np.array([value], dtype=np.float64))[0])


def number(value: float, decimals: int) -> str:
    """Fixed decimals with a typographic minus; powers of ten where plain digits would not fit."""
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    text = f"{value:.2e}" if abs(value) >= LARGEST_PLAIN else f"{value:.{decimals}f}"
    if not text.strip("-0."):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def tick(value: float) -> str:
    """Label of a tick: as short as the number allows."""
    return f"{value:.10g}".replace("-", MINUS)


def estimate_texts(intervals: Sequence[Interval | None], measure: Measure | None) -> list[str]:
    """``-0.51 [-0.84, -0.18]`` for each interval on the printed scale of a measure; without one, as it is.

    Decimals are alike where that is honest: a row whose precision differs from the others' by more than one
    digit gets its own.
    """
    values = [
        None if i is None else [printed(measure, end) for end in (i.point, i.low, i.high)] for i in intervals
    ]
    needed = [None if v is None else _decimals(0.5 * (v[2] - v[1])) for v in values]
    known = sorted(d for d in needed if d is not None)
    usual = known[len(known) // 2] if known else 2
    scale = "identity" if measure is None else measure.scale
    return [
        ""
        if row is None or own is None
        else _estimate(row, usual if abs(own - usual) <= 1 else own, PRINTERS[scale])
        for row, own in zip(values, needed, strict=True)
    ]


def probability(value: float) -> str:
    """Three decimals, and never certainty: draws that all agree do not prove it either."""
    if value < SMALLEST_SHOWN:
        return f"< {SMALLEST_SHOWN}"
    if value > 1.0 - SMALLEST_SHOWN:
        return f"> {1.0 - SMALLEST_SHOWN}"
    return f"= {value:.3f}"


def short_probability(value: float) -> str:
    """A probability in a table: no sign of equality, no space."""
    return probability(value).removeprefix("= ").replace(" ", "")


def percent(ci_prob: float) -> str:
    """``95%``."""
    return f"{100.0 * ci_prob:.10g}%"


def _decimals(half_width: float) -> int:
    """Two significant digits of the half width, never fewer than two decimals below 10."""
    if not math.isfinite(half_width):
        return 2
    if half_width >= 10.0:
        return 0 if half_width >= 100.0 else 1
    if half_width <= 0.0:
        return 2
    return min(MOST_DECIMALS, max(2, 1 + math.ceil(-math.log10(half_width))))


def _estimate(values: Sequence[float], decimals: int, write: Callable[[float, int], str]) -> str:
    """Point and interval, or the point with a word where there is no interval."""
    point, low, high = (write(v, decimals) for v in values)
    if any(math.isnan(v) for v in values[1:]):
        return f"{point} [{NOT_AVAILABLE}]"
    return f"{point} [{low}, {high}]"


def _ratio(value: float, decimals: int) -> str:
    """Ratios span orders of magnitude: two digits of a small one, no decimals of a large one."""
    if value < 0.5 * SMALLEST_RATIO:
        return f"<{SMALLEST_RATIO:g}"
    if value > LARGEST_RATIO:
        return f">{LARGEST_RATIO:.0f}"
    if value >= 10.0:
        return number(value, max(decimals - 1 - (value >= 100.0), 0))
    if value < 0.1:
        decimals = max(decimals, 1 + math.ceil(-math.log10(value)))
    return number(value, max(decimals, 1 if value >= 1.0 else 2))


def _share(value: float, decimals: int) -> str:
    """A proportion: never 0 or 1 by rounding, so more decimals near them."""
    distance = min(value, 1.0 - value)
    if distance < 0.5 * SMALLEST_SHOWN:
        return f"<{SMALLEST_SHOWN}" if value < 0.5 else f">{1.0 - SMALLEST_SHOWN}"
    if distance < 0.01:
        decimals = max(decimals, math.ceil(-math.log10(distance)))
    return number(value, min(decimals, 4))


PRINTERS: dict[str, Callable[[float, int], str]] = {"identity": number, "log": _ratio, "logit": _share}


def ratio_or_number(measure: Measure, value: float) -> str:
    """A value of the analysis scale as short as it can be printed."""
    return f"{printed(measure, value):.3g}".replace("-", MINUS)
