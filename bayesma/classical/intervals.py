"""How sure is the pooled mean? One function and one registration per kind of interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from bayesma.errors import OptionError
from bayesma.registry import Registry

# At the Paule-Mandel tau2 the factor is 1 by construction, up to rounding: that is not narrower.
CLEARLY_NARROWER = 1e-9


def checked_level(level: object) -> float:
    """The coverage of intervals, if it is one."""
    if not isinstance(level, Real) or not 0 < float(level) < 1:
        raise OptionError(f"level is {level!r}; it must lie between 0 and 1, for example 0.95 for 95 %")
    return float(level)


def normal_quantile(level: float) -> float:
    """Half-width of a normal interval in standard errors."""
    return float(ndtri(0.5 + level / 2))


def t_quantile(level: float, df: float) -> float:
    """Half-width of a Student-t interval in standard errors."""
    return float(stdtrit(df, 0.5 + level / 2))


@dataclass(frozen=True, slots=True)
class Inference:
    """Standard error of the mean with the quantile that turns it into an interval.

    Attributes
    ----------
    se
        Standard error, analysis scale.
    quantile
        Half-width of the confidence interval in standard errors; NaN where there is none.
    p_value
        Two-sided, of the null hypothesis that the mean is 0 on the analysis scale.
    notes
        Sentences the reader must see.
    """

    se: float
    quantile: float
    p_value: float
    notes: tuple[str, ...] = ()


Interval = Callable[[float, float, float, int, float], Inference]
INTERVALS: Registry[Interval] = Registry("frequentist ci")


def wald(estimate: float, se: float, q: float, k: int, level: float) -> Inference:
    """Normal quantiles, tau2 taken as known.

    Parameters
    ----------
    estimate, se
        Inverse-variance mean and its standard error, analysis scale.
    q
        Generalised Q at the tau2 used, no unit.
    k
        Number of studies (less that of moderators, in a regression).
    level
        Coverage, between 0 and 1.

    Returns
    -------
    Inference
        With `se` unchanged.

    References
    ----------
    DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2.

    Examples
    --------
    >>> from bayesma.classical.intervals import wald
    >>> round(wald(1.0, 0.5, q=3.0, k=4, level=0.95).quantile, 4)
    1.96
    """
    return Inference(se, normal_quantile(level), float(2 * ndtr(-abs(estimate / se))))


def knapp_hartung(estimate: float, se: float, q: float, k: int, level: float) -> Inference:
    """Student-t quantiles with k - 1 df, the standard error scaled by ``sqrt(q / (k - 1))``.

    Parameters
    ----------
    estimate, se
        Inverse-variance mean and its standard error, analysis scale.
    q
        Generalised Q at the tau2 used, no unit.
    k
        Number of studies (less that of moderators, in a regression).
    level
        Coverage, between 0 and 1.

    Returns
    -------
    Inference
        For k = 1 the quantile and p are NaN and `se` is the study's own; for identical estimates `se` is 0
        and p is NaN; both with a note, as is an interval built on less than the Wald standard error.

    References
    ----------
    Knapp and Hartung 2003, doi 10.1002/sim.1482; on the last note Roever, Knapp and Friede 2015,
    doi 10.1186/s12874-015-0091-1.

    Examples
    --------
    >>> from bayesma.classical.intervals import knapp_hartung
    >>> inference = knapp_hartung(1.0, 0.5, q=12.0, k=4, level=0.95)
    >>> inference.se, round(inference.quantile, 4)
    (1.0, 3.1824)
    """
    if k == 1:
        note = "A Knapp-Hartung interval needs at least 2 studies: none is given; se is that of the study."
        return Inference(se, math.nan, math.nan, (note,))
    df = k - 1
    quantile, factor = t_quantile(level, df), math.sqrt(q / df)
    if factor == 0:
        note = "All estimates are identical: the Knapp-Hartung interval has no width; ci='wald' has."
        return Inference(0.0, quantile, math.nan, (note,))
    notes: tuple[str, ...] = ()
    if factor < 1 - CLEARLY_NARROWER:
        notes = (
            f"The Knapp-Hartung standard error is {factor:.3g} times the Wald one, because the studies "
            "differ by less than chance would make them: read the interval with reserve.",
        )
    return Inference(se * factor, quantile, float(2 * stdtr(df, -abs(estimate / (se * factor)))), notes)


INTERVALS.register("wald", wald)
INTERVALS.register("hksj", knapp_hartung)
