"""From a job to its evidence: the rows it picks, as effects or as counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from bayesma.errors import DataError
from bayesma.evidence.arms import pair_arms
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.readers import read_studies
from bayesma.evidence.trajectories import Trajectories
from bayesma.measures.effect_sizes import effect_sizes, visit_effects
from bayesma.spec.evidence_tables import EffectsTable, FollowUpTable, OneArmTable, TrajectoriesTable
from bayesma.spec.jobs import Job

type Evidence = Effects | TwoArmCounts | ArmCounts | Trajectories | FollowUp

ESTIMATE, ERROR, SIZE = "estimate (computed)", "standard error (computed)", "n (computed)"
SHOWN = 8  # values of a column that a message lists


def evidence_of(job: Job) -> Evidence:
    """Effects or counts of the rows a job picks, as its family needs them.

    Raises
    ------
    DataError
        When a column of `where` is missing or no row matches, and for numbers that cannot be right.
    """
    frame, table = _rows(job), job.effects
    if isinstance(table, TrajectoriesTable):
        return _over_months(frame, table)
    if isinstance(table, FollowUpTable):
        return _followed(frame, table)
    if table.arms is not None:
        arms = table.arms
        assert arms.by is not None, "the table was validated"
        frame = pair_arms(frame, arm=arms.column, treatment=arms.treatment, control=arms.control, by=arms.by)
    if isinstance(table, EffectsTable):
        if table.trials is not None:
            _require_trials(frame, table.trials, job)
        keywords: dict[str, Any] = {**table.options(), **table.columns}
        return effect_sizes(frame, table.measure, study=table.study, event=table.event, **keywords)
    if isinstance(table, OneArmTable):
        return ArmCounts.from_frame(
            frame, study=table.study, centre=table.centre, event=table.event, **table.columns
        )
    return TwoArmCounts.from_frame(frame, study=table.study, event=table.event, **table.columns)


def _over_months(frame: pd.DataFrame, table: TrajectoriesTable) -> Trajectories:
    """Rows at several visits; estimates are computed row by row, as for a single time."""
    assert table.study is not None, "the table was validated"
    keywords = table.options()
    roles: dict[str, Any] = table.roles()
    if table.kind == "estimates":
        labels = [*([table.study] if isinstance(table.study, str) else table.study), table.columns["month"]]
        rows = visit_effects(frame, table.measure, study=labels, **table.row_options(), **roles)
        known = frame.assign(**{ESTIMATE: rows.y, ERROR: rows.se})
        known.attrs.update(frame.attrs)
        size: dict[str, Any] = {}
        if rows.n is not None:
            known[SIZE], size = rows.n, {"n": SIZE}
        found = Trajectories.from_estimates(
            known, study=table.study, estimate=ESTIMATE, se=ERROR, **size, **keywords
        )  # of no measure: how these were typed has been looked at
        return replace(found, measure=table.measure, notes=(*rows.notes, *found.notes))
    if table.arms is not None:
        arms = table.arms
        keywords |= {"arm": arms.column, "treatment": arms.treatment, "control": arms.control}
    if table.kind == "patients":
        return Trajectories.from_patients(frame, study=table.study, **roles, **keywords)
    return Trajectories.from_arms(frame, study=table.study, **roles, **keywords)


def _followed(frame: pd.DataFrame, table: FollowUpTable) -> FollowUp:
    """Rows that are intervals."""
    assert table.study is not None, "the table was validated"
    said = {"centre": table.centre, "time_unit": table.time_unit, "gaps": table.gaps, "entry": table.entry}
    keywords: dict[str, Any] = {**said, **table.columns}
    return FollowUp.from_frame(frame, study=table.study, **keywords)


def _require_trials(frame: pd.DataFrame, column: str, job: Job) -> None:
    """Refuse a column of trials that is missing, or that holds no whole numbers from 1."""
    if column not in frame.columns:
        known = ", ".join(map(str, frame.columns))
        raise DataError(f"{job.data.name} has no column {column!r}, named by trials; it has: {known}")
    counts = pd.to_numeric(frame[column], errors="coerce")
    bad = ~((counts >= 1) & (counts % 1 == 0))
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise DataError(
            f"{job.data.name}, row picked {row + 1}: {column} is {frame[column].iloc[row]}, and the trials "
            "that a row has pooled are a whole number of at least 1; correct it, or leave trials out"
        )


def _rows(job: Job) -> pd.DataFrame:
    """The rows that `where` picks."""
    frame = read_studies(job.data)
    source = dict(frame.attrs)
    for column, value in job.where.items():
        if column not in frame.columns:
            known = ", ".join(map(str, frame.columns))
            raise DataError(f"{job.data.name} has no column {column!r}, named by where; it has: {known}")
        picked = frame[frame[column] == value]
        if picked.empty:
            present = ", ".join(map(repr, frame[column].drop_duplicates().tolist()[:SHOWN]))
            raise DataError(
                f"{job.data.name}: no row is left where {column} = {value!r}; {column} holds {present}; "
                "correct the value (text and numbers differ)"
            )
        frame = picked
    frame.attrs.update(source)
    return frame
