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
from bayesma.posterior.marginals import labels_of
from bayesma.posterior.provenance import case_of, provenance, require_effect

type Array = NDArray[np.float64]

POOL = "all studies"
SURPRISING = 0.05


def prior_data_conflict(fit: xr.DataTree) -> pd.DataFrame:
    """Tail probability, under the priors, of each study's estimate and of the pooled one.

    The prior predictive check of Box 1980 (doi 10.2307/2982063) and Evans & Moshonov 2006
    (doi 10.1214/06-BA129): how often would the priors give an estimate at least as far out, in the nearer
    tail, doubled? By integration over mu and tau; of counts the crude estimates with their standard errors,
    taken as normal. Over visits one by one, each with the prior of its mean; of a mean that has a shape by
    20,000 draws of the priors. Of robust effects the shape (``nu``, ``contamination``), where it has a prior,
    is held at that prior's median, and for the pooled estimate all studies are taken to lie in one component
    of the mixture at a time, which makes its tails a little heavier than those of independent studies.

    Parameters
    ----------
    fit
        Result of `fit` with proper priors of mu and tau, or of the means at visits and tau; no moderators.

    Returns
    -------
    pandas.DataFrame
        Index study, last ``all studies``, the inverse-variance weighted mean; columns observed, expected
        (prior median), low and high (the middle 95 % of the prior predictive distribution), p (two-sided) and
        surprising (p below 0.05). Analysis scale. NaN for a study without an estimate. With several visits:
        index (study, visit), the visits a study has.

    Raises
    ------
    OptionError
        Under an improper prior, with moderators, and for fits over follow-up.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -9], [0.2, 0.3], ["A", "B"], measure="OR")
    >>> found = bm.prior_data_conflict(bm.fit(effects, engine="exact", random_seed=1))
    >>> found["surprising"].to_dict()
    {'A': False, 'B': True, 'all studies': False}
    """
    origin = provenance(fit)
    require_effect(fit, "prior_data_conflict")
    case = case_of(fit, origin)
    observed, se = origin.family.crude(case.arrays)
    expected = origin.family.prior_effects(case)
    if isinstance(expected, str):
        raise OptionError(expected)
    labels = [str(label) for label in fit["log_likelihood"].dataset["study"].values]
    if observed.ndim == 1:
        return _table(labels, observed, se, *expected)
    parts = {}
    for t, visit in enumerate(labels_of(fit, "visit").tolist()):
        seen = np.isfinite(observed[:, t])
        mean, between = (np.ascontiguousarray(values[:, t]) for values in expected)
        names = [label for label, has in zip(labels, seen, strict=True) if has]
        if names:
            parts[visit] = _table(names, observed[seen, t], se[seen, t], mean, between)
    table: pd.DataFrame = pd.concat(parts, names=["visit", "study"])
    return table.reorder_levels(["study", "visit"])


def _table(labels: list[str], observed: Array, se: Array, mean: Array, between: Array) -> pd.DataFrame:
    """A row a study, last all of them."""
    known = np.isfinite(observed) & np.isfinite(se)
    rows = [
        _row(observed[i], se[i] ** 2, 1.0, mean, between) if known[i] else [observed[i]] + [math.nan] * 4
        for i in range(observed.size)
    ]
    weight = se[known] ** -2.0
    share = weight / weight.sum()
    pooled = float(share @ observed[known])
    rows.append(_row(pooled, 1.0 / float(weight.sum()), float(share @ share), mean, between))
    table = pd.DataFrame(rows, columns=["observed", "expected", "low", "high", "p"])
    table.index = pd.Index([*labels, POOL], name="study")
    table["surprising"] = table["p"] < SURPRISING
    return table


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
