"""Question: how probable is it that a parameter lies below, or above, a value?"""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.marginals import inner_dims, labels_of, marginal
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import require_fit


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
        When both or neither threshold is given or it is no number, the fit has no such parameter, or what was
        given is no fit.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> round(bm.prob(fit, "tau", above=0.5), 3)
    0.027
    >>> bm.prob(fit, "theta", below=0).round(3).to_dict()
    {'A': 0.993, 'B': 0.935}
    """
    require_fit(fit)
    if (below is None) == (above is None):
        raise OptionError("prob needs exactly one of below= and above=, a value on the analysis scale")
    side, threshold = ("below", below) if below is not None else ("above", above)
    if threshold is None or not is_number(threshold) or math.isnan(threshold):
        raise OptionError(f"prob: {side} is {threshold!r}; give a number on the analysis scale")
    dims = inner_dims(fit, parameter)
    values = marginal(fit, parameter).probability(float(threshold), above=above is not None)
    if not dims:
        return float(values[0])
    labels = [labels_of(fit, dim) for dim in dims]
    if len(dims) == 1:
        return pd.Series(values, index=pd.Index(labels[0], name=dims[0]), name=parameter)
    return pd.Series(values, index=pd.MultiIndex.from_product(labels, names=dims), name=parameter)
