"""How bad rows are named: file, row, study, value, rule and mend, in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import DataError, OptionError

SOURCE = "source"  # key of DataFrame.attrs under which a reader leaves the file name
NO_LABEL = frozenset({"", "None", "nan"})  # what a missing label turns into
MISSING = frozenset({"", "NA", ".", "NaN", "nan"})  # how an empty cell of a numeric column may be written

LONGEST_EVENT = 40  # characters: it stands on axes and in heads of tables

SIZE = (  # rule and mend of a number of patients
    "it must be a whole number of at least 1",
    "write 1204 and not 1.204 or 1,204; round an effective sample size; leave it out when it is not known",
)


def checked_event(event: object) -> str | None:
    """Return the name of what was counted, once it can stand on an axis.

    Raises
    ------
    OptionError
        For what is no text, an empty one, one of several lines, and one too long for an axis.
    """
    if event is None:
        return None
    if not isinstance(event, str) or not event.strip():
        raise OptionError(
            f"event is {event!r}; name what was counted in one or two words, as in 'alive' or 'response'"
        )
    name = event.strip()
    if len(name.splitlines()) > 1 or len(name) > LONGEST_EVENT:
        raise OptionError(
            f"event is {event!r}; it stands on axes and in tables: write at most {LONGEST_EVENT} characters "
            "on one line, as in 'alive' or 'response'"
        )
    return name


def source_of(frame: pd.DataFrame) -> str | None:
    """Name of the file a frame was read from, if a reader recorded one."""
    name = frame.attrs.get(SOURCE)
    return str(name) if name is not None else None


def place(source: str | None, row: Hashable, study: object | None) -> str:
    """Where a value stands: ``bcg.csv, row 3 (Rosenthal 1960)``; rows count from 1 below the header."""
    number = row + 1 if isinstance(row, int | np.integer) else row
    where = f"row {number}" if source is None else f"{source}, row {number}"
    return where if study is None else f"{where} ({study})"


def shown(value: object) -> str:
    """A value as the user typed it, as far as that can be known."""
    if value is None:
        return "empty"
    if isinstance(value, float | np.floating):
        return f"{float(value):g}"
    return repr(str(value)) if isinstance(value, str) else str(value)


def row_error(
    source: str | None, row: Hashable, study: object | None, what: str, value: object, rule: str, mend: str
) -> DataError:
    """Error for one value of one row."""
    return DataError(f"{place(source, row, study)}: {what} is {shown(value)}; {rule}; {mend}")


def number_vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """One-dimensional read-only float64 copy of an argument called `name`."""
    try:
        array = np.array(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers, one a study: {error}") from error
    array.setflags(write=False)
    return array


def no_size(n: NDArray[np.float64]) -> NDArray[np.bool_]:
    """True where a number of patients is given and none, shape of `n`."""
    return np.asarray(~np.isnan(n) & ~((n >= 1) & (n < np.inf) & (n == np.round(n))), dtype=np.bool_)


def require_studies(k: int, source: str | None) -> None:
    """Raise when there is nothing to analyse."""
    if k == 0:
        raise DataError(f"{source or 'the input'} holds no study; at least one is needed")


def require_equal_lengths(lengths: Mapping[str, int]) -> None:
    """Raise unless every argument has one value a study."""
    if len(set(lengths.values())) > 1:
        parts = ", ".join(f"{name} {size}" for name, size in lengths.items())
        raise DataError(f"lengths differ: {parts}; give one value a study to each")


def numeric_column(
    frame: pd.DataFrame, column: str, role: str, studies: Sequence[object] | None = None
) -> NDArray[np.float64]:
    """Column as float64, shape (k,); text that is no number is an error that names its row.

    Empty cells, and text cells that hold one of `MISSING`, come back as NaN: the caller decides whether
    a missing value is allowed.
    """
    values = frame[column]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        values = values.mask(values.map(lambda v: isinstance(v, str) and v.strip() in MISSING).astype(bool))
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = np.flatnonzero((numbers.isna() & values.notna()).to_numpy())
    if wrong.size:
        i = int(wrong[0])
        raise row_error(
            source_of(frame),
            frame.index[i],
            None if studies is None else studies[i],
            f"{column} ({role})",
            values.iloc[i],
            "it must be a number",
            "write digits only, with a decimal point and a plain minus sign",
        )
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def require_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise when a named column is not in the frame, with the nearest name and all there are, or is twice."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        where = source_of(frame) or "the table"
        have = [str(c) for c in frame.columns]
        close = difflib.get_close_matches(str(missing[0]), have, n=1)
        mend = f"did you mean {close[0]!r}?" if close else "correct the name"
        raise DataError(f"{where} has no column {missing[0]!r}; its columns are: {', '.join(have)}; {mend}")
    for column in columns:
        if int((frame.columns == column).sum()) > 1:
            where = source_of(frame) or "the table"
            raise DataError(f"{where} has two columns called {column!r}; rename one")


def study_labels(frame: pd.DataFrame, study: str | Sequence[str] | None) -> NDArray[np.str_]:
    """Labels of the studies, shape (k,), from one column or several joined by a space; unique or an error.

    Without `study`, the rows are called ``study 1``, ``study 2`` and so on.
    """
    labels = row_labels(frame, study)
    check_unique(labels.tolist(), source_of(frame), list(frame.index))
    return labels


def row_labels(
    frame: pd.DataFrame, study: str | Sequence[str] | None, *, of: str = "study"
) -> NDArray[np.str_]:
    """Labels of the rows as in `study_labels`, whether or not one is there twice; `of` is what they name."""
    if study is None:
        return numbered(len(frame))
    columns = [study] if isinstance(study, str) else list(study)
    require_columns(frame, columns)
    for column in columns:
        empty = np.flatnonzero([_label(v) == "" for v in frame[column]])
        if empty.size:
            raise row_error(
                source_of(frame),
                frame.index[int(empty[0])],
                None,
                column,
                None,
                f"every {of} needs a label",
                "fill in the name",
            )
    text = [frame[c].map(_label) for c in columns]
    return np.array([" ".join(parts) for parts in zip(*text, strict=True)], dtype=np.str_)


def numbered(k: int) -> NDArray[np.str_]:
    """Labels of studies that were given none."""
    return np.array([f"study {i + 1}" for i in range(k)], dtype=np.str_)


def given_labels(
    labels: Sequence[object], source: str | None, rows: Sequence[Hashable], *, of: str = "study"
) -> NDArray[np.str_]:
    """Labels given by hand, shape (k,), without the blanks around them; a missing one is an error."""
    text = [str(label).strip() for label in labels]
    for label, row in zip(text, rows, strict=True):
        if label in NO_LABEL:
            raise row_error(source, row, None, "the label", label, f"every {of} needs one", f"name the {of}")
    return np.array(text, dtype=np.str_)


def _label(value: object) -> str:
    """Text of one label, "" where there is none; a year that pandas holds as 1994.0 is 1994."""
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def check_unique(
    labels: Sequence[str],
    source: str | None,
    rows: Sequence[Hashable],
    *,
    what: str = "the study label",
    mend: str = "add the year or the arm to one of them",
) -> None:
    """Raise on the first label that appears twice, naming both rows."""
    seen: dict[str, Hashable] = {}
    for label, row in zip(labels, rows, strict=True):
        if label in seen:
            first = place(None, seen[label], None)
            raise DataError(
                f"{place(source, row, label)}: {what} {label!r} already stands in {first}; "
                f"labels must be unique; {mend}"
            )
        seen[label] = row
