"""The tables of an analysis file, as typed objects that refuse unknown keys."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayesma.errors import PriorError, SpecError
from bayesma.families import FAMILIES
from bayesma.measures import MEASURES
from bayesma.measures.checks import check_roles
from bayesma.priors import Prior

type Share = Annotated[float, Field(gt=0, lt=1)]

EFFECTS_FAMILY = "normal"  # the family of an analysis that names none
TIME_ROLES = ("month", "time_unit")
WITHIN = ("within_correlation", "within_structure")
QUANTILES = ("median", "q1", "q3", "minimum", "maximum")
ROLES = {"arms": ("mean", "n", "sd", "se", "ci_low", "ci_high", *QUANTILES), "patients": ("patient", "value")}
NEEDED = {"arms": "n", "patients": "value"}  # beside the role that decides the kind
QUANTITY = re.compile(r"(posterior|frequentist|effect)\.(.+)\.([A-Za-z0-9_]+(?:\[[^\]]+\])?)")
QUANTITY_FORMS = "posterior.mu.mean, posterior.theta[A].sd, frequentist.REML+hksj.tau2, effect.<study>.y"


class Table(BaseModel):
    """A TOML table: unknown keys are errors, values are not coerced, and numbers are finite."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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


class EffectsTable(EvidenceTable):
    """Estimates with standard errors, computed from means or counts or given."""

    reference_sd: float | None = Field(default=None, gt=0)
    plausible_n: float | None = Field(default=None, gt=0)
    correction: float | None = None
    to: Literal["only0", "all", "if0all", "none"] | None = None
    level: float | None = None
    ratio: bool | None = None
    drop_unusable: bool | None = None

    @model_validator(mode="after")
    def _known_measure_and_roles(self) -> EffectsTable:
        measure = MEASURES[self.measure]
        check_roles(self.columns, measure, ready="estimate" in self.columns or measure.design is None)
        return self

    def options(self) -> dict[str, Any]:
        """Keywords of `effect_sizes` that the spec sets."""
        names = ("correction", "to", "level", "ratio", "drop_unusable")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


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


class TrajectoriesTable(EvidenceTable):
    """Estimates, means of arms, or single patients, at several visits.

    `columns` names month, and what decides the kind: patient and value; n with mean and a spread, or with
    median, quartiles and extremes (one row an arm and visit, the baseline among them); else whatever
    `effect_sizes` makes an estimate of.
    """

    within_correlation: float | str | dict[str, float] | None = None
    within_structure: Literal["ar1-visit", "ar1-month", "cs"] | None = None
    time_unit: Literal["months", "weeks", "days"] = "months"
    adjust: Literal["change", "final"] | None = None
    missing_sd: Literal["refuse", "borrow"] | None = None
    level: float | None = None

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
        names = (*WITHIN, "adjust", "missing_sd", "level")
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
            allowed = {"within_correlation", "within_structure", "level"}
        else:
            self._check_long(ROLES[self.kind], NEEDED[self.kind])
            allowed = {"adjust"} | (set() if self.kind == "patients" else {*WITHIN, "missing_sd", "level"})
        for name in (*WITHIN, "adjust", "missing_sd", "level"):
            if getattr(self, name) is not None and name not in allowed:
                raise SpecError(f"key {name!r} does not go with rows of {self.kind}; leave it out")
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
}


class ModelLayer(Table):
    """What one place of the file says about the model: any further key is an option of the family."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)

    family: str = EFFECTS_FAMILY
    priors: dict[str, str] = Field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Options of the family."""
        return dict(self.model_extra or {})

    def said(self) -> dict[str, Any]:
        """Keys the file sets here."""
        return self.model_dump(exclude_unset=True)


class ModelTable(ModelLayer):
    """The model of one job, all layers merged: a known family, its options, priors that parse."""

    @model_validator(mode="after")
    def _known(self) -> ModelTable:
        FAMILIES[self.family].checked_options(self.options())
        for name, text in self.priors.items():
            try:
                Prior.parse(text)
            except PriorError as error:
                raise SpecError(f"key 'priors.{name}': {error}") from error
        return self


class FitTable(Table):
    """How to compute."""

    engine: Literal["nuts", "exact"] = "nuts"
    draws: int = Field(default=1000, ge=1)
    tune: int = Field(default=1000, ge=1)
    chains: int = Field(default=4, ge=1)
    target_accept: float = Field(default=0.95, gt=0, lt=1)
    random_seed: int | None = Field(default=None, ge=0)


class Threshold(Table):
    """One further probability to report, on the analysis scale."""

    parameter: str
    below: float | None = None
    above: float | None = None
    label: str | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Threshold:
        if (self.below is None) == (self.above is None):
            raise SpecError(f"the probability of {self.parameter!r} needs exactly one of below and above")
        return self

    @property
    def name(self) -> str:
        """Its label, or ``P(mu < 0)``."""
        side, value = ("<", self.below) if self.below is not None else (">", self.above)
        return self.label or f"P({self.parameter} {side} {value:g})"


class QuestionsTable(Table):
    """What is asked of the posterior.

    `above` lists risks of single arms; `baseline` is the control risk for absolute effects: a number, a
    distribution, or ``"pooled"``; `rebound` are two months whose difference is asked for.
    """

    mid: float | None = Field(default=None, gt=0)
    mid_source: str | None = None
    probabilities: list[Threshold] = Field(default_factory=list)
    above: list[Share] = Field(default_factory=list)
    baseline: Share | str | None = None
    rebound: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _labels_differ(self) -> QuestionsTable:
        names = [threshold.name for threshold in self.probabilities]
        for name in names:
            if names.count(name) > 1:
                raise SpecError(f"two probabilities are called {name!r}; give one another label")
        return self


class VariantTable(Table):
    """A second model for every analysis of the file, shown beside the first."""

    name: str = Field(min_length=1)
    label: str
    model: ModelLayer = Field(default_factory=ModelLayer)
    note: str | None = None


class AnalysisTable(Table):
    """One outcome at one time; keys it does not set come from the top of the file."""

    name: str = Field(min_length=1)
    label: str | None = None
    where: dict[str, Any] = Field(default_factory=dict)
    data: str | None = None
    effects: dict[str, Any] = Field(default_factory=dict)
    model: ModelLayer = Field(default_factory=ModelLayer)
    questions: dict[str, Any] = Field(default_factory=dict)
    favours: Literal["lower", "higher"] | None = None
    cautions: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _plain_values(self) -> AnalysisTable:
        for column, value in self.where.items():
            if not isinstance(value, str | int | float | bool):
                raise SpecError(f"key 'where.{column}' is {value!r}; give text, a number, or true or false")
        return self


class ReferenceTable(Table):
    """A number from elsewhere that this analysis must reproduce."""

    analysis: str | None = None
    variant: str | None = None
    quantity: str
    value: float
    tolerance: float = Field(gt=0)
    source: str

    @model_validator(mode="after")
    def _known_form(self) -> ReferenceTable:
        if QUANTITY.fullmatch(self.quantity) is None:
            raise SpecError(f"key 'quantity' is {self.quantity!r}; it is written like {QUANTITY_FORMS}")
        return self


class SpecFile(Table):
    """The whole file."""

    schema_version: Literal[1] = Field(alias="schema")
    title: str
    data: str | None = None
    citation: str = ""
    cautions: list[str] = Field(default_factory=list)
    effects: dict[str, Any] = Field(default_factory=dict)
    model: ModelLayer = Field(default_factory=ModelLayer)
    fit: FitTable = Field(default_factory=FitTable)
    questions: dict[str, Any] = Field(default_factory=dict)
    variant: list[VariantTable] = Field(default_factory=list)
    analysis: list[AnalysisTable] = Field(default_factory=list)
    reference: list[ReferenceTable] = Field(default_factory=list)
