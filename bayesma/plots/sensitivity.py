"""Does the answer survive other priors? A forest over priors, or a map over the widths of two of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.numbers import MINUS
from bayesma.plots.style import Picture
from bayesma.posterior.numbers import is_number
from bayesma.posterior.texts import probability, share

type Array = NDArray[np.float64]

WIDTH, ROW, MOST = 7.2, 0.23, 60  # inches, and rows of a forest
SQUARE = 3  # widths of each of two priors from which a map shows more than a forest
PALE = LinearSegmentedColormap.from_list("pale", ["#ffffff", style.POSTERIOR_FILL])
ROUTES = {"exact": "exact integration", "nuts": "NUTS"}
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
    names, base = list(grid.attrs["vary"]), grid.attrs["base"]
    labels = [", ".join(f"{name} ~ {row[f'{name}_prior']}" for name in names) for _, row in grid.iterrows()]
    own = [all(row[f"{name}_prior"] == base[name] for name in names) for _, row in grid.iterrows()]
    height = ROW * len(grid) + 1.5
    figure = style.picture(WIDTH, height)
    longest = max(map(len, labels))
    left = min(0.12 + 0.0085 * longest, 0.55)
    axes = figure.add_axes((left, 0.75 / height, 0.82 - left, 1.0 - 1.3 / height))
    y = np.arange(len(grid))[::-1]
    for at, (_, row), bold in zip(y, grid.iterrows(), own, strict=True):
        colour = style.POSTERIOR if row["converged"] else style.ALARM
        axes.plot([row["ci_low"], row["ci_high"]], [at, at], color=colour, lw=2.2 if bold else 1.3)
        axes.plot(row["estimate"], at, "s" if bold else "o", color=colour, ms=5.5 if bold else 4)
        text = probability(float(row["p_benefit"])) if row["converged"] else "not converged"
        weight = "bold" if bold else "normal"
        axes.text(
            1.02, at, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8, weight=weight
        )
    axes.set_yticks(y, labels, fontsize=7.5)
    for tick, bold in zip(axes.get_yticklabels(), own, strict=True):
        tick.set_fontweight("bold" if bold else "normal")
    axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
    axes.set_ylim(-0.7, len(grid) - 0.3)
    axes.text(1.02, len(grid) - 0.25, f"P({_asked(grid)})", transform=axes.get_yaxis_transform(), fontsize=8)
    _finish(figure, axes, grid, title, f"{grid.attrs['parameter']}, analysis scale", height)
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
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
    axes = figure.add_axes((0.11, 0.9 / height, 0.74, 1.0 - 1.4 / height))
    shades = axes.pcolormesh(x, y, values.T, cmap=PALE, vmin=0.0, vmax=1.0, shading="gouraud")
    levels = sorted({*LEVELS} - {threshold})
    inside = [level for level in levels if values.min() < level < values.max()]
    if inside:
        lines = axes.contour(x, y, values.T, levels=inside, colors=style.MUTED, linewidths=0.7)
        axes.clabel(lines, fmt=share, fontsize=7)
    crosses = values.min() < threshold < values.max()
    if crosses:
        tipping = axes.contour(x, y, values.T, levels=[threshold], colors=style.ALARM, linewidths=2.2)
        axes.clabel(tipping, fmt=share, fontsize=8)
    for axis, places in (("x", x), ("y", y)):
        if places[0] > 0.0 and places[-1] / places[0] > 8.0:
            getattr(axes, f"set_{axis}scale")("log")
    _base_mark(axes, grid, names, (first, second))
    bar = figure.colorbar(shades, cax=figure.add_axes((0.88, 0.9 / height, 0.025, 1.0 - 1.4 / height)))
    bar.ax.tick_params(labelsize=7)
    axes.set_ylabel(f"?, prior of {names[1]}: {second[0]}", fontsize=8.5)
    words = f"?, prior of {names[0]}: {first[0]}"
    level = share(threshold)
    side = "above" if values.min() >= threshold else "below"
    note = f"Thick line: {level}." if crosses else f"The probability is {side} {level} everywhere."
    _finish(figure, axes, grid, title, words, height, f"Shade: P({_asked(grid)}). {note}")
    return figure


def _base_mark(
    axes: Axes,
    grid: pd.DataFrame,
    names: Sequence[str],
    scales: tuple[tuple[str, list[float]], tuple[str, list[float]]],
) -> None:
    """A cross where the analysis's own priors lie, if they are of the same kinds."""
    at = []
    for name, (text, _) in zip(names, scales, strict=True):
        own = _moving([grid.attrs["base"][name], text.replace("?", "-7e77")])
        if own is None or own[0] != text:
            return
        at.append(own[1][0])
    axes.plot(*at, marker="x", color=style.INK, ms=8, mew=2, clip_on=False)
    x, y = at
    right = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0] > 0.5
    axes.annotate(
        "this analysis",
        (x, y),
        xytext=(-7 if right else 7, 6),
        textcoords="offset points",
        fontsize=7.5,
        ha="right" if right else "left",
    )


def _asked(grid: pd.DataFrame) -> str:
    """What has the probability."""
    words = "benefit" if grid.attrs["favours"] else str(grid.attrs["question"])
    return words.replace("-", MINUS)


def _finish(
    figure: Picture,
    axes: Axes,
    grid: pd.DataFrame,
    title: str | None,
    xlabel: str,
    height: float,
    note: str = "",
) -> None:
    """Axis, title, and the caption: question, what is fixed, engine."""
    axes.set_xlabel(xlabel, fontsize=8.5)
    axes.tick_params(labelsize=7.5)
    if title:
        figure.text(0.02, 1.0 - 0.28 / height, title, fontsize=style.TITLE, weight="bold")
    attrs = grid.attrs
    fixed = [f"{name} ~ {prior}" for name, prior in attrs["base"].items() if name not in attrs["vary"]]
    parts = [
        note,
        f"Asked: {attrs['question']}." if attrs["favours"] else "",
        f"Priors held: {', '.join(fixed)}." if fixed else "",
        f"{100 * attrs['ci_prob']:g} % intervals." if not note else "",
        f"k = {attrs['k']}. Computed by {ROUTES.get(attrs['engine'], attrs['engine'])}.",
    ]
    text = " ".join(part for part in parts if part).replace("-", MINUS)
    figure.text(0.02, 0.12 / height, text, fontsize=style.CAPTION, color=style.MUTED, wrap=True)
