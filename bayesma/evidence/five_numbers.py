"""Mean and SD of a sample of normal values from its median with quartiles, with extremes, or with both.

Means: Luo, Wan, Liu & Tong 2018, doi 10.1177/0962280216669183, equations 7, 11 and 15. SDs: Wan, Wang, Liu &
Tong 2014, doi 10.1186/1471-2288-14-135, equations 9 and 16; from all five numbers Shi et al. 2020,
doi 10.1002/jrsm.1429, equation 10. Whether such numbers can be of normal values: Shi et al. 2023,
doi 10.1177/09622802231172043. Arguments and results have shape (rows,) and the units of the values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

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
