"""Rows with a median in place of mean and SD: which numbers they need, and what follows from them."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from bayesma.errors import DataWarning, OptionError
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.effects import LARGEST, SMALLEST
from bayesma.evidence.five_numbers import SMALLEST_SAMPLE, average, skewness

QUARTILES, EXTREMES = ("q1", "q3"), ("minimum", "maximum")
QUANTILES = ("minimum", "q1", "median", "q3", "maximum")


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """Which rows have an SD from their quantiles, with it and the mean; all of shape (rows,), else NaN.

    `variance` is that of the mean, the conversion's own uncertainty included; `skewed` the probability that
    the values are log-normal.
    """

    rows: Mask
    mean: Array
    sd: Array
    variance: Array
    skewed: Array

    def notes(self, columns: Columns, month: Array, printed: Mask) -> tuple[str, ...]:
        """What the reader must know of them; `printed` are the rows whose mean was printed."""
        if not self.rows.any():
            return ()
        said = [
            f"{columns.studies[i]} (month {month[i]:g}{', the SD only' if printed[i] else ''})"
            for i in np.flatnonzero(self.rows)
        ]
        return (
            "Mean and SD were computed from the median with quartiles, extremes or both, averaged over "
            "normal and, where all of these are positive, log-normal values of the patients: "
            f"{', '.join(said)}. Such a mean is less precise than a printed one, and its standard error is "
            "larger for it.",
        )


def require_quantiles(roles: Collection[str]) -> None:
    """Raise unless the columns of medians are there with at least one pair around them, in full."""
    for pair in (QUARTILES, EXTREMES):
        there = [role for role in pair if role in roles]
        if len(there) == 1:
            (lacking,) = set(pair) - set(there)
            raise OptionError(f"{there[0]} is half of a pair: name the column of {lacking} too")
        if there and "median" not in roles:
            raise OptionError(f"{pair[0]} and {pair[1]} lie around a median; name its column: median=")
    if "median" in roles and "q1" not in roles and "minimum" not in roles:
        raise OptionError("a median gives no SD alone; name q1 and q3, minimum and maximum, or all four")


def convert(columns: Columns, needed: Mask) -> Converted:
    """Mean and SD of the rows that need them, shape (rows,), and have a median with a pair around it."""
    nothing = np.full(len(columns.rows), np.nan)
    if "median" not in columns:
        return Converted(np.isfinite(nothing), *(nothing for _ in range(4)))
    _check(columns)
    number = _numbers(columns)
    has = {role: np.isfinite(values) for role, values in number.items()}
    inner, outer = (needed & has["median"] & has[a] & has[b] for a, b in (QUARTILES, EXTREMES))
    columns.refuse(
        (inner | outer) & (columns["n"] < SMALLEST_SAMPLE),
        "n",
        f"a mean from a median needs at least {SMALLEST_SAMPLE} patients",
        "give mean and SD, or leave the visit out",
    )
    pairs = {"minimum": outer, "q1": inner, "median": inner | outer, "q3": inner, "maximum": outer}
    used = np.array([np.where(pairs[role], number[role], np.nan) for role in QUANTILES])
    columns.refuse(
        (inner | outer)
        & ~(np.nanmax(used, axis=0, initial=-np.inf) > np.nanmin(used, axis=0, initial=np.inf)),
        "median",
        "the numbers around it are equal, and no SD follows from them",
        "give mean and SD, or leave the visit out",
    )
    mean, sd, variance, skewed = (nothing.copy() for _ in range(4))
    for i in np.flatnonzero(inner | outer):
        found = average(used[:, i], float(columns["n"][i]))
        mean[i], sd[i], variance[i], skewed[i] = found.mean, found.sd, found.variance, found.log_normal
    columns.refuse(
        sd < SMALLEST,
        "median",
        "the numbers around it are equal, and no SD follows from them",
        "give mean and SD, or leave the visit out",
    )
    return Converted(inner | outer, mean, sd, variance, skewed)


def warn_of_skewness(columns: Columns, converted: Converted, *, stacklevel: int) -> None:
    """Warn of rows whose quantiles are no normal ones; `stacklevel` is that of `warnings.warn`."""
    if not converted.rows.any():
        return
    number = _numbers(columns)
    low, q1, median, q3, high = (number[role] for role in QUANTILES)
    found, limit = skewness(low, q1, median, q3, high, columns["n"])
    with np.errstate(divide="ignore", invalid="ignore"):  # numbers that are not positive have no logs
        logs = [np.where(x > 0.0, np.log(x), np.nan) for x in (low, q1, median, q3, high)]
    on_logs, _ = skewness(logs[0], logs[1], logs[2], logs[3], logs[4], columns["n"])
    found = np.fmin(found, np.where(converted.skewed > 0.0, on_logs, np.nan))
    for i in np.flatnonzero(converted.rows & (found >= limit)):
        warnings.warn(
            f"{columns.place(int(i))}: the numbers around the median are more skewed ({found[i]:.2g}) than "
            f"95 % of normal samples of this size (up to {limit[i]:.2g}), and so are their logs where they "
            "are positive; the mean and SD computed from them may be wrong",
            DataWarning,
            stacklevel=stacklevel,
        )


def _numbers(columns: Columns) -> dict[str, Array]:
    """Every quantile, shape (rows,), NaN where it is not given."""
    nothing = np.full(len(columns.rows), np.nan)
    return {role: columns[role] if role in columns else nothing for role in QUANTILES}


def refuse_incomplete(columns: Columns, empty: Mask) -> None:
    """Raise for the first of the rows without mean and spread, (rows,), whose quantiles are not enough."""
    for i in np.flatnonzero(empty & _any_of(columns, QUANTILES))[:1]:
        lacking = [columns.what(role) for role in QUANTILES if role in columns and np.isnan(columns[role][i])]
        raise columns.error(
            int(i),
            f"there is no mean with its spread, and no number in {', '.join(lacking)}; a median needs q1 and "
            "q3, minimum and maximum, or all four; fill them in, or leave the visit out",
        )


def _any_of(columns: Columns, roles: Sequence[str]) -> Mask:
    """Rows with a number in any of the roles."""
    cells = [~np.isnan(columns[role]) for role in roles if role in columns]
    return np.asarray(np.logical_or.reduce([np.zeros(len(columns.rows), dtype=np.bool_), *cells]))


def _check(columns: Columns) -> None:
    """Raise for the first quantile that cannot be used, or lies above one that must be larger."""
    there = [role for role in QUANTILES if role in columns]
    for role in there:
        columns.refuse(
            np.abs(columns[role]) > LARGEST, role, f"at most {LARGEST:g} can be used", "correct it"
        )
    for j, upper in enumerate(there):
        for lower in there[:j]:
            for i in np.flatnonzero(columns[lower] > columns[upper])[:1]:
                raise columns.error(
                    int(i),
                    f"{columns.what(lower)} is {columns[lower][i]:g}, above {columns.what(upper)}, which is "
                    f"{columns[upper][i]:g}; correct one of them",
                )
