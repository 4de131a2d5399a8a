"""Numbers needed to treat, with intervals that go through infinity where the risk difference may be zero.

Altman 1998, doi 10.1136/bmj.317.7168.1309: where the interval of the risk difference holds 0, that of the
number needed to treat holds infinity: from so many patients per event prevented, through infinity, to so many
per event caused. The reciprocals of the two ends alone name what is not in the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bayesma.words.numbers import whole

FEWER, MORE = "NNT, one event fewer", "NNT, one event more"


@dataclass(frozen=True, slots=True)
class Needed:
    """Patients treated for one event fewer, or more.

    Attributes
    ----------
    median, ci_low, ci_high
        Patients; an end is infinite where the difference may be zero, all are NaN where the whole interval
        of the risk difference lies on the other side, and the median is where that of the difference does.
    """

    median: float
    ci_low: float
    ci_high: float


def needed(median: float, low: float, high: float, side: Literal["fewer", "more"]) -> Needed:
    """One side of zero, from median and interval of a risk difference.

    Parameters
    ----------
    median, low, high
        Of the risk difference, treated minus control.
    side
        ``"fewer"``: one event prevented; ``"more"``: one event caused.
    """
    if side == "fewer":
        median, low, high = -median, -high, -low
    if high <= 0.0:
        return Needed(math.nan, math.nan, math.nan)
    return Needed(
        1.0 / median if median > 0.0 else math.nan, 1.0 / high, 1.0 / low if low > 0.0 else math.inf
    )


def in_words(median: float, low: float, high: float, favours: str | None) -> str:
    """``NNTB 45 (NNTB 12 to ∞ to NNTH 30)``; without a direction, events fewer and more.

    Parameters
    ----------
    median, low, high
        Of the risk difference, treated minus control.
    favours
        ``"lower"``: an event harms; ``"higher"``: an event is what one hopes for; None: not said.
    """
    names = {None: ("fewer", "more"), "lower": ("NNTB", "NNTH"), "higher": ("NNTH", "NNTB")}[favours]

    def one(difference: float, *, bare: bool = False) -> str:
        if difference == 0.0:
            return "∞"
        name, count = names[difference > 0.0], whole(1.0 / abs(difference))
        if bare:
            return count
        return f"{name} {count}" if favours else f"1 {name} in {count}"

    ends = (low, high) if median <= 0.0 else (high, low)  # from the largest difference on the median's side
    crossing = low < 0.0 < high
    interval = (" to ∞ to " if crossing else " to ").join(one(end, bare=not crossing) for end in ends)
    return f"{one(median)} ({interval})"
