"""Which answers do subsets of the studies give? A dot a subset, those with one study set apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.style import Picture
from bayesma.plots.table_words import label_axis, priors_and_engine
from bayesma.plots.text import text_width, wrap

WIDTH, HEIGHT = 6.4, 5.1  # inches, without the legend
LEFT, RIGHT, BELOW, TALL, ABOVE = 0.7, 0.25, 1.2, 2.55, 0.85  # inches around and of both panels
ROW, KEY, TEXT = 0.17, 0.4, 7.5  # inches of a line of the legend and of a key, points
FEW, MANY = 10, 5000  # dots that are drawn large, and small


def subsets(table: pd.DataFrame, *, highlight: str | None = None, title: str | None = None) -> Picture:
    """Draw what `subsets` found: estimate against tau, after the GOSH plot of Olkin, Dahabreh & Trikalinos.

    Olkin et al. 2012, doi 10.1002/jrsm.1053.

    Parameters
    ----------
    table
        Result of `subsets`.
    highlight
        A study: subsets with it are drawn in another colour. The one whose presence moves the estimate most
        when not given.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One dot a subset, with the distribution of estimates above; a cross where all studies are. Without a
        tau in the model, against the number of studies.

    Raises
    ------
    OptionError
        For another table, and a study it has not.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> figure = bm.plots.subsets(bm.subsets(effects), highlight="C")
    """
    if not isinstance(table, pd.DataFrame) or "studies" not in table.attrs:
        raise OptionError("plots.subsets draws the table that subsets returns; give that")
    studies = [str(one) for one in table.attrs["studies"]]
    if highlight is not None and highlight not in studies:
        raise OptionError(f"highlight is {highlight!r}, which is no study; they are: {', '.join(studies)}")
    chosen = highlight or _most(table, studies)
    with style.defaults():
        keys = _keys(chosen)
        beside = sum(text_width(str(key.get_label()), TEXT) + KEY for key in keys) < WIDTH - LEFT - RIGHT
        height = HEIGHT + ROW * (1 if beside else len(keys))
        figure = style.picture(WIDTH, height)
        left, width = LEFT / WIDTH, 1.0 - (LEFT + RIGHT) / WIDTH
        axes = figure.add_axes((left, BELOW / height, width, TALL / height))
        place = (left, (BELOW + TALL + 0.05) / height, width, ABOVE / height)
        _dots(axes, figure.add_axes(place, sharex=axes), table, table[chosen].to_numpy(dtype=bool), keys)
        label_axis(axes, table.attrs, TEXT)
        figure.legend(
            handles=keys,
            fontsize=TEXT,
            frameon=False,
            ncols=len(keys) if beside else 1,
            loc="lower left",
            bbox_to_anchor=(left, (BELOW + TALL + ABOVE + 0.08) / height),
            borderaxespad=0.0,
            borderpad=0.0,
            handletextpad=0.2,
            columnspacing=1.2,
        )
        text = "\n".join(wrap(_caption(table), WIDTH - 0.3, style.CAPTION))
        figure.text(0.15 / WIDTH, 0.02, text, fontsize=style.CAPTION, color=style.MUTED, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
    return figure


def _keys(chosen: str) -> list[Line2D]:
    """Of subsets without a study, of those with it, and of all studies; dots are drawn like their keys."""
    return [
        Line2D([], [], ls="", marker="o", color=style.OBSERVED, ms=5.5, label=f"without {chosen}"),
        Line2D([], [], ls="", marker="^", color=style.POSTERIOR, ms=5.5, label=f"with {chosen}"),
        Line2D([], [], ls="", marker="x", color=style.INK, ms=7, mew=2, label="all studies"),
    ]


def _dots(
    axes: Axes, above: Axes, table: pd.DataFrame, inside: NDArray[np.bool_], keys: list[Line2D]
) -> None:
    """A dot a subset, those `inside` set apart; above, how many have which estimate."""
    across = "tau" if "tau" in table else "size"
    bins = np.linspace(*_range(table["estimate"]), 61).tolist()
    size, alpha = _look(len(table))
    for kept, key in zip((~inside, inside), keys, strict=False):
        part, colour, label = table[kept], key.get_color(), str(key.get_label())
        axes.scatter(
            part["estimate"],
            part[across],
            s=size,
            color=colour,
            marker=str(key.get_marker()),
            alpha=alpha,
            lw=0,
            label=label,
        )
        above.hist(part["estimate"], bins=bins, color=colour, alpha=0.55, label=label)
    full = table.attrs["full"]
    at = full["tau"] if across == "tau" else len(table.attrs["studies"])
    axes.plot(full["estimate"], at, "x", color=style.INK, ms=9, mew=2, label="all studies")
    axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
    axes.set_ylabel("tau (sd between studies, same scale)" if across == "tau" else "studies", fontsize=8.5)
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    above.set_axis_off()


def _caption(table: pd.DataFrame) -> str:
    """What a dot is, and under which priors."""
    few = " (a sample of them)" if table.attrs["sampled"] else ""
    return (
        f"Each dot: posterior means from one of {len(table):,} subsets of the studies{few}; above, how "
        f"many have which estimate. {priors_and_engine(table.attrs)}"
    )


def _look(count: int) -> tuple[float, float]:
    """Area in square points and opacity of so many dots: seven are to be seen, thousands told apart."""
    few = 1.0 - min(max(math.log10(max(count, FEW) / FEW) / math.log10(MANY / FEW), 0.0), 1.0)
    return 5.0 + 40.0 * few, 0.35 + 0.55 * few


def _most(table: pd.DataFrame, studies: list[str]) -> str:
    """The study whose presence moves the mean estimate most."""
    moved = {
        one: abs(float(table.loc[table[one], "estimate"].mean() - table.loc[~table[one], "estimate"].mean()))
        for one in studies
    }
    return max(moved, key=lambda one: moved[one])


def _range(values: pd.Series) -> tuple[float, float]:
    """Ends of the axis, also where all are alike."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)
