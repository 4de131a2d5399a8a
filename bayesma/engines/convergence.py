"""r_hat and effective sample sizes of many parameters at once; each number is ArviZ's.

Vehtari et al. 2021, doi 10.1214/20-BA1221: rank-normalised split r_hat, bulk and tail ESS. ArviZ goes through
the parameters one by one and ranks every draw three times.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import ndtri
from scipy.stats import rankdata

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

FEWEST = 4  # draws a chain, below which nothing is known


def r_hat_and_ess(values: Array, tails: tuple[float, float]) -> tuple[Array, Array, Array]:
    """r_hat, bulk ESS and tail ESS of p parameters, shapes (p,).

    Parameters
    ----------
    values
        Shape (p, chains, draws).
    tails
        Quantiles whose indicators give the tail ESS.
    """
    if values.shape[2] < FEWEST:
        unknown = np.full(values.shape[0], np.nan)
        return unknown, unknown, unknown
    halves = _split(values)
    bulk = _normal_scores(halves)
    folded = _normal_scores(np.abs(halves - np.median(halves, axis=(1, 2), keepdims=True)))
    ends = np.quantile(values, tails, axis=(1, 2))[:, :, None, None]
    tail = np.minimum(*(_ess(_split((values <= end).astype(np.float64))) for end in ends))
    r_hat = np.maximum(_r_hat(bulk), _r_hat(folded)) if values.shape[1] > 1 else np.full(len(values), np.nan)
    return r_hat, _ess(bulk), tail


def mean_ess(values: Array) -> Array:
    """Effective sample size for the mean, (p, chains, draws) to (p,)."""
    return _ess(_split(values)) if values.shape[2] >= FEWEST else np.full(values.shape[0], np.nan)


def _split(values: Array) -> Array:
    """Each chain's two halves as chains."""
    half = values.shape[2] // 2
    return np.concatenate([values[:, :, :half], values[:, :, -half:]], axis=1)


def _normal_scores(values: Array) -> Array:
    """Normal quantiles of the ranks over all chains, ties averaged."""
    flat = values.reshape(values.shape[0], -1)
    ranks = rankdata(flat, axis=1)
    return np.asarray(ndtri((ranks - 0.375) / (flat.shape[1] + 0.25))).reshape(values.shape)


def _r_hat(values: Array) -> Array:
    """Root of the pooled over the within-chain variance."""
    n = values.shape[2]
    between = n * values.mean(axis=2).var(axis=1, ddof=1)
    within = values.var(axis=2, ddof=1).mean(axis=1)
    return np.asarray(np.sqrt((between / within + n - 1) / n))


def _ess(values: Array) -> Array:
    """Effective sample sizes of chains as they are, (p, chains, draws) to (p,)."""
    _, chains, n = values.shape
    means = values.mean(axis=2, keepdims=True)
    size = fft.next_fast_len(2 * n, real=True)
    power = np.square(np.abs(fft.rfft(values - means, size, axis=2))).mean(axis=1)
    covariance = fft.irfft(power, size, axis=1)[:, :n] / n
    between = means[:, :, 0].var(axis=1, ddof=1) if chains > 1 else np.zeros(values.shape[0])
    ess = _initial_sequence(covariance, between, chains * n)
    return np.where(np.ptp(values, axis=(1, 2)) < np.finfo(np.float64).resolution, float(chains * n), ess)


@compiled
def _initial_sequence(covariance: Array, between: Array, size: int) -> Array:
    """Geyer's initial positive, then monotone, sequence of autocorrelations of p parameters."""
    p, n = covariance.shape
    result = np.empty(p)
    rho = np.empty(n + 2)
    for i in range(p):
        within = covariance[i, 0] * n / (n - 1.0)
        total = covariance[i, 0] + between[i]
        rho[:] = 0.0
        if not total > 0.0:  # never moved, or not a number
            result[i] = np.nan
            continue
        even, odd = 1.0, 1.0 - (within - covariance[i, 1]) / total
        rho[0], rho[1] = even, odd
        t = 1
        while t < n - 3 and even + odd > 0.0:
            even = 1.0 - (within - covariance[i, t + 1]) / total
            odd = 1.0 - (within - covariance[i, t + 2]) / total
            if even + odd >= 0.0:
                rho[t + 1], rho[t + 2] = even, odd
            t += 2
        last = t - 2
        if even > 0.0:
            rho[last + 1] = even
        t = 1
        while t <= last - 2:
            if rho[t + 1] + rho[t + 2] > rho[t - 1] + rho[t]:
                rho[t + 1] = 0.5 * (rho[t - 1] + rho[t])
                rho[t + 2] = rho[t + 1]
            t += 2
        tau = -1.0 + 2.0 * rho[: last + 1].sum() + rho[last + 1]
        result[i] = size / max(tau, 1.0 / math.log10(size))
    return result
