"""What do moderators explain? Coefficients, their test together, and the share of tau2 they take away."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from bayesma.classical.intervals import INTERVALS
from bayesma.classical.pooling import Pool, coefficients, left_over, pool, weighted_squares
from bayesma.classical.regression_fit import RegressionFit
from bayesma.classical.result import FrequentistFit
from bayesma.classical.standardise import Standardised, standardise
from bayesma.errors import DataError, OptionError, counted
from bayesma.evidence.effects import Effects
from bayesma.evidence.moderators import Moderators, read_moderators

type Array = NDArray[np.float64]

INTERCEPT = "intercept"
NAMES = ("estimate", "se", "ci_low", "ci_high", "statistic", "p_value")


def columns_of(effects: Effects, moderators: Sequence[str], unit: str) -> Moderators:
    """Moderators of these studies, if so many can be estimated from so few.

    Parameters
    ----------
    effects
        k studies with a table.
    moderators, unit
        As in `read_moderators`.

    Returns
    -------
    Moderators
        q columns, q + 1 < k.

    Raises
    ------
    OptionError, DataError
        As `read_moderators`; also for columns that cannot be told apart, and for k <= 1 + q.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesma.classical.regression import columns_of
    >>> from bayesma.evidence.effects import Effects
    >>> table = pd.DataFrame({"dose": [1.0, 3.0, 5.0]})
    >>> effects = Effects.from_estimates([0.0, 1.0, 4.0], [1.0, 1.0, 2.0], table=table)
    >>> columns_of(effects, ["dose"], "own").values.tolist()
    [[-2.0], [0.0], [2.0]]
    """
    if isinstance(moderators, str):
        raise OptionError(f"moderators is {moderators!r}; give a list of columns, [{moderators!r}]")
    read = read_moderators(effects.table, moderators, effects.study.tolist(), effects.source, unit=unit)
    needed = read.labels.size + 2
    if effects.k < needed:
        raise DataError(
            f"{effects.source or 'the input'}: {counted(effects.k, 'study', 'studies')} cannot tell "
            f"{read.labels.size + 1} coefficients (the intercept and {', '.join(read.labels)}) and the "
            f"variance between studies; at least {needed} are needed: use fewer moderators, or fit(...) with "
            "priors"
        )
    if not read.separable:
        raise DataError(
            f"{effects.source or 'the input'}: the moderators {', '.join(read.labels)} cannot be told apart "
            f"in these {effects.k} studies; use fewer, or fit(...) with priors"
        )
    return read


def regression(
    effects: Effects, base: FrequentistFit, read: Moderators, *, tau2_without: float
) -> RegressionFit:
    """Everything a meta-regression reports beyond its fit at the centre.

    Parameters
    ----------
    effects
        k studies.
    base
        The fit at the centre of the moderators, with its residual tau2 and its options.
    read
        The moderators, q columns.
    tau2_without
        tau2 without moderators, analysis scale, squared.

    Returns
    -------
    RegressionFit
        On the analysis scale.

    References
    ----------
    Knapp and Hartung 2003, doi 10.1002/sim.1482; share of tau2: Raudenbush 2009, in The Handbook of Research
    Synthesis and Meta-Analysis, 2nd ed., chapter 16.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesma.classical.frequentist import frequentist
    >>> from bayesma.evidence.effects import Effects
    >>> table = pd.DataFrame({"dose": [1.0, 3.0, 5.0, 7.0]})
    >>> effects = Effects.from_estimates([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], table=table)
    >>> fit = frequentist(effects, method="DL", ci="wald", moderators=["dose"])
    >>> float(round(fit.per_unit.loc["dose", "estimate"], 6))
    0.5
    """
    studies = standardise(effects.y, effects.se)
    pooled = pool(studies.y, studies.v, base.tau2 / studies.unit**2, read.values[studies.order])
    beta, covariance = _on_the_analysis_scale(pooled, studies)
    factor = 1.0
    if base.ci != "wald":
        factor = float(weighted_squares(pooled)) / left_over(pooled)
    shares = tau2_without > 0.0
    qm, df, qm_p = _together(beta[1:], covariance[1:, 1:] * factor, left_over(pooled), base.ci)
    back = np.eye(beta.size)
    back[0, 1:], back[1:, 1:] = -read.centre / read.scale, np.diag(1.0 / read.scale)
    return RegressionFit(
        **{field.name: getattr(base, field.name) for field in fields(base)},
        coefficients=_rows(beta, covariance, pooled, read, base),
        per_unit=_rows(back @ beta, back @ covariance @ back.T, pooled, read, base),
        covariance=covariance * factor,
        df=df,
        qm=qm,
        qm_df=beta.size - 1,
        qm_p=qm_p,
        tau2_without=tau2_without,
        r2=100.0 * max(0.0, (tau2_without - base.tau2) / tau2_without) if shares else math.nan,
        centre=read.centre,
        scale=read.scale,
    )


def _on_the_analysis_scale(pooled: Pool, studies: Standardised) -> tuple[Array, Array]:
    """Coefficients of the studies as they are, with the covariance that takes tau2 as known."""
    beta, covariance = coefficients(pooled)
    beta = beta * studies.unit
    beta[0] += studies.origin
    return beta, covariance * studies.unit**2


def _rows(
    beta: Array, covariance: Array, pooled: Pool, read: Moderators, base: FrequentistFit
) -> pd.DataFrame:
    """One row a coefficient, each with the interval of the fit."""
    q, rows = float(weighted_squares(pooled)), []
    for estimate, se in zip(beta.tolist(), np.sqrt(np.diag(covariance)).tolist(), strict=True):
        found = INTERVALS[base.ci](estimate, se, q, left_over(pooled) + 1, base.level)
        half, statistic = found.quantile * found.se, estimate / found.se if found.se > 0 else math.nan
        rows.append((estimate, found.se, estimate - half, estimate + half, statistic, found.p_value))
    return pd.DataFrame(rows, index=[INTERCEPT, *read.labels], columns=list(NAMES))


def _together(beta: Array, covariance: Array, df: int, ci: str) -> tuple[float, float, float]:
    """The statistic of all slopes, its denominator's degrees of freedom, and p."""
    if not np.any(covariance):
        return math.nan, math.nan if ci == "wald" else float(df), math.nan
    size = np.sqrt(np.diag(covariance))
    qm = float((beta / size) @ np.linalg.solve(covariance / np.outer(size, size), beta / size))
    if ci == "wald":
        return qm, math.nan, float(chdtrc(beta.size, qm))
    return qm / beta.size, float(df), float(fdtrc(beta.size, df, qm / beta.size))
