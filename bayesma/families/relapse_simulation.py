"""Relapses and deaths drawn for intervals of follow-up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayesma.families.base import Array, Case
from bayesma.families.effects import common
from bayesma.families.relapse_hazards import exponential
from bayesma.families.relapse_likelihood import cluster_of, counts_of, intensities


def replicated(
    draws: Mapping[str, Array], case: Case, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """New relapses, deaths and patients who leave inside an interval, (n, rows) each."""
    whole, half, death = intensities(draws, case)
    if not common(case.options):
        shift = _normal(draws["s"], cluster_of(case), rng)
        if "s_centre" in draws:
            shift = shift + _normal(draws["s_centre"], case.arrays["group"].astype(np.intp), rng)
        factor = exponential(shift)
        whole, half = whole * factor, half * factor
    counts = counts_of(case).astype(np.int64)
    leaving, staying = counts[:, 2], counts[:, [0, 1, 3]].sum(axis=1)
    first = _events(staying, whole, death, rng)
    second = _events(leaving, half, 0.5 * death, rng)
    relapses, deaths = first[0] + second[0], first[1] + second[1]
    left = leaving - second[0] - second[1]
    if case.options["deaths"] == "censored":
        deaths = np.broadcast_to(case.arrays["deaths"], deaths.shape)
        left = left - deaths
    return relapses.astype(np.float64), deaths.astype(np.float64), left.astype(np.float64)


def _normal(sd: Array, of: NDArray[np.intp], rng: np.random.Generator) -> Array:
    """A shift for every study or centre, by row: sd (n,) to (n, rows)."""
    shift: Array = (sd[:, None] * rng.standard_normal((sd.size, int(of.max()) + 1)))[:, of]
    return shift


def _events(
    n: NDArray[np.int64], relapse: Array, death: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Relapses and deaths among n patients with these intensities, shapes of `relapse`."""
    total = relapse + death
    gone = rng.binomial(n, -np.expm1(-total))
    share = np.divide(relapse, total, out=np.ones_like(total), where=total > 0.0)
    relapses = rng.binomial(gone, share)
    return relapses, gone - relapses
