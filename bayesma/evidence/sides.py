"""The arms behind a contrast over visits: one arm before and after, or a treated against a control arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError, OptionError
from bayesma.evidence.columns import Array, Mask
from bayesma.evidence.validation import place, row_labels, source_of

ADJUST = ("change", "final")


@dataclass(frozen=True, slots=True)
class Arms:
    """How arms are told apart and what is taken of them.

    Attributes
    ----------
    column
        Column of the arms, None when every study has one.
    treatment, control
        Its values for the two arms.
    adjust
        ``"change"`` from baseline, or ``"final"`` values at the visit.
    """

    column: str | None
    treatment: str | None
    control: str | None
    adjust: str

    def __post_init__(self) -> None:
        if self.adjust not in ADJUST:
            raise OptionError(f"adjust is {self.adjust!r}; it must be one of: {', '.join(ADJUST)}")
        if self.column is None and (self.treatment is not None or self.control is not None):
            raise OptionError("treatment and control are values of the column of arms; name it with arm=")
        if self.column is None and self.adjust == "final":
            raise OptionError(
                "adjust='final' compares two arms at each visit, and no column of arms is named; give arm=, "
                "treatment= and control=, or adjust='change'"
            )
        if self.column is not None and (
            self.treatment is None or self.control is None or self.treatment == self.control
        ):
            raise OptionError(
                f"arm={self.column!r} needs treatment= and control=, two different values of that column; "
                "for single arms leave arm out and tell the rows apart by study="
            )

    @property
    def change(self) -> bool:
        """Whether the baseline is subtracted."""
        return self.adjust == "change"

    @property
    def measure(self) -> str:
        """Code of the measure: a difference of two arms, or the change in one."""
        return "MC" if self.column is None else "MD"


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Rows of one arm, with the sign its means have in the contrast."""

    name: str | None
    sign: float
    rows: Mask


def sides(frame: pd.DataFrame, labels: NDArray[np.str_], arms: Arms) -> list[Side]:
    """The one arm of every study, or its treated and its control arm."""
    if arms.column is None:
        return [Side(None, 1.0, np.ones(len(frame), dtype=np.bool_))]
    names = row_labels(frame, arms.column, of="arm")
    wanted = (str(arms.treatment).strip(), str(arms.control).strip())
    for i, name in enumerate(names.tolist()):
        if name not in wanted:
            raise DataError(
                f"{place(source_of(frame), frame.index[i], labels[i])}: {arms.column} is {name!r}; "
                f"it must be {wanted[0]!r} or {wanted[1]!r}; correct it, or leave that arm out of the table"
            )
    return [Side(name, sign, names == name) for name, sign in zip(wanted, (1.0, -1.0), strict=True)]


def row_names(labels: NDArray[np.str_], arms: Sequence[Side]) -> NDArray[np.str_]:
    """Labels of the rows for messages: the study, and the arm where there are two."""
    names = labels.astype(object)
    for side in arms:
        if side.name is not None:
            names[side.rows] = [f"{study}: {side.name}" for study in labels[side.rows].tolist()]
    return names.astype(np.str_)


def require_baseline(
    measured: Sequence[Mask], arms: Sequence[Side], studies: Sequence[str], source: str | None
) -> None:
    """Raise for the first study with an arm that was not measured at month 0; one mask (k,) an arm."""
    for side, has in zip(arms, measured, strict=True):
        for i in np.flatnonzero(~has)[:1]:
            arm = "" if side.name is None else f"the arm {side.name!r} "
            other = "" if side.name is None else ", or compare the arms at each visit with adjust='final'"
            raise DataError(
                f"{source or 'the input'}, {studies[i]}: {arm or 'it '}has no baseline (month 0), and a "
                f"change starts from there; add its row or leave the study out{other}"
            )


def in_all_arms(
    measured: Sequence[Mask], arms: Sequence[Side], studies: Sequence[str], months: Array, source: str | None
) -> tuple[Mask, tuple[str, ...]]:
    """Visits that every arm of a study has, shape (k, t), and a note of those that one arm lacks.

    `measured` has one mask (k, t) an arm. A study without an arm, or without a visit, is an error.
    """
    for side, has in zip(arms, measured, strict=True):
        for i in np.flatnonzero(~has.any(axis=1))[:1]:
            what = "it has no visit after the baseline (month 0)"
            if side.name is not None:
                what = f"the arm {side.name!r} has no visit"
            raise DataError(
                f"{source or 'the input'}, {studies[i]}: {what}; add its rows or leave the study out"
            )
    both = np.logical_and.reduce(list(measured))
    for i in np.flatnonzero(~both.any(axis=1))[:1]:
        raise DataError(
            f"{source or 'the input'}, {studies[i]}: its two arms have no visit in common; "
            "add the rows or leave the study out"
        )
    lone = np.argwhere(np.logical_or.reduce(list(measured)) & ~both)
    if not len(lone):
        return both, ()
    names = ", ".join(f"{studies[i]} (month {months[j]:g})" for i, j in lone)
    return both, (f"Visits at which one arm only was measured were kept out: {names}.",)
