"""Question: would the priors have expected these studies?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from bayesma.errors import OptionError
from bayesma.families.base import PRIOR, Case
from bayesma.families.effect_mixtures import SHAPES, mixture
from bayesma.families.effects import RANDOM_EFFECTS, common
from bayesma.posterior.provenance import Provenance, case_of, provenance, require_one_effect

type Array = NDArray[np.float64]

POOL = "all studies"
NODES = 200  # of the prior of mu, and of that of tau: midpoints of even shares of its mass
SURPRISING = 0.05


def prior_data_conflict(fit: xr.DataTree) -> pd.DataFrame:
    """Tail probability, under the priors, of each study's estimate and of the pooled one.

    The prior predictive check of Box 1980 (doi 10.2307/2982063) and Evans & Moshonov 2006
    (doi 10.1214/06-BA129): how often would the priors give an estimate at least as far out, in the nearer
    tail, doubled? By integration over mu and tau; of counts the crude estimates with their standard errors,
    taken as normal. Of robust effects the shape (``nu``, ``contamination``), where it has a prior, is held at
    that prior's median, and for the pooled estimate all studies are taken to lie in one component of the
    mixture at a time, which makes its tails a little heavier than those of independent studies.

    Parameters
    ----------
    fit
        Result of `fit` with proper priors of mu and tau, about one effect.

    Returns
    -------
    pandas.DataFrame
        Index study, last ``all studies``, the inverse-variance weighted mean; columns observed, expected
        (prior median), low and high (the middle 95 % of the prior predictive distribution), p (two-sided) and
        surprising (p below 0.05). Analysis scale. NaN for a study without an estimate.

    Raises
    ------
    OptionError
        Under an improper prior, with moderators, and for fits over visits or follow-up.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -9], [0.2, 0.3], ["A", "B"], measure="OR")
    >>> found = bm.prior_data_conflict(bm.fit(effects, engine="exact", random_seed=1))
    >>> found["surprising"].to_dict()
    {'A': False, 'B': True, 'all studies': False}
    """
    origin = provenance(fit)
    require_one_effect(fit, "prior_data_conflict")
    case = case_of(fit, origin)
    observed, se = origin.family.crude(case.arrays)
    mean, between = _nodes(origin, case)
    known = np.isfinite(observed) & np.isfinite(se)
    rows = [
        _row(observed[i], se[i] ** 2, 1.0, mean, between) if known[i] else [observed[i]] + [math.nan] * 4
        for i in range(observed.size)
    ]
    weight = se[known] ** -2.0
    share = weight / weight.sum()
    pooled = float(share @ observed[known])
    rows.append(_row(pooled, 1.0 / float(weight.sum()), float(share @ share), mean, between))
    labels = [str(label) for label in fit["log_likelihood"].dataset["study"].values]
    table = pd.DataFrame(rows, columns=["observed", "expected", "low", "high", "p"])
    table.index = pd.Index([*labels, POOL], name="study")
    table["surprising"] = table["p"] < SURPRISING
    return table


def _nodes(origin: Provenance, case: Case) -> tuple[Array, Array]:
    """Means, and variances between studies, of even shares of the prior: (n,) each."""
    priors = case.priors
    if "mu" not in priors or "beta" in priors:
        raise OptionError(
            "prior_data_conflict compares studies with the prior of one mean effect mu; fit without "
            "moderators, and with a model that has one"
        )
    for name in ("mu", "tau"):
        if name in priors and not priors[name].is_proper:
            raise OptionError(
                f"the prior {priors[name]} of {name} is improper, so it expects nothing; give a proper prior"
            )
    levels = (np.arange(NODES) + 0.5) / NODES
    mean = priors["mu"].ppf(levels)
    if common(case.options):
        return mean, np.zeros(NODES)
    held = {n: np.array([priors[n].median()]) for n in SHAPES if case.options.get(n) == PRIOR}
    tau = priors["tau"].ppf(levels)
    if origin.options[RANDOM_EFFECTS] == "normal":
        scales, share = np.ones(1), np.ones(1)
    else:
        effects = mixture(case.options, held)
        scales, share = effects.scales[0], np.exp(effects.log_weights[0])
    # every mu beside every tau and, of robust effects, components by their shares
    at = np.searchsorted(np.cumsum(share) / share.sum(), (np.arange(NODES) + 0.5) / NODES)
    order = np.random.default_rng(0).permutation(NODES)  # which component goes with which tau
    spread = np.square(tau * scales[np.minimum(at, scales.size - 1)][order])
    return np.repeat(mean, NODES), np.tile(spread, NODES)


def _row(observed: float, variance: float, share: float, mean: Array, between: Array) -> list[float]:
    """Observed, prior median and middle 95 %, and two-sided tail probability."""
    sd = np.sqrt(variance + share * between)

    def below(x: float) -> float:
        return float(ndtr((x - mean) / sd).mean())

    chance = below(observed)
    low, middle, high = (_quantile(below, q, mean, sd) for q in (0.025, 0.5, 0.975))
    return [float(observed), middle, low, high, 2.0 * min(chance, 1.0 - chance)]


def _quantile(below: Callable[[float], float], q: float, mean: Array, sd: Array) -> float:
    """By root-finding between ends that hold every component."""
    low, high = float(np.min(mean - 40.0 * sd)), float(np.max(mean + 40.0 * sd))
    return float(brentq(lambda x: below(x) - q, low, high, xtol=1e-9 * (high - low)))
