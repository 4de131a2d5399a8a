"""What must be said beside a result: a prior that decides, an implausible standard error."""

from __future__ import annotations

import pandas as pd

from bayesma.evidence.effects import Effects
from bayesma.posterior.prior_share import DOMINATES
from bayesma.spec import Job
from bayesma.spec.evidence_tables import EffectsTable
from bayesma.spec.rows import Evidence


def prior_notes(share: pd.Series) -> list[str]:
    """Say so where the prior sets the answer; a share is NaN where prior and data contradict each other."""
    return [
        f"The prior of {name} supplies {100 * value:.0f} % of its posterior: the data say little about it, "
        "and another prior would give another answer."
        for name, value in share.items()
        if value >= DOMINATES
    ]


def size_notes(effects: Evidence, job: Job) -> list[str]:
    """Say so where a standard error is smaller than the largest plausible trial could give.

    A difference of two means in equal arms has the variance 4 SD^2 / n, so an SE implies n = 4 SD^2 / SE^2.
    """
    if not isinstance(effects, Effects) or not isinstance(job.effects, EffectsTable):
        return []
    sd, plausible = job.effects.reference_sd, job.effects.plausible_n
    if sd is None or plausible is None:
        return []
    implied = {str(s): 4.0 * (sd / se) ** 2 for s, se in zip(effects.study, effects.se, strict=True)}
    return [
        f"The standard error of {study} would need about {float(f'{n:.2g}'):.0f} patients at a standard "
        f"deviation of {sd:g} {job.effects.unit or ''} (plausible: up to {plausible:g}): the published "
        "interval, or the standard deviation behind prior and MID, does not fit this row; its probabilities "
        "may be far too certain."
        for study, n in implied.items()
        if n > plausible
    ]
