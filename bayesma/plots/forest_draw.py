"""How is each row of a forest plot drawn? Squares, circles, densities, and arrowheads where the axis ends."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from bayesma.plots import style
from bayesma.plots.forest_rows import Row
from bayesma.words.numbers import Interval

OFFSET = 0.2  # of an ordinary row's height, from its centre to the observed and to the posterior effect
ORDINARY = 0.3  # inches
SQUARE = 9.0  # points, side of the largest square
LEAST_SQUARE = 3.5
CIRCLE = 4.0
HEAD = 4.5
DIAMOND = 0.3  # of the row height, half of a diamond's height


def draw_rows(axes: Axes, rows: Sequence[Row], centres: Sequence[float], heights: Sequence[float]) -> None:
    """Draw every row at its centre; the limits of the axes must be set."""
    heaviest = max((row.weight for row in rows if row.weight and row.weight == row.weight), default=1.0)
    for row, y, height in zip(rows, centres, heights, strict=True):
        if row.kind == "study":
            _study(axes, row, y, height, heaviest)
        elif row.kind == "classical":
            _classical(axes, row, y, height)
        else:
            _pooled(axes, row, y, height)


def _study(axes: Axes, row: Row, y: float, height: float, heaviest: float) -> None:
    """A square whose area is the weight, and the posterior effect below it."""
    assert row.weight is not None
    both = row.posterior is not None
    if row.observed is not None:
        side = max(SQUARE * (row.weight / heaviest) ** 0.5, LEAST_SQUARE) * min(1.0, height / ORDINARY)
        above = y - OFFSET * min(height, ORDINARY) if both else y
        line(axes, row.observed, above, style.OBSERVED, 1.1, "observed")
        point(axes, row.observed, above, style.OBSERVED, "s", side, "observed")
    if row.posterior is not None:
        below = y + OFFSET * min(height, ORDINARY)
        line(axes, row.posterior, below, style.POSTERIOR, 1.5, "posterior")
        point(axes, row.posterior, below, style.POSTERIOR, "o", CIRCLE, "posterior")


def _pooled(axes: Axes, row: Row, y: float, height: float) -> None:
    """A density standing on its interval."""
    assert row.posterior is not None and row.curve is not None
    mean = row.kind == "mean"
    base = y + 0.32 * height
    values, heights = row.curve
    top = base - 0.74 * height * heights / heights.max()
    fill = style.POSTERIOR_FILL if mean else style.NEW_FILL
    color = style.POSTERIOR if mean else style.NEW
    axes.fill_between(values, base, top, facecolor=fill, edgecolor="none", label=f"_{row.kind} density")
    axes.plot(values, top, color=color, linewidth=0.8, linestyle="-" if mean else (0, (4, 1.5)))
    line(axes, row.posterior, base, color, 2.6 if mean else 1.8, row.kind)
    point(axes, row.posterior, base, color, "o" if mean else "D", 6.0 if mean else 4.5, row.kind)


def _classical(axes: Axes, row: Row, y: float, height: float) -> None:
    """An open diamond as wide as the confidence interval, on a dotted prediction interval."""
    if row.observed is None:
        return
    if row.prediction is not None:
        line(axes, row.prediction, y, style.INK, 1.0, "classical prediction", dotted=True)
    one = row.observed
    if not one.complete:
        point(axes, one, y, style.INK, "d", 5.0, "classical")
        return
    half = DIAMOND * height
    axes.fill(
        [one.low, one.point, one.high, one.point],
        [y, y - half, y, y + half],
        facecolor="white",
        edgecolor=style.INK,
        linewidth=1.0,
        label="_classical",
        zorder=3,
    )
    low, high = axes.get_xlim()
    _heads(axes, y, style.INK, (one.low < low, one.high > high), "classical")


def line(
    axes: Axes, interval: Interval, y: float, color: str, width: float, label: str, *, dotted: bool = False
) -> None:
    """An interval as a line, cut at the ends of the axis with arrowheads."""
    if not interval.complete:
        return
    low, high = axes.get_xlim()
    ends = [min(max(end, low), high) for end in (interval.low, interval.high)]
    axes.plot(
        ends,
        [y, y],
        color=color,
        linewidth=width,
        linestyle=(0, (1, 1.2)) if dotted else "-",
        solid_capstyle="butt",
        label=f"_{label} interval",
    )
    _heads(axes, y, color, (interval.low < low, interval.high > high), label)


def point(axes: Axes, interval: Interval, y: float, color: str, marker: str, size: float, label: str) -> None:
    """The estimate itself, left out where it lies beyond the axis."""
    low, high = axes.get_xlim()
    if low <= interval.point <= high:
        axes.plot(
            [interval.point],
            [y],
            marker=marker,
            markersize=size,
            color=color,
            markeredgecolor="white",
            markeredgewidth=0.5,
            linestyle="none",
            label=f"_{label} point",
            zorder=4,
            clip_on=False,
        )


def _heads(axes: Axes, y: float, color: str, cut: tuple[bool, bool], label: str) -> None:
    """Arrowheads at the ends of the axis beyond which an interval goes on."""
    for end, marker, beyond in zip(axes.get_xlim(), "<>", cut, strict=True):
        if beyond:
            axes.plot(
                [end],
                [y],
                marker=marker,
                markersize=HEAD,
                color=color,
                markeredgewidth=0,
                linestyle="none",
                label=f"_{label} arrowhead",
                zorder=5,
                clip_on=False,
            )
