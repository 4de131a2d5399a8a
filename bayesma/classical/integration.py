"""What is left of a likelihood once a normal random effect is integrated out? Exactly, or after Laplace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from bayesma.classical.jets import FloatArray, Jet, Likelihood, concave_peak

# exp(-DROP) of its peak is what an integrand has at the ends of its window: below rounding.
DROP = 38.0
# Newton steps from outside towards the ends of the window leave them outside, and may stop at any time:
# they do when they move both ends by less than this share.
WINDOW_STEPS, WINDOW_CHANGE = 20, 0.03
# Step of the differences that differentiate a Laplace approximation: the error is about its fourth power,
# the rounding about 1e-13 / STEP**2.
STEP = 0.02


def integrated(likelihood: Likelihood, axis: int, nodes: int) -> Likelihood:
    """Integrate ``coordinate + scale * z`` over ``z ~ N(0, 1)``; the scale becomes the last coordinate.

    The integrand is log-concave with a curvature of at least that of z. The trapezoid rule is laid over the
    window in which it exceeds exp(-`DROP`) of its peak; for such smooth bells its error falls
    exponentially with the number of nodes. The result can be integrated again along another coordinate.

    Parameters
    ----------
    likelihood
        Jets from points of shape (k, ..., p), log-concave.
    axis
        The coordinate that varies.
    nodes
        Number of nodes; double it until nothing changes.

    Returns
    -------
    callable
        Jets from points of shape (k, ..., p + 1); gradient and Hessian are exact (Louis 1982).

    References
    ----------
    Louis 1982, doi 10.1111/j.2517-6161.1982.tb01203.x; Trefethen and Weideman 2014, doi 10.1137/130932132.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.integration import integrated
    >>> from bayesma.classical.jets import Jet
    >>> def bell(x):
    ...     return Jet(-0.5 * x[..., 0] ** 2, -x, np.full((*x.shape, 1), -1.0))
    >>> round(float(integrated(bell, 0, 64)(np.array([[0.0, 1.0]])).value[0]), 12)  # -log(2) / 2
    -0.34657359028
    """
    shares = np.linspace(0.0, 1.0, nodes)

    def marginal(points: FloatArray) -> Jet:
        fixed, scale = points[..., :-1], points[..., -1]

        def integrand(z: FloatArray) -> Jet:
            """Jet of the integrand over z, shape (..., n) from (..., n, 1)."""
            inner = _at(likelihood, fixed, scale, axis, z[..., 0])
            slope = scale[..., None] * inner.gradient[..., axis] - z[..., 0]
            curvature = scale[..., None] ** 2 * inner.hessian[..., axis, axis] - 1.0
            value = inner.value - 0.5 * z[..., 0] ** 2
            return Jet(value, slope[..., None], curvature[..., None, None])

        ends, peak = _window(integrand, scale.shape)
        width = ends[..., 1:] - ends[..., :1]
        z = ends[..., :1] + width * shares
        inner = _at(likelihood, fixed, scale, axis, z)
        weights = np.exp(inner.value - 0.5 * z**2 - peak)
        total = weights.sum(axis=-1)
        value = peak[..., 0] + np.log(total * width[..., 0] / ((nodes - 1) * np.sqrt(2 * np.pi)))
        return Jet(value, *_louis(inner, z, axis, weights / total[..., None]))

    return marginal


def _at(likelihood: Likelihood, fixed: FloatArray, scale: FloatArray, axis: int, z: FloatArray) -> Jet:
    """The likelihood at n values of z for every point: shape (..., n)."""
    points = np.repeat(fixed[..., None, :], z.shape[-1], axis=-2)
    points[..., axis] += scale[..., None] * z
    return likelihood(points)


def _window(integrand: Likelihood, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Both ends, shape (..., 2), and the height of the peak, shape (..., 1)."""
    mode, top = concave_peak(integrand, np.zeros((*shape, 1, 1)))
    ends = mode[..., 0] + np.sqrt(2 * DROP) * np.array([-1.0, 1.0])
    for _ in range(WINDOW_STEPS):
        jet = integrand(ends[..., None])
        moved = (jet.value - top.value + DROP) / jet.gradient[..., 0]
        ends = ends - moved
        if np.all(np.abs(moved) <= WINDOW_CHANGE * np.abs(ends - mode[..., 0])):
            break
    return ends, top.value


def _louis(inner: Jet, z: FloatArray, axis: int, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradient and Hessian of a log integral: E(score), E(Hessian) + Cov(score) over the integrand."""
    slope = z[..., None] * inner.gradient[..., axis : axis + 1]
    score = np.concatenate([inner.gradient, slope], axis=-1)
    mean = np.einsum("...n,...np->...p", weights, score)
    centred = score - mean[..., None, :]
    weighted = weights[..., None] * centred
    hessian = np.swapaxes(weighted, -1, -2) @ centred
    p = inner.gradient.shape[-1]
    hessian[..., :p, :p] += np.einsum("...n,...npq->...pq", weights, inner.hessian)
    cross = np.einsum("...n,...np->...p", weights * z, inner.hessian[..., axis, :])
    hessian[..., p, :p] += cross
    hessian[..., :p, p] += cross
    hessian[..., p, p] += (weights * z**2 * inner.hessian[..., axis, axis]).sum(axis=-1)
    return mean, hessian


def laplace(likelihood: Likelihood, axes: Sequence[int]) -> Likelihood:
    """Laplace's approximation of the integral over one or two random effects, as glmer has by default.

    Parameters
    ----------
    likelihood
        Jets from points of shape (k, ..., p), log-concave.
    axes
        The coordinates that vary; the scale of each becomes a coordinate, in this order, after the others.

    Returns
    -------
    callable
        Jets from points of shape (k, ..., p + r); derivatives by central differences of fourth order.

    References
    ----------
    Tierney and Kadane 1986, doi 10.1080/01621459.1986.10478240.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.integration import laplace
    >>> from bayesma.classical.jets import Jet
    >>> def bell(x):
    ...     return Jet(-0.5 * x[..., 0] ** 2, -x, np.full((*x.shape, 1), -1.0))
    >>> round(float(laplace(bell, [0])(np.array([[0.0, 1.0]])).value[0]), 12)  # -log(2) / 2
    -0.34657359028
    """
    picked, r = list(axes), len(axes)

    def approximate(points: FloatArray) -> FloatArray:
        fixed, scales = points[..., :-r], points[..., -r:]

        def exponent(z: FloatArray) -> Jet:
            at = fixed.copy()
            at[..., picked] += scales * z
            inner = likelihood(at)
            hessian = scales[..., :, None] * inner.hessian[..., picked, :][..., picked] * scales[..., None, :]
            value = inner.value - 0.5 * (z**2).sum(axis=-1)
            return Jet(value, scales * inner.gradient[..., picked] - z, hessian - np.eye(r))

        _, top = concave_peak(exponent, np.zeros_like(scales))
        return np.asarray(top.value - 0.5 * np.linalg.slogdet(top.hessian)[1])

    return lambda points: _differences(approximate, points)


def _differences(function: Callable[[FloatArray], FloatArray], points: FloatArray) -> Jet:
    """Jet of a function that has only values, from steps h and 2h in all pairs of coordinates."""
    p = points.shape[-1]
    unit = STEP * np.eye(p)
    singles = [sign * size * unit[i] for i in range(p) for size in (1, 2) for sign in (1, -1)]
    pairs = list(combinations(range(p), 2))
    crosses = [
        size * (first * unit[i] + second * unit[j])
        for i, j in pairs
        for size in (1, 2)
        for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1))
    ]
    stencil = np.array([np.zeros(p), *singles, *crosses])
    values = np.asarray(function(points[..., None, :] + stencil))
    middle = values[..., 0]
    along = values[..., 1 : 1 + 4 * p].reshape(*middle.shape, p, 4)
    gradient = (8 * (along[..., 0] - along[..., 1]) - (along[..., 2] - along[..., 3])) / (12 * STEP)
    bend = 16 * (along[..., 0] + along[..., 1]) - (along[..., 2] + along[..., 3]) - 30 * middle[..., None]
    hessian = np.zeros((*middle.shape, p, p))
    hessian[..., range(p), range(p)] = bend / (12 * STEP**2)
    corners = values[..., 1 + 4 * p :].reshape(*middle.shape, len(pairs), 2, 4)
    twist = corners @ np.array([1.0, -1.0, -1.0, 1.0]) / (4 * STEP**2)
    mixed = (4 * twist[..., 0] - twist[..., 1] / 4) / 3
    for place, (i, j) in enumerate(pairs):
        hessian[..., i, j] = hessian[..., j, i] = mixed[..., place]
    return Jet(middle, gradient, hessian)
