"""How is text put on a figure? As text: measured, wrapped, never read as mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from bayesma.plots.style import FONT, INK, LINE_SPACING, POINTS

type Align = Literal["left", "center", "right"]


def plain(value: object) -> str:
    """One line of printable text: white space collapsed, control characters shown as a replacement mark."""
    line = " ".join(str(value).split())
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width in inches of one line at a font size in points."""
    if not text:
        return 0.0
    width, _, _ = text_to_path.get_text_width_height_descent(text, _font(size, bold), False)
    return float(width) / POINTS


def line_height(size: float) -> float:
    """Distance between lines in inches at a font size in points."""
    return size * LINE_SPACING / POINTS


def wrap(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """Lines no wider than `room` inches, broken at spaces, inside a word only where it must be.

    Parameters
    ----------
    text
        One line of text.
    room, size, bold
        Width in inches, font size in points, weight.
    """
    result: list[str] = []
    rest = text
    while rest:
        cut = _fitting(rest, room, size, bold)
        if cut < len(rest) and rest[cut] != " " and (space := rest.rfind(" ", 1, cut)) > 0:
            cut = space
        result.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return result or [""]


def _fitting(text: str, room: float, size: float, bold: bool) -> int:
    """How many leading characters fit, at least one."""
    if text_width(text, size, bold) <= room:
        return len(text)
    low, high = 1, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if text_width(text[:middle], size, bold) <= room else (low, middle)
    return low


def write(
    axes: Axes,
    x: float,
    y: float,
    lines: str | Sequence[str],
    *,
    size: float,
    bold: bool = False,
    align: Align = "left",
    color: str = INK,
    top: bool = False,
) -> list[Text]:
    """Write lines into a sheet (inches, y downwards), centred on `y` or, with `top`, hanging from it.

    Returns
    -------
    list of matplotlib.text.Text
        One artist a line.
    """
    given = [lines] if isinstance(lines, str) else list(lines)
    step = line_height(size)
    first = y + 0.5 * step if top else y - 0.5 * step * (len(given) - 1)
    return [
        axes.text(
            x,
            first + step * number,
            line,
            fontproperties=_font(size, bold),
            color=color,
            ha=align,
            va="center_baseline",
            parse_math=False,
            usetex=False,
            clip_on=False,
        )
        for number, line in enumerate(given)
        if line
    ]


def _font(size: float, bold: bool) -> FontProperties:
    """The one font of all figures."""
    return FontProperties(family=list(FONT), size=size, weight="bold" if bold else "normal")
