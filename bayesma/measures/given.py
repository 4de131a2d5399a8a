"""Estimates that were published ready, with an SE, a variance, an interval or a p-value beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.columns import Columns
from bayesma.evidence.suspicions import Suspicion, warn
from bayesma.evidence.validation import SIZE, no_size, row_error, source_of
from bayesma.measures.base import MEASURES, Array, Measure, unchanged
from bayesma.measures.intervals import ci_to_se, logged, se_from_p

PRECISION = {
    "se": ("se",),
    "variance": ("variance",),
    "ci_low": ("ci_low", "ci_high"),
    "p_value": ("p_value",),
}
SIZES = ("n", "n_treat", "n_ctrl")
ROLES = ("estimate", "se", "variance", "ci_low", "ci_high", "p_value", *SIZES)
NARROW, WIDE = 0.6, 3.0  # an SMD's se over 2/sqrt(n): beyond these a variance or an SD was given as its se


@dataclass(frozen=True, slots=True)
class Ready:
    """Estimates and standard errors on the analysis scale, shape (k,); `n` where it is known."""

    y: Array
    se: Array
    n: Array | None
    notes: tuple[str, ...] = ()


def check_precision(roles: Collection[str], *, ratio: bool, level: float) -> None:
    """Raise `OptionError` unless exactly one kind of precision is given, and in a form that can be used."""
    given = [kind for kind, parts in PRECISION.items() if any(part in roles for part in parts)]
    if len(given) != 1:
        said = "none is given" if not given else f"{' and '.join(given)} are given"
        raise OptionError(
            f"estimate needs exactly one of se, variance, ci_low with ci_high, p_value; {said}; name one"
        )
    lacking = [part for part in PRECISION[given[0]] if part not in roles]
    if lacking:
        raise OptionError(f"an interval has two ends: name the column of {lacking[0]} too")
    if ratio and given[0] in ("se", "variance"):
        raise OptionError(
            f"with ratio=True, {given[0]} is ambiguous (of the ratio or of its logarithm?); "
            "give ci_low and ci_high, or log the estimates yourself and leave ratio out"
        )
    if given[0] != "ci_low" and level != 0.95:
        raise OptionError("level is the level of ci_low and ci_high, and these are not given; leave it out")
    if ("n_treat" in roles) != ("n_ctrl" in roles):
        raise OptionError("the sample size needs both n_treat and n_ctrl, or n; name the other one too")
    if not 0 < level < 1:
        raise OptionError(f"level is {level}; it must lie between 0 and 1; write 0.95 for 95 %")


def refuse_bounds(frame: pd.DataFrame, name: str, studies: NDArray[np.str_]) -> None:
    """Raise for the first p-value printed as a bound, such as ``<0.001``."""
    for i, cell in enumerate(frame[name]):
        if isinstance(cell, str) and cell.strip().startswith(("<", ">", "\N{LESS-THAN OR EQUAL TO}")):
            raise row_error(
                source_of(frame),
                frame.index[i],
                studies[i],
                f"{name} (p_value)",
                cell,
                "a bound gives no standard error",
                "take the confidence interval, the test statistic or the exact p-value from the paper",
            )


def read_ready(columns: Columns, measure: Measure, *, ratio: bool, level: float) -> Ready:
    """Checked estimates with their standard errors."""
    y, notes = columns["estimate"], list[str]()
    if ratio:
        y = logged(columns, "estimate")
    if "se" in columns or "variance" in columns:
        role = "se" if "se" in columns else "variance"
        columns.refuse(columns[role] <= 0, role, "it must be above 0", "correct it or leave the study out")
        se = columns[role] if role == "se" else np.sqrt(columns[role])
    elif "p_value" in columns:
        se, test = _se_from_p(columns, y, measure)
        notes.append(f"Standard errors were derived from two-sided p-values{test}.")
    else:
        unlogged = (
            "; if the numbers are ratios, say ratio=True" if measure.scale == "log" and not ratio else ""
        )
        se = ci_to_se(columns, y, ratio=ratio, level=level, hint=unlogged)
        notes.append(f"Standard errors were derived from {100 * level:g} % confidence intervals.")
    n = _sizes(columns)
    if n is not None and np.isnan(n).any():
        notes.append(f"The sample size is not known for: {', '.join(columns.studies[np.isnan(n)])}.")
        n = None
    if n is not None and measure.code == "SMD":
        _warn_of_spread(columns, se, n)
    return Ready(y, se, n, tuple(notes))


def _se_from_p(columns: Columns, y: Array, measure: Measure) -> tuple[Array, str]:
    """SE from the p-values, once they can give one, and the test that was taken, in words."""
    p = columns["p_value"]
    columns.refuse(
        (p <= 0) | (p >= 1),
        "p_value",
        "it must lie between 0 and 1, both excluded, to give a standard error",
        "take the confidence interval or the test statistic from the paper",
    )
    columns.refuse(
        y == 0,
        "estimate",
        "a p-value gives no standard error for an estimate of no effect",
        "take the confidence interval from the paper",
    )
    n = _sizes(columns)
    if measure.means is None or n is None:
        return se_from_p(y, p), ""
    columns.refuse(
        n <= measure.means,
        next(role for role in SIZES if role in columns),
        f"a t-test of {measure.means} mean{'s' * (measure.means > 1)} needs more patients",
        "correct it or leave it empty",
    )
    known = "" if np.isfinite(n).all() else " where n is known"
    return se_from_p(y, p, np.where(np.isnan(n), np.inf, n - measure.means)), f" of t-tests{known}"


def _sizes(columns: Columns) -> Array | None:
    """Total sample size, from `n` or from both arms; NaN where a study does not give it."""
    present = [role for role in SIZES if role in columns]
    for role in present:
        columns.refuse(no_size(columns[role]), role, *SIZE)
    if "n" in columns:
        return columns["n"]
    return columns["n_treat"] + columns["n_ctrl"] if len(present) == 2 else None


def _warn_of_spread(columns: Columns, se: Array, n: Array) -> None:
    """Warn of SMDs whose SE cannot belong to a two-arm study of that size."""
    found = []
    for i in np.flatnonzero((se < NARROW * 2 / np.sqrt(n)) | (se > WIDE * 2 / np.sqrt(n))).tolist():
        slip = "a variance" if se[i] < 2 / np.sqrt(n[i]) else "a standard deviation"
        found.append(
            Suspicion(
                i,
                f"a standard error of {se[i]:g} does not fit an SMD from {n[i]:g} patients (about "
                f"{2 / np.sqrt(n[i]):.2g}); check that it is not {slip}",
            )
        )
    warn(found, columns.place)


GEN = MEASURES.register(
    "GEN",
    Measure(
        code="GEN",
        name="effect",
        label="Effect",
        display_label="Effect",
        scale="identity",
        null=0.0,
        back=unchanged,
        display_null=0.0,
    ),
)

MC = MEASURES.register(
    "MC",
    Measure(
        code="MC",
        name="mean change from baseline",
        label="Mean change from baseline",
        display_label="Mean change from baseline",
        scale="identity",
        null=0.0,
        back=unchanged,
        display_null=0.0,
        controlled=False,
        means=1,
    ),
)
