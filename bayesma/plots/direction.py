"""On which side of the null does whom the result favour? The words, and their place under the axis."""

from __future__ import annotations

from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.measures import Measure
from bayesma.plots.style import INK, MARGIN
from bayesma.plots.text import line_height, plain, wrap, write

DIRECTIONS = ("lower", "higher")
BETTER, WORSE = "better", "worse"  # of values nobody else's are compared with
AWAY = 0.1  # inches between the null line and the words


def sides(measure: Measure, favours: str | None, treatment: str, control: str) -> tuple[str, str] | None:
    """Whom low and high values favour, or without a control what they mean; None without a direction.

    Raises
    ------
    OptionError
        For an unknown direction.
    """
    if favours is None:
        return None
    if favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher': what is good for patients")
    names = (
        (f"favours {plain(treatment)}", f"favours {plain(control)}")
        if measure.controlled
        else (BETTER, WORSE)
    )
    return names if favours == "lower" else names[::-1]


def better_words(measure: Measure) -> str:
    """What comes after the word probability: of benefit, or without a control that patients improved."""
    return "of benefit" if measure.controlled else "that patients improved"


def side_lines(
    names: tuple[str, str] | None, null: float, width: float, size: float
) -> tuple[list[str], list[str]]:
    """Words left and right of the null at `null` inches in a figure `width` inches wide, wrapped."""
    if names is None:
        return [], []
    left, right = null - AWAY - MARGIN, width - MARGIN - null - AWAY
    return (
        wrap(f"◄ {names[0]}", left, size),
        wrap(f"{names[1]} ►", right, size),
    )


def sides_height(lines: tuple[list[str], list[str]], size: float) -> float:
    """Inches the words take."""
    most = max(len(part) for part in lines)
    return line_height(size) * most + 0.06 if most else 0.0


def write_sides(sheet: Axes, lines: tuple[list[str], list[str]], null: float, y: float, size: float) -> None:
    """Words on both sides of the null, hanging from `y`."""
    write(sheet, null - AWAY, y, lines[0], size=size, align="right", color=INK, top=True)
    write(sheet, null + AWAY, y, lines[1], size=size, align="left", color=INK, top=True)
