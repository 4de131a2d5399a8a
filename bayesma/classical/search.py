"""Where does a function of tau2 cross zero, and where is its highest point over all tau2 >= 0?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from bayesma.errors import BayesmaError

FloatArray = NDArray[np.float64]
Curve = Callable[[FloatArray], FloatArray]

# tau2 is searched on x = log(1 + tau2), sampling variances being at least 1. Every function searched here is
# made of 1/(v + tau2) and its powers, which change over a distance of about 1 in x: two peaks of any height
# worth telling apart cannot hide between two points of this grid.
GRID_STEP = 0.2
# Grid points evaluated at once times studies: bounds the memory at about 10 MB an array.
BLOCK = 1_000_000
# Bisection alone would need about 60; Brent's method needs about 10.
MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class Tau2:
    """An estimate of tau2.

    Attributes
    ----------
    value
        The estimate, at least 0.
    lower_peaks
        Where a likelihood has several peaks: the places of the others.
    """

    value: float
    lower_peaks: tuple[float, ...] = ()

    def in_unit(self, unit: float) -> Tau2:
        """The same estimate back on the analysis scale, `unit` being that of `standardise`."""
        scale = unit**2
        return Tau2(self.value * scale, tuple(peak * scale for peak in self.lower_peaks))


def upper_bound(y: FloatArray) -> float:
    """A tau2 that no estimating equation searched here can reach: twice the sum of squares S about the mean.

    The generalised Q is below S / tau2. In uncorrelated contrasts z_j the REML score is a sum of terms that
    are negative from tau2 = z_j^2 <= S on. The ML score compares sum w^2 r^2, which is at most max(w) times
    sum w (y - mean)^2 <= max(w) sum w range^2 / 4, with sum w: it is negative from range^2 / 4 <= S / 2 on.
    Moderators leave less of both sums, so the bound holds with them.

    Parameters
    ----------
    y
        Estimates, shape (k,).

    Returns
    -------
    float
        In the unit of `y` squared.

    References
    ----------
    Canonical contrasts: Rukhin 2013, doi 10.3150/13-BEJ547.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.search import upper_bound
    >>> upper_bound(np.array([0.0, 4.0]))
    16.0
    """
    return 2.0 * float(((y - y.mean()) ** 2).sum())


def crossing(curve: Curve, low: float, high: float) -> float:
    """The tau2 between two values at which a curve falls through zero.

    An end that lies on the root up to rounding is the root: whether a curve is a hair above or below zero
    there can depend on how many tau2 it was evaluated at together.

    Parameters
    ----------
    curve
        Function of tau2, shape (g,) or (), smooth; above zero at `low`, below at `high`, up to rounding.
    low, high
        Ends of the bracket, in units of the smallest sampling variance.

    Returns
    -------
    float
        The root, to the rounding of ``log(1 + tau2)``.

    Raises
    ------
    BayesmaError
        If the bracket has not closed after `MAX_STEPS` steps; a number is never returned then.

    Examples
    --------
    >>> from bayesma.classical.search import crossing
    >>> round(crossing(lambda tau2: 2.0 - tau2, 0.0, 10.0), 12)
    2.0
    """

    def height(x: float) -> float:
        return float(curve(np.asarray(math.expm1(x))))

    left, right = math.log1p(low), math.log1p(high)
    if height(left) <= 0:
        return low
    if height(right) >= 0:
        return high
    root, report = brentq(
        height,
        left,
        right,
        xtol=1e-30,
        rtol=4 * np.finfo(np.float64).eps,
        maxiter=MAX_STEPS,
        full_output=True,
        disp=False,
    )
    if not report.converged:
        raise BayesmaError(
            f"the equation for tau2 was not solved in {MAX_STEPS} steps; "
            "method='DL' needs no iteration; please report these data"
        )
    return math.expm1(root)


def local_maxima(slope: Curve, upper: float, k: int) -> list[float]:
    """Every tau2 at which a function of tau2 >= 0 has a local maximum, from its slope.

    Parameters
    ----------
    slope
        Derivative (times any positive function of tau2), shape (g,) from shape (g,).
    upper
        A tau2 beyond which the slope is negative, in units of the smallest sampling variance.
    k
        Number of studies, or of cells of their columns, to bound the memory.

    Returns
    -------
    list of float
        In ascending order; never empty; 0 is among them if the function falls from there.

    Examples
    --------
    >>> from bayesma.classical.search import local_maxima
    >>> [round(t, 9) for t in local_maxima(lambda t: -(t - 1.0) * (t - 3.0) * (t - 5.0), 9.0, k=2)]
    [1.0, 5.0]
    """
    top = math.log1p(upper)
    grid = np.expm1(np.linspace(0.0, top, 2 + math.ceil(top / GRID_STEP)))
    blocks = np.array_split(grid, math.ceil(grid.size * k / BLOCK))
    slopes = np.concatenate([slope(block) for block in blocks])
    rising, falling = slopes[:-1] > 0, slopes[1:] <= 0
    peaks = [0.0] if slopes[0] <= 0 else []
    return peaks + [crossing(slope, grid[i], grid[i + 1]) for i in np.flatnonzero(rising & falling).tolist()]
