"""A fit about relapses over follow-up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayesma.classical.crude_rate import CrudeRate
from bayesma.posterior.hazard import Window
from bayesma.posterior.relapse_course import TYPICAL
from bayesma.results.base import Result, as_numbers
from bayesma.spec.tables import QuestionsTable

EARLY, LATE = (0.0, 6.0), (6.0, 12.0)  # windows of relapse, where the spec names none


@dataclass(frozen=True, slots=True, eq=False)
class OverFollowUp(Result):
    """A fit about relapses over follow-up.

    Attributes
    ----------
    hazard
        The intensity by period and its change; None where the model assumes that there is none.
    course
        Who is free of relapse by month, as `predict` gives it.
    decision
        What a second transplantation would gain, as `retreatment` gives it.
    crude
        Relapses per patient-month.
    """

    hazard: pd.DataFrame | None
    course: pd.DataFrame
    decision: pd.DataFrame
    crude: CrudeRate

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.evidence.k

    @property
    def mean_names(self) -> list[str]:
        """The log intensities of the windows asked about, or those of the level."""
        names = [label for label in self.prior_share.index if label.partition("[")[0] in {"h", "log_rate"}]
        windows = () if self.hazard is None else self.hazard.attrs["windows"]
        own = [name for name in names if name.removeprefix("h[").removesuffix("]") in windows]
        return own or names

    @property
    def classical_label(self) -> str:
        """What stands beside."""
        return "relapses per patient-month, all studies together"

    @property
    def classical_notes(self) -> tuple[str, ...]:
        """None of its own."""
        return ()

    @property
    def classical_methods(self) -> tuple[tuple[str, str], ...]:
        """One."""
        return (("crude rate", "poisson"),)

    @property
    def ratio(self) -> dict[str, float]:
        """How many times as high the late intensity is as the early one; of a model that has both."""
        assert self.hazard is not None, "asked where there is a change"
        return as_numbers(self.hazard.loc["ratio"])

    def of(self, quantity: str, estimand: str = TYPICAL) -> dict[str, float]:
        """A row of the course; that of the typical study where the estimand is not defined."""
        known = estimand if estimand in self.course.index.unique("estimand") else TYPICAL
        return as_numbers(self.course.loc[(known, quantity)])

    def rows(self) -> list[dict[str, Any]]:
        """The one line of the answer table: freedom from relapse at the end of the late window."""
        month = f"relapse-free at month {self.month:g}"
        line = self.of(month)
        row: dict[str, Any] = {
            "name": self.job.name,
            "label": self.job.label,
            "model": self.job.variant_label,
            "measure": month,
            "k": self.k,
            "estimate": line["mean"],
            "ci_low": line["ci_low"],
            "ci_high": line["ci_high"],
            "p_rises": math.nan if self.hazard is None else float(self.hazard.attrs["p_rises"]),
        }
        gains = self.gains()["gain"]
        for (_, belief, _, to), gain in zip(gains.index.tolist(), gains, strict=True):
            row[f"gain_{belief}_{to:g}"] = float(gain)
        row["frequentist_method"] = self.classical_label
        row |= {f"frequentist_{name}": getattr(self.crude, name) for name in ("ci_low", "ci_high")}
        row["frequentist_estimate"] = self.crude.rate
        row |= {f"prior_share_{name}": float(value) for name, value in self.prior_share.items()}
        return [row | {"prior_overlap": self.mean_overlap, "converged": self.converged}]

    @property
    def windows(self) -> tuple[Window, Window]:
        """The early and the late months that are compared."""
        return windows_of(self.job.questions)

    @property
    def patients(self) -> int:
        """Those at risk at the start of each follow-up."""
        rows = self.evidence.to_frame()
        groups = [name for name in ("study", "centre") if name in rows]
        return int(rows.sort_values("start").groupby(groups)["at_risk"].first().sum())

    @property
    def month(self) -> float:
        """The end of the late window, where freedom from relapse is told."""
        return self.windows[1][1]

    @property
    def beliefs(self) -> list[str]:
        """Names of what is believed of a second transplantation, in the order asked."""
        return list(self.decision.attrs["restoration"])

    def gains(self) -> pd.DataFrame:
        """The decision in a typical study."""
        return self.decision.loc[[TYPICAL]]


def windows_of(asked: QuestionsTable) -> tuple[Window, Window]:
    """The early and the late months of a file's questions."""
    early, late = asked.early or EARLY, asked.late or LATE
    return (early[0], early[1]), (late[0], late[1])
