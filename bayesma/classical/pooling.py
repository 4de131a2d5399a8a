"""What is the inverse-variance mean, or regression, at a given tau2, and what do studies say around it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The inverse-variance mean at one tau2 (scalars in the first axes) or at many (shape (g,)).

    With columns of moderators it is the weighted regression on an intercept and them: the columns are taken
    about their weighted means, so that the intercept splits off and everything for it is what it is without
    columns. What the columns explain is held as an orthonormal basis, which no scale of theirs can spoil.

    Attributes
    ----------
    weights
        ``1 / (v + tau2)``, shape (k,) or (g, k).
    total
        Sum of the weights, shape () or (g,); the mean has variance ``1 / total``.
    mean
        Weighted mean, shape () or (g,).
    residuals
        What is left of ``y``, shape (k,) or (g, k): ``y - mean``, less what the columns explain.
    basis
        Orthonormal basis of the columns times ``sqrt(weights)``, shape (k, q) or (g, k, q).
    triangle
        What makes these columns of the basis, upper triangular, shape (q, q) or (g, q, q).
    centre
        Weighted means of the columns, shape (q,) or (g, q).
    slopes
        Their coefficients in the basis, shape (q,) or (g, q).
    """

    weights: FloatArray
    total: FloatArray
    mean: FloatArray
    residuals: FloatArray
    basis: FloatArray
    triangle: FloatArray
    centre: FloatArray
    slopes: FloatArray


def pool(y: FloatArray, v: FloatArray, tau2: FloatArray | float, columns: FloatArray | None = None) -> Pool:
    """Pool estimates by the inverse of sampling variance plus tau2.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,).
    tau2
        Between-study variance, one number or shape (g,), in the unit of `v`.
    columns
        Moderators, shape (k, q), beside which there is an intercept; None for the intercept alone.

    Returns
    -------
    Pool
        Weights, their sum, the mean, the residuals, and the regression on the columns.

    References
    ----------
    DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2; with moderators Raudenbush 2009, in The
    Handbook of Research Synthesis and Meta-Analysis, 2nd ed., chapter 16.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.pooling import pool
    >>> float(pool(np.array([0.0, 4.0]), np.array([1.0, 3.0]), 0.0).mean)
    1.0
    """
    weights = 1.0 / (v + np.asarray(tau2, dtype=np.float64)[..., None])
    total = weights.sum(axis=-1)
    mean = np.asarray(weights @ y) / total
    about = np.empty((y.size, 0)) if columns is None else columns
    centre = np.asarray(weights @ about) / total[..., None]
    root = np.sqrt(weights)
    basis, triangle = np.linalg.qr(root[..., None] * (about - centre[..., None, :]))
    residuals = y - mean[..., None]
    slopes = np.einsum("...kq,...k->...q", basis, root * residuals)
    if columns is not None:
        residuals = residuals - np.einsum("...kq,...q->...k", basis, slopes) / root
    return Pool(weights, total, mean, residuals, basis, triangle, centre, slopes)


def weighted_squares(pooled: Pool) -> FloatArray:
    """Sum of ``w r^2``: Cochran's Q at tau2 = 0, the generalised Q elsewhere.

    Parameters
    ----------
    pooled
        Result of `pool`.

    Returns
    -------
    ndarray
        Shape () or (g,), no unit.

    References
    ----------
    Cochran 1954, doi 10.2307/3001666.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.pooling import pool, weighted_squares
    >>> float(weighted_squares(pool(np.array([0.0, 4.0]), np.array([1.0, 3.0]), 0.0)))
    4.0
    """
    return np.asarray((pooled.weights * pooled.residuals**2).sum(axis=-1))


def left_over(pooled: Pool) -> int:
    """Degrees of freedom: studies less the intercept and the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.pooling import left_over, pool
    >>> left_over(pool(np.array([0.0, 4.0]), np.array([1.0, 3.0]), 0.0))
    1
    """
    return int(pooled.weights.shape[-1] - 1 - pooled.slopes.shape[-1])


def contrast_precision(pooled: Pool) -> FloatArray:
    """``sum(w) - sum(w^2) / sum(w)``: the precision left for differences between studies.

    With moderators the trace of ``W - W X (X' W X)^-1 X' W``, X being the intercept and the columns.

    It is the trace of the projection that REML differentiates, the denominator of DerSimonian and Laird, and
    what makes Higgins and Thompson's typical variance. The first study must be the heaviest one: taking its
    rivals' weights as a sum of their own, not as ``total - w``, keeps all digits when it dominates.

    Parameters
    ----------
    pooled
        Result of `pool` on arrays in which the most precise study stands first.

    Returns
    -------
    ndarray
        Shape () or (g,), in the unit of a weight; 0 for a single study.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.pooling import contrast_precision, pool
    >>> float(contrast_precision(pool(np.array([0.0, 4.0]), np.array([1.0, 1.0]), 0.0)))
    1.0
    """
    first, others = pooled.weights[..., 0], pooled.weights[..., 1:]
    remaining = others * (pooled.total[..., None] - others)
    left = (first * others.sum(axis=-1) + remaining.sum(axis=-1)) / pooled.total
    return np.asarray(left - (pooled.weights[..., None] * pooled.basis**2).sum(axis=(-2, -1)))


def coefficients(pooled: Pool) -> tuple[FloatArray, FloatArray]:
    """Intercept (where all columns are 0) and slopes at one tau2, with their covariance.

    Parameters
    ----------
    pooled
        Result of `pool` at one tau2.

    Returns
    -------
    tuple of ndarray
        Shapes (p,) and (p, p), p = 1 + q: in units of `y` by units of the columns, and the squares.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.pooling import coefficients, pool
    >>> line = pool(np.array([0.0, 2.0, 4.0]), np.ones(3), 0.0, np.array([[0.0], [1.0], [2.0]]))
    >>> coefficients(line)[0].round(9).tolist()
    [0.0, 2.0]
    """
    inverse = np.linalg.inv(pooled.triangle)
    slopes, spread = inverse @ pooled.slopes, inverse @ inverse.T
    beside = -spread @ pooled.centre
    first = 1.0 / pooled.total - pooled.centre @ beside
    covariance = np.block([[np.reshape(first, (1, 1)), beside[None, :]], [beside[:, None], spread]])
    return np.r_[pooled.mean - pooled.centre @ slopes, slopes], covariance
