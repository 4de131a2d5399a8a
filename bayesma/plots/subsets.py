"""Which answers do subsets of the studies give? A dot a subset, those with one study set apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

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
    inside = table[chosen].to_numpy(dtype=bool)
    across = "tau" if "tau" in table else "size"
    with style.defaults():
        parts = (
            (~inside, style.OBSERVED, "o", f"without {chosen}"),
            (inside, style.POSTERIOR, "^", f"with {chosen}"),
        )
        keys = [
            *(
                Line2D([], [], ls="", marker=marker, color=colour, ms=5.5, label=label)
                for _, colour, marker, label in parts
            ),
            Line2D([], [], ls="", marker="x", color=style.INK, ms=7, mew=2, label="all studies"),
        ]
        beside = sum(text_width(str(key.get_label()), TEXT) + KEY for key in keys) < WIDTH - LEFT - RIGHT
        rows = 1 if beside else len(keys)
        height = HEIGHT + ROW * rows
        figure = style.picture(WIDTH, height)
        across_page = (LEFT / WIDTH, 1.0 - (LEFT + RIGHT) / WIDTH)
        axes = figure.add_axes((across_page[0], BELOW / height, across_page[1], TALL / height))
        place = (across_page[0], (BELOW + TALL + 0.05) / height, across_page[1], ABOVE / height)
        above = figure.add_axes(place, sharex=axes)
        bins = np.linspace(*_range(table["estimate"]), 61).tolist()
        size, alpha = _look(len(table))
        for kept, colour, marker, label in parts:
            part = table[kept]
            axes.scatter(
                part["estimate"],
                part[across],
                s=size,
                color=colour,
                marker=marker,
                alpha=alpha,
                lw=0,
                label=label,
            )
            above.hist(part["estimate"], bins=bins, color=colour, alpha=0.55, label=label)
        full = table.attrs["full"]
        at = full["tau"] if across == "tau" else len(studies)
        axes.plot(full["estimate"], at, "x", color=style.INK, ms=9, mew=2, label="all studies")
        axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
        axes.set_ylabel(
            "tau (sd between studies, same scale)" if across == "tau" else "studies", fontsize=8.5
        )
        axes.tick_params(labelsize=TEXT)
        above.set_axis_off()
        axes.spines[["top", "right"]].set_visible(False)
        label_axis(axes, table.attrs, TEXT)
        figure.legend(
            handles=keys,
            fontsize=TEXT,
            frameon=False,
            ncols=len(keys) if beside else 1,
            loc="lower left",
            bbox_to_anchor=(across_page[0], (BELOW + TALL + ABOVE + 0.08) / height),
            borderaxespad=0.0,
            borderpad=0.0,
            handletextpad=0.2,
            columnspacing=1.2,
        )
        few = " (a sample of them)" if table.attrs["sampled"] else ""
        caption = (
            f"Each dot: posterior means from one of {len(table):,} subsets of the studies{few}; above, how "
            f"many have which estimate. {priors_and_engine(table.attrs)}"
        )
        text = "\n".join(wrap(caption, WIDTH - 0.3, style.CAPTION))
        figure.text(0.15 / WIDTH, 0.02, text, fontsize=style.CAPTION, color=style.MUTED, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
    return figure


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
