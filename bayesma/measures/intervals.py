"""Standard errors from what papers print instead of them: confidence intervals and p-values."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from bayesma.errors import DataWarning
from bayesma.evidence.columns import Columns

type Array = NDArray[np.float64]

NOTICEABLE = 0.05  # of the half width: less asymmetry than this changes no standard error that matters


def se_from_ci(ci_low: Array, ci_high: Array, level: float = 0.95) -> Array:
    """Standard error behind a symmetric normal interval: width / (2 z).

    Parameters
    ----------
    ci_low, ci_high
        Limits on the analysis scale, shape (k,).
    level
        Confidence level, between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Standard errors, shape (k,), analysis scale. An interval from a t distribution gives an SE that is
        a little too large. See Altman and Bland 2011, doi 10.1136/bmj.d2304.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.intervals import se_from_ci
    >>> float(se_from_ci(np.array([-1.25]), np.array([-0.31]))[0].round(4))
    0.2398
    """
    return np.asarray((ci_high - ci_low) / (2 * ndtri((1 + level) / 2)), dtype=np.float64)


def se_from_p(estimate: Array, p_value: Array, df: ArrayLike = np.inf) -> Array:
    """Standard error behind a two-sided p-value of a t-test or z-test of no effect: abs(estimate) / quantile.

    Parameters
    ----------
    estimate
        Estimates on the analysis scale, shape (k,), not 0.
    p_value
        Two-sided p-values, between 0 and 1, shape (k,).
    df
        Degrees of freedom of the t-test, shape (k,) or one for all; infinite for a z-test.

    Returns
    -------
    numpy.ndarray
        Standard errors, shape (k,), analysis scale. A p-value from a t-test in a small study that is read as
        that of a z-test gives an SE that is too large. See Altman and Bland 2011, doi 10.1136/bmj.d2090, and
        for t-tests the Cochrane Handbook, section 6.5.2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.intervals import se_from_p
    >>> float(se_from_p(np.array([1.96]), np.array([0.05]))[0].round(4))
    1.0
    >>> float(se_from_p(np.array([-4.0]), np.array([0.04]), df=6)[0].round(3))
    1.531
    """
    freedom = np.broadcast_to(np.asarray(df, dtype=np.float64), np.shape(p_value))
    few = np.isfinite(freedom)
    quantile = np.where(few, stdtrit(np.where(few, freedom, 1.0), p_value / 2), ndtri(p_value / 2))
    return np.asarray(np.abs(estimate) / -quantile, dtype=np.float64)


def logged(columns: Columns, role: str) -> Array:
    """Logarithm of the ratios printed in a column, shape (k,)."""
    columns.refuse(
        columns[role] <= 0,
        role,
        "a ratio must be above 0",
        "take it with more decimals, or give the logarithm and leave ratio=True out",
    )
    return np.log(columns[role])


def ci_to_se(columns: Columns, y: Array, *, ratio: bool, level: float, hint: str = "") -> Array:
    """SE, shape (k,), from the columns of the limits, once each interval holds its estimate."""
    estimate, low, high = (columns[role] for role in ("estimate", "ci_low", "ci_high"))
    columns.refuse(
        low >= high,
        "ci_low",
        f"it must lie below ci_high in {columns.names['ci_high']}",
        "swap or correct them",
    )
    for i in np.flatnonzero((estimate < low) | (estimate > high)):
        raise columns.error(
            int(i),
            f"{columns.what('estimate')} is {estimate[i]:g}; it must lie in its own interval, "
            f"{low[i]:g} to {high[i]:g}; correct one of the three",
        )
    if ratio:
        low, high = logged(columns, "ci_low"), np.log(high)
    _warn_of_asymmetry(columns, (low, y, high), _rounding(columns, ratio=ratio), hint)
    return se_from_ci(low, high, level)


def _warn_of_asymmetry(
    columns: Columns, interval: tuple[Array, Array, Array], rounding: Array, hint: str
) -> None:
    """Warn where an estimate lies off the middle of its interval by more than rounding explains."""
    low, y, high = interval
    off, half = np.abs(y - (low + high) / 2), (high - low) / 2
    for i in np.flatnonzero(off > np.maximum(NOTICEABLE * half, rounding)):
        estimate, ends = columns["estimate"][i], [columns[role][i] for role in ("ci_low", "ci_high")]
        warnings.warn(
            f"{columns.place(int(i))}: the interval {ends[0]:g} to {ends[1]:g} is not centred on its "
            f"estimate {estimate:g} on the analysis scale, by more than rounding explains; "
            f"the standard error taken from its width may be wrong{hint}",
            DataWarning,
            stacklevel=6,
        )


def _rounding(columns: Columns, *, ratio: bool) -> Array:
    """How far rounding alone can move an estimate off the middle of its interval, shape (k,)."""
    estimate, low, high = (columns[role] for role in ("estimate", "ci_low", "ci_high"))
    limits = np.maximum(_decimals(low), _decimals(high))
    units = {"estimate": np.maximum(_decimals(estimate), limits), "ci_low": limits, "ci_high": limits}
    total = np.zeros(estimate.shape)
    for role, share in (("estimate", 1.0), ("ci_low", 0.5), ("ci_high", 0.5)):
        step = 0.5 * 10.0 ** -units[role]
        if ratio:
            value = columns[role]
            room = np.maximum(value - step, np.finfo(np.float64).tiny)
            step = np.maximum(np.log(value / room), np.log((value + step) / value))
        total += share * step
    return total * (1 + 1e-9)  # a difference exactly at the limit is rounding


def _decimals(values: Array) -> Array:
    """Decimals with which numbers were printed, as far as their shortest form shows, shape (k,)."""
    text = [np.format_float_positional(v, trim="-") for v in values]
    return np.array([len(t.partition(".")[2]) for t in text], dtype=np.float64)
