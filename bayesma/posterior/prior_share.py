"""Question: how much of the answer is the prior, and do prior and data contradict each other?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.engines.conflict import CONFLICT, tails
from bayesma.posterior.marginals import Marginal, marginal, row_labels
from bayesma.posterior.nodes import merged, nodes_of, row
from bayesma.posterior.provenance import Provenance, case_of, provenance
from bayesma.priors import Prior

__all__ = ["CONFLICT", "DOMINATES", "RULES", "prior_conflict", "prior_overlap", "prior_share"]

QUARTILES = (0.25, 0.75)
DOMINATES = 0.5  # a prior with at least this share is reported loudly
RULES = 0.8  # an overlap from which the prior rather than the data sets the answer
ONLY_PRIOR = 0.95  # share and overlap from which a posterior is no result of the data; draws err by less


def prior_share(fit: xr.DataTree) -> pd.Series:
    """Share of each hyper-parameter's posterior that its prior supplied.

    The squared ratio of the posterior's interquartile range to the prior's, at most 1. For a normal mean with
    a normal prior this is exactly the prior's part of the posterior precision; it needs no moments, so it
    holds for half-Cauchy too. 1: the data said nothing. 0: the prior said nothing (also for Flat).
    It compares spreads only: where prior and data contradict each other (`prior_conflict`) it says nothing.

    Parameters
    ----------
    fit
        Result of `fit`.

    Returns
    -------
    pandas.Series
        Index hyper-parameter (``m[3]`` where there is one a visit), values in [0, 1].

    Examples
    --------
    >>> import bayesma as bm
    >>> from bayesma.posterior.prior_share import prior_share
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> prior_share(fit).round(2).to_dict()
    {'mu': 0.01, 'tau': 0.78}
    """
    shares = {}
    for name, prior, posterior in _hyper(fit, provenance(fit)):
        low, high = posterior.quantile(QUARTILES)[0]
        prior_range = float(np.diff(prior.ppf(QUARTILES))[0]) if prior.is_proper else np.inf
        shares[name] = min(1.0, ((high - low) / prior_range) ** 2)
    return pd.Series(shares, name="prior_share", dtype=float).rename_axis("parameter")


def prior_conflict(fit: xr.DataTree) -> pd.Series:
    """Prior probability beyond the posterior median, in the nearer tail.

    Parameters
    ----------
    fit
        Result of `fit`.

    Returns
    -------
    pandas.Series
        Index hyper-parameter, values in [0, 0.5]; below 0.005 the data have put the parameter where the prior
        all but excluded it. 0.5 under an improper prior, which excludes nothing. For a between-study
        sd only the upper tail counts: a small tau contradicts no prior.
    """
    origin = provenance(fit)
    found = tails(fit, origin.family, case_of(fit, origin))
    return pd.Series(found, name="prior_conflict", dtype=float).rename_axis("parameter")


def prior_overlap(fit: xr.DataTree) -> pd.Series:
    """Area that the prior and the posterior density of each hyper-parameter have in common.

    The overlap coefficient (Weitzman 1970; Inman and Bradley 1989, doi 10.1080/03610928908830127): the
    integral of the smaller of the two densities. 1: the data changed nothing, as in trials without events;
    near 0: the data alone decide. Unlike `prior_share` it sees a shift as well as a change of spread. From
    0.8 on (`RULES`) the prior rather than the data sets the answer: between normal densities of one mean that
    is a share of one half.

    Parameters
    ----------
    fit
        Result of `fit`.

    Returns
    -------
    pandas.Series
        Index hyper-parameter, values in [0, 1]; 0 under an improper prior, which has no density. By
        quadrature under ``exact``; over the draws and their kernel density (good to a few per cent) under
        ``nuts``.

    Raises
    ------
    OptionError
        When it is no result of `fit`.

    Examples
    --------
    >>> import bayesma as bm
    >>> from bayesma.posterior.prior_share import prior_overlap
    >>> none = bm.TwoArmCounts.from_counts([0, 0], [20, 31], [0, 0], [22, 30])
    >>> fit = bm.fit(none, engine="exact", random_seed=1)
    >>> prior_overlap(fit).round(3).to_dict()
    {'mu': 0.993, 'tau': 1.0}
    """
    shared = {}
    for name, prior, posterior in _hyper(fit, provenance(fit)):
        shared[name] = 0.0
        if prior.is_proper:
            few = merged(posterior)
            nodes = nodes_of(few)
            before = np.exp(prior.logpdf(nodes.values))
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # 0 / 0: nothing in common
                ratio = np.where(before > 0.0, before / few.density(nodes.values), 0.0)
            shared[name] = min(1.0, float(nodes.weight @ np.minimum(ratio, 1.0)))
    return pd.Series(shared, name="prior_overlap", dtype=float).rename_axis("parameter")


def _hyper(fit: xr.DataTree, origin: Provenance) -> Iterator[tuple[str, Prior, Marginal]]:
    """Label, prior and posterior of every parameter that all studies share; one a visit if it has visits."""
    case = case_of(fit, origin)
    for parameter in origin.family.hyper(origin.options):
        if parameter.standard is not None:
            continue
        posterior, labels = marginal(fit, parameter.name), row_labels(fit, parameter.name)
        priors = origin.family.elements(parameter, case) or (origin.priors[parameter.name],) * len(labels)
        for i, (label, prior) in enumerate(zip(labels, priors, strict=True)):
            yield label, prior, row(posterior, i)
