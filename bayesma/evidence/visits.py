"""Rows of visits placed on a grid of studies by months: units of time, order, and rows that cannot be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError, OptionError
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.validation import place, require_columns, row_error, source_of

PER_MONTH = {"days": 30.4375, "weeks": 30.4375 / 7, "months": 1.0}  # 365.25 / 12 days a month
DECIMALS = 12  # of a month; lags are rounded coarser


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the row of each study and month stands.

    Attributes
    ----------
    study
        Labels in order of first appearance, shape (k,).
    month
        Months at which any study has a row, sorted, shape (p,).
    at
        Position of the row, shape (k, p); -1 where there is none.
    """

    study: NDArray[np.str_]
    month: Array
    at: NDArray[np.intp]

    @property
    def seen(self) -> Mask:
        """Which months each study has, shape (k, p)."""
        return np.asarray(self.at >= 0)

    def spread(self, values: Array) -> Array:
        """Values by row to values by study and month, shape (k, p), NaN where there is no row."""
        return np.asarray(np.where(self.seen, values[self.at], np.nan))


def require_unit(unit: str) -> None:
    """Raise unless it is a known unit of time."""
    if unit not in PER_MONTH:
        raise OptionError(f"time_unit is {unit!r}; it must be one of: {', '.join(PER_MONTH)}")


def unit_of(frame: pd.DataFrame, column: str, studies: Sequence[str]) -> str:
    """The unit that a column names, the same in all rows."""
    require_columns(frame, [column])
    found: list[str] = []
    for i, value in enumerate(frame[column]):
        unit = str(value).strip().lower()
        unit = unit if unit.endswith("s") else f"{unit}s"
        where = (source_of(frame), frame.index[i], studies[i], f"{column} (unit of time)", value)
        if unit not in PER_MONTH:
            raise row_error(*where, f"it must be one of: {', '.join(PER_MONTH)}", "correct it")
        if found and unit != found[0]:
            first = place(None, frame.index[0], None)
            raise row_error(
                *where,
                f"{first} counts in {found[0]}; units of time cannot be mixed",
                f"convert all times to one unit (a month has {PER_MONTH['weeks']:.4f} weeks, "
                f"{PER_MONTH['days']:g} days)",
            )
        found.append(unit)
    return found[0] if found else "months"


def rounded_months(time: Array, unit: str) -> Array:
    """Times in months, rounded: the same moment reached in two ways is one moment."""
    return np.asarray(np.round(time / PER_MONTH[unit], DECIMALS))


def to_months(columns: Columns, unit: str, *, baseline: bool) -> Array:
    """Months of the rows, shape (rows,), once none lies before the first that can be.

    With `baseline`, month 0 is a row of its own; without it a visit lies after month 0.
    """
    time = columns["month"]
    columns.refuse(np.isnan(time), "month", "every row needs its time", "fill it in or leave the row out")
    columns.refuse(np.isinf(time), "month", "it must be a finite number", "correct it")
    if baseline:
        columns.refuse(
            time < 0,
            "month",
            "a visit cannot lie before the baseline, which is 0",
            "count the time from the baseline, or leave the row out",
        )
    else:
        columns.refuse(
            time <= 0,
            "month",
            "a visit lies after the baseline, which is 0",
            "count the time from the baseline, leave the row out, or give means with from_arms",
        )
    return rounded_months(time, unit)


def place_on_grid(
    studies: NDArray[np.str_],
    month: Array,
    columns: Columns,
    *,
    among: Mask | None = None,
    hint: str = "",
) -> Grid:
    """Rows by study and month; a study with two rows for one month is an error.

    Parameters
    ----------
    studies, month
        One value a row of `columns`, whose labels serve the message.
    among
        Rows to place, where the others have a grid of their own with the same studies and months.
    hint
        A further way to mend two rows of one study and month.
    """
    names = np.array(list(dict.fromkeys(studies.tolist())), dtype=np.str_)
    months = np.unique(month)
    row_of = {name: i for i, name in enumerate(names.tolist())}
    for one, other in itertools.pairwise(months.tolist()):
        if f"{one:g}" == f"{other:g}":
            raise DataError(
                f"{columns.source or 'the input'}: two visits are so near that both are month {one:g} as "
                "printed; give them one time, or count from nearer to the first visit"
            )
    at = np.full((names.size, months.size), -1, dtype=np.intp)
    for position in range(len(studies)) if among is None else np.flatnonzero(among).tolist():
        i, j = row_of[str(studies[position])], int(np.searchsorted(months, month[position]))
        if at[i, j] >= 0:
            first = place(None, columns.rows[at[i, j]], None)
            raise DataError(
                f"{columns.place(position)}: {columns.what('month')} is "
                f"{columns['month'][position]:g}, which already stands in {first}; "
                f"a study has one row a visit; keep one of them{hint}"
            )
        at[i, j] = position
    return Grid(names, months, at)


def constant_columns(frame: pd.DataFrame, studies: NDArray[np.str_], kept: Sequence[str]) -> pd.DataFrame:
    """Columns that do not vary within a study, one row for each of the studies `kept`, in their order."""
    first = {study: i for i, study in reversed(list(enumerate(studies.tolist())))}
    grouped = frame.groupby(studies, sort=False, dropna=False)
    same = [c for c in frame.columns if bool((grouped[c].nunique(dropna=False) <= 1).all())]
    return frame[same].iloc[[first[study] for study in kept]].copy()


def left_out(missing: Columns, unit: str, kept: Sequence[str], studies: Sequence[str]) -> list[str]:
    """Notes of the visits without numbers and of the studies that have no other."""
    timed = missing.select(~np.isnan(missing["month"]))
    months = to_months(timed, unit, baseline=True)
    notes = []
    if months.size:
        rows = zip(timed.studies.tolist(), months, strict=True)
        names = ", ".join(f"{label} (month {time:g})" for label, time in rows)
        notes.append(f"Visits without numbers are missing, not zero, and were kept out: {names}.")
    gone = [study for study in dict.fromkeys(studies) if study not in set(kept)]
    if gone:
        notes.append(f"Studies without any visit left were kept out: {', '.join(gone)}.")
    return notes
