"""Figure: how intense is relapse in each period, and does it rise from early to late?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayesma.measures import MEASURES
from bayesma.plots import caption, scale, style
from bayesma.plots.bands import INNER
from bayesma.plots.hazard_draw import POSTERIOR, PRIOR, Intensities, draw_intensities, reaches_beyond
from bayesma.plots.months_page import GRAPH, SIZE, WIDTH, Page, draw_page
from bayesma.plots.relapse_curves import intensities
from bayesma.plots.relapse_words import intensity_words, require_relapse
from bayesma.plots.text import plain
from bayesma.posterior.hazard import hazard as asked
from bayesma.posterior.provenance import Provenance
from bayesma.words.numbers import Interval, estimate_texts, percent, probability_claim


def hazard(
    fit: xr.DataTree,
    *,
    early: tuple[float, float] = (0.0, 6.0),
    late: tuple[float, float] = (6.0, 12.0),
    ci_prob: float = 0.95,
    ylabel: str | None = None,
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Monthly intensity of relapse in a typical study, with its prior behind it, and whether it rises.

    Steps are posterior medians with a band of 50 % and a lighter one of `ci_prob`; behind them stand median
    and interval of the prior. Above the graph stands the probability that the mean intensity of the late
    months is higher than that of the early ones, and by how much.

    Parameters
    ----------
    fit
        Result of `fit` on `FollowUp`.
    early, late
        Start and stop in months of the two intervals that are compared.
    ci_prob
        Probability of the outer intervals, equal-tailed; above 0.5.
    ylabel
        Words of the vertical axis.
    title
        Words at the top.
    width
        Of the figure in inches, 4 to 20.

    Returns
    -------
    matplotlib.figure.Figure
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: months, y: log of relapses per 100
        patients free of relapse and month).

    Raises
    ------
    OptionError
        For a fit of another family, months that are no intervals, a `ci_prob` that is not between 0.5 and 1,
        a width that does not do.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> rows = {"study": ["Ash", "Ash"], "start": [0, 6], "stop": [6, 12], "n": [24, 21], "r": [3, 4]}
    >>> columns = {"study": "study", "start": "start", "stop": "stop", "at_risk": "n", "relapses": "r"}
    >>> follow = bm.FollowUp.from_frame(pd.DataFrame(rows), **columns)
    >>> fitted = bm.fit(follow, engine="exact", hazard="independent", random_seed=1)
    >>> figure = bm.plots.hazard(fitted)
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    origin = require_relapse(fit, "a figure of intensities", ci_prob, width)
    shown = intensities(fit, origin, ci_prob)
    span = scale.limits(None, shown.posterior.intervals, shown.prior.intervals)
    page = Page(
        title=None if title is None else plain(title),
        answers=[_answer(fit, origin, early, late, ci_prob)],
        ylabel=plain(
            "relapses per 100 patients free of relapse and month (log axis)" if ylabel is None else ylabel
        ),
        months=(0.0, float(shown.posterior.month[-1])),
        span=span,
        yticks=scale.ticks(span, GRAPH, SIZE, "log"),
        blocks=[],
        keys=[
            POSTERIOR.key(f"posterior, typical study: median, {percent(INNER)} and {percent(ci_prob)} CrI"),
            PRIOR.key(f"prior: median and {percent(ci_prob)} interval"),
        ],
        caption=caption.assemble(origin, _sentences(origin, shown, span, ci_prob)),
        width=width,
    )
    with style.defaults():
        return draw_page(page, origin.converged, lambda axes: draw_intensities(axes, shown))


def _answer(
    fit: xr.DataTree,
    origin: Provenance,
    early: tuple[float, float],
    late: tuple[float, float],
    ci_prob: float,
) -> str:
    """Whether the intensity rises, and by how much."""
    if origin.options["hazard"] == "constant":
        return "This model assumes that the intensity never changes."
    table = asked(fit, early=early, late=late, ci_prob=ci_prob)
    first, second = table.attrs["windows"]
    logs = np.log(table.loc["ratio", ["median", "ci_low", "ci_high"]].to_numpy(dtype=np.float64))
    ratio = estimate_texts([Interval(*map(float, logs))], MEASURES["RR"])[0]
    rises = probability_claim(table.attrs["p_rises"], table.attrs["mcse_p_rises"])
    return (
        f"Mean intensity in {second} above that in {first}: P {rises}; "
        f"ratio {ratio} (posterior median [{percent(ci_prob)} CrI])."
    )


def _sentences(
    origin: Provenance, shown: Intensities, span: tuple[float, float], ci_prob: float
) -> Iterator[str]:
    """What is drawn, which model it is, and what the axis cuts."""
    yield (
        "Intensity: relapses per 100 patients still free of relapse and month. "
        f"CrI: {percent(ci_prob)} equal-tailed credible interval; the darker band holds {percent(INNER)}."
    )
    yield intensity_words(origin)
    if reaches_beyond(shown.prior, span):
        yield "The prior reaches beyond the axis."
