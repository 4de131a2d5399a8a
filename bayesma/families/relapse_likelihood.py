"""What the likelihood of family `relapse` is made of: counts by outcome, and intensities by interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayesma.families import relapse_moderators as moderators
from bayesma.families.base import Array, Case
from bayesma.families.relapse_hazards import HAZARDS, cells


def cluster_of(case: Case) -> NDArray[np.intp]:
    """Number of each row's study."""
    return case.arrays["cluster"].astype(np.intp)


def counts_of(case: Case) -> Array:
    """Relapses, deaths, patients who leave inside, patients followed to the end: shape (rows, 4)."""
    relapses, deaths, censored = (case.arrays[name] for name in ("relapses", "deaths", "censored"))
    staying = case.arrays["at_risk"] - relapses - deaths - censored
    if case.options["deaths"] == "censored":
        deaths, censored = np.zeros_like(deaths), censored + deaths
    return np.ascontiguousarray(np.stack([relapses, deaths, censored, staying], axis=1))


def cumulated(
    draws: Mapping[str, Array], case: Case, start: Array, stop: Array
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Intensities of relapse and death over the cells of intervals at shift 0, and their first cells.

    Within a cell both keep their ratio. Without deaths an interval is one cell, since its cells would add up
    to one: the two arrays are (n, cells), the first cells (rows + 1,), as in `relapse_hazards.cells`.
    """
    hazard, periods = HAZARDS[case.options["hazard"]], case.options.get("periods", ())
    first, last, offsets = start, stop, np.arange(start.size + 1, dtype=np.intp)
    if "h_death" in draws:
        first, last, offsets = cells(start, stop, periods, smooth=hazard.smooth)
    relapse = hazard.accumulated(first, last, draws, periods)
    if "beta" in draws:
        relapse = relapse * np.repeat(moderators.factor(case.arrays, draws["beta"]), np.diff(offsets), axis=1)
    death = np.zeros_like(relapse)
    if "h_death" in draws:
        death = np.exp(draws["h_death"])[:, None] * (last - first)
    return np.ascontiguousarray(relapse), np.ascontiguousarray(death), offsets


def intensities(draws: Mapping[str, Array], case: Case) -> tuple[Array, Array, Array, NDArray[np.intp]]:
    """What `relapse_kernels.terms` takes of all draws: relapse by cell and over first halves, death, cells.

    Where the shift is 0: relapse and death (n, cells), the first half of each interval (n, rows), and first
    cells (rows + 1,).
    """
    start, stop = case.arrays["start"], case.arrays["stop"]
    relapse, death, offsets = cumulated(draws, case, start, stop)
    hazard = HAZARDS[case.options["hazard"]]
    half = hazard.accumulated(start, 0.5 * (start + stop), draws, case.options.get("periods", ()))
    if "beta" in draws:
        half = half * moderators.factor(case.arrays, draws["beta"])
    return relapse, np.ascontiguousarray(half), death, offsets
