"""Question: how well does the model predict the data, and how do the nulls?"""

from __future__ import annotations

import json

import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.provenance import require_fit

EVIDENCE, FACTOR = "log_evidence", "log_bf01_"


def model_evidence(fit: xr.DataTree) -> pd.Series:
    """Log evidence and log Bayes factors in favour of the nulls, from the exact engine.

    Parameters
    ----------
    fit
        Result of ``fit(..., engine="exact")``.

    Returns
    -------
    pandas.Series
        log_evidence = log p(y); log_bf01_mu = log p(y | mu = 0) - log p(y); log_bf01_tau likewise for
        tau = 0, and for whatever parameters of the model have 0 as their null (a vector: 0 at every visit at
        once). Above 0 favours the null. NaN where an improper prior leaves it undefined; the reasons
        stand in ``.attrs["reasons"]``.

    Raises
    ------
    OptionError
        When the fit did not come from the exact engine.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.model_evidence(fit).round(2).to_dict()
    {'log_evidence': -2.01, 'log_bf01_mu': 0.55, 'log_bf01_tau': 0.13}
    """
    require_fit(fit)
    if "exact" not in fit.children:
        raise OptionError(
            "model_evidence needs the integral: draws do not give the evidence; fit with engine='exact'"
        )
    attrs = fit["exact"].attrs
    factors = sorted(name for name in map(str, attrs) if name.startswith(FACTOR))
    result = pd.Series({name: float(attrs[name]) for name in (EVIDENCE, *factors)})
    result.attrs["reasons"] = json.loads(attrs["reasons"])
    return result
