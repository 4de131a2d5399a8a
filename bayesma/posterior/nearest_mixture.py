"""Question: which mixture of two normals is nearest to a distribution?"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm

from bayesma.errors import PriorError
from bayesma.priors import Prior

type Array = NDArray[np.float64]

DIGITS = 6  # a prior is written with
# where the search starts, in sds: share, centre and sd of one component, centre and sd of the other
STARTS = ((0.7, 0.0, 0.7, 0.0, 1.6), (0.6, -0.5, 0.8, 0.8, 1.0), (0.6, 0.5, 0.8, -0.8, 1.0))
LEAST_SHARE = 0.01  # a component with less would follow single draws
LEAST = 1e-300  # mass between the bounds: its log is a number


def nearest_mixture(
    values: Array, weight: Array, lower: float = -math.inf, upper: float = math.inf, *, widen: float = 1.0
) -> Prior:
    """The mixture of two normals nearest in Kullback-Leibler divergence, by maximum weighted likelihood.

    Parameters
    ----------
    values, weight
        The distribution as weighted values, shapes (n,); the weights sum to 1.
    lower, upper
        Between which it lies; the mixture is cut off there.
    widen
        Factor of both sds.

    Returns
    -------
    Prior
        ``NormalMixture``, the larger share first.

    Raises
    ------
    PriorError
        When no mixture is found.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.posterior.nearest_mixture import nearest_mixture
    >>> x = np.linspace(-8, 8, 801)
    >>> height = 0.7 * np.exp(-0.5 * x**2) + 0.3 * np.exp(-0.5 * ((x - 2) / 0.5) ** 2) / 0.5
    >>> print([round(number, 3) for number in nearest_mixture(x, height / height.sum()).arguments])
    [0.7, 0.0, 1.0, 2.0, 0.5]
    """
    mean = float(weight @ values)
    sd = float(np.sqrt(weight @ (values - mean) ** 2))
    z, ends = (values - mean) / sd, np.array([lower - mean, upper - mean]) / sd

    def divergence(free: Array) -> float:
        """Minus the mean log density, up to a constant."""
        share, m1, s1, m2, s2 = _numbers(free)
        density = np.logaddexp(
            np.log(share) + norm.logpdf(z, m1, s1), np.log1p(-share) + norm.logpdf(z, m2, s2)
        )
        below = share * norm.cdf(ends, m1, s1) + (1.0 - share) * norm.cdf(ends, m2, s2)
        return -float(weight @ density) + float(np.log(max(below[1] - below[0], LEAST)))

    found = [minimize(divergence, _free(start), method="BFGS") for start in STARTS]
    best = min((one for one in found if np.isfinite(one.fun)), key=lambda one: float(one.fun), default=None)
    if best is None:
        raise PriorError("no mixture of two normals was found; use components=1")
    share, m1, s1, m2, s2 = _numbers(best.x)
    parts = [(share, m1, s1), (1.0 - share, m2, s2)]
    (share, m1, s1), (_, m2, s2) = sorted(parts, reverse=True)
    numbers = (share, mean + sd * m1, widen * sd * s1, mean + sd * m2, widen * sd * s2)
    return Prior("NormalMixture", tuple(map(rounded, numbers)), lower, upper)


def rounded(number: float) -> float:
    """To as many digits as a prior is written with."""
    return float(f"{number:.{DIGITS}g}")


def _free(numbers: tuple[float, ...]) -> Array:
    """Numbers without bounds, for the search."""
    share, m1, s1, m2, s2 = numbers
    return np.array([logit(share), m1, np.log(s1), m2, np.log(s2)])


def _numbers(free: Array) -> tuple[float, float, float, float, float]:
    """Back from `_free`; a share stays off 0 and 1."""
    share = LEAST_SHARE + (1.0 - 2.0 * LEAST_SHARE) * expit(free[0])
    return float(share), float(free[1]), float(np.exp(free[2])), float(free[3]), float(np.exp(free[4]))
