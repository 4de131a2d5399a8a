"""How are the states of a cohort drawn over months? Areas one on another, named where they are thick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.plots import style
from bayesma.plots.text import line_height, text_width, write

type Array = NDArray[np.float64]

SIZE = 8.5  # points of the names inside the areas
ROOM = 0.06  # inches left free around a name
PLACES = 41  # along the months, where a name may stand


@dataclass(frozen=True, slots=True)
class Area:
    """How one state is drawn: its fill, and the ink that can be read on it."""

    fill: str
    ink: str


AREAS: dict[str, Area] = {  # from the bottom; neighbours differ in lightness
    "major": Area(style.POSTERIOR, "white"),
    "partial": Area(style.POSTERIOR_FILL, style.INK),
    "active": Area(style.OTHER_FILL, style.INK),
    "relapsed": Area("#d98b3f", style.INK),
    "dead": Area("#4a4a4a", "white"),
}


def draw_areas(axes: Axes, month: Array, share: Mapping[str, Array], names: Mapping[str, str]) -> None:
    """Areas of the shares, (months,) each and together 1, in the order of `share` from the bottom."""
    below = np.zeros_like(month)
    for state, values in share.items():
        above = below + values
        area = AREAS[state]
        axes.fill_between(
            month,
            below,
            above,
            facecolor=area.fill,
            edgecolor="white",
            linewidth=0.8,
            zorder=1.0,
            label=f"_{state}",
        )
        _name(axes, month, (below, above), names[state], area.ink)
        below = above


def _name(axes: Axes, month: Array, ends: tuple[Array, Array], name: str, ink: str) -> None:
    """The name where its area is thickest, if there it has room."""
    box = axes.get_window_extent()
    width, height = box.width / axes.figure.dpi, box.height / axes.figure.dpi
    (first, end), (low, high) = axes.get_xlim(), axes.get_ylim()
    half = 0.5 * (text_width(name, SIZE) + 2 * ROOM) / width * (end - first)
    needed = (line_height(SIZE) + ROOM) / height * (high - low)
    if month[-1] - month[0] < 2 * half:
        return
    best, place = 0.0, (0.0, 0.0)
    for centre in np.linspace(month[0] + half, month[-1] - half, PLACES):
        at = np.linspace(centre - half, centre + half, PLACES)
        floor = float(np.interp(at, month, ends[0]).max())
        ceiling = float(np.interp(at, month, ends[1]).min())
        if ceiling - floor > best:
            best, place = ceiling - floor, (float(centre), 0.5 * (floor + ceiling))
    if best >= needed:
        write(axes, *place, name, size=SIZE, align="center", color=ink)
