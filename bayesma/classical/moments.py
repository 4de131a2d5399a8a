"""How large is tau2 by the method of moments? Estimators that match Q to its expectation.

Every estimator of this package receives standardised studies (`bayesma.classical.standardise`): at least two,
the most precise one first at ``y = 0`` with ``v = 1``; and answers in the same unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.pooling import contrast_precision, left_over, pool, weighted_squares
from bayesma.classical.search import Tau2, crossing, upper_bound

FloatArray = NDArray[np.float64]


def equal_effects(y: FloatArray, v: FloatArray, columns: FloatArray | None = None) -> Tau2:
    """Zero: one effect is taken to be common to all studies.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), standardised.
    columns
        Moderators, shape (k, q), k > 1 + q; None for an intercept alone.

    Returns
    -------
    Tau2
        0 by assumption.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.moments import equal_effects
    >>> equal_effects(np.array([0.0, 3.0]), np.array([1.0, 1.0])).value
    0.0
    """
    return Tau2(0.0)


def dersimonian_laird(y: FloatArray, v: FloatArray, columns: FloatArray | None = None) -> Tau2:
    """Moment estimator from Cochran's Q, cut at 0.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), k >= 2, standardised.
    columns
        Moderators, shape (k, q), k > 1 + q; None for an intercept alone.

    Returns
    -------
    Tau2
        In the unit of `v`.

    References
    ----------
    DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2; with moderators Raudenbush 2009, in The
    Handbook of Research Synthesis and Meta-Analysis, 2nd ed., chapter 16.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.moments import dersimonian_laird
    >>> dersimonian_laird(np.array([0.0, 4.0]), np.array([1.0, 1.0])).value
    7.0
    """
    pooled = pool(y, v, 0.0, columns)
    excess = float(weighted_squares(pooled)) - left_over(pooled)
    return Tau2(max(0.0, excess / float(contrast_precision(pooled))))


def paule_mandel(y: FloatArray, v: FloatArray, columns: FloatArray | None = None) -> Tau2:
    """The tau2 at which the generalised Q equals its expectation k - p; 0 if Q is below it already.

    p is 1 and the number of columns. The generalised Q falls steadily with tau2, so the root is the only one.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), k >= 2, standardised.
    columns
        Moderators, shape (k, q), k > 1 + q; None for an intercept alone.

    Returns
    -------
    Tau2
        In the unit of `v`.

    Raises
    ------
    BayesmaError
        If the equation was not solved.

    References
    ----------
    Paule and Mandel 1982, doi 10.6028/jres.087.022; with moderators DerSimonian and Kacker 2007, doi
    10.1016/j.cct.2006.04.004.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.moments import paule_mandel
    >>> round(paule_mandel(np.array([0.0, 4.0]), np.array([1.0, 1.0])).value, 10)
    7.0
    """

    def excess(tau2: FloatArray) -> FloatArray:
        pooled = pool(y, v, tau2, columns)
        return weighted_squares(pooled) - left_over(pooled)

    if excess(np.asarray(0.0)) <= 0:
        return Tau2(0.0)
    return Tau2(crossing(excess, 0.0, upper_bound(y)))
