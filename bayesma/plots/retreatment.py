"""Figure: how many months free of relapse are gained by repeating, and does it matter when?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayesma.plots import caption, scale, style
from bayesma.plots.bands import INNER
from bayesma.plots.months_page import GRAPH, SIZE, WIDTH, Block, Page, Row, draw_page
from bayesma.plots.relapse_words import intensity_words, require_relapse
from bayesma.plots.retreatment_draw import Gain, draw_gains, reach
from bayesma.plots.retreatment_gains import gains
from bayesma.plots.text import plain
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import last_month
from bayesma.posterior.retreatment import Belief
from bayesma.words.numbers import estimate_texts, percent


def retreatment(
    fit: xr.DataTree,
    *,
    months: Sequence[float] | None = None,
    to: float = 12.0,
    restoration: Mapping[str, Belief] | None = None,
    ci_prob: float = 0.95,
    ylabel: str | None = None,
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Months free of relapse gained by repeating the transplantation, against the month of the repeat.

    After a repeat at month m the log intensity is (1 - f) times the one of the month and f times the one m
    months before: f = 0 changes nothing, f = 1 starts anew. A line for each belief about f joins the
    expected gains, posterior means, with bars of 50 % and of `ci_prob`, side by side; the zero line is no
    gain. Under the months stands the probability of any gain.

    Parameters
    ----------
    fit
        Result of `fit` on `FollowUp`.
    months
        Months of the repeat, rising, below `to`; by default the first twelve, as far as they are.
    to
        Month up to which months free of relapse are counted.
    restoration
        Names of beliefs about f to their laws on (0, 1), at most three; by default those of
        `bayesma.retreatment`.
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
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: month of the repeat, y: months
        gained).

    Raises
    ------
    OptionError
        For a fit of another family, months that do not rise between 0 and `to`, a restoration that is no
        share, a `ci_prob` that is not between 0.5 and 1, a width that does not do.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> rows = {"study": ["Ash", "Ash"], "start": [0, 6], "stop": [6, 12], "n": [24, 21], "r": [3, 4]}
    >>> columns = {"study": "study", "start": "start", "stop": "stop", "at_risk": "n", "relapses": "r"}
    >>> follow = bm.FollowUp.from_frame(pd.DataFrame(rows), **columns)
    >>> fitted = bm.fit(follow, engine="exact", hazard="independent", random_seed=1)
    >>> figure = bm.plots.retreatment(fitted, months=[3, 6, 9])
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    origin = require_relapse(fit, "a figure of repeating", ci_prob, width)
    shown = gains(fit, origin, months, to, restoration, ci_prob)
    first, last = float(shown[0].band.month[0]), float(shown[0].band.month[-1])
    aside = reach(shown[0].band.month)
    span = scale.limits(0.0, [one for gain in shown for one in gain.band.intervals], [])
    counted = f"months free of relapse gained up to month {to:g}, by month of the repeat"
    page = Page(
        title=None if title is None else plain(title),
        answers=[_answer(shown, to, ci_prob)],
        ylabel=plain(counted if ylabel is None else ylabel),
        months=(first - aside, last + aside),
        span=span,
        yticks=scale.ticks(span, GRAPH, SIZE, "identity"),
        blocks=[Block("Posterior probability of any gain", [_row(gain) for gain in shown])],
        keys=[gain.mark.key(f"{gain.belief}, f ~ {gain.law}") for gain in shown],
        caption=caption.assemble(origin, _sentences(origin, last_month(fit), to, ci_prob)),
        width=width,
        beyond=0.0,
    )
    with style.defaults():
        return draw_page(page, origin.converged, lambda axes: draw_gains(axes, shown))


def _answer(shown: Sequence[Gain], to: float, ci_prob: float) -> str:
    """For each belief the month with the best expected gain."""
    parts = []
    for gain in shown:
        best = int(np.argmax(gain.band.middle))
        text = estimate_texts([gain.band.intervals[best]], None)[0]
        parts.append(f"{gain.belief}: {text} at month {gain.band.month[best]:g}")
    return (
        f"Best expected gain in months up to month {to:g} (posterior mean [{percent(ci_prob)} CrI]): "
        f"{'; '.join(parts)}."
    )


def _row(gain: Gain) -> Row:
    """Probabilities of a gain at the months of the repeat."""
    known = dict(zip(gain.band.month.tolist(), gain.above, strict=True))
    return Row(gain.belief, lambda month: known.get(month, ""), gain.mark.color)


def _sentences(origin: Provenance, end: float, to: float, ci_prob: float) -> Iterator[str]:
    """What is assumed of a repeat, what is drawn, and how far the months were followed."""
    yield (
        "After a repeat at month m the log intensity is (1 - f) times its own and f times that of m months "
        "before; f is the restoration, believed and not estimated. Gain: difference of the mean months free "
        "of relapse in a typical study, per patient who is free of relapse at month 0."
    )
    yield (
        f"Points: posterior means. Bars: {percent(INNER)} and {percent(ci_prob)} equal-tailed credible "
        "intervals (CrI), side by side at a month."
    )
    yield intensity_words(origin)
    if to > end:
        yield f"Beyond month {end:g} nobody was followed: the intensity goes on as the model has it."
