"""How much do the studies differ beyond chance? Cochran's Q, I2 and H2."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from bayesma.classical.pooling import contrast_precision, left_over, pool, weighted_squares

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Cochran's Q with df and p; I2 (per cent) and H2; I2 from Q. NaN where one study cannot tell."""

    q: float
    df: int
    p: float
    i2: float
    h2: float
    i2_q: float


def heterogeneity(
    y: FloatArray, v: FloatArray, tau2: float | None, columns: FloatArray | None = None
) -> Heterogeneity:
    """Measure how far the studies disagree.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), the most precise study first.
    tau2
        Between-study variance in the unit of `v`, from which I2 and H2 are taken; None takes them from Q.
    columns
        Moderators, shape (k, q): everything is then about what they leave (residual heterogeneity).

    Returns
    -------
    Heterogeneity
        For a single study Q and df are 0 and the rest NaN. H2 from Q falls below 1 when the studies differ
        less than chance would make them; H2 from tau2 does not.

    References
    ----------
    Q: Cochran 1954, doi 10.2307/3001666; I2 and H2: Higgins and Thompson 2002, doi 10.1002/sim.1186.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.heterogeneity import heterogeneity
    >>> found = heterogeneity(np.array([0.0, 4.0]), np.array([1.0, 1.0]), 7.0)
    >>> found.q, found.i2, found.i2_q, found.h2
    (8.0, 87.5, 87.5, 8.0)
    """
    pooled = pool(y, v, 0.0, columns)
    q, df = float(weighted_squares(pooled)), left_over(pooled)
    if df == 0:
        return Heterogeneity(q, df, math.nan, math.nan, math.nan, math.nan)
    i2_q = 100.0 * (q - df) / q if q > df else 0.0
    i2, h2 = i2_q, q / df
    if tau2 is not None:
        typical = typical_variance(v, columns)
        i2, h2 = 100.0 * tau2 / (tau2 + typical), tau2 / typical + 1.0
    return Heterogeneity(q, df, float(chdtrc(df, q)), i2, h2, i2_q)


def typical_variance(v: FloatArray, columns: FloatArray | None = None) -> float:
    """Sampling variance of a typical study, ``(k - 1) / (sum w - sum w^2 / sum w)`` with ``w = 1 / v``.

    Parameters
    ----------
    v
        Sampling variances, shape (k,), k >= 2, the smallest first.
    columns
        Moderators, shape (k, q); then ``(k - p) / trace(P)`` of `contrast_precision`.

    Returns
    -------
    float
        In the unit of `v`.

    References
    ----------
    Higgins and Thompson 2002, doi 10.1002/sim.1186.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.heterogeneity import typical_variance
    >>> typical_variance(np.array([2.0, 2.0, 2.0]))
    2.0
    """
    pooled = pool(np.zeros_like(v), v, 0.0, columns)
    return left_over(pooled) / float(contrast_precision(pooled))
