"""Compiled loops over studies measured at some of the visits: densities, information, study effects.

Every study is a multivariate normal of its own size; nothing is padded here. Shapes: draws s, studies k,
visits t, coefficients p, powers of the within-study correlation l. Where studies differ in their mean, by
moderators, it has one row a study; else one for all: (s, m, t) with m = k or 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]
LOG_2PI = math.log(2.0 * math.pi)


@compiled
def _cholesky(matrix: Array, size: int) -> bool:
    """Lower factor in place of the leading block; a pivot at or below 0 gives a row of zeros and False."""
    sound = True
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for m in range(j):
                total -= matrix[i, m] * matrix[j, m]
            if i == j:
                if total > 0.0:
                    matrix[i, i] = math.sqrt(total)
                else:
                    matrix[i, i] = 0.0
                    sound = False
            elif matrix[j, j] > 0.0:
                matrix[i, j] = total / matrix[j, j]
            else:
                matrix[i, j] = 0.0
    return sound


@compiled
def _solve(factor: Array, size: int, column: Array) -> None:
    """Forward substitution in place."""
    for i in range(size):
        total = column[i]
        for j in range(i):
            total -= factor[i, j] * column[j]
        column[i] = total / factor[i, i]


@compiled
def _variance(
    at: NDArray[np.intp], size: int, between: Array, within: Array, power: Array, total: Array
) -> None:
    """Covariance of a study's observations, visits `at`: between studies plus within this one."""
    for i in range(size):
        for j in range(i + 1):
            value = between[at[i], at[j]]
            for q in range(power.size):
                value += within[at[i], at[j], q] * power[q]
            total[i, j] = value
            total[j, i] = value


@compiled
def _seen(y: Array, at: NDArray[np.intp]) -> int:
    """Visits a study has, into `at`; their number."""
    size = 0
    for j in range(y.size):
        if not math.isnan(y[j]):
            at[size] = j
            size += 1
    return size


@compiled
def log_densities(y: Array, mean: Array, between: Array, within: Array, power: Array) -> Array:
    """Log density of each study with its effects integrated out, shape (s, k).

    Parameters
    ----------
    y
        Estimates, (k, t), NaN where a visit is missing.
    mean, between
        Mean at the visits (s, m, t) and covariance of effects (s, t, t).
    within, power
        Within-study covariance (k, t, t, l) by power of the correlation, and the powers (s, l).
    """
    draws, (studies, visits) = mean.shape[0], y.shape
    out = np.empty((draws, studies))
    at = np.empty(visits, dtype=np.intp)
    total, residual = np.empty((visits, visits)), np.empty(visits)
    for i in range(studies):
        row = i if mean.shape[1] > 1 else 0
        size = _seen(y[i], at)
        for s in range(draws):
            _variance(at, size, between[s], within[i], power[s], total)
            if not _cholesky(total, size):
                out[s, i] = -np.inf
                continue
            for j in range(size):
                residual[j] = y[i, at[j]] - mean[s, row, at[j]]
            _solve(total, size, residual)
            value = -0.5 * size * LOG_2PI
            for j in range(size):
                value -= 0.5 * residual[j] ** 2 + math.log(total[j, j])
            out[s, i] = value
    return out


@compiled
def information(
    y: Array, design: Array, own: Array, between: Array, within: Array, power: Array
) -> tuple[Array, Array]:
    """Each study's X'V^-1 X (s, k, p + q, p + q) and X'V^-1 y (s, k, p + q); 0 where V is not definite.

    X at all visits is `design`, (s, t, p), beside each study's `own` columns, (k, t, q); the other arguments
    are those of `log_densities`.
    """
    draws, visits, shared = design.shape
    studies = y.shape[0]
    p = shared + own.shape[2]
    cross, score = np.zeros((draws, studies, p, p)), np.zeros((draws, studies, p))
    at = np.empty(visits, dtype=np.intp)
    total, column, columns = np.empty((visits, visits)), np.empty(visits), np.empty((p, visits))
    for i in range(studies):
        size = _seen(y[i], at)
        for s in range(draws):
            _variance(at, size, between[s], within[i], power[s], total)
            if not _cholesky(total, size):
                continue
            for j in range(size):
                column[j] = y[i, at[j]]
            _solve(total, size, column)
            for a in range(p):
                for j in range(size):
                    if a < shared:
                        columns[a, j] = design[s, at[j], a]
                    else:
                        columns[a, j] = own[i, at[j], a - shared]
                _solve(total, size, columns[a])
                for j in range(size):
                    score[s, i, a] += columns[a, j] * column[j]
                for b in range(a + 1):
                    value = 0.0
                    for j in range(size):
                        value += columns[a, j] * columns[b, j]
                    cross[s, i, a, b] = value
                    cross[s, i, b, a] = value
    return cross, score


@compiled
def _gain(
    y: Array,
    at: NDArray[np.intp],
    between: Array,
    within: Array,
    power: Array,
    total: Array,
    gain: Array,
) -> int:
    """Regression of a study's effects on its observations, Sigma[:, o] V^-1, into (t, size); the size."""
    visits = between.shape[0]
    size = _seen(y, at)
    _variance(at, size, between, within, power, total)
    _cholesky(total, size)
    for t in range(visits):
        for j in range(size):
            gain[t, j] = between[t, at[j]]
        _solve(total, size, gain[t])
        for back in range(size):
            j = size - 1 - back
            value = gain[t, j]
            for m in range(j + 1, size):
                value -= total[m, j] * gain[t, m]
            gain[t, j] = value / total[j, j]
    return size


@compiled
def effect_draws(
    y: Array, mean: Array, between: Array, within: Array, power: Array, normal: Array, noise: Array
) -> Array:
    """Draws of the study effects given data and hyper-parameters, (s, k, t).

    A draw from the prior is corrected by the regression of effects on observations (Matheron's rule), which
    stays right where the covariance of effects is singular (tau = 0).

    Parameters
    ----------
    y, mean, between, within, power
        As in `log_densities`.
    normal, noise
        Standard normal numbers, both (s, k, t).
    """
    draws, (studies, visits) = mean.shape[0], y.shape
    out = np.empty((draws, studies, visits))
    at = np.empty(visits, dtype=np.intp)
    total, factor = np.empty((visits, visits)), np.empty((visits, visits))
    error, gain = np.empty((visits, visits)), np.empty((visits, visits))
    residual = np.empty(visits)
    for s in range(draws):
        factor[:] = between[s]
        _cholesky(factor, visits)
        for i in range(studies):
            size = _gain(y[i], at, between[s], within[i], power[s], total, gain)
            row = i if mean.shape[1] > 1 else 0
            for t in range(visits):
                value = mean[s, row, t]
                for j in range(t + 1):
                    value += factor[t, j] * normal[s, i, j]
                out[s, i, t] = value
            for a in range(size):
                for b in range(size):
                    value = 0.0
                    for q in range(power.shape[1]):
                        value += within[i, at[a], at[b], q] * power[s, q]
                    error[a, b] = value
            _cholesky(error, size)
            for a in range(size):
                value = y[i, at[a]] - out[s, i, at[a]]
                for b in range(a + 1):
                    value -= error[a, b] * noise[s, i, b]
                residual[a] = value
            for t in range(visits):
                for j in range(size):
                    out[s, i, t] += gain[t, j] * residual[j]
    return out


@compiled
def effect_moments(
    y: Array,
    design: Array,
    own: Array,
    coefficients: Array,
    covariance: Array,
    between: Array,
    within: Array,
    power: Array,
) -> tuple[Array, Array]:
    """Mean and sd of the study effects given covariances, coefficients integrated out: both (s, k, t).

    Parameters
    ----------
    y, between, within, power
        As in `log_densities`.
    design, own
        X at all visits, as in `information`.
    coefficients, covariance
        Their conditional mean (s, p + q) and covariance (s, p + q, p + q).
    """
    draws, visits, shared = design.shape
    studies = y.shape[0]
    p = shared + own.shape[2]
    columns = np.empty((visits, p))
    means, sds = np.empty((draws, studies, visits)), np.empty((draws, studies, visits))
    at = np.empty(visits, dtype=np.intp)
    total, gain, slope = np.empty((visits, visits)), np.empty((visits, visits)), np.empty(p)
    for s in range(draws):
        columns[:, :shared] = design[s]
        for i in range(studies):
            columns[:, shared:] = own[i]
            fitted = columns @ coefficients[s]
            size = _gain(y[i], at, between[s], within[i], power[s], total, gain)
            for t in range(visits):
                mean, variance = fitted[t], between[s, t, t]
                for a in range(p):
                    slope[a] = columns[t, a]
                for j in range(size):
                    mean += gain[t, j] * (y[i, at[j]] - fitted[at[j]])
                    variance -= gain[t, j] * between[s, t, at[j]]
                    for a in range(p):
                        slope[a] -= gain[t, j] * columns[at[j], a]
                for a in range(p):
                    for b in range(p):
                        variance += slope[a] * covariance[s, a, b] * slope[b]
                means[s, i, t] = mean
                sds[s, i, t] = math.sqrt(max(variance, 0.0))
    return means, sds
