"""How do the studies' effects come together? Conditional means over tau, its posterior density beneath."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.measures import MEASURES
from bayesma.plots import style
from bayesma.plots.scale import ticks
from bayesma.plots.spreading import spread
from bayesma.plots.style import Picture
from bayesma.plots.text import text_width, wrap

WIDTH, TEXT, LEAST = 7.2, 7.5, 3.2  # inches, points, inches of the upper panel at least
LOWER, ABOVE = 0.9, 0.4  # inches of the lower panel, and of what is above both
BELOW = 1.1  # inches of axis and caption under both panels
GAP, LEADER = 0.13, 0.12  # inches between names at the right, and from lines to names


def shrinkage_trace(table: pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw what `shrinkage_trace` found.

    Parameters
    ----------
    table
        Result of `shrinkage_trace`, for two values of tau or more.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each study and one, with its interval, for the mean effect; ratios on a logarithmic axis.
        Beneath, the posterior density of tau: where it is high the lines above are the answer.

    Raises
    ------
    OptionError
        For another table.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, priors={"mu": "Flat()"}, engine="exact", random_seed=1)
    >>> figure = bm.plots.shrinkage_trace(bm.shrinkage_trace(fit))
    """
    if not isinstance(table, pd.DataFrame) or "density" not in table.attrs or len(table.attrs["density"]) < 2:
        raise OptionError(
            "plots.shrinkage_trace draws the table that shrinkage_trace returns, for several values of tau"
        )
    means, density = table["mean"].unstack("effect", sort=False), table.attrs["density"]
    tau = means.index.to_numpy(dtype=np.float64)
    studies = [name for name in means.columns if name != "mu"]
    measure = MEASURES[table.attrs["measure"] if table.attrs["measure"] in MEASURES else "GEN"].of_event(
        table.attrs["event"]
    )
    with style.defaults():
        tall = max(LEAST, GAP * (len(studies) + 1))
        height = BELOW + LOWER + 0.15 + tall + ABOVE
        figure = style.picture(WIDTH, height)
        room = min(max(text_width(str(name), TEXT) for name in studies) + 0.3 + LEADER, 0.35 * WIDTH)
        left, width = 0.75 / WIDTH, (WIDTH - 0.75 - room) / WIDTH
        axes = figure.add_axes((left, (BELOW + LOWER + 0.15) / height, width, tall / height))
        below = figure.add_axes((left, BELOW / height, width, LOWER / height), sharex=axes)
        ends = table.xs("mu", level="effect")
        axes.fill_between(tau, ends["ci_low"], ends["ci_high"], color=style.POSTERIOR_FILL, alpha=0.4, lw=0)
        axes.plot(tau, means["mu"], color=style.POSTERIOR, lw=2.4, label="mu", zorder=3)
        for name in studies:
            axes.plot(tau, means[name], color=style.MUTED, lw=1.0, label=str(name))
        low, high = axes.get_ylim()
        span = (min(low, 0.0), max(high, 0.0)) if measure.null is not None else (low, high)
        axes.set_ylim(*span)
        axes.set_yticks(*ticks(span, tall, TEXT, measure.scale), parse_math=False)
        axes.set_xlim(tau[0], tau[-1])
        _names(axes, tau[-1], means[studies].iloc[-1], tall)
        if measure.null is not None:
            axes.axhline(0.0, color=style.RULE, lw=0.8, zorder=0)
        axes.set_ylabel(measure.display_label, fontsize=8.5)
        below.fill_between(tau, density.to_numpy(), color=style.POSTERIOR_FILL, lw=0, label="density of tau")
        below.set_ylim(0.0, None)
        below.set_yticks([])
        below.set_ylabel("density", fontsize=TEXT)
        below.set_xlabel("between-study standard deviation tau", fontsize=8.5)
        for one in (axes, below):
            one.tick_params(labelsize=TEXT)
            one.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelbottom=False)
        text = "\n".join(wrap(_caption(table.attrs["ci_prob"]), WIDTH - 0.3, style.CAPTION))
        figure.text(0.15 / WIDTH, 0.015, text, fontsize=style.CAPTION, color=style.MUTED, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
    return figure


def _caption(ci_prob: float) -> str:
    """What the lines, the shade and the lower panel are."""
    return (
        "Were the between-study standard deviation tau known: thick line and shade, the mean effect mu with "
        f"its {100 * ci_prob:g} % interval; thin lines, the mean effect of each study, from complete pooling "
        "at the left towards the study alone at the right. Lower panel: posterior density of tau; the lines "
        "count where it is high."
    )


def _names(axes: Axes, x: float, ends: pd.Series, tall: float) -> None:
    """Studies at the right ends of their lines, moved apart where they would meet."""
    low, high = axes.get_ylim()
    inch = (high - low) / tall
    order = ends.sort_values()
    at = spread(order.to_numpy(dtype=np.float64), np.full(order.size, GAP * inch), (low, high))
    leader = axes.transAxes + axes.transData.inverted()
    beyond = float(leader.transform((1.0 + LEADER / (axes.get_position().width * WIDTH), 0.0))[0])
    for name, end, place in zip(order.index, order, at, strict=True):
        axes.plot([x, beyond], [end, place], color=style.RULE, lw=0.5, clip_on=False)
        axes.annotate(
            str(name),
            (beyond, place),
            xytext=(2, 0),
            textcoords="offset points",
            fontsize=TEXT,
            va="center",
            annotation_clip=False,
            parse_math=False,
        )
