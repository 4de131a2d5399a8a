"""Where do the numbers of the visits stand over and under the graph, and what do they say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.plots import style
from bayesma.plots.spreading import spread, stride
from bayesma.plots.text import line_height, text_width, wrap, write
from bayesma.plots.trajectory_course import Course, month_label

type Array = NDArray[np.float64]

SIZE, SMALL = 9.0, 8.0
NARROW, WIDE = 5.2, 7.5  # inches: width of the graph, and what it grows to when there are many visits
EDGE = 0.3  # between its sides and the first and last visit
TICK, UNDER = 0.05, 0.11  # from the axis to the end of a tick, and to the months
BLOCK = 0.1
PARTING = 0.04  # between blocks of probabilities
GAP = 0.12  # between numbers of neighbouring visits


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Where the numbers of the visits stand, in inches from the left.

    Attributes
    ----------
    graph
        Left and right end of the graph.
    width
        Of the figure.
    kept
        The visits whose numbers are written.
    centres
        Of their columns.
    months
        Months at the ends of the graph.
    """

    graph: tuple[float, float]
    width: float
    kept: slice
    centres: Array
    months: tuple[float, float]

    def place(self, month: float) -> float:
        """Inches from the left of a month."""
        share = (month - self.months[0]) / (self.months[1] - self.months[0])
        return self.graph[0] + share * (self.graph[1] - self.graph[0])


def lay_out(course: Course, yticks: Sequence[str], beside: float) -> Columns:
    """Columns as near to their months as their numbers allow, in a figure as wide as they need.

    Parameters
    ----------
    course
        What is shown.
    yticks
        Labels left of the graph.
    beside
        Inches taken right of the graph.
    """
    sizes = _sizes(course)
    labels = ["months", *course.counts, *(text for block in course.blocks for text, _ in block.rows)]
    label = max(text_width(text, SMALL) for text in labels) + 0.5 * GAP
    left = style.MARGIN + max(label, max(text_width(t, SIZE) for t in yticks) + 0.15)
    inside = min(max(NARROW, float(sizes.sum())), WIDE)
    kept = slice(None, None, written_every(course))
    right = left + inside
    months = _ends(course.visit, inside)
    by_itself = left + (course.visit - months[0]) / (months[1] - months[0]) * inside
    centres = spread(by_itself[kept], sizes[kept], (left, right))
    return Columns((left, right), right + beside + style.MARGIN, kept, centres, months)


def written_every(course: Course) -> int:
    """1 where the numbers of all visits are written, 2 for those of every second visit, and so on."""
    return stride(_sizes(course), WIDE)


def _sizes(course: Course) -> Array:
    """Inches the column of each visit takes, gap included."""
    texts = [[month_label(m) for m in course.visit], *course.counts.values()]
    texts += [list(row) for block in course.blocks for _, row in block.rows]
    widths = [max(text_width(text, SMALL) for text in column) for column in zip(*texts, strict=True)]
    return np.array(widths) + GAP


def strip_height(course: Course, room: float) -> float:
    """Inches the probabilities take, with the months above them."""
    if not course.blocks:
        return 0.0
    lines = sum(len(wrap(b.heading, room, SMALL, bold=True)) + len(b.rows) for b in course.blocks)
    return line_height(SMALL) * (lines + 1) + PARTING * (len(course.blocks) - 1) + 2 * BLOCK


def write_strip(sheet: Axes, course: Course, columns: Columns, y: float) -> None:
    """Each block of probabilities with its heading from `y` downwards, then the months."""
    if not course.blocks:
        return
    step = line_height(SMALL)
    for block in course.blocks:
        heading = wrap(block.heading, columns.width - 2 * style.MARGIN, SMALL, bold=True)
        write(sheet, style.MARGIN, y, heading, size=SMALL, bold=True, top=True)
        y += step * len(heading)
        for (label, texts), color in zip(block.rows, (style.POSTERIOR, style.NEW), strict=True):
            _row(sheet, columns, y, label, texts, color)
            y += step
        y += PARTING
    y -= PARTING
    months = [month_label(month) for month in course.visit]
    sheet.plot(
        [style.MARGIN, columns.graph[1]], [y + 0.03] * 2, color=style.RULE, linewidth=0.6, label="_rule"
    )
    _row(sheet, columns, y + 0.05, "months", months, style.MUTED)


def write_months(sheet: Axes, course: Course, columns: Columns, axis: float) -> None:
    """A tick at each visit, led to its month where that had to move, and the studies and patients it has."""
    y = axis + UNDER
    for month in course.visit:
        x = columns.place(float(month))
        sheet.plot([x, x], [axis, axis + TICK], color=style.INK, linewidth=0.8, label="_tick")
    for month, to in zip(course.visit[columns.kept], columns.centres, strict=True):
        x = columns.place(float(month))
        sheet.plot([x, to], [axis + TICK, y + 0.02], color=style.INK, linewidth=0.6, label="_leader")
    _row(sheet, columns, y, "months", [month_label(month) for month in course.visit], style.INK)
    for line, (label, texts) in enumerate(course.counts.items(), 1):
        _row(sheet, columns, y + line * line_height(SMALL), label, texts, style.MUTED)


def foot_height(course: Course) -> float:
    """Inches of the lines under the axis: months, and the numbers at each."""
    return line_height(SMALL) * (1 + len(course.counts))


def _row(sheet: Axes, columns: Columns, y: float, label: str, texts: Sequence[str], color: str) -> None:
    """A label on the left and a text in every column, hanging from `y`."""
    write(sheet, style.MARGIN, y, label, size=SMALL, color=color, top=True)
    for x, text in zip(columns.centres, texts[columns.kept], strict=True):
        write(sheet, float(x), y, text, size=SMALL, color=color, align="center", top=True)


def _ends(visit: Array, inside: float) -> tuple[float, float]:
    """Months at both ends of a graph so many inches wide."""
    if visit.size == 1:
        return float(visit[0]) - 1.0, float(visit[0]) + 1.0
    edge = EDGE * float(visit[-1] - visit[0]) / (inside - 2 * EDGE)
    return float(visit[0]) - edge, float(visit[-1]) + edge
