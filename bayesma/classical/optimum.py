"""Where is a likelihood of few parameters highest, and is that really a peak with a usable Hessian?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bayesma.classical.jets import FloatArray, Jet, Likelihood, concave_peak
from bayesma.errors import BayesmaError

type Surface = Callable[[FloatArray], Jet]
"""The log likelihood of all studies together, a jet of shape () from a point of shape (p,)."""

# Newton's next step, in standard errors, squared: what remains to the peak is invisible below this.
AT_PEAK = 1e-12
# Logits and SDs of logits beyond this are a likelihood that rises for ever, not an estimate.
RUNAWAY = 30.0
# The same peak: found from two starts, in standard errors; and in height.
SAME_PLACE, SAME_HEIGHT = 1e-3, 1e-7
# The trust-region search ends here; Newton's steps do the rest.
SMALL_GRADIENT, POLISHING = 1e-7, 30
# A scale this small has come back to 0, where the likelihood is flat in it.
NO_SCALE = 1e-5
# Step in standard errors with which the Hessian is computed a second time, from gradients, and how well the
# two standard errors have to agree.
SECOND_STEP, SECOND_AGREES = 1e-2, 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Peak:
    """A local maximum over the free coordinates.

    Attributes
    ----------
    point
        All coordinates, shape (p,).
    height
        Log likelihood.
    covariance
        Inverse of minus the Hessian over the free coordinates, 0 for those held fixed; shape (p, p).
    """

    point: FloatArray
    height: float
    covariance: FloatArray


def together(likelihood: Likelihood, k: int) -> Surface:
    """The sum over studies of a likelihood whose coordinates all studies share.

    Parameters
    ----------
    likelihood
        Jets of shape (k,) from points of shape (k, p).
    k
        Number of studies.

    Returns
    -------
    callable
        Jet of shape () from a point of shape (p,).
    """

    def surface(point: FloatArray) -> Jet:
        jet = likelihood(np.broadcast_to(point, (k, point.size)))
        return Jet(jet.value.sum(axis=0), jet.gradient.sum(axis=0), jet.hessian.sum(axis=0))

    return surface


def profiled(likelihood: Likelihood, start: FloatArray) -> Likelihood:
    """The highest value over each study's own first coordinate, as a function of the others.

    Parameters
    ----------
    likelihood
        Jets of shape (k,) from points of shape (k, p), concave in the first coordinate.
    start
        Where to begin for it, shape (k,).

    Returns
    -------
    callable
        Jets of shape (k,) from points of shape (k, p - 1); the Hessian is the Schur complement, so that
        standard errors are those of all coordinates together.
    """

    def profile(points: FloatArray) -> Jet:
        def own(first: FloatArray) -> Jet:
            jet = likelihood(np.concatenate([first, points], axis=-1))
            return Jet(jet.value, jet.gradient[..., :1], jet.hessian[..., :1, :1])

        best, _ = concave_peak(own, start[:, None])
        jet = likelihood(np.concatenate([best, points], axis=-1))
        cross = jet.hessian[..., 0, 1:]
        share = cross[..., :, None] * cross[..., None, :] / jet.hessian[..., :1, :1]
        return Jet(jet.value, jet.gradient[..., 1:], jet.hessian[..., 1:, 1:] - share)

    return profile


def climb(surface: Surface, start: FloatArray, free: Sequence[int]) -> Peak | None:
    """The peak above a start; None when the way leads to no finite one.

    Parameters
    ----------
    surface
        Log likelihood with its derivatives.
    start
        Shape (p,).
    free
        Coordinates that move; the others stay at `start`.

    Returns
    -------
    Peak or None
        With a negative definite Hessian and a gradient that is nothing beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.jets import Jet
    >>> from bayesma.classical.optimum import climb
    >>> bell = lambda x: Jet(np.asarray(-((x - 1.0) ** 2).sum()), -2.0 * (x - 1.0), -2.0 * np.eye(x.size))
    >>> climb(bell, np.zeros(2), [0]).point.round(9).tolist()
    [1.0, 0.0]
    """
    index = np.ix_(free, free)
    last: dict[bytes, Jet] = {}

    def at(x: NDArray[Any]) -> Jet:
        """Value, gradient and Hessian are asked for one by one: computed once."""
        if x.tobytes() not in last:
            last.clear()
            full = start.copy()
            full[list(free)] = x
            jet = surface(full)
            last[x.tobytes()] = Jet(jet.value, jet.gradient[list(free)], jet.hessian[index])
        return last[x.tobytes()]

    try:
        found = minimize(  # type: ignore[call-overload]  # the stubs have no overload for these callables
            lambda x: -float(at(x).value),
            start[list(free)],
            jac=lambda x: -at(x).gradient,
            hess=lambda x: -at(x).hessian,
            method="trust-exact",
            tol=SMALL_GRADIENT,
        )
        x, decrement = _polished(at, np.asarray(found.x))
    except (BayesmaError, np.linalg.LinAlgError):
        return None  # a runaway: the caller reports that no start led to a peak
    if not decrement <= AT_PEAK or np.abs(x).max() > RUNAWAY:
        return None
    point, covariance = start.copy(), np.zeros((start.size, start.size))
    point[list(free)] = x
    covariance[index] = np.linalg.inv(-at(x).hessian)
    return Peak(point, float(at(x).value), covariance)


def _polished(at: Surface, x: FloatArray) -> tuple[FloatArray, float]:
    """Newton steps as long as they come closer; the squared length of the next one, infinite off a peak."""
    best = math.inf
    for _ in range(POLISHING):
        jet = at(x)
        if not np.all(np.isfinite(jet.hessian)) or np.linalg.eigvalsh(jet.hessian).max() >= 0:
            return x, math.inf
        step = -np.linalg.solve(jet.hessian, jet.gradient)
        decrement = float(step @ jet.gradient)
        if decrement >= best:
            break
        best, kept = decrement, x
        x = x + step
    return kept, best


def distinct(peaks: Sequence[Peak]) -> list[Peak]:
    """Peaks by height, the highest first, each once."""
    found: list[Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.height):
        scale = np.sqrt(np.diag(peak.covariance)) + 1e-6
        if all(np.abs((peak.point - other.point) / scale).max() > SAME_PLACE for other in found):
            found.append(peak)
    return found


def second_se(
    surface: Surface, peak: Peak, free: Sequence[int], coordinate: int, scales: Sequence[int]
) -> float:
    """Standard error of a coordinate from differences of gradients: a second opinion on the Hessian.

    In a scale that is nearly 0 the likelihood bends over a distance of that scale: the steps are shorter.
    """
    index = list(free)
    hessian = np.empty((len(index), len(index)))
    for row, i in enumerate(index):
        step = np.zeros_like(peak.point)
        step[i] = SECOND_STEP * math.sqrt(peak.covariance[i, i])
        if i in scales and abs(peak.point[i]) > NO_SCALE:
            step[i] = min(step[i], SECOND_STEP * abs(peak.point[i]))
        change = surface(peak.point + step).gradient - surface(peak.point - step).gradient
        hessian[row] = change[index] / (2 * step[i])
    variance = np.linalg.inv(-0.5 * (hessian + hessian.T))[index.index(coordinate), index.index(coordinate)]
    return math.sqrt(variance) if variance > 0 else math.nan
