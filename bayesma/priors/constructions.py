"""Priors built from a statement: sceptical, neutral, enthusiastic, unit information.

Spiegelhalter, Freedman & Parmar 1994, doi 10.2307/2983527, for the sceptical and the enthusiastic prior;
Kass & Wasserman 1995, doi 10.1080/01621459.1995.10476592, for unit information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scipy.stats import norm

from bayesma.errors import PriorError
from bayesma.priors.prior import Prior
from bayesma.registry import Registry

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Construction:
    """A statement that decides a prior.

    Attributes
    ----------
    parameters
        Its numbers, in order.
    build
        From these to the prior.
    meaning, doi
        What it says, and where it is from.
    """

    parameters: tuple[str, ...]
    build: Callable[[Numbers], Prior]
    meaning: str
    doi: str


CONSTRUCTIONS: Registry[Construction] = Registry("construction of a prior")


def _spread(mid: float, tail: float) -> float:
    """The sd at which a normal centred a MID away has `tail` beyond it."""
    if mid == 0.0:
        raise PriorError("mid is 0; give the minimal important difference, below 0 where lower is better")
    if not 0.0 < tail < 0.5:
        raise PriorError(f"tail is {tail:g}; it must lie between 0 and 0.5, for example 0.05")
    return float(f"{abs(mid) / float(norm.isf(tail)):.6g}")


def _neutral(numbers: Numbers) -> Prior:
    """Centred on no effect."""
    (mid,) = numbers
    return Prior("Normal", (0.0, _spread(mid, 0.25)))


CONSTRUCTIONS.register(
    "Sceptical",
    Construction(
        ("mid", "tail"),
        lambda n: Prior("Normal", (0.0, _spread(*n))),
        "normal around no effect, with the probability tail of an effect beyond mid",
        "10.2307/2983527",
    ),
)
CONSTRUCTIONS.register(
    "Enthusiastic",
    Construction(
        ("mid", "tail"),
        lambda n: Prior("Normal", (n[0], _spread(*n))),
        "normal around mid, with the probability tail of no effect or one on the other side",
        "10.2307/2983527",
    ),
)
CONSTRUCTIONS.register(
    "Neutral",
    Construction(
        ("mid",),
        _neutral,
        "normal around no effect; one of at least mid, on either side, is as probable as not (our reading)",
        "",
    ),
)
CONSTRUCTIONS.register(
    "UnitInformation",
    Construction(
        ("sd",),
        lambda n: Prior("Normal", (0.0, n[0])),
        "normal around no effect, worth one patient whose outcome has this sd",
        "10.1080/01621459.1995.10476592",
    ),
)
