"""What the report shows of one fit, whatever kind of answer it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from matplotlib.figure import Figure

from bayesma.posterior.provenance import provenance
from bayesma.reporting.tables import Table
from bayesma.reporting.words import measure_of
from bayesma.results import Result


class Arms(TypedDict):
    """Whom which side of the null favours, as every plot is told."""

    favours: str | None
    treatment: str
    control: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure and what it shows, for readers who cannot see it."""

    figure: Figure
    words: str


@dataclass(frozen=True, slots=True)
class Content:
    """One fit.

    Attributes
    ----------
    answer
        The result in one sentence.
    main
        The figure over the whole width.
    pairs
        Figures with the tables beside them, of which either may be missing: the decision first.
    tables, folded
        Always shown, and shown on demand.
    """

    answer: str
    main: Drawing
    pairs: tuple[tuple[Drawing | None, Table | None], ...]
    tables: tuple[Table | None, ...]
    folded: tuple[Table | None, ...]


def arms_of(result: Result) -> Arms:
    """Names of the arms, and the favoured direction."""
    effects = result.job.effects
    return Arms(favours=effects.favours, treatment=effects.treatment, control=effects.control)


def axis_label(result: Result) -> str:
    """Measure and unit, as a plot's axis names them."""
    label, unit = measure_of(result).display_label, result.job.effects.unit
    return f"{label}, {unit}" if unit else label


def sentence(result: Result, text: str, chances: str) -> str:
    """A result in one sentence, loud when it must not be used.

    Parameters
    ----------
    result
        Whose.
    text
        Estimates, without their source.
    chances
        What follows ``Probability of``; empty when nothing was asked.
    """
    told = f"{text} ({provenance(result.fit).route})"
    if not result.converged:
        return f"NOT CONVERGED, do not use: {told}"
    told = f"{told[:1].upper()}{told[1:]}."
    return f"{told} Probability of {chances}." if chances else told
