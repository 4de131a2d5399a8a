"""What is the classical answer for these studies? Pooled mean, heterogeneity, prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.heterogeneity import heterogeneity
from bayesma.classical.intervals import INTERVALS, checked_level
from bayesma.classical.pooling import coefficients, left_over, pool, weighted_squares
from bayesma.classical.regression import columns_of, regression
from bayesma.classical.regression_fit import RegressionFit
from bayesma.classical.result import FrequentistFit
from bayesma.classical.search import Tau2
from bayesma.classical.standardise import standardise
from bayesma.classical.tau2 import METHODS, Method
from bayesma.errors import OptionError
from bayesma.evidence.effects import Effects


@overload
def frequentist(
    effects: Effects, *, method: str = ..., ci: str = ..., level: float = ..., moderators: tuple[()] = ...
) -> FrequentistFit: ...
@overload
def frequentist(
    effects: Effects,
    *,
    method: str = ...,
    ci: str = ...,
    level: float = ...,
    moderators: str | Sequence[str],
    unit: str = ...,
) -> FrequentistFit | RegressionFit: ...
def frequentist(
    effects: Effects,
    *,
    method: str = "REML",
    ci: str = "hksj",
    level: float = 0.95,
    moderators: str | Sequence[str] = (),
    unit: str = "sd",
) -> FrequentistFit | RegressionFit:
    """Inverse-variance meta-analysis or meta-regression with a classical estimate of tau2.

    Parameters
    ----------
    effects
        k studies on the analysis scale (log for ratios).
    method
        ``"EE"`` (equal effects, tau2 = 0), ``"DL"`` (DerSimonian and Laird), ``"ML"``, ``"REML"``,
        or ``"PM"`` (Paule and Mandel).
    ci
        ``"wald"`` (normal quantiles) or ``"hksj"`` (Knapp and Hartung: t with k - p df, p = 1 without
        moderators).
    level
        Coverage of the confidence and the prediction interval, between 0 and 1.
    moderators
        Columns of the studies' table, or one formula of them, ``["~ ablat * alloc"]``; centred and scaled as
        in `fit`.
    unit
        ``"sd"`` or ``"own"``: the unit in which `coefficients` count; `per_unit` is there either way.

    Returns
    -------
    FrequentistFit
        With moderators a `RegressionFit`, at their centre, with a row for each coefficient.
        Every number on the analysis scale, and notes that must be read: what could not be estimated, a
        likelihood with several peaks, an interval that deserves reserve. The prediction interval is
        ``estimate +- quantile * sqrt(tau2 + se^2)`` with the quantile and se of `ci`.

    Raises
    ------
    OptionError
        For what is no `Effects`, an unknown `method`, `ci`, `unit` or moderator, or a `level` that is not
        between 0 and 1.
    DataError
        For moderators that cannot be used or told apart, or more of them than the studies allow.
    BayesmaError
        If the equation for tau2 was not solved.

    References
    ----------
    DerSimonian and Laird 1986, doi 10.1016/0197-2456(86)90046-2; Paule and Mandel 1982, doi
    10.6028/jres.087.022; ML and REML: Viechtbauer 2005, doi 10.3102/10769986030003261; Knapp and Hartung
    2003, doi 10.1002/sim.1482; I2 and H2: Higgins and Thompson 2002, doi 10.1002/sim.1186; prediction
    interval: Higgins, Thompson and Spiegelhalter 2009, doi 10.1111/j.1467-985X.2008.00552.x; moderators:
    Thompson and Higgins 2002, doi 10.1002/sim.1187.

    Examples
    --------
    >>> from bayesma.classical.frequentist import frequentist
    >>> from bayesma.evidence.effects import Effects
    >>> fit = frequentist(Effects.from_estimates([-0.9, -0.2, -0.5], [0.2, 0.1, 0.3]), method="DL")
    >>> round(fit.estimate, 3), round(fit.tau2, 3)
    (-0.514, 0.141)
    """
    if not isinstance(effects, Effects):
        raise OptionError(
            f"frequentist pools Effects, one estimate a study; a {type(effects).__name__} was given: make "
            "Effects of it, for example those of one visit, or use the model for its kind"
        )
    estimator = METHODS[method].estimate
    level = checked_level(level)
    studies = standardise(effects.y, effects.se)

    def found(columns: NDArray[np.float64] | None) -> Tau2:
        if effects.k == 1:
            return Tau2(0.0)
        return estimator(studies.y, studies.v, columns).in_unit(studies.unit)

    if len(moderators) == 0:
        return at_tau2(effects, found(None), method=method, ci=ci, level=level)
    read = columns_of(effects, [moderators] if isinstance(moderators, str) else moderators, unit)
    tau2 = found(read.values[studies.order])
    base = at_tau2(effects, tau2, method=method, ci=ci, level=level, columns=read.values)
    return regression(effects, base, read, tau2_without=found(None).value)


def at_tau2(
    effects: Effects,
    found: Tau2,
    *,
    method: str,
    ci: str,
    level: float,
    columns: NDArray[np.float64] | None = None,
) -> FrequentistFit:
    """Everything `frequentist` reports, at a tau2 estimated already (here, or by other software).

    Parameters
    ----------
    effects
        k studies on the analysis scale.
    found
        tau2 on the analysis scale, squared.
    method, ci, level
        As in `frequentist`; `method` decides where I2 and H2 come from and whether anything is predicted.
    columns
        Moderators, shape (k, q), centred; the pooled mean is then the effect where all are 0.

    Returns
    -------
    FrequentistFit
        On the analysis scale.

    Raises
    ------
    OptionError
        For an unknown `method` or `ci`.

    Examples
    --------
    >>> from bayesma.classical.frequentist import at_tau2
    >>> from bayesma.classical.search import Tau2
    >>> from bayesma.evidence.effects import Effects
    >>> effects = Effects.from_estimates([0.0, 4.0], [1.0, 1.0])
    >>> at_tau2(effects, Tau2(7.0), method="REML", ci="wald", level=0.95).se
    2.0
    """
    chosen, k, studies = METHODS[method], effects.k, standardise(effects.y, effects.se)
    relative = found.value / studies.unit**2
    ordered = None if columns is None else columns[studies.order]
    pooled = pool(studies.y, studies.v, relative, ordered)
    spread = heterogeneity(studies.y, studies.v, relative if chosen.random_effects else None, ordered)
    at_centre, covariance = coefficients(pooled)
    estimate = studies.origin + studies.unit * float(at_centre[0])
    se = studies.unit * math.sqrt(float(covariance[0, 0]))
    inference = INTERVALS[ci](estimate, se, float(weighted_squares(pooled)), left_over(pooled) + 1, level)
    half_ci = inference.quantile * inference.se
    can_predict = chosen.random_effects and k > 1
    half_pi = inference.quantile * math.sqrt(found.value + inference.se**2) if can_predict else math.nan
    return FrequentistFit(
        estimate=estimate,
        se=inference.se,
        ci_low=estimate - half_ci,
        ci_high=estimate + half_ci,
        p_value=inference.p_value,
        tau2=found.value,
        tau=math.sqrt(found.value),
        i2=spread.i2,
        i2_q=spread.i2_q,
        h2=spread.h2,
        q=spread.q,
        q_df=spread.df,
        q_p=spread.p,
        pi_low=estimate - half_pi,
        pi_high=estimate + half_pi,
        k=k,
        method=method,
        ci=ci,
        level=level,
        notes=(*effects.notes, *_notes(chosen, found, k), *inference.notes),
    )


def _notes(method: Method, found: Tau2, k: int) -> tuple[str, ...]:
    """Sentences on what the data could not say about tau2, or said twice."""
    if k == 1 and method.random_effects:
        note = "With 1 study tau2 cannot be estimated: it is taken as 0, and nothing is predicted."
        return (note,)
    if found.lower_peaks:
        others = ", ".join(f"{peak:.4g}" for peak in found.lower_peaks)
        return (
            f"The likelihood has several peaks over tau2: the highest, at {found.value:.4g}, is reported; "
            f"lower ones lie at {others}. The data hardly determine tau2.",
        )
    return ()
