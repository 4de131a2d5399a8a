"""Question: how do several answers to the same question differ?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.classical.result import FrequentistFit
from bayesma.errors import OptionError
from bayesma.posterior.location import location
from bayesma.posterior.marginals import centre, marginal, parameter_names
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import provenance, require_one_effect

COLUMNS = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high", "tau"]


def compare(fits: Mapping[str, xr.DataTree | FrequentistFit], *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Estimates side by side, Bayesian and frequentist.

    Parameters
    ----------
    fits
        Results of `fit` or `frequentist`, by label.
    ci_prob
        Probability of the posterior intervals; a frequentist fit keeps its own level.

    Returns
    -------
    pandas.DataFrame
        Index label; columns estimate (posterior mean of mu, its median where no mean exists), ci_low,
        ci_high, pi_low, pi_high (the effect in a new study), tau (posterior mean, or median; 0 under a
        common effect). Analysis scale.

    Raises
    ------
    OptionError
        When `fits` is empty or holds something that is no fit, and for a `ci_prob` outside (0, 1).

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.compare({"exact": fit, "DL": bm.frequentist(effects, method="DL")})["estimate"].round(2).to_dict()
    {'exact': -0.39, 'DL': -0.41}
    """
    ends = tails(ci_prob)
    if not fits:
        raise OptionError("compare needs at least one fit, as in compare({'NUTS': fit})")
    rows = {label: _row(label, one, ends) for label, one in fits.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).rename_axis("label")


def _row(label: str, one: xr.DataTree | FrequentistFit, ends: tuple[float, float]) -> list[float]:
    """Columns of one answer."""
    if isinstance(one, FrequentistFit):
        return [one.estimate, one.ci_low, one.ci_high, one.pi_low, one.pi_high, one.tau]
    if not isinstance(one, xr.DataTree):
        raise OptionError(f"compare: {label!r} is a {type(one).__name__}; give results of fit or frequentist")
    origin = provenance(one)
    require_one_effect(one, f"compare: {label!r}")
    new = [p.name for p in origin.family.parameters(origin.options) if p.role == "new"]
    pi_low, pi_high = marginal(one, new[0]).quantile(ends)[0] if new else (np.nan, np.nan)
    tau = centre(one, "tau")[0] if "tau" in parameter_names(one) else 0.0
    return [float(value) for value in (*location(one, origin, ends), pi_low, pi_high, tau)]
