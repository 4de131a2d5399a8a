"""How are studies and courses drawn over months? Bars side by side at each visit, bands behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.plots import style
from bayesma.plots.trajectory_course import Course, Line

type Array = NDArray[np.float64]

NEW_LINE = (0, (4, 1.5))
MID_LINE = (0, (1, 1.5))
ASIDE = 0.28  # of the least distance between visits, how far studies are moved at most
STEP, FARTHEST = 0.02, 0.035  # of the axis: between two studies at a visit, and from the visit to the last
ALONE, ALONE_NEW = 0.14, 0.2  # of the axis, half the width of the bands where there is one visit only
HALO = 3.4  # points, white behind the line of the average study
HEAD = 3.5
FEW, MANY = 8, 40  # studies drawn boldest and faintest


def draw_course(axes: Axes, course: Course, null: float | None, mid: float | None) -> None:
    """Everything inside the graph, whose limits must be set."""
    _band(axes, course.new, "new")
    _band(axes, course.average, "average")
    if null is not None:
        axes.axhline(null, color=style.INK, linewidth=0.9, zorder=1.5, label="_null")
    if mid is not None:
        axes.axhline(mid, color=style.INK, linewidth=1.0, linestyle=MID_LINE, zorder=1.5, label="_mid")
    boldness = float(np.interp(len(course.studies), (FEW, MANY), (1.0, 0.5)))
    for (_, line), aside in zip(course.studies, shifts(course, axes.get_xlim()), strict=True):
        _study(axes, line, float(aside), boldness)
    month, point = _widened(axes, course.average.month, ALONE), _doubled(course.average.point)
    axes.plot(month, point, color="white", linewidth=HALO, alpha=0.8, zorder=4, label="_halo")
    axes.plot(month, point, color=style.POSTERIOR, linewidth=1.8, zorder=4.5, label="_average median")
    at = np.isin(course.average.month, course.visit)
    axes.plot(
        course.average.month[at],
        course.average.point[at],
        linestyle="none",
        marker="o",
        markersize=5.5,
        color=style.POSTERIOR,
        markeredgecolor="white",
        markeredgewidth=0.7,
        label="_average point",
        zorder=5,
        clip_on=False,
    )


def shifts(course: Course, months: tuple[float, float]) -> Array:
    """Months by which each study is moved aside, so that bars at one visit do not hide each other."""
    k, whole = len(course.studies), months[1] - months[0]
    slots = k + k % 2  # an even number: none lies behind the average in the middle
    reach = 0.5 * STEP * slots * whole
    if course.visit.size > 1:
        reach = min(reach, ASIDE * float(np.diff(course.visit).min()), FARTHEST * whole)
    else:
        reach = min(reach, 0.8 * ALONE * whole)
    return np.linspace(-reach, reach, slots)[:k]


def places_of_labels(course: Course, months: tuple[float, float]) -> tuple[Array, Array]:
    """Month and value at which each study ends, moved aside as it is drawn."""
    last = np.array([[line.month[-1], line.point[-1]] for _, line in course.studies])
    return last[:, 0] + shifts(course, months), last[:, 1]


def _study(axes: Axes, line: Line, aside: float, boldness: float) -> None:
    """A thin line through the estimates, each with its interval, arrowheads where the axis cuts it."""
    low, high = axes.get_ylim()
    x = line.month + aside
    axes.plot(x, line.point, color=style.OBSERVED, linewidth=0.6, alpha=boldness, label="_study", zorder=2)
    axes.vlines(
        x,
        np.clip(line.low, low, high),
        np.clip(line.high, low, high),
        colors=style.OBSERVED,
        linewidth=0.7,
        alpha=boldness,
        label="_study interval",
        zorder=2,
    )
    inside = (line.point >= low) & (line.point <= high)
    axes.plot(
        x[inside],
        line.point[inside],
        linestyle="none",
        marker="s",
        markersize=2.0 + 1.6 * boldness,
        color=style.OBSERVED,
        markeredgecolor="white",
        markeredgewidth=0.3,
        label="_study point",
        zorder=4.8 if boldness == 1.0 else 2.5,  # few may cover the average line, many may not
    )
    for end, marker, cut in ((low, "v", line.low < low), (high, "^", line.high > high)):
        axes.plot(
            x[cut],
            np.full(int(cut.sum()), end),
            linestyle="none",
            marker=marker,
            markersize=HEAD,
            markeredgewidth=0,
            color=style.OBSERVED,
            label="_study arrowhead",
            zorder=5,
            clip_on=False,
        )


def _band(axes: Axes, line: Line, name: Literal["average", "new"]) -> None:
    """The interval over the months; with one visit a box around it."""
    average = name == "average"
    fill, color = (style.POSTERIOR_FILL, style.POSTERIOR) if average else (style.NEW_FILL, style.NEW)
    month = _widened(axes, line.month, ALONE if average else ALONE_NEW)
    ends = _doubled(line.low), _doubled(line.high)
    alpha, zorder = (0.75, 1.3) if average else (0.8, 1.0)
    axes.fill_between(
        month, *ends, facecolor=fill, edgecolor="none", alpha=alpha, zorder=zorder, label=f"_{name} band"
    )
    for end in ends:
        axes.plot(
            month,
            end,
            color=color,
            linewidth=0.7,
            linestyle="-" if average else NEW_LINE,
            alpha=0.8,
            zorder=zorder + 0.1,
            label=f"_{name} end",
        )


def _widened(axes: Axes, month: Array, half: float) -> Array:
    """The months; a single one as both sides of a box, `half` of the axis to each side."""
    low, high = axes.get_xlim()
    return month if month.size > 1 else month[0] + np.array([-half, half]) * (high - low)


def _doubled(values: Array) -> Array:
    """The values; a single one twice, for the two sides of a box."""
    return values if values.size > 1 else np.repeat(values, 2)
