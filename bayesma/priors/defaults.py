"""Default priors from the unit-information standard deviation, and when there is none to be had."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from bayesma.errors import PriorError
from bayesma.priors.prior import Prior

TAU_FRACTION = 8.0  # tau's scale is an eighth of the unit-information sd: 0.5 for log OR, 0.25 for SMD
SINGLE_ARMS = {
    # a uniform prior on the risk of the typical setting, worth one event among two patients also where events
    # are rare; between studies the spread that log odds ratios have
    "mu": Prior("Logistic", (0.0, 1.0)),
    "tau": Prior("HalfNormal", (0.5,)),
}
# Of changes in one group of patients: mu's sd and tau's scale in units of the largest change.
CHANGE_FACTOR, CHANGE_FRACTION = 10.0, 2.0
EXACT = 12  # digits that rounding errors leave
DIGITS = 3  # a scale taken from the data is rounded so that the printed prior is the one used


def unit_information_sd(se: ArrayLike, n: ArrayLike) -> float:
    """Standard deviation that one patient's worth of information has: sqrt(sum n / sum se^-2).

    Parameters
    ----------
    se
        Standard errors, shape (k,), analysis scale.
    n
        Total sample sizes, shape (k,).

    Returns
    -------
    float
        UISD on the analysis scale (Roever et al. 2021, doi 10.1002/jrsm.1475).

    Examples
    --------
    >>> from bayesma.priors.defaults import unit_information_sd
    >>> unit_information_sd([0.5, 0.5], [64, 64])
    4.0
    """
    precision = np.sum(np.asarray(se, dtype=np.float64) ** -2.0)
    return math.sqrt(float(np.sum(np.asarray(n, dtype=np.float64)) / precision))


def default_priors(
    measure: str, unit_sd: float | None, se: ArrayLike, n: ArrayLike | None
) -> dict[str, Prior]:
    """Normal(0, UISD) for mu and HalfNormal(UISD / 8) for tau.

    Parameters
    ----------
    measure
        Code, for the message.
    unit_sd
        The measure's fixed unit-information sd, or None when it depends on the data's units.
    se, n
        Standard errors and sample sizes, shape (k,); used when `unit_sd` is None.

    Raises
    ------
    PriorError
        When the measure has no fixed value and the sample sizes are not known.
    """
    if unit_sd is None:
        if n is None:
            raise PriorError(
                f"measure {measure} has no default prior without sample sizes, since its unit is not known; "
                "give n, or give priors={'mu': 'Normal(0, <sd>)', 'tau': 'HalfNormal(<scale>)'} in the unit "
                "of the outcome"
            )
        unit_sd = rounded(unit_information_sd(se, n))
    return {
        "mu": Prior("Normal", (0.0, unit_sd)),
        "tau": Prior("HalfNormal", (rounded(unit_sd / TAU_FRACTION),)),
    }


def change_priors(y: ArrayLike, se: ArrayLike) -> dict[str, Prior]:
    """Normal(0, 10 u) for mu and HalfNormal(u / 2) for tau, u the largest change or standard error.

    Patients are compared with themselves: no change is where they start, not a value to be sceptical about.
    The priors take only their width from the data, and so follow the unit. That of mu moves its mean by less
    than a tenth of a posterior sd, and is symmetric: P(improved) is one half before the data. That of tau
    expects studies to lie apart by half the largest change: estimates all within u of 0 have an sd of u at
    most, which this prior does not fight.

    Parameters
    ----------
    y
        Mean changes from baseline, shape (m,), unit of the outcome.
    se
        Their standard errors, shape (m,), unit of the outcome; not those that a correlation of the visits was
        assumed for, which would then decide the prior.

    Examples
    --------
    >>> from bayesma.priors.defaults import change_priors
    >>> {name: str(prior) for name, prior in change_priors([-10.0], [0.4]).items()}
    {'mu': 'Normal(0, 100)', 'tau': 'HalfNormal(5)'}
    """
    unit = max(float(np.max(np.abs(np.asarray(y, dtype=np.float64)))), float(np.max(np.asarray(se))))
    return {
        "mu": Prior("Normal", (0.0, rounded(CHANGE_FACTOR * unit))),
        "tau": Prior("HalfNormal", (rounded(unit / CHANGE_FRACTION),)),
    }


def rounded(value: float) -> float:
    """A scale as it is printed: by its decimal digits, so that another unit rounds it alike."""
    return float(f"{Decimal(f'{value:.{EXACT}g}'):.{DIGITS}g}")
