"""Figure: how does the effect run over the months, in each study, on average and in a new one?"""

from __future__ import annotations

from collections.abc import Iterator

import xarray as xr
from matplotlib.figure import Figure

from bayesma.errors import OptionError
from bayesma.families.mean_shapes import MEANS
from bayesma.families.visit_covariances import BETWEEN
from bayesma.families.visit_moderators import KINDS
from bayesma.plots import caption, direction, scale, style, trajectory_course
from bayesma.plots.posterior_claims import mid_value
from bayesma.plots.text import plain
from bayesma.plots.trajectory_course import Course
from bayesma.plots.trajectory_page import Words, draw_page
from bayesma.plots.trajectory_table import written_every
from bayesma.posterior.curves import AVERAGE, has_visits
from bayesma.posterior.provenance import Provenance, provenance, require_effect
from bayesma.words.numbers import percent


def trajectory(
    fit: xr.DataTree,
    *,
    ci_prob: float = 0.95,
    favours: str | None = None,
    mid: float | None = None,
    treatment: str = "treatment",
    control: str = "control",
    ylabel: str | None = None,
    ylim: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """The effect over the months: every study, the average study and a new one.

    Studies are thin lines through the estimates they report, each with its confidence interval, side by side
    at a visit; a visit a study has not is left out. The average study is a line with its credible band, a new
    study a wider and lighter band. Under the axis of months stand the studies at each visit and, where known,
    their patients, above the graph, with `favours`, the probability of benefit at each. Up to eight studies
    are named.

    Parameters
    ----------
    fit
        Result of `fit` on `Trajectories`.
    ci_prob
        Probability of every interval, equal-tailed for posteriors.
    favours
        ``"lower"`` or ``"higher"``: which values are good for patients. None: no probabilities of benefit.
    mid
        Minimal important difference, above 0, on the analysis scale (log for ratios), in the direction of
        `favours`: a dotted line, and the probability of an effect beyond it at each visit.
    treatment, control
        Names of the arms. A change from baseline in one arm has none: it gets better or worse.
    ylabel
        Words of the vertical axis; the measure's printed name by default. The place for outcome and unit.
    ylim
        Ends of the vertical axis on the printed scale, with the null between them. By default every interval
        is shown whole unless it would squeeze the others; what is cut ends in an arrowhead.
    title
        Words at the top.

    Returns
    -------
    matplotlib.figure.Figure
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: months, y: the analysis scale).

    Raises
    ------
    OptionError
        For a fit without visits, an unknown direction, a `mid` without a direction or not above 0, a
        `ci_prob` outside (0, 1), limits without the null between them.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> rows = [["A", 3, -0.4, 0.2], ["A", 6, -0.6, 0.2], ["B", 6, -0.3, 0.3]]
    >>> names = ["study", "month", "estimate", "se"]
    >>> visits = bm.Trajectories.from_estimates(
    ...     pd.DataFrame(rows, columns=names),
    ...     **dict(zip(names, names, strict=True)),
    ...     measure="SMD",
    ...     within_correlation=0,
    ... )
    >>> fitted = bm.fit(visits, engine="exact", between="diagonal", random_seed=1)
    >>> figure = bm.plots.trajectory(fitted, favours="lower", treatment="MSCT")
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    caption.check_ci_prob(ci_prob)
    origin = provenance(fit)
    require_effect(fit, "a trajectory")
    if not has_visits(fit):
        raise OptionError(
            f"a trajectory needs effects over visits, and this fit of family {origin.family.name!r} has "
            "none; draw it with bayesma.plots.forest, or fit Trajectories"
        )
    names = direction.sides(origin.measure, favours, treatment, control)
    treated = names[favours == "higher"] if names is not None and origin.measure.controlled else ""
    course = trajectory_course.build(fit, origin, ci_prob, favours, mid, treated)
    span = (
        scale.limits(origin.measure.null, course.core, course.every)
        if ylim is None
        else scale.given_limits(ylim, origin.measure, "ylim")
    )
    words = Words(
        title=None if title is None else plain(title),
        ylabel=plain(origin.measure.display_label if ylabel is None else ylabel),
        sides=names,
        average=f"posterior median and {percent(ci_prob)} CrI",
        new=f"{percent(ci_prob)} CrI",
        caption=caption.assemble(origin, _sentences(origin, course, span, ci_prob)),
    )
    with style.defaults():
        return draw_page(course, span, words, origin, mid_value(origin.measure, mid, favours))


def _sentences(
    origin: Provenance, course: Course, span: tuple[float, float], ci_prob: float
) -> Iterator[str]:
    """What is drawn, which model runs through it, benefit at all visits, what was cut off."""
    level = percent(ci_prob)
    k = len(course.studies)
    yield (
        f"{k} {'studies' if k > 1 else 'study'}, each estimate with its {level} confidence interval"
        f"{', side by side at a visit' if k > 1 else ''}. CrI: {level} equal-tailed credible interval, "
        "at each month by itself."
    )
    mean, between = MEANS[origin.options["trajectory"]].words, BETWEEN[origin.options["between"]].words
    names = dict.fromkeys(name for option in KINDS for name in origin.options[option])
    at = f", of studies at the mean of {', '.join(names)}" if names else ""
    yield f"Mean over months: {mean}{at}. Studies around it: {between}."
    if course.visit.size > 1 and course.new.month.size == course.visit.size:
        alone = course.average.month.size > course.visit.size
        yield f"Lines between visits are for the eye only{' in a new study' if alone else ''}."
    if course.together and course.visit.size > 1:
        average, new = course.together.values()
        what = f"{direction.better_words(origin.measure)} at all visits"
        yield f"Posterior probability {what}: {AVERAGE} {average}, new study {new}."
    if origin.engine == "exact" and (what := _drawn(course)):
        yield f"From independent draws of the exact posterior: {what}."
    cut, band = course.count_cut(span)
    if cut:
        yield f"{cut} confidence {'intervals reach' if cut > 1 else 'interval reaches'} beyond the axis."
    if band:
        yield "A credible interval reaches beyond the axis."
    if (step := written_every(course)) > 1:
        yield f"Numbers are written for every {step}{_ordinal(step)} visit."


def _drawn(course: Course) -> str:
    """What of an exact fit needed draws, since it takes several parameters together."""
    curves = {"the average study": course.average.drawn, "a new study": course.new.drawn}
    shown = [name for name, drawn in curves.items() if drawn]
    if course.together and course.visit.size > 1:
        shown.append("the probability of all visits")
    return ", ".join(shown)


def _ordinal(number: int) -> str:
    """Ending of an ordinal number."""
    return {2: "nd", 3: "rd"}.get(number, "th")
