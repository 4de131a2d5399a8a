"""Symmetric square roots of covariance matrices, which depend on nothing but the matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]


def symmetric_root(covariance: Array) -> Array:
    """The symmetric root of each covariance, shape (..., p, p); eigenvalues below 0 by rounding count as 0.

    Draws made with it move continuously with the covariance. Eigenvectors by themselves do not: their signs,
    and their directions where eigenvalues tie, are the linear algebra library's choice, and a change in the
    last digit gives other draws.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.numerics.roots import symmetric_root
    >>> symmetric_root(np.array([[4.0, 0.0], [0.0, 9.0]])).round(3).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    values, vectors = np.linalg.eigh(covariance)
    scaled = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return np.asarray(scaled @ np.swapaxes(vectors, -1, -2))
