"""Relapses per patient-month: the number papers could print, without a model of months or studies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import chi2

from bayesma.evidence.follow_up import FollowUp


@dataclass(frozen=True, slots=True)
class CrudeRate:
    """Relapses by the months patients were at risk, all studies added up.

    Attributes
    ----------
    relapses, months
        Of all studies; who relapses, dies or leaves inside an interval counts half of it.
    rate, ci_low, ci_high
        A month, with the exact Poisson interval of 95 %.
    """

    relapses: int
    months: float
    rate: float
    ci_low: float
    ci_high: float


def crude_rate(evidence: FollowUp) -> CrudeRate:
    """Relapses per patient-month (Garwood 1936, doi 10.1093/biomet/28.3-4.437).

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesma.evidence.follow_up import FollowUp
    >>> rows = {"study": "Ash", "start": [0], "stop": [12], "at_risk": [13], "relapses": [2]}
    >>> ash = FollowUp.from_frame(pd.DataFrame(rows), **{name: name for name in rows})
    >>> crude = crude_rate(ash)
    >>> crude.months, round(crude.rate, 4), round(crude.ci_low, 4), round(crude.ci_high, 4)
    (144.0, 0.0139, 0.0017, 0.0502)
    """
    gone = evidence.relapses + evidence.censored + (0 if evidence.deaths is None else evidence.deaths)
    months = float(((evidence.at_risk - 0.5 * gone) * (evidence.stop - evidence.start)).sum())
    n = int(evidence.relapses.sum())
    low = 0.5 * float(chi2.ppf(0.025, 2 * n)) if n else 0.0
    high = 0.5 * float(chi2.ppf(0.975, 2 * n + 2))
    values = [math.inf if months == 0.0 else count / months for count in (n, low, high)]
    return CrudeRate(n, months, values[0], values[1], values[2])
