"""Question: how much of the posterior of a parameter lies where its prior already was?"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bayesma.posterior.marginals import marginal
from bayesma.posterior.provenance import provenance

MASS = (1e-6, 1.0 - 1e-6)  # beyond these quantiles neither density matters to three decimals
POINTS = 4001


def prior_overlap(fit: xr.DataTree, parameter: str = "mu") -> float:
    """Overlap coefficient of prior and posterior: the integral of the lower of the two densities.

    Parameters
    ----------
    fit
        Result of `fit`.
    parameter
        A scalar parameter with a prior of its own.

    Returns
    -------
    float
        In [0, 1]; 1: prior and posterior are the same, the data said nothing. NaN under an improper prior.

    References
    ----------
    Inman and Bradley 1989, doi 10.1080/03610928908830127.

    Examples
    --------
    >>> import bayesma as bm
    >>> from bayesma.posterior.prior_overlap import prior_overlap
    >>> effects = bm.Effects.from_estimates([0.0], [1.0], measure="SMD")
    >>> fit = bm.fit(effects, priors={"mu": "Normal(0, 1)"}, engine="exact", random_effects="none",
    ...              random_seed=1)
    >>> round(prior_overlap(fit), 3)  # Normal(0, 1) and Normal(0, 1 / sqrt(2))
    0.834
    """
    prior = provenance(fit).priors[parameter]
    if not prior.is_proper:
        return math.nan
    posterior = marginal(fit, parameter)
    ends = np.concatenate([posterior.quantile(MASS)[0], prior.ppf(MASS)])
    middle = posterior.quantile(np.linspace(0.001, 0.999, POINTS))[0]
    values = np.union1d(np.linspace(ends.min(), ends.max(), POINTS), middle)
    lower = np.minimum(np.exp(prior.logpdf(values)), posterior.density(values))
    return float(min(1.0, np.trapezoid(np.where(np.isfinite(lower), lower, 0.0), values)))
