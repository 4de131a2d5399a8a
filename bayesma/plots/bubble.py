"""How does the effect change with a moderator? Studies as bubbles around the regression line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.moderators import main_labels, require_moderators
from bayesma.plots import style
from bayesma.plots.caption import UNCONVERGED, assemble, check_ci_prob
from bayesma.plots.scale import ticks
from bayesma.plots.style import Picture
from bayesma.plots.text import text_width, wrap
from bayesma.posterior.marginals import labels_of
from bayesma.posterior.predict import predict
from bayesma.posterior.provenance import Provenance, case_of, provenance, require_one_effect

type Array = NDArray[np.float64]

WIDTH, HEIGHT = 7.2, 4.9  # inches
PLACES = 61  # along the line
LARGEST = 620.0  # area of the heaviest study, in square points
REACH = 0.06  # of the moderator's range, beyond it on either side
SMALL, LINE = 6.0, 0.1  # points of names, and inches of a line of them
OFFSETS = (0.12, -0.14, 0.24, -0.26)  # inches from the bubble at which a name may stand
TEXT, TALL = 7.5, 3.4  # points of ticks, and inches of the axis they stand at


def bubble(
    fit: xr.DataTree, moderator: str | None = None, *, ci_prob: float = 0.95, title: str | None = None
) -> Picture:
    """Draw the effect against a moderator that is a number, other moderators at their mean.

    Parameters
    ----------
    fit
        A fit of one effect a study with moderators.
    moderator
        The one along the axis; not needed where there is one only.
    ci_prob
        Probability of both bands: of the mean effect (shaded) and of the effect in a new study (dashed).
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Areas of bubbles are proportional to the weights 1 / (se^2 + tau^2), tau at its posterior median;
        ratios have a logarithmic axis.

    Raises
    ------
    OptionError
        For a fit without moderators, a category, and a choice among several that is not made.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> table = pd.DataFrame({"dose": [1.0, 2.0, 4.0]})
    >>> effects = bm.Effects.from_estimates([0.1, 0.3, 0.8], [0.2] * 3, measure="SMD", table=table)
    >>> fit = bm.fit(effects, engine="exact", moderators=["dose"], random_seed=1)
    >>> figure = bm.plots.bubble(fit)
    """
    check_ci_prob(ci_prob)
    origin = provenance(fit)
    require_one_effect(fit, "plots.bubble")
    name = _chosen(fit, origin, moderator)
    labels = [str(label) for label in labels_of(fit, "moderator")]
    data = fit["constant_data"].dataset
    i = labels.index(name)
    x = (
        data["moderators"].values[:, i] * data["moderator_scale"].values[i]
        + data["moderator_centre"].values[i]
    )
    case = case_of(fit, origin)
    y, se = origin.family.crude(case.arrays)
    margin = REACH * float(np.ptp(x))
    places = np.linspace(x.min() - margin, x.max() + margin, PLACES)
    course = predict(fit, at={name: places}, ci_prob=ci_prob)
    with style.defaults():
        figure = style.picture(WIDTH, HEIGHT)
        axes = figure.add_axes((0.12, 0.235, 0.85, 0.69))
        _lines(axes, places, course)
        tau = float(fit["posterior"]["tau"].median()) if "tau" in fit["posterior"] else 0.0
        weight = 1.0 / (se**2 + tau**2)
        area = LARGEST * weight / np.nanmax(weight)
        axes.scatter(
            x, y, s=area, facecolor=style.OBSERVED, edgecolor=style.INK, alpha=0.55, lw=0.6, label="studies"
        )
        _dress(axes, origin, name, title)
        _name(axes, data["study"].values, x, y, weight)
        others = dict.fromkeys(label.split(": ")[0] for label in main_labels(labels) if label != name)
        words = [
            f"Line and shade: mean effect, {100 * ci_prob:g} % interval; dashed: a new study.",
            "Areas are weights; a name that would cover others is left out.",
        ]
        words += [f"At their mean: {', '.join(others)}."] if others else []
        caption = "\n".join(wrap(assemble(origin, words), WIDTH - 0.4, style.CAPTION))
        colour = style.MUTED if origin.converged else style.ALARM
        figure.text(0.03, 0.015, caption, fontsize=style.CAPTION, color=colour, va="bottom")
        if not origin.converged:
            figure.text(0.5, 0.985, UNCONVERGED, color=style.ALARM, ha="center", va="top", fontsize=9)
    return figure


def _chosen(fit: xr.DataTree, origin: Provenance, moderator: str | None) -> str:
    """The moderator along the axis."""
    if not origin.options.get("moderators"):
        raise OptionError("plots.bubble: this fit has no moderators; give fit(evidence, moderators=[...])")
    alone = main_labels([str(label) for label in labels_of(fit, "moderator")])
    numbers = [label for label in alone if ": " not in label]
    if moderator is None:
        if len(numbers) != 1:
            known = (
                f"choose among {', '.join(numbers)}" if numbers else "subgroups has the table of categories"
            )
            raise OptionError(f"plots.bubble: {len(numbers)} moderators of this fit are numbers; {known}")
        return numbers[0]
    require_moderators([moderator], list(dict.fromkeys(label.split(": ")[0] for label in alone)))
    if moderator not in numbers:
        raise OptionError(f"plots.bubble: {moderator} is a category; subgroups has the table of categories")
    return moderator


def _lines(axes: Axes, places: Array, course: pd.DataFrame) -> None:
    """The mean effect with its band, and the ends of a new study's interval."""
    mean = course.loc["average study"]
    axes.fill_between(
        places,
        mean["ci_low"],
        mean["ci_high"],
        color=style.POSTERIOR_FILL,
        alpha=0.5,
        lw=0,
        label="mean band",
    )
    axes.plot(places, mean["median"], color=style.POSTERIOR, lw=1.8, label="mean")
    if "new study" in course.index.get_level_values(0):
        new = course.loc["new study"]
        for end in ("ci_low", "ci_high"):
            axes.plot(places, new[end], color=style.NEW, lw=1.1, ls="--", label=f"new {end}")


def _name(axes: Axes, studies: NDArray[np.str_], x: Array, y: Array, weight: Array) -> None:
    """Write each study above its bubble, or below it where another's name is; the heaviest come first."""
    to_points = axes.transData + axes.figure.dpi_scale_trans.inverted()
    taken: list[tuple[float, float, float]] = []
    for i in np.argsort(-np.nan_to_num(weight)).tolist():
        at = to_points.transform((x[i], y[i]))
        half = 0.5 * text_width(str(studies[i]), SMALL)
        for offset in OFFSETS:
            place = (float(at[0]), float(at[1]) + offset, half)
            if all(abs(place[1] - o[1]) > LINE or abs(place[0] - o[0]) > half + o[2] for o in taken):
                taken.append(place)
                axes.annotate(
                    str(studies[i]),
                    (x[i], y[i]),
                    xytext=(0.0, offset * style.POINTS),
                    textcoords="offset points",
                    fontsize=SMALL,
                    ha="center",
                    va="center",
                )
                break


def _dress(axes: Axes, origin: Provenance, name: str, title: str | None) -> None:
    """Axes in words, the null effect, ticks on the printed scale."""
    measure = origin.measure
    if measure.null is not None:
        axes.axhline(0.0, color=style.RULE, lw=0.8, zorder=0)
    low, high = axes.get_ylim()
    span = (min(low, 0.0), max(high, 0.0)) if measure.null is not None else (low, high)
    axes.set_ylim(*span)
    axes.set_yticks(*ticks(span, TALL, TEXT, measure.scale), parse_math=False)
    axes.set_xlabel(name, fontsize=8.5)
    axes.set_ylabel(measure.name[:1].upper() + measure.name[1:], fontsize=8.5)
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    if title is not None:
        axes.set_title(title, fontsize=style.TITLE, loc="left")
