"""In which units are the studies analysed? Those of the most precise study, which also is the origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """Estimates relative to the most precise study, which stands first with ``y = 0`` and ``v = 1``.

    Weights then never exceed 1, and the residual of a dominating study is not the small difference of two
    large numbers, so standard errors of 1e-6 and 1e6 can be pooled in one analysis.

    Attributes
    ----------
    y
        ``(y - origin) / unit``, shape (k,), no unit.
    v
        Sampling variances ``(se / unit) ** 2``, shape (k,), all at least 1.
    origin
        Estimate of the most precise study, analysis scale.
    unit
        Standard error of the most precise study, analysis scale.
    order
        Where each study stood before, shape (k,), for columns that must follow.
    """

    y: FloatArray
    v: FloatArray
    origin: float
    unit: float
    order: NDArray[np.intp]


def standardise(y: FloatArray, se: FloatArray) -> Standardised:
    """Move the most precise study to the front and measure everything from it, in its standard error.

    Parameters
    ----------
    y, se
        Estimates and standard errors, shape (k,), analysis scale, ``se > 0``.

    Returns
    -------
    Standardised
        The same studies without a unit, and the numbers that lead back.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.standardise import standardise
    >>> standardise(np.array([1.0, 3.0]), np.array([0.4, 0.2])).y.tolist()
    [0.0, -10.0]
    """
    first = int(np.argmin(se))
    order = np.r_[first, np.delete(np.arange(se.size), first)]
    origin, unit = float(y[first]), float(se[first])
    return Standardised((y[order] - origin) / unit, (se[order] / unit) ** 2, origin, unit, order)
