"""Numbers as text: enough digits, a typographic minus, and nothing more certain than it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "\u2212"
MISSING = "–"
NEARLY = 0.001  # a share or ratio nearer to 0 is printed as an inequality
THIRD_DIGIT = 0.0005  # the largest Monte Carlo error of a probability whose third decimal means something


def fixed(value: float, decimals: int) -> str:
    """Fixed decimals; no minus before a zero."""
    if math.isinf(value):
        return f"{MINUS if value < 0 else ''}∞"
    text = f"{value:.{decimals}f}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", MINUS)


def whole(value: float) -> str:
    """A number of patients: whole from 10 on, one decimal below; at least 1."""
    return fixed(value, 0 if value >= 9.95 else 1)


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


def ratio_with_interval(values: Sequence[float]) -> str:
    """``0.48 [0.34, 0.66]`` of a ratio, of which no end is ever printed as 0.

    Examples
    --------
    >>> from bayesma.words.numbers import ratio_with_interval
    >>> ratio_with_interval([8.6, 0.0893, 2643.2]), ratio_with_interval([0.2, 1e-7, 3.0])
    ('8.6 [0.089, 2643]', '0.20 [<0.001, 3.00]')
    """
    half = 0.5 * abs(values[2] - values[1])
    usual = min(8, max(0 if half >= 10.0 else 2, -math.floor(math.log10(half)))) if half > 0.0 else 2
    point, low, high = (_ratio(value, usual) for value in values)
    return f"{point} [{low}, {high}]"


def _ratio(value: float, usual: int) -> str:
    """One ratio: two significant digits at least, and an inequality where these would be zeros."""
    if value < 0.5 * NEARLY:
        return f"<{NEARLY}"
    if value >= 10.0 or not math.isfinite(value):
        return fixed(value, usual)
    return fixed(value, max(usual, 1 - math.floor(math.log10(value))))
