"""How is one common effect reported? With a normal interval and with Q and I2 around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from bayesma.classical.intervals import wald
from bayesma.classical.result import FrequentistFit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scatter:
    """Cochran's Q around a pooled effect with its degrees of freedom."""

    q: float
    df: int


def scatter(y: FloatArray, v: FloatArray, centre: float) -> Scatter:
    """Q of single-study estimates around a pooled one.

    Parameters
    ----------
    y, v
        Estimates and sampling variances of the studies that have them, shape (j,), analysis scale.
    centre
        The pooled effect, analysis scale; may be infinite or NaN, Q is NaN then.

    Returns
    -------
    Scatter
        Q, and df = j - 1; 0 and 0 for one study, NaN and 0 for none.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.common_effect import scatter
    >>> scatter(np.array([0.0, 4.0]), np.array([1.0, 2.0]), 2.0)
    Scatter(q=6.0, df=1)
    """
    if y.size == 0 or not math.isfinite(centre):
        return Scatter(math.nan, max(0, y.size - 1))
    if y.size == 1:
        return Scatter(0.0, 0)
    return Scatter(float(((y - centre) ** 2 / v).sum()), y.size - 1)


def common_effect(
    estimate: float, se: float, spread: Scatter, *, k: int, method: str, level: float, notes: tuple[str, ...]
) -> FrequentistFit:
    """The numbers of a method that takes the effect to be the same in every study.

    Parameters
    ----------
    estimate, se
        Pooled effect and its standard error, analysis scale; NaN or infinite where undefined.
    spread
        Q around the estimate.
    k
        Studies that contribute.
    method, level, notes
        As in `FrequentistFit`.

    Returns
    -------
    FrequentistFit
        With tau2 = 0 by assumption, I2 and H2 from Q, and no prediction interval.

    Examples
    --------
    >>> from bayesma.classical.common_effect import Scatter, common_effect
    >>> fit = common_effect(1.0, 0.5, Scatter(8.0, 2), k=3, method="MH", level=0.95, notes=())
    >>> fit.i2, fit.h2, round(fit.ci_low, 2)
    (75.0, 4.0, 0.02)
    """
    inference = wald(estimate, se, spread.q, k, level) if math.isfinite(se) else None
    half = inference.quantile * se if inference else math.nan
    q, df = spread.q, spread.df
    i2 = math.nan if df == 0 or math.isnan(q) else max(0.0, 100.0 * (q - df) / q) if q > 0 else 0.0
    return FrequentistFit(
        estimate=estimate,
        se=se,
        ci_low=estimate - half,
        ci_high=estimate + half,
        p_value=inference.p_value if inference else math.nan,
        tau2=0.0,
        tau=0.0,
        i2=i2,
        i2_q=i2,
        h2=q / df if df else math.nan,
        q=q,
        q_df=df,
        q_p=float(chdtrc(df, q)) if df else math.nan,
        pi_low=math.nan,
        pi_high=math.nan,
        k=k,
        method=method,
        ci="wald",
        level=level,
        notes=notes,
    )
