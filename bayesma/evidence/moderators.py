"""Moderators: columns of study characteristics, centred and scaled on purpose."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError, DataWarning, OptionError

type Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moderators:
    """Columns of a regression on studies.

    Attributes
    ----------
    labels
        One a column, shape (q,): the moderator, or ``cells: UC v BM`` for a category against the first.
    values
        Centred and scaled, shape (k, q).
    centre, scale
        Mean over the studies, and the standard deviation over them (1 for categories), shapes (q,).
    """

    labels: NDArray[np.str_]
    values: Array
    centre: Array
    scale: Array

    @property
    def separable(self) -> bool:
        """Whether these studies can tell the columns apart."""
        return bool(np.linalg.matrix_rank(self.values) == self.labels.size)


def read_moderators(
    table: pd.DataFrame | None,
    names: Sequence[str],
    studies: Sequence[str],
    source: str | None,
    *,
    unit: str = "sd",
) -> Moderators:
    """Columns of the table as moderators.

    Numbers are centred at their mean over the studies and divided by their standard deviation (n - 1);
    categories are indicators of each but the first (in the order of a pandas categorical, else of the
    alphabet), centred at their share.

    Parameters
    ----------
    table
        One row a study, as `studies`.
    names
        Columns; each becomes one column, or one fewer than it has categories.
    studies
        Labels, for messages.
    source
        Name of the file, for messages.

    Raises
    ------
    OptionError
        For a name the table has not, or one given twice.
    DataError
        For an empty cell, a number that is not finite, and a moderator that is the same in all studies.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesma.evidence.moderators import read_moderators
    >>> table = pd.DataFrame({"dose": [1.0, 3.0, 2.0], "cells": ["UC", "BM", "UC"]})
    >>> read = read_moderators(table, ["dose", "cells"], ["Ash", "Birch", "Cedar"], None)
    >>> read.labels.tolist(), read.values.round(2).tolist()
    (['dose', 'cells: UC v BM'], [[-1.0, 0.33], [1.0, -0.67], [0.0, 0.33]])
    """
    columns: dict[str, Array] = {}
    scales: list[float] = []
    for name in names:
        column = _column(table, name, names, studies, source)
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(dtype=np.float64)
            columns[name] = values
            scales.append(float(np.std(values, ddof=1)) if unit == "sd" else 1.0)
        else:
            first, *others = _categories(column)
            text = column.astype(str).to_numpy()
            columns |= {f"{name}: {one} v {first}": (text == one).astype(np.float64) for one in others}
            scales += [1.0] * len(others)
    raw = np.column_stack(list(columns.values())) if columns else np.empty((len(studies), 0))
    centre, scale = raw.mean(axis=0), np.array(scales)
    values = (raw - centre) / scale
    return Moderators(np.array(list(columns), dtype=np.str_), values, centre, scale)


def warn_inseparable(read: Moderators, source: str | None) -> None:
    """Say where only their priors tell columns apart.

    Warns
    -----
    DataWarning
        For columns that say the same about these studies.
    """
    if not read.separable:
        warnings.warn(
            f"{source or 'the input'}: the moderators {', '.join(read.labels)} cannot be told apart in these "
            f"{len(read.values)} studies, so that their priors decide between them; use fewer",
            DataWarning,
            stacklevel=6,
        )


def require_moderators(asked: Iterable[str], names: Sequence[str]) -> None:
    """Refuse values of what is no moderator.

    Raises
    ------
    OptionError
        For a name that is not among those of the model.
    """
    for name in asked:
        if name not in names:
            known = f"its moderators are: {', '.join(names)}" if names else "it has none"
            raise OptionError(f"at names {name!r}, which is no moderator of this model; {known}")


def at_values(asked: Mapping[str, object], labels: Sequence[str], centre: Array, scale: Array) -> Array:
    """Where stated moderators lie, centred and scaled: (q,); 0, the mean of the studies, where not stated.

    Parameters
    ----------
    asked
        Values by moderator, all of them among `labels`.
    labels, centre, scale
        As in `Moderators`.

    Raises
    ------
    OptionError
        For a category the model has not, or a value that is no number.
    """
    out = np.zeros(len(labels))
    for name, value in asked.items():
        own = [i for i, label in enumerate(labels) if label == name]
        if own:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise OptionError(f"at holds {name} = {value!r}; give a finite number")
            out[own[0]] = (float(value) - centre[own[0]]) / scale[own[0]]
            continue
        head = f"{name}: "
        pairs = {i: label.removeprefix(head) for i, label in enumerate(labels) if label.startswith(head)}
        chosen = {i: float(pair.startswith(f"{value} v ")) for i, pair in pairs.items()}
        if not any(chosen.values()) and not all(pair.endswith(f" v {value}") for pair in pairs.values()):
            raise OptionError(
                f"at holds {name} = {value!r}; its categories, each against the first, are: "
                f"{', '.join(pairs.values())}"
            )
        for i, indicator in chosen.items():
            out[i] = (indicator - centre[i]) / scale[i]
    return out


def _column(
    table: pd.DataFrame | None,
    name: str,
    names: Sequence[str],
    studies: Sequence[str],
    source: str | None,
) -> pd.Series:
    """A column that can serve."""
    where = source or "the input"
    known = [] if table is None else [str(column) for column in table.columns]
    if name not in known or table is None:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        have = ", ".join(known) or "none"
        raise OptionError(
            f"{where} has no moderator {name!r}; {hint}columns with one value in each study: {have}"
        )
    if list(names).count(name) > 1:
        raise OptionError(f"moderators names {name!r} twice; name each once")
    column = table[name]
    numeric = pd.api.types.is_numeric_dtype(column)
    for study, value in zip(studies, column, strict=True):
        if pd.isna(value) or (isinstance(value, str) and not value.strip()):
            raise DataError(
                f"{where} ({study}): the moderator {name} is empty; fill it in, or leave the study or the "
                "moderator out"
            )
        if numeric and not math.isfinite(value):
            raise DataError(f"{where} ({study}): the moderator {name} is {value}; it must be a finite number")
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        column = _numbers_read_as_text(column, name, studies, where)
    if column.nunique() == 1:
        raise DataError(
            f"{where}: the moderator {name} is {column.iloc[0]} in all {len(studies)} studies, which tells "
            "nothing; leave it out"
        )
    return column


def _numbers_read_as_text(column: pd.Series, name: str, studies: Sequence[str], where: str) -> pd.Series:
    """Text that is all numbers, as numbers; refused where some are not: all would become categories."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all():
        return numbers
    for study, text, value in zip(studies, column, numbers, strict=True):
        if math.isnan(value) and numbers.notna().any():
            raise DataError(
                f"{where} ({study}): the moderator {name} is {text!r} among numbers; correct it, or give "
                "every study a category"
            )
    return column


def _categories(column: pd.Series) -> list[str]:
    """Those the studies have, the first of which the others are compared with."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(one) for one in column.cat.categories if (column == one).any()]
    return sorted({str(value) for value in column})
