"""What must be said beside a result: a prior that decides, an implausible standard error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesma.evidence.effects import Effects
from bayesma.posterior.prior_share import DOMINATES, ONLY_PRIOR
from bayesma.spec import Job
from bayesma.spec.evidence_tables import EffectsTable
from bayesma.spec.rows import Evidence


def prior_notes(share: pd.Series, overlap: pd.Series) -> list[str]:
    """Say so where the prior sets the answer; a share is NaN where prior and data contradict each other."""
    alone = only_prior(share, overlap)
    return [
        prior_sentence(str(name), f"{100 * value:.0f} %", only=name in alone)
        for name, value in share.items()
        if value >= DOMINATES
    ]


def prior_sentence(name: str, part: str, *, only: bool) -> str:
    """Return the sentence for a parameter of which the prior supplies that part, or all there is."""
    if only:
        return (
            f"The prior of {name} supplies {part} of its posterior, and the two are the same: what is listed "
            f"of {name} is only its prior and no result of these data."
        )
    return (
        f"The prior of {name} supplies {part} of its posterior: the data say little about it, and another "
        "prior would give another answer."
    )


def only_prior(share: pd.Series, overlap: pd.Series) -> list[str]:
    """Return the parameters whose posterior is their prior."""
    return [str(name) for name in share.index[(share >= ONLY_PRIOR) & (overlap >= ONLY_PRIOR)]]


@dataclass(frozen=True, slots=True, eq=False)
class Impossible:
    """Standard errors that no plausible trial could give, and the same rows at the largest plausible size.

    A difference of two means in equal arms has the variance 4 SD^2 / n, so an SE implies n = 4 SD^2 / SE^2.

    Attributes
    ----------
    needs
        Patients that the standard error of a row would need, by study.
    plausible
        The largest plausible number of patients.
    sd
        The standard deviation of the outcome that this is reckoned with, with its unit.
    evidence
        The same estimates; each standard error at least that of the largest plausible number of patients.
    """

    needs: dict[str, float]
    plausible: float
    sd: str
    evidence: Effects

    @property
    def condition(self) -> str:
        """Under what the probabilities hold."""
        return f"at n = {self.plausible:g}"

    def notes(self) -> list[str]:
        """What is wrong with each row, and what is printed in place of its probabilities."""
        return [
            f"The standard error of {study} would need about {float(f'{n:.2g}'):.0f} patients at a standard "
            f"deviation of {self.sd} (plausible: up to {self.plausible:g}): the published interval, or the "
            "standard deviation behind prior and MID, does not fit this row. No probability is given of it "
            "as it stands; those shown are what the same estimate would give from "
            f"{self.plausible:g} patients."
            for study, n in self.needs.items()
        ]


def impossible(effects: Evidence, job: Job) -> Impossible | None:
    """The rows whose standard error is smaller than the largest plausible trial could give; None without."""
    if not isinstance(effects, Effects) or not isinstance(job.effects, EffectsTable):
        return None
    sd, plausible = job.effects.reference_sd, job.effects.plausible_n
    if sd is None or plausible is None:
        return None
    implied = 4.0 * (sd / effects.se) ** 2
    if not (implied > plausible).any():
        return None
    return Impossible(
        needs={str(s): float(n) for s, n in zip(effects.study, implied, strict=True) if n > plausible},
        plausible=plausible,
        sd=f"{sd:g} {job.effects.unit or ''}".rstrip(),
        evidence=replace(effects, se=np.maximum(effects.se, 2.0 * sd / np.sqrt(plausible))),
    )
