"""The answer first: one table over all results, and what its columns mean in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bayesma.analysis import Analysis
from bayesma.posterior.benefit import columns_of
from bayesma.posterior.single_arm import COMMON, MEAN, MEDIAN, NEW
from bayesma.reporting import over_follow_up
from bayesma.reporting.absolute import proportion_text, rate_chance, rate_head
from bayesma.reporting.alarms import places
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, Words, table
from bayesma.reporting.words import (
    better_words,
    event_of,
    measure_of,
    mid_limit,
    one_arm,
    scale_words,
    single_arm,
)
from bayesma.results import AT_PLAUSIBLE, OneEffect, OverFollowUp, OverMonths, Result
from bayesma.words.numbers import MISSING, probability_text, with_interval

EFFECTS, CHANGES, PROPORTIONS, RELAPSES = "effects", "single arms", "proportions", "relapses"
UNCONVERGED = "NOT CONVERGED"
IMPOSSIBLE = "SE IMPOSSIBLE"
COLUMNS = (
    Column("Outcome", kind="text"),
    Column("k", "studies"),
    Column("Estimate", "95 % interval"),
    Column("P(benefit)"),
    Column("P(beyond MID)"),
    Column("P(harm)"),
    Column("Next study", "P(benefit)"),
    Column("Frequentist", "95 % interval"),
    Column("p"),
)
CHANGE_COLUMNS = (
    *COLUMNS[:3],
    Column("P(improved)"),
    Column("P(beyond MID)"),
    Column("P(worse)"),
    Column("Next study", "P(improved)"),
    *COLUMNS[7:],
)
MEANINGS = (
    (
        "Estimate",
        "the effect, as the mean of the posterior, with the interval that holds it with 95 % probability, "
        "given the data, the model and the priors",
    ),
    ("P(benefit)", "the probability that the effect is on the good side of no effect at all"),
    (
        "P(beyond MID)",
        "the probability that it is better than no effect by at least the minimal important difference "
        "(MID), the smallest effect that matters to patients",
    ),
    ("P(harm)", "the probability that the effect is on the bad side of no effect"),
    (
        "Next study",
        "the probability of benefit for the true effect in one further study, whose setting may differ as "
        "much as those of the studies here; not defined under a common effect",
    ),
    (
        "Frequentist",
        "the classical estimate from the same data, with confidence interval and two-sided p; p is the "
        "probability of data at least as extreme if there were no effect, not a probability of no benefit",
    ),
)


CHANGE_MEANINGS = (
    (
        "Estimate",
        "the change of patients who were compared with nobody, as the mean of the posterior, with the "
        "interval that holds it with 95 % probability; how they fared, not what the treatment did",
    ),
    ("P(improved)", "the probability that patients improved at all; no control says they would not have"),
    (
        "P(beyond MID)",
        "the probability that they improved by at least the minimal important difference (MID), the smallest "
        "change that matters to patients",
    ),
    ("P(worse)", "the probability that they got worse"),
    (
        "Next study",
        "the probability that patients improve in one further study, whose setting may differ as much as "
        "those of the studies here; not defined under a common mean",
    ),
    (
        "Frequentist",
        "the classical estimate from the same data, with confidence interval and two-sided p; p is the "
        "probability of data at least as extreme if nothing had changed",
    ),
)
PROPORTION_MEANINGS = (
    (
        "Median proportion",
        "half of all settings have a higher proportion; where all studies share one, that proportion",
    ),
    ("Mean proportion", "the proportion averaged over settings: among patients of settings taken at random"),
    (
        "New study",
        "the proportion in one further study, whose setting may differ as much as those of the studies here",
    ),
    ("P(> x)", "the posterior probability that the median proportion exceeds x; for others see below"),
    (
        "Frequentist",
        "the classical estimate of the median proportion from the same counts, with confidence interval",
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Results of one kind in one table.

    Attributes
    ----------
    kind
        Effects, single arms, proportions or relapses.
    table
        A line a fit, and for an effect over months a line a visit.
    meanings
        What its columns mean.
    words
        What a table has no room for, in sentences: of relapses the primary answer.
    """

    kind: str
    table: Table
    meanings: tuple[tuple[str, str], ...]
    words: tuple[str, ...] = ()


def kinds(analysis: Analysis) -> dict[str, list[Result]]:
    """Results by kind, in the order of the spec."""
    found: dict[str, list[Result]] = {}
    for result in analysis.results:
        found.setdefault(_kind_of(result), []).append(result)
    return found


def _kind_of(result: Result) -> str:
    """Effects, changes without a control, proportions, relapses."""
    if isinstance(result, OverFollowUp):
        return RELAPSES
    if isinstance(result, OneEffect) and single_arm(result):
        return PROPORTIONS
    return CHANGES if one_arm(result) else EFFECTS


def answers(analysis: Analysis) -> list[Answer]:
    """Every fit in one line, variants of one analysis together, the first of them the primary one.

    An effect over months has a line for every visit. Effects, single arms, proportions and relapses have
    tables of their own.
    """
    made = {
        EFFECTS: _effect_answers,
        CHANGES: _change_answers,
        PROPORTIONS: _proportion_answers,
        RELAPSES: _relapse_answers,
    }
    told = {EFFECTS: MEANINGS, CHANGES: CHANGE_MEANINGS, PROPORTIONS: PROPORTION_MEANINGS}
    told |= {RELAPSES: over_follow_up.MEANINGS}
    groups = kinds(analysis)
    found = []
    for kind, results in groups.items():
        title = "The answer" if len(groups) == 1 else f"The answer: {kind}"
        note = f"Frequentist: {_classical(analysis, results)}."
        relapses = _relapses(results)
        apart = over_follow_up.ranges(relapses)
        own = [over_follow_up.answer(result) for result in relapses[:1]]
        sound = all(result.converged for result in relapses[:1])  # else that it is not comes before all
        words = tuple(text for text in ((apart, *own) if sound else (*own, apart)) if text)
        shown = table(title, *made[kind](results), f"{apart} {note}".lstrip())
        found.append(Answer(kind, shown, told[kind], words))
    return found


def _firsts(results: Sequence[Result]) -> list[bool]:
    """Whether each is the first of its analysis."""
    names = [result.job.analysis for result in results]
    return [name not in names[:i] for i, name in enumerate(names)]


def _effect_answers(results: Sequence[Result]) -> tuple[Sequence[Column], list[Row]]:
    """Effects, at one time or over months."""
    rows: list[Row] = []
    for result, first in zip(results, _firsts(results), strict=True):
        rows += _rows(result, first=first)
    return COLUMNS, rows


def _change_answers(results: Sequence[Result]) -> tuple[Sequence[Column], list[Row]]:
    """Changes without a control: the same numbers by their own names."""
    return CHANGE_COLUMNS, _effect_answers(results)[1]


def _proportion_answers(given: Sequence[Result]) -> tuple[Sequence[Column], list[Row]]:
    """Single arms: proportions by name, and the probabilities that they exceed the rates asked for."""
    results = [result for result in given if isinstance(result, OneEffect)]
    tables = [result.risks for result in results if result.risks is not None]
    asked = list(dict.fromkeys(str(n) for risks in tables for n in risks.columns if str(n).startswith("P(")))
    columns = [
        Column("Outcome", kind="text"),
        Column("k", "studies"),
        Column("Median proportion", "95 % interval"),
        *(Column(rate_head(name), "median proportion") for name in asked),
        Column("Mean proportion", "95 % interval"),
        Column("New study", "95 % interval"),
        Column("Frequentist", "95 % interval"),
    ]
    firsts = _firsts(results)
    return columns, [_proportion_row(r, asked, first=first) for r, first in zip(results, firsts, strict=True)]


def _proportion_row(result: OneEffect, asked: Sequence[str], *, first: bool) -> Row:
    """One line of proportions."""
    risks = result.risks
    assert risks is not None, "single arms have proportions"
    middle = COMMON if COMMON in risks.index else MEDIAN

    texts = {str(name): proportion_text(row) for name, row in risks.iterrows()}
    chances = [rate_chance(risks.iloc[0], name) if name in risks else Chance(math.nan) for name in asked]
    _, classical = result.classical
    numbers: list[Cell] = [
        texts[middle],
        *chances,
        texts.get(MEAN, MISSING),
        texts.get(NEW, MISSING),
    ]
    job = result.job
    detail = "; ".join(text for text in (event_of(result), job.effects.treatment) if text)
    name = Words(job.label if first else job.variant_label, detail if first else "")
    cells = (
        name,
        result.size,
        *(numbers if result.converged else [UNCONVERGED, *numbers[1:]]),
        with_interval(measure_of(result), classical.estimate, classical.ci_low, classical.ci_high),
    )
    return Row(cells, _kind(result, first=first), _short(result, first=first))


def _relapse_answers(given: Sequence[Result]) -> tuple[Sequence[Column], list[Row]]:
    """Relapses: who is free of them, whether they come faster, and what repeating would gain."""
    results = _relapses(given)
    return over_follow_up.COLUMNS, [
        _relapse_row(r, first=first) for r, first in zip(results, _firsts(results), strict=True)
    ]


def _relapses(given: Sequence[Result]) -> list[OverFollowUp]:
    """Those results."""
    return [result for result in given if isinstance(result, OverFollowUp)]


def _relapse_row(result: OverFollowUp, *, first: bool) -> Row:
    """One line of relapses."""
    job = result.job
    name = Words(job.label if first else job.variant_label, job.effects.treatment if first else "")
    found = (name, *over_follow_up.cells(result, UNCONVERGED))
    return Row(found, _kind(result, first=first), _short(result, first=first))


def _classical(analysis: Analysis, of: Sequence[Result]) -> str:
    """Which classical answer is shown; where they differ, beside which results."""
    shown: dict[str, list[Result]] = {}
    for result in of:
        shown.setdefault(result.classical_label, []).append(result)
    most = max(len(results) for results in shown.values())
    return "; ".join(
        method if len(shown) == 1 or (len(results) == most > 1) else f"{method} ({places(analysis, results)})"
        for method, results in shown.items()
    )


def _rows(result: Result, *, first: bool) -> list[Row]:
    """The line of a result, or one for each of its visits."""
    lines = result.rows()
    if not isinstance(result, OverMonths):
        name = _name(result, first=first)
        return [
            _row(result, line, name, _kind(result, first=first), _short(result, first=first))
            for line in lines
        ]
    rows = []
    for i, line in enumerate(lines):
        month = f"month {line['month']:g}"
        if i == 0:
            whole = _name(result, first=first)
            name = Words(f"{whole.text}, {month}" if whole.text else month, whole.detail)
            short = f"{_short(result, first=first)}, {month}"
        else:
            name, short = Words(month, ""), f"    {month}"
        rows.append(_row(result, line, name, _kind(result, first=first, further=i > 0), short))
    return rows


def _row(result: Result, line: dict[str, Any], name: Words, kind: str, short: str) -> Row:
    """One line: estimate, probabilities, and the classical answer."""
    measure = measure_of(result)
    better, beyond, worse = columns_of(measure)
    names = (better, beyond, worse, f"{better}_new")
    chances: list[Cell] = [Chance(line[name], result.chance_error(name, line.get("month"))) for name in names]
    if result.impossible is not None:
        plausible = probability_text(line[f"{better}{AT_PLAUSIBLE}"])
        chances = [Words(IMPOSSIBLE, f"{plausible} {result.impossible.condition}")]
        chances += [MISSING] * (len(names) - 1)
    cells = (
        name,
        result.size if line["k"] == result.k else str(line["k"]),
        with_interval(measure, line["estimate"], line["ci_low"], line["ci_high"]),
        *(chances if result.converged else [UNCONVERGED, *chances[1:]]),
        with_interval(measure, *(line[f"frequentist_{name}"] for name in ("estimate", "ci_low", "ci_high"))),
        probability_text(line["frequentist_p_value"]),
    )
    return Row(cells, kind, short)


def _kind(result: Result, *, first: bool, further: bool = False) -> str:
    """How a line is set: the first variant of an outcome, a further one, a further month, an alarm."""
    if not result.converged:
        return "alarm"
    return "variant" if not first else "month" if further else "primary"


def _short(result: Result, *, first: bool) -> str:
    """What names a line where there is little room."""
    return result.job.label if first else f"  {result.job.variant}"


def _name(result: Result, *, first: bool) -> Words:
    """First column: the outcome with measure, direction and MID, or the name of a further variant."""
    job = result.job
    if not first:
        return Words(job.variant_label, "")
    mid = mid_limit(result)
    parts = [scale_words(result), better_words(result), *([f"MID\u00a0{mid}"] if mid else [])]
    return Words(job.label, "; ".join(parts))
