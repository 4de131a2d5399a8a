"""What is the inverse-variance mean at a given tau2, and what do the studies say around it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The inverse-variance mean at one tau2 (scalars in the first axes) or at many (shape (g,)).

    Attributes
    ----------
    weights
        ``1 / (v + tau2)``, shape (k,) or (g, k).
    total
        Sum of the weights, shape () or (g,); the mean has variance ``1 / total``.
    mean
        Weighted mean, shape () or (g,).
    residuals
        ``y - mean``, shape (k,) or (g, k).
    """

    weights: FloatArray
    total: FloatArray
    mean: FloatArray
    residuals: FloatArray


def pool(y: FloatArray, v: FloatArray, tau2: FloatArray | float) -> Pool:
    """Pool estimates by the inverse of sampling variance plus tau2.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,).
    tau2
        Between-study variance, one number or shape (g,), in the unit of `v`.

    Returns
    -------
    Pool
        Weights, their sum, the mean and the residuals.

    References
    ----------
    DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2.

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
    return Pool(weights, total, mean, y - mean[..., None])


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


def contrast_precision(pooled: Pool) -> FloatArray:
    """``sum(w) - sum(w^2) / sum(w)``: the precision left for differences between studies.

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
    return np.asarray((first * others.sum(axis=-1) + remaining.sum(axis=-1)) / pooled.total)
