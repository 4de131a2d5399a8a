"""Moderators: columns of study characteristics, centred and scaled on purpose."""

from __future__ import annotations

import difflib
import itertools
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError, DataWarning, OptionError
from bayesma.evidence.formulas import terms_of

type Array = NDArray[np.float64]

SIGNS = "~+*:"  # in a name that is no column: meant as a formula
TIMES = " × "  # between the labels of an interaction
# of the largest singular value of columns of length 1: centring leaves 1e-16 of a column's mean, which may be
# 1e6 of its sds (dates, cells), in columns that say the same; columns that differ by less say nothing more
SAME = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Moderators:
    """Columns of a regression on studies.

    Attributes
    ----------
    labels
        One a column, shape (q,): the moderator, or ``cells: UC v BM`` for a category against the first; of an
        interaction those of its columns, ``dose × cells: UC v BM``.
    values
        Centred and scaled, shape (k, q).
    centre, scale
        Mean over the studies, and the standard deviation over them (1 for categories), shapes (q,); of an
        interaction those of the product.
    """

    labels: NDArray[np.str_]
    values: Array
    centre: Array
    scale: Array

    @property
    def separable(self) -> bool:
        """Whether these studies can tell the columns apart."""
        return independent(self.values)


def independent(columns: Array) -> bool:
    """Whether no column is a sum of multiples of the others, whatever the units of each: (k, q).

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.evidence.moderators import independent
    >>> independent(np.array([[1.0, 1e6], [1.0, 2e6]])), independent(np.array([[1.0, 3.0], [1.0, 3.0]]))
    (True, False)
    """
    length = np.linalg.norm(columns, axis=0)
    scaled = columns / np.where(length > 0.0, length, 1.0)
    return bool(np.linalg.matrix_rank(scaled, rtol=SAME) == columns.shape[1])


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
    alphabet), centred at their share. An interaction is the product of the columns as they are, then centred
    and scaled like a number (unless it is of categories alone): beside one, the coefficient of a moderator is
    that of studies in which the others are 0, or the first category.

    Parameters
    ----------
    table
        One row a study, as `studies`.
    names
        Columns; each becomes one column, or one fewer than it has categories. Or one formula of them,
        ``["~ dose * cells"]``: see `bayesma.evidence.formulas.terms_of`.
    studies
        Labels, for messages.
    source
        Name of the file, for messages.
    unit
        ``"sd"``, or ``"own"``: numbers are then not divided.

    Raises
    ------
    OptionError
        For a name the table has not, or one given twice; for a formula that cannot be read.
    DataError
        For an empty cell, a number that is not finite, and a moderator or an interaction that is the same in
        all studies.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesma.evidence.moderators import read_moderators
    >>> table = pd.DataFrame({"dose": [1.0, 3.0, 2.0], "cells": ["UC", "BM", "UC"]})
    >>> read = read_moderators(table, ["dose", "cells"], ["Ash", "Birch", "Cedar"], None)
    >>> read.labels.tolist(), read.values.round(2).tolist()
    (['dose', 'cells: UC v BM'], [[-1.0, 0.33], [1.0, -0.67], [0.0, 0.33]])
    """
    terms = terms_of(names)
    mains = [term[0] for term in terms if len(term) == 1]
    parts = {name: _indicators(name, _column(table, name, mains, studies, source)) for name in mains}
    columns: dict[str, Array] = {}
    scales: list[float] = []
    for term in terms:
        for combined in itertools.product(*(parts[name].items() for name in term)):
            labels, factors = zip(*combined, strict=True)
            label, values = TIMES.join(labels), np.prod(factors, axis=0)
            if len(term) > 1:
                _require_interaction(labels, values, source)
            columns[label] = values
            numeric = bool(set(labels) & set(term))  # a number has its name for a label
            scales.append(float(np.std(values, ddof=1)) if unit == "sd" and numeric else 1.0)
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
        Values by moderator, all of them among `labels`. An interaction with what is not stated is averaged
        over the studies.
    labels, centre, scale
        As in `Moderators`.

    Raises
    ------
    OptionError
        For a category the model has not, or a value that is no number.
    """
    alone, stated = main_labels(labels), {}
    for name, value in asked.items():
        if name in alone:
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise OptionError(f"at holds {name} = {value!r}; give a finite number")
            stated[name] = float(value)
            continue
        head = f"{name}: "
        pairs = {label: label.removeprefix(head) for label in alone if label.startswith(head)}
        chosen = {label: float(pair.startswith(f"{value} v ")) for label, pair in pairs.items()}
        if not any(chosen.values()) and not all(pair.endswith(f" v {value}") for pair in pairs.values()):
            raise OptionError(
                f"at holds {name} = {value!r}; its categories, each against the first, are: "
                f"{', '.join(pairs.values())}"
            )
        stated |= chosen
    means = {frozenset(_parts(label, alone)): mean for label, mean in zip(labels, centre, strict=True)}
    means[frozenset()] = 1.0
    raw = np.array([_product(_parts(label, alone), stated, means) for label in labels])
    return np.asarray((raw - centre) / scale)


def main_labels(labels: Sequence[str]) -> list[str]:
    """Those of moderators by themselves, not of interactions.

    Examples
    --------
    >>> from bayesma.evidence.moderators import main_labels
    >>> main_labels(["dose", "cells: UC v BM", "dose × cells: UC v BM"])
    ['dose', 'cells: UC v BM']
    """
    return [label for label in labels if TIMES not in label or not set(label.split(TIMES)) <= set(labels)]


def _parts(label: str, alone: Sequence[str]) -> list[str]:
    """Labels of the columns whose product it is."""
    return [label] if label in alone else label.split(TIMES)


def _product(
    parts: Sequence[str], stated: Mapping[str, float], means: Mapping[frozenset[str], float]
) -> float:
    """Of stated values, and of the mean over the studies of the product of the others."""
    others = frozenset(part for part in parts if part not in stated)
    return float(math.prod(stated[part] for part in parts if part in stated) * means[others])


def _indicators(name: str, column: pd.Series) -> dict[str, Array]:
    """A number as it is, or each category but the first, by label."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return {name: column.to_numpy(dtype=np.float64)}
    first, *others = _categories(column)
    text = column.astype(str).to_numpy()
    return {f"{name}: {one} v {first}": (text == one).astype(np.float64) for one in others}


def _require_interaction(labels: Sequence[str], values: Array, source: str | None) -> None:
    """Refuse a product that tells nothing, or whose label could be read in two ways."""
    if any(TIMES in label for label in labels):
        raise OptionError(
            f"the interaction of {' and '.join(map(repr, labels))} would be read as one of more columns; "
            f"write another sign than {TIMES.strip()!r} in the column or its categories"
        )
    if np.ptp(values) == 0.0:
        raise DataError(
            f"{source or 'the input'}: the interaction {TIMES.join(labels)} is {values[0]:g} in "
            f"{_all(values.size)}, which tells nothing; leave it out (+ for *)"
        )


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
        if any(sign in name for sign in SIGNS):
            right = name.rpartition("~")[2].strip()
            hint = f"a formula begins with ~ and names moderators only: '~ {right}'; "
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
    categorical = isinstance(column.dtype, pd.CategoricalDtype)  # whose categories may be named 0 and 1
    if not categorical and (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        column = _numbers_read_as_text(column, name, studies, where)
    if column.nunique() == 1:
        raise DataError(
            f"{where}: the moderator {name} is {column.iloc[0]} in {_all(len(studies))}, which tells "
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


def _all(studies: int) -> str:
    """``all 3 studies``, ``the one study``."""
    return "the one study" if studies == 1 else f"all {studies} studies"
