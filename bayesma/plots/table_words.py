"""What does the axis of a table's figure show, which side of it is benefit, and under which priors?

The tables of `leave_one_out`, `cumulative`, `subsets` and `prior_sensitivity` say it in their ``attrs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from bayesma.measures import MEASURES
from bayesma.measures.base import Measure
from bayesma.plots import direction, style
from bayesma.plots.text import line_height
from bayesma.words.numbers import MINUS

ON_SCALE = frozenset({"mu", "mean", "m", "theta_new"})  # parameters on the scale of the measure
BELOW_TICKS = 0.24  # inches from the axis to what stands under its tick labels
NEAREST = 0.12  # of the axis, that lie on either side of the null
ROUTES = {"exact": "exact integration", "nuts": "NUTS"}


def axis_words(attrs: Mapping[Any, Any]) -> str:
    """Measure and scale of the parameter shown: ``Log risk ratio (mu)``."""
    parameter, measure = str(attrs["parameter"]), _measure(attrs)
    if measure is not None and parameter in ON_SCALE:
        return f"{measure.label} ({parameter})"
    if measure is not None and parameter == "tau":
        return f"{tau_words(attrs)} (tau)"
    return f"{parameter}, analysis scale"


def tau_words(attrs: Mapping[Any, Any]) -> str:
    """What tau is, and on which scale."""
    measure = _measure(attrs)
    scale = "analysis scale" if measure is None else f"of the {measure.label[:1].lower()}{measure.label[1:]}"
    return f"Standard deviation between studies, {scale}"


def asked_words(attrs: Mapping[Any, Any]) -> str:
    """What has the probability, for ``P(...)``."""
    words = "benefit" if attrs["favours"] else str(attrs["question"])
    return words.replace("-", MINUS)


def priors_and_engine(attrs: Mapping[Any, Any]) -> str:
    """Sentences at the end of a caption."""
    defaults = attrs.get("defaults", ())
    priors = [
        f"{name} ~ {prior}{' (default)' if name in defaults else ''}" for name, prior in attrs["base"].items()
    ]
    said = f"Priors: {', '.join(priors)}. " if priors else ""
    return f"{said}Computed by {ROUTES.get(attrs['engine'], attrs['engine'])}."


def label_axis(axes: Axes, attrs: Mapping[Any, Any], size: float) -> None:
    """Under the axis: which side favours whom, where a direction was given, then measure and scale.

    The axis is made longer where the null is so near its end that the words would not fit.
    """
    low, high = axes.get_xlim()
    if attrs["favours"] and low < 0.0 < high:
        room = NEAREST * (high - low)
        axes.set_xlim(min(low, -room), max(high, room))
    sides = _sides(axes, attrs, size)
    for lines, align, away in zip(sides, ("right", "left"), (-direction.AWAY, direction.AWAY), strict=True):
        for number, line in enumerate(lines):
            axes.annotate(
                line,
                (0.0, 0.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(away * style.POINTS, -(BELOW_TICKS + number * line_height(size)) * style.POINTS),
                textcoords="offset points",
                fontsize=size,
                ha=align,
                va="top",
                annotation_clip=False,
                parse_math=False,
            )
    axes.set_xlabel(
        axis_words(attrs), fontsize=size + 1, labelpad=4.0 + style.POINTS * sides_height(axes, attrs, size)
    )


def sides_height(axes: Axes, attrs: Mapping[Any, Any], size: float) -> float:
    """Inches that the words on both sides of the null take."""
    return direction.sides_height(_sides(axes, attrs, size), size)


def _sides(axes: Axes, attrs: Mapping[Any, Any], size: float) -> tuple[list[str], list[str]]:
    """The words, wrapped to what there is on either side of the null."""
    measure = _measure(attrs)
    if measure is None or measure.null is None or attrs["parameter"] not in ON_SCALE or not attrs["favours"]:
        return [], []
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    width = float(figure.get_size_inches()[0])
    low, high = axes.get_xlim()
    null = width * (box.x0 + box.width * (measure.null - low) / (high - low))
    return direction.side_lines(
        direction.sides(measure, attrs["favours"], "treatment", "control"), null, width, size
    )


def _measure(attrs: Mapping[Any, Any]) -> Measure | None:
    """Of the table, where it has one."""
    code = attrs.get("measure", "")
    return MEASURES[code] if code in MEASURES else None
