"""Does the answer survive other priors? A forest over priors, or a map over the widths of two of them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.scale import ticks
from bayesma.plots.style import Picture
from bayesma.plots.table_words import ROUTES, asked_words, axis_words, label_axis
from bayesma.plots.text import line_height, text_width, wrap
from bayesma.posterior.numbers import is_number
from bayesma.priors import Prior
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.sensitivity.prior_sensitivity import own_rows
from bayesma.words.numbers import MINUS, probability_text, share

type Array = NDArray[np.float64]

WIDTH, ROW, MOST = 7.2, 0.23, 60  # inches, and rows of a forest
SQUARE = 3  # widths of each of two priors from which a map shows more than a forest
PALE = LinearSegmentedColormap.from_list("pale", ["#ffffff", style.POSTERIOR_FILL])
FAR = 8.0  # ratio of the ends from which an axis is logarithmic
TEXT = 7.5  # points
LABEL = 3.4  # inches in which the priors of a row are written, on as many lines as they take
WITH_SD = frozenset({"Normal", "TruncatedNormal"})  # whose sigma is a standard deviation
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.975, 0.99)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def sensitivity(grid: pd.DataFrame, *, threshold: float = 0.95, title: str | None = None) -> Picture:
    """Draw what `prior_sensitivity` found.

    A forest over the combinations of priors; where two parameters vary, each in one number of one
    distribution, and in at least three values, a map of the probability with the contour on which it is the
    threshold.

    Parameters
    ----------
    grid
        Result of `prior_sensitivity`.
    threshold
        Of the probability: the tipping contour.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    OptionError
        For another table, a threshold outside (0, 1), and more than 60 rows of a forest.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> grid = bm.prior_sensitivity(effects, {"tau": ["HalfNormal(0.1)", "HalfNormal(1)"]}, favours="lower")
    >>> figure = bm.plots.sensitivity(grid)
    """
    if not isinstance(grid, pd.DataFrame) or "vary" not in grid.attrs:
        raise OptionError("plots.sensitivity draws the table that prior_sensitivity returns; give that")
    if not (is_number(threshold) and 0.0 < threshold < 1.0):
        raise OptionError(f"threshold is {threshold!r}; it must lie between 0 and 1, for example 0.95")
    scales = [_moving(texts) for texts in grid.attrs["vary"].values()]
    with style.defaults():
        if len(scales) == 2 and all(one is not None and len(one[1]) >= SQUARE for one in scales):
            return _surface(grid, [one for one in scales if one is not None], threshold, title)
        if len(grid) > MOST:
            raise OptionError(
                f"the grid has {len(grid)} combinations of priors, and a forest shows {MOST}; vary two "
                "parameters in one number each for a map, or choose rows"
            )
        return _forest(grid, title)


def _moving(texts: Sequence[str]) -> tuple[str, list[float]] | None:
    """Text with ``?`` and the values of the one number that differs; None where more than that does."""
    found = [NUMBER.findall(text) for text in texts]
    frames = {NUMBER.sub("#", text) for text in texts}
    if len(frames) != 1 or not found[0]:
        return None
    moving = [i for i in range(len(found[0])) if len({numbers[i] for numbers in found}) > 1]
    if len(moving) != 1:
        return None
    (at,) = moving
    parts = iter(range(len(found[0])))
    text = NUMBER.sub(lambda match: "?" if next(parts) == at else match.group(), texts[0])
    values = [float(numbers[at]) for numbers in found]
    return text, values


def _forest(grid: pd.DataFrame, title: str | None) -> Picture:
    """Intervals, one a combination, the analysis's own in bold; probabilities at the right."""
    names, own = list(grid.attrs["vary"]), own_rows(grid)
    labels = [", ".join(f"{name} ~ {row[f'{name}_prior']}" for name in names) for _, row in grid.iterrows()]
    lines = [wrap(label, LABEL, TEXT, bold=True) for label in labels]
    row = max(ROW, line_height(TEXT) * max(map(len, lines)) + 0.08)
    height = row * len(grid) + 1.8
    figure = style.picture(WIDTH, height)
    widest = max(text_width(line, TEXT, bold=True) for label in lines for line in label)
    left = (0.25 + widest) / WIDTH
    axes = figure.add_axes((left, 1.05 / height, 0.84 - left, 1.0 - 1.6 / height))
    y = np.arange(len(grid))[::-1]
    for at, (_, found), error, bold in zip(y, grid.iterrows(), grid.attrs["mcse"], own, strict=True):
        colour = style.POSTERIOR if found["converged"] else style.ALARM
        axes.plot([found["ci_low"], found["ci_high"]], [at, at], color=colour, lw=2.2 if bold else 1.3)
        axes.plot(found["estimate"], at, "s" if bold else "o", color=colour, ms=5.5 if bold else 4)
        chance = probability_text(float(found["p_benefit"]), error["p_benefit"])
        text = chance if found["converged"] else "not converged"
        weight = "bold" if bold else "normal"
        axes.text(
            1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=TEXT, weight=weight
        )
    axes.set_yticks(y, ["\n".join(label) for label in lines], fontsize=TEXT)
    for tick, bold in zip(axes.get_yticklabels(), own, strict=True):
        tick.set_fontweight("bold" if bold else "normal")
    axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
    axes.set_ylim(-0.7, len(grid) - 0.3)
    head = f"P({asked_words(grid.attrs)})"
    axes.text(1.02, len(grid) - 0.25, head, transform=axes.get_yaxis_transform(), fontsize=TEXT)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelsize=TEXT)
    label_axis(axes, grid.attrs, TEXT)
    _finish(figure, grid, title, height, ["Bold, square: the priors of this analysis."] if any(own) else [])
    return figure


def _surface(
    grid: pd.DataFrame, scales: Sequence[tuple[str, list[float]]], threshold: float, title: str | None
) -> Picture:
    """Filled contours of the probability over two numbers, and the one at the threshold."""
    (first, second), names = scales, list(grid.attrs["vary"])
    values = grid["p_benefit"].to_numpy(dtype=np.float64).reshape(len(first[1]), len(second[1]))
    order = np.argsort(first[1]), np.argsort(second[1])
    values = values[np.ix_(*order)]
    x, y = np.array(first[1])[order[0]], np.array(second[1])[order[1]]
    height = 5.2
    figure = style.picture(WIDTH, height)
    axes = figure.add_axes((0.11, 1.0 / height, 0.72, 1.0 - 1.5 / height))
    shades = axes.pcolormesh(x, y, values.T, cmap=PALE, vmin=0.0, vmax=1.0, shading="gouraud")
    for axis, places, room in ((axes.xaxis, x, 0.72 * WIDTH), (axes.yaxis, y, height - 1.5)):
        _dress(axis, places, room)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))  # scale and ends first: they decide the contours' labels
    levels = sorted({*LEVELS} - {threshold})
    inside = [level for level in levels if values.min() < level < values.max()]
    if inside:
        lines = axes.contour(x, y, values.T, levels=inside, colors=style.MUTED, linewidths=0.7)
        axes.clabel(lines, fmt=share, fontsize=7)
    crosses = values.min() < threshold < values.max()
    if crosses:
        tipping = axes.contour(x, y, values.T, levels=[threshold], colors=style.ALARM, linewidths=2.2)
        axes.clabel(tipping, fmt=share, fontsize=8)
    outside = _base_mark(axes, grid, names, (first, second))
    bar = figure.colorbar(shades, cax=figure.add_axes((0.86, 1.0 / height, 0.025, 1.0 - 1.5 / height)))
    bar.ax.tick_params(labelsize=7)
    question = str(grid.attrs["question"]).replace("-", MINUS)
    bar.set_label(f"probability of {'benefit, ' if grid.attrs['favours'] else ''}{question}", fontsize=8.5)
    axes.set_xlabel(_moved_words(names[0], first[0]), fontsize=8.5)
    axes.set_ylabel(_moved_words(names[1], second[0]), fontsize=8.5)
    level = share(threshold)
    side = "above" if values.min() >= threshold else "below"
    note = f"Thick line: {level}." if crosses else f"The probability is {side} {level} everywhere."
    measured = f"Asked of: {axis_words(grid.attrs)}."
    _finish(figure, grid, title, height, [f"Shade: P({asked_words(grid.attrs)}). {note}", measured, outside])
    return figure


def _dress(axis: XAxis | YAxis, places: Array, room: float) -> None:
    """Ends of the map, and few ticks that are plain numbers; a logarithmic axis for widths far apart."""
    low, high = float(places[0]), float(places[-1])
    far = low > 0.0 and high / low > FAR
    if far:
        at, labels = ticks((math.log(low), math.log(high)), room, TEXT, "log")
        at = [math.exp(one) for one in at]
    else:
        at, labels = ticks((low, high), room, TEXT, "identity")
    set_scale = axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale
    set_scale("log" if far else "linear")
    axis.set_ticks(at, labels=labels, fontsize=TEXT)
    axis.set_minor_locator(NullLocator())


def _moved_words(name: str, text: str) -> str:
    """``scale s of tau ~ HalfNormal(s)`` from the name and ``HalfNormal(?)``."""
    prior = text.replace("?", "s")
    plain = re.fullmatch(r"(\w+)\(([^()]*)\)", text)
    if plain is None or plain[1] not in DISTRIBUTIONS:
        return f"number s of {name} ~ {prior}"
    arguments = [one.strip() for one in plain[2].split(",")]
    argument = DISTRIBUTIONS[plain[1]].parameters[arguments.index("?")]
    half = plain[1].startswith("Half") or plain[1] not in WITH_SD
    word = {"sigma": "scale" if half else "sd"}.get(argument, argument)
    return f"{word} s of {name} ~ {prior}"


def _base_mark(
    axes: Axes,
    grid: pd.DataFrame,
    names: Sequence[str],
    scales: tuple[tuple[str, list[float]], tuple[str, list[float]]],
) -> str:
    """A cross where the analysis's own priors lie; a sentence where that is not on the map."""
    own_priors = ", ".join(f"{name} ~ {grid.attrs['base'][name]}" for name in names)
    missing = f"This analysis ({own_priors}) is not on the map."
    at = []
    for name, (text, values) in zip(names, scales, strict=True):
        own = _moving([Prior.parse(grid.attrs["base"][name]).form, text.replace("?", "-7e77")])
        if own is None or own[0] != text or not min(values) <= own[1][0] <= max(values):
            return missing
        at.append(own[1][0])
    axes.plot(*at, marker="x", color=style.INK, ms=8, mew=2, clip_on=False)
    x, y = at
    right, top = axes.transAxes.inverted().transform(axes.transData.transform((x, y))) > (0.5, 0.9)
    axes.annotate(
        "this analysis",
        (x, y),
        xytext=(-7 if right else 7, -6 if top else 6),
        textcoords="offset points",
        fontsize=7.5,
        ha="right" if right else "left",
        va="top" if top else "bottom",
    )
    return ""


def _finish(
    figure: Picture, grid: pd.DataFrame, title: str | None, height: float, notes: Sequence[str]
) -> None:
    """Title, and the caption: question, what is fixed, engine."""
    if title:
        figure.text(0.02, 1.0 - 0.28 / height, title, fontsize=style.TITLE, weight="bold")
    attrs = grid.attrs
    fixed = [f"{name} ~ {prior}" for name, prior in attrs["base"].items() if name not in attrs["vary"]]
    is_map = any(note.startswith("Shade") for note in notes)
    parts = [
        *notes,
        f"Benefit: {attrs['question']}." if attrs["favours"] else "",
        f"Priors held: {', '.join(fixed)}." if fixed else "",
        "" if is_map else f"{100 * attrs['ci_prob']:g} % intervals.",
        f"k = {attrs['k']}. Computed by {ROUTES.get(attrs['engine'], attrs['engine'])}.",
    ]
    text = " ".join(part for part in parts if part).replace("-", MINUS)
    lines = "\n".join(wrap(text, WIDTH - 0.3, style.CAPTION))
    figure.text(0.02, 0.08 / height, lines, fontsize=style.CAPTION, color=style.MUTED, va="bottom")
