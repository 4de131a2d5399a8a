"""The only place where numbers become text: enough digits, and nothing more certain than it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MINUS = "\u2212"
MISSING = "–"
NOT_AVAILABLE = "not available"
MOST_DECIMALS = 8
LARGEST_PLAIN = 1e7
PLAIN = (1e-4, LARGEST_PLAIN)  # sizes of a number on its own that are printed without an exponent
NEARLY = 0.001  # a share or proportion nearer to 0 or 1 is printed as an inequality
SMALLEST_RATIO, LARGEST_RATIO = 0.001, 99999.0  # beyond these a ratio is printed as an inequality
THIRD_DIGIT = 0.0005  # the largest Monte Carlo error of a probability whose third decimal means something
DIGITS = 3  # significant digits of the spread that decide the decimals of a number beside it
WHOLE_PATIENTS = 4.0  # width of an interval of patients from which on they are counted whole


class Scale(Protocol):
    """What must be known of a measure to print its values."""

    @property
    def scale(self) -> str:
        """``identity``, ``log`` or ``logit``: what the analysis scale is of the printed one."""

    def back(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the analysis scale to the printed one."""


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


def printed(measure: Scale | None, value: float) -> float:
    """From the analysis scale to the printed one; beyond the range of floats 0 or infinity."""
    if measure is None:
        return value
    with np.errstate(over="ignore", under="ignore"):
        return float(measure.back(np.array([value], dtype=np.float64))[0])


def fixed(value: float, decimals: int) -> str:
    """Fixed decimals, no minus before a zero; powers of ten where plain digits would not fit."""
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    text = f"{value:.2e}" if abs(value) >= LARGEST_PLAIN else f"{value:.{decimals}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", MINUS)


def tick(value: float) -> str:
    """Label of a tick: as short as the number allows."""
    return f"{value:.10g}".replace("-", MINUS)


def rounded(value: float, spread: float) -> str:
    """A number with the decimals that its spread (an sd, a standard error) deserves."""
    if math.isnan(value):
        return MISSING
    if not math.isfinite(spread) or spread <= 0.0:
        return general(value)
    return fixed(value, max(0, min(MOST_DECIMALS, DIGITS - 1 - math.floor(math.log10(spread)))))


def general(value: float, digits: int = 4, *, zeros: bool = False) -> str:
    """A number on its own, to significant digits; without trailing zeros unless they are asked for."""
    if math.isnan(value):
        return MISSING
    if not math.isfinite(value):
        return fixed(value, 0)
    if value == 0.0:
        return "0"
    if not PLAIN[0] <= abs(value) < PLAIN[1]:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    if "." in text and not zeros:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def percent(ci_prob: float) -> str:
    """``95%``."""
    return f"{100.0 * ci_prob:.10g}%"


def share(value: float) -> str:
    """A part of 1 in per cent, with the same caution at both ends as a probability."""
    if math.isnan(value):
        return MISSING
    if value < NEARLY:
        return "<0.1 %"
    if 0.995 < value < 1.0:
        return ">99 %"
    return f"{100.0 * value:.{0 if value >= 0.1 else 1}f} %"


def probability_text(value: float, mcse: float = 0.0) -> str:
    """Print a probability with the digits that its Monte Carlo error supports, and never as certain.

    Parameters
    ----------
    value
        A probability; NaN where there is none.
    mcse
        Its Monte Carlo standard error: 0 for a computed one, sqrt(p (1 - p) / ESS) for a share of draws;
        NaN where it is not known.

    Returns
    -------
    str
        Three decimals where the error is at most half a unit of the third, two otherwise; ``<0.001``,
        ``>0.999``, ``<0.01`` or ``>0.99`` where rounding would promise certainty.

    Examples
    --------
    >>> from bayesma.words.numbers import probability_text
    >>> probability_text(0.9174), probability_text(0.9174, 0.004), probability_text(0.9996, 0.001)
    ('0.917', '0.92', '>0.99')
    """
    if math.isnan(value):
        return MISSING
    decimals = 3 if mcse <= THIRD_DIGIT else 2
    unit = 10.0**-decimals
    text = f"{value:.{decimals}f}"
    return {f"{0.0:.{decimals}f}": f"<{unit:g}", f"{1.0:.{decimals}f}": f">{1.0 - unit:g}"}.get(text, text)


def probability_claim(value: float, mcse: float = 0.0) -> str:
    """What follows a ``P`` in a sentence: ``= 0.917`` or ``< 0.001``."""
    text = probability_text(value, mcse)
    return f"{text[0]} {text[1:]}" if text[0] in "<>" else f"= {text}"


def patients(values: Sequence[float]) -> str:
    """``337 [68, 723]``: patients in so many, point and ends; whole unless the interval is narrow.

    Examples
    --------
    >>> from bayesma.words.numbers import patients
    >>> patients([337.2, 68.4, 722.9]), patients([0.021, 0.008, 0.06])
    ('337 [68, 723]', '0.021 [0.008, 0.060]')
    """
    point, low, high = (fixed(value, patient_decimals(values)) for value in values)
    return f"{point} [{low}, {high}]"


def patient_decimals(values: Sequence[float]) -> int:
    """Decimals of numbers of patients: none for a wide interval, two digits of the half width below 1/2."""
    half = 0.5 * abs(values[2] - values[1])
    if 2.0 * half >= WHOLE_PATIENTS:
        return 0
    return 1 if half >= 0.5 or half == 0.0 else min(MOST_DECIMALS, 1 - math.floor(math.log10(half)))


def whole(value: float) -> str:
    """A number of patients to treat: whole from 10 on, one decimal below."""
    return fixed(value, 0 if value >= 9.95 else 1)


def estimate_texts(intervals: Sequence[Interval | None], measure: Scale | None) -> list[str]:
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


def with_interval(measure: Scale, point: float, low: float, high: float) -> str:
    """``−0.51 [−0.84, −0.18]``: from the analysis scale to the printed one."""
    return with_intervals(measure, [(point, low, high)])[0]


def with_intervals(measure: Scale, values: Iterable[tuple[float, float, float]]) -> list[str]:
    """Estimates of one column, alike in decimals where that is honest; infinite ones are none."""
    rows = [None if not math.isfinite(one[0]) else Interval(*map(float, one)) for one in values]
    return [text or MISSING for text in estimate_texts(rows, measure)]


def proportion_text(values: Sequence[float]) -> str:
    """``0.017 [0.0006, 0.086]``: a proportion and its ends, never 0 or 1 by rounding."""
    decimals = 2 if values[2] - values[1] > 0.1 else 3
    point, low, high = (_share(value, decimals) for value in values)
    return f"{point} [{low}, {high}]"


def back(measure: Scale, value: float) -> str:
    """One number of the analysis scale on the printed scale."""
    if measure.scale == "logit" and not math.isnan(value):
        return _share(printed(measure, value), 2)
    return MISSING if math.isnan(value) else general(printed(measure, value), 3)


def ratio_or_number(measure: Scale, value: float) -> str:
    """A value of the analysis scale as short as it can be printed."""
    return f"{printed(measure, value):.3g}".replace("-", MINUS)


def ascii_signs(text: str) -> str:
    """The same text for terminals and plain files, where typographic signs may not be printable."""
    return text.replace(MINUS, "-").replace(MISSING, "-").replace("∞", "inf")


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
        return fixed(value, max(decimals - 1 - (value >= 100.0), 0))
    if value < 0.1:
        decimals = max(decimals, 1 + math.ceil(-math.log10(value)))
    return fixed(value, max(decimals, 1 if value >= 1.0 else 2))


def _share(value: float, decimals: int) -> str:
    """A proportion: never 0 or 1 by rounding, so more decimals near them."""
    distance = min(value, 1.0 - value)
    if distance < 0.5 * NEARLY:
        return f"<{NEARLY}" if value < 0.5 else f">{1.0 - NEARLY}"
    if distance < 0.01:
        decimals = max(decimals, math.ceil(-math.log10(distance)))
    return fixed(value, min(decimals, 4))


PRINTERS: dict[str, Callable[[float, int], str]] = {"identity": fixed, "log": _ratio, "logit": _share}
