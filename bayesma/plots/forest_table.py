"""Where does everything stand in a forest plot? Columns measured from their text, rows from their lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bayesma.measures.base import Measure
from bayesma.plots.forest_rows import Row
from bayesma.plots.style import MARGIN
from bayesma.plots.text import Align, line_height, plain, text_width, wrap
from bayesma.words.numbers import estimate_texts, percent

GAP = 0.16  # inches between columns
GRAPH_WIDTH = 3.4
GRAPH_GAP = 0.2
LABEL_ROOMS = (2.5, 3.5, 4.5)  # widest label: the first of these at which no label needs a third line
CELL_ROOM = 2.0
NUMBERS_ROOM = 6.0
REMARK_ROOM = 1.8  # where words stand in place of an estimate
SIZES = ((20, 9.0, 0.3), (60, 8.0, 0.25), (10**9, 7.0, 0.21))  # up to k studies: font size, row height
CURVE_ROWS = {"mean": 0.56, "new": 0.48}
NUMERIC = "0123456789.+-\u2212<>"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of text: its header, its cells as lines, and the place where it is aligned."""

    header: list[str]
    cells: list[list[str]]
    align: Align
    left: float
    width: float

    @property
    def anchor(self) -> float:
        """Where the text is aligned to, in inches."""
        return self.left if self.align == "left" else self.left + self.width


@dataclass(frozen=True, slots=True)
class Table:
    """Geometry in inches from the top left.

    Attributes
    ----------
    size
        Font size in points.
    columns
        All text columns, on both sides of the graph.
    graph
        Left and right end of the graph.
    width
        Of the figure.
    header
        Height of the header.
    heights
        Of the rows.
    """

    size: float
    columns: list[Column]
    graph: tuple[float, float]
    width: float
    header: float
    heights: list[float]


def lay_out(rows: Sequence[Row], names: Sequence[str], measure: Measure, ci_prob: float) -> Table:
    """Measure every text and give it its place."""
    k = sum(row.kind == "study" for row in rows)
    size, base = next((size, height) for most, size, height in SIZES if k <= most)
    left = _left_columns(rows, names, size)
    start = left[-1].left + left[-1].width + GRAPH_GAP
    graph = (start, start + GRAPH_WIDTH)
    right = _right_columns(rows, measure, ci_prob, graph[1] + GRAPH_GAP, size)
    columns = [*left, *right]
    step = line_height(size)
    heights = [
        max(CURVE_ROWS.get(row.kind, base), step * max(len(c.cells[number]) for c in columns) + 0.08)
        for number, row in enumerate(rows)
    ]
    header = step * max(len(c.header) for c in columns) + 0.1
    return Table(size, columns, graph, right[-1].left + right[-1].width + MARGIN, header, heights)


def _left_columns(rows: Sequence[Row], names: Sequence[str], size: float) -> list[Column]:
    """Labels, then the user's text columns."""
    bold = [row.kind == "mean" for row in rows]
    labels = [row.label for row in rows]
    room = next(
        (r for r in LABEL_ROOMS if all(len(wrap(label, r, size, bold=True)) < 3 for label in labels)),
        LABEL_ROOMS[-1],
    )
    columns = [_column("Study", labels, "left", MARGIN, room, size, bold)]
    for number, name in enumerate(names):
        texts = [row.cells[number] for row in rows]
        align: Align = "right" if all(text[0] in NUMERIC for text in texts if text) else "left"
        after = columns[-1].left + columns[-1].width + GAP
        columns.append(_column(name, texts, align, after, CELL_ROOM, size, bold))
    return columns


def _right_columns(
    rows: Sequence[Row], measure: Measure, ci_prob: float, start: float, size: float
) -> list[Column]:
    """Observed and posterior effects in numbers, and the weights."""
    level = percent(ci_prob)
    bold = [row.kind == "mean" for row in rows]
    observed = estimate_texts([row.observed for row in rows], measure)
    observed = [row.remark or text for row, text in zip(rows, observed, strict=True)]
    room = REMARK_ROOM if any(row.remark for row in rows) else NUMBERS_ROOM
    posterior = estimate_texts([row.posterior for row in rows], measure)
    weights = ["" if row.weight is None else f"{row.weight:.1f}%" for row in rows]
    columns: list[Column] = []
    for header, texts, most in (
        (f"Observed\n[{level} CI]", observed, room),
        (f"Posterior\n[{level} CrI]", posterior, NUMBERS_ROOM),
        ("Weight", weights, NUMBERS_ROOM),
    ):
        columns.append(_column(header, texts, "right", start, most, size, bold))
        start = columns[-1].left + columns[-1].width + GAP
    return columns


def _column(
    header: str,
    texts: Sequence[str],
    align: Align,
    left: float,
    room: float,
    size: float,
    bold: Sequence[bool],
) -> Column:
    """A column as wide as its widest line, at most `room`."""
    heads = [line for part in header.split("\n") for line in wrap(plain(part), room, size, bold=True)]
    cells = [wrap(text, room, size, bold=strong) for text, strong in zip(texts, bold, strict=True)]
    widths = [text_width(line, size, True) for line in heads]
    widths += [
        text_width(line, size, strong) for lines, strong in zip(cells, bold, strict=True) for line in lines
    ]
    return Column(heads, cells, align, left, max(widths))
