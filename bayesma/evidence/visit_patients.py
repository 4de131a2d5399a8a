"""Values of single patients by visit to the means of their changes and the sample covariance of these means.

Of two visits with n_s and n_t patients, n_st of them seen at both, the means have the covariance
C_st n_st / (n_s n_t), with C_st the sample covariance among the n_st.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesma.errors import DataError
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.correlation import GIVEN
from bayesma.evidence.count_input import require_roles
from bayesma.evidence.effects import LARGEST
from bayesma.evidence.sides import Arms, Side, in_all_arms, require_baseline, row_names, sides
from bayesma.evidence.suspicions import of_visits, warn
from bayesma.evidence.validation import require_studies, row_labels
from bayesma.evidence.visit_estimates import Pieces, fixed
from bayesma.evidence.visits import constant_columns, place_on_grid, require_unit, to_months, unit_of
from bayesma.evidence.within import refuse_indefinite

MEND = (
    "it needs more patients than visits and some spread at each; leave a visit with few patients out, "
    "or give means and SDs with from_arms and state the correlation"
)


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """Values by patient and month, shape (q, p), NaN where missing, with the study of each patient, (q,)."""

    value: Array
    month: Array
    study: Sequence[str]
    sides: Sequence[tuple[Side, Mask]]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One arm of every study: mean and patients, shape (k, t), and covariance of the means, (k, t, t)."""

    mean: Array
    n: Array
    covariance: Array


def read_patients(
    frame: pd.DataFrame,
    study: str | Sequence[str],
    patient: str,
    roles: Mapping[str, str],
    arms: Arms,
    unit: tuple[str, str | None],
) -> Pieces:
    """What `Trajectories.from_patients` holds; see there."""
    require_unit(unit[0])
    require_roles(frame, roles)
    labels = row_labels(frame, study)
    source, patients = _read(frame, labels, patient, roles, arms, unit)
    names, both = list(dict.fromkeys(patients.study)), [side for side, _ in patients.sides]
    values, months, notes = _values(patients, names, arms, source)
    samples = [_sample(values, patients.study, names, mask) for _, mask in patients.sides]
    seen, lone = in_all_arms([sample.n > 0 for sample in samples], both, names, months, source)
    for side, sample in zip(both, samples, strict=True):
        _refuse_lonely(side, sample, seen, names, months, source)
    visits = seen.any(axis=0)
    seen = seen[:, visits]
    estimate = sum((s.sign * a.mean[:, visits] for s, a in zip(both, samples, strict=True)), np.zeros(()))
    covariance = np.sum([a.covariance[:, visits][:, :, visits] for a in samples], axis=0)
    covariance = np.where(seen[:, :, None] & seen[:, None, :], covariance, 0.0)
    refuse_indefinite(covariance, seen, names, source, MEND)
    return Pieces(
        y=fixed(np.where(seen, estimate, np.nan)),
        se=fixed(np.where(seen, np.sqrt(np.einsum("ktt->kt", covariance)), np.nan)),
        study=np.array(names, dtype=np.str_),
        visit=fixed(months[visits]),
        within=fixed(covariance[..., None]),
        lag=fixed(np.zeros(1)),
        within_correlation=None,
        within_structure=GIVEN,
        n=fixed(np.where(seen, np.sum([a.n[:, visits] for a in samples], axis=0), np.nan)),
        table=constant_columns(frame, labels, names),
        source=source,
        notes=(*notes, *lone),
    )


def _read(
    frame: pd.DataFrame,
    labels: np.ndarray[tuple[int], np.dtype[np.str_]],
    patient: str,
    roles: Mapping[str, str],
    arms: Arms,
    unit: tuple[str, str | None],
) -> tuple[str | None, Patients]:
    """The values, once every row can be used or has none."""
    both = sides(frame, labels, arms)
    people = row_labels(frame, patient, of="patient").tolist()
    person = np.array(
        [f"{name}, patient {p}" for name, p in zip(row_names(labels, both), people, strict=True)],
        dtype=np.str_,
    )
    whole = Columns.read(frame, roles, person)
    require_studies(len(frame), whole.source)
    unit_name = unit[0] if unit[1] is None else unit_of(frame, unit[1], person.tolist())
    known = ~np.isnan(whole["value"])
    rows = whole.select(known)
    if not len(rows.rows):
        raise DataError(f"{rows.source or 'the input'} holds no value; at least one visit is needed")
    rule = f"finite numbers up to {LARGEST:g} can be used"
    rows.refuse(~(np.abs(rows["value"]) <= LARGEST), "value", rule, "correct it or leave it empty")
    month = to_months(rows, unit_name, baseline=True)
    warn(of_visits(labels[known].tolist(), month), rows.place)
    grid = place_on_grid(person[known], month, rows, hint=", or give the patients numbers of their own")
    first = grid.at[np.arange(len(grid.study)), np.argmax(grid.seen, axis=1)]
    arm_of = [(side, side.rows[known][first]) for side in both]
    return rows.source, Patients(
        grid.spread(rows["value"]), grid.month, labels[known][first].tolist(), arm_of
    )


def _values(
    patients: Patients, names: Sequence[str], arms: Arms, source: str | None
) -> tuple[Array, Array, tuple[str, ...]]:
    """Changes, or values, at the visits after baseline (q, t); the months; a note of who has no baseline."""
    after = patients.month > 0
    value, months = patients.value[:, after], patients.month[after]
    if not arms.change:
        return value, months, ()
    start = patients.value[:, ~after]
    start = start[:, 0] if start.size else np.full(len(value), np.nan)
    study = np.array(patients.study)
    started = [
        np.array([bool(np.any(np.isfinite(start[mask & (study == name)]))) for name in names])
        for _, mask in patients.sides
    ]
    require_baseline(started, [side for side, _ in patients.sides], names, source)
    late = study[np.isnan(start)].tolist()
    counts = ", ".join(f"{name} {late.count(name)}" for name in dict.fromkeys(late))
    notes = (f"Patients without a baseline value were kept out: {counts}.",) if late else ()
    return value - start[:, None], months, notes


def _sample(value: Array, study: Sequence[str], names: Sequence[str], arm: Mask) -> Sample:
    """Sufficient statistics of the patients of an arm, study by study."""
    k, t = len(names), value.shape[1]
    out = Sample(np.zeros((k, t)), np.zeros((k, t)), np.zeros((k, t, t)))
    owner = np.array(study)
    for i, name in enumerate(names):
        table = pd.DataFrame(value[arm & (owner == name)])
        has = table.notna().to_numpy(dtype=np.float64)
        together = has.T @ has
        n = np.diag(together)
        out.n[i], out.mean[i] = n, table.mean().fillna(0.0)
        pairwise = table.cov(min_periods=2).to_numpy(dtype=np.float64)
        shared = together / np.maximum(n[:, None] * n, 1.0)
        out.covariance[i] = np.where(together > 0, pairwise * shared, 0.0)
    return out


def _refuse_lonely(
    side: Side, sample: Sample, seen: Mask, names: Sequence[str], months: Array, source: str | None
) -> None:
    """Raise where one patient stands alone at a visit, or at both of two visits."""
    both = seen[:, :, None] & seen[:, None, :]
    for i, s, t in np.argwhere(np.isnan(sample.covariance) & both)[:1]:
        arm = "" if side.name is None else f"the arm {side.name!r}, "
        alone = np.flatnonzero(seen[i] & (sample.n[i] == 1))
        at = (
            f"month {months[alone[0]]:g}"
            if alone.size
            else f"both month {months[s]:g} and month {months[t]:g}"
        )
        raise DataError(
            f"{source or 'the input'}, {names[i]}: {arm}one patient only was measured at {at}, and one "
            "patient has no standard deviation; leave the visit out, or add patients"
        )
