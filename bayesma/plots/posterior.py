"""Figure: what is known about one parameter, what was believed before, and how probable is benefit?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.measures.base import Measure
from bayesma.plots import caption, direction, style
from bayesma.plots.curve import curve
from bayesma.plots.naming import MEAN, meaning_of
from bayesma.plots.posterior_claims import claims, mid_value, mid_words
from bayesma.plots.posterior_page import Shading, Shown, Words, draw_page
from bayesma.plots.text import plain
from bayesma.posterior.marginals import centre, inner_dims, marginal, moments_below
from bayesma.posterior.provenance import Provenance, provenance, require_one_effect
from bayesma.words.numbers import Interval, estimate_texts, percent

type Array = NDArray[np.float64]

DENSITIES = {"log": "logarithm", "logit": "logit, on which the axis is even"}
PADDING = 0.03  # of the span, left free at both ends


def posterior(
    fit: xr.DataTree,
    parameter: str = "mu",
    *,
    ci_prob: float = 0.95,
    prior: bool = True,
    mid: float | None = None,
    favours: str | None = None,
    treatment: str = "treatment",
    control: str = "control",
    xlabel: str | None = None,
    title: str | None = None,
) -> Figure:
    """Posterior density of one parameter, with its prior, the null and the probability of benefit.

    Parameters
    ----------
    fit
        Result of `fit`.
    parameter
        A scalar parameter: ``"mu"``, ``"theta_new"``, ``"tau"``. For the effects of the studies: `forest`.
    ci_prob
        Probability of the equal-tailed interval.
    prior
        Draw the prior density, where the parameter has a prior of its own and it is proper.
    mid
        Minimal important difference, above 0, on the analysis scale (log for ratios), in the direction of
        `favours`.
    favours
        ``"lower"`` or ``"higher"``: which values are good for patients. None: the two sides of the null are
        named by their values.
    treatment, control
        Names of the arms.
    xlabel
        Words under the axis; the measure's printed name by default. The place for outcome and unit.
    title
        Words at the top; by default the parameter's meaning. The estimate follows on the next line.

    Returns
    -------
    matplotlib.figure.Figure
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: the analysis scale).

    Raises
    ------
    OptionError
        For a parameter the fit has not or that is no scalar, an unknown direction, a `mid` without a
        direction or not above 0, a `ci_prob` outside (0, 1).

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fitted = bm.fit(effects, engine="exact", random_seed=1)
    >>> figure = bm.plots.posterior(fitted, favours="lower", mid=0.2, treatment="MSCT")
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    caption.check_ci_prob(ci_prob)
    if parameter == "mu":
        require_one_effect(fit, "this plot")
    if inner_dims(fit, parameter):
        raise OptionError(
            f"{parameter} has a value for each {inner_dims(fit, parameter)[0]}; summary(fit) and the other "
            "plots show them all"
        )
    origin = provenance(fit)
    declared = next(p for p in origin.family.parameters(origin.options) if p.name == parameter)
    measure = origin.measure if declared.role == "new" or parameter == "mu" else None
    if measure is not None and measure.null is None and favours is not None:
        raise OptionError(
            f"favours compares two arms, and this is a {measure.name} in single arms; leave it out"
        )
    arms = (plain(treatment), plain(control))
    null = None if measure is None else measure.null
    said = [] if measure is None or null is None else claims(fit, parameter, measure, mid, favours, arms)
    at = None if measure is None else mid_value(measure, mid, favours)
    shown = _shown(fit, origin, parameter, measure, ci_prob, at)
    shown = replace(shown, shadings=_shadings(shown, measure, at, favours, arms))
    named = meaning_of(declared, origin)
    meaning = named[:1].upper() + named[1:]
    words = Words(
        title=meaning if title is None else plain(title),
        estimate=_estimate(fit, parameter, shown.interval, measure, ci_prob),
        xlabel=plain(_xlabel(origin, measure, meaning) if xlabel is None else xlabel),
        interval=f"posterior {_centre_name(fit, parameter)} and {percent(ci_prob)} credible interval (CrI)",
        claims=said,
        caption=caption.assemble(origin, _sentences(shown, parameter, measure, prior=prior)),
    )
    with style.defaults():
        return draw_page(shown if prior else replace(shown, prior=None), words, origin, measure)


def _shown(
    fit: xr.DataTree,
    origin: Provenance,
    parameter: str,
    measure: Measure | None,
    ci_prob: float,
    mid: float | None,
) -> Shown:
    """Curves and limits, nothing shaded yet."""
    tail = 0.5 * (1.0 - ci_prob)
    low, high = marginal(fit, parameter).quantile([tail, 1.0 - tail])[0]
    interval = Interval(float(centre(fit, parameter)[0]), float(low), float(high))
    null = None if measure is None else measure.null
    marks = tuple(v for v in (null, mid) if v is not None)
    x, height = curve(fit, parameter, interval, marks)
    lower = next(p.lower for p in origin.family.parameters(origin.options) if p.name == parameter)
    ends = [x[0], x[-1], *marks, *([lower] if np.isfinite(lower) else [])]
    room = PADDING * (max(ends) - min(ends))
    span = (max(float(min(ends)) - room, lower), float(max(ends)) + room)
    return Shown((x, height), _prior_curve(origin, parameter, span), interval, span, (), null, mid)


def _prior_curve(origin: Provenance, parameter: str, span: tuple[float, float]) -> tuple[Array, Array] | None:
    """Prior density over the axis; None where it is improper or the parameter has none of its own."""
    prior = origin.priors.get(parameter)
    if prior is None or not prior.is_proper:
        return None
    values = np.linspace(*span, 600)
    height = np.exp(prior.logpdf(values))
    finite = np.isfinite(height)
    return values[finite], height[finite]


def _shadings(
    shown: Shown, measure: Measure | None, mid: float | None, favours: str | None, arms: tuple[str, str]
) -> Sequence[Shading]:
    """Parts of the area: good and bad side of the null, and what matters of the good one."""
    if measure is None or measure.null is None:
        return (Shading(-np.inf, np.inf, style.POSTERIOR_FILL, "posterior"),)
    null, ends = measure.null, (-np.inf, np.inf)
    if favours is None:
        return (
            Shading(ends[0], null, style.POSTERIOR_FILL, "posterior below the null"),
            Shading(null, ends[1], style.OTHER_FILL, "above the null"),
        )
    lower = favours == "lower"
    names = direction.sides(measure, favours, *arms)
    assert names is not None, "a direction was given"
    good, bad = ((ends[0], null), (null, ends[1])) if lower else ((null, ends[1]), (ends[0], null))
    parts = [
        Shading(*good, style.POSTERIOR_FILL, names[not lower]),
        Shading(*bad, style.OTHER_FILL, names[lower]),
    ]
    if mid is not None:
        matters = (ends[0], mid) if lower else (mid, ends[1])
        parts.insert(
            1,
            Shading(
                *matters, style.MID_FILL, f"minimal important difference ({mid_words(measure, mid, favours)})"
            ),
        )
    return parts


def _estimate(
    fit: xr.DataTree, parameter: str, interval: Interval, measure: Measure | None, ci_prob: float
) -> str:
    """The line below the title."""
    name = "" if measure is None else f"{measure.display_label} "
    text = estimate_texts([interval], measure)[0]
    return f"{name}{text} (posterior {_centre_name(fit, parameter)} [{percent(ci_prob)} CrI])"


def _centre_name(fit: xr.DataTree, parameter: str) -> str:
    """Mean, or median where no mean exists."""
    return "mean" if moments_below(fit, parameter) > 1 else "median"


def _xlabel(origin: Provenance, measure: Measure | None, meaning: str) -> str:
    """Printed name of the measure; for other parameters what they mean, and on which scale."""
    if measure is not None:
        return measure.display_label
    as_printed = origin.measure.scale == "identity" or meaning == MEAN.capitalize()
    return meaning if as_printed else f"{meaning} (scale of the {origin.measure.label.lower()})"


def _sentences(shown: Shown, parameter: str, measure: Measure | None, *, prior: bool) -> Iterator[str]:
    """What the curve is, and why a prior is missing."""
    yield f"Posterior density of {parameter}."
    if measure is not None and measure.scale in DENSITIES:
        yield f"Densities refer to the {DENSITIES[measure.scale]}."
    if prior and shown.prior is None:
        yield f"No prior density is drawn: {parameter} has no proper prior of its own."
