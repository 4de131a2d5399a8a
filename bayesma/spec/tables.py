"""The tables of an analysis file, as typed objects that refuse unknown keys."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayesma.errors import SpecError
from bayesma.families import FAMILIES
from bayesma.measures import MEASURES
from bayesma.priors import Prior

EFFECTS_FAMILY = "normal"  # the family of an analysis that has an [effects] table


class Table(BaseModel):
    """A TOML table: unknown keys are errors, and values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ArmsTable(Table):
    """Which rows of a table with one row an arm belong together, and which arm is which."""

    column: str
    treatment: str
    control: str
    by: str | list[str]


class EffectsTable(Table):
    """How rows become effects: the measure, its columns, and who benefits on which side."""

    measure: str
    columns: dict[str, str]
    study: str | list[str] | None = None
    arms: ArmsTable | None = None
    favours: Literal["lower", "higher"] | None = None
    treatment: str = "treatment"
    control: str = "control"
    unit: str | None = None
    correction: float | None = None
    to: Literal["only0", "all", "if0all", "none"] | None = None
    level: float | None = None
    ratio: bool | None = None
    drop_unusable: bool | None = None

    @model_validator(mode="after")
    def _known_measure(self) -> EffectsTable:
        MEASURES[self.measure]
        return self

    def options(self) -> dict[str, Any]:
        """Keywords of `effect_sizes` that the spec sets."""
        names = ("correction", "to", "level", "ratio", "drop_unusable")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class ModelTable(Table):
    """The family, its options (any further key) and its priors as text."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    family: str = EFFECTS_FAMILY
    priors: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> ModelTable:
        FAMILIES[self.family].checked_options(self.options())
        for text in self.priors.values():
            Prior.parse(text)
        return self

    def options(self) -> dict[str, Any]:
        """Options of the family."""
        return dict(self.model_extra or {})


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
            raise SpecError("a probability needs exactly one of below and above")
        return self


class QuestionsTable(Table):
    """What is asked of the posterior."""

    mid: float | None = Field(default=None, gt=0)
    mid_source: str | None = None
    probabilities: list[Threshold] = Field(default_factory=list)


class VariantTable(Table):
    """A second model for every analysis of the file, shown beside the first."""

    name: str
    label: str
    model: dict[str, Any] = Field(default_factory=dict)
    note: str | None = None


class AnalysisTable(Table):
    """One outcome at one time; keys it does not set come from the top of the file."""

    name: str
    label: str | None = None
    where: dict[str, str | int | float | bool] = Field(default_factory=dict)
    data: str | None = None
    effects: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)
    questions: dict[str, Any] = Field(default_factory=dict)
    favours: Literal["lower", "higher"] | None = None
    cautions: list[str] = Field(default_factory=list)


class ReferenceTable(Table):
    """A number from elsewhere that this analysis must reproduce."""

    analysis: str | None = None
    variant: str | None = None
    quantity: str
    value: float
    tolerance: float = Field(gt=0)
    source: str


class SpecFile(Table):
    """The whole file."""

    schema_version: Literal[1] = Field(alias="schema")
    title: str
    data: str | None = None
    citation: str = ""
    cautions: list[str] = Field(default_factory=list)
    effects: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)
    fit: FitTable = Field(default_factory=FitTable)
    questions: dict[str, Any] = Field(default_factory=dict)
    variant: list[VariantTable] = Field(default_factory=list)
    analysis: list[AnalysisTable] = Field(default_factory=list)
    reference: list[ReferenceTable] = Field(default_factory=list)
