"""Which answers do subsets of the studies give? A dot a subset, those with one study set apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.style import Picture
from bayesma.plots.text import wrap

WIDTH, HEIGHT = 6.4, 5.0  # inches


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
        figure = style.picture(WIDTH, HEIGHT)
        axes = figure.add_axes((0.11, 0.2, 0.85, 0.52))
        above = figure.add_axes((0.11, 0.73, 0.85, 0.18), sharex=axes)
        bins = np.linspace(*_range(table["estimate"]), 61).tolist()
        for kept, colour, label in (
            (~inside, style.MUTED, f"without {chosen}"),
            (inside, style.NEW, f"with {chosen}"),
        ):
            part = table[kept]
            axes.scatter(part["estimate"], part[across], s=4, color=colour, alpha=0.35, lw=0, label=label)
            above.hist(part["estimate"], bins=bins, color=colour, alpha=0.55, label=label)
        full = table.attrs["full"]
        at = full["tau"] if across == "tau" else len(studies)
        axes.plot(full["estimate"], at, "x", color=style.INK, ms=9, mew=2, label="all studies")
        axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
        axes.set_xlabel(f"{table.attrs['parameter']}, analysis scale", fontsize=8.5)
        axes.set_ylabel("tau" if across == "tau" else "studies", fontsize=8.5)
        axes.tick_params(labelsize=7.5)
        above.set_axis_off()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=7.5, frameon=False, markerscale=2, loc="upper right")
        few = " (a sample of them)" if table.attrs["sampled"] else ""
        caption = f"Each dot: posterior means from one of {len(table):,} subsets of the studies{few}."
        text = "\n".join(wrap(caption, WIDTH - 0.3, style.CAPTION))
        figure.text(0.15 / WIDTH, 0.02, text, fontsize=style.CAPTION, color=style.MUTED, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
    return figure


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
