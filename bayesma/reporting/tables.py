"""What a printed table is, before it is HTML or Markdown: columns, rows, a note; every cell is plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bayesma.words.numbers import probability_text

type Cell = str | Words | Chance


@dataclass(frozen=True, slots=True)
class Chance:
    """A probability: its text, and its value for the bar behind it.

    Attributes
    ----------
    value
        In [0, 1], or NaN.
    error
        Its Monte Carlo standard error, which decides how many digits are printed.
    """

    value: float
    error: float = 0.0

    @property
    def text(self) -> str:
        """As printed."""
        return probability_text(self.value, self.error)

    @property
    def width(self) -> str:
        """Length of the bar in per cent; empty when there is none."""
        return "" if self.value != self.value else f"{100.0 * self.value:.1f}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Words:
    """Words with a second, smaller line."""

    text: str
    detail: str

    def __str__(self) -> str:
        return f"{self.text} ({self.detail})" if self.detail else self.text


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes
    ----------
    label
        Header.
    detail
        A second, smaller line of the header.
    kind
        How cells are set: words to the left, code there in one line, numbers to the right.
    """

    label: str
    detail: str = ""
    kind: Literal["text", "code", "number"] = "number"


def words(label: str) -> Column:
    """A column that holds words."""
    return Column(label, kind="text")


@dataclass(frozen=True, slots=True)
class Row:
    """One line; the first cell names it.

    Attributes
    ----------
    cells
        One a column.
    kind
        CSS class: ``primary``, ``variant``, ``month``, ``alarm`` or nothing.
    short
        What names it where there is little room.
    """

    cells: tuple[Cell, ...]
    kind: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its note.

    Attributes
    ----------
    columns, rows
        The content.
    title
        What it shows.
    note
        What must be known to read it.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    note: str = ""


def table(
    title: str,
    columns: Sequence[Column | str],
    rows: Iterable[Sequence[Cell] | Row],
    note: str = "",
) -> Table:
    """Build a table from plain sequences; the first column, when given as text, holds words."""
    heads = tuple(
        one if isinstance(one, Column) else Column(one, kind="number" if i else "text")
        for i, one in enumerate(columns)
    )
    lines = tuple(one if isinstance(one, Row) else Row(tuple(one)) for one in rows)
    return Table(heads, lines, title, note)
