"""Centres within studies: the likelihood of a study, all its logits integrated out, in NumPy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.families.base import Arrays
from bayesma.numerics.effect_kernels import Packed, log_marginal_one, row
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

NODES = 81
REACH = 11.0  # sds of the normal approximation, wide enough for what is skewed


def log_marginal(table: Packed, arrays: Arrays, mu: Array, tau: Array, tau_centre: Array) -> Array:
    """Log likelihood of each study.

    Parameters
    ----------
    table
        Likelihood of each arm in its logit.
    arrays
        With ``events``, ``n`` and ``cluster``, shapes (a,).
    mu, tau, tau_centre
        Draws, shapes (s,).

    Returns
    -------
    ndarray
        Shape (s, k).
    """
    yes, no = arrays["events"] + 0.5, arrays["n"] - arrays["events"] + 0.5
    cluster = arrays["cluster"].astype(np.int64)
    draws = np.ascontiguousarray(np.stack([mu, tau, tau_centre], axis=1))
    return _log_marginal(table, np.log(yes / no), 1.0 / yes + 1.0 / no, cluster, draws)


@compiled
def _log_marginal(
    table: Packed, logit: Array, variance: Array, cluster: NDArray[np.int64], draws: Array
) -> Array:
    """Trapezoid over the study's logit, around the normal approximation of its posterior."""
    k = cluster.max() + 1
    result = np.empty((draws.shape[0], k))
    values = np.empty(NODES)
    for s in range(draws.shape[0]):
        mu, tau, tau_centre = draws[s]
        for i in range(k):
            precision = 1.0 / max(tau * tau, 1e-300)
            weighted = mu * precision
            for j in range(cluster.size):
                if cluster[j] == i:
                    precision += 1.0 / (variance[j] + tau_centre * tau_centre)
                    weighted += logit[j] / (variance[j] + tau_centre * tau_centre)
            centre, sd = weighted / precision, precision**-0.5
            for m in range(NODES):
                x = centre + sd * REACH * (2.0 * m / (NODES - 1.0) - 1.0)
                value = -0.5 * ((x - mu) / tau) ** 2 - math.log(tau) - 0.5 * math.log(2.0 * math.pi)
                for j in range(cluster.size):
                    if cluster[j] == i:
                        value += log_marginal_one(x, tau_centre, row(j, table))
                values[m] = value
            peak = values.max()
            total = np.exp(values - peak).sum()
            result[s, i] = peak + math.log(total * sd * 2.0 * REACH / (NODES - 1.0))
    return result
