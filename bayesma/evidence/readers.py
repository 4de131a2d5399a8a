"""How study tables come in from files: one table of text cells, then columns of numbers or text."""

from __future__ import annotations

import csv
import importlib
import io
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError
from bayesma.evidence.validation import MISSING, SOURCE
from bayesma.resources import DATA

type Rows = list[list[str]]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d{1,15}")  # more digits than a float64 holds exactly stay float
_DELIMITERS = ",;\t"


def read_studies(path: str | PathLike[str]) -> pd.DataFrame:
    """Read a table of studies: one row a study (or an arm, or a visit), the first line naming the columns.

    Parameters
    ----------
    path
        A CSV file (comma, semicolon or tab, found from the header; UTF-8 with or without a byte order
        mark; decimal point), or an ``.xlsx`` workbook, of which the first sheet is read (needs the
        package openpyxl).

    Returns
    -------
    pandas.DataFrame
        Shape (rows, columns). A column is numeric (float64, or int64 when every cell is a whole number)
        when it holds numbers and beside them only ``""``, ``NA``, ``.`` or ``NaN``, which are the missing
        values of a numeric column. In any other column cells stay text exactly as written, less the blanks
        around it, so that a study called ``NA`` or ``None`` keeps its name; only an empty cell is missing
        there. Nothing is evaluated: ``=cmd()`` and ``<b>`` are text. Lines without any content, and
        columns without name or content, are passed over. The file name stands in ``frame.attrs["source"]``.

    Raises
    ------
    DataError
        When the file is missing, empty, a header only, or no table: a folder, a binary file, text that is
        not UTF-8, one column only, a row longer or shorter than the header, a column name missing or
        given twice. The message names the file, the row where there is one, and the mend.

    Examples
    --------
    >>> from bayesma.evidence.readers import read_studies
    >>> from bayesma.resources import DATA
    >>> read_studies(DATA.path("bcg")).shape
    (13, 9)
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise DataError(f"there is no file {str(path)!r}; check the name and the folder")
    if not file.is_file():
        raise DataError(f"{str(path)!r} is a folder, not a table; name a CSV or xlsx file in it")
    rows = _sheet(file) if file.suffix.lower() == ".xlsx" else _text_table(file)
    frame = _frame(rows, file.name)
    frame.attrs[SOURCE] = file.name
    return frame


def load_data(name: str) -> pd.DataFrame:
    """Load a data set that ships with the package.

    Parameters
    ----------
    name
        Name without ``.csv``; `list_data` gives them all. The file of the same name with ``.md`` in the
        same folder says where each number comes from and what each column means.

    Returns
    -------
    pandas.DataFrame
        As from `read_studies`.

    Raises
    ------
    DataError
        For an unknown name; the message lists the known ones.

    Examples
    --------
    >>> from bayesma.evidence.readers import load_data
    >>> load_data("bcg").columns[:4].tolist()
    ['trial', 'author', 'year', 'tpos']
    """
    return read_studies(DATA.path(name))


def list_data() -> pd.DataFrame:
    """List the data sets that ship with the package.

    Returns
    -------
    pandas.DataFrame
        Index ``name``; columns ``title`` (first line of its description) and ``path`` (the CSV file).

    Examples
    --------
    >>> from bayesma.evidence.readers import list_data
    >>> "bcg" in list_data().index
    True
    """
    names = DATA.names()
    titles = [DATA.path(n, ".md").read_text("utf-8").splitlines()[0].lstrip("# ") for n in names]
    paths = [str(DATA.path(n)) for n in names]
    return pd.DataFrame({"title": titles, "path": paths}, index=pd.Index(names, name="name"))


def _text_table(file: Path) -> Rows:
    """Cells of a delimited text file."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file.name} cannot be read ({error.strerror}); check who may open it") from error
    if b"\0" in raw or raw.startswith(b"PK\x03\x04"):
        raise DataError(f"{file.name} is not a text table; save it as CSV (UTF-8)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file.name} is not UTF-8 text (byte {error.start + 1}); save it as CSV (UTF-8)"
        ) from error
    header = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=lambda d: len(next(csv.reader([header], delimiter=d), [])))
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(
            f"{file.name} is not a table: {error}; check that every quotation mark is closed"
        ) from error


def _sheet(file: Path) -> Rows:
    """Cells of the first sheet of a workbook, as text."""
    try:
        openpyxl = importlib.import_module("openpyxl")
    except ImportError as error:
        raise DataError(
            f"{file.name} is an Excel workbook, and the package openpyxl that reads it is not installed; "
            "run 'pip install openpyxl', or save the sheet as CSV (UTF-8)"
        ) from error
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        raise DataError(f"{file.name} is not an Excel workbook ({error}); save the sheet again") from error
    try:
        return [[_cell_text(v) for v in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _cell_text(value: object) -> str:
    """Text of one workbook cell; Excel keeps whole numbers as floats."""
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _frame(rows: Rows, name: str) -> pd.DataFrame:
    """Table of text cells to a frame, with every complaint about its shape."""
    rows = [[cell.strip() for cell in row] for row in rows]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise DataError(f"{name} is empty; give a header line and one row a study")
    header, body = rows[0], rows[1:]
    if len(header) < 2:
        raise DataError(
            f"{name} has one column only and is not a table of studies; "
            "separate its columns by comma, semicolon or tab"
        )
    if not body:
        raise DataError(f"{name} holds a header and no rows; add one row a study")
    for i, row in enumerate(body):
        if len(row) != len(header):
            raise DataError(
                f"{name}, row {i + 1}: it has {len(row)} cells where the header has {len(header)}; "
                "check for a separator too many or too few, or quote the cell that holds one"
            )
    columns = list(zip(*body, strict=True))
    kept = [j for j, title in enumerate(header) if title or any(columns[j])]
    _check_header([header[j] for j in kept], kept, name)
    return pd.DataFrame({header[j]: _column(columns[j]) for j in kept})


def _check_header(titles: Sequence[str], positions: Sequence[int], name: str) -> None:
    """Raise for a column without a name, or a name given twice."""
    for title, position in zip(titles, positions, strict=True):
        if not title:
            raise DataError(f"{name}: column {position + 1} has no name; write one in the header")
        if titles.count(title) > 1:
            raise DataError(f"{name}: the column name {title!r} stands twice in the header; rename one")


def _column(cells: Sequence[str]) -> NDArray[np.int64] | NDArray[np.float64] | pd.Series[str]:
    """Cells of one column as whole numbers, numbers or text, in this order of preference."""
    if all(_WHOLE.fullmatch(c) for c in cells):
        return np.array([int(c) for c in cells], dtype=np.int64)
    numbers = [c for c in cells if c not in MISSING]
    if not any(cells) or (numbers and all(_NUMBER.fullmatch(c) for c in numbers)):
        return np.array([np.nan if c in MISSING else float(c) for c in cells], dtype=np.float64)
    return pd.Series([c if c else None for c in cells], dtype="str")
