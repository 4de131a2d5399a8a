"""Intervals of follow-up: which rows cannot be, alone or after the one before, and what they leave unsaid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from bayesma.errors import DataError
from bayesma.evidence.cells import refuse_impossible
from bayesma.evidence.columns import Columns
from bayesma.evidence.count_input import Labels
from bayesma.evidence.validation import place, require_studies

TIMES = ("start", "stop")
LEAVING = ("relapses", "deaths", "censored")  # the ways out of an interval, in the order they are added up


def interval_label(start: float, stop: float) -> str:
    """An interval as printed, its start excluded: ``(6, 12]``."""
    return f"({start:g}, {stop:g}]"


def refuse_rows(columns: Columns) -> None:
    """Raise for the first row that cannot be, whatever the others say."""
    require_studies(len(columns.rows), columns.source)
    columns.refuse_blank(mend="fill it in, or leave the row (or the whole column of deaths or censored) out")
    columns.refuse_infinite()
    start, stop, at_risk = (columns[role] for role in (*TIMES, "at_risk"))
    columns.refuse(start < 0, "start", "time runs from the transplantation, which is 0", "correct it")
    columns.refuse(
        stop <= start,
        "stop",
        f"an interval ends after it starts ({columns.what('start')})",
        "correct one of the two, or swap them",
    )
    counts = {role: array for role, array in columns.values.items() if role not in TIMES}
    refuse_impossible(
        Columns(counts, columns.names, columns.rows, columns.positions, columns.studies, columns.source)
    )
    columns.refuse(at_risk == 0, "at_risk", "somebody must be at risk", "correct it or leave the row out")
    total, named = np.zeros_like(at_risk), ""
    for role in (role for role in LEAVING if role in columns):
        total = total + columns[role]
        named = f"{named} + {role}" if named else role
        rule = f"there cannot be more {named} than patients at risk ({columns.what('at_risk')})"
        columns.refuse(total > at_risk, role, rule, "correct one of the numbers")


def refuse_sequences(columns: Columns, follow: Sequence[str], *, gaps: bool, entry: bool) -> list[str]:
    """Raise where an interval does not follow from the one before; note who left between two.

    Parameters
    ----------
    columns
        Rows of `refuse_rows`.
    follow
        Label of the patients each row follows, the study or a centre of it: shape (rows,).
    gaps, entry
        Whether months may be missing between two intervals, and whether patients may enter at one.
    """
    notes = []
    for label in dict.fromkeys(follow):
        rows = [i for i, other in enumerate(follow) if other == label]
        rows.sort(key=lambda i: (columns["start"][i], columns["stop"][i]))
        for one, other in itertools.pairwise(rows):
            _refuse_times(columns, one, other, gaps=gaps)
            left = _staying(columns, one) - columns["at_risk"][other]
            if left < 0 and not entry:
                raise _growth(columns, one, other)
            if left > 0:
                end = columns["stop"][one]
                notes.append(f"{label}: {left:g} at month {end:g}")
    if not notes:
        return []
    return [
        "Patients who leave between two intervals without being counted are taken as followed to the end of "
        f"the first: {'; '.join(notes)}."
    ]


def _staying(columns: Columns, i: int) -> float:
    """Patients still followed, free of relapse, at the end of an interval."""
    gone = sum(float(columns[role][i]) for role in LEAVING if role in columns)
    return float(columns["at_risk"][i]) - gone


def _refuse_times(columns: Columns, one: int, other: int, *, gaps: bool) -> None:
    """Raise when two intervals of the same patients overlap, or leave months out."""
    first, second = (interval_label(columns["start"][i], columns["stop"][i]) for i in (one, other))
    where = place(None, columns.rows[one], None)
    end, begin = columns["stop"][one], columns["start"][other]
    if begin < end:
        raise columns.error(
            other,
            f"the interval {second} overlaps {first} of {where}; the same patients cannot be counted twice; "
            "give the new relapses of each interval, or cumulative counts with from_cumulative",
        )
    if begin > end and not gaps:
        raise columns.error(
            other,
            f"the interval {second} starts after {first} of {where} ended; nothing is said of the months "
            "between; fill in that interval, or say that it is missing with gaps=True",
        )


def _growth(columns: Columns, one: int, other: int) -> DataError:
    """The error for more patients at risk than were left."""
    first = interval_label(columns["start"][one], columns["stop"][one])
    return columns.error(
        other,
        f"{columns.what('at_risk')} is {columns['at_risk'][other]:g}, but only {_staying(columns, one):g} "
        f"were left after {first} of {place(None, columns.rows[one], None)}; correct one of the numbers, or "
        "say that patients entered later with entry=True",
    )


def row_names(studies: Labels, centres: Labels | None) -> list[str]:
    """Whom each row follows: the study, or ``study: centre``."""
    if centres is None:
        return [str(study) for study in studies]
    return [f"{study}: {centre}" for study, centre in zip(studies, centres, strict=True)]
