"""What is the common log odds ratio in one step from no effect, as Peto computes it?"""

from __future__ import annotations

import math

import numpy as np

from bayesma.classical.common_effect import common_effect, scatter
from bayesma.classical.intervals import checked_level
from bayesma.classical.result import FrequentistFit
from bayesma.classical.tables import Tables, silent_note
from bayesma.evidence.counts import TwoArmCounts


def peto(counts: TwoArmCounts, *, level: float = 0.95) -> FrequentistFit:
    """Peto's one-step log odds ratio: observed minus expected events over their hypergeometric variance.

    It approximates the common odds ratio well when effects are small and arms of similar size; with large
    effects or unequal arms it is biased towards 1.

    Parameters
    ----------
    counts
        k studies with two arms.
    level
        Coverage of the confidence interval, between 0 and 1.

    Returns
    -------
    FrequentistFit
        Log odds ratio; `method` is ``"Peto"``, tau2 is 0 by assumption. Nothing is added to any zero. Studies
        without or with only events contribute nothing: `k` leaves them out and a note names them. When no
        study is left the estimate is NaN.

    Raises
    ------
    OptionError
        For a `level` that is not between 0 and 1.

    References
    ----------
    Yusuf, Peto, Lewis, Collins and Sleight 1985, doi 10.1016/S0033-0620(85)80003-7; on its bias Greenland and
    Salvan 1990, doi 10.1002/sim.4780090307.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([1, 0, 4], [40, 22, 61], [5, 3, 9], [41, 20, 60])
    >>> fit = bm.peto(counts)
    >>> round(fit.estimate, 3), round(fit.se, 3)
    (-1.207, 0.445)
    """
    level = checked_level(level)
    tables = Tables.of(counts)
    informative = ~tables.double_zero
    expected = tables.n1 * tables.events / tables.total
    nonevents = tables.total - tables.events
    # A study of two patients has variance (1/2)^2; total - 1 is never 0, as each arm has a patient.
    variance = expected * (tables.n2 / tables.total) * (nonevents / (tables.total - 1))
    excess = tables.a - expected
    notes = (*counts.notes, *silent_note(counts.study, ~informative, "no events, or only events"))
    total = float(variance.sum())
    estimate, se = math.nan, math.nan
    if informative.any():
        estimate, se = float(excess.sum()) / total, 1.0 / math.sqrt(total)
    else:
        notes = (*notes, "No study that contributes is left: the Peto odds ratio does not exist.")
    v = 1.0 / variance[informative]
    spread = scatter(np.asarray(excess[informative] * v), v, estimate)
    used = int(informative.sum())
    return common_effect(estimate, se, spread, k=used, method="Peto", level=level, notes=notes)
