"""Marginal posteriors as questions, plots and reports use them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.marginals import (
    Marginal,
    WeightedPoints,
    average,
    existing_moments,
    inner_dims,
    label_text,
    labels_of,
    marginal,
    moments_below,
    parameter_names,
    row_labels,
)

__all__ = [
    "Marginal",
    "WeightedPoints",
    "average",
    "centre",
    "existing_moments",
    "inner_dims",
    "label_text",
    "labels_of",
    "marginal",
    "moments_below",
    "parameter_names",
    "row_labels",
]

Array = NDArray[np.float64]


def centre(fit: xr.DataTree, parameter: str) -> Array:
    """Posterior means where they exist, medians where they do not, shape (p,)."""
    posterior = marginal(fit, parameter)
    return posterior.mean() if moments_below(fit, parameter) > 1 else posterior.quantile([0.5])[:, 0]
