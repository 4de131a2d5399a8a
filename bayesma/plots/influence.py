"""What does each study do to the answer? Columns of `influence`, and the forest of `leave_one_out`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.style import Picture
from bayesma.plots.table_words import asked_words, label_axis, priors_and_engine
from bayesma.plots.text import text_width, wrap
from bayesma.words.numbers import probability_text

WIDTH, ROW, TEXT = 7.2, 0.24, 7.5  # inches, inches, points
RIGHT = 0.85  # inches of the column of probabilities
MOST = 80  # rows of a figure
SIGNED = ("shift", "shift_tau")  # columns whose size matters, on either side
PANELS = {
    "shift": "shift of {parameter}, sd",
    "shift_tau": "shift of tau, sd",
    "pareto_k": "Pareto k",
    "weight": "weight, %",
}


def influence(table: pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw what `influence` found: shifts, Pareto k and weights, beyond its limits in red.

    Parameters
    ----------
    table
        Result of `influence`.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One row a study, one panel a column; dotted lines are the limits in ``attrs["limits"]``.

    Raises
    ------
    OptionError
        For another table, and more than 80 studies.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> figure = bm.plots.influence(bm.influence(effects, random_seed=1))
    """
    if not isinstance(table, pd.DataFrame) or "limits" not in table.attrs:
        raise OptionError("plots.influence draws the table that influence returns; give that")
    _check_rows(table)
    shown = [name for name in PANELS if name in table and table[name].notna().any()]
    limits = table.attrs["limits"]
    with style.defaults():
        height = ROW * len(table) + 1.35
        figure = style.picture(WIDTH, height)
        left = min(0.25 + max(text_width(str(label), TEXT) for label in table.index), 0.4 * WIDTH)
        room = (WIDTH - left - 0.15) / len(shown)
        y = np.arange(len(table))[::-1]
        for i, name in enumerate(shown):
            place = (
                (left + i * room) / WIDTH,
                0.75 / height,
                (room - 0.15) / WIDTH,
                ROW * len(table) / height,
            )
            axes = figure.add_axes(place, label=name)
            values, limit = table[name].to_numpy(dtype=np.float64), float(limits[name])
            loud = (np.abs(values) if name in SIGNED else values) > limit
            colours = [style.ALARM if one else style.POSTERIOR for one in loud]
            axes.hlines(y, 0.0, values, color=colours, lw=1.2)
            axes.scatter(values, y, c=colours, s=16, zorder=3)
            for end in (-limit, limit) if name in SIGNED else (limit,):
                axes.axvline(end, color=style.RULE, lw=0.9, ls=":")
            axes.axvline(0.0, color=style.RULE, lw=0.7)
            axes.set_ylim(-0.6, len(table) - 0.4)
            axes.set_yticks(y, table.index if i == 0 else [""] * len(table), fontsize=TEXT, parse_math=False)
            axes.set_xlabel(PANELS[name].format(parameter=table.attrs["parameter"]), fontsize=TEXT)
            axes.tick_params(axis="x", labelsize=TEXT - 1)
            axes.tick_params(axis="y", length=0)
            axes.spines[["left", "top", "right"]].set_visible(False)
        _close(figure, _worst(table, shown), title)
    return figure


def leave_one_out(table: pd.DataFrame, *, title: str | None = None) -> Picture:
    """Draw the answer without each study, or group of studies, against the answer from all.

    Parameters
    ----------
    table
        Result of `leave_one_out`; or of `cumulative`, whose rows are then the studies so far.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A forest of estimates and intervals, the interval of all studies as a band, probabilities at the
        right. Analysis scale.

    Raises
    ------
    OptionError
        For another table, and more than 80 rows.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> figure = bm.plots.leave_one_out(bm.leave_one_out(effects, favours="lower"))
    """
    if not isinstance(table, pd.DataFrame) or "full" not in table.attrs or "shift" not in table:
        raise OptionError(
            "plots.leave_one_out draws the table that leave_one_out returns, or that of cumulative; give that"
        )
    _check_rows(table)
    full, labels = table.attrs["full"], _row_labels(table)
    with style.defaults():
        height = ROW * len(table) + 1.9
        figure = style.picture(WIDTH, height)
        left = min(0.25 + max(text_width(label, TEXT) for label in labels), 0.45 * WIDTH)
        place = (left / WIDTH, 1.15 / height, (WIDTH - left - RIGHT) / WIDTH, ROW * len(table) / height)
        axes = figure.add_axes(place)
        axes.axvspan(full["ci_low"], full["ci_high"], color=style.OTHER_FILL, zorder=0, label="all studies")
        axes.axvline(full["estimate"], color=style.MUTED, lw=1.0, ls="--")
        axes.axvline(0.0, color=style.RULE, lw=0.8, zorder=0)
        for at, (_, row) in zip(np.arange(len(table))[::-1], table.iterrows(), strict=True):
            colour = style.POSTERIOR if row["converged"] else style.ALARM
            axes.plot([row["ci_low"], row["ci_high"]], [at, at], color=colour, lw=1.4)
            axes.plot(row["estimate"], at, "o", color=colour, ms=4.5)
            if "p_benefit" in table:
                chance = probability_text(float(row["p_benefit"])) if row["converged"] else "not converged"
                _at_right(axes, at, chance)
        if "p_benefit" in table:
            _at_right(axes, len(table) - 0.15, f"P({asked_words(table.attrs)})")
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set_yticks(np.arange(len(table))[::-1], labels, fontsize=TEXT, parse_math=False)
        axes.tick_params(axis="x", labelsize=TEXT)
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "top", "right"]].set_visible(False)
        label_axis(axes, table.attrs, TEXT)
        _close(figure, _explained(table), title)
    return figure


def _row_labels(table: pd.DataFrame) -> list[str]:
    """What the studies of each row are."""
    if table.index.name != "added":
        return [f"without {label}" for label in table.index]
    return [f"{'+ ' if number else ''}{label}" for number, label in enumerate(table.index)]


def _at_right(axes: Axes, at: float, text: str) -> None:
    """A number beside its row, or the head of the column, moved left where the page would end."""
    fits = text_width(text, TEXT) < RIGHT - 0.15
    axes.annotate(
        text,
        (1.0, at),
        xycoords=axes.get_yaxis_transform(),
        xytext=((0.1 if fits else RIGHT - 0.05) * style.POINTS, 0.0),
        textcoords="offset points",
        ha="left" if fits else "right",
        va="center",
        fontsize=TEXT,
        annotation_clip=False,
        parse_math=False,
    )


def _explained(table: pd.DataFrame) -> str:
    """The caption: rows, intervals, what the numbers at the right are, priors."""
    attrs = table.attrs
    ends = f"{100.0 * attrs['ci_prob']:g} % intervals"
    if table.index.name == "added":
        column = attrs["order"]
        order = f", in the order of {column}" if isinstance(column, str) else ""
        ends = f"Each row adds a study to those above it{order}. {ends}"
    asked = ""
    if "p_benefit" in table:
        what = "of benefit" if attrs["favours"] else f"of {attrs['question']}"
        asked = (
            f" At the right: the probability {what}; "
            f"from all studies {probability_text(float(attrs['full']['p_benefit']))}."
        )
    all_studies = f"dashed line and band: all {attrs['k']} studies."
    return f"{ends}; {all_studies}{asked} {priors_and_engine(attrs)}"


def _worst(table: pd.DataFrame, shown: list[str]) -> str:
    """The study that moves the answer most, and those beyond a limit."""
    sizes = table["shift"].abs()
    first = f"{sizes.idxmax()} moves {table.attrs['parameter']} most, by {sizes.max():.2f} sd."
    limits = table.attrs["limits"]
    sized = table[shown].assign(**{name: table[name].abs() for name in SIGNED if name in shown})
    over = (sized > pd.Series(limits)[shown]).any(axis=1)
    beyond = [str(name) for name in table.index[over]]
    return f"{first} Beyond a limit (dotted; red): {', '.join(beyond) if beyond else 'none'}."


def _check_rows(table: pd.DataFrame) -> None:
    """Refuse what no page holds."""
    if len(table) > MOST:
        raise OptionError(f"the table has {len(table)} rows, and a figure shows {MOST}; choose rows of it")


def _close(figure: Picture, caption: str, title: str | None) -> None:
    """Title above, caption below."""
    lines = wrap(caption, WIDTH - 0.3, style.CAPTION)
    extra = max(len(lines) - 2, 0)
    height = float(figure.get_size_inches()[1])
    if extra:  # room for further lines, at the bottom
        added = 0.14 * extra
        figure.set_size_inches(WIDTH, height + added)
        for axes in figure.axes:
            box = axes.get_position().bounds
            place = (box[0], (box[1] * height + added) / (height + added))
            axes.set_position((*place, box[2], box[3] * height / (height + added)))
    figure.text(0.15 / WIDTH, 0.01, "\n".join(lines), fontsize=style.CAPTION, color=style.MUTED, va="bottom")
    if title is not None:
        figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
