"""Which curves does a figure of relapse show? Medians and intervals over months, from independent draws."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.plots.bands import INNER, Band
from bayesma.plots.hazard_draw import Intensities
from bayesma.plots.relapse_draw import Curves
from bayesma.plots.relapse_observed import followed
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import NEW_CENTRE, NEW_STUDY, TYPICAL, course_of, last_month
from bayesma.posterior.relapse_levels import Levels

type Array = NDArray[np.float64]

FINE = 49  # months of a curve from 0 to the end of follow-up
USUAL = (12.0, 6.0)  # months whose numbers are told: the first within the follow-up, else its end
FIRST = 0.02  # of the follow-up, where a Weibull intensity begins: at 0 it is 0 or without limit
NEAR = 1e-6  # of the follow-up, around a month, where a Weibull intensity is taken as level
NEWCOMERS = {NEW_CENTRE: "new centre of a new study", NEW_STUDY: "new study"}  # the widest first
PER = 100.0  # patients an intensity is printed for


def shown_month(end: float) -> float:
    """The month whose numbers are told."""
    return next((month for month in USUAL if month <= end), end)


def band_of(month: Array, draws: Array, ci_prob: float, *, inner: bool = True) -> Band:
    """Median and intervals of draws (n, months)."""
    low, high = tails(ci_prob)
    levels = [low, *tails(INNER), high, 0.5]
    ends = np.quantile(draws, levels, axis=0)
    return Band(month, ends[4], ends[0], ends[3], (ends[1], ends[2]) if inner else None)


def curves(fit: xr.DataTree, origin: Provenance, ci_prob: float) -> Curves:
    """Freedom from relapse in a typical and in a new study, death before a relapse, and what was seen."""
    end = last_month(fit)
    cuts = [cut for cut in origin.options.get("periods", ()) if cut < end]
    month = np.unique([*np.linspace(0.0, end, FINE), *cuts, shown_month(end)])
    course, _ = course_of(fit, origin, month[1:])
    at = course.position(month)

    def band(draws: Array, *, inner: bool = False) -> Band:
        return band_of(month, draws[:, at], ci_prob, inner=inner)

    name = next((name for name in NEWCOMERS if name in course.shift), None)
    return Curves(
        band(course.free(TYPICAL), inner=True),
        None if name is None else band(course.free(name)),
        "" if name is None else NEWCOMERS[name],
        band(course.left(TYPICAL)[1]) if np.any(course.death > 0.0) else None,
        followed(fit, origin),
    )


def intensities(fit: xr.DataTree, origin: Provenance, ci_prob: float) -> Intensities:
    """Logs of intensities over months, posterior and prior, with a step at the end of each period."""
    end = last_month(fit)
    posterior, prior = Levels.of(fit, origin), Levels.of(fit, origin, "prior")
    cuts = tuple(cut for cut in posterior.periods if cut < end)
    if posterior.hazard == "weibull":
        month = np.linspace(FIRST * end, end, FINE)
        start, stop, times = month - NEAR * end, month + NEAR * end, 1
    else:
        edges = np.array([0.0, *cuts, end])
        start, stop, times = edges[:-1], edges[1:], 2
        month = np.repeat(edges, times)[1:-1]
    known, believed = (
        np.log(PER * np.repeat(model.mean(start, stop), times, axis=1)) for model in (posterior, prior)
    )
    return Intensities(band_of(month, known, ci_prob), band_of(month, believed, ci_prob, inner=False), cuts)
