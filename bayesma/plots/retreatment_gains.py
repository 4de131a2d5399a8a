"""What is gained by repeating at each month, under each belief about restoration?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots.bands import INNER, Band
from bayesma.plots.retreatment_draw import MARKS, Gain
from bayesma.plots.text import plain
from bayesma.posterior.numbers import is_number
from bayesma.posterior.relapse_course import TYPICAL
from bayesma.posterior.retreatment import Belief, retreatment

type Array = NDArray[np.float64]

ENDS = ("ci_low", "ci_high")
FIRST_YEAR = range(1, 13)  # months of the repeat where nothing else is said


def gains(
    fit: xr.DataTree,
    months: Sequence[float] | None,
    to: float,
    restoration: Mapping[str, Belief] | None,
    ci_prob: float,
) -> list[Gain]:
    """One a belief, in the order given."""
    at = _checked(months, to)
    if restoration is not None and not 1 <= len(restoration) <= len(MARKS):
        raise OptionError(f"restoration holds {len(restoration)} beliefs; give one to {len(MARKS)}")
    outer, inner = (
        retreatment(fit, month=at, restoration=restoration, to=to, gain=(), ci_prob=one)
        for one in (ci_prob, INNER)
    )
    laws = outer.attrs["restoration"]
    result = []
    for (name, law), mark in zip(laws.items(), MARKS, strict=False):
        wide, narrow = (
            table.xs(TYPICAL, level="estimand").xs(name, level="restoration") for table in (outer, inner)
        )
        ends = [_numbers(table, end) for table in (wide, narrow) for end in ENDS]
        band = Band(np.array(at), _numbers(wide, "gain"), ends[0], ends[1], (ends[2], ends[3]))
        result.append(Gain(plain(name), law, band, _numbers(wide, "p_gain"), mark))
    return result


def _numbers(table: Any, column: str) -> Array:
    """A column."""
    return np.asarray(table[column], dtype=np.float64)


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
