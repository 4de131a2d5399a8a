"""The tables of relapses over follow-up: intensity, freedom from relapse, decision, intervals as counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayesma.evidence.intervals import interval_label
from bayesma.measures import MEASURES
from bayesma.posterior.marginals import error_of_share
from bayesma.posterior.relapse_course import TYPICAL
from bayesma.reporting.absolute import proportion_text
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, Words, table, words
from bayesma.results import OverFollowUp
from bayesma.words.numbers import Interval, estimate_texts, fixed, general, share, with_interval

PER = 100.0  # patients an intensity is printed for
NEUTRAL = "neutral"
SAME = 1e-9  # chances that differ by less are one
WEIGHED = (
    "only months free of relapse are counted: harms and costs of a second transplantation are not weighed"
)


def middle(result: OverFollowUp) -> tuple[pd.Series, str]:
    """The gain to the last horizon in a typical study under the middle belief, and its threshold's column."""
    gains, known = result.gains(), result.beliefs
    belief = NEUTRAL if NEUTRAL in known else known[(len(known) - 1) // 2]
    return gains.xs(belief, level="restoration").iloc[-1], str(gains.columns[-1])


def change(result: OverFollowUp) -> Table | None:
    """The intensity by period and its change."""
    if result.hazard is None:
        return None
    early, late = result.hazard.attrs["windows"]
    heads = {
        "ratio": f"{late} v {early}, times as high",
        "difference": f"{late} less {early}, relapses in {PER:g} a month",
    }
    rows: list[tuple[Cell, ...]] = [
        (
            heads.get(str(name), f"{name}, relapses in {PER:g} a month"),
            times(row) if name == "ratio" else spread(row * PER),
        )
        for name, row in result.hazard.iterrows()
    ]
    crude = result.crude
    rate = [general(PER * value, 2) for value in (crude.rate, crude.ci_low, crude.ci_high)]
    note = (
        f"In a typical study. {_unknown(result)} Without a model: {crude.relapses} relapses in "
        f"{crude.months:.0f} patient-months, {rate[0]} [{rate[1]}, {rate[2]}] in {PER:g} a month (exact "
        "Poisson interval)."
    )
    return table("Intensity of relapse", ("Months", Column("Median", "95 % interval")), rows, note)


def _unknown(result: OverFollowUp) -> str:
    """What these patients cannot tell, and how much of the answer is the prior's."""
    assert result.hazard is not None, "asked where there is a change"
    before, known = result.hazard.attrs["before"], result.prior_share.to_dict()
    ends = [f"{general(one['ci_low'], 2)} to {general(one['ci_high'], 2)}" for one in (result.ratio, before)]
    shares = [f"{name} {share(known[name])}" for name in result.mean_names]
    if "s" in known:
        shares.append(f"s, on which a new study rests, {share(known['s'])}")
    return (
        f"What {result.patients} patients with {result.crude.relapses} relapses cannot tell: by how much "
        f"relapse accelerates, if it does (95 %: {ends[0]} times; before the data {ends[1]} times, with "
        f"P(rises) {before['p_rises']:.2f}). Share of the prior in the posterior: {', '.join(shares)}."
    )


def course(result: OverFollowUp) -> Table:
    """Freedom from relapse by month, in every estimand."""
    frame = result.course
    estimands = [str(name) for name in frame.index.unique("estimand")]
    rows = []
    for quantity in frame.loc[estimands[0]].index:
        text = spread if str(quantity).startswith("relapse-free months") else proportion_text
        rows.append((str(quantity), *(text(result.of(str(quantity), one)) for one in estimands)))
    meanings = "; ".join(f"{name}: {text}" for name, text in frame.attrs["estimands"].items())
    named = [Column(name[:1].upper() + name[1:], "median, 95 % interval") for name in estimands]
    heads: list[Column | str] = ["", *named]
    return table("Free of relapse", heads, rows, _sentences(result, [meanings, *frame.attrs["notes"]]))


def decision(result: OverFollowUp) -> Table:
    """What repeating gains: every belief and horizon, in a typical and in a new study."""
    frame, laws = result.decision, result.decision.attrs["restoration"]
    exceeds = [str(name) for name in frame.columns if str(name).startswith("P(gain")]
    rows = []
    lines = zip(frame.index.tolist(), frame.to_dict("records"), strict=True)
    for (estimand, belief, _, to), line in lines:
        row = {str(name): float(value) for name, value in line.items()}
        named = belief if belief == laws[belief] or "=" in belief else f"{belief}, {laws[belief]}"
        cells: tuple[Cell, ...] = (
            Words(named, f"{estimand}, to month {to:g}"),
            fixed(row["once"], 1),
            fixed(row["repeated"], 1),
            spread(row, point="gain"),
            *(gain_chance(row, column) for column in ("p_gain", *exceeds)),
        )
        rows.append(Row(cells, "" if estimand == TYPICAL else "variant"))
    heads = (
        words("Belief"),
        Column("Once", "months"),
        Column("Twice", "months"),
        Column("Gain", "mean, 95 % interval"),
        Column("P(gain > 0)"),
        *(Column(column) for column in exceeds),
    )
    month = float(frame.index.get_level_values("month")[0])
    said = [f"a second transplantation at month {month:g}", *_chance(result), *_worth(result)]
    note = _sentences(result, [*said, *frame.attrs["notes"], WEIGHED])
    return table("Would repeating help?", heads, rows, note)


def _chance(result: OverFollowUp) -> list[str]:
    """Say so where the chance of any gain does not depend on the belief."""
    if result.hazard is None or np.ptp(result.decision["p_gain"]) > SAME:
        return []
    return [
        "under every belief the chance of any gain is the chance of a rise: repeating gains where the "
        "intensity rises and costs where it falls, and the belief only says how much"
    ]


def _worth(result: OverFollowUp) -> list[str]:
    """What knowing intensities and restoration would be worth."""
    best = result.decision.attrs["best"].loc[TYPICAL]
    last = best.index.get_level_values("to").max()
    parts = [f"{general(float(v), 2)} ({name})" for name, v in best.xs(last, level="to")["evpi"].items()]
    return [
        "to know intensity and restoration before choosing would be worth, in months free of relapse to "
        f"month {last:g}: {', '.join(parts)}"
    ]


def studies(result: OverFollowUp) -> Table:
    """The intervals as they were counted."""
    frame = result.evidence.to_frame()
    known = [name for name in ("deaths", "censored") if name in frame]
    rows = []
    for line in frame.to_dict("records"):
        who = f"{line['study']}: {line['centre']}" if "centre" in frame else str(line["study"])
        months = interval_label(line["start"], line["stop"])
        rows.append((who, months, *(str(line[n]) for n in ("at_risk", "relapses", *known))))
    further = (name[:1].upper() + name[1:] for name in known)
    heads: list[Column | str] = [words("Study"), "Months", "At risk", "Relapses", *further]
    return table("Studies", heads, rows, "When in its interval a relapse happened is left open.")


def gain_chance(row: Mapping[str, float] | pd.Series[float], column: str) -> Chance:
    """A probability of a gain, with its Monte Carlo error."""
    share = float(row[column])
    return Chance(share, error_of_share(share, float(row["sd"]), float(row["mcse_gain"])))


def spread(row: Mapping[str, float] | pd.Series[float], point: str = "median") -> str:
    """A number with its 95 % interval, by as many digits as the interval deserves."""
    return estimate_texts([Interval(*(float(row[name]) for name in (point, "ci_low", "ci_high")))], None)[0]


def times(row: Mapping[str, float] | pd.Series[float]) -> str:
    """A ratio with its 95 % interval."""
    logs = (math.log(float(row[name])) for name in ("median", "ci_low", "ci_high"))
    return with_interval(MEASURES["RR"], *logs)


def _sentences(result: OverFollowUp, texts: Sequence[str]) -> str:
    """Each with a capital and a full stop; what stands beside the whole result is left out."""
    said = [text for text in texts if text not in result.evidence.notes]
    return " ".join(f"{text[:1].upper()}{text[1:].rstrip('.')}." for text in said)
