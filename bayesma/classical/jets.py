"""How do likelihoods travel? As a value with its gradient and Hessian, at many points at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import BayesmaError

type FloatArray = NDArray[np.float64]

# Newton's method on a concave function needs about 10 steps, with halving in bad cases 40.
MAX_STEPS = 200
# A step this small relative to the point is rounding: the next one would be its square.
SMALL_STEP = 1e-9
# A step that lowers the value by no more than its rounding is not refused.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """A function of p coordinates at many points.

    Attributes
    ----------
    value
        Shape (...).
    gradient
        Shape (..., p).
    hessian
        Shape (..., p, p).
    """

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray


type Likelihood = Callable[[FloatArray], Jet]
"""Log likelihoods of k studies: from points of shape (k, ..., p), the first axis being the studies."""


def concave_peak(function: Likelihood, start: FloatArray) -> tuple[FloatArray, Jet]:
    """The highest points of many concave functions, by Newton's method with halved steps.

    Parameters
    ----------
    function
        Jets of shape (...) from points of shape (..., r); concave in its r coordinates.
    start
        Shape (..., r).

    Returns
    -------
    tuple
        Points, shape (..., r), and the jets there.

    Raises
    ------
    BayesmaError
        If one of them was not found after `MAX_STEPS` steps.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.jets import Jet, concave_peak
    >>> def bell(x):
    ...     return Jet(-((x[..., 0] - 2.0) ** 2), -2.0 * (x - 2.0), np.full((*x.shape, 1), -2.0))
    >>> float(concave_peak(bell, np.array([[0.0]]))[0][0, 0])
    2.0
    """
    point, here = start, function(start)
    step = _newton_step(here)
    for _ in range(MAX_STEPS):
        if np.all(np.abs(step) <= SMALL_STEP * (1.0 + np.abs(point))):
            return point, here
        there = function(point + step)
        better = there.value >= here.value - ROUNDING * (1.0 + np.abs(here.value))
        taken = better[..., None]
        point = np.where(taken, point + step, point)
        here = Jet(
            np.where(better, there.value, here.value),
            np.where(taken, there.gradient, here.gradient),
            np.where(taken[..., None], there.hessian, here.hessian),
        )
        step = np.where(taken, _newton_step(here), 0.5 * step)
    raise BayesmaError(f"no peak after {MAX_STEPS} steps of Newton's method; please report these data")


def _newton_step(jet: Jet) -> FloatArray:
    """From the quadratic that fits the jet to its peak."""
    if jet.gradient.shape[-1] == 1:
        return np.asarray(-jet.gradient / jet.hessian[..., 0])
    return np.asarray(-np.linalg.solve(jet.hessian, jet.gradient[..., None])[..., 0])
