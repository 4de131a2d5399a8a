"""From one row an arm to one row a comparison."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import pandas as pd

from bayesma.errors import DataError
from bayesma.evidence.validation import SOURCE, place, require_columns, source_of

SUFFIXES = ("_treat", "_ctrl")


def pair_arms(
    frame: pd.DataFrame, *, arm: str, treatment: str, control: str, by: str | Sequence[str] = "study"
) -> pd.DataFrame:
    """Put the two arms of each comparison side by side.

    Parameters
    ----------
    frame
        One row an arm.
    arm
        Column that names the arm.
    treatment, control
        Its values for the two arms; a row of another arm is an error, since dropping it would be silent.
    by
        Column or columns that identify a comparison.

    Returns
    -------
    pandas.DataFrame
        One row a comparison: the columns of `by`, then every other column twice, with ``_treat`` and
        ``_ctrl`` behind its name. The index is the row of the treated arm.

    Raises
    ------
    DataError
        For a missing column, an arm of another name, a comparison with one arm or with an arm twice.
    """
    keys = [by] if isinstance(by, str) else list(by)
    require_columns(frame, [arm, *keys])
    names = (treatment, control)
    rows = _rows_by_comparison(frame, arm, names, keys)
    sides = []
    for name, suffix in zip(names, SUFFIXES, strict=True):
        side = frame.loc[[arms[name] for arms in rows]].drop(columns=[arm, *keys]).add_suffix(suffix)
        sides.append(side.set_axis([arms[treatment] for arms in rows]))
    paired = pd.concat([frame.loc[[arms[treatment] for arms in rows], keys], *sides], axis=1)
    if (source := source_of(frame)) is not None:
        paired.attrs[SOURCE] = source
    return paired


def _rows_by_comparison(
    frame: pd.DataFrame, arm: str, names: tuple[str, str], keys: Sequence[str]
) -> list[dict[str, Hashable]]:
    """The row of each arm, for every comparison in order of appearance."""
    source = source_of(frame)
    found: dict[tuple[object, ...], dict[str, Hashable]] = {}
    for row, name, *key in zip(frame.index, frame[arm], *(frame[k] for k in keys), strict=True):
        where = place(source, row, ", ".join(map(str, key)))
        if name not in names:
            raise DataError(
                f"{where}: {arm} is {name!r}; it must be {names[0]!r} or {names[1]!r}; correct it"
            )
        arms = found.setdefault(tuple(key), {})
        if name in arms:
            raise DataError(f"{where}: the arm {name!r} stands twice; keep one of the rows")
        arms[name] = row
    for key_found, arms in found.items():
        for name in names:
            if name not in arms:
                where = place(source, next(iter(arms.values())), ", ".join(map(str, key_found)))
                raise DataError(
                    f"{where}: the arm {name!r} is missing; add its row or leave the comparison out"
                )
    return list(found.values())
