"""Some of the studies: evidence of any kind cut down, its tables, labels and notes kept in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import DataError, OptionError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.trajectories import Trajectories

type Mask = NDArray[np.bool_]

ROWS = {  # attributes with one row a study, arm or interval
    Effects: ("y", "se", "study", "n"),
    TwoArmCounts: ("events_treat", "n_treat", "events_ctrl", "n_ctrl", "study"),
    ArmCounts: ("events", "n", "study", "centre"),
    Trajectories: ("y", "se", "study", "within", "se_apart", "n"),
    FollowUp: ("start", "stop", "at_risk", "relapses", "censored", "deaths", "study", "centre"),
}


def subset[Evidence: (Effects, TwoArmCounts, ArmCounts, Trajectories, FollowUp)](
    evidence: Evidence, keep: ArrayLike
) -> Evidence:
    """The evidence of some studies, in the order they had.

    Parameters
    ----------
    evidence
        Of any kind; a study with several arms or intervals is kept, or left out, whole.
    keep
        True for the studies that stay, shape (k,), in the order of `studies_of`.

    Returns
    -------
    Evidence
        Of the same kind. Visits of trajectories stay, also those that no study is left to have, since the
        correlation within a study counts them.

    Raises
    ------
    OptionError
        When `keep` has not one value a study, or keeps none.

    Examples
    --------
    >>> from bayesma.evidence.effects import Effects
    >>> from bayesma.evidence.subset import subset
    >>> effects = Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.2], ["A", "B", "C"])
    >>> subset(effects, [True, False, True]).study.tolist()
    ['A', 'C']
    """
    stay = _checked(evidence, keep)
    rows = row_mask(evidence, stay)
    parts: dict[str, Any] = {name: _part(getattr(evidence, name), rows) for name in ROWS[type(evidence)]}
    table = evidence.table
    if table is not None:
        table = table[_table_mask(evidence, stay)]
    return replace(evidence, **parts, table=table)


def studies_of(evidence: Any) -> NDArray[np.str_]:
    """Labels of the studies, each once, shape (k,)."""
    return np.asarray(getattr(evidence, "studies", evidence.study))


def row_mask(evidence: Any, keep: Mask) -> Mask:
    """True for the rows of the studies that stay; a row is a study where studies have one."""
    return np.asarray(keep[evidence.cluster] if hasattr(evidence, "cluster") else keep)


def study_column(evidence: Any, name: str, use: str) -> list[Any]:
    """A column of the table, one value a study.

    Parameters
    ----------
    evidence
        Of any kind.
    name
        The column.
    use
        Name of the argument that asks for it, for messages.

    Raises
    ------
    OptionError
        When there is no such column, and for what is no name.
    DataError
        For an empty cell, and a study whose rows differ.
    """
    if not isinstance(name, str):
        raise OptionError(f"{use} is {name!r}; give the name of one column, as a text")
    table: pd.DataFrame | None = evidence.table
    if table is None or name not in table.columns:
        known = "there is no table" if table is None else f"columns are: {', '.join(map(str, table.columns))}"
        raise OptionError(f"{use} is {name!r}, and the evidence has no such column; {known}")
    studies = studies_of(evidence)
    values = table[name].tolist()
    found: dict[str, Any] = {}
    for i, value in zip(_table_study(evidence), values, strict=True):
        label = str(studies[i])
        if pd.isna(value):
            raise DataError(
                f"{evidence.source or 'the input'}, {label}: {name} is empty, and {use} needs it of every "
                "study; fill it in, or leave the study out"
            )
        if found.setdefault(label, value) != value:
            raise DataError(
                f"{evidence.source or 'the input'}, {label}: {name} is {found[label]!r} and {value!r} in two "
                f"of its rows, and {use} needs one value a study"
            )
    return [found[str(label)] for label in studies]


def _checked(evidence: Any, keep: ArrayLike) -> Mask:
    """The mask, with one value a study and not empty."""
    stay = np.asarray(keep)
    k = studies_of(evidence).size
    if stay.dtype != np.bool_ or stay.shape != (k,):
        raise OptionError(f"keep has shape {stay.shape} and type {stay.dtype}; give {k} times True or False")
    if not stay.any():
        raise OptionError("keep leaves no study; keep one at least")
    return stay


def _part(values: NDArray[Any] | None, rows: Mask) -> NDArray[Any] | None:
    """Rows of an attribute; read-only where it was."""
    if values is None:
        return None
    part = values[rows]
    part.setflags(write=values.flags.writeable)
    return part


def _table_study(evidence: Any) -> Sequence[int]:
    """Position of the study of each row of the table."""
    if isinstance(evidence, FollowUp):  # one row a study, or centre
        _, first = np.unique(evidence.group, return_index=True)
        return [int(i) for i in evidence.cluster[first]]
    if isinstance(evidence, ArmCounts):
        return [int(i) for i in evidence.cluster]
    return range(evidence.k)


def _table_mask(evidence: Any, keep: Mask) -> Mask:
    """True for the rows of the table that stay."""
    return np.asarray(keep[np.asarray(_table_study(evidence))])
