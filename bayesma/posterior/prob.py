"""Question: how probable is it that a parameter lies below, or above, a value?"""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.marginals import inner_dims, labels_of, marginal


def prob(
    fit: xr.DataTree, parameter: str, *, below: float | None = None, above: float | None = None
) -> float | pd.Series:
    """Posterior probability that a parameter is below, or above, a threshold.

    Parameters
    ----------
    fit
        Result of `fit`.
    parameter
        ``"mu"``, ``"tau"``, ``"theta_new"``, ``"theta"`` (one probability per study), or another parameter of
        the family.
    below, above
        The threshold on the analysis scale (log for ratios); exactly one of them.

    Returns
    -------
    float or pandas.Series
        A Series over the parameter's dimension (``study``) where it has one.

    Raises
    ------
    OptionError
        When both or neither threshold is given, or the fit has no such parameter.
    """
    if (below is None) == (above is None):
        raise OptionError("prob needs exactly one of below= and above=, a value on the analysis scale")
    threshold = below if below is not None else above
    assert threshold is not None
    dims = inner_dims(fit, parameter)
    values = marginal(fit, parameter).probability(float(threshold), above=above is not None)
    if not dims:
        return float(values[0])
    return pd.Series(values, index=pd.Index(labels_of(fit, dims[0]), name=dims[0]), name=parameter)
