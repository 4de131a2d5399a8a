"""How likely is a 2 x 2 table once its margins are known? Fisher's non-central hypergeometric."""

from __future__ import annotations

import math

import numpy as np

from bayesma.classical.jets import FloatArray
from bayesma.numerics.jit import compiled

# Terms this small beside the largest one are no longer added.
NEGLIGIBLE = 1e-20
# exp of it is still a float64; an odds ratio beyond leaves one table possible anyway.
LARGEST_LOG_ODDS = 700.0


@compiled
def _most_probable(odds: float, low: float, high: float, n1: float, n2: float, m: float) -> float:
    """The last number of events that is at least as probable as the one before, by bisection."""
    while low < high:
        t = math.floor(0.5 * (low + high)) + 1.0
        if odds * (n1 - t + 1) * (m - t + 1) >= t * (n2 - m + t):
            low = t
        else:
            high = t - 1.0
    return low


@compiled
def noncentral_hypergeometric(
    theta: FloatArray, a: FloatArray, n1: FloatArray, n2: FloatArray, m: FloatArray
) -> FloatArray:
    """Log probability of the treated arm's events, their mean and variance, at many log odds ratios.

    Sums outward from the most probable table with the ratio of neighbouring terms, until the terms vanish:
    the time grows with the standard deviation of the distribution, not with the counts.

    Parameters
    ----------
    theta
        Log odds ratios, shape (k, g).
    a, n1, n2, m
        Events of the treated arm, patients of both arms, events of both arms together, shape (k,).

    Returns
    -------
    ndarray
        Shape (3, k, g): log probability, mean, variance.

    References
    ----------
    Liao and Rosen 2001, doi 10.1198/000313001753272547.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.hypergeometric import noncentral_hypergeometric
    >>> one = np.ones(1)
    >>> found = noncentral_hypergeometric(np.array([[0.0]]), one, 2 * one, 2 * one, 2 * one)
    >>> np.exp(found[0]).round(12).item(), found[1].item()
    (0.666666666667, 1.0)
    """
    found = np.empty((3, *theta.shape))
    for i in range(theta.shape[0]):
        low, high = max(0.0, m[i] - n2[i]), min(m[i], n1[i])
        for j in range(theta.shape[1]):
            x = min(max(theta[i, j], -LARGEST_LOG_ODDS), LARGEST_LOG_ODDS)
            odds = math.exp(x)
            peak, total, first, second = _most_probable(odds, low, high, n1[i], n2[i], m[i]), 1.0, 0.0, 0.0
            term, t = 1.0, peak + 1.0
            while t <= high and term > NEGLIGIBLE:
                term *= odds * (n1[i] - t + 1) * (m[i] - t + 1) / (t * (n2[i] - m[i] + t))
                total += term
                first += term * (t - peak)
                second += term * (t - peak) ** 2
                t += 1.0
            term, t = 1.0, peak
            while t > low and term > NEGLIGIBLE:
                term *= t * (n2[i] - m[i] + t) / (odds * (n1[i] - t + 1) * (m[i] - t + 1))
                t -= 1.0
                total += term
                first += term * (t - peak)
                second += term * (t - peak) ** 2
            shift = first / total
            ways = 0.0
            for sign, at in ((1.0, peak), (-1.0, a[i])):
                ways += sign * (math.lgamma(at + 1) + math.lgamma(n1[i] - at + 1))
                ways += sign * (math.lgamma(m[i] - at + 1) + math.lgamma(n2[i] - m[i] + at + 1))
            found[0, i, j] = x * (a[i] - peak) + ways - math.log(total)
            found[1, i, j] = peak + shift
            found[2, i, j] = second / total - shift**2
    return found
