"""What every fit answers, whatever is asked of it, and the line of a table that effects share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xarray as xr

from bayesma.measures import MEASURES
from bayesma.notes import Impossible
from bayesma.posterior.benefit import columns_of
from bayesma.sensitivity.tipping_point import TippingPoint
from bayesma.spec import Job
from bayesma.spec.rows import Evidence

AT_PLAUSIBLE = "_at_plausible_n"  # ends of the columns of what an impossible row would give
CLASSICAL = ("estimate", "ci_low", "ci_high", "p_value")


NEW = "_new"  # how columns of the answer table end that are about a new study


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """Whether an answer survives other priors.

    Attributes
    ----------
    question
        What has the probabilities, in words.
    grid
        As of `prior_sensitivity`; None where no prior could be varied.
    tipping
        Where the threshold is crossed, along every path.
    """

    question: str
    grid: pd.DataFrame | None
    tipping: tuple[TippingPoint, ...]


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
    robustness
        The answer under other priors; None where the spec does not ask.
    impossible
        Rows whose standard error no plausible trial could give; None without.
    asked
        The fit that probabilities are of: `fit`, and where a row is impossible the same model of the same
        estimates at the largest plausible number of patients.
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
    robustness: Robustness | None
    impossible: Impossible | None
    asked: xr.DataTree
    notes: tuple[str, ...]

    @property
    @abstractmethod
    def k(self) -> int:
        """Number of studies."""

    @property
    def size(self) -> str:
        """Number of studies as it is printed."""
        return str(self.k)

    def chance_error(self, column: str, month: float | None = None) -> float:
        """Monte Carlo standard error of a probability in `rows`; 0 where it is computed."""
        del column, month
        return 0.0

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


def as_numbers(row: Any) -> dict[str, float]:
    """Cells of a row by column."""
    return {str(name): float(value) for name, value in row.items()}


def line_of(
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
    decided = columns_of(measure)
    row: dict[str, Any] = {
        "model": job.variant_label,
        "measure": measure.code,
        "favours": job.effects.favours,
        "k": k,
        **dict(zip(("estimate", "ci_low", "ci_high"), estimate, strict=True)),
        **_decided(result, {name: mean.get(name, math.nan) for name in decided}),
        **_decided(result, {f"{name}{NEW}": new.get(name, math.nan) for name in decided[:2]}),
        "tau": tau,
        **{f"frequentist_{name}": classical[name] for name in CLASSICAL},
    }
    if measure.null is None:  # the p of a risk of one half answers nobody's question
        row["frequentist_p_value"] = math.nan
    row["frequentist_method"] = method
    row |= {f"prior_share_{name}": value for name, value in shares.items()}
    return row | {"prior_overlap": overlap, "converged": result.converged}


def _decided(result: Result, chances: dict[str, float]) -> dict[str, float]:
    """Probabilities by column; of an impossible row none, but those at the largest plausible size."""
    if result.impossible is None:
        return chances
    beside = {f"{name}{AT_PLAUSIBLE}": value for name, value in chances.items()}
    return dict.fromkeys(chances, math.nan) | beside
