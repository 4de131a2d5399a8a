"""Default priors from the unit-information standard deviation, and when there is none to be had."""

from __future__ import annotations

import math

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
        unit_sd = float(f"{unit_information_sd(se, n):.{DIGITS}g}")
    return {
        "mu": Prior("Normal", (0.0, unit_sd)),
        "tau": Prior("HalfNormal", (float(f"{unit_sd / TAU_FRACTION:.{DIGITS}g}"),)),
    }
