"""What the effect means for patients: a summary of findings for two arms, the proportions of single arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesma.measures import MEASURES
from bayesma.posterior.marginals import error_of_share
from bayesma.posterior.predict import CONTROL, DIFFERENCE, TREATED
from bayesma.posterior.summary_of_findings import summary_of_findings
from bayesma.reporting.tables import Cell, Chance, Column, Table, table, words
from bayesma.reporting.words import event_of, measure_of
from bayesma.results import OneEffect
from bayesma.words.numbers import general, patients, with_interval
from bayesma.words.numbers import proportion_text as proportion

PER = 1000
ENDS = ["median", "ci_low", "ci_high"]


def findings(result: OneEffect) -> Table | None:
    """One row: relative effect, risks per 1,000, NNT and what the prior gave; None without risks."""
    favours = result.job.effects.favours
    if favours is None or not _compared(result):
        return None
    baseline = result.job.questions.baseline
    found = summary_of_findings(result.fit, outcome=result.job.label, favours=favours, baseline=baseline)
    shown = [name for name in found.columns if name != "prior"]
    heads = [
        words(head) if name == "nnt" else Column(head)
        for name, head in found.attrs["headings"].items()
        if name in shown
    ]
    cells = [str(cell) for cell in found[shown].iloc[0]]
    note = (
        f"{found.attrs['estimand'][:1].upper()}{found.attrs['estimand'][1:]}. Posterior medians. Baseline: "
        f"{found.attrs['baseline']}. NNTB, NNTH: patients treated for one to benefit, or to be harmed. "
        f"{found['prior'].iloc[0]}"
    )
    return table("Summary of findings", heads, [cells], note)


def _compared(result: OneEffect) -> bool:
    """Whether there are absolute risks of two arms."""
    return result.risks is not None and "estimand" in result.risks.index.names


def absolute_effects(result: OneEffect) -> Table | None:
    """Every estimand; None for single arms and without risks."""
    risks = result.risks
    if risks is None or "estimand" not in risks.index.names:
        return None
    rows = []
    for estimand in dict.fromkeys(risks.index.get_level_values("estimand")):
        part = risks.loc[estimand]
        rows.append(
            (
                f"{estimand}: {risks.attrs['estimands'][estimand]}",
                *(_per_thousand(part.loc[name, ENDS]) for name in (CONTROL, TREATED, DIFFERENCE)),
                _ratio(part.loc["risk ratio", ENDS]),
                risks.attrs["nnt"][estimand],
            )
        )
    heads = ("Estimand", "Control", "Treated", "Difference", "Risk ratio", words("Number needed to treat"))
    event = event_of(result)
    counted = f"{event[:1].upper()}{event[1:]}" if event else "Risks"
    note = (
        f"{counted} per {PER:,} patients, posterior medians with 95 % intervals; {risks.attrs['computed']}. "
        f"Baseline: {risks.attrs['baseline']}."
    )
    note += "".join(f" No {name}: {why}." for name, why in risks.attrs["refused"].items())
    return table("Absolute effects", heads, rows, note)


def proportion_table(result: OneEffect) -> Table | None:
    """Proportions of single arms and the probabilities that they exceed the rates asked for."""
    risks = result.risks
    if risks is None or "estimand" in risks.index.names:
        return None
    asked = [str(name) for name in risks.columns if str(name).startswith("P(")]
    rows: list[tuple[Cell, ...]] = [
        (
            str(name),
            proportion_text(risks.loc[name]),
            *(rate_chance(risks.loc[name], column) for column in asked),
        )
        for name in risks.index
    ]
    heads: list[Column | str] = [
        measure_of(result).display_label,
        Column("Posterior median", "95 % interval"),
        *(rate_head(column) for column in asked),
    ]
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in risks.attrs["quantities"].items())
    note = f"{meanings}. Computed by {risks.attrs['computed']}."
    return table("Proportions", heads, rows, f"{note[:1].upper()}{note[1:]}")


def rate_chance(row: pd.Series[float], column: str) -> Chance:
    """Probability that a proportion exceeds a rate, with its Monte Carlo error."""
    share = float(row[column])
    return Chance(share, error_of_share(share, float(row["sd"]), float(row["mcse_mean"])))


def rate_head(column: str) -> str:
    """``P(> 5 %)`` for a column ``P(> 0.05)``."""
    rate = float(column.removeprefix("P(> ").removesuffix(")"))
    return f"P(> {general(100.0 * rate, 3)} %)"


def proportion_text(row: Mapping[str, float] | pd.Series[float]) -> str:
    """Median and interval of a proportion, never 0 or 1 by rounding."""
    return proportion([float(row[name]) for name in ENDS])


def _ratio(row: Any) -> str:
    """A ratio with its interval; it comes untransformed."""
    return with_interval(MEASURES["RR"], *(float(np.log(row[name])) for name in ENDS))


def _per_thousand(row: Any) -> str:
    """Patients in a thousand."""
    return patients([PER * float(row[name]) for name in ENDS])
