"""What does a classical meta-analysis answer? The numbers, the options they came from, and the warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class FrequentistFit:
    """A classical meta-analysis; everything on the analysis scale (log for ratios).

    Attributes
    ----------
    estimate, se
        Pooled mean and its standard error (with ``ci="hksj"`` that of Knapp and Hartung).
    ci_low, ci_high
        Confidence interval of the mean; NaN where not available.
    p_value
        Two-sided, of the null hypothesis that the mean is 0.
    tau2, tau
        Between-study variance and its root, the standard deviation.
    i2
        Per cent, from tau2 and the typical sampling variance; for the equal-effects model from Q.
    i2_q
        Per cent, from Q whatever the method.
    h2
        Total over typical sampling variance; for the equal-effects model Q / df.
    q, q_df, q_p
        Cochran's Q, its degrees of freedom and its p.
    pi_low, pi_high
        Prediction interval for the effect in a new study; NaN for the equal-effects model and for k = 1.
    k
        Number of studies that contribute.
    method, ci, level
        The options: estimator of tau2 or model, kind of interval, coverage of both intervals.
    notes
        Sentences that must be printed with the numbers.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    tau2: float
    tau: float
    i2: float
    i2_q: float
    h2: float
    q: float
    q_df: float
    q_p: float
    pi_low: float
    pi_high: float
    k: int
    method: str
    ci: str
    level: float
    notes: tuple[str, ...] = ()

    def to_series(self) -> pd.Series[float]:
        """The numbers as one row or column of a table.

        Returns
        -------
        Series
            dtype float, indexed by field name without words (method, ci, notes) and tables; named, for
            example, ``"REML, hksj"``.

        Examples
        --------
        >>> from bayesma.classical.frequentist import frequentist
        >>> from bayesma.evidence.effects import Effects
        >>> fit = frequentist(Effects.from_estimates([0.0, 4.0], [1.0, 1.0]), method="DL")
        >>> float(fit.to_series()["tau2"])
        7.0
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
        return pd.Series(numbers, dtype=np.float64, name=f"{self.method}, {self.ci}")


@dataclass(frozen=True, slots=True)
class GlmmFit(FrequentistFit):
    """A mixed model of counts: a `FrequentistFit` in which Q, I2 and H2 do not apply (NaN).

    Attributes
    ----------
    log_likelihood
        At the estimates, with all constants of the counts, so that models of the same counts compare.
    baseline_tau2
        Variance of the study intercepts (model UM.RS; NaN elsewhere), logit scale, squared.
    """

    log_likelihood: float = math.nan
    baseline_tau2: float = math.nan
