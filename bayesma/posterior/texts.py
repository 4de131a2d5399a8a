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
    """Three decimals, never certainty."""
    if value < NEARLY:
        return f"< {NEARLY}"
    return f"> {1.0 - NEARLY}" if value > 1.0 - NEARLY else f"{value:.3f}"


def with_interval(values: Sequence[float], decimals: int | None = None) -> str:
    """``0.48 [0.34, 0.66]`` from point and ends: two significant digits of the half width where not given."""
    point, low, high = values
    half = 0.5 * abs(high - low)
    if decimals is None:
        decimals = 2 if not (0.0 < half < math.inf) else min(8, max(0, 1 - math.floor(math.log10(half))))
    return f"{fixed(point, decimals)} [{fixed(low, decimals)}, {fixed(high, decimals)}]"
