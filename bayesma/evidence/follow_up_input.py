"""What papers print of relapses, as intervals: cumulative counts, Kaplan-Meier curves, single patients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.validation import place, require_studies
from bayesma.evidence.visits import rounded_months

UNKNOWN_DEATHS = (
    "Deaths are not given: patients who died are among those taken as followed, free of relapse, to the end "
    "of their interval."
)
DERIVED = "Relapses and censored patients are not printed but derived from a Kaplan-Meier curve."
BEYOND = "Patients followed beyond month {:g} are counted up to it."
PRINTED = 0.5  # percentage points by which a printed percentage may be rounded
SLACK = 1.0  # relapses by which a curve read off a figure may exceed what the numbers at risk allow
RELAPSE, DEATH = 1.0, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Intervals made from other rows.

    Attributes
    ----------
    columns
        By the roles of intervals; each says where its last source row stands.
    first
        Position of a source row of each, shape (rows,).
    notes
        Sentences the reader must see.
    """

    columns: Columns
    first: NDArray[np.intp]
    notes: tuple[str, ...] = ()


type Reader = Callable[[Columns, Sequence[str]], Rows]


def one_of(**columns: str | None) -> dict[str, str]:
    """The one role that was named, with its column."""
    given = {role: column for role, column in columns.items() if column is not None}
    if len(given) != 1:
        raise OptionError(f"give exactly one of {' and '.join(columns)}; {len(given)} were given")
    return given


def rising(months: Sequence[float]) -> Array:
    """Ends of intervals, once they rise from above 0."""
    ends = rounded_months(np.asarray(months, dtype=np.float64).reshape(-1), "months")
    if not (ends.size and np.all(np.isfinite(ends)) and np.all(np.diff(ends, prepend=0.0) > 0.0)):
        raise OptionError(f"months is {list(months)}; it must be rising numbers above 0, as in [6, 12, 24]")
    return ends


def in_months(columns: Columns, unit: str) -> Columns:
    """The same rows with their times in months."""
    require_studies(len(columns.rows), columns.source)
    columns.refuse_blank(mend="fill it in or leave the row out")
    columns.refuse_infinite()
    month = rounded_months(columns["month"], unit)
    return replace(columns, values={**columns.values, "month": month})


def of_cumulative(columns: Columns, follow: Sequence[str]) -> Rows:
    """Differences of counts since time 0."""
    columns.refuse(columns["month"] <= 0, "month", "relapses are counted after month 0", "correct it")
    n = columns["n"]
    columns.refuse(n == 0, "n", "somebody must be at risk", "correct it or leave the row out")
    counts = {"relapses": _relapses(columns)}
    counts |= {"deaths": columns["deaths"]} if "deaths" in columns else {}
    columns = replace(
        columns, values={**columns.values, **counts}, names={r: r for r in counts} | dict(columns.names)
    )
    rows: list[tuple[int, float, float, float, list[float]]] = []
    for members in _by_month(columns, follow):
        before, at_start = 0.0, n[members[0]]
        seen = dict.fromkeys(counts, 0.0)
        for i in members:
            if n[i] != at_start:
                raise columns.error(
                    i,
                    f"{columns.what('n')} is {n[i]:g}, and {at_start:g} in "
                    f"{place(None, columns.rows[members[0]], None)}; cumulative counts are of the patients "
                    "at month 0; give the intervals with from_frame where the number followed changes",
                )
            for role in counts:
                if columns[role][i] < seen[role]:
                    raise columns.error(
                        i,
                        f"{columns.what(role)} is {columns[role][i]:g}, fewer than the {seen[role]:g} by "
                        f"month {before:g}; cumulative counts cannot fall; give new relapses by "
                        "interval with from_frame, or correct it",
                    )
            if sum(seen.values()) >= at_start:
                raise columns.error(
                    i,
                    f"all {at_start:g} patients had relapsed or died by month {before:g}, and nobody is left "
                    "to follow; leave this row out",
                )
            new = [float(columns[role][i]) - seen[role] for role in counts]
            rows.append((i, before, float(columns["month"][i]), at_start - sum(seen.values()), new))
            before = float(columns["month"][i])
            seen = {role: float(columns[role][i]) for role in counts}
    return _rows(columns, rows, tuple(counts))


def of_survival(columns: Columns, follow: Sequence[str]) -> Rows:
    """Relapses and censored patients between the months of a Kaplan-Meier curve."""
    month, survival, at_risk = (columns[role] for role in ("month", "survival", "at_risk"))
    columns.refuse(month < 0, "month", "time runs from month 0", "correct it")
    columns.refuse(
        (survival < 0) | (survival > 1), "survival", "a curve lies between 0 and 1", "divide per cent by 100"
    )
    rows: list[tuple[int, float, float, float, list[float]]] = []
    fewer: list[str] = []
    for members in _by_month(columns, follow):
        first = members[0]
        if month[first] != 0.0 or survival[first] != 1.0 or len(members) == 1:
            raise columns.error(
                first,
                f"the curve starts with {survival[first]:g} at month {month[first]:g}; it must start with 1 "
                "at month 0, with the number at risk there, and have a later month; add the missing row",
            )
        for one, other in itertools.pairwise(members):
            shown, gone = _lost(columns, one, other), float(at_risk[one] - at_risk[other])
            lost = max(min(shown, gone), 0.0)
            if lost < shown:
                fewer.append(f"{place(None, columns.rows[other], None)}: {shown:g}, and {gone:g} left")
            new = [lost, gone - lost]
            rows.append((other, float(month[one]), float(month[other]), float(at_risk[one]), new))
    return replace(_rows(columns, rows, ("relapses", "censored")), notes=(DERIVED, *_fewer(fewer)))


def _fewer(rows: Sequence[str]) -> list[str]:
    """Relapses that the curve shows and the numbers at risk do not allow."""
    told = f"The curve shows more relapses than patients left; who left are counted: {'; '.join(rows)}."
    return [told] if rows else []


def of_patients(columns: Columns, follow: Sequence[str], ends: Array) -> Rows:
    """Counts of single patients; a time that is an end belongs to the interval before it."""
    month, event = columns["month"], columns["event"]
    columns.refuse(month <= 0, "month", "follow-up must be longer than 0", "correct it or leave the row out")
    known = np.isin(event, (0.0, RELAPSE, DEATH))
    columns.refuse(~known, "event", "it must be 1 (relapse), 2 (death) or 0 (neither)", "code it so")
    rows: list[tuple[int, float, float, float, list[float]]] = []
    for label in dict.fromkeys(follow):
        own = np.array([other == label for other in follow])
        where = int(np.flatnonzero(own)[0])
        for start, stop in itertools.pairwise([0.0, *ends.tolist()]):
            at_risk = int(np.sum(own & (month > start)))
            if at_risk == 0:
                break
            inside = own & (month > start) & (month <= stop)
            left = int(np.sum(inside & (event == 0.0) & (month < stop)))
            new = [float(np.sum(inside & (event == RELAPSE))), float(np.sum(inside & (event == DEATH)))]
            rows.append((where, start, stop, float(at_risk), [*new, float(left)]))
    notes = (BEYOND.format(ends[-1]),) if bool(np.any(month > ends[-1])) else ()
    return replace(_rows(columns, rows, ("relapses", "deaths", "censored")), notes=notes)


def _relapses(columns: Columns) -> Array:
    """Cumulative relapses, from percentages where those were printed."""
    if "relapses" in columns:
        return columns["relapses"]
    n, percent = columns["n"], columns["percent"]
    columns.refuse((percent < 0) | (percent > 100), "percent", "it lies between 0 and 100", "correct it")
    columns.refuse(
        np.full(percent.shape, bool(0.0 < percent.max() <= 1.0)) & (percent > 0),
        "percent",
        "no percentage here is above 1: they look like shares",
        "multiply them by 100, or give counts with relapses=",
    )
    found: Array = np.round(n * percent / 100.0)
    columns.refuse(
        np.abs(100.0 * found / n - percent) > PRINTED,
        "percent",
        "no whole number of the patients gives it",
        f"check it and the number of patients ({columns.what('n')}), or give counts with relapses=",
    )
    return found


def _lost(columns: Columns, one: int, other: int) -> float:
    """Relapses that a curve shows between two months."""
    survival, at_risk = columns["survival"], columns["at_risk"]
    if survival[other] > survival[one]:
        raise columns.error(
            other,
            f"{columns.what('survival')} is {survival[other]:g}, above the {survival[one]:g} before; a curve "
            "of freedom from relapse cannot rise; correct one of the two",
        )
    if at_risk[other] > at_risk[one]:
        raise columns.error(
            other,
            f"{columns.what('at_risk')} is {at_risk[other]:g}, above the {at_risk[one]:g} before; nobody "
            "enters a curve later; correct one of the two",
        )
    if at_risk[one] == 0:
        raise columns.error(other, "nobody was at risk before this row any more; leave it out")
    share = 1.0 - survival[other] / survival[one] if survival[one] > 0.0 else 0.0
    lost = share * (at_risk[one] + at_risk[other]) / (2.0 - share)
    gone = at_risk[one] - at_risk[other]
    if round(lost) > gone + SLACK:
        raise columns.error(
            other,
            f"the curve falls to {survival[other]:g}, which takes {lost:.1f} relapses, but only {gone:g} "
            "patients fewer are at risk; check the curve and the numbers at risk",
        )
    return float(round(lost))


def _by_month(columns: Columns, follow: Sequence[str]) -> Iterator[list[int]]:
    """Rows of the same patients by month; a month that is there twice is an error."""
    month = columns["month"]
    for label in dict.fromkeys(follow):
        members = sorted((i for i, other in enumerate(follow) if other == label), key=lambda i: month[i])
        for one, other in itertools.pairwise(members):
            if month[one] == month[other]:
                raise columns.error(
                    other,
                    f"month {month[other]:g} already stands in {place(None, columns.rows[one], None)}; the "
                    "same patients have one row a month; keep one of them",
                )
        yield members


def _rows(
    columns: Columns, rows: Sequence[tuple[int, float, float, float, list[float]]], roles: Sequence[str]
) -> Rows:
    """Intervals: source row, start, stop, patients at risk, and those who left by each of the roles."""
    first = np.array([row[0] for row in rows], dtype=np.intp)
    values = {
        name: np.array([row[i] for row in rows]) for i, name in enumerate(("start", "stop", "at_risk"), 1)
    }
    values |= {role: np.array([row[4][i] for row in rows]) for i, role in enumerate(roles)}
    where = [columns.rows[i] for i in first.tolist()]
    return Rows(Columns.of_arrays(values, columns.studies[first], where, columns.source), first)
