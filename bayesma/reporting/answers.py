"""The answer first: one table over all results, and what its columns mean in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bayesma.analysis import Analysis
from bayesma.reporting.absolute import rate_head, risk_text
from bayesma.reporting.alarms import places
from bayesma.reporting.numbers import MISSING, probability, with_interval
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, Words, table
from bayesma.reporting.words import better_words, measure_of, mid_limit, scale_words, single_arm
from bayesma.results import OneEffect, OverMonths, Result

UNCONVERGED = "NOT CONVERGED"
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


RISK_MEANINGS = (
    ("Median risk", "half of all settings have a higher risk; where all studies share one risk, that risk"),
    ("Mean risk", "the risk averaged over settings: what a patient of a setting taken at random faces"),
    (
        "New study",
        "the risk in one further study, whose setting may differ as much as those of the studies here",
    ),
    ("P(> x)", "the posterior probability that the median risk exceeds x; for the other risks see below"),
    (
        "Frequentist",
        "the classical estimate of the median risk from the same counts, with confidence interval",
    ),
)


def meanings(analysis: Analysis) -> tuple[tuple[str, str], ...]:
    """What the columns of the answer table mean."""
    return RISK_MEANINGS if of_risks(analysis) else MEANINGS


def of_risks(analysis: Analysis) -> bool:
    """Whether every result is of single arms at one time."""
    return len(_of_single_arms(analysis)) == len(analysis.results)


def _of_single_arms(analysis: Analysis) -> list[OneEffect]:
    """Results that are risks."""
    return [r for r in analysis.results if isinstance(r, OneEffect) and single_arm(r)]


def answers(analysis: Analysis) -> Table:
    """Every fit in one line, variants of one analysis together, the first of them the primary one.

    An effect over months has a line for every visit.
    """
    if of_risks(analysis):
        return _risk_answers(analysis)
    shown: set[str] = set()
    rows: list[Row] = []
    for result in analysis.results:
        rows += _rows(result, first=result.job.analysis not in shown)
        shown.add(result.job.analysis)
    return table("The answer", COLUMNS, rows, f"Frequentist: {_classical(analysis)}.")


def _risk_answers(analysis: Analysis) -> Table:
    """The same for single arms: risks by name, and the probabilities that they exceed the rates asked for."""
    results = _of_single_arms(analysis)
    tables = [result.risks for result in results if result.risks is not None]
    asked = list(dict.fromkeys(str(n) for risks in tables for n in risks.columns if str(n).startswith("P(")))
    columns = [
        Column("Outcome", kind="text"),
        Column("k", "studies"),
        Column("Median risk", "95 % interval"),
        *(Column(rate_head(name), "median risk") for name in asked),
        Column("Mean risk", "95 % interval"),
        Column("New study", "95 % interval"),
        Column("Frequentist", "95 % interval"),
    ]
    shown: set[str] = set()
    rows = []
    for result in results:
        rows.append(_risk_row(result, asked, first=result.job.analysis not in shown))
        shown.add(result.job.analysis)
    return table("The answer", columns, rows, f"Frequentist: {_classical(analysis)}.")


def _risk_row(result: OneEffect, asked: Sequence[str], *, first: bool) -> Row:
    """One line of risks."""
    risks = result.risks
    assert risks is not None, "single arms have risks"
    middle = "risk" if "risk" in risks.index else "median risk"

    texts = {str(name): risk_text(row) for name, row in risks.iterrows()}
    chances = [float(risks[name].iloc[0]) if name in risks else math.nan for name in asked]
    _, classical = result.classical
    numbers: list[Cell] = [
        texts[middle],
        *map(Chance, chances),
        texts.get("mean risk", MISSING),
        texts.get("risk in a new study", MISSING),
    ]
    job = result.job
    name = Words(job.label if first else job.variant_label, job.effects.treatment if first else "")
    cells = (
        name,
        str(result.k),
        *(numbers if result.converged else [UNCONVERGED, *numbers[1:]]),
        with_interval(measure_of(result), classical.estimate, classical.ci_low, classical.ci_high),
    )
    return Row(cells, _kind(result, first=first), _short(result, first=first))


def _classical(analysis: Analysis) -> str:
    """Which classical answer is shown; where they differ, beside which results."""
    shown: dict[str, list[Result]] = {}
    for result in analysis.results:
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
    chances: list[Cell] = [Chance(line[name]) for name in ("p_benefit", "p_mid", "p_harm", "p_benefit_new")]
    cells = (
        name,
        str(line["k"]),
        with_interval(measure, line["estimate"], line["ci_low"], line["ci_high"]),
        *(chances if result.converged else [UNCONVERGED, *chances[1:]]),
        with_interval(measure, *(line[f"frequentist_{name}"] for name in ("estimate", "ci_low", "ci_high"))),
        probability(line["frequentist_p_value"]),
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
