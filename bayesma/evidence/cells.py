"""Are these counts possible, and is no patient counted twice? What tables of events are checked for."""

from __future__ import annotations

import warnings

from bayesma.errors import DataWarning
from bayesma.evidence.columns import Array, Columns

DUPLICATE_EVENTS = 5  # two equal tables with fewer events in all than this happen by chance
LARGEST_COUNT = 2.0**53  # beyond this a float64 no longer holds every whole number


def refuse_impossible(columns: Columns) -> None:
    """Raise for the first count that is negative, a fraction or too large to be held exactly."""
    for role in columns.values:
        column = columns[role]
        columns.refuse(column < 0, role, "a count cannot be negative", "correct it")
        columns.refuse(column % 1 != 0, role, "a count must be a whole number", "correct it")
        columns.refuse(column > LARGEST_COUNT, role, f"at most {LARGEST_COUNT:g} can be used", "correct it")


def arm_cells(columns: Columns, suffix: str = "") -> tuple[Array, Array]:
    """Events and non-events of the arm whose roles end in `suffix`, from ``n`` or from ``nonevents``."""
    events_role, n_role, nonevents_role = (f"{stem}{suffix}" for stem in ("events", "n", "nonevents"))
    events = columns[events_role]
    if nonevents_role in columns:
        nonevents = columns[nonevents_role]
        columns.refuse(
            events + nonevents == 0,
            nonevents_role,
            f"with {events_role} 0 the arm has no patients",
            "fill in the counts or leave the study out",
        )
        return events, nonevents
    n = columns[n_role]
    columns.refuse(n == 0, n_role, "an arm must have patients", "fill in the number or leave the study out")
    columns.refuse(
        events > n,
        events_role,
        f"there cannot be more events than patients ({columns.what(n_role)})",
        "correct one of the two",
    )
    return events, n - events


def warn_of_duplicates(columns: Columns, tables: Array, *, stacklevel: int) -> None:
    """Warn when two rows hold the same table: the same patients may be counted twice.

    `tables` has shape (4, k): events and non-events of one arm, then of the other. `stacklevel` is that of
    `warnings.warn`, counted from here.
    """
    seen: dict[tuple[float, ...], int] = {}
    for i, table in enumerate(tables.T):
        key = tuple(table)
        if key in seen and table[0] + table[2] >= DUPLICATE_EVENTS:
            warnings.warn(
                f"{columns.place(i)}: the four counts are those of {columns.studies[seen[key]]}; "
                "check that the same patients are not counted twice",
                DataWarning,
                stacklevel=stacklevel,
            )
        seen.setdefault(key, i)
