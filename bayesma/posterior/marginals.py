"""Marginal posteriors as plots and reports use them: quantities of one parameter, and its density curve."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.marginals import (
    Marginal,
    inner_dims,
    labels_of,
    marginal,
    moments_below,
    parameter_names,
)

__all__ = [
    "Marginal",
    "centre",
    "density",
    "inner_dims",
    "labels_of",
    "marginal",
    "moments_below",
    "parameter_names",
]

Array = NDArray[np.float64]

SHOWN = (0.0005, 0.9995)  # central mass a density curve covers


def density(fit: xr.DataTree, parameter: str, points: int = 400) -> tuple[Array, Array]:
    """Posterior density curve of a scalar parameter.

    Parameters
    ----------
    fit
        Result of `fit`.
    parameter
        Name of a parameter without dimensions beyond chain and draw.
    points
        Length of the curve.

    Returns
    -------
    tuple of ndarray
        Parameter values and densities, each of shape (points,): exact where the grid is there, a kernel
        density estimate of the draws otherwise.
    """
    posterior = marginal(fit, parameter)
    low, high = posterior.quantile(SHOWN)[0]
    x = np.linspace(low, high, points)
    return x, posterior.density(x)


def centre(fit: xr.DataTree, parameter: str) -> Array:
    """Posterior means where they exist, medians where they do not, shape (p,)."""
    posterior = marginal(fit, parameter)
    return posterior.mean() if moments_below(fit, parameter) > 1 else posterior.quantile([0.5])[:, 0]
