"""Figure: how many patients stay free of relapse over the months, and what was seen in each study?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr
from matplotlib.figure import Figure

from bayesma.plots import caption, style
from bayesma.plots.bands import INNER, Band
from bayesma.plots.legend import Key
from bayesma.plots.months_page import WIDTH, Block, Page, Row, draw_page
from bayesma.plots.relapse_curves import curves, shown_month
from bayesma.plots.relapse_draw import DEATH, NAMED, NEW, TYPICAL, Curves, draw_curves, letter
from bayesma.plots.relapse_observed import Followed, patients_at_risk
from bayesma.plots.relapse_words import PERCENTS, intensity_words, require_relapse, share_text
from bayesma.plots.text import plain
from bayesma.posterior.provenance import Provenance
from bayesma.words.numbers import percent

ROOM = 1.03  # top of the axis: points of studies without a relapse are shown whole
BEYOND = 0.3  # inches for the letters of studies that are followed longest


def relapse(
    fit: xr.DataTree,
    *,
    ci_prob: float = 0.95,
    ylabel: str | None = None,
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Freedom from relapse over the months: a typical study, a new one, and what was seen in each.

    The curve of a typical study has a band of 50 % and a lighter one of `ci_prob`; a new study (where
    centres are a level, a new centre of one) has a wider band. Every study is its life table: a step at the
    end of each interval, with a point whose area is in proportion to its patients at risk; up to twelve
    studies have letters. Who leaves inside an interval counts half at risk in it. Under the months stand the
    patients at risk: those at the start of the interval that holds a month, at the end of a follow-up those
    left. Where death is modelled, the curve is that of patients alive and free of relapse, and the
    cumulative incidence of death before a relapse is a second one. With moderators all curves are at their
    centre.

    Parameters
    ----------
    fit
        Result of `fit` on `FollowUp`.
    ci_prob
        Probability of the outer intervals, equal-tailed, at each month by itself; above 0.5.
    ylabel
        Words of the vertical axis.
    title
        Words at the top.
    width
        Of the figure in inches, 4 to 20.

    Returns
    -------
    matplotlib.figure.Figure
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: months, y: share of patients).

    Raises
    ------
    OptionError
        For a fit of another family, a `ci_prob` that is not between 0.5 and 1, a width that does not do.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> rows = {"study": ["Ash", "Ash"], "start": [0, 6], "stop": [6, 12], "n": [24, 21], "r": [3, 4]}
    >>> columns = {"study": "study", "start": "start", "stop": "stop", "at_risk": "n", "relapses": "r"}
    >>> follow = bm.FollowUp.from_frame(pd.DataFrame(rows), **columns)
    >>> fitted = bm.fit(follow, engine="exact", hazard="independent", random_seed=1)
    >>> figure = bm.plots.relapse(fitted, title="Relapse after a response")
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    origin = require_relapse(fit, "a curve of freedom from relapse", ci_prob, width)
    shown = curves(fit, origin, ci_prob)
    end = float(shown.typical.month[-1])
    free = "alive and free of relapse" if shown.death is not None else "free of relapse"
    page = Page(
        title=None if title is None else plain(title),
        answers=[_answer(shown, free, ci_prob)],
        ylabel=plain(f"{free} (% of patients)" if ylabel is None else ylabel),
        months=(0.0, end),
        span=(0.0, ROOM),
        yticks=(PERCENTS, [f"{100 * share:.0f}" for share in PERCENTS]),
        blocks=[Block("Patients at risk", _at_risk(shown.studies))],
        keys=_keys(shown, free, ci_prob),
        caption=caption.assemble(origin, _sentences(origin, shown, ci_prob)),
        width=width,
        beyond=BEYOND if len(shown.studies) > 1 else 0.12,
    )
    with style.defaults():
        return draw_page(page, origin.converged, lambda axes: draw_curves(axes, shown))


def _answer(shown: Curves, free: str, ci_prob: float) -> str:
    """The curves at one month, in numbers."""
    month = shown_month(float(shown.typical.month[-1]))
    parts = [f"typical study {_at(shown.typical, month)} (posterior median [{percent(ci_prob)} CrI])"]
    if shown.new is not None:
        parts.append(f"{shown.newcomer} {_at(shown.new, month)}")
    if shown.death is not None:
        parts.append(f"dead before a relapse, typical study {_at(shown.death, month)}")
    return f"{free[:1].upper()}{free[1:]} at month {month:g}: {'; '.join(parts)}."


def _at(band: Band, month: float) -> str:
    """Median and interval of a share at one of its months."""
    (i,) = (band.month == month).nonzero()[0]
    return share_text(band.intervals[i])


def _at_risk(studies: Sequence[Followed]) -> list[Row]:
    """A row a study while they are few, and their sum."""

    def row_of(study: Followed, label: str) -> Row:
        return Row(label, lambda month: patients_at_risk([study], month))

    total = Row("all", lambda month: patients_at_risk(studies, month), style.INK)
    if len(studies) == 1:
        return [row_of(studies[0], plain(studies[0].label))]
    if len(studies) > NAMED:
        return [total]
    return [*(row_of(study, f"{letter(i)}  {plain(study.label)}") for i, study in enumerate(studies)), total]


def _keys(shown: Curves, free: str, ci_prob: float) -> list[Key]:
    """Curves and points as far as they are there."""
    level = f"{percent(ci_prob)} CrI"
    keys = [TYPICAL.key(f"{free}, typical study: median, {percent(INNER)} and {level}")]
    if shown.new is not None:
        keys.append(NEW.key(f"{shown.newcomer}, {level}"))
    if shown.death is not None:
        keys.append(DEATH.key(f"dead before a relapse, typical study, {level}"))
    return [*keys, Key("seen in a study", style.INK, "o")]


def _sentences(origin: Provenance, shown: Curves, ci_prob: float) -> Iterator[str]:
    """What is drawn, which model runs through it, and what the counts cannot say."""
    k, patients = len(shown.studies), sum(int(study.at_risk[0]) for study in shown.studies)
    several = f"{k} follow-ups, {patients} patients" if k > 1 else f"One follow-up, {patients} patients"
    yield (
        f"{several}: life tables, a point at the end of each interval, its area in proportion to the "
        "patients at risk in it. When a patient relapsed in it is not known, and the model leaves it open."
    )
    yield (
        f"CrI: {percent(ci_prob)} equal-tailed credible interval, at each month by itself; "
        f"the darker band holds {percent(INNER)}."
    )
    yield intensity_words(origin)
    if shown.death is not None:
        yield "Death before a relapse competes with it and is drawn as a cumulative incidence."
    yield (
        "Patients at risk: those at the start of the interval that holds the month, at the end of a "
        "follow-up those left free of relapse."
    )
    if any(study.gaps for study in shown.studies):
        yield "Through months a study was not followed its life table falls as the typical study does."
