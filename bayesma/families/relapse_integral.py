"""The integrals of family `relapse` for the exact engine: over h and s, or over more parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bayesma.families import relapse_kernels as kernels
from bayesma.families.base import Array, Arrays, Case, Parameter
from bayesma.families.effects import common
from bayesma.families.problems import DrawnEffects, StandardProblem, TwoParameterProblem
from bayesma.families.relapse_hazards import HAZARDS, period_lengths
from bayesma.families.relapse_likelihood import cluster_of, counts_of, intensities
from bayesma.numerics.effect_table import EffectTable, Shape
from bayesma.priors import Prior
from bayesma.priors.walk import with_level

BEND = 1.0  # in log intensity, on which the likelihood of a study without relapses falls
FARTHEST = 7.5  # deviates beyond which a prior's quantiles are not told apart from 0 and 1


def quadrature(case: Case, crude: tuple[Array, Array], scale_moments: float) -> TwoParameterProblem:
    """One intensity at all times: h and s, each study's likelihood tabulated in h + u."""
    estimate, se = crude
    counts, cluster, k = counts_of(case), cluster_of(case), estimate.size
    width = np.ascontiguousarray(case.arrays["stop"] - case.arrays["start"])
    constant = np.bincount(cluster, weights=kernels.log_ways(counts))

    def at(log_intensity: Array) -> Array:
        return kernels.at_intensities(log_intensity, width, counts, cluster)

    def without(h: Array) -> Array:
        return constant + at(np.ascontiguousarray(np.broadcast_to(h, (k, h.size)))).T

    total = float(np.sum(se**-2.0))
    start = float(np.sum(estimate * se**-2.0)) / total, total**-0.5
    if common(case.options):
        table, shape, half = None, Shape.normal(), None
    else:
        table, shape = EffectTable.build(at, estimate, se, BEND), Shape.normal()
        half = table.halved()

    def marginal(of: EffectTable) -> Callable[[Array, Array], Array]:
        return lambda h, s: constant + of.log_marginal(h, s, shape)

    return TwoParameterProblem(
        location="h",
        scale="s",
        location_prior=case.priors["h"],
        scale_prior=case.priors.get("s"),
        link="identity",
        null=False,
        log_likelihood=(lambda h, _: without(h)) if table is None else marginal(table),
        start=start,
        scales=(float(np.min(se)), float(max(np.max(se), np.ptp(estimate)))),
        scale_moments=scale_moments,
        effects=None if table is None else DrawnEffects(lambda drawn, rng: drawn_effects(drawn, case, rng)),
        coarser=None if half is None else marginal(half),
        without_scale=without,
    )


def sampling(
    case: Case, hyper: tuple[Parameter, ...], log_likelihood: Callable[[Arrays], Array]
) -> StandardProblem:
    """Several parameters, as functions of deviates that are independent standard normal a priori."""

    def effects(drawn: Arrays, uniform: Array) -> Arrays:
        if common(case.options):
            return {}
        u = effects_at(drawn, case, uniform[:, 1:])
        return {"u": u, "u_new": drawn["s"] * ndtri(uniform[:, 0])}

    cluster = cluster_of(case)
    return StandardProblem(
        size=sum(deviates(case, hyper)),
        effect_size=0 if common(case.options) else int(cluster.max()) + 2,
        dims={p.name: p.dims for p in hyper} | {"u": ("study",), "u_new": ()},
        parameters=lambda z: at_deviates(case, hyper, z),
        log_likelihood=lambda drawn: log_likelihood(drawn).sum(axis=1),
        effects=effects,
        effect_names=() if common(case.options) else ("u", "u_new"),
        led=case.options["hazard"] == "random_walk",
        order=HAZARDS[case.options["hazard"]].rise,
    )


def deviates(case: Case, hyper: tuple[Parameter, ...]) -> list[int]:
    """How many deviates each parameter takes."""
    length = {"period": len(case.options.get("periods", ()))}
    length |= {"moderator": case.arrays["moderators"].shape[1]} if "moderators" in case.arrays else {}
    return [math.prod(length[dim] for dim in p.dims) for p in hyper]


def at_deviates(case: Case, hyper: tuple[Parameter, ...], z: Array) -> Arrays:
    """Parameters (n, ...) as functions of deviates (n, d) that are independent standard normal a priori.

    Of a random walk the first deviate is that of its level, the others are those of its steps.
    """
    drawn: Arrays = {}
    columns = np.split(z, np.cumsum(deviates(case, hyper))[:-1], axis=1)
    for parameter, own in zip(hyper, columns, strict=True):
        value = _quantile(case.priors[parameter.name], own)
        if parameter.name == "h" and case.options["hazard"] == "random_walk":
            level = _quantile(case.priors["h"], own[:, 0])
            steps = drawn["sigma_h"][:, None] * own[:, 1:]
            value = with_level(level, steps, period_lengths(case.options["periods"]))
        drawn[parameter.name] = value if parameter.dims else value[:, 0]
    return drawn


def effects_at(drawn: Mapping[str, Array], case: Case, uniform: Array) -> Array:
    """Study shifts given data and parameters, at probabilities of shape (n, k)."""
    s, probability = np.ascontiguousarray(drawn["s"]), np.ascontiguousarray(uniform)
    return kernels.draws(probability, s, *intensities(drawn, case), counts_of(case), cluster_of(case))


def drawn_effects(drawn: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
    """Study shifts given data and parameters, and a new study's."""
    n, k = drawn["s"].size, int(cluster_of(case).max()) + 1
    u = effects_at(drawn, case, rng.uniform(size=(n, k)))
    return {"u": u, "u_new": drawn["s"] * rng.standard_normal(n)}


def _quantile(prior: Prior, z: NDArray[np.float64]) -> Array:
    """The prior's value at a standard normal deviate."""
    if prior.distribution == "Normal" and not prior.truncated:
        return np.asarray(prior.arguments[0] + prior.arguments[1] * z)
    return prior.ppf(ndtr(np.clip(z, -FARTHEST, FARTHEST)))
