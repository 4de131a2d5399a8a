"""The tables of an analysis file, as typed objects that refuse unknown keys."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayesma.errors import PriorError, SpecError
from bayesma.families import FAMILIES
from bayesma.priors import Prior

type Share = Annotated[float, Field(gt=0, lt=1)]
type Month = Annotated[float, Field(gt=0)]
type Window = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=2, max_length=2)]

EFFECTS_FAMILY = "normal"  # the family of an analysis that names none
QUANTITY = re.compile(r"(posterior|frequentist|effect)\.(.+)\.([A-Za-z0-9_]+(?:\[[^\]]+\])?)")
QUANTITY_FORMS = "posterior.mu.mean, posterior.theta[A].sd, frequentist.REML+hksj.tau2, effect.<study>.y"


class Table(BaseModel):
    """A TOML table: unknown keys are errors, values are not coerced, and numbers are finite."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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

    `above` lists proportions in single arms; `baseline` is the control risk for absolute effects: a number, a
    distribution, or ``"pooled"``; `rebound` are two months whose difference is asked for. Of relapses: the
    windows `early` and `late`, `at_months` and horizons `to` of the course, the month of `repeat`, what is
    believed of `restoration`, and how many months are a `gain`.
    """

    mid: float | None = Field(default=None, gt=0)
    mid_source: str | None = None
    probabilities: list[Threshold] = Field(default_factory=list)
    above: list[Share] = Field(default_factory=list)
    baseline: Share | str | None = None
    rebound: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    early: Window | None = None
    late: Window | None = None
    at_months: list[Month] | None = Field(default=None, min_length=1)
    to: list[Month] | None = Field(default=None, min_length=1)
    repeat: Month | None = None
    restoration: list[str | Annotated[float, Field(ge=0, le=1)]] | None = Field(default=None, min_length=1)
    gain: Annotated[float, Field(ge=0)] | None = None

    @property
    def of_relapse(self) -> list[str]:
        """Those the file asks that only relapses answer."""
        names = ("early", "late", "at_months", "to", "repeat", "restoration", "gain")
        return [name for name in names if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _labels_differ(self) -> QuestionsTable:
        names = [threshold.name for threshold in self.probabilities]
        for name in names:
            if names.count(name) > 1:
                raise SpecError(f"two probabilities are called {name!r}; give one another label")
        return self


class TippingTable(Table):
    """A path of priors: one parameter, its prior with ``?`` for the number that moves, and the two ends."""

    prior: dict[str, str] = Field(min_length=1, max_length=1)
    over: Annotated[list[float], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _one_number(self) -> TippingTable:
        ((name, text),) = self.prior.items()
        if text.count("?") != 1:
            raise SpecError(f"key 'prior.{name}' is {text!r}; write one ? for the number that moves")
        if not self.over[0] < self.over[1]:
            raise SpecError(f"key 'over' is {self.over}; give the two ends of the path, rising")
        for end in self.over:
            try:
                Prior.parse(text.replace("?", repr(end)))
            except PriorError as error:
                raise SpecError(f"key 'prior.{name}': {error}") from error
        return self


class SensitivityTable(Table):
    """Whether the answer survives other priors; what is left out is chosen from the model's own priors.

    `question` stands in place of benefit, written like ``"mu > 0"``; `vary` lists priors by parameter, every
    combination of which is tried; `tipping` are paths along which the threshold is looked for.
    """

    threshold: Share = 0.95
    question: str | None = None
    vary: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    tipping: list[TippingTable] = Field(default_factory=list)

    @model_validator(mode="after")
    def _priors_parse(self) -> SensitivityTable:
        for name, texts in self.vary.items():
            for number, text in enumerate(texts, 1):
                try:
                    Prior.parse(text)
                except PriorError as error:
                    raise SpecError(f"key 'vary.{name}', entry {number}: {error}") from error
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
    sensitivity: dict[str, Any] | None = None
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
    sensitivity: dict[str, Any] | None = None
    variant: list[VariantTable] = Field(default_factory=list)
    analysis: list[AnalysisTable] = Field(default_factory=list)
    reference: list[ReferenceTable] = Field(default_factory=list)
