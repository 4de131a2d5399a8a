"""How does the effect change with a moderator? Studies as bubbles around the regression line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.moderators import main_labels, require_moderators
from bayesma.plots import direction, style
from bayesma.plots.beside_bubbles import write_names
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
SMALL = 6.0  # points of names
LISTED = 2.0  # lines of the caption that studies without a name may fill
SHORTEST = 0.55  # inches that words on a side of the null have at least
TEXT, TALL = 7.5, 3.4  # points of ticks, and inches of the axis they stand at


def bubble(
    fit: xr.DataTree,
    moderator: str | None = None,
    *,
    ci_prob: float = 0.95,
    favours: str | None = None,
    treatment: str = "treatment",
    control: str = "control",
    title: str | None = None,
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
    favours
        ``"lower"`` or ``"higher"``: which values are good for patients; written on both sides of the null.
    treatment, control
        Names of the arms.
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
        For a fit without moderators, a category, a choice among several that is not made, an unknown
        direction, and a direction of a measure in single arms.

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
    if favours is not None and origin.measure.null is None:
        raise OptionError(
            f"favours compares two arms, and this is a {origin.measure.name} in single arms; leave it out"
        )
    sides = direction.sides(origin.measure, favours, treatment, control)
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
        axes = figure.add_axes((0.12, 0.235, 0.82, 0.69))
        _lines(axes, places, course)
        tau = float(fit["posterior"]["tau"].median()) if "tau" in fit["posterior"] else 0.0
        weight = 1.0 / (se**2 + tau**2)
        area = LARGEST * weight / np.nanmax(weight)
        axes.scatter(
            x, y, s=area, facecolor=style.OBSERVED, edgecolor=style.INK, alpha=0.55, lw=0.6, label="studies"
        )
        _dress(axes, origin, name, title)
        if sides is not None:
            _write_sides(axes, sides)
        left_out = write_names(axes, data["study"].values.tolist(), x, y, area, SMALL)
        others = dict.fromkeys(label.split(": ")[0] for label in main_labels(labels) if label != name)
        words = [
            f"Line and shade: mean effect, {100 * ci_prob:g} % interval; dashed: a new study.",
            "Areas are weights.",
        ]
        words += _unnamed(left_out)
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


def _unnamed(studies: list[str]) -> list[str]:
    """Who has no name beside the bubble; how many, where that would fill the page."""
    if not studies:
        return []
    listed = f"Without room for a name: {', '.join(studies)}."
    fits = text_width(listed, style.CAPTION) < LISTED * (WIDTH - 0.4)
    return [listed if fits else f"{len(studies)} studies have no room for a name."]


def _write_sides(axes: Axes, names: tuple[str, str]) -> None:
    """Whom an effect below and above the null favours, upright at the right of the axis."""
    low, high = axes.get_ylim()
    inch = (high - low) / TALL
    below, above = f"◄\u00a0{names[0]}", f"{names[1]}\u00a0►"  # arrows stay at words
    for text, room, align, away in (
        (below, -low / inch, "top", -direction.AWAY),
        (above, high / inch, "bottom", direction.AWAY),
    ):
        lines = wrap(text, max(room - direction.AWAY, SHORTEST), TEXT)
        axes.annotate(
            "\n".join(lines),
            (1.0, 0.0),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4.0, away * style.POINTS),
            textcoords="offset points",
            rotation=90,
            fontsize=TEXT,
            ha="left",
            va=align,
            annotation_clip=False,
            parse_math=False,
        )


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
    axes.set_ylabel(measure.display_label, fontsize=8.5)
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    if title is not None:
        axes.set_title(title, fontsize=style.TITLE, loc="left")
