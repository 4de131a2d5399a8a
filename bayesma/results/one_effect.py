"""A fit about one effect, or one proportion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayesma.classical.result import FrequentistFit
from bayesma.counterparts import nearest
from bayesma.engines.zero_events import ZeroEvents
from bayesma.errors import counted
from bayesma.evidence.effects import Effects
from bayesma.posterior.location import location, location_name
from bayesma.posterior.marginals import centre
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import provenance
from bayesma.results.base import CLASSICAL, NEW, Result, as_numbers, line_of
from bayesma.spec.evidence_tables import EffectsTable


@dataclass(frozen=True, slots=True, eq=False)
class OneEffect(Result):
    """A fit about one effect, or one proportion.

    Attributes
    ----------
    shrinkage
        Studies, on the analysis scale.
    benefit
        The decision table, of who improved where there is no control; None when the spec states no
        direction of benefit, and for risks of single arms.
    compare
        Bayesian and classical answers side by side, analysis scale.
    risks
        Absolute risks, as `predict` gives them: for counts, and where the spec names a baseline; else None.
    frequentist
        Classical answers by label.
    zero_events
        What studies without events contribute; None where there are none.
    """

    shrinkage: pd.DataFrame
    benefit: pd.DataFrame | None
    compare: pd.DataFrame
    risks: pd.DataFrame | None
    frequentist: dict[str, FrequentistFit]
    zero_events: ZeroEvents | None

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.shrinkage)

    @property
    def size(self) -> str:
        """Number of studies as it is printed; rows that have pooled trials already say of how many."""
        column = self.job.effects.trials if isinstance(self.job.effects, EffectsTable) else None
        if column is None or not isinstance(self.evidence, Effects) or self.evidence.table is None:
            return str(self.k)
        trials = int(pd.to_numeric(self.evidence.table[column]).sum())
        return str(self.k) if trials == self.k else f"{counted(self.k, 'row')} of {trials} trials"

    @property
    def mean_names(self) -> list[str]:
        """The mean effect, or the mean proportion of a beta-binomial model."""
        return [location_name(provenance(self.fit))]

    @property
    def estimate(self) -> tuple[float, float, float]:
        """Mean effect (for single arms the logit) with its 95 % interval, analysis scale."""
        return location(self.fit, provenance(self.fit), tails(0.95))

    @property
    def classical(self) -> tuple[str, FrequentistFit]:
        """Label and numbers of the classical answer nearest to the model."""
        return nearest(self.frequentist)

    @property
    def classical_label(self) -> str:
        """Its label."""
        return self.classical[0]

    @property
    def classical_notes(self) -> tuple[str, ...]:
        """Notes of all of them."""
        return tuple(note for fit in self.frequentist.values() for note in fit.notes)

    @property
    def classical_methods(self) -> tuple[tuple[str, str], ...]:
        """Method and interval of all of them."""
        return tuple((fit.method, fit.ci) for fit in self.frequentist.values())

    def chance_error(self, column: str, month: float | None = None) -> float:
        """As the decision table has it; the column of a new study ends in ``_new``."""
        del month
        if self.benefit is None:
            return 0.0
        mean, *new = self.benefit.index
        name = new[0] if column.endswith(NEW) and new else mean
        return float(self.benefit.attrs["mcse"][name][column.removesuffix(NEW)])

    def rows(self) -> list[dict[str, Any]]:
        """The one line of the answer table."""
        label, classical = self.classical
        chances = [] if self.benefit is None else [as_numbers(row) for _, row in self.benefit.iterrows()]
        nothing: dict[str, float] = {}
        mean, new = (*chances, nothing, nothing)[:2]
        tau = float(centre(self.fit, "tau")[0]) if "tau" in self.summary.index else 0.0
        shares = {str(name): float(value) for name, value in self.prior_share.items()}
        numbers = {name: float(getattr(classical, name)) for name in CLASSICAL}
        overlap = float(self.prior_overlap[self.mean_names[0]])
        line = line_of(
            self,
            k=self.k,
            estimate=self.estimate,
            mean=mean,
            new=new,
            tau=tau,
            classical=numbers,
            method=label,
            shares=shares,
            overlap=overlap,
        )
        return [{"name": self.job.name, "label": self.job.label} | line]
