"""Covariance between the visits of one study, by power of its correlation, and what makes it usable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import DataError
from bayesma.evidence.correlation import Correlation
from bayesma.priors import Prior

type Array = NDArray[np.float64]

DIGITS = 9  # decimals of a lag in months: the same lag reached in two ways is one lag
ASYMMETRY = 1e-8  # relative to the standard errors: printed covariances are rounded alike on both sides
SINGULAR = 1e-12  # smallest eigenvalue of a correlation matrix that rounding cannot have made


def lags(month: Array, structure: str, distance: float = 1.0) -> Array:
    """Power of the correlation between any two of the months (p,), in order: shape (p, p).

    Months are counted in units of `distance`, at which the correlation is stated.
    """
    if structure == "ar1-month":
        return np.asarray(np.round(np.abs(month[:, None] - month) / distance, DIGITS))
    at = np.arange(month.size, dtype=np.float64)
    apart = np.abs(at[:, None] - at)
    return np.minimum(apart, 1.0) if structure == "cs" else apart


def ends_of(month: Array) -> tuple[str, str]:
    """First and last measurement by name: ``("baseline", "the last visit (month 12)")``."""
    first = "baseline" if month[0] == 0.0 else f"the first visit (month {month[0]:g})"
    return first, f"the last visit (month {month[-1]:g})"


def by_power(scale: Array, lag: Array, contrast: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Covariance of contrasts of correlated numbers, by power of their correlation.

    Parameters
    ----------
    scale
        Covariance of the numbers were they perfectly correlated, shape (k, p, p): what
        ``rho ** lag`` multiplies.
    lag
        Powers, shape (p, p).
    contrast
        Matrix A from numbers to visits, shape (t, p): the identity, or visit minus baseline.
    seen
        Visits each study has, shape (k, t).

    Returns
    -------
    tuple of numpy.ndarray
        Coefficients, shape (k, t, t, l), 0 where a visit is missing, and their powers, shape (l,), of which
        0 is the first: the covariance is the sum over l of ``coefficients[..., l] * rho ** powers[l]``.
    """
    both = seen[:, :, None] & seen[:, None, :]
    powers = np.unique(np.append(lag, 0.0))
    terms = [
        np.where(both, contrast @ np.where(lag == power, scale, 0.0) @ contrast.T, 0.0) for power in powers
    ]
    used = [bool(np.any(term)) or power == 0 for term, power in zip(terms, powers, strict=True)]
    return np.stack([t for t, u in zip(terms, used, strict=True) if u], axis=-1), powers[used]


def settled(within: Array, lag: Array, rho: Correlation) -> tuple[Array, Array]:
    """Coefficients and powers as `Trajectories` holds them: one with power 0 unless rho has a prior.

    Under a prior on the decay the powers are the lags, which it will be the exponent of.
    """
    if rho.prior is None:
        return rho.covariance(within, lag)[..., None], np.zeros(1)
    return within, lag if isinstance(rho.decay, Prior) else rho.powers(lag)


def given_matrix(matrix: ArrayLike, months: Array, study: str, source: str | None) -> Array:
    """A covariance given in full, shape (visits, visits), once it is one."""
    where = f"{source or 'the input'}, {study}"
    size = months.size
    try:
        array = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: its covariance must be a matrix of numbers: {error}") from error
    if array.shape != (size, size):
        raise DataError(
            f"{where}: its covariance has the shape {array.shape}; it has {size} visits "
            f"(months {', '.join(f'{m:g}' for m in months)}); give {size} x {size} numbers in that order"
        )
    if not np.all(np.isfinite(array)):
        raise DataError(f"{where}: its covariance holds a number that is not finite; fill it in")
    if not np.all(np.diag(array) > 0):
        raise DataError(
            f"{where}: its covariance is not positive definite: it has the variance {np.diag(array).min():g} "
            "on the diagonal; variances are above 0; correct it"
        )
    sd = np.sqrt(np.diag(array))
    if np.any(np.abs(array - array.T) > ASYMMETRY * sd[:, None] * sd):
        raise DataError(f"{where}: its covariance is not symmetric; give both halves alike")
    return np.asarray((array + array.T) / 2)


def refuse_indefinite(
    covariance: Array, seen: NDArray[np.bool_], studies: Sequence[str], source: str | None, mend: str
) -> None:
    """Raise for the first study whose covariance, of the visits it has, is not positive definite."""
    for matrix, has, study in zip(covariance, seen, studies, strict=True):
        part = matrix[np.ix_(has, has)]
        sd = np.sqrt(np.diag(part))
        smallest = float(np.linalg.eigvalsh(part / sd[:, None] / sd)[0]) if np.all(sd > 0) else 0.0
        if not smallest > SINGULAR:
            raise DataError(
                f"{source or 'the input'}, {study}: the covariance of its visits is not positive definite "
                f"(smallest eigenvalue of its correlations {smallest:.2g}); no data can have it; {mend}"
            )


def at_median(within: Array, power: Array, rho: Correlation) -> Array:
    """Covariances, shape (k, t, t), of what `settled` gave, at the medians of priors."""
    powers = rho.powers(power) if isinstance(rho.decay, Prior) else power
    return np.asarray(np.einsum("kstl,kl->kst", within, rho.each[:, None] ** powers))
