"""How rows become evidence, as an analysis file says it: columns, arms, visits."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from bayesma.errors import OptionError, SpecError
from bayesma.evidence.validation import checked_event
from bayesma.measures import MEASURES
from bayesma.measures.checks import check_roles
from bayesma.spec.tables import Table

TIME_ROLES = ("month", "time_unit")
WITHIN = ("within_correlation", "within_structure", "within_decay", "within_distance")
QUANTILES = ("median", "q1", "q3", "minimum", "maximum")
ROLES = {"arms": ("mean", "n", "sd", "se", "ci_low", "ci_high", *QUANTILES), "patients": ("patient", "value")}
NEEDED = {"arms": "n", "patients": "value"}  # beside the role that decides the kind
INTERVAL_ROLES = ("start", "stop", "at_risk", "relapses")
ROW_OPTIONS = ("correction", "to", "level", "ratio")


class ArmsTable(Table):
    """Which arm is which in a table with one row an arm, and which rows belong together."""

    column: str
    treatment: str
    control: str
    by: str | list[str] | None = None


class EvidenceTable(Table):
    """How rows become evidence: columns, labels, and who benefits on which side."""

    measure: str
    columns: dict[str, str]
    study: str | list[str] | None = None
    arms: ArmsTable | None = None
    favours: Literal["lower", "higher"] | None = None
    treatment: str = "treatment"
    control: str = "control"
    unit: str | None = None
    event: str | None = None  # what was counted, in one or two words

    @model_validator(mode="after")
    def _event_was_counted(self) -> EvidenceTable:
        if self.event is None:
            return self
        if not self.counted:
            raise SpecError(
                "key 'event' names what was counted, and no events are counted here; leave it out"
            )
        try:
            checked_event(self.event)
        except OptionError as error:
            raise SpecError(f"key 'event': {error}") from error
        return self

    @property
    def counted(self) -> bool:
        """Whether the numbers are events among patients."""
        return self.measure in MEASURES and MEASURES[self.measure].counts and not self.over_months

    @model_validator(mode="after")
    def _arms_belong_together(self) -> EvidenceTable:
        if self.arms is not None and (self.arms.by is None) is not self.over_months:
            raise SpecError(
                "key 'arms.by' has no place beside several visits: study and month say which rows belong "
                "together; leave it out"
                if self.over_months
                else "key 'arms.by' is missing; name the columns that the two arms of a study share"
            )
        return self

    @property
    def over_months(self) -> bool:
        """Whether a study is seen at several visits."""
        return False


class ComputedTable(EvidenceTable):
    """What `effect_sizes` may be told about rows it makes estimates of."""

    correction: float | None = None
    to: Literal["only0", "all", "if0all", "none"] | None = None
    level: float | None = None
    ratio: bool | None = None

    def row_options(self) -> dict[str, Any]:
        """Keywords of `effect_sizes` that the spec sets."""
        return {name: value for name in ROW_OPTIONS if (value := getattr(self, name)) is not None}


class EffectsTable(ComputedTable):
    """Estimates with standard errors, computed from means or counts or given."""

    reference_sd: float | None = Field(default=None, gt=0)
    plausible_n: float | None = Field(default=None, gt=0)
    trials: str | None = None  # column: how many trials a row has pooled already
    drop_unusable: bool | None = None

    @model_validator(mode="after")
    def _known_measure_and_roles(self) -> EffectsTable:
        measure = MEASURES[self.measure]
        check_roles(self.columns, measure, ready="estimate" in self.columns or measure.design is None)
        return self

    def options(self) -> dict[str, Any]:
        """Keywords of `effect_sizes` that the spec sets."""
        dropped = {} if self.drop_unusable is None else {"drop_unusable": self.drop_unusable}
        return self.row_options() | dropped


class TwoArmTable(EvidenceTable):
    """Counts of events in two arms, taken as they are."""

    measure: Literal["OR"] = "OR"

    @model_validator(mode="after")
    def _known_roles(self) -> TwoArmTable:
        check_roles(self.columns, MEASURES[self.measure], ready=False)
        return self


class OneArmTable(EvidenceTable):
    """Counts of events in single arms, taken as they are; `treatment` is what the arms received."""

    measure: Literal["PLO"] = "PLO"
    centre: str | None = None

    @model_validator(mode="after")
    def _known_roles(self) -> OneArmTable:
        check_roles(self.columns, MEASURES[self.measure], ready=False)
        for name in ("favours", "arms"):
            if getattr(self, name) is not None:
                raise SpecError(f"key {name!r} compares two arms, and these are single arms; leave it out")
        return self


class FollowUpTable(EvidenceTable):
    """Relapses by interval of follow-up; `treatment` is what the patients received."""

    measure: str = "GEN"
    centre: str | None = None
    time_unit: Literal["months", "weeks", "days"] = "months"
    gaps: bool = False
    entry: bool = False

    @model_validator(mode="after")
    def _known_roles(self) -> FollowUpTable:
        if self.measure != "GEN":
            raise SpecError(f"key 'measure' is {self.measure!r}, and relapses are no effects; leave it out")
        if self.study is None:
            raise SpecError("key 'study' is missing; several rows are one study, so its column must be named")
        for role in INTERVAL_ROLES:
            if role not in self.columns:
                raise SpecError(f"key 'columns.{role}' is missing; name its column")
        known = (*INTERVAL_ROLES, "deaths", "censored")
        for role in self.columns:
            if role not in known:
                raise SpecError(f"key 'columns.{role}' is no column of follow-up; it has: {', '.join(known)}")
        for name in ("favours", "arms"):
            if getattr(self, name) is not None:
                raise SpecError(f"key {name!r} compares two arms, and these are single arms; leave it out")
        return self


class TrajectoriesTable(ComputedTable):
    """Estimates, means of arms, or single patients, at several visits.

    `columns` names month, and what decides the kind: patient and value; n with mean and a spread, or with
    median, quartiles and extremes (one row an arm and visit, the baseline among them); else whatever
    `effect_sizes` makes an estimate of.
    """

    within_correlation: float | str | dict[str, float] | None = None
    within_structure: Literal["ar1-visit", "ar1-month", "cs"] | None = None
    within_decay: float | str | None = None
    within_distance: float | None = None
    time_unit: Literal["months", "weeks", "days"] = "months"
    adjust: Literal["change", "final"] | None = None
    missing_sd: Literal["refuse", "borrow"] | None = None

    @property
    def over_months(self) -> bool:
        """Whether a study is seen at several visits."""
        return True

    @property
    def kind(self) -> Literal["estimates", "arms", "patients"]:
        """What a row is."""
        if "patient" in self.columns:
            return "patients"
        return "arms" if {"mean", "median"} & set(self.columns) else "estimates"

    def roles(self) -> dict[str, str]:
        """Columns beyond month and its unit."""
        return {role: column for role, column in self.columns.items() if role not in TIME_ROLES}

    def options(self) -> dict[str, Any]:
        """Keywords of the constructor of `Trajectories` that the spec sets."""
        names = (*WITHIN, "adjust", "missing_sd", *(["level"] if self.kind == "arms" else []))
        said: dict[str, Any] = {name: value for name in names if (value := getattr(self, name)) is not None}
        if "time_unit" in self.columns:
            said["time_unit_column"] = self.columns["time_unit"]
        return said | {"month": self.columns["month"], "time_unit": self.time_unit}

    @model_validator(mode="after")
    def _known_roles(self) -> TrajectoriesTable:
        if self.study is None:
            raise SpecError("key 'study' is missing; several rows are one study, so its column must be named")
        if "month" not in self.columns:
            raise SpecError("key 'columns.month' is missing; name the column of the time of each visit")
        measure = MEASURES[self.measure]
        if self.kind == "estimates":
            check_roles(self.roles(), measure, ready="estimate" in self.columns or measure.design is None)
            allowed = {*WITHIN, *ROW_OPTIONS}
        else:
            self._check_long(ROLES[self.kind], NEEDED[self.kind])
            allowed = {"adjust"} | (set() if self.kind == "patients" else {*WITHIN, "missing_sd", "level"})
        for name in (*WITHIN, *ROW_OPTIONS, "adjust", "missing_sd"):
            if getattr(self, name) is not None and name not in allowed:
                raise SpecError(f"key {name!r} does not go with rows of {self.kind}; leave it out")
        if self.kind == "estimates" and self.arms is not None:
            raise SpecError(
                "key 'arms' does not go with rows of estimates, which compare already; leave it out"
            )
        return self

    def _check_long(self, known: tuple[str, ...], needed: str) -> None:
        """Rows of arms or patients: their roles, and the measure that follows."""
        for role in self.roles():
            if role not in known:
                raise SpecError(
                    f"key 'columns.{role}' is no column of {self.kind}; they have: month, {', '.join(known)}"
                )
        if needed not in self.columns:
            raise SpecError(
                f"key 'columns.{needed}' is missing; rows of {self.kind} need it; name its column"
            )
        follows = "MC" if self.arms is None else "MD"
        if self.measure != follows:
            number = "without arms" if self.arms is None else "in two arms"
            raise SpecError(
                f"key 'measure' is {self.measure!r}; {self.kind} {number} give {follows}: write measure = "
                f"{follows!r}"
            )


EVIDENCE_TABLES: dict[str, type[EvidenceTable]] = {
    "Effects": EffectsTable,
    "TwoArmCounts": TwoArmTable,
    "ArmCounts": OneArmTable,
    "Trajectories": TrajectoriesTable,
    "FollowUp": FollowUpTable,
}
