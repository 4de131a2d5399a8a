"""How numbers are printed in reports: enough digits, and nothing more certain than it is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bayesma.measures import Measure
from bayesma.plots.numbers import MINUS, PRINTERS, Interval, estimate_texts, number, printed

MISSING = "–"
CERTAIN = {"0.000": "<0.001", "-0.000": "<0.001", "1.000": ">0.999"}  # what rounding must not promise
DIGITS = 3  # significant digits of the spread that decide the decimals of a number beside it
MOST_DECIMALS = 8
PLAIN = (1e-4, 1e7)  # sizes printed without an exponent


def probability(value: float) -> str:
    """Three decimals; ``<0.001`` and ``>0.999`` where rounding would promise certainty."""
    if math.isnan(value):
        return MISSING
    text = f"{value:.3f}"
    return CERTAIN.get(text, text)


def share(value: float) -> str:
    """A part of 1 in per cent, with the same caution at both ends."""
    if math.isnan(value):
        return MISSING
    if value < 0.001:
        return "<0.1 %"
    if 0.995 < value < 1.0:
        return ">99 %"
    return f"{100.0 * value:.{0 if value >= 0.1 else 1}f} %"


def rounded(value: float, spread: float) -> str:
    """A number with the decimals that its spread (an sd, a standard error) deserves."""
    if math.isnan(value):
        return MISSING
    if not math.isfinite(spread) or spread <= 0.0:
        return general(value)
    return number(value, max(0, min(MOST_DECIMALS, DIGITS - 1 - math.floor(math.log10(spread)))))


def general(value: float, digits: int = 4, *, zeros: bool = False) -> str:
    """A number on its own, to significant digits; without trailing zeros unless they are asked for."""
    if math.isnan(value):
        return MISSING
    if not math.isfinite(value):
        return number(value, 0)
    if value == 0.0:
        return "0"
    if not PLAIN[0] <= abs(value) < PLAIN[1]:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    if "." in text and not zeros:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def with_interval(measure: Measure, point: float, low: float, high: float) -> str:
    """``−0.51 [−0.84, −0.18]``: from the analysis scale to the printed one."""
    return with_intervals(measure, [(point, low, high)])[0]


def with_intervals(measure: Measure, values: Iterable[tuple[float, float, float]]) -> list[str]:
    """Estimates of one column, alike in decimals where that is honest; infinite ones are none."""
    rows = [None if not math.isfinite(one[0]) else Interval(*map(float, one)) for one in values]
    return [text or MISSING for text in estimate_texts(rows, measure)]


def back(measure: Measure, value: float) -> str:
    """One number of the analysis scale on the printed scale."""
    if measure.scale == "logit" and not math.isnan(value):
        return PRINTERS["logit"](printed(measure, value), 2)
    return MISSING if math.isnan(value) else general(printed(measure, value), 3)


def ascii_signs(text: str) -> str:
    """The same text for terminals and plain files, where typographic signs may not be printable."""
    return text.replace(MINUS, "-").replace(MISSING, "-").replace("∞", "inf")
