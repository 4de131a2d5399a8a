"""What is gained by repeating at each month, under each belief about restoration?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots.relapse_curves import band_of
from bayesma.plots.retreatment_draw import MARKS, Gain
from bayesma.plots.text import plain
from bayesma.posterior.marginals import share_error
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import TYPICAL
from bayesma.posterior.retreatment import Belief, gains_of
from bayesma.words.numbers import probability_text

FIRST_YEAR = range(1, 13)  # months of the repeat where nothing else is said


def gains(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float] | None,
    to: float,
    restoration: Mapping[str, Belief] | None,
    ci_prob: float,
) -> list[Gain]:
    """One a belief, in the order given."""
    at = _checked(months, to)
    if restoration is not None and not 1 <= len(restoration) <= len(MARKS):
        raise OptionError(f"restoration holds {len(restoration)} beliefs; give one to {len(MARKS)}")
    course, beliefs, drawn = gains_of(fit, origin, at, [to], restoration)
    result = []
    for (name, law), mark in zip(beliefs.items(), MARKS, strict=False):
        draws = np.column_stack([*drawn[TYPICAL, name, to][1].values()])
        band = replace(band_of(np.array(at), draws, ci_prob), middle=draws.mean(axis=0))
        chances = tuple(_chance(one.reshape(course.chains, -1)) for one in draws.T)
        result.append(Gain(plain(name), str(law), band, chances, mark))
    return result


def _chance(gain: NDArray[np.float64]) -> str:
    """Probability that something is gained, from draws (chain, draw)."""
    gained = (gain > 0.0).astype(np.float64)
    return probability_text(float(gained.mean()), share_error(gained, gain))


def _checked(months: Sequence[float] | None, to: float) -> list[float]:
    """Months of the repeat."""
    if not (is_number(to) and 0.0 < to < np.inf):
        raise OptionError(f"to is {to!r}; give the month up to which months are counted, for example 12")
    given = [m for m in FIRST_YEAR if m < to] if months is None else list(months)
    rising = all(is_number(m) for m in given) and all(a < b for a, b in pairwise(given))
    if not (given and rising and 0.0 < given[0] and given[-1] < to):
        raise OptionError(
            f"months are {given!r}; give months of the repeat that rise from above 0 to below {to:g}"
        )
    return [float(month) for month in given]
