"""Where may a study's name stand so that it covers no bubble and no other name? Nowhere, it may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.plots.style import POINTS
from bayesma.plots.text import line_height, plain, text_width

type Array = NDArray[np.float64]

GAP = 0.03  # inches between a name and any bubble or other name


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in inches of the figure: centre, and half its width and height."""

    x: float
    y: float
    wide: float
    high: float

    def meets(self, other: Box) -> bool:
        """Whether two rectangles come nearer than the gap."""
        apart_x = abs(self.x - other.x) - self.wide - other.wide
        apart_y = abs(self.y - other.y) - self.high - other.high
        return apart_x < GAP and apart_y < GAP

    def covers(self, x: Array, y: Array, radius: Array) -> bool:
        """Whether any of the circles reaches into it."""
        apart_x = np.maximum(np.abs(x - self.x) - self.wide, 0.0)
        apart_y = np.maximum(np.abs(y - self.y) - self.high, 0.0)
        return bool(np.any(np.hypot(apart_x, apart_y) < radius + 0.5 * GAP))

    def inside(self, other: Box) -> bool:
        """Whether it lies within another."""
        return (
            abs(self.x - other.x) + self.wide <= other.wide
            and abs(self.y - other.y) + self.high <= other.high
        )


def write_names(
    axes: Axes, names: Sequence[object], x: Array, y: Array, area: Array, size: float
) -> list[str]:
    """Write the names above, below, right or left of their bubbles, the largest first; return those left out.

    Limits of the axes are to be final.

    Parameters
    ----------
    axes, names, x, y
        Where, and the bubbles, shape (k,) each.
    area
        Of the bubbles, square points.
    size
        Of the names, points.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    to_inches = axes.transData + figure.dpi_scale_trans.inverted()
    centre_x, centre_y = to_inches.transform(np.column_stack([x, y])).T
    seen = np.isfinite(centre_x) & np.isfinite(centre_y) & np.isfinite(area)
    radius = np.sqrt(area / np.pi) / POINTS
    corners = axes.transAxes + figure.dpi_scale_trans.inverted()
    (left, low), (right, high) = corners.transform([(0.0, 0.0), (1.0, 1.0)])
    page = Box(0.5 * (left + right), 0.5 * (low + high), 0.5 * (right - left), 0.5 * (high - low))
    taken: list[Box] = []
    left_out = []
    for i in np.argsort(-np.where(seen, area, 0.0), kind="stable").tolist():
        if not seen[i]:
            continue
        name = plain(names[i])
        at = (float(centre_x[i]), float(centre_y[i]))
        for box in _places(at, float(radius[i]), 0.5 * text_width(name, size), 0.5 * line_height(size)):
            free = not any(box.meets(other) for other in taken)
            if free and box.inside(page) and not box.covers(centre_x[seen], centre_y[seen], radius[seen]):
                taken.append(box)
                axes.annotate(
                    name,
                    (x[i], y[i]),
                    xytext=((box.x - at[0]) * POINTS, (box.y - at[1]) * POINTS),
                    textcoords="offset points",
                    fontsize=size,
                    ha="center",
                    va="center",
                    parse_math=False,
                )
                break
        else:
            left_out.append(name)
    return left_out


def _places(at: tuple[float, float], radius: float, wide: float, high: float) -> Iterator[Box]:
    """Where a name may stand, best first: above, below, right, left, then at the corners."""
    x, y = at
    away = radius + GAP
    for up in (1.0, -1.0):
        yield Box(x, y + up * (away + high), wide, high)
    for side in (1.0, -1.0):
        yield Box(x + side * (away + wide), y, wide, high)
    for up in (1.0, -1.0):
        for side in (1.0, -1.0):
            yield Box(x + side * (0.7 * away + wide), y + up * (0.7 * away + high), wide, high)
