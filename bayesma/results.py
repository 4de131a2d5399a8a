"""What one fit answers: an effect, or an effect over the months, with every question the spec asks of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.classical.crude_rate import CrudeRate
from bayesma.classical.result import FrequentistFit
from bayesma.counterparts import OverVisits, nearest
from bayesma.families.mean_shapes import MEANS
from bayesma.measures import MEASURES
from bayesma.posterior.curves import AVERAGE
from bayesma.posterior.location import location, location_name
from bayesma.posterior.marginals import centre, labels_of
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import provenance
from bayesma.posterior.relapse_course import TYPICAL
from bayesma.spec import Job
from bayesma.spec.rows import Evidence
from bayesma.zero_events import ZeroEvents

DECISION = ["p_benefit", "p_mid", "p_harm"]
EARLY, LATE = (0.0, 6.0), (6.0, 12.0)  # windows of relapse, where the spec names none
CLASSICAL = ("estimate", "ci_low", "ci_high", "p_value")


@dataclass(frozen=True, slots=True, eq=False)
class Result(ABC):
    """One fit with every question the spec asks of it.

    Attributes
    ----------
    job, evidence, fit
        What was asked, of which data, and the posterior.
    summary
        Of the posterior, on the analysis scale.
    probabilities
        Further probabilities the spec asks for, by label; those of parameters the model has not are left out.
    prior_share, prior_overlap
        Of each hyper-parameter: the share of its posterior that the prior supplied, NaN where prior and data
        conflict; and the overlap of prior and posterior, from 0 to 1, 0 where the prior is improper.
    crosscheck
        NUTS against exact integration; None under engine ``exact`` or without an integral.
    notes
        Sentences that must stand beside the result, the most urgent first.
    """

    job: Job
    evidence: Evidence
    fit: xr.DataTree
    summary: pd.DataFrame
    probabilities: pd.Series
    prior_share: pd.Series
    prior_overlap: pd.Series
    crosscheck: pd.DataFrame | None
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def k(self) -> int:
        """Number of studies."""

    @property
    @abstractmethod
    def mean_names(self) -> list[str]:
        """Labels of the parameters that are the mean effect, as in `summary`."""

    @property
    @abstractmethod
    def classical_label(self) -> str:
        """The classical answer nearest to the model, in words."""

    @property
    @abstractmethod
    def classical_notes(self) -> tuple[str, ...]:
        """What the classical methods say of these data."""

    @property
    @abstractmethod
    def classical_methods(self) -> tuple[tuple[str, str], ...]:
        """Method and interval of every classical answer shown."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Lines of the answer table: one, or one a visit."""

    @property
    def converged(self) -> bool:
        """Whether the numbers may be used."""
        return bool(self.fit.attrs["converged"])

    @property
    def mean_share(self) -> float:
        """Largest share of the prior in a parameter of the mean effect; 0 where that is not defined."""
        shares = self.prior_share.reindex(self.mean_names)
        return 0.0 if shares.isna().all() else float(shares.max())

    @property
    def mean_overlap(self) -> float:
        """Largest overlap of prior and posterior of a parameter of the mean effect."""
        return float(self.prior_overlap[self.mean_names].max())


@dataclass(frozen=True, slots=True, eq=False)
class OneEffect(Result):
    """A fit about one effect, or one risk.

    Attributes
    ----------
    shrinkage
        Studies, on the analysis scale.
    benefit
        The decision table; None when the spec states no direction of benefit, and for single arms.
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
    def mean_names(self) -> list[str]:
        """The mean effect, or the mean risk of a beta-binomial model."""
        return [location_name(provenance(self.fit))]

    @property
    def estimate(self) -> tuple[float, float, float]:
        """Mean effect (for single arms the logit of the risk) with its 95 % interval, analysis scale."""
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

    def rows(self) -> list[dict[str, Any]]:
        """The one line of the answer table."""
        label, classical = self.classical
        chances = [] if self.benefit is None else [_numbers(row) for _, row in self.benefit.iterrows()]
        nothing: dict[str, float] = {}
        mean, new = (*chances, nothing, nothing)[:2]
        tau = float(centre(self.fit, "tau")[0]) if "tau" in self.summary.index else 0.0
        shares = {str(name): float(value) for name, value in self.prior_share.items()}
        numbers = {name: float(getattr(classical, name)) for name in CLASSICAL}
        overlap = float(self.prior_overlap[self.mean_names[0]])
        line = _line(
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

    def rows(self) -> list[dict[str, Any]]:
        """A line of the answer table for every visit."""
        tau = np.broadcast_to(centre(self.fit, "tau"), len(self.visits))
        classical = self.classical.at_visits()
        lines = []
        for i, visit in enumerate(self.visits):
            shares = self._at(self.prior_share, visit)
            overlaps = self._at(self.prior_overlap[self.mean_names], visit)
            overlap = max(overlaps.values())
            line = _line(
                self,
                k=self.seen[i],
                estimate=self._estimate(visit),
                mean=self._chances("m", i),
                new=self._chances("theta_new", i),
                tau=float(tau[i]),
                classical=_numbers(classical.iloc[i]),
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
        row = _numbers(self.course.loc[(AVERAGE, f"month {visit:g}")])
        mean = row["median"] if math.isnan(row["mean"]) else row["mean"]
        return mean, row["ci_low"], row["ci_high"]

    def _chances(self, parameter: str, i: int) -> dict[str, float]:
        """Probabilities at the i-th visit; nothing where nobody said what is good."""
        if self.benefit is None:
            return {}
        return _numbers(self.benefit.loc[parameter].iloc[i])


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

    def of(self, quantity: str, estimand: str = TYPICAL) -> dict[str, float]:
        """A row of the course; that of the typical study where the estimand is not defined."""
        known = estimand if estimand in self.course.index.unique("estimand") else TYPICAL
        return _numbers(self.course.loc[(known, quantity)])

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
    def month(self) -> float:
        """The end of the late window, where freedom from relapse is told."""
        return (self.job.questions.late or LATE)[1]

    @property
    def beliefs(self) -> list[str]:
        """Names of what is believed of a second transplantation, in the order asked."""
        return list(self.decision.attrs["restoration"])

    def gains(self) -> pd.DataFrame:
        """The decision in a typical study."""
        return self.decision.loc[[TYPICAL]]


def _numbers(row: Any) -> dict[str, float]:
    """Cells of a row by column."""
    return {str(name): float(value) for name, value in row.items()}


def _line(
    result: Result,
    *,
    k: int,
    estimate: tuple[float, ...],
    mean: dict[str, float],
    new: dict[str, float],
    tau: float,
    classical: dict[str, float],
    method: str,
    shares: dict[str, float],
    overlap: float,
) -> dict[str, Any]:
    """What every line of the answer table holds after its names."""
    job, measure = result.job, MEASURES[result.evidence.measure]
    row: dict[str, Any] = {
        "model": job.variant_label,
        "measure": measure.code,
        "favours": job.effects.favours,
        "k": k,
        **dict(zip(("estimate", "ci_low", "ci_high"), estimate, strict=True)),
        **{name: mean.get(name, math.nan) for name in DECISION},
        **{f"{name}_new": new.get(name, math.nan) for name in DECISION[:2]},
        "tau": tau,
        **{f"frequentist_{name}": classical[name] for name in CLASSICAL},
    }
    if measure.null is None:  # the p of a risk of one half answers nobody's question
        row["frequentist_p_value"] = math.nan
    row["frequentist_method"] = method
    row |= {f"prior_share_{name}": value for name, value in shares.items()}
    return row | {"prior_overlap": overlap, "converged": result.converged}
