"""Estimates by study and visit with what is known of their covariance, from a table in long form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import DataError, OptionError
from bayesma.evidence.columns import Array, Columns
from bayesma.evidence.correlation import Correlation, Settled, refuse_strangers
from bayesma.evidence.count_input import require_roles
from bayesma.evidence.effects import LARGEST, SMALLEST
from bayesma.evidence.suspicions import named_person_time, of_estimates, of_visits, repeated_estimates, warn
from bayesma.evidence.validation import SIZE, no_size, require_studies, row_labels
from bayesma.evidence.visits import (
    Grid,
    constant_columns,
    left_out,
    place_on_grid,
    require_unit,
    to_months,
    unit_of,
)
from bayesma.evidence.within import by_power, ends_of, given_matrix, lags, refuse_indefinite, settled
from bayesma.priors import Prior

MISMATCH = 1e-3  # of a variance: a printed standard error is rounded


class Pieces(TypedDict):
    """The arguments of `Trajectories` that a reader supplies, all but the measure."""

    y: Array
    se: Array
    study: NDArray[np.str_]
    visit: Array
    within: Array
    lag: Array
    within_correlation: float | Prior | None
    within_structure: str
    within_decay: NotRequired[float | Prior]
    within_distance: NotRequired[float | None]
    se_apart: NotRequired[Array | None]
    n: Array | None
    table: pd.DataFrame | None
    source: str | None
    notes: tuple[str, ...]


def read_estimates(
    frame: pd.DataFrame,
    study: str | Sequence[str],
    roles: Mapping[str, str],
    stated: Settled,
    covariance: Mapping[str, ArrayLike] | None,
    unit: tuple[str, str | None],
    measure: str,
) -> Pieces:
    """What `Trajectories.from_estimates` holds; see there."""
    require_unit(unit[0])
    require_roles(frame, roles)
    if "se" not in roles and covariance is None:
        raise OptionError("se is missing; name its column, or give the covariance of every study")
    labels = row_labels(frame, study)
    all_rows = Columns.read(frame, roles, labels)
    require_studies(len(frame), all_rows.source)
    unit_name = unit[0] if unit[1] is None else unit_of(frame, unit[1], labels.tolist())
    known = ~np.logical_and.reduce([np.isnan(all_rows[r]) for r in ("estimate", "se") if r in roles])
    columns = all_rows.select(known)
    if not len(columns.rows):
        raise DataError(f"{columns.source or 'the input'} holds no estimate; at least one is needed")
    month = to_months(columns, unit_name, baseline=False)
    _check(columns)
    grid = place_on_grid(columns.studies, month, columns, hint=", or tell the studies apart by their labels")
    y = grid.spread(columns["estimate"])
    matrices = _matrices(covariance or {}, grid, columns)
    se = grid.spread(columns["se"]) if "se" in roles else np.full(y.shape, np.nan)
    for i, matrix in matrices.items():
        se[i, grid.seen[i]] = np.sqrt(np.diag(matrix))
    _require_se(se, grid, columns)
    by_row = np.empty(len(columns.rows))
    by_row[grid.at[grid.seen]] = se[grid.seen]
    names, typed = columns.studies.tolist(), of_estimates(columns["estimate"], by_row, measure, typed=True)
    between = [*of_visits(names, month), *repeated_estimates(columns["estimate"], by_row, names)]
    warn([*between, *typed, *named_person_time(roles)], columns.place)
    within, lag, rho = _covariances(se, grid, matrices, stated, columns.source)
    kept = grid.study.tolist()
    apart = float(lags(grid.month, stated.structure, stated.distance)[0, -1])
    missing = left_out(all_rows.select(~known), unit_name, kept, labels.tolist())
    return Pieces(
        y=fixed(y),
        se=fixed(se),
        study=grid.study,
        visit=fixed(grid.month),
        within=fixed(within),
        lag=fixed(lag),
        within_correlation=rho.stated,
        within_structure=rho.structure,
        within_decay=rho.decay,
        within_distance=rho.distance,
        n=fixed(grid.spread(columns["n"])) if "n" in roles else None,
        table=constant_columns(frame, labels, kept),
        source=columns.source,
        notes=(*missing, *rho.notes(kept, ends_of(grid.month), apart)),
    )


def fixed(array: Any) -> Array:
    """Read-only float64."""
    out = np.array(array, dtype=np.float64)
    out.setflags(write=False)
    return out


def _check(columns: Columns) -> None:
    """Raise for the first number no analysis can use."""
    y = columns["estimate"]
    mend = (
        "fill it in, leave both estimate and standard error empty for a missing visit, or leave the row out"
    )
    columns.refuse(np.isnan(y), "estimate", "it must be a finite number", mend)
    columns.refuse(np.isinf(y), "estimate", "it must be a finite number", "correct it or leave the row out")
    columns.refuse(~(np.abs(y) <= LARGEST), "estimate", f"at most {LARGEST:g} can be used", "correct it")
    if "se" in columns:
        se = columns["se"]
        columns.refuse(~((se > 0) & (se < np.inf)), "se", "it must be finite and above 0", mend)
        rule = f"{SMALLEST:g} to {LARGEST:g} can be used"
        columns.refuse((se < SMALLEST) | (se > LARGEST), "se", rule, "correct it or leave the row out")
    if "n" in columns:
        columns.refuse(no_size(columns["n"]), "n", *SIZE)


def _matrices(given: Mapping[str, ArrayLike], grid: Grid, columns: Columns) -> dict[int, Array]:
    """Covariances given in full, by position of their study, once they fit its visits and standard errors."""
    by_name = {str(study).strip(): matrix for study, matrix in given.items()}
    names = grid.study.tolist()
    refuse_strangers(list(by_name), names, "covariance", columns.source)
    found = {}
    for i, name in enumerate(names):
        if name not in by_name:
            continue
        rows, months = grid.at[i, grid.seen[i]], grid.month[grid.seen[i]]
        found[i] = given_matrix(by_name[name], months, name, columns.source)
        if "se" in columns:
            off = np.abs(columns["se"][rows] ** 2 / np.diag(found[i]) - 1) > MISMATCH
            for j in np.flatnonzero(off)[:1]:
                raise columns.error(
                    int(rows[j]),
                    f"{columns.what('se')} is {columns['se'][rows[j]]:g}, but its covariance has "
                    f"{np.sqrt(found[i][j, j]):g} there; correct one of them",
                )
    return found


def _require_se(se: Array, grid: Grid, columns: Columns) -> None:
    """Raise for a study that has neither standard errors nor a covariance."""
    for i, j in np.argwhere(grid.seen & np.isnan(se))[:1]:
        raise columns.error(
            int(grid.at[i, j]),
            "it has no covariance, and no column of standard errors is named; give se, or its covariance",
        )


def _covariances(
    se: Array, grid: Grid, matrices: Mapping[int, Array], stated: Settled, source: str | None
) -> tuple[Array, Array, Correlation]:
    """Coefficients and powers, and the correlation behind them."""
    names, seen = grid.study.tolist(), grid.seen
    k, t = seen.shape
    if stated.correlation is not None and len(matrices) == k:
        raise OptionError("covariance has every study, so within_correlation has no use; leave it out")
    times = np.where([i in matrices for i in range(k)], 0, seen.sum(axis=1))
    full = np.zeros((k, t, t))
    scale = np.where(seen, se, 0.0)
    for i, matrix in matrices.items():
        full[i][np.ix_(seen[i], seen[i])] = matrix
        scale[i] = 0.0
    lag = lags(grid.month, stated.structure, stated.distance)
    within, power = by_power(scale[:, :, None] * scale[:, None, :], lag, np.eye(t), seen)
    within[..., 0] += full
    rho = Correlation.read(stated, names, times, source, power)
    mend = "correct it, or give a correlation that leaves every combination of visits a variance"
    refuse_indefinite(rho.covariance(within, power), seen, names, source, mend)
    return (*settled(within, power, rho), rho)
