"""Single arms, counts: the proportion of patients with an event, as its logit."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from bayesma.evidence.cells import arm_cells, refuse_impossible
from bayesma.evidence.columns import Columns
from bayesma.evidence.suspicions import of_counts
from bayesma.measures.base import MEASURES, Array, Design, Measure, Raw
from bayesma.measures.zero_cells import ZeroCells, corrected_tables, notes_on


def logit_proportion(events: Array, nonevents: Array) -> tuple[Array, Array]:
    """Logit of a proportion and its variance (Gart and Zweifel 1967, doi 10.1093/biomet/54.1-2.181).

    Parameters
    ----------
    events, nonevents
        Patients with and without an event, shape (k,), corrected where they have to be.

    Returns
    -------
    tuple of numpy.ndarray
        Log odds of the event and variances, shape (k,) each; infinite where a count is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.single_arm import logit_proportion
    >>> y, v = logit_proportion(np.array([2.0]), np.array([4.0]))
    >>> round(float(np.exp(y[0])), 12), float(v[0])
    (0.5, 0.75)
    """
    with np.errstate(divide="ignore"):
        return np.log(events / nonevents), 1 / events + 1 / nonevents


def proportion(logits: Array) -> Array:
    """Back-transformation of logits: values between 0 and 1."""
    return np.asarray(expit(logits), dtype=np.float64)


def read_counts(columns: Columns, zero_cells: ZeroCells) -> Raw:
    """Checked and corrected counts; the arrays are events and non-events."""
    refuse_impossible(columns)
    arm = arm_cells(columns)
    cells = np.stack(arm)
    corrected, changed = corrected_tables(cells, zero_cells)
    notes = notes_on(columns, zero_cells, changed, cells="events and to non-events")
    found = of_counts([arm], columns.studies.tolist())
    return Raw(tuple(corrected), cells.sum(axis=0), notes, suspicions=found)


ONE_ARM_COUNTS = Design(
    name="counts in one arm",
    roles=("events", "n"),
    instead={"n": "nonevents"},
    read=read_counts,
    counts=True,
)

PLO = MEASURES.register(
    "PLO",
    Measure(
        code="PLO",
        name="proportion",
        label="Logit proportion",
        display_label="Proportion with the event",
        scale="logit",
        null=None,
        back=proportion,
        display_null=None,
        design=ONE_ARM_COUNTS,
        formula=logit_proportion,
        needs="a logit needs patients with and without an event",
        doi="10.1093/biomet/54.1-2.181",
        unit_sd=2.0,
        unit_where="at a proportion of 50 %",  # 1 / sqrt(p (1 - p)): 10 at 1 %
        controlled=False,
    ),
)
