"""How are the studies of a trajectory named? Beside their last visits, while they are few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from bayesma.plots import style
from bayesma.plots.spreading import spread
from bayesma.plots.text import line_height, text_width, wrap, write
from bayesma.plots.trajectory_course import Course
from bayesma.plots.trajectory_draw import FEW, places_of_labels
from bayesma.plots.trajectory_table import Columns

NAME = 1.6  # inches for a name
LEADER = 0.16  # from the graph to the names
DOTS = (0, (1, 2))


def names_of(course: Course, room: float) -> list[list[str]]:
    """Names of the studies, wrapped; none where there are many, or `room` inches of height are too few."""
    if len(course.studies) > FEW:
        return []
    names = [wrap(label, NAME, style.CAPTION) for label, _ in course.studies]
    return names if sum(map(_height, names)) <= room else []


def names_width(names: Sequence[Sequence[str]]) -> float:
    """Inches they take right of the graph."""
    widths = [text_width(line, style.CAPTION) for lines in names for line in lines]
    return LEADER + max(widths) if widths else 0.0


def write_names(
    sheet: Axes,
    graph: Axes,
    course: Course,
    names: Sequence[Sequence[str]],
    columns: Columns,
    span: tuple[float, float],
    ends: tuple[float, float],
) -> None:
    """Each name beside the last visit of its study, led to it; the graph reaches from `ends` 0 to 1."""
    if not names:
        return
    top, axis = ends
    x, value = places_of_labels(course, columns.months)
    y = axis - (np.clip(value, *span) - span[0]) / (span[1] - span[0]) * (axis - top)
    order = np.argsort(y, kind="stable")
    centres = spread(y[order], [_height(names[i]) for i in order], (top, axis))
    right = columns.graph[1]
    for i, centre in zip(order, centres, strict=True):
        graph.plot(  # over the bands, which would hide what is drawn on the sheet
            [columns.place(float(x[i])) + 0.05, right, right + 0.6 * LEADER],
            [y[i], y[i] if x[i] >= course.visit[-1] else centre, centre],
            color=style.MUTED,
            linewidth=0.6,
            linestyle=DOTS,
            transform=sheet.transData,
            clip_on=False,
            zorder=2.2,
            label="_name leader",
        )
        write(sheet, right + LEADER, float(centre), names[i], size=style.CAPTION, color=style.MUTED)


def _height(lines: Sequence[str]) -> float:
    """Inches a name takes with its gap."""
    return line_height(style.CAPTION) * len(lines) + 0.02
