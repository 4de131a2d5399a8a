"""A prior on the mean as a mixture of normal distributions, the form in which it integrates analytically."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bayesma.errors import PriorError
from bayesma.families.problems import is_normal_mixture
from bayesma.priors import Prior

Array = NDArray[np.float64]

# Trapezoid in log precision. For a mixing density Gamma(a, a) its error is abs(Gamma(a + 2 pi i / step)) over
# Gamma(a): these two keep it below 1e-11 from 0.2 to 10,000 degrees of freedom.
STEP = 0.3
SHARE = 0.55  # of the mixing density's width sqrt(2 / nu), when that is the smaller
# The same for a logistic, where the error stays below 1e-12 up to estimates a million scales from the centre.
LOGISTIC_STEP, LOGISTIC_SHARE = 0.06, 0.25
TERMS, TURN = 6, 0.9  # of the two series of Kolmogorov's density, and where one takes over from the other
NEGLIGIBLE = 38.0  # the mixing density is followed down to exp(-38) of its peak


def normal_components(prior: Prior, y: Array) -> Array:
    """Rows mean, variance and log weight of the normal mixture that a prior on a mean is, shape (3, c).

    A Student-t is a normal whose precision is Gamma(nu / 2, nu / 2); the mixture is discretised in log
    precision, where the trapezoid rule converges exponentially. So is a logistic, a normal whose sd is twice
    a Kolmogorov variable (Andrews and Mallows 1974, doi 10.1111/j.2517-6161.1974.tb00989.x). Flat is one
    component of infinite variance.

    Parameters
    ----------
    prior
        One of `NORMAL_MIXTURES`, not truncated.
    y
        Estimates, shape (k,): data in conflict with the prior live on precisions that it alone hardly knows.
    """
    if not is_normal_mixture(prior):
        raise PriorError(f"prior {prior} is no mixture of normal distributions")
    if prior.distribution == "Flat":
        return np.array([[0.0], [math.inf], [0.0]])
    if prior.distribution == "Normal":
        return np.array([[prior.arguments[0]], [prior.arguments[1] ** 2], [0.0]])
    if prior.distribution == "NormalMixture":
        share, *numbers = prior.arguments
        means, sds = np.reshape(numbers, (2, 2)).T
        return np.stack([means, sds**2, [math.log(share), math.log1p(-share)]])
    if prior.distribution == "Logistic":
        centre, scale = prior.arguments
        return _logistic(centre, scale, y)
    nu, centre, scale = prior.arguments if prior.distribution == "StudentT" else (1.0, *prior.arguments)
    half = 0.5 * nu
    farthest = float(np.max(np.abs(y - centre)))
    at_conflict = math.log1p(nu) - 2.0 * math.log(math.hypot(math.sqrt(nu), farthest / scale))
    low = -1.0 + min(-NEGLIGIBLE / half, at_conflict - NEGLIGIBLE / (half + 0.5))
    high = math.log1p(NEGLIGIBLE / half + math.sqrt(2.0 * NEGLIGIBLE / half))
    step = min(STEP, SHARE * math.sqrt(2.0 / nu))
    log_precision = np.arange(low, high + step, step)
    log_weight = half * math.log(half) - gammaln(half) + half * (log_precision - np.exp(log_precision))
    variance = scale**2 * np.exp(-log_precision)
    return np.stack([np.full_like(variance, centre), variance, log_weight + math.log(step)])


def _logistic(centre: float, scale: float, y: Array) -> Array:
    """Rows as in `normal_components`: sd 2 K scale, K of Kolmogorov's distribution, on a grid of log K.

    An estimate that is x scales from the centre lives on K near sqrt(x) / 2, where log K is known to
    1 / (2 sqrt(x)): the grid goes that far and is as fine as that.
    """
    farthest = float(np.max(np.abs(y - centre))) / scale
    low = 0.5 * math.log(math.pi**2 / 8.0 / (2.0 * NEGLIGIBLE))  # the density falls like exp(-pi^2 / (8 K^2))
    largest = 0.5 * (farthest + NEGLIGIBLE) + math.sqrt(0.5 * NEGLIGIBLE * (farthest + 0.5 * NEGLIGIBLE))
    step = min(LOGISTIC_STEP, LOGISTIC_SHARE / math.sqrt(1.0 + farthest))
    log_k = np.arange(low, 0.5 * math.log(0.5 * largest) + LOGISTIC_STEP, step)
    variance = (2.0 * scale * np.exp(log_k)) ** 2
    log_weight = _log_kolmogorov(np.exp(log_k)) + log_k + math.log(step)
    return np.stack([np.full_like(variance, centre), variance, log_weight])


def _log_kolmogorov(k: Array) -> Array:
    """Log density of Kolmogorov's distribution: the derivatives of its two series, each where it is short."""
    n = np.arange(1, TERMS + 1)[:, None]
    small, large = np.minimum(k, TURN), np.maximum(k, TURN)
    rate = (2 * n - 1) ** 2 * math.pi**2 / 8.0
    terms = np.exp((rate[0] - rate) / small**2) * (2.0 * rate / small**2 - 1.0)
    below = (
        0.5 * math.log(2.0 * math.pi) - 2.0 * np.log(small) - rate[0] / small**2 + np.log(terms.sum(axis=0))
    )
    terms = (-1.0) ** (n - 1) * n**2 * np.exp(-2.0 * (n**2 - 1) * large**2)
    above = math.log(8.0) + np.log(large) - 2.0 * large**2 + np.log(terms.sum(axis=0))
    return np.asarray(np.where(k < TURN, below, above))


def point_component(value: float) -> Array:
    """The mean held at `value`, as a one-component mixture, shape (3, 1)."""
    return np.array([[value], [0.0], [0.0]])
