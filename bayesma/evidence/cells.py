"""Counts of events that cannot be, and the cells of an arm from events with patients or non-events."""

from __future__ import annotations

from bayesma.evidence.columns import Array, Columns

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
