"""What the exact engine is given by family `binomial`, or the reason why there is no integral."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bayesma.families import binomial_likelihood as likelihood
from bayesma.families.base import Array, Case, Family
from bayesma.families.binomial_likelihood import BASELINE
from bayesma.families.effect_moderators import HORSESHOE, MODERATORS, shrunken
from bayesma.families.effects import common, same_for_all, shape_of
from bayesma.families.problems import (
    LocationScaleEffects,
    NoIntegral,
    OuterProblem,
    TwoParameterProblem,
)


def problem_of(case: Case, family: Family[Any]) -> TwoParameterProblem | OuterProblem | NoIntegral:
    """The integral over mu and tau, baselines fixed or conditioned away; around them one moderator."""
    if case.options[BASELINE] in {"random", "correlated"}:
        return NoIntegral(
            f"engine 'exact' has no integral for baseline = {case.options[BASELINE]!r} (four or more "
            "parameters); use engine='nuts', or baseline='fixed' or 'conditional'"
        )
    if MODERATORS not in case.arrays:
        return _two_parameters(case, family, None)
    if shrunken(case.options):
        return NoIntegral(HORSESHOE)
    q = case.arrays[MODERATORS].shape[1]
    if q > 1:
        return NoIntegral(
            f"engine 'exact' has no integral for {q} columns of moderators with counts; use engine='nuts', "
            "or one"
        )
    return _over_beta(case, family)


def _two_parameters(case: Case, family: Family[Any], added: Array | None) -> TwoParameterProblem:
    """The integral over mu and tau; `added` is what a moderator adds to each study's effect, (k,)."""
    options, priors = case.options, case.priors
    table, shape = likelihood.effect_table(case), shape_of(options)
    half = table.halved()
    exactly = likelihood.effect_likelihood(case)
    single, held = common(options), added is not None

    def means(mu: Array) -> Array:
        """Of the effects, (n,), or (n, k) where each study has its own."""
        return mu if added is None else mu[:, None] + added

    def at_zero(mu: Array) -> Array:
        """Log likelihood of each study at one common effect."""
        return same_for_all(exactly, means(mu), table.k)

    centre, width = likelihood.rough(case.arrays)
    centre = centre if added is None else centre - added
    total = float(np.sum(width**-2.0))
    return TwoParameterProblem(
        location="mu",
        scale="tau",
        location_prior=priors["mu"],
        scale_prior=priors.get("tau"),
        link="identity",
        null=True,
        log_likelihood=(lambda mu, _: at_zero(mu))
        if single
        else (lambda mu, tau: table.log_marginal(means(mu), tau, shape)),
        start=(float(np.sum(centre * width**-2.0)) / total, total**-0.5),
        scales=(float(np.min(width)), float(max(np.max(width), np.ptp(centre)))),
        scale_moments=family.moments_below(case).get("tau", math.inf),
        effects=None if single or held else LocationScaleEffects("delta", "delta_new", table, shape),
        baseline=likelihood.integrated_baseline(case) if options[BASELINE] == "fixed" and not held else None,
        coarser=None if single else lambda mu, tau: half.log_marginal(means(mu), tau, shape),
        without_scale=at_zero,
    )


def _over_beta(case: Case, family: Family[Any]) -> OuterProblem:
    """One moderator: what it adds moves every study's mean, and mu and tau are left."""
    column = case.arrays[MODERATORS][:, 0]
    rough, width = likelihood.rough(case.arrays)
    design = np.column_stack([np.ones_like(column), column]) / width[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    guess = covariance @ (design.T @ (rough / width))
    prior = case.priors["beta"]
    return OuterProblem(
        name="beta",
        dimension="moderator",
        prior=prior,
        bounds=prior.support,
        start=(float(guess[1]), math.sqrt(float(covariance[1, 1]))),
        at=lambda beta: _two_parameters(case, family, beta * column),
        null=True,
        draw=lambda drawn, rng: family.complete(drawn, case, rng),
    )
