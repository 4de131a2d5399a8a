"""Mean and SD of a sample from its median with quartiles, with extremes, or with both.

Of normal values, and where all numbers are positive averaged over normal and log-normal ones (`average`).

Means: Luo, Wan, Liu & Tong 2018, doi 10.1177/0962280216669183, equations 7, 11 and 15. SDs: Wan, Wang, Liu &
Tong 2014, doi 10.1186/1471-2288-14-135, equations 9 and 16; from all five numbers Shi et al. 2020,
doi 10.1002/jrsm.1429, equation 10. Whether such numbers can be of normal values: Shi et al. 2023,
doi 10.1177/09622802231172043. Arguments and results have shape (rows,) and the units of the values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri, stdtrit
from scipy.stats import norm

type Array = NDArray[np.float64]

SMALLEST_SAMPLE = 5  # patients: the formulas are derived for n = 4 Q + 1 with a whole Q of at least 1


def from_quartiles(q1: Array, median: Array, q3: Array, n: Array) -> tuple[Array, Array]:
    """Mean and SD from the quartiles around a median."""
    weight = 0.7 + 0.39 / n
    return weight * (q1 + q3) / 2 + (1 - weight) * median, (q3 - q1) / _quartiles_apart(n)


def from_range(minimum: Array, median: Array, maximum: Array, n: Array) -> tuple[Array, Array]:
    """Mean and SD from the extremes around a median."""
    weight = 4 / (4 + n**0.75)
    mean = weight * (minimum + maximum) / 2 + (1 - weight) * median
    return mean, (maximum - minimum) / _extremes_apart(n)


def from_five(
    minimum: Array, q1: Array, median: Array, q3: Array, maximum: Array, n: Array
) -> tuple[Array, Array]:
    """Mean and SD from extremes and quartiles around a median."""
    of_extremes, of_quartiles = 2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55
    mean = (
        of_extremes * (minimum + maximum) / 2
        + of_quartiles * (q1 + q3) / 2
        + (1 - of_extremes - of_quartiles) * median
    )
    weight = 1 / (1 + 0.07 * n**0.6)
    sd = weight * (maximum - minimum) / _extremes_apart(n) + (1 - weight) * (q3 - q1) / _quartiles_apart(n)
    return mean, sd


LOG_NORMAL = 2.0 / 3.0  # prior probability: authors print medians where values are skewed


@dataclass(frozen=True, slots=True)
class Average:
    """One sample, whatever its shape.

    Attributes
    ----------
    mean, sd
        Of the values of the patients.
    variance
        Of the mean, the conversion's own uncertainty included: of location and SD from few quantiles, of the
        shape, and of the SD that a t interval of n - 1 degrees of freedom takes as known so well.
    log_normal
        Probability of a log-normal shape.
    """

    mean: float
    sd: float
    variance: float
    log_normal: float


def average(quantiles: Array, n: float) -> Average:
    """Mean and SD from quantiles (5,), NaN where they are not given, over a normal and a log-normal shape.

    Cai, Zhou & Pan 2021, doi 10.1177/09622802211047348, and McGrath et al. 2020,
    doi 10.1177/0962280219889080, transform until the quantiles are symmetric, by one power that is then taken
    as known. With three quantiles of 20 patients that power is hardly known, so two of theirs, 1 and 0, are
    averaged here by their probabilities given the quantiles. The covariance of quantiles is that of David &
    Johnson 1954, doi 10.1093/biomet/41.1-2.228, to first order; McGrath et al. 2023,
    doi 10.1177/09622802221139233, show how far the usual SD / sqrt(n) falls short. The weights
    do not depend on the unit: the location of a log-normal shape has its flat prior in units of the median.

    Parameters
    ----------
    quantiles
        Minimum, quartiles with the median between them, maximum.
    n
        Patients.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.evidence.five_numbers import average
    >>> found = average(np.array([np.nan, 1.0, 2.0, 4.0, np.nan]), 100.0)
    >>> round(found.mean, 2), round(found.log_normal, 2)
    (3.42, 0.98)
    """
    there = np.isfinite(quantiles)
    values, levels = quantiles[there], _levels(n)[there]
    z = ndtri(levels)
    density = norm.pdf(z)
    smaller, larger = np.minimum.outer(levels, levels), np.maximum.outer(levels, levels)
    inverse = np.linalg.inv(smaller * (1.0 - larger) / np.outer(density, density) / (n + 2.0))
    design = np.column_stack([np.ones(z.size), z])
    unit = np.linalg.inv(design.T @ inverse @ design)  # covariance of location and SD, for an SD of 1
    location, spread = _normal(quantiles, n)
    normal = _log_likelihood(values, location, spread, z, inverse)
    mean, sd, variance, share = location, spread, spread**2 * unit[0, 0], 0.0
    if values.min() > 0.0 and spread > 0.0:
        at, width = _normal(np.log(quantiles), n)
        log_normal = _log_likelihood(np.log(values), at, width, z, inverse)
        log_normal += math.log(quantiles[2]) - float(np.log(values).sum())
        share = float(expit(log_normal - normal + math.log(LOG_NORMAL / (1.0 - LOG_NORMAL))))
        skewed = math.exp(at + width**2 / 2.0)
        of_skewed = unit[0, 0] + width**2 * unit[1, 1] + 2.0 * width * unit[0, 1]
        between = share * (1.0 - share) * (location - skewed) ** 2
        mean = (1.0 - share) * location + share * skewed
        own = (1.0 - share) * spread**2 + share * skewed**2 * math.expm1(width**2)
        sd = math.sqrt(own + between)
        variance = (1.0 - share) * variance + share * (skewed * width) ** 2 * of_skewed
        variance = max(variance, sd**2 / n) + between
    known = min(0.5 / unit[1, 1], n - 1.0)  # degrees of freedom of the SD: 1 / (2 var log SD)
    wider = (stdtrit(known, 0.975) / stdtrit(n - 1.0, 0.975)) ** 2
    return Average(mean, sd, max(variance, sd**2 / n) * float(wider), share)


def _levels(n: float) -> Array:
    """Probabilities whose normal quantiles the five numbers are expected at (Wan et al. 2014)."""
    outer, inner = (n - 0.375) / (n + 0.25), (0.75 * n - 0.125) / (n + 0.25)
    return np.array([1.0 - outer, 1.0 - inner, 0.5, inner, outer])


def _normal(quantiles: Array, n: float) -> tuple[float, float]:
    """Mean and SD of normal values from five numbers (5,), NaN where they are not given."""
    low, q1, median, q3, high = quantiles[:, None]
    size, there = np.array([n]), np.isfinite(quantiles)
    if there.all():
        mean, sd = from_five(low, q1, median, q3, high, size)
    elif there[1]:
        mean, sd = from_quartiles(q1, median, q3, size)
    else:
        mean, sd = from_range(low, median, high, size)
    return float(mean[0]), float(sd[0])


def _log_likelihood(values: Array, location: float, spread: float, z: Array, inverse: Array) -> float:
    """Log density of quantiles (m,), location and SD integrated out around their estimates."""
    if not spread > 0.0:
        return 0.0
    left = (values - location) / spread - z
    return float((1 - values.size) * math.log(spread) - 0.5 * left @ inverse @ left)


def skewness(
    minimum: Array, q1: Array, median: Array, q3: Array, maximum: Array, n: Array
) -> tuple[Array, Array]:
    """How skewed the numbers are that are not NaN, and the value that 5 % of normal samples exceed."""
    outer = _off_centre(minimum, median, maximum)
    inner = _off_centre(q1, median, q3)
    both = np.maximum(2.65 * np.log(0.6 * n) / np.sqrt(n) * outer, inner)
    cases = [np.isfinite(both), np.isfinite(inner)]
    of_range = 1 / np.log(n + 9) + 2.5 / (n + 1)
    limits = [3 / np.sqrt(n) - 40 / n**3, 2.65 / np.sqrt(n) - 6 / n**2]
    return np.select(cases, [both, inner], outer), np.select(cases, limits, of_range)


def _off_centre(low: Array, middle: Array, high: Array) -> Array:
    """Distance of the middle from the centre, by half the distance of the ends; NaN where these are equal."""
    apart = np.where(high > low, high - low, np.nan)
    return np.asarray(np.abs(low + high - 2 * middle) / apart)


def _quartiles_apart(n: Array) -> Array:
    """Expected distance between the quartiles of n standard normal values."""
    return np.asarray(2 * ndtri((0.75 * n - 0.125) / (n + 0.25)))


def _extremes_apart(n: Array) -> Array:
    """Expected distance between the extremes of n standard normal values."""
    return np.asarray(2 * ndtri((n - 0.375) / (n + 0.25)))
