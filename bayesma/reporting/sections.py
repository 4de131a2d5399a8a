"""One analysis in full: figures, decision, comparison, priors, studies, engines, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from markupsafe import Markup

from bayesma.analysis import Analysis, Result
from bayesma.classical.result import FrequentistFit
from bayesma.plots import forest, posterior
from bayesma.posterior.location import location_name
from bayesma.posterior.provenance import provenance
from bayesma.reporting.absolute import absolute_effects, findings, risk_table, risk_text
from bayesma.reporting.alarms import own_notes
from bayesma.reporting.details import (
    baselines,
    comparison,
    decision,
    engines,
    full_engines,
    posteriors,
    priors,
    studies,
)
from bayesma.reporting.figures import inline_svg
from bayesma.reporting.numbers import probability, with_interval
from bayesma.reporting.tables import Table
from bayesma.reporting.words import (
    SOURCES,
    benefit_words,
    measure_of,
    mid_words,
    scale_words,
    single_arm,
)


class _Arms(TypedDict):
    """Whom which side of the null favours, as every plot is told."""

    favours: str | None
    treatment: str
    control: str


@dataclass(frozen=True, slots=True)
class FitView:
    """One fit as the report shows it.

    Attributes
    ----------
    anchor, name, heading, note
        Names; the heading is that of the variant.
    answer
        The result in one sentence.
    forest, posterior
        Figures as markup made here.
    decision
        Probabilities of benefit and harm; None when nothing was asked.
    tables, folded
        Always shown, and shown on demand.
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
    forest: Markup
    posterior: Markup
    decision: Table | None
    tables: tuple[Table, ...]
    folded: tuple[Table, ...]
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
    arms = (
        [job.effects.treatment]
        if single_arm(group[0])
        else [f"{job.effects.treatment} v {job.effects.control}"]
    )
    parts = [
        *arms,
        scale_words(group[0]),
        *([] if single_arm(group[0]) else [f"benefit: {benefit_words(group[0])}"]),
        f"data: {job.data.name}{f' ({rows})' if rows else ''}",
    ]
    fits = tuple(_fit_view(analysis, result, f"{anchor}-{i}") for i, result in enumerate(group, 1))
    return Section(anchor, job.label, "; ".join(parts), fits)


def _fit_view(analysis: Analysis, result: Result, anchor: str) -> FitView:
    """One fit."""
    job, effects = result.job, result.job.effects
    label = f"{scale_words(result)[:1].upper()}{scale_words(result)[1:]}"
    arms = _Arms(favours=effects.favours, treatment=effects.treatment, control=effects.control)
    forest_plot = forest(result.fit, **arms, frequentist=_shown(result), xlabel=label)
    mid = job.questions.mid if effects.favours else None
    shown = (risk_table(result), findings(result), comparison(result), priors(result))
    folded = (
        posteriors(result),
        studies(result),
        absolute_effects(result),
        baselines(result),
        engines(result),
    )
    name = location_name(provenance(result.fit))
    posterior_plot = posterior(result.fit, name, **arms, mid=mid, xlabel=label)
    return FitView(
        anchor=anchor,
        name=job.name,
        heading=job.variant_label,
        note=job.variant_note,
        answer=answer(result),
        forest=Markup(inline_svg(forest_plot, f"{anchor}: forest plot, {job.label} {job.variant_label}")),
        posterior=Markup(
            inline_svg(posterior_plot, f"{anchor}: posterior of {name}, {job.label} {job.variant_label}")
        ),
        decision=decision(result),
        tables=tuple(t for t in shown if t is not None),
        folded=tuple(t for t in folded if t is not None),
        engines=full_engines(result),
        notes=tuple(own_notes(analysis, result)),
        converged=bool(result.fit.attrs["converged"]),
    )


def answer(result: Result) -> str:
    """The result in one sentence, loud when it must not be used."""
    engine = SOURCES[result.fit.attrs["engine"]]
    if single_arm(result) and result.risks is not None:
        risks = [f"{name} {risk_text(row)}" for name, row in result.risks.iterrows()]
        text = f"{', '.join(risks)} ({engine})"
    else:
        text = f"{measure_of(result).name} {with_interval(measure_of(result), *result.estimate)} ({engine})"
    if not result.fit.attrs["converged"]:
        return f"NOT CONVERGED, do not use: {text}"
    if result.benefit is None:
        return f"{text[:1].upper()}{text[1:]}."
    chances = result.benefit.loc["mu"].astype(float).to_dict()
    parts = [f"benefit {probability(chances['p_benefit'])}"]
    if mid_words(result):
        parts.append(f"benefit beyond the MID ({mid_words(result)}) {probability(chances['p_mid'])}")
    parts.append(f"harm {probability(chances['p_harm'])}")
    return f"{text[:1].upper()}{text[1:]}. Probability of {', '.join(parts)}."


def _shown(result: Result) -> dict[str, FrequentistFit]:
    """The classical answer drawn beside the posterior: the one of the answer table."""
    label, fit = result.classical
    return {label: fit}
