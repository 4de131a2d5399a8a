"""Question: where is the middle of all studies, on the analysis scale, whatever the model calls it?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import logit

from bayesma.posterior.marginals import centre, marginal
from bayesma.posterior.provenance import Provenance


def location_name(origin: Provenance) -> str:
    """``"mu"``, or the mean proportion of a beta-binomial model."""
    names = [p.name for p in origin.family.hyper(origin.options)]
    return "mu" if "mu" in names else names[0]


def location(fit: xr.DataTree, origin: Provenance, ends: tuple[float, float]) -> tuple[float, float, float]:
    """Centre and the quantiles `ends` of the middle, analysis scale."""
    name = location_name(origin)
    values = np.array([centre(fit, name)[0], *marginal(fit, name).quantile(ends)[0]], dtype=np.float64)
    if name != "mu":  # a proportion
        values = logit(values)
    return float(values[0]), float(values[1]), float(values[2])
