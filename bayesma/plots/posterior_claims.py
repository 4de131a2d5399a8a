"""What may be claimed from a posterior? The probabilities on both sides of the null, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import xarray as xr
from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.measures.base import Measure
from bayesma.plots import direction, style
from bayesma.plots.text import line_height, wrap, write
from bayesma.posterior.benefit import decision
from bayesma.posterior.marginals import marginal, probability_error
from bayesma.words.numbers import probability_claim, ratio_or_number

BIG, SMALL = 13.0, 9.0
GAP = 0.3  # inches between the two claims


@dataclass(frozen=True, slots=True)
class Claim:
    """A probability on one side of the null.

    Attributes
    ----------
    side
        Where on the axis.
    value
        ``P = 0.973``.
    words
        What it is the probability of, one line each.
    good
        Whether it is the side that is good for patients; None where nobody said.
    """

    side: Literal["left", "right"]
    value: str
    words: tuple[str, ...]
    good: bool | None


def mid_value(measure: Measure, mid: float | None, favours: str | None) -> float | None:
    """Where on the analysis scale an effect begins to matter.

    Raises
    ------
    OptionError
        When a minimal important difference is given without a direction.
    """
    if mid is None:
        return None
    if favours is None:
        raise OptionError("mid needs favours='lower' or favours='higher': the direction it is counted in")
    return _null(measure) + (mid if favours == "higher" else -mid)


def _null(measure: Measure) -> float:
    """No effect, of a measure that knows it."""
    if measure.null is None:
        raise OptionError(f"a {measure.name} in single arms has no null value, so there is no side of it")
    return measure.null


def mid_words(measure: Measure, at: float, favours: str | None) -> str:
    """``≤ 0.8``."""
    sign = "≥" if favours == "higher" else "≤"
    return f"{sign} {ratio_or_number(measure, at)}"


def claims(
    fit: xr.DataTree,
    parameter: str,
    measure: Measure,
    mid: float | None,
    favours: str | None,
    arms: tuple[str, str],
) -> list[Claim]:
    """Both sides of the null, left first."""
    names = direction.sides(measure, favours, *arms)
    if names is None:
        null = ratio_or_number(measure, _null(measure))
        posterior, zero = marginal(fit, parameter), _null(measure)
        below, above = (
            probability_claim(
                float(posterior.probability(zero, above=side)[0]),
                float(probability_error(posterior, zero, above=side)[0]),
            )
            for side in (False, True)
        )
        return [
            Claim("left", f"P {below}", (f"◄ below {null}",), None),
            Claim("right", f"P {above}", (f"above {null} ►",), None),
        ]
    table = decision(fit, favours=str(favours), mid=mid)
    errors = table.attrs["mcse"][parameter]
    row = {
        name: probability_claim(value, errors[name])
        for name, value in table.to_dict("index")[parameter].items()
    }
    at = mid_value(measure, mid, favours)
    good, bad = [names[favours == "higher"]], names[favours == "lower"]
    if at is not None:
        large = "effect" if measure.controlled else "change"
        good.append(f"P {row['p_mid']} for an important {large}, {mid_words(measure, at, favours)}")
    for_benefit, for_harm = (f"P {row[name]}" for name in (f"p_{measure.better}", f"p_{measure.worse}"))
    if favours == "lower":
        good[0] = f"◄ {good[0]}"
        harm = f"{bad} ►"
        return [Claim("left", for_benefit, tuple(good), True), Claim("right", for_harm, (harm,), False)]
    good[0] = f"{good[0]} ►"
    harm = f"◄ {bad}"
    return [Claim("left", for_harm, (harm,), False), Claim("right", for_benefit, tuple(good), True)]


def claims_height(given: Sequence[Claim], width: float) -> float:
    """Inches the claims take in a figure of a width."""
    if not given:
        return 0.0
    return line_height(BIG) + line_height(SMALL) * max(len(_lines(claim, width)) for claim in given)


def write_claims(sheet: Axes, given: Sequence[Claim], y: float, width: float) -> None:
    """Claims at both edges of the figure, hanging from `y`, each on its side of the axis."""
    for claim in given:
        x = style.MARGIN if claim.side == "left" else width - style.MARGIN
        color = style.MUTED if claim.good is False else style.POSTERIOR
        write(sheet, x, y, claim.value, size=BIG, bold=True, align=claim.side, color=color, top=True)
        below = y + line_height(BIG)
        write(sheet, x, below, _lines(claim, width), size=SMALL, align=claim.side, color=color, top=True)


def _lines(claim: Claim, width: float) -> list[str]:
    """Words wrapped to half the figure."""
    room = 0.5 * (width - GAP) - style.MARGIN
    return [line for words in claim.words for line in wrap(words, room, SMALL)]
