"""Draws of the course of relapse after a response: who is still free of it, month by month.

With L_R and L_D the intensities of relapse and of death free of relapse added up to month t, a patient is
alive and free of relapse with probability S(t) = exp(-L_R - L_D); within a cell of the grid both causes keep
their ratio. Relapses by month t are the cumulative incidence, in which who died cannot relapse any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.moderators import at_values, require_moderators
from bayesma.families.relapse_hazards import HAZARDS
from bayesma.posterior.marginals import labels_of
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance, provenance
from bayesma.posterior.relapse_levels import Levels

Array = NDArray[np.float64]

TYPICAL, NEW_STUDY, NEW_CENTRE = "typical study", "new study", "new centre"
NEW = {NEW_STUDY: "u_new", NEW_CENTRE: "u_centre_new"}
MEANINGS = {
    TYPICAL: "a study in the middle of all: its shift of the log intensity is 0",
    NEW_STUDY: "one new study, drawn from the distribution of studies",
    NEW_CENTRE: "one new centre of a new study",
}
CELL = 0.05  # months, over which an intensity that changes all the time is taken as level
HALVINGS = 30  # of the first cell, in which the intensity of a Weibull course may begin without a limit
LEAST = 1e-300  # intensity a month whose logarithm is taken
SMALL = 1e-8  # intensity over a cell below which nobody leaves it


def is_course(fit: xr.DataTree) -> bool:
    """Whether the studies of a fit are followed by intervals."""
    return "interval" in fit["posterior_predictive"].dims


def require_course(fit: xr.DataTree, question: str, name: str = "this") -> Provenance:
    """The model of a fit of relapses.

    Raises
    ------
    OptionError
        For a fit of another family, and for what is none.
    """
    origin = provenance(fit)
    if not is_course(fit):
        raise OptionError(
            f"{question}: {name} is a fit of family {origin.family.name!r}; it takes one of family 'relapse' "
            "(FollowUp)"
        )
    return origin


def last_month(fit: xr.DataTree) -> float:
    """The end of the longest follow-up."""
    return float(fit["constant_data"]["stop"].max())


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Intensities on a grid of months, by draw.

    Attributes
    ----------
    edges
        Months from 0 upward, shape (m + 1,).
    relapse, death
        Intensity added up over each cell where the shift is 0, shapes (n, m).
    shift
        Shift of the log intensity of relapse by estimand, each (n,).
    chains
        Of the n draws, the draws of a chain together.
    """

    edges: Array
    relapse: Array
    death: Array
    shift: Mapping[str, Array]
    chains: int

    def position(self, months: Sequence[float] | Array) -> NDArray[np.intp]:
        """Where months stand among the edges."""
        return np.searchsorted(self.edges, np.asarray(months, dtype=np.float64))

    def totals(self, estimand: str) -> tuple[Array, Array]:
        """Intensities of relapse and of both causes over the cells, (n, m)."""
        own = self.relapse * np.exp(self.shift[estimand])[:, None]
        return own, own + self.death

    def free(self, estimand: str) -> Array:
        """Probability to be alive and free of relapse at the edges, (n, m + 1)."""
        return np.exp(-_from_zero(self.totals(estimand)[1]))

    def left(self, estimand: str) -> tuple[Array, Array]:
        """Probabilities to have relapsed, and to have died free of relapse, by the edges: (n, m + 1)."""
        own, both = self.totals(estimand)
        share = np.divide(own, both, out=np.ones_like(own), where=both > 0.0)
        gone = self.free(estimand)[:, :-1] * -np.expm1(-both)
        return _from_zero(gone * share), _from_zero(gone * (1.0 - share))

    def months_free(self, estimand: str, to: float) -> Array:
        """Mean months alive and free of relapse up to a month that is an edge, (n,)."""
        both = self.totals(estimand)[1]
        each = np.divide(-np.expm1(-both), both, out=np.ones_like(both), where=both > SMALL)
        within = self.free(estimand)[:, :-1] * each * np.diff(self.edges)
        return np.asarray(within[:, : int(self.position([to])[0])].sum(axis=1))


def course_of(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float] | Array,
    *,
    repeats: Sequence[float] = (),
    at: Mapping[str, object] | None = None,
) -> tuple[Course, dict[float, Array]]:
    """The course up to the last of some months, each of which becomes an edge.

    Parameters
    ----------
    months
        At least one, above 0.
    repeats
        Months of a second transplantation, edges too.
    at
        Values of moderators; the others are at their centre.

    Returns
    -------
    tuple
        The course, and by month of repetition the intensity of relapse, had the clock been set to 0 then,
        added up over the cells, (n, m); 0 before.

    Raises
    ------
    OptionError
        For a moderator the model has not.
    """
    levels, chains = Levels.of(fit, origin), int(fit["posterior"].sizes["chain"])
    draws, hazard, cuts = levels.draws, HAZARDS[levels.hazard], levels.periods
    end = float(np.max(months))
    marks = [0.0, *months, *repeats, *cuts, *(m + c for m in repeats for c in cuts)]
    if hazard.smooth:
        marks += np.linspace(0.0, end, int(np.ceil(end / CELL)) + 1).tolist()
        marks += [m + CELL * 2.0**-k for m in (0.0, *repeats) for k in range(1, HALVINGS)]
    edges = np.unique(np.asarray(marks, dtype=np.float64))
    edges = edges[edges <= end]
    start, stop = edges[:-1], edges[1:]
    factor = np.exp(moved(fit, origin, draws, at or {}))[:, None]
    relapse = hazard.accumulated(start, stop, draws, cuts) * factor
    death = np.zeros_like(relapse)
    if "h_death" in draws:
        death = np.exp(draws["h_death"])[:, None] * (stop - start)
    again = {}
    for month in repeats:
        since = np.maximum(edges - month, 0.0)
        again[month] = hazard.accumulated(since[:-1], since[1:], draws, cuts) * factor
    nothing = np.zeros(len(relapse))
    shift = {TYPICAL: nothing} | {name: draws[u] for name, u in NEW.items() if u in draws}
    return Course(edges, relapse, death, shift, chains), again


def repeated(course: Course, month: float, again: Array, restored: Array) -> Course:
    """The course after a second transplantation.

    log lambda_R(t) = (1 - f) log lambda(t) + f log lambda(t - m) for t > m: f = 0 changes nothing, f = 1 sets
    the clock of relapse to 0. The intensity of death stays.

    Parameters
    ----------
    month
        m, an edge.
    again
        Intensity of relapse with the clock set to 0, as `course_of` returns it: (n, m).
    restored
        f, shape (n,).
    """
    width, f = np.diff(course.edges), restored[:, None]
    before, after = (np.log(np.maximum(one / width, LEAST)) for one in (course.relapse, again))
    mixed = np.exp((1.0 - f) * before + f * after) * width
    unchanged = (course.edges[:-1] < month) | (f == 0.0)
    return replace(course, relapse=np.where(unchanged, course.relapse, mixed))


def checked_months(months: Any, name: str) -> list[float]:
    """Months as a list of numbers above 0, in order.

    Raises
    ------
    OptionError
        For anything else, and for none.
    """
    given = list(months) if isinstance(months, Iterable) and not isinstance(months, str) else [months]
    for month in given:
        if not (is_number(month) and 0.0 < month < np.inf):
            raise OptionError(f"{name} holds {month!r}; give months after the transplantation, above 0")
    if not given:
        raise OptionError(f"{name} is empty; give at least one month, for example 12")
    return sorted({float(month) for month in given})


def beyond(fit: xr.DataTree, origin: Provenance, months: Sequence[float]) -> list[str]:
    """What is assumed at months beyond the follow-up."""
    last = last_month(fit)
    outside = [f"{month:g}" for month in months if month > last]
    if not outside:
        return []
    how = {
        "weibull": "the Weibull course goes on",
        "constant": "the intensity stays what it is",
    }.get(origin.options["hazard"], "the intensity of the last period is held constant")
    return [f"follow-up ends at month {last:g}; beyond it ({', '.join(outside)}) {how}"]


def moved(
    fit: xr.DataTree, origin: Provenance, draws: Mapping[str, Array], at: Mapping[str, object]
) -> Array:
    """What moderators away from their centre add to the log intensity, (n,).

    Raises
    ------
    OptionError
        For a moderator the model has not.
    """
    require_moderators(at, origin.options["moderators"])
    if not at:
        return np.zeros(len(next(iter(draws.values()))))
    data = fit["constant_data"].dataset
    labels = [str(label) for label in labels_of(fit, "moderator")]
    place = at_values(at, labels, data["moderator_centre"].values, data["moderator_scale"].values)
    return np.asarray(draws["beta"] @ place)


def _from_zero(cells: Array) -> Array:
    """Sums from the first edge on, (n, m) to (n, m + 1)."""
    return np.concatenate([np.zeros((len(cells), 1)), np.cumsum(cells, axis=1)], axis=1)
