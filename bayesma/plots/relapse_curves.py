"""Which curves does a figure of relapse show? Medians and intervals over months, from independent draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.families.relapse_hazards import HAZARDS
from bayesma.plots.bands import INNER, Band
from bayesma.plots.hazard_draw import Intensities
from bayesma.plots.numbers import Interval
from bayesma.plots.relapse_draw import Curves
from bayesma.plots.relapse_observed import followed
from bayesma.posterior.numbers import is_number, tails
from bayesma.posterior.provenance import Provenance

type Array = NDArray[np.float64]

FINE = 49  # months of a curve from 0 to the end of follow-up
USUAL = (12.0, 6.0)  # months whose numbers are told: the first within the follow-up, else its end
FIRST = 0.02  # of the follow-up, where a Weibull intensity begins: at 0 it is 0 or without limit
NEAR = 1e-6  # of the follow-up, around a month, where a Weibull intensity is taken as level
NEWCOMERS = {"u_centre_new": "new centre of a new study", "u_new": "new study"}  # the widest first
PER = 100.0  # patients an intensity is printed for


@dataclass(frozen=True, slots=True)
class Model:
    """Draws of one model, posterior or prior, with what turns them into intensities."""

    draws: Mapping[str, Array]
    hazard: str
    periods: tuple[float, ...]

    @classmethod
    def of(cls, fit: xr.DataTree, origin: Provenance, group: str = "posterior") -> Model:
        """Draws (n,) or (n, periods) of a group of a fit."""
        data = fit[group].dataset
        draws = {str(name): v.values.reshape(-1, *v.shape[2:]) for name, v in data.data_vars.items()}
        return cls(draws, origin.options["hazard"], tuple(origin.options.get("periods", ())))

    def accumulated(self, start: Array, stop: Array) -> Array:
        """Intensity of relapse added up over intervals in a typical study, (n, intervals)."""
        return HAZARDS[self.hazard].accumulated(start, stop, self.draws, self.periods)

    def mean(self, start: Array, stop: Array) -> Array:
        """Mean monthly intensity of relapse over intervals, (n, intervals)."""
        return self.accumulated(start, stop) / (stop - start)

    @property
    def death(self) -> Array | None:
        """Monthly intensity of death, (n, 1); None where it is not modelled."""
        log = self.draws.get("h_death")
        return None if log is None else np.exp(log)[:, None]


def end_of(fit: xr.DataTree) -> float:
    """Month at which the longest follow-up ends."""
    return float(fit["constant_data"].dataset["stop"].max())


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
    model, end = Model.of(fit, origin), end_of(fit)
    cuts = [cut for cut in model.periods if cut < end]
    month = np.unique([*np.linspace(0.0, end, FINE), *cuts, shown_month(end)])
    relapse = model.accumulated(np.zeros(month.size), month)
    dying = 0.0 if model.death is None else model.death * month
    free = np.exp(-relapse - dying)
    new = None
    if (name := next((name for name in NEWCOMERS if name in model.draws), None)) is not None:
        factor = np.exp(model.draws[name])[:, None]
        new = band_of(month, np.exp(-factor * relapse - dying), ci_prob, inner=False)
    death = None if model.death is None else band_of(month, _dead(month, model, free), ci_prob, inner=False)
    return Curves(
        band_of(month, free, ci_prob), new, NEWCOMERS.get(name or "", ""), death, followed(fit, origin)
    )


def _dead(month: Array, model: Model, free: Array) -> Array:
    """Cumulative incidence of death before a relapse: its share of all that is lost between two months."""
    assert model.death is not None
    relapse = model.mean(month[:-1], month[1:])
    lost = -np.diff(free, axis=1) * model.death / (relapse + model.death)
    return np.concatenate([np.zeros((len(lost), 1)), np.cumsum(lost, axis=1)], axis=1)


def intensities(fit: xr.DataTree, origin: Provenance, ci_prob: float) -> Intensities:
    """Logs of intensities over months, posterior and prior, with a step at the end of each period."""
    end = end_of(fit)
    posterior, prior = Model.of(fit, origin), Model.of(fit, origin, "prior")
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


def compared(
    fit: xr.DataTree,
    origin: Provenance,
    early: tuple[float, float],
    late: tuple[float, float],
    ci_prob: float,
) -> tuple[float, Interval]:
    """Probability that the mean intensity of the late months is the higher one, and log of their ratio."""
    for name, given in (("early", early), ("late", late)):
        _check_interval(name, given)
    start, stop = np.array([early, late], dtype=np.float64).T
    first, second = np.log(Model.of(fit, origin).mean(start, stop)).T
    ratio = band_of(np.zeros(1), (second - first)[:, None], ci_prob, inner=False)
    return float(np.mean(second > first)), ratio.intervals[0]


def _check_interval(name: str, given: tuple[float, float]) -> None:
    """Raise unless months are an interval."""
    ends = list(given) if isinstance(given, Sequence) else []
    if not (len(ends) == 2 and all(map(is_number, ends)) and 0.0 <= ends[0] < ends[1] < np.inf):
        raise OptionError(f"{name} is {given!r}; give start and stop in months, for example (0, 6)")
