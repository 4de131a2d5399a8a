"""On which side of the null does whom the result favour? The words, and their place under the axis."""

from __future__ import annotations

from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.plots.style import INK, MARGIN
from bayesma.plots.text import line_height, plain, wrap, write

DIRECTIONS = ("lower", "higher")
AWAY = 0.1  # inches between the null line and the words


def sides(favours: str | None, treatment: str, control: str) -> tuple[str, str] | None:
    """Who is favoured left and right of the null; None where no direction was given.

    Raises
    ------
    OptionError
        For an unknown direction.
    """
    if favours is None:
        return None
    if favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher': what is good for patients")
    names = (plain(treatment), plain(control))
    return names if favours == "lower" else names[::-1]


def side_lines(
    names: tuple[str, str] | None, null: float, width: float, size: float
) -> tuple[list[str], list[str]]:
    """Words left and right of the null at `null` inches in a figure `width` inches wide, wrapped."""
    if names is None:
        return [], []
    left, right = null - AWAY - MARGIN, width - MARGIN - null - AWAY
    return (
        wrap(f"◄ favours {names[0]}", left, size),
        wrap(f"favours {names[1]} ►", right, size),
    )


def sides_height(lines: tuple[list[str], list[str]], size: float) -> float:
    """Inches the words take."""
    most = max(len(part) for part in lines)
    return line_height(size) * most + 0.06 if most else 0.0


def write_sides(sheet: Axes, lines: tuple[list[str], list[str]], null: float, y: float, size: float) -> None:
    """Words on both sides of the null, hanging from `y`."""
    write(sheet, null - AWAY, y, lines[0], size=size, align="right", color=INK, top=True)
    write(sheet, null + AWAY, y, lines[1], size=size, align="left", color=INK, top=True)
