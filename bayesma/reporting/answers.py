"""The answer first: one table over all results, and what its columns mean in plain words."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

from bayesma.analysis import Analysis, Result
from bayesma.reporting.absolute import rate_head, risk_text
from bayesma.reporting.alarms import places
from bayesma.reporting.numbers import MISSING, probability, with_interval
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, Words, table
from bayesma.reporting.words import better_words, measure_of, mid_limit, scale_words, single_arm

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
    """Whether every result is of single arms."""
    return all(single_arm(result) for result in analysis.results)


def answers(analysis: Analysis) -> Table:
    """Every fit in one line, variants of one analysis together, the first of them the primary one."""
    if of_risks(analysis):
        return _risk_answers(analysis)
    shown: set[str] = set()
    rows = []
    for result, (_, line) in zip(analysis.results, analysis.table().iterrows(), strict=True):
        rows.append(_row(result, line.to_dict(), first=result.job.analysis not in shown))
        shown.add(result.job.analysis)
    return table("The answer", COLUMNS, rows, f"Frequentist: {_classical(analysis)}.")


def _risk_answers(analysis: Analysis) -> Table:
    """The same for single arms: risks by name, and the probabilities that they exceed the rates asked for."""
    asked = list(
        dict.fromkeys(
            str(name)
            for result in analysis.results
            if result.risks is not None
            for name in result.risks.columns
            if str(name).startswith("P(")
        )
    )
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
    for result in analysis.results:
        rows.append(_risk_row(result, asked, first=result.job.analysis not in shown))
        shown.add(result.job.analysis)
    return table("The answer", columns, rows, f"Frequentist: {_classical(analysis)}.")


def _risk_row(result: Result, asked: Sequence[str], *, first: bool) -> Row:
    """One line of risks."""
    risks, converged = result.risks, bool(result.fit.attrs["converged"])
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
    return Row(
        (
            name,
            str(result.k),
            *(numbers if converged else [UNCONVERGED, *numbers[1:]]),
            with_interval(measure_of(result), classical.estimate, classical.ci_low, classical.ci_high),
        ),
        "alarm" if not converged else "primary" if first else "variant",
    )


def _classical(analysis: Analysis) -> str:
    """Which classical answer is shown; where they differ, beside which results."""
    shown: dict[str, list[Result]] = {}
    for result in analysis.results:
        shown.setdefault(result.classical[0], []).append(result)
    most = max(len(results) for results in shown.values())
    return "; ".join(
        method if len(shown) == 1 or (len(results) == most > 1) else f"{method} ({places(analysis, results)})"
        for method, results in shown.items()
    )


def _row(result: Result, line: dict[Hashable, Any], *, first: bool) -> Row:
    """One line: the outcome with measure, direction and MID, or the name of a further variant."""
    measure, p = measure_of(result), line["frequentist_p_value"]
    chances: list[Cell] = [Chance(line[name]) for name in ("p_benefit", "p_mid", "p_harm", "p_benefit_new")]
    converged = bool(line["converged"])
    return Row(
        (
            _name(result, first=first),
            str(result.k),
            with_interval(measure, line["estimate"], line["ci_low"], line["ci_high"]),
            *(chances if converged else [UNCONVERGED, *chances[1:]]),
            with_interval(
                measure, *(line[f"frequentist_{name}"] for name in ("estimate", "ci_low", "ci_high"))
            ),
            probability(p),
        ),
        "alarm" if not converged else "primary" if first else "variant",
    )


def _name(result: Result, *, first: bool) -> Words:
    """First column."""
    job = result.job
    if not first:
        return Words(job.variant_label, "")
    mid = mid_limit(result)
    parts = [scale_words(result), better_words(result), *([f"MID\u00a0{mid}"] if mid else [])]
    return Words(job.label, "; ".join(parts))
