"""Question: what is the posterior of every parameter?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.engines.tree import SAMPLE
from bayesma.errors import OptionError
from bayesma.posterior.marginals import (
    WeightedPoints,
    existing_moments,
    marginal,
    moments_below,
    parameter_names,
    row_labels,
)
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import provenance, require_fit

LOCATION = ["median", "ci_low", "ci_high"]
MOMENTS = ["mean", "sd", "mcse_mean", "mcse_sd"]
COLUMNS = ["mean", "sd", *LOCATION, "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat"]
TAILS = (0.05, 0.95)


def summary(
    fit: xr.DataTree,
    *,
    ci_prob: float = 0.95,
    scale: Literal["analysis", "display"] = "analysis",
    parameters: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Posterior summaries, one row a parameter.

    Parameters
    ----------
    fit
        Result of `fit`; from engine ``exact`` the grid is used, from ``nuts`` the draws.
    ci_prob
        Probability of the equal-tailed interval.
    scale
        ``"analysis"`` (log for ratios), or ``"display"``: effects back-transformed to the printed scale.
        Means and sds do not survive a non-linear back-transformation and are NaN there; the median does.
        Scale parameters such as tau stay on the analysis scale.
    parameters
        Name, or names, to keep in the order given; all of them by default.

    Returns
    -------
    pandas.DataFrame
        Indexed by parameter as ArviZ names them (``theta[Aronson 1948]``); columns mean, sd, median, ci_low,
        ci_high, mcse_mean, mcse_sd, ess_bulk, ess_tail, r_hat. The last five are NaN under ``exact``, which
        has no Monte Carlo error, but for mcse_mean where it knows a parameter by points. A moment that does
        not exist is infinite, or NaN where it has no sign.
        ess_tail is that of the 5 % and 95 % quantiles (Vehtari et al. 2021, doi 10.1214/20-BA1221); ArviZ
        takes the ends of its own default interval.

    Raises
    ------
    OptionError
        For a `ci_prob` outside (0, 1), an unknown scale or parameter, or no parameter at all.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.summary(fit)["median"].round(2).to_dict()
    {'mu': -0.39, 'tau': 0.15, 'theta[A]': -0.43, 'theta[B]': -0.35, 'theta_new': -0.39}
    """
    require_fit(fit)
    ends = tails(ci_prob)
    if scale not in {"analysis", "display"}:
        raise OptionError(f"scale is {scale!r}; it must be 'analysis' or 'display'")
    names = _names(fit, parameters)
    table = pd.concat([_one(fit, name, ends) for name in names])
    if scale == "display":
        _back_transform(table, fit, names)
    table.index.name = "parameter"
    return table


def _names(fit: xr.DataTree, parameters: str | Sequence[str] | None) -> tuple[str, ...]:
    """Parameters asked for, each known to the fit."""
    if parameters is None:
        return parameter_names(fit)
    names = (parameters,) if isinstance(parameters, str) else tuple(parameters)
    if not names:
        raise OptionError(f"parameters is empty; name one or more of: {', '.join(parameter_names(fit))}")
    return names


def _one(fit: xr.DataTree, name: str, ends: tuple[float, float]) -> pd.DataFrame:
    """Rows of one parameter."""
    labels = row_labels(fit, name)
    posterior = marginal(fit, name)
    low, median, high = posterior.quantile([ends[0], 0.5, ends[1]]).T
    table = pd.DataFrame(np.nan, index=pd.Index(labels), columns=COLUMNS)
    table[LOCATION] = np.column_stack([median, low, high])
    limit = moments_below(fit, name)
    table["mean"], table["sd"] = existing_moments(posterior, limit)
    if isinstance(posterior, WeightedPoints) and limit > 2:
        table["mcse_mean"] = posterior.mcse()
    if fit.attrs["engine"] == "nuts":
        _diagnose(table, fit, name, limit)
    return table


def _diagnose(table: pd.DataFrame, fit: xr.DataTree, name: str, limit: float) -> None:
    """Fill in the Monte Carlo columns; an MCSE only of a moment with a finite variance."""
    from arviz_stats.base import array_stats

    draws = fit["posterior"][name].transpose(*SAMPLE, ...).values
    values = np.moveaxis(draws.reshape(*draws.shape[:2], -1), -1, 0)
    if limit > 2:
        table["mcse_mean"] = array_stats.mcse(values, method="mean")
    if limit > 4:
        table["mcse_sd"] = array_stats.mcse(values, method="sd")
    table["ess_bulk"] = array_stats.ess(values, method="bulk")
    table["ess_tail"] = array_stats.ess(values, method="tail", prob=TAILS)
    table["r_hat"] = array_stats.rhat(values)


def _back_transform(table: pd.DataFrame, fit: xr.DataTree, names: Sequence[str]) -> None:
    """Put the rows of effects on the printed scale; scale parameters stay."""
    origin = provenance(fit)
    if origin.measure.scale == "identity":
        return
    scales = {p.name for p in origin.family.parameters(origin.options) if p.lower == 0.0}
    rows = [label for name in names if name not in scales for label in row_labels(fit, name)]
    table.loc[rows, LOCATION] = origin.measure.back(table.loc[rows, LOCATION].to_numpy())
    table.loc[rows, MOMENTS] = np.nan
