"""Counts of two arms as estimates with standard errors, for methods that take no counts."""

from __future__ import annotations

from dataclasses import replace

from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.measures.effect_sizes import effect_sizes

HALF = 0.5  # of an event


def log_odds_ratios(counts: TwoArmCounts) -> Effects:
    """Log odds ratios with standard errors, half an event added to every cell of a table with a zero.

    Parameters
    ----------
    counts
        k studies; their table, which may hold moderators, is kept.

    Examples
    --------
    >>> import bayesma as bm
    >>> from bayesma.measures.approximation import log_odds_ratios
    >>> log_odds_ratios(bm.TwoArmCounts.from_counts([2, 0], [60, 40], [6, 3], [58, 42])).y.round(2).tolist()
    [-1.21, -1.97]
    """
    effects = effect_sizes(
        counts.to_frame(),
        "OR",
        study="study",
        correction=HALF,
        events_treat="events_treat",
        n_treat="n_treat",
        events_ctrl="events_ctrl",
        n_ctrl="n_ctrl",
    )
    return replace(effects, table=counts.table)
