"""Along which values is a posterior density drawn? Finely where it has its mass, however heavy its tails."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.posterior.marginals import marginal
from bayesma.words.numbers import Interval

SHOWN = (0.0005, 0.9995)  # central mass a curve covers at most
REACH = 1.5  # and no farther beyond the interval than this many of its widths
POINTS = 600


def curve(
    fit: xr.DataTree, name: str, interval: Interval, at: tuple[float, ...] = ()
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and posterior densities of a scalar parameter; `at` adds values that must be among them."""
    posterior = marginal(fit, name)
    low, high = posterior.quantile(SHOWN)[0]
    reach = REACH * (interval.high - interval.low)
    low, high = max(low, interval.low - reach), min(high, interval.high + reach)
    values = np.union1d(np.linspace(low, high, POINTS), [v for v in at if low < v < high])
    return values, np.asarray(posterior.density(values), dtype=np.float64)
