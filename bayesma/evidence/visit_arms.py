"""Means of arms by visit to changes from baseline, or to differences between arms, with their covariance.

The means of one arm at two visits share patients: their covariance is r SD_s SD_t n_st / (n_s n_t), with r
the correlation of a patient's values and n_st the patients seen at both; changes share the baseline.
Wei & Higgins 2013, doi 10.1002/sim.5679.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesma.errors import DataError
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.correlation import Correlation, Settled
from bayesma.evidence.count_input import require_roles
from bayesma.evidence.sides import Arms, Side, in_all_arms, require_baseline, row_names, sides
from bayesma.evidence.summaries import Summaries, require_summaries, summaries
from bayesma.evidence.suspicions import named_person_time, of_visits, warn
from bayesma.evidence.validation import require_studies, row_labels
from bayesma.evidence.visit_estimates import Pieces, fixed
from bayesma.evidence.visits import (
    Grid,
    constant_columns,
    left_out,
    place_on_grid,
    require_unit,
    to_months,
    unit_of,
)
from bayesma.evidence.within import at_median, by_power, ends_of, lags, refuse_indefinite, settled

MEND = "give a correlation that visits and baseline can have among each other: 0 or more always can be"


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Means, SDs and patients of one arm at the months that are used, shape (k, p), NaN elsewhere.

    `unsure`, `extra` and `between_visits` are those of `Summaries`.
    """

    sign: float
    mean: Array
    sd: Array
    n: Array
    unsure: Array
    extra: Array
    between_visits: float

    def scale(self) -> Array:
        """Covariance of the means were a patient's values perfectly correlated, shape (k, p, p)."""
        n = np.where(np.isnan(self.n), 1.0, self.n)
        shared = np.minimum(n[:, :, None], n[:, None, :]) / (n[:, :, None] * n[:, None, :])
        own = np.nan_to_num(self.extra)[:, :, None] * np.eye(self.sd.shape[1])  # no two means share it
        return np.asarray(self._products() * shared + own)

    def _products(self) -> Array:
        """Expected products of SDs: those of root mean squares, times exp(-variance of the log ratio / 2)."""
        sd, unsure = np.nan_to_num(self.sd), np.nan_to_num(self.unsure)
        borrowed = unsure > 0
        of_ratio = np.where(
            borrowed[:, :, None] & borrowed[:, None, :],
            2 * self.between_visits * (1 - np.eye(sd.shape[1])),
            unsure[:, :, None] + unsure[:, None, :],
        )
        return np.asarray(sd[:, :, None] * sd[:, None, :] * np.exp(-of_ratio / 2))


def read_arms(
    frame: pd.DataFrame,
    study: str | Sequence[str],
    roles: Mapping[str, str],
    arms: Arms,
    stated: Settled,
    unit: tuple[str, str | None],
    spread: tuple[float, str],
) -> Pieces:
    """What `Trajectories.from_arms` holds; see there."""
    require_unit(unit[0])
    require_summaries(roles, *spread)
    require_roles(frame, roles)
    labels = row_labels(frame, study)
    both = sides(frame, labels, arms)
    whole = Columns.read(frame, roles, row_names(labels, both))
    require_studies(len(frame), whole.source)
    unit_name = unit[0] if unit[1] is None else unit_of(frame, unit[1], whole.studies.tolist())
    known = ~np.logical_and.reduce([np.isnan(whole[role]) for role in roles if role not in {"month", "n"}])
    rows = whole.select(known)
    if not len(rows.rows):
        raise DataError(f"{rows.source or 'the input'} holds no mean; at least one visit is needed")
    month = to_months(rows, unit_name, baseline=True)
    warn([*of_visits(labels[known].tolist(), month), *named_person_time(roles)], rows.place)
    values = summaries(rows, labels[known], month, *spread)
    hint = ", or name the column of arms with arm=" if arms.column is None else ""
    grids = [place_on_grid(labels[known], month, rows, among=s.rows[known], hint=hint) for s in both]
    names = grids[0].study.tolist()
    seen, points, notes = _used(grids, both, arms, rows.source)
    means = [_means(side, grid, values, rows["n"], points) for side, grid in zip(both, grids, strict=True)]
    within, lag, rho = _covariances(means, grids[0].month, points, arms, stated, (names, rows.source))
    visits = seen.any(axis=0)
    at_visit = slice(1, None) if arms.change else slice(None)
    estimate = sum((m.sign * _from_baseline(m.mean, arms) for m in means), np.zeros(()))
    patients = sum((m.n[:, at_visit] for m in means), np.zeros(()))
    middle = at_median(within, lag, rho)
    se = np.where(seen[:, visits], np.sqrt(np.einsum("ktt->kt", middle)), np.nan)
    return Pieces(
        y=fixed(np.where(seen[:, visits], estimate, np.nan)),
        se=fixed(se),
        study=grids[0].study,
        visit=fixed(grids[0].month[visits]),
        within=fixed(within),
        lag=fixed(lag),
        within_correlation=rho.stated,
        within_structure=rho.structure,
        within_decay=rho.decay,
        within_distance=rho.distance,
        se_apart=fixed(np.where(seen[:, visits], _se_apart(means, arms), np.nan)),
        n=fixed(np.where(seen[:, visits], patients, np.nan)),
        table=constant_columns(frame, labels, names),
        source=rows.source,
        notes=(
            *left_out(whole.select(~known), unit_name, names, labels.tolist()),
            *notes,
            *values.notes,
            *_nested(means, names),
            *rho.notes(names, *_ends(grids[0].month, points, stated)),
        ),
    )


def _used(
    grids: Sequence[Grid], both: Sequence[Side], arms: Arms, source: str | None
) -> tuple[Mask, Mask, tuple[str, ...]]:
    """Visits with a contrast, the measurements these take (both (k, months)), and notes."""
    names, months = grids[0].study.tolist(), grids[0].month
    at_baseline = months == 0
    measured = [grid.seen & ~at_baseline for grid in grids]
    seen, notes = in_all_arms(measured, both, names, months, source)
    if not arms.change:
        return seen, seen, notes
    require_baseline([(grid.seen & at_baseline).any(axis=1) for grid in grids], both, names, source)
    return seen, seen | at_baseline, notes


def _means(side: Side, grid: Grid, values: Summaries, n: Array, points: Mask) -> Means:
    """Numbers of one arm at the months some study uses."""
    kept = points.any(axis=0)

    def used(numbers: Array) -> Array:
        return np.where(points, grid.spread(numbers), np.nan)[:, kept]

    mean, sd, unsure, extra = map(used, (values.mean, values.sd, values.unsure, values.extra))
    return Means(side.sign, mean, sd, used(n), unsure, extra, values.between_visits)


def _from_baseline(mean: Array, arms: Arms) -> Array:
    """Means at the visits, less those at the baseline if changes are taken."""
    return mean[:, 1:] - mean[:, :1] if arms.change else mean


def _se_apart(means: Sequence[Means], arms: Arms) -> Array:
    """Standard errors of the contrasts were visits and baseline not correlated, shape (k, t)."""
    variance = np.sum([np.einsum("kpp->kp", arm.scale()) for arm in means], axis=0)
    return np.asarray(np.sqrt(variance[:, 1:] + variance[:, :1] if arms.change else variance))


def _covariances(
    means: Sequence[Means],
    month: Array,
    points: Mask,
    arms: Arms,
    stated: Settled,
    named: tuple[list[str], str | None],
) -> tuple[Array, Array, Correlation]:
    """Coefficients and powers of the covariance of the contrasts, and the correlation behind them."""
    kept = points.any(axis=0)
    points, lag = points[:, kept], lags(month[kept], stated.structure, stated.distance)
    p = lag.shape[0]
    contrast = np.hstack([-np.ones((p - 1, 1)), np.eye(p - 1)]) if arms.change else np.eye(p)
    names, source = named
    rho = Correlation.read(stated, names, points.sum(axis=1), source, np.unique(lag))
    for arm in means:
        of_arm = by_power(arm.scale(), lag, np.eye(p), points)
        refuse_indefinite(rho.covariance(*of_arm), points, names, source, MEND)
    seen = points[:, 1:] if arms.change else points
    total = np.sum([arm.scale() for arm in means], axis=0)
    within, power = by_power(total, lag, contrast, seen)
    refuse_indefinite(rho.covariance(within, power), seen, names, source, MEND)
    return (*settled(within, power, rho), rho)


def _ends(month: Array, points: Mask, stated: Settled) -> tuple[tuple[str, str], float]:
    """Names of the first and the last measurement that is used, and their lag."""
    used = month[points.any(axis=0)]
    return ends_of(used), float(lags(used, stated.structure, stated.distance)[0, -1])


def _nested(means: Sequence[Means], names: Sequence[str]) -> tuple[str, ...]:
    """Note of the studies whose number of patients differs between visits."""
    varies = [
        name
        for i, name in enumerate(names)
        if any(np.nanmin(arm.n[i]) < np.nanmax(arm.n[i]) for arm in means)
    ]
    if not varies:
        return ()
    return (
        f"The number of patients differs between visits in {', '.join(varies)}: drop-out is taken as nested, "
        "so that of two visits the smaller number was measured at both, and a change is the difference "
        "of the means as printed.",
    )
