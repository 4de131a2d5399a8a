"""Compiled loops over studies and the components of their effects' distribution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


@compiled
def log_marginals(residual: Array, se: Array, tau: Array, scales: Array, log_weights: Array) -> Array:
    """Log density of residuals (s, k): normals of variance se^2 + (tau scale)^2, mixed; (s, k)."""
    draws, c = tau.size, scales.shape[1]
    k = se.size
    result = np.empty((draws, k))
    terms = np.empty(c)
    for s in range(draws):
        row = s if scales.shape[0] > 1 else 0
        for i in range(k):
            e = residual[s, i]
            largest = -np.inf
            for j in range(c):
                variance = se[i] ** 2 + (tau[s] * scales[row, j]) ** 2
                terms[j] = log_weights[row, j] - 0.5 * (math.log(variance) + e * e / variance)
                largest = max(largest, terms[j])
            total = 0.0
            for j in range(c):
                total += math.exp(terms[j] - largest)
            result[s, i] = largest + math.log(total) - 0.5 * _LOG_2_PI
    return result


@compiled
def choose(
    uniform: Array, residual: Array, se: Array, tau: Array, scales: Array, log_weights: Array
) -> Array:
    """Scale of the component that each estimate belongs to, drawn by its posterior share: (s, k)."""
    draws, c = tau.size, scales.shape[1]
    k = se.size
    result = np.empty((draws, k))
    terms = np.empty(c)
    for s in range(draws):
        row = s if scales.shape[0] > 1 else 0
        for i in range(k):
            e = residual[s, i]
            largest = -np.inf
            for j in range(c):
                variance = se[i] ** 2 + (tau[s] * scales[row, j]) ** 2
                terms[j] = log_weights[row, j] - 0.5 * (math.log(variance) + e * e / variance)
                largest = max(largest, terms[j])
            total = 0.0
            for j in range(c):
                total += math.exp(terms[j] - largest)
                terms[j] = total
            at = min(int(np.searchsorted(terms, uniform[s, i] * total)), c - 1)
            result[s, i] = scales[row, at]
    return result
