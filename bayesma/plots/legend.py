"""What does each symbol mean? One line of symbols with their words, wrapped to the figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bayesma.plots.style import MARGIN
from bayesma.plots.text import line_height, text_width, write

SYMBOL = 0.3  # inches
PAD = 0.07
GAP = 0.22


@dataclass(frozen=True, slots=True)
class Key:
    """A symbol and its words.

    Attributes
    ----------
    words
        What it means.
    color
        Of the line and the marker.
    marker
        Matplotlib's code; empty for none.
    fill
        Colour of a filled area behind, or None.
    line
        Line style; empty for none.
    """

    words: str
    color: str
    marker: str = ""
    fill: str | None = None
    line: Any = "-"
    open: bool = False


def legend_height(keys: Sequence[Key], width: float, size: float) -> float:
    """Inches the legend takes in a figure of a width."""
    return line_height(size) * 1.15 * len(_rows(keys, width, size))


def write_legend(sheet: Axes, keys: Sequence[Key], y: float, width: float, size: float) -> None:
    """Symbols and words from `y` downwards."""
    step = line_height(size) * 1.15
    for number, row in enumerate(_rows(keys, width, size)):
        x, middle = MARGIN, y + (number + 0.5) * step
        for key in row:
            _symbol(sheet, key, x, middle, 0.36 * step)
            write(sheet, x + SYMBOL + PAD, middle, key.words, size=size)
            x += _width(key, size) + GAP


def _symbol(sheet: Axes, key: Key, x: float, y: float, half: float) -> None:
    """Area, line and marker, in this order."""
    if key.fill is not None:
        sheet.add_patch(
            Rectangle((x, y - half), SYMBOL, 2 * half, facecolor=key.fill, edgecolor="none", clip_on=False)
        )
    if key.line:
        sheet.plot([x, x + SYMBOL], [y, y], color=key.color, linewidth=1.4, linestyle=key.line)
    if key.marker:
        sheet.plot(
            [x + 0.5 * SYMBOL],
            [y],
            marker=key.marker,
            markersize=5.5,
            color="white" if key.open else key.color,
            markeredgecolor=key.color if key.open else "white",
            markeredgewidth=0.9 if key.open else 0.5,
            linestyle="none",
        )


def _width(key: Key, size: float) -> float:
    """Inches of one symbol with its words."""
    return SYMBOL + PAD + text_width(key.words, size)


def _rows(keys: Sequence[Key], width: float, size: float) -> list[list[Key]]:
    """Keys by line: as many as fit."""
    rows: list[list[Key]] = []
    used = 0.0
    for key in keys:
        needed = _width(key, size)
        if not rows or used + GAP + needed > width - 2 * MARGIN:
            rows.append([key])
            used = needed
        else:
            rows[-1].append(key)
            used += GAP + needed
    return rows
