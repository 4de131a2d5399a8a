"""What the likelihood of family `relapse` is made of: counts by outcome, and intensities by interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayesma.families import relapse_moderators as moderators
from bayesma.families.base import Array, Case
from bayesma.families.relapse_hazards import HAZARDS


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


def intensities(draws: Mapping[str, Array], case: Case) -> tuple[Array, Array, Array]:
    """Relapse over each interval and over its first half, and death, where the shift is 0: (n, rows) each."""
    start, stop = case.arrays["start"], case.arrays["stop"]
    accumulated = HAZARDS[case.options["hazard"]].accumulated
    periods = case.options.get("periods", ())
    whole = accumulated(start, stop, draws, periods)
    half = accumulated(start, 0.5 * (start + stop), draws, periods)
    if "beta" in draws:
        factor = moderators.factor(case.arrays, draws["beta"])
        whole, half = whole * factor, half * factor
    death = np.zeros_like(whole)
    if "h_death" in draws:
        death = np.exp(draws["h_death"])[:, None] * (stop - start)
    return np.ascontiguousarray(whole), np.ascontiguousarray(half), death
