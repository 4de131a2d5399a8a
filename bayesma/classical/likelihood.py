"""How likely is a tau2? The normal likelihood with the mean profiled (ML) or integrated (REML) out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.pooling import contrast_precision, pool, weighted_squares
from bayesma.classical.search import Tau2, local_maxima, upper_bound

FloatArray = NDArray[np.float64]


def log_likelihood(
    y: FloatArray,
    v: FloatArray,
    tau2: FloatArray | float,
    *,
    restricted: bool,
    columns: FloatArray | None = None,
) -> FloatArray:
    """Log likelihood of tau2, up to a constant, under ``y_i ~ N(mu, v_i + tau2)``.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,).
    tau2
        Between-study variance, one number or shape (g,), in the unit of `v`.
    restricted
        True integrates mu out over a flat prior (REML), False puts its best value in (ML).
    columns
        Moderators, shape (k, q); then the coefficients take the place of mu.

    Returns
    -------
    ndarray
        Shape () or (g,).

    References
    ----------
    Viechtbauer 2005, doi 10.3102/10769986030003261.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.likelihood import log_likelihood
    >>> float(log_likelihood(np.array([0.0, 2.0]), np.array([1.0, 1.0]), 0.0, restricted=False))
    -1.0
    """
    pooled = pool(y, v, tau2, columns)
    value = np.log(pooled.weights).sum(axis=-1) - weighted_squares(pooled)
    if restricted:
        diagonal = np.abs(np.diagonal(pooled.triangle, axis1=-2, axis2=-1))
        value = value - np.log(pooled.total) - 2.0 * np.log(diagonal).sum(axis=-1)
    return np.asarray(0.5 * value)


def slope(
    y: FloatArray,
    v: FloatArray,
    tau2: FloatArray | float,
    *,
    restricted: bool,
    columns: FloatArray | None = None,
) -> FloatArray:
    """Slope of `log_likelihood` over ``log(1 + tau2)``: its derivative by tau2, times ``1 + tau2``.

    Without moderators both of its parts are positive sums without cancellation, so its sign can be trusted
    near a root.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), the most precise study first.
    tau2
        Between-study variance, one number or shape (g,), in the unit of `v`.
    restricted, columns
        As in `log_likelihood`.

    Returns
    -------
    ndarray
        Shape () or (g,).

    References
    ----------
    Viechtbauer 2005, doi 10.3102/10769986030003261.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.likelihood import slope
    >>> float(slope(np.array([0.0, 2.0]), np.array([1.0, 1.0]), 1.0, restricted=True))
    0.0
    """
    pooled = pool(y, v, tau2, columns)
    spread = ((pooled.weights * pooled.residuals) ** 2).sum(axis=-1)
    expected = contrast_precision(pooled) if restricted else pooled.total
    return np.asarray(0.5 * (spread - expected) * (1.0 + np.asarray(tau2)))


def maximum_likelihood(y: FloatArray, v: FloatArray, columns: FloatArray | None = None) -> Tau2:
    """The highest point of the likelihood over tau2 >= 0, out of all its local maxima.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), k >= 2, standardised.
    columns
        Moderators, shape (k, q), k > 1 + q; None for an intercept alone.

    Returns
    -------
    Tau2
        In the unit of `v`, with the lower local maxima.

    Raises
    ------
    BayesmaError
        If the score equation was not solved.

    References
    ----------
    Viechtbauer 2005, doi 10.3102/10769986030003261.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.likelihood import maximum_likelihood
    >>> round(maximum_likelihood(np.array([0.0, 4.0]), np.array([1.0, 1.0])).value, 10)
    3.0
    """
    return _highest_peak(y, v, columns, restricted=False)


def restricted_maximum_likelihood(y: FloatArray, v: FloatArray, columns: FloatArray | None = None) -> Tau2:
    """The highest point of the restricted likelihood over tau2 >= 0, out of all its local maxima.

    Parameters
    ----------
    y, v
        Estimates and sampling variances, shape (k,), k >= 2, standardised.
    columns
        Moderators, shape (k, q), k > 1 + q; None for an intercept alone.

    Returns
    -------
    Tau2
        In the unit of `v`, with the lower local maxima.

    Raises
    ------
    BayesmaError
        If the score equation was not solved.

    References
    ----------
    Viechtbauer 2005, doi 10.3102/10769986030003261.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.likelihood import restricted_maximum_likelihood
    >>> round(restricted_maximum_likelihood(np.array([0.0, 4.0]), np.array([1.0, 1.0])).value, 10)
    7.0
    """
    return _highest_peak(y, v, columns, restricted=True)


def _highest_peak(y: FloatArray, v: FloatArray, columns: FloatArray | None, *, restricted: bool) -> Tau2:
    """ML and REML differ in the curve only: either can have several peaks, the boundary 0 among them."""
    size = y.size if columns is None else columns.size + y.size

    def rise(tau2: FloatArray) -> FloatArray:
        return slope(y, v, tau2, restricted=restricted, columns=columns)

    peaks = local_maxima(rise, upper_bound(y), size)
    heights = [float(log_likelihood(y, v, peak, restricted=restricted, columns=columns)) for peak in peaks]
    best = peaks.pop(int(np.argmax(heights)))
    return Tau2(best, tuple(peaks))
