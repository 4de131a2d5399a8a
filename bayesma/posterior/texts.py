"""Numbers as the tables of this package print them: enough digits, a typographic minus, nothing certain."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\u2212"
NEARLY = 0.001  # a probability nearer to 0 or 1 is printed as an inequality


def fixed(value: float, decimals: int) -> str:
    """Fixed decimals; no minus before a zero."""
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    text = f"{value:.{decimals}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", MINUS)


def whole(value: float) -> str:
    """A number of patients: whole from 10 on, one decimal below; at least 1."""
    return fixed(value, 0 if value >= 9.95 else 1)


def probability(value: float) -> str:
    """Three decimals; ``<0.001`` and ``>0.999`` where rounding would promise certainty."""
    text = f"{value:.3f}"
    return {"0.000": f"<{NEARLY}", "1.000": f">{1.0 - NEARLY}"}.get(text, text)


def share(value: float) -> str:
    """A part of 1 in per cent, with the same caution at both ends."""
    if value < NEARLY:
        return "<0.1 %"
    if 0.995 < value < 1.0:
        return ">99 %"
    return f"{100.0 * value:.{0 if value >= 0.1 else 1}f} %"


def with_interval(values: Sequence[float], decimals: int | None = None) -> str:
    """``0.48 [0.34, 0.66]`` from point and ends: two decimals, more for a narrow interval."""
    point, low, high = values
    half = 0.5 * abs(high - low)
    if decimals is None:
        decimals = min(8, max(0 if half >= 10.0 else 2, -math.floor(math.log10(half)))) if half > 0.0 else 2
    return f"{fixed(point, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"
