"""How is a figure over months of follow-up laid out? Heading, answers, graph, numbers, legend, caption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import caption, style
from bayesma.plots.legend import Key, legend_height, write_legend
from bayesma.plots.text import line_height, text_width, wrap, write
from bayesma.posterior.numbers import is_number
from bayesma.words.numbers import tick

type Array = NDArray[np.float64]

WIDTH = 7.2  # inches: of a figure nobody gave a width
NARROWEST, WIDEST = 4.0, 20.0
GRAPH = 3.2  # inches: height of the graph
SIZE, SMALL = 9.0, 8.0
BLOCK, GAP, UNDER = 0.1, 0.12, 0.07
LABELS, LINES = (
    0.3,
    2,
)  # of the width, and in lines: longer labels stand above their numbers, not left of them
STEPS = (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0, 120.0, 240.0, 600.0)
MOST_TICKS = 13


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers under the graph.

    Attributes
    ----------
    label
        Words on the left.
    text
        Month to what is printed under it; empty where there is nothing.
    color
        Of words and numbers.
    """

    label: str
    text: Callable[[float], str]
    color: str = style.MUTED


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of numbers under one heading."""

    heading: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything but the drawing inside the graph.

    Attributes
    ----------
    title
        Words at the top.
    answers
        Sentences under it.
    ylabel
        Words over the vertical axis.
    months
        First and last month that is shown.
    span, yticks
        Ends of the vertical axis, places of its ticks and their labels.
    blocks
        Numbers under the axis of months.
    keys
        What the symbols mean.
    caption
        Words at the bottom.
    width
        Of the figure in inches.
    beyond
        Inches right of the last month that belong to the graph.
    """

    title: str | None
    answers: Sequence[str]
    ylabel: str
    months: tuple[float, float]
    span: tuple[float, float]
    yticks: tuple[Sequence[float], Sequence[str]]
    blocks: Sequence[Block]
    keys: Sequence[Key]
    caption: str
    width: float = WIDTH
    beyond: float = 0.1


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the graph lies and which months have a column: inches from the left."""

    left: float
    last: float
    right: float
    labels: float
    ticks: Sequence[float]
    months: tuple[float, float]

    def x(self, month: float) -> float:
        """Inches from the left of a month."""
        share = (month - self.months[0]) / (self.months[1] - self.months[0])
        return self.left + share * (self.last - self.left)

    @property
    def end(self) -> float:
        """Month at the right end of the graph."""
        scale = (self.months[1] - self.months[0]) / (self.last - self.left)
        return self.months[0] + (self.right - self.left) * scale


def check_width(width: float) -> None:
    """Raise unless a figure can be so many inches wide."""
    if not (is_number(width) and NARROWEST <= width <= WIDEST):
        raise OptionError(
            f"width is {width!r}; give the width of the figure in inches, {NARROWEST:g} to {WIDEST:g}"
        )


def draw_page(page: Page, converged: bool, draw: Callable[[Axes], None]) -> Figure:
    """The whole figure from top to bottom.

    Parameters
    ----------
    page
        What is written.
    converged
        Whether all fits behind it did: else a banner says so.
    draw
        Draws into the graph, whose limits are set.
    """
    width, room = page.width, page.width - 2 * style.MARGIN
    place = _lay_out(page)
    answers = [line for text in page.answers for line in wrap(text, room, SIZE)]
    ylabel, below = wrap(page.ylabel, room, SIZE), wrap(page.caption, room, style.CAPTION)
    y = style.MARGIN + caption.heading_height(page.title, converged, width)
    said = y
    y += line_height(SIZE) * len(answers) + (BLOCK if answers else 0.0)
    over = y
    y += line_height(SIZE) * len(ylabel) + 0.06
    top, axis = y, y + GRAPH
    numbers = axis + UNDER
    legend = numbers + line_height(SMALL) + _blocks_height(page, place) + BLOCK
    foot = legend + legend_height(page.keys, width, style.CAPTION) + BLOCK
    height = foot + line_height(style.CAPTION) * len(below) + style.MARGIN
    figure = style.picture(width, height)
    sheet = style.sheet(figure, width, height)
    caption.write_heading(sheet, style.MARGIN, page.title, converged, width)
    write(sheet, style.MARGIN, said, answers, size=SIZE, color=style.POSTERIOR, top=True)
    write(sheet, style.MARGIN, over, ylabel, size=SIZE, top=True)
    graph = style.graph(figure, place.left, place.right, top, axis)
    _dress(graph, page, place)
    draw(graph)
    _write_row(sheet, place, numbers, Row("months", tick, style.INK))
    _write_blocks(sheet, page, place, numbers + line_height(SMALL))
    write_legend(sheet, page.keys, legend, width, style.CAPTION)
    write(sheet, style.MARGIN, foot, below, size=style.CAPTION, color=style.MUTED, top=True)
    return figure


def _lay_out(page: Page) -> _Place:
    """Labels left, as wide as they need and may be; ticks as many as fit."""
    rows = [Row("months", tick), *(row for block in page.blocks for row in block.rows)]
    most = LABELS * page.width
    lines = [line for row in rows for line in _beside(row, most)]
    labels = max(text_width(line, SMALL) for line in lines)
    yticks = max((text_width(text, SIZE) for text in page.yticks[1]), default=0.0) + 0.12
    for step in STEPS:
        ticks = _multiples(page.months, step)
        columns = [[row.text(month) for row in rows] for month in ticks]
        sizes = [max(text_width(text, SMALL) for text in column) for column in columns]
        left = style.MARGIN + max(labels + GAP + 0.5 * max(sizes, default=0.0), yticks)
        right = page.width - style.MARGIN
        last = right - max(page.beyond, 0.5 * max(sizes, default=0.0))
        place = _Place(left, last, right, most, ticks, page.months)
        room = (last - left) * step / (page.months[1] - page.months[0])
        if len(ticks) <= MOST_TICKS and room >= max(sizes, default=0.0) + GAP:
            break
    return place


def _beside(row: Row, most: float) -> list[str]:
    """The lines of a label left of its numbers; none where it stands above them."""
    lines = wrap(row.label, most, SMALL)
    return lines if len(lines) <= LINES else []


def _multiples(months: tuple[float, float], step: float) -> list[float]:
    """Those of a step between two months."""
    first, last = np.ceil(months[0] / step - 1e-9), np.floor(months[1] / step + 1e-9)
    return [float(step * number) + 0.0 for number in np.arange(first, last + 1)]


def _dress(graph: Axes, page: Page, place: _Place) -> None:
    """Limits and ticks; the labels of months are written on the sheet, with the numbers below them."""
    graph.set_xlim(page.months[0], place.end)
    graph.set_xticks(list(place.ticks), [""] * len(place.ticks))
    graph.tick_params(axis="x", colors=style.INK, length=3.5, width=0.8)
    graph.set_ylim(*page.span)
    graph.set_yticks(*page.yticks, parse_math=False, fontfamily=list(style.FONT), fontsize=SIZE)
    graph.set_yticks([], minor=True)
    graph.tick_params(axis="y", colors=style.INK, length=3.5, width=0.8, pad=2.5)
    graph.spines["left"].set_visible(True)
    graph.spines["left"].set_color(style.INK)
    graph.spines["left"].set_linewidth(0.8)


def _blocks_height(page: Page, place: _Place) -> float:
    """Inches of all numbers under the months."""
    return sum((_block_height(block, page.width, place) for block in page.blocks), 0.0)


def _block_height(block: Block, width: float, place: _Place) -> float:
    """Inches of a heading and its rows."""
    heading = len(wrap(block.heading, width - 2 * style.MARGIN, SMALL, bold=True))
    lines = heading + sum(_row_lines(row, place) for row in block.rows)
    return 0.6 * BLOCK + line_height(SMALL) * lines


def _row_lines(row: Row, place: _Place) -> int:
    """Lines of a label and its numbers."""
    return len(_beside(row, place.labels)) or len(_above(row, place)) + 1


def _above(row: Row, place: _Place) -> list[str]:
    """The lines of a label that stands above its numbers."""
    return wrap(row.label, place.right - style.MARGIN, SMALL)


def _write_blocks(sheet: Axes, page: Page, place: _Place, y: float) -> None:
    """Headings and rows from `y` downwards."""
    for block in page.blocks:
        end = y + _block_height(block, page.width, place)
        y += 0.6 * BLOCK
        heading = wrap(block.heading, page.width - 2 * style.MARGIN, SMALL, bold=True)
        write(sheet, style.MARGIN, y, heading, size=SMALL, bold=True, color=style.MUTED, top=True)
        y += line_height(SMALL) * len(heading)
        for row in block.rows:
            y = _write_row(sheet, place, y, row)
        y = end


def _write_row(sheet: Axes, place: _Place, y: float, row: Row) -> float:
    """A label and its numbers hanging from `y`; where the next row begins."""
    beside = _beside(row, place.labels)
    lines = beside or _above(row, place)
    write(sheet, style.MARGIN, y, lines, size=SMALL, color=row.color, top=True)
    end = y + line_height(SMALL) * _row_lines(row, place)
    level = y if beside else end - line_height(SMALL)
    for month in place.ticks:
        text = row.text(month)
        write(sheet, place.x(month), level, text, size=SMALL, color=row.color, align="center", top=True)
    return end
