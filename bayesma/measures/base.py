"""What a measure of effect is: its scale, its formula, and the columns the formula starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayesma.evidence.columns import Columns, Mask
from bayesma.evidence.suspicions import Suspicion
from bayesma.measures.zero_cells import ZeroCells
from bayesma.registry import Registry

type Array = NDArray[np.float64]
type Formula = Callable[..., tuple[Array, Array]]


@dataclass(frozen=True, slots=True)
class Raw:
    """Checked numbers of the studies, ready for the formula of a measure.

    Attributes
    ----------
    arrays
        Arguments of the formula, in its order, each of shape (k,).
    n
        Total sample size per study, shape (k,).
    notes
        Sentences for `Effects.notes`.
    unusable
        Rows that no formula of the design can use although their numbers are possible, shape (k,).
    suspicions
        What is suspicious where each row is a study of its own: patients that stand in two rows.
    """

    arrays: tuple[Array, ...]
    n: Array
    notes: tuple[str, ...] = ()
    unusable: Mask | None = None
    suspicions: Sequence[Suspicion] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """The kind of raw data that several measures share.

    Attributes
    ----------
    name
        In words, for messages: ``"counts in two arms"``.
    roles
        The columns needed, as keywords of `effect_sizes`.
    instead
        Role that may stand for one of `roles`, for example ``{"n_treat": "nonevents_treat"}``.
    read
        Checks the columns and returns them as `Raw`.
    counts
        Whether a continuity correction applies.
    """

    name: str
    roles: tuple[str, ...]
    instead: Mapping[str, str]
    read: Callable[[Columns, ZeroCells], Raw]
    counts: bool = False

    def allowed(self) -> tuple[str, ...]:
        """All roles of the design, required ones and stand-ins."""
        return (*self.roles, *self.instead.values())


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of effect, declared once.

    Attributes
    ----------
    code
        Its name in the field, as metafor writes it: ``"SMD"``, ``"OR"``.
    name
        In words, lower case: ``"odds ratio"``.
    label
        Axis label on the analysis scale: ``"Log odds ratio"``.
    display_label
        Axis label after back-transformation: ``"Odds ratio"``.
    scale
        ``"log"`` for ratios, analysed as logarithms; ``"logit"`` for proportions, analysed as log odds;
        ``"identity"`` otherwise.
    null
        No effect, or without a control no change, on the analysis scale; None for a proportion in single
        arms, which knows no such value.
    back
        From the analysis scale to the one that is printed; array in, array of the same shape out.
    display_null
        No effect, on the printed scale, or None.
    design
        Raw data the formula starts from; None when only ready estimates can be given.
    formula
        Arrays of shape (k,) to estimate and variance, each of shape (k,), on the analysis scale.
    needs
        What a study must have for the formula to be defined: the end of an error message.
    doi
        The paper behind the formula.
    unit_sd
        Unit-information standard deviation on the analysis scale, from which default priors follow (Roever et
        al. 2021, doi 10.1002/jrsm.1475); None when it depends on the unit of the outcome.
    unit_where
        Where that is the information of one patient, in words: of counts it depends on the risk.
    controlled
        Whether patients were compared with others: what lies beyond the null is then a benefit or a harm of
        the treatment. Without a control patients improved or got worse, whatever the reason.
    means
        How many means a t-test of the measure compares, so that it has n less these degrees of freedom; None
        for what is tested as a normal deviate.
    """

    code: str
    name: str
    label: str
    display_label: str
    scale: Literal["log", "logit", "identity"]
    null: float | None
    back: Callable[[Array], Array]
    display_null: float | None
    design: Design | None = None
    formula: Formula | None = None
    needs: str = ""
    doi: str = ""
    unit_sd: float | None = None
    unit_where: str = ""
    controlled: bool = True
    means: int | None = None

    @property
    def noun(self) -> str:
        """What a study shows: an effect, without a control a change, or in single arms a proportion."""
        return "change" if self.changes else "proportion" if self.null is None else "effect"

    @property
    def better(self) -> str:
        """Name of the good side of the null: ``"benefit"``, without a control ``"improved"``."""
        return "improved" if self.changes else "benefit"

    @property
    def worse(self) -> str:
        """Name of the bad side of the null: ``"harm"``, without a control ``"worse"``."""
        return "worse" if self.changes else "harm"

    @property
    def changes(self) -> bool:
        """Whether patients are compared with themselves: a value of no change, and no control."""
        return self.null is not None and not self.controlled

    @property
    def counts(self) -> bool:
        """Whether events are counted, which can be named."""
        return self.design is not None and self.design.counts

    def of_event(self, event: str | None) -> Measure:
        """Return the measure whose axis names what was counted: ``"Proportion (alive)"``."""
        if not event or not self.counts:
            return self
        return replace(self, display_label=f"{self.name[:1].upper()}{self.name[1:]} ({event})")


MEASURES: Registry[Measure] = Registry("measure")


def unchanged(values: Array) -> Array:
    """Back-transformation of measures that are analysed as they are printed."""
    return values


def exponentiated(values: Array) -> Array:
    """Back-transformation of ratios, which are analysed as logarithms."""
    return np.asarray(np.exp(values), dtype=np.float64)
