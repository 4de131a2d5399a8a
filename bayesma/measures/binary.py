"""Two arms, counts: odds ratio, risk ratio, risk difference."""

from __future__ import annotations

import numpy as np

from bayesma.evidence.cells import arm_cells, refuse_impossible
from bayesma.evidence.columns import Columns
from bayesma.evidence.suspicions import of_counts
from bayesma.measures.base import MEASURES, Array, Design, Measure, Raw, exponentiated, unchanged
from bayesma.measures.zero_cells import ZeroCells, corrected_tables, notes_on


def log_odds_ratio(
    events_treat: Array, nonevents_treat: Array, events_ctrl: Array, nonevents_ctrl: Array
) -> tuple[Array, Array]:
    """Log odds ratio and its variance (Woolf 1955, doi 10.1111/j.1469-1809.1955.tb01348.x).

    Parameters
    ----------
    events_treat, nonevents_treat, events_ctrl, nonevents_ctrl
        Cells of the 2 x 2 tables, shape (k,), corrected where they have to be.

    Returns
    -------
    tuple of numpy.ndarray
        Log odds ratios and variances, shape (k,) each; infinite where a cell is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.binary import log_odds_ratio
    >>> y, v = log_odds_ratio(np.array([2.0]), np.array([1.0]), np.array([1.0]), np.array([1.0]))
    >>> round(float(np.exp(y[0])), 12), float(v[0])
    (2.0, 3.5)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(events_treat * nonevents_ctrl / (nonevents_treat * events_ctrl))
        v = 1 / events_treat + 1 / nonevents_treat + 1 / events_ctrl + 1 / nonevents_ctrl
    return y, v


def log_risk_ratio(
    events_treat: Array, nonevents_treat: Array, events_ctrl: Array, nonevents_ctrl: Array
) -> tuple[Array, Array]:
    """Log risk ratio and its variance (Katz 1978, doi 10.2307/2530610).

    Arguments and shapes as in `log_odds_ratio`; infinite where an arm has no events, and of variance 0
    where every patient of both arms has one.
    """
    n_treat, n_ctrl = events_treat + nonevents_treat, events_ctrl + nonevents_ctrl
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(events_treat * n_ctrl / (events_ctrl * n_treat))
        v = 1 / events_treat - 1 / n_treat + 1 / events_ctrl - 1 / n_ctrl
    return y, v


def risk_difference(
    events_treat: Array, nonevents_treat: Array, events_ctrl: Array, nonevents_ctrl: Array
) -> tuple[Array, Array]:
    """Risk difference and its variance (Wald; see Newcombe 1998, method 1).

    The paper is doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I. Arguments and shapes
    as in `log_odds_ratio`; of variance 0 where both arms have no or only events.
    """
    n_treat, n_ctrl = events_treat + nonevents_treat, events_ctrl + nonevents_ctrl
    y = events_treat / n_treat - events_ctrl / n_ctrl
    v = events_treat * nonevents_treat / n_treat**3 + events_ctrl * nonevents_ctrl / n_ctrl**3
    return y, v


def read_counts(columns: Columns, zero_cells: ZeroCells) -> Raw:
    """Checked and corrected tables of counts; the arrays are the four cells."""
    refuse_impossible(columns)
    arms = [arm_cells(columns, "_treat"), arm_cells(columns, "_ctrl")]
    tables = np.stack([part for arm in arms for part in arm])
    corrected, changed = corrected_tables(tables, zero_cells)
    notes, found = notes_on(columns, zero_cells, changed), of_counts(arms, columns.studies.tolist())
    return Raw(tuple(corrected), tables.sum(axis=0), notes, suspicions=found)


TWO_ARM_COUNTS = Design(
    name="counts in two arms",
    roles=("events_treat", "n_treat", "events_ctrl", "n_ctrl"),
    instead={"n_treat": "nonevents_treat", "n_ctrl": "nonevents_ctrl"},
    read=read_counts,
    counts=True,
)

OR = MEASURES.register(
    "OR",
    Measure(
        code="OR",
        name="odds ratio",
        label="Log odds ratio",
        display_label="Odds ratio",
        scale="log",
        null=0.0,
        back=exponentiated,
        display_null=1.0,
        design=TWO_ARM_COUNTS,
        formula=log_odds_ratio,
        needs="an odds ratio needs all four counts above 0",
        doi="10.1111/j.1469-1809.1955.tb01348.x",
        unit_sd=4.0,
        unit_where="at a risk of 50 % in equal arms",  # 2 / sqrt(p (1 - p)): 20 at 1 %
    ),
)

RR = MEASURES.register(
    "RR",
    Measure(
        code="RR",
        name="risk ratio",
        label="Log risk ratio",
        display_label="Risk ratio",
        scale="log",
        null=0.0,
        back=exponentiated,
        display_null=1.0,
        design=TWO_ARM_COUNTS,
        formula=log_risk_ratio,
        needs="a risk ratio needs events in both arms and a patient without one",
        doi="10.2307/2530610",
        unit_sd=4.0,
        unit_where="at a risk of 20 % in equal arms",  # 2 sqrt((1 - p) / p): 2 at 50 %, 20 at 1 %
    ),
)

RD = MEASURES.register(
    "RD",
    Measure(
        code="RD",
        name="risk difference",
        label="Risk difference",
        display_label="Risk difference",
        scale="identity",
        null=0.0,
        back=unchanged,
        display_null=0.0,
        design=TWO_ARM_COUNTS,
        formula=risk_difference,
        needs="a risk difference needs an arm with both events and non-events",
        doi="10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
        unit_sd=1.0,
        unit_where="at a risk of 50 % in equal arms",  # 2 sqrt(p (1 - p)): 0.2 at 1 %
    ),
)
