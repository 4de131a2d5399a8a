"""Two arms of a study with jointly random baseline and effect: the two-dimensional integral in NumPy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics import effect_kernels as tables
from bayesma.numerics.effect_kernels import Packed, Row
from bayesma.numerics.effect_table import Shape
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]


def log_marginal(
    control: Packed,
    treated: Packed,
    shape: Shape,
    shift: tuple[float, float],
    alpha_mean: Array,
    alpha_sd: Array,
    mu: Array,
    tau: Array,
    rho: Array,
) -> Array:
    """Log likelihood of each study, its baseline and effect integrated out.

    Parameters
    ----------
    control, treated
        Tables of the arms in their logits.
    shape
        Distribution of effects; correlated ones have a normal part common with the baseline.
    shift
        What one unit of effect adds to the control and to the treated logit.
    alpha_mean, alpha_sd, tau, rho
        Draws, shapes (s,).
    mu
        Mean effects, shape (s, 1), or (s, k) where each study has its own.

    Returns
    -------
    ndarray
        Shape (s, k).
    """
    draws = np.ascontiguousarray(np.stack([alpha_mean, alpha_sd, tau, rho], axis=1))
    means = np.ascontiguousarray(mu)
    return _log_marginal(control, treated, shape.scales, shape.weights, np.array(shift), draws, means)


@compiled
def _log_marginal(
    control: Packed,
    treated: Packed,
    scales: Array,
    weights: Array,
    shift: Array,
    draws: Array,
    means: Array,
) -> Array:
    """Sum over the components of the effects' distribution: given one, the logits are bivariate normal."""
    k = control.centre.size
    result = np.empty((draws.shape[0], k))
    for s in range(draws.shape[0]):
        a, sd_a, tau, rho = draws[s]
        for i in range(k):
            mu = means[s, i if means.shape[1] > 1 else 0]
            of_control, of_treated = tables.row(i, control), tables.row(i, treated)
            largest, total = -np.inf, 0.0
            for c in range(scales.size):
                covariance = rho * sd_a * tau
                spread = tau * tau * (rho * rho + (1.0 - rho * rho) * scales[c] ** 2)
                var_c = sd_a**2 + shift[0] ** 2 * spread + 2.0 * shift[0] * covariance
                var_t = sd_a**2 + shift[1] ** 2 * spread + 2.0 * shift[1] * covariance
                both = sd_a**2 + (shift[0] + shift[1]) * covariance + shift[0] * shift[1] * spread
                slope = both / var_c if var_c > 0.0 else 0.0
                rest = math.sqrt(max(var_t - slope * both, 0.0))
                value = math.log(weights[c]) + _pair(
                    a + shift[0] * mu,
                    math.sqrt(max(var_c, 0.0)),
                    a + shift[1] * mu,
                    slope,
                    rest,
                    of_control,
                    of_treated,
                )
                if value > largest:
                    total = total * math.exp(largest - value) + 1.0
                    largest = value
                elif value > -np.inf:
                    total += math.exp(value - largest)
            result[s, i] = largest + math.log(total) if total > 0.0 else -np.inf
    return result


@compiled
def _pair(
    mean_c: float,
    sd_c: float,
    mean_t: float,
    slope: float,
    rest: float,
    control: Row,
    treated: Row,
) -> float:
    """Log of the integral of both arms' likelihoods over a bivariate normal, the control arm outside."""
    stride = tables.stride_of(mean_c, sd_c, control) if sd_c > 0.0 else 0
    largest, total = -np.inf, 0.0
    if stride == 0:
        for j in range(tables.NODES.size):
            x = mean_c + sd_c * tables.NODES[j]
            inner = tables.log_marginal_one(mean_t + slope * (x - mean_c), rest, treated)
            value = tables.interpolate(x, control) + math.log(tables.WEIGHTS[j]) + inner
            if value > largest:
                total = total * math.exp(largest - value) + 1.0
                largest = value
            elif value > -np.inf:
                total += math.exp(value - largest)
        return largest + math.log(total)
    first, stop, nearest = tables.span(mean_c, sd_c, stride, control)
    for j in range(first, stop, stride):
        if control.masses[j] <= 0.0:
            continue
        x = control.effects[j]
        outer = math.log(control.masses[j]) - 0.5 * (((x - mean_c) / sd_c) ** 2 - nearest)
        value = outer + tables.log_marginal_one(mean_t + slope * (x - mean_c), rest, treated)
        if value > largest:
            total = total * math.exp(largest - value) + 1.0
            largest = value
        elif value > -np.inf:
            total += math.exp(value - largest)
    scale = math.log(stride / (sd_c * math.sqrt(2.0 * math.pi)))
    return float(largest + math.log(total) + scale + control.peak - 0.5 * nearest)
