"""What the priors expect of the studies' effects before the data, as equally likely means and variances."""

from __future__ import annotations

import numpy as np

from bayesma.families.base import PRIOR, Array, Case
from bayesma.families.effect_mixtures import SHAPES, mixture
from bayesma.families.effects import RANDOM_EFFECTS, common

NODES = 200  # of the prior of mu, and of that of tau: midpoints of even shares of its mass
NO_MEAN = (
    "prior_data_conflict compares studies with the prior of one mean effect mu, or of the means at visits; "
    "fit without moderators, and with a model that has one"
)


def even_shares(mean: Array, between: Array) -> tuple[Array, Array]:
    """Every mean (n,) beside every variance (m,): (n m,) each."""
    return np.repeat(mean, between.size), np.tile(between, mean.size)


def levels() -> Array:
    """Midpoints of even shares of a prior's mass, (NODES,)."""
    return np.asarray((np.arange(NODES) + 0.5) / NODES)


def improper(case: Case, names: tuple[str, ...]) -> str:
    """Why a prior expects nothing; empty where all of them do."""
    for name in names:
        if name in case.priors and not case.priors[name].is_proper:
            prior = case.priors[name]
            return f"the prior {prior} of {name} is improper, so it expects nothing; give a proper prior"
    return ""


def of_one_effect(case: Case) -> tuple[Array, Array] | str:
    """Means of the effects and variances between studies, (n,) each; or why there are none.

    Of robust effects the shape (`nu`, `contamination`), where it has a prior, is held at its median.
    """
    priors = case.priors
    if "mu" not in priors or "beta" in priors:
        return NO_MEAN
    if why := improper(case, ("mu", "tau")):
        return why
    mean = priors["mu"].ppf(levels())
    if common(case.options):
        return mean, np.zeros(NODES)
    held = {n: np.array([priors[n].median()]) for n in SHAPES if case.options.get(n) == PRIOR}
    tau = priors["tau"].ppf(levels())
    if case.options[RANDOM_EFFECTS] == "normal":
        scales, share = np.ones(1), np.ones(1)
    else:
        effects = mixture(case.options, held)
        scales, share = effects.scales[0], np.exp(effects.log_weights[0])
    # every mu beside every tau and, of robust effects, components by their shares
    at = np.searchsorted(np.cumsum(share) / share.sum(), levels())
    order = np.random.default_rng(0).permutation(NODES)  # which component goes with which tau
    return even_shares(mean, np.square(tau * scales[np.minimum(at, scales.size - 1)][order]))
