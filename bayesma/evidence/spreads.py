"""Standard deviations of arms from what papers print: the SD, the SE of the mean, or its interval."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
from scipy.special import ndtri

from bayesma.errors import DataWarning, OptionError
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.effects import LARGEST, SMALLEST

MISSING_SD = ("refuse", "borrow")
KINDS = {"sd": ("sd",), "se": ("se",), "ci": ("ci_low", "ci_high")}
SKEWED = 0.25  # of the half width: an interval this far off its mean is no matter of rounding


def require_spread(roles: Collection[str], level: float) -> None:
    """Raise unless exactly one kind of spread is named, in full."""
    given = [kind for kind, parts in KINDS.items() if any(part in roles for part in parts)]
    if len(given) != 1:
        said = "none is given" if not given else f"{' and '.join(given)} are given"
        raise OptionError(f"a mean needs exactly one of sd, se, ci_low with ci_high; {said}; name one")
    lacking = [part for part in KINDS[given[0]] if part not in roles]
    if lacking:
        raise OptionError(f"an interval has two ends: name the column of {lacking[0]} too")
    if not 0 < level < 1:
        raise OptionError(f"level is {level}; it must lie between 0 and 1; write 0.95 for 95 %")


def require_missing_sd(missing_sd: str) -> None:
    """Raise unless it is one of `MISSING_SD`."""
    if missing_sd not in MISSING_SD:
        raise OptionError(f"missing_sd is {missing_sd!r}; it must be one of: {', '.join(MISSING_SD)}")


def without_spread(columns: Columns) -> Mask:
    """Rows in which every cell of a spread is empty, shape (rows,)."""
    cells = [np.isnan(columns[part]) for parts in KINDS.values() for part in parts if part in columns]
    return np.asarray(np.logical_and.reduce([np.ones(len(columns.rows), dtype=np.bool_), *cells]))


def standard_deviations(columns: Columns, level: float) -> Array:
    """SD of the patients of each row, shape (rows,), once its spread can be right."""
    for role in ("sd", "se", "ci_low", "ci_high"):
        if role in columns:
            columns.refuse(
                np.isnan(columns[role]),
                role,
                "a mean without its spread cannot be weighed, and none is made up for it",
                "give the SD (from an SE: times the square root of n), leave the visit out, or let it be "
                "borrowed with missing_sd='borrow'",
            )
            columns.refuse(np.isinf(columns[role]), role, "it must be a finite number", "correct it")
    if "sd" in columns:
        role, sd = "sd", columns["sd"]
    elif "se" in columns:
        role, sd = "se", columns["se"] * np.sqrt(columns["n"])
    else:
        role, sd = "ci_low", _from_interval(columns, level) * np.sqrt(columns["n"])
    columns.refuse(sd <= 0, role, "it must be above 0", "correct it or leave the visit out")
    rule = f"an SD from {SMALLEST:g} to {LARGEST:g} can be used"
    columns.refuse((sd < SMALLEST) | (sd > LARGEST), role, rule, "correct it or leave the visit out")
    return sd


def _from_interval(columns: Columns, level: float) -> Array:
    """SE of the means behind normal intervals: width / (2 z); Altman & Bland 2011, doi 10.1136/bmj.d2304."""
    mean, low, high = columns["mean"], columns["ci_low"], columns["ci_high"]
    columns.refuse(
        low >= high,
        "ci_low",
        f"it must lie below ci_high in {columns.names['ci_high']}",
        "swap or correct them",
    )
    for i in np.flatnonzero((mean < low) | (mean > high))[:1]:
        raise columns.error(
            int(i),
            f"{columns.what('mean')} is {mean[i]:g}; it must lie in its own interval, "
            f"{low[i]:g} to {high[i]:g}; correct one of the three",
        )
    for i in np.flatnonzero(np.abs(mean - (low + high) / 2) > SKEWED * (high - low) / 2):
        warnings.warn(
            f"{columns.place(int(i))}: the interval {low[i]:g} to {high[i]:g} is not centred on its mean "
            f"{mean[i]:g}, by more than rounding explains; the SD taken from its width may be wrong",
            DataWarning,
            stacklevel=6,
        )
    return np.asarray((high - low) / (2 * ndtri((1 + level) / 2)))
