"""A fit about an effect over the months."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesma.counterparts import OverVisits
from bayesma.families.mean_shapes import MEANS
from bayesma.posterior.curves import AVERAGE
from bayesma.posterior.marginals import centre, labels_of
from bayesma.posterior.provenance import provenance
from bayesma.results.base import NEW, Result, as_numbers, line_of


@dataclass(frozen=True, slots=True, eq=False)
class OverMonths(Result):
    """A fit about an effect over the months.

    Attributes
    ----------
    shrinkage, benefit
        Studies and the decision table, as of one effect, by visit.
    course
        As `predict` gives it: the months, and what they say together, for the average and a new study.
    classical
        Multivariate REML where there is one, and each month pooled by itself.
    """

    shrinkage: pd.DataFrame
    benefit: pd.DataFrame | None
    course: pd.DataFrame
    classical: OverVisits

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.shrinkage.index.unique("study"))

    @property
    def visits(self) -> list[float]:
        """Months of the visits."""
        return [float(visit) for visit in labels_of(self.fit, "visit")]

    @property
    def seen(self) -> list[int]:
        """Studies at each visit."""
        counted = self.shrinkage["observed"].notna().groupby("visit").sum()
        return [int(n) for n in counted]

    @property
    def mean_names(self) -> list[str]:
        """The mean at every visit, or the coefficients of its shape."""
        linear = MEANS[provenance(self.fit).options["trajectory"]].linear
        names = [p.name for p in linear]
        return [label for label in self.prior_share.index if label.partition("[")[0] in names]

    @property
    def classical_label(self) -> str:
        """The joint answer where there is one."""
        return self.classical.label

    @property
    def classical_notes(self) -> tuple[str, ...]:
        """Notes of the joint answer, or the reason why there is none."""
        return self.classical.notes

    @property
    def classical_methods(self) -> tuple[tuple[str, str], ...]:
        """Method and interval of both."""
        return self.classical.methods

    def chance_error(self, column: str, month: float | None = None) -> float:
        """As the decision table has it at a month; without one, of all visits together."""
        if self.benefit is None:
            return 0.0
        at = "all visits" if month is None else f"{month:g}"
        row = f"{'theta_new' if column.endswith(NEW) else 'm'}, {at}"
        return float(self.benefit.attrs["mcse"][row][column.removesuffix(NEW)])

    def rows(self) -> list[dict[str, Any]]:
        """A line of the answer table for every visit."""
        tau = np.broadcast_to(centre(self.fit, "tau"), len(self.visits))
        classical = self.classical.at_visits()
        lines = []
        for i, visit in enumerate(self.visits):
            shares = self._at(self.prior_share, visit)
            overlaps = self._at(self.prior_overlap[self.mean_names], visit)
            overlap = max(overlaps.values())
            line = line_of(
                self,
                k=self.seen[i],
                estimate=self._estimate(visit),
                mean=self._chances("m", i),
                new=self._chances("theta_new", i),
                tau=float(tau[i]),
                classical=as_numbers(classical.iloc[i]),
                method=self.classical_label,
                shares=shares,
                overlap=overlap,
            )
            name = {"name": f"{self.job.name}[{visit:g}]", "label": f"{self.job.label}, month {visit:g}"}
            lines.append(name | line | {"month": visit})
        return lines

    def _at(self, values: pd.Series, visit: float) -> dict[str, float]:
        """Numbers by parameter: its own at a visit where it has one at each, else the largest of all."""
        named: dict[str, dict[str, float]] = {}
        for label, value in values.items():
            named.setdefault(str(label).partition("[")[0], {})[str(label)] = float(value)
        everywhere = {name: all(f"{name}[{v:g}]" in own for v in self.visits) for name, own in named.items()}
        return {
            name: own[f"{name}[{visit:g}]"] if everywhere[name] else max(own.values())
            for name, own in named.items()
        }

    def _estimate(self, visit: float) -> tuple[float, float, float]:
        """Mean effect at a visit, its median where no mean exists, with the 95 % interval."""
        row = as_numbers(self.course.loc[(AVERAGE, f"month {visit:g}")])
        mean = row["median"] if math.isnan(row["mean"]) else row["mean"]
        return mean, row["ci_low"], row["ci_high"]

    def _chances(self, parameter: str, i: int) -> dict[str, float]:
        """Probabilities at the i-th visit; nothing where nobody said what is good."""
        if self.benefit is None:
            return {}
        return as_numbers(self.benefit.loc[parameter].iloc[i])
