"""Marginal posteriors as questions, plots and reports use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines import marginals as engines
from bayesma.engines.marginals import (
    Draws,
    Marginal,
    WeightedPoints,
    average,
    existing_moments,
    inner_dims,
    label_text,
    labels_of,
    moments_below,
    parameter_names,
    row_labels,
)
from bayesma.families.conditionals import Conditional
from bayesma.posterior.provenance import case_of, provenance

__all__ = [
    "ConditionalDraws",
    "Marginal",
    "WeightedPoints",
    "average",
    "centre",
    "error_of_share",
    "existing_moments",
    "inner_dims",
    "label_text",
    "labels_of",
    "marginal",
    "moments_below",
    "parameter_names",
    "probability_error",
    "row_labels",
    "share_error",
]

Array = NDArray[np.float64]


def centre(fit: xr.DataTree, parameter: str) -> Array:
    """Posterior means where they exist, medians where they do not, shape (p,)."""
    posterior = marginal(fit, parameter)
    return posterior.mean() if moments_below(fit, parameter) > 1 else posterior.quantile([0.5])[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalDraws(Draws):
    """Draws of one quantity whose distribution given the other parameters of a draw is known.

    Its probabilities average those of the conditional distributions: the same answer with a smaller Monte
    Carlo error than the share of the draws.
    """

    conditional: Conditional

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Average of the conditional probabilities, shape (1,)."""
        return self.conditional.tail(threshold, above=above).mean()[None]


def marginal(fit: xr.DataTree, parameter: str) -> Marginal:
    """Marginal posterior of one parameter of a fit.

    Raises
    ------
    OptionError
        When the fit has no such parameter.
    """
    found = engines.marginal(fit, parameter)
    if not isinstance(found, Draws) or found.values.shape[-1] != 1:
        return found
    origin = provenance(fit)
    declared = next((p for p in origin.family.parameters(origin.options) if p.name == parameter), None)
    if declared is None:
        return found
    posterior = fit["posterior"].dataset
    draws = {
        p.name: posterior[p.name].stack(sample=("chain", "draw")).transpose("sample", ...).values
        for p in origin.family.hyper(origin.options)
    }
    conditional = origin.family.conditional(declared, draws, case_of(fit, origin))
    return found if conditional is None else ConditionalDraws(found.values, conditional)


def probability_error(posterior: Marginal, threshold: float, *, above: bool) -> Array:
    """Monte Carlo standard error of `posterior.probability`, shape (p,): 0 where it is computed.

    Of points with weights it is the error of their mean indicator.
    """
    if isinstance(posterior, WeightedPoints):
        p = posterior.probability(threshold, above=above)
        return np.asarray(posterior.error * np.sqrt(p * (1.0 - p)))
    if not isinstance(posterior, Draws):
        return np.zeros(posterior.probability(threshold, above=above).shape)
    if isinstance(posterior, ConditionalDraws):
        each = posterior.conditional.tail(threshold, above=above).reshape(posterior.values.shape)
    else:
        each = (posterior.values > threshold if above else posterior.values < threshold).astype(np.float64)
    columns = zip(np.moveaxis(each, -1, 0), np.moveaxis(posterior.values, -1, 0), strict=True)
    return np.array([share_error(column, values) for column, values in columns])


def share_error(each: Array, values: Array | None = None) -> float:
    """Monte Carlo standard error of the mean of probabilities or indicators (chain, draw).

    Indicators that (nearly) all agree say little of their error: it is at least that of three more cases of
    the other kind (the rule of three) among the effective draws of `values`, which were compared.
    """
    from arviz_stats.base import array_stats

    own = float(array_stats.mcse(each, method="mean")) if np.ptp(each) > 0.0 else 0.0
    if np.any((each > 0.0) & (each < 1.0)):
        return own
    moving = each if values is None else values
    effective = float(array_stats.ess(moving, method="mean")) if np.ptp(moving) > 0.0 else each.size
    return max(own, 3.0 / min(effective, each.size))


def error_of_share(share: float, sd: float, mcse: float) -> float:
    """Monte Carlo standard error of a share of draws, from what is known of their mean.

    Parameters
    ----------
    share
        Of the draws that lie beyond a threshold.
    sd, mcse
        Standard deviation of the draws and standard error of their mean, whose ratio is the root of the
        number of effective draws; NaN where the answer is computed.

    Returns
    -------
    float
        0 where the answer is computed; at least that of the rule of three, as in `share_error`.
    """
    if not (sd > 0.0 and mcse > 0.0):
        return 0.0
    per_draw = (mcse / sd) ** 2
    return float(max(np.sqrt(share * (1.0 - share) * per_draw), 3.0 * per_draw))
