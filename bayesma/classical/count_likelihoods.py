"""How likely are the counts of each study at a given effect? Without random effects, with all derivatives."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, gammaln

from bayesma.classical.hypergeometric import noncentral_hypergeometric
from bayesma.classical.jets import FloatArray, Jet, Likelihood
from bayesma.classical.tables import Tables


def binomial(events: FloatArray, n: FloatArray, offset: FloatArray | float = 0.0) -> Likelihood:
    """Events among n patients at a logit ``theta + offset``.

    Parameters
    ----------
    events, n, offset
        Shape (k,) each.

    Returns
    -------
    callable
        Jets from points (theta,) of shape (k, ..., 1).

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.count_likelihoods import binomial
    >>> float(np.exp(binomial(np.array([1.0]), np.array([2.0]))(np.array([[0.0]])).value[0]).round(12))
    0.5
    """
    ways = _log_ways(events, n)
    shift = np.broadcast_to(np.asarray(offset, dtype=np.float64), events.shape)

    def likelihood(points: FloatArray) -> Jet:
        y, size, base, moved = (_along(v, points) for v in (events, n, ways, shift))
        value, slope, curvature = _logistic(y, size, points[..., 0] + moved)
        return Jet(value + base, slope[..., None], curvature[..., None, None])

    return likelihood


def two_binomials(tables: Tables) -> Likelihood:
    """Events of both arms at the logits ``alpha + theta / 2`` (treated) and ``alpha - theta / 2`` (control).

    Parameters
    ----------
    tables
        k studies.

    Returns
    -------
    callable
        Jets from points (alpha, theta) of shape (k, ..., 2).

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.count_likelihoods import two_binomials
    >>> from bayesma.classical.tables import Tables
    >>> from bayesma.evidence.counts import TwoArmCounts
    >>> tables = Tables.of(TwoArmCounts.from_counts([1], [2], [0], [1]))
    >>> float(np.exp(two_binomials(tables)(np.array([[0.0, 0.0]])).value[0]).round(12))
    0.25
    """
    ways = _log_ways(tables.a, tables.n1) + _log_ways(tables.c, tables.n2)

    def likelihood(points: FloatArray) -> Jet:
        a, n1, c, n2, base = (_along(v, points) for v in (tables.a, tables.n1, tables.c, tables.n2, ways))
        alpha, half = points[..., 0], 0.5 * points[..., 1]
        value1, slope1, curvature1 = _logistic(a, n1, alpha + half)
        value2, slope2, curvature2 = _logistic(c, n2, alpha - half)
        gradient = np.stack([slope1 + slope2, 0.5 * (slope1 - slope2)], axis=-1)
        same, mixed = curvature1 + curvature2, 0.5 * (curvature1 - curvature2)
        hessian = np.stack([same, mixed, mixed, 0.25 * same], axis=-1).reshape(*same.shape, 2, 2)
        return Jet(value1 + value2 + base, gradient, hessian)

    return likelihood


def conditional_exact(tables: Tables) -> Likelihood:
    """Events of the treated arm, given those of both: non-central hypergeometric at log odds ratio theta.

    Parameters
    ----------
    tables
        k studies.

    Returns
    -------
    callable
        Jets from points (theta,) of shape (k, ..., 1).

    References
    ----------
    Stijnen, Hamza and Ozdemir 2010, doi 10.1002/sim.4040.
    """

    def likelihood(points: FloatArray) -> Jet:
        shape = points.shape[:-1]
        theta = np.ascontiguousarray(points).reshape(shape[0], -1)
        found = noncentral_hypergeometric(theta, tables.a, tables.n1, tables.n2, tables.events)
        value, mean, variance = found.reshape(3, *shape)
        return Jet(value, (_along(tables.a, points) - mean)[..., None], -variance[..., None, None])

    return likelihood


def conditional_approximate(tables: Tables) -> Likelihood:
    """The binomial limit of `conditional_exact` for rare events, logit ``theta + log(n_treat / n_ctrl)``."""
    return binomial(tables.a, tables.events, np.log(tables.n1 / tables.n2))


def _logistic(y: FloatArray, n: FloatArray, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log likelihood of y events in n at logit eta, its slope and its curvature."""
    p = expit(eta)
    softplus = np.maximum(eta, 0.0) + np.log1p(np.exp(-np.abs(eta)))
    return y * eta - n * softplus, y - n * p, -n * p * expit(-eta)


def _log_ways(events: FloatArray, n: FloatArray) -> FloatArray:
    """Log binomial coefficients."""
    return np.asarray(gammaln(n + 1) - gammaln(events + 1) - gammaln(n - events + 1))


def _along(values: FloatArray, points: FloatArray) -> FloatArray:
    """Numbers of studies, shape (k,), against points of shape (k, ..., p)."""
    return values.reshape(-1, *(1,) * (points.ndim - 2))
