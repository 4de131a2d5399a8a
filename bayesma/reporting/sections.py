"""One analysis in full: figures, decision, comparison, priors, studies, engines, notes."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bayesma.analysis import Analysis
from bayesma.reporting import one_effect, over_follow_up, over_months
from bayesma.reporting.alarms import own_notes
from bayesma.reporting.content import Content, Drawing
from bayesma.reporting.details import full_engines
from bayesma.reporting.figures import inline_svg
from bayesma.reporting.robustness import grid_table, sentences
from bayesma.reporting.tables import Table
from bayesma.reporting.words import (
    arms_words,
    benefit_words,
    measure_of,
    scale_words,
    single_arm,
    within_words,
)
from bayesma.results import OneEffect, OverFollowUp, OverMonths, Result


@dataclass(frozen=True, slots=True)
class FitView:
    """One fit as the report shows it.

    Attributes
    ----------
    anchor, name, heading, note
        Names; the heading is that of the variant.
    answer
        The result in one sentence.
    main
        A figure as markup made here, over the whole width.
    pairs
        Figures with the tables beside them, of which either may be missing.
    tables, folded
        Always shown, and shown on demand.
    quotes, robust
        Sentences on other priors, and the table of them; empty and None where nothing was asked.
    engines
        The comparison of engines in full; None without one.
    notes
        Sentences about this fit alone.
    converged
        Whether the numbers may be used.
    """

    anchor: str
    name: str
    heading: str
    note: str
    answer: str
    main: Markup
    pairs: tuple[tuple[Markup | None, Table | None], ...]
    tables: tuple[Table, ...]
    folded: tuple[Table, ...]
    quotes: tuple[str, ...]
    robust: Table | None
    engines: Table | None
    notes: tuple[str, ...]
    converged: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One analysis with its variants, the first one primary."""

    anchor: str
    title: str
    subtitle: str
    fits: tuple[FitView, ...]


def sections(analysis: Analysis) -> list[Section]:
    """Every analysis in the order of the spec."""
    groups: dict[str, list[Result]] = {}
    for result in analysis.results:
        groups.setdefault(result.job.analysis, []).append(result)
    return [_section(analysis, number, group) for number, group in enumerate(groups.values(), 1)]


def _section(analysis: Analysis, number: int, group: list[Result]) -> Section:
    """One analysis."""
    job, anchor = group[0].job, f"analysis-{number}"
    rows = ", ".join(f"{column} = {value}" for column, value in job.where.items())
    parts = [
        arms_words(group[0]),
        scale_words(group[0]),
        *([] if single_arm(group[0]) else [f"{measure_of(group[0]).better}: {benefit_words(group[0])}"]),
        *within_words(group[0]),
        f"data: {job.data.name}{f' ({rows})' if rows else ''}",
    ]
    fits = tuple(_fit_view(analysis, result, f"{anchor}-{i}") for i, result in enumerate(group, 1))
    return Section(anchor, job.label, "; ".join(parts), fits)


def _fit_view(analysis: Analysis, result: Result, anchor: str) -> FitView:
    """One fit."""
    shown = _content(result)
    return FitView(
        anchor=anchor,
        name=result.job.name,
        heading=result.job.variant_label,
        note=result.job.variant_note,
        answer=shown.answer,
        main=_drawn(shown.main, anchor),
        pairs=tuple((None if one is None else _drawn(one, anchor), table) for one, table in shown.pairs),
        tables=tuple(t for t in shown.tables if t is not None),
        folded=tuple(t for t in shown.folded if t is not None),
        quotes=sentences(result),
        robust=grid_table(result),
        engines=full_engines(result),
        notes=tuple(own_notes(analysis, result)),
        converged=result.converged,
    )


def _content(result: Result) -> Content:
    """What is shown of each kind of result."""
    if isinstance(result, OverMonths):
        return over_months.content(result)
    if isinstance(result, OverFollowUp):
        return over_follow_up.content(result)
    assert isinstance(result, OneEffect), "there are three kinds of results"
    return one_effect.content(result)


def _drawn(drawing: Drawing, anchor: str) -> Markup:
    """A figure as markup; names in it are those of its place in the page."""
    return Markup(inline_svg(drawing.figure, f"{anchor}: {drawing.words}"))
