"""How do all figures look? Colours, sizes, and the figure object every plot returns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Chosen to differ in lightness as well as in hue: they survive a greyscale printer and colour blindness.
INK: Final = "#1b1b1b"
MUTED: Final = "#5f5f5f"
RULE: Final = "#9a9a9a"
BAND: Final = "#f3f3f1"
OBSERVED: Final = "#8d8d8d"
POSTERIOR: Final = "#0b3c6f"
POSTERIOR_FILL: Final = "#8fb1d3"
MID_FILL: Final = "#4a7fb5"
NEW: Final = "#b5651d"
NEW_FILL: Final = "#f3d9b8"
OTHER_FILL: Final = "#e9e6e0"
ALARM: Final = "#9c1010"

FONT: Final = ("DejaVu Sans",)  # ships with matplotlib: the same metrics on every machine
TITLE: Final = 11.0
CAPTION: Final = 7.5
MARGIN: Final = 0.15  # inches around everything
LINE_SPACING: Final = 1.3
POINTS: Final = 72.0  # per inch
PNG_DPI: Final = 150


class Picture(Figure):
    """A matplotlib figure that pyplot does not hold, and that notebooks show by themselves."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw text as wide as it was measured: hinting moves letters by up to 7 % at 100 dpi."""
        with matplotlib.rc_context({"text.hinting": "none"}):
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        """PNG for notebooks, whether or not pyplot was ever imported."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=PNG_DPI)
        return buffer.getvalue()


def picture(width: float, height: float) -> Picture:
    """A blank white figure of a size in inches, with its own canvas; to be called within `defaults`."""
    figure = Picture(figsize=(width, height), dpi=PNG_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def defaults() -> Iterator[None]:
    """Matplotlib's own defaults while drawing, so that nobody's style sheet changes a published figure."""
    with matplotlib.style.context("default"):
        yield


def sheet(figure: Figure, width: float, height: float) -> Axes:
    """Invisible axes over the whole figure in inches, y downwards: where tables and captions are written."""
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), label="sheet")
    axes.set_axis_off()
    axes.set_xlim(0.0, width)
    axes.set_ylim(height, 0.0)
    return axes


def graph(figure: Figure, left: float, right: float, top: float, bottom: float) -> Axes:
    """Axes at a place given in inches from the top left, y in the same inches, only a bottom spine."""
    width, height = figure.get_size_inches()
    place = (left / width, 1.0 - bottom / height, (right - left) / width, (bottom - top) / height)
    axes = figure.add_axes(place, label="graph")
    axes.set_ylim(bottom, top)
    axes.set_yticks([])
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.spines["bottom"].set_linewidth(0.8)
    return axes
