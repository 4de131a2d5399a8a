"""How is a forest plot put together? Heading, table, graph, axis, words of direction, legend, caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesma.plots import caption, direction, forest_draw, scale, style
from bayesma.plots.forest_rows import Row
from bayesma.plots.forest_table import Table
from bayesma.plots.legend import Key, legend_height, write_legend
from bayesma.plots.naming import noun
from bayesma.plots.text import line_height, wrap, write
from bayesma.posterior.provenance import Provenance

PARTING = 0.08  # inches between the studies and the pooled rows
TICKS = 0.26  # from the axis line to the words below the ticks
BLOCK = 0.1  # between blocks of words


@dataclass(frozen=True, slots=True)
class Words:
    """Everything written around the table."""

    title: str | None
    xlabel: str
    sides: tuple[str, str] | None
    caption: str


def draw_page(
    rows: Sequence[Row], table: Table, span: tuple[float, float], words: Words, origin: Provenance
) -> Figure:
    """The whole figure, from top to bottom."""
    heading = caption.heading_height(words.title, origin.converged, table.width)
    top = style.MARGIN + heading + table.header
    centres, axis = _places(rows, table, top + 0.03)
    foot = _Foot.measure(table, span, words, origin.measure.null, _keys(rows, noun(origin.measure)))
    height = axis + foot.height + style.MARGIN
    figure = style.picture(table.width, height)
    sheet = style.sheet(figure, table.width, height)
    caption.write_heading(sheet, style.MARGIN, words.title, origin.converged, table.width)
    _bands(sheet, rows, centres, table)
    _rules(sheet, rows, centres, table, top, axis)
    _write_table(sheet, rows, centres, table, top)
    graph = style.graph(figure, *table.graph, top, axis)
    scale.dress(graph, span, table.graph[1] - table.graph[0], origin.measure, table.size)
    _reference_lines(graph, rows, centres, origin.measure.null, axis)
    forest_draw.draw_rows(graph, rows, centres, table.heights)
    foot.write(sheet, axis)
    return figure


def _places(rows: Sequence[Row], table: Table, top: float) -> tuple[list[float], float]:
    """Centres of the rows, and the height of the axis line below them."""
    centres, y, previous = [], top, "study"
    for row, height in zip(rows, table.heights, strict=True):
        y += PARTING if previous == "study" != row.kind else 0.0
        centres.append(y + 0.5 * height)
        y, previous = y + height, row.kind
    return centres, y + 0.06


def _bands(sheet: Axes, rows: Sequence[Row], centres: Sequence[float], table: Table) -> None:
    """Shade every second study, so that the eye finds its way across."""
    for number, (row, y, height) in enumerate(zip(rows, centres, table.heights, strict=True)):
        if row.kind == "study" and number % 2:
            left, right = (0.5 * style.MARGIN / table.width, 1.0 - 0.5 * style.MARGIN / table.width)
            low, high = y - 0.5 * height, y + 0.5 * height
            sheet.axhspan(low, high, left, right, facecolor=style.BAND, edgecolor="none", zorder=0)


def _rules(
    sheet: Axes, rows: Sequence[Row], centres: Sequence[float], table: Table, top: float, axis: float
) -> None:
    """Thin lines below the header and below the studies."""
    last = max(i for i, row in enumerate(rows) if row.kind == "study")
    below = centres[last] + 0.5 * table.heights[last] + 0.5 * PARTING
    for y, color in ((top, style.INK), (below, style.RULE)):
        sheet.plot([style.MARGIN, table.width - style.MARGIN], [y, y], color=color, linewidth=0.8, zorder=1)


def _write_table(
    sheet: Axes, rows: Sequence[Row], centres: Sequence[float], table: Table, top: float
) -> None:
    """Headers and cells."""
    step = line_height(table.size)
    for column in table.columns:
        middle = top - 0.07 - 0.5 * step * len(column.header)
        write(sheet, column.anchor, middle, column.header, size=table.size, bold=True, align=column.align)
        for row, y, lines in zip(rows, centres, column.cells, strict=True):
            strong = row.kind == "mean"
            write(sheet, column.anchor, y, lines, size=table.size, bold=strong, align=column.align)


def _reference_lines(
    graph: Axes, rows: Sequence[Row], centres: Sequence[float], null: float | None, axis: float
) -> None:
    """The null, solid, and the mean effect, dashed, behind everything."""
    if null is not None:
        graph.axvline(null, color=style.INK, linewidth=0.9, zorder=1, label="_null")
    mean = next((row, y) for row, y in zip(rows, centres, strict=True) if row.kind == "mean")
    assert mean[0].posterior is not None
    x = mean[0].posterior.point
    graph.plot(
        [x, x],
        [graph.get_ylim()[1], mean[1]],
        color=style.POSTERIOR,
        linewidth=0.8,
        linestyle=(0, (3, 2.5)),
        zorder=1,
        label="_mean line",
    )


def _keys(rows: Sequence[Row], shown: str) -> list[Key]:
    """Only symbols that occur; a study shows an effect or a proportion."""
    studies = [row for row in rows if row.kind == "study"]
    keys = []
    if any(row.observed is not None for row in studies):
        keys.append(Key("observed (area: weight)", style.OBSERVED, "s"))
    if any(row.kind == "study" and row.posterior is not None for row in rows):
        keys.append(Key(f"posterior of the study's {shown}", style.POSTERIOR, "o"))
    mean = next(row for row in rows if row.kind == "mean")
    keys.append(Key(f"posterior: {_lower(mean.label)}", style.POSTERIOR, "o", style.POSTERIOR_FILL))
    if any(row.kind == "new" for row in rows):
        new = next(row for row in rows if row.kind == "new")
        keys.append(Key(f"posterior: {_lower(new.label)}", style.NEW, "D", style.NEW_FILL))
    if any(row.kind == "classical" and row.observed is not None for row in rows):
        keys.append(Key("classical estimate with CI", style.INK, "d", line="", open=True))
    if any(row.prediction is not None for row in rows):
        keys.append(Key("classical prediction interval", style.INK, line=(0, (1, 1.2))))
    return keys


def _lower(text: str) -> str:
    """First letter small, inside a sentence."""
    return text[:1].lower() + text[1:]


@dataclass(frozen=True, slots=True)
class _Foot:
    """What stands below the axis, measured before it is written."""

    table: Table
    null: float
    xlabel: list[str]
    sides: tuple[list[str], list[str]]
    keys: list[Key]
    caption: list[str]

    @classmethod
    def measure(
        cls, table: Table, span: tuple[float, float], words: Words, null: float | None, keys: list[Key]
    ) -> _Foot:
        """Wrap every text to the width of the figure."""
        left, right = table.graph
        middle = 0.5 * (span[0] + span[1]) if null is None else null
        at = left + (middle - span[0]) / (span[1] - span[0]) * (right - left)
        return cls(
            table,
            at,
            wrap(words.xlabel, right - left + 1.0, table.size),
            direction.side_lines(words.sides, at, table.width, table.size),
            keys,
            wrap(words.caption, table.width - 2 * style.MARGIN, style.CAPTION),
        )

    @property
    def height(self) -> float:
        """Inches below the axis line."""
        size = self.table.size
        above = TICKS + line_height(size) * len(self.xlabel) + direction.sides_height(self.sides, size)
        keys = legend_height(self.keys, self.table.width, style.CAPTION)
        return above + 2 * BLOCK + keys + line_height(style.CAPTION) * len(self.caption)

    def write(self, sheet: Axes, axis: float) -> None:
        """Words of direction, axis label, legend, caption, from the axis line downwards."""
        size, y = self.table.size, axis + TICKS
        direction.write_sides(sheet, self.sides, self.null, y, size)
        y += direction.sides_height(self.sides, size)
        write(sheet, float(np.mean(self.table.graph)), y, self.xlabel, size=size, align="center", top=True)
        y += line_height(size) * len(self.xlabel) + BLOCK
        write_legend(sheet, self.keys, y, self.table.width, style.CAPTION)
        y += legend_height(self.keys, self.table.width, style.CAPTION) + BLOCK
        write(sheet, style.MARGIN, y, self.caption, size=style.CAPTION, color=style.MUTED, top=True)
