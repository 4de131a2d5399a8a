"""Mean and SD of every row of an arm and visit: as printed, from medians, or with an SD that was borrowed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.borrowed import borrow, borrowing_notes, warn_of_borrowing
from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.effects import LARGEST
from bayesma.evidence.medians import convert, refuse_incomplete, require_quantiles, warn_of_skewness
from bayesma.evidence.spreads import (
    KINDS,
    require_missing_sd,
    require_spread,
    standard_deviations,
    without_spread,
)


@dataclass(frozen=True, slots=True, eq=False)
class Summaries:
    """What is known of the patients behind each row.

    Attributes
    ----------
    mean, sd
        Shape (rows,); a borrowed SD is the root of the expected variance.
    unsure
        Variance of the log SD, shape (rows,): 0 unless it was borrowed.
    extra
        Variance of a mean beyond SD^2 / n, shape (rows,): 0 unless the mean comes from quantiles.
    between_visits
        The part of `unsure` that two borrowed SDs of one study do not share.
    notes
        Sentences the reader of any result must see.
    """

    mean: Array
    sd: Array
    unsure: Array
    extra: Array
    between_visits: float
    notes: tuple[str, ...]


def require_summaries(roles: Collection[str], level: float, missing_sd: str) -> None:
    """Raise unless columns are named for means with a spread, for medians with a pair, or for both."""
    require_missing_sd(missing_sd)
    require_quantiles(roles)
    spread = [part for parts in KINDS.values() for part in parts if part in roles]
    if "mean" in roles or "median" not in roles:
        if "mean" not in roles:
            raise OptionError("no column of means is named; give mean=, or median= with q1= and q3=")
        require_spread(roles, level)
    elif spread:
        raise OptionError(f"{spread[0]} is the spread of a mean; name its column: mean=")


def summaries(
    columns: Columns, study: NDArray[np.str_], month: Array, level: float, missing_sd: str
) -> Summaries:
    """Mean and SD of each row that has any of them; `study` has labels without arms, shape (rows,)."""
    _check_n(columns)
    bare = without_spread(columns)
    mean = columns["mean"].copy() if "mean" in columns else np.full(len(bare), np.nan)
    has_mean = ~np.isnan(mean)
    converted = convert(columns, bare)
    warn_of_skewness(columns, converted, stacklevel=5)
    refuse_incomplete(columns, bare & ~has_mean & ~converted.rows)
    if "mean" in columns:
        _check_mean(columns.select(has_mean | ~converted.rows))
    computed = converted.rows & ~has_mean
    mean[computed] = converted.mean[computed]
    missing = bare & ~converted.rows & (missing_sd == "borrow")
    printed = ~converted.rows & ~missing
    sd, unsure = converted.sd.copy(), np.zeros(len(bare))
    extra = np.where(computed, np.maximum(converted.variance - converted.sd**2 / columns["n"], 0.0), 0.0)
    if printed.any():
        sd[printed] = standard_deviations(columns.select(printed), level)
    notes = converted.notes(columns, month, has_mean)
    if not missing.any():
        return Summaries(mean, sd, unsure, extra, 0.0, notes)
    role = next(part for parts in KINDS.values() for part in parts if part in columns)
    loan = borrow(columns, missing, printed, sd, study, role)
    sd[missing], unsure[missing] = loan.root_mean_square(), loan.variance
    warn_of_borrowing(columns, missing, printed, stacklevel=5)
    notes = (*notes, *borrowing_notes(columns, month, missing, printed, study, loan))
    return Summaries(mean, sd, unsure, extra, loan.between_visits, notes)


def _check_mean(columns: Columns) -> None:
    """Raise for the first mean that cannot be."""
    mean = columns["mean"]
    columns.refuse(
        np.isnan(mean),
        "mean",
        "it must be a finite number",
        "fill it in, leave mean and spread empty for a missing visit, or leave the row out",
    )
    columns.refuse(~(np.abs(mean) <= LARGEST), "mean", f"at most {LARGEST:g} can be used", "correct it")


def _check_n(columns: Columns) -> None:
    """Raise for the first number of patients that cannot be."""
    n = columns["n"]
    columns.refuse(
        np.isnan(n), "n", "every visit needs its number of patients", "fill it in or leave the visit out"
    )
    columns.refuse(n == 1, "n", "one patient has no standard deviation", "leave the visit out")
    columns.refuse(
        ~((n >= 2) & (n < LARGEST) & (n == np.round(n))),
        "n",
        "it must be a whole number of at least 2",
        "correct it or leave the visit out",
    )
