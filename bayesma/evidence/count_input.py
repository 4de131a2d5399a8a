"""How counts come in: named columns or arrays, what must be said of them, and whole numbers at the end."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import OptionError
from bayesma.evidence.cells import arm_cells, refuse_impossible
from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.validation import (
    check_unique,
    number_vector,
    require_columns,
    require_equal_lengths,
    require_studies,
)

type Labels = NDArray[np.str_]
type Whole = NDArray[np.int64]

ARMS = {"_treat": "treated", "_ctrl": "control"}  # ending of the roles of an arm, and the arm in words


def total_role(n_role: str, n: str | None, nonevents_role: str, nonevents: str | None) -> dict[str, str]:
    """The one role that says how many patients an arm has, with its column."""
    if n is not None and nonevents is not None:
        raise OptionError(f"{n_role} and {nonevents_role} say the same; give one of them")
    if n is not None:
        return {n_role: n}
    if nonevents is not None:
        return {nonevents_role: nonevents}
    raise OptionError(f"{n_role} (or {nonevents_role}) is missing; name its column")


def require_roles(frame: pd.DataFrame, roles: Mapping[str, object]) -> None:
    """Raise unless every role names a column that is there."""
    for role, column in roles.items():
        if not isinstance(column, str):
            raise OptionError(f"{role} must be the name of a column, not {type(column).__name__}")
    require_columns(frame, [str(column) for column in roles.values()])


def require_study(study: object, centre: object) -> None:
    """Raise when rows of one study are told apart and the studies are not."""
    if centre is not None and study is None:
        raise OptionError("centre tells the rows of one study apart; give study too, or leave centre out")


def arrays_by_hand(
    counts: Mapping[str, ArrayLike],
    labels: Mapping[str, Sequence[object] | None],
    table: pd.DataFrame | None,
    source: str | None,
) -> tuple[dict[str, Array], list[Hashable]]:
    """Counts as numbers and the names of their rows, once every argument has one value a row."""
    arrays = {role: number_vector(values, role) for role, values in counts.items()}
    lengths = {role: array.size for role, array in arrays.items()}
    require_studies(max(lengths.values()), source)
    lengths |= {name: len(given) for name, given in labels.items() if given is not None}
    if table is not None:
        lengths["table"] = len(table)
    require_equal_lengths(lengths)
    rows = range(next(iter(lengths.values()))) if table is None else table.index
    return arrays, list(rows)


def joined(studies: Labels, centres: Labels | None) -> Labels:
    """Labels of rows: the study, or ``study: centre``."""
    if centres is None:
        return studies
    pairs = zip(studies.tolist(), centres.tolist(), strict=True)
    return np.array([f"{study}: {centre}" for study, centre in pairs], dtype=np.str_)


def unique_rows(
    studies: Labels, centres: Labels | None, source: str | None, rows: Sequence[Hashable]
) -> Labels:
    """Labels of rows; one that is there twice is an error."""
    labels = joined(studies, centres)
    if centres is None:
        mend = "add the year to one of them, or name the centre of each row with centre="
        check_unique(labels.tolist(), source, rows, mend=mend)
    else:
        mend = "name the centres apart, or add up their counts"
        check_unique(labels.tolist(), source, rows, what="the label of study and centre", mend=mend)
    return labels


def checked_arms(columns: Columns, arms: Sequence[str]) -> list[tuple[Array, Array]]:
    """Events and non-events of each arm, by the ending of its roles, once no count is at fault."""
    require_studies(len(columns.rows), columns.source)
    if len(arms) > 1:
        _refuse_missing_arm(columns, arms)
    columns.refuse_blank()
    columns.refuse_infinite()
    refuse_impossible(columns)
    return [arm_cells(columns, arm) for arm in arms]


def held(cells: tuple[Array, Array]) -> tuple[Whole, Whole]:
    """Events and patients of an arm as whole numbers that cannot be changed."""
    events, nonevents = cells
    return whole(events), whole(events + nonevents)


def whole(values: Array) -> Whole:
    """Counts as whole numbers that cannot be changed."""
    array = values.astype(np.int64)
    array.setflags(write=False)
    return array


def _refuse_missing_arm(columns: Columns, arms: Sequence[str]) -> None:
    """Raise for the first study without any number in one arm."""
    for arm in arms:
        roles = [role for role in columns.values if role.endswith(arm)]
        empty = np.isnan(np.stack([columns[role] for role in roles])).all(axis=0)
        for i in np.flatnonzero(empty):
            raise columns.error(
                int(i),
                f"{' and '.join(columns.what(role) for role in roles)} are empty; a comparison needs both "
                f"arms; fill in the {ARMS[arm]} arm or leave the study out",
            )
