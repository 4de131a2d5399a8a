"""Relapses and deaths drawn for intervals of follow-up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayesma.families.base import Array, Case
from bayesma.families.effects import common
from bayesma.families.relapse_hazards import exponential
from bayesma.families.relapse_likelihood import cluster_of, counts_of, cumulated


def replicated(
    draws: Mapping[str, Array], case: Case, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """New relapses, deaths and patients who leave inside an interval, (n, rows) each."""
    factor = np.ones(1)
    if not common(case.options):
        shift = _normal(draws["s"], cluster_of(case), rng)
        if "s_centre" in draws:
            shift = shift + _normal(draws["s_centre"], case.arrays["group"].astype(np.intp), rng)
        factor = exponential(shift)
    start, stop = case.arrays["start"], case.arrays["stop"]
    counts = counts_of(case).astype(np.int64)
    leaving, staying = counts[:, 2], counts[:, [0, 1, 3]].sum(axis=1)
    first = _events(staying, *incidence(draws, case, start, stop, factor), rng)
    second = _events(leaving, *incidence(draws, case, start, 0.5 * (start + stop), factor), rng)
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


def incidence(
    draws: Mapping[str, Array], case: Case, start: Array, stop: Array, factor: Array
) -> tuple[Array, Array]:
    """Cumulative incidences of relapse and of death over intervals, (n, rows) each, summed over their cells.

    `factor` multiplies the intensity of relapse of each row, shape (n, rows) or (1,).
    """
    relapse, death, first = cumulated(draws, case, start, stop)
    relapse = relapse * np.repeat(np.broadcast_to(factor, (len(relapse), start.size)), np.diff(first), axis=1)
    relapsed, died = np.empty((2, len(relapse), start.size))
    for row, (begin, end) in enumerate(itertools.pairwise(first)):
        own, other = relapse[:, begin:end], death[:, begin:end]
        both = own + other
        free = np.exp(-np.cumsum(both, axis=1)[:, :-1])
        gone = -np.expm1(-both)
        gone[:, 1:] *= free
        share = np.divide(own, both, out=np.ones_like(own), where=both > 0.0)
        relapsed[:, row], died[:, row] = (gone * share).sum(axis=1), (gone * (1.0 - share)).sum(axis=1)
    return relapsed, died


def _events(
    n: NDArray[np.int64], relapsed: Array, died: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Relapses and deaths among n patients with these chances, shapes of `relapsed`."""
    either = relapsed + died
    gone = rng.binomial(n, np.minimum(either, 1.0))
    share = np.divide(relapsed, either, out=np.ones_like(either), where=either > 0.0)
    relapses = rng.binomial(gone, share)
    return relapses, gone - relapses
