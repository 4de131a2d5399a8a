"""How is a figure over months put together? Heading, probabilities, graph, months, legend, caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesma.measures.base import Measure
from bayesma.plots import caption, scale, style
from bayesma.plots.legend import Key, legend_height, write_legend
from bayesma.plots.text import line_height, text_width, wrap, write
from bayesma.plots.trajectory_course import Course
from bayesma.plots.trajectory_draw import MID_LINE, NEW_LINE, draw_course
from bayesma.plots.trajectory_names import names_of, names_width, write_names
from bayesma.plots.trajectory_table import (
    BLOCK,
    SIZE,
    UNDER,
    Columns,
    foot_height,
    lay_out,
    strip_height,
    write_months,
    write_strip,
)
from bayesma.posterior.provenance import Provenance

GRAPH = 3.3  # inches: height of the graph


@dataclass(frozen=True, slots=True)
class Words:
    """Everything written around the graph."""

    title: str | None
    ylabel: str
    sides: tuple[str, str] | None
    average: str
    new: str
    caption: str


def draw_page(
    course: Course,
    span: tuple[float, float],
    words: Words,
    origin: Provenance,
    mid: float | None,
) -> Figure:
    """The whole figure, from top to bottom."""
    places, labels = scale.ticks(span, GRAPH, SIZE, origin.measure.scale)
    names = names_of(course, GRAPH)
    columns = lay_out(course, labels or [""], names_width(names))
    width, room = columns.width, columns.width - 2 * style.MARGIN
    keys = _keys(words, origin.measure, mid)
    below = wrap(words.caption, room, style.CAPTION)
    ylabel = _ylabel(words, room)
    y = style.MARGIN + caption.heading_height(words.title, origin.converged, width)
    strip = y
    y += strip_height(course, room)
    over = y
    y += line_height(SIZE) * len(ylabel) + 0.06
    top, axis = y, y + GRAPH
    legend = axis + UNDER + foot_height(course) + BLOCK
    foot = legend + legend_height(keys, width, style.CAPTION) + BLOCK
    height = foot + line_height(style.CAPTION) * len(below) + style.MARGIN
    figure = style.picture(width, height)
    sheet = style.sheet(figure, width, height)
    caption.write_heading(sheet, style.MARGIN, words.title, origin.converged, width)
    write_strip(sheet, course, columns, strip)
    write(sheet, style.MARGIN, over, ylabel, size=SIZE, top=True)
    graph = style.graph(figure, *columns.graph, top, axis)
    _dress(graph, course, columns, span, (places, labels))
    draw_course(graph, course, origin.measure.null, mid)
    write_names(sheet, graph, course, names, columns, span, (top, axis))
    write_months(sheet, course, columns, axis)
    write_legend(sheet, keys, legend, width, style.CAPTION)
    write(sheet, style.MARGIN, foot, below, size=style.CAPTION, color=style.MUTED, top=True)
    return figure


def _ylabel(words: Words, room: float) -> list[str]:
    """What the vertical axis shows, and whom its two directions favour."""
    if words.sides is None:
        return wrap(words.ylabel, room, SIZE)
    low, high = words.sides
    directions = f"▼ {low}   ▲ {high}"
    whole = f"{words.ylabel}   {directions}"
    if text_width(whole, SIZE) <= room:
        return [whole]
    return [*wrap(words.ylabel, room, SIZE), *wrap(directions, room, SIZE)]


def _dress(
    graph: Axes,
    course: Course,
    columns: Columns,
    span: tuple[float, float],
    ticks: tuple[Sequence[float], Sequence[str]],
) -> None:
    """Limits, the effect axis on the left, no ticks below: months are written by `_write_months`."""
    graph.set_xlim(*columns.months)
    graph.set_xticks([])
    graph.set_ylim(*span)
    graph.set_yticks(*ticks, parse_math=False, fontfamily=list(style.FONT), fontsize=SIZE)
    graph.tick_params(axis="y", colors=style.INK, length=3.5, width=0.8, pad=2.5)
    graph.spines["left"].set_visible(True)
    graph.spines["left"].set_color(style.INK)
    graph.spines["left"].set_linewidth(0.8)


def _keys(words: Words, measure: Measure, mid: float | None) -> list[Key]:
    """Studies, both courses, and reference lines as far as they are there."""
    keys = [
        Key("study", style.OBSERVED, "s"),
        Key(f"average study, {words.average}", style.POSTERIOR, fill=style.POSTERIOR_FILL),
        Key(f"new study, {words.new}", style.NEW, fill=style.NEW_FILL, line=NEW_LINE),
    ]
    if measure.null is not None:
        keys.append(Key(f"no {measure.noun}", style.INK))
    if mid is not None:
        keys.append(Key("minimal important difference", style.INK, line=MID_LINE))
    return keys
