"""The report of relapses over follow-up: who is free of them, do they come faster, and would repeating help?"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bayesma import plots
from bayesma.evidence.intervals import interval_label
from bayesma.posterior.relapse_course import NEW_STUDY, TYPICAL
from bayesma.reporting.absolute import risk_text
from bayesma.reporting.content import Content, Drawing, sentence
from bayesma.reporting.details import engines, posteriors, priors
from bayesma.reporting.numbers import MISSING, general, probability
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, Words, table, words
from bayesma.results import EARLY, LATE, OverFollowUp

DRAWN = 3  # beliefs that a figure has room for
NEUTRAL = "neutral"
COLUMNS = (
    Column("Outcome", kind="text"),
    Column("k", "studies"),
    Column("Relapses", "in patient-months"),
    Column("Relapse-free", "typical study"),
    Column("Relapse-free", "new study"),
    Column("P(rises)"),
    Column("Late v early", "times as high"),
    Column("Gain", "months"),
    Column("P(gain > x)"),
)
MEANINGS = (
    (
        "Relapse-free",
        "the probability to be alive and free of relapse at the month named in the methods, in a study in the "
        "middle of all and in one further study: posterior medians with the interval that holds them with 95 % "
        "probability",
    ),
    (
        "P(rises)",
        "the probability that the monthly intensity of relapse is higher in the late window than in the early "
        "one",
    ),
    (
        "Late v early",
        "how many times as high the late intensity is: posterior median with 95 % interval",
    ),
    (
        "Gain",
        "months free of relapse that a second transplantation adds on average up to the last horizon, in a "
        "typical study, where nothing is known of how far it sets back the clock of relapse (the neutral "
        "belief); the other beliefs stand below",
    ),
    (
        "P(gain > x)",
        "the probability that the gain exceeds the stated number of months, under the same belief",
    ),
)


def cells(result: OverFollowUp, stopped: str) -> tuple[Cell, ...]:
    """A line of the answer, its name left out; `stopped` stands where a number must not be used."""
    free = [free_text(result, estimand) for estimand in (TYPICAL, NEW_STUDY)]
    rises: tuple[Cell, Cell] = (MISSING, MISSING)
    if result.hazard is not None:
        rises = (Chance(float(result.hazard.attrs["p_rises"])), _spread(result.hazard.loc["ratio"]))
    gain, exceeds = middle(result)
    return (
        str(result.k),
        f"{result.crude.relapses} in {result.crude.months:.0f}",
        *(free if result.converged else [stopped, free[1]]),
        *rises,
        _spread(gain, point="gain"),
        Chance(float(gain[exceeds])),
    )


def free_text(result: OverFollowUp, estimand: str) -> str:
    """Probability to be free of relapse at the end of the late window."""
    known = estimand if estimand in result.course.index.unique("estimand") else TYPICAL
    return risk_text(result.course.loc[(known, f"relapse-free at month {result.month:g}")])


def middle(result: OverFollowUp) -> tuple[pd.Series, str]:
    """The gain to the last horizon in a typical study under the middle belief, and its threshold's column."""
    gains = result.gains()
    known = result.beliefs
    belief = NEUTRAL if NEUTRAL in known else known[(len(known) - 1) // 2]
    return gains.xs(belief, level="restoration").iloc[-1], str(gains.columns[-1])


def content(result: OverFollowUp) -> Content:
    """Everything shown of one fit."""
    title = f"{result.job.label} {result.job.variant_label}"
    return Content(
        answer=answer(result),
        main=Drawing(plots.relapse(result.fit), f"freedom from relapse, {title}"),
        pairs=((_rise(result, title), change(result)), (_repeating(result, title), None)),
        tables=(decision(result), course(result), priors(result)),
        folded=(studies(result), posteriors(result), engines(result)),
    )


def _rise(result: OverFollowUp, title: str) -> Drawing | None:
    """The figure of intensities, where they may change."""
    if result.hazard is None:
        return None
    asked = result.job.questions
    early, late = ((a, b) for a, b in (asked.early or EARLY, asked.late or LATE))
    return Drawing(plots.hazard(result.fit, early=early, late=late), f"intensity of relapse, {title}")


def _repeating(result: OverFollowUp, title: str) -> Drawing:
    """The figure of what repeating gains, to the last horizon."""
    to = float(result.gains().index.get_level_values("to").max())
    given = result.job.questions.restoration
    beliefs = None if given is None else dict(list(zip(result.beliefs, given, strict=True))[:DRAWN])
    figure = plots.retreatment(result.fit, to=to, restoration=beliefs)
    return Drawing(figure, f"months gained by repeating, {title}")


def answer(result: OverFollowUp) -> str:
    """The result in one sentence, and what repeating would gain under every belief."""
    text = (
        f"relapse-free at month {result.month:g}: {free_text(result, TYPICAL)} in a typical study, "
        f"{free_text(result, NEW_STUDY)} in a new one"
    )
    chances = ""
    if result.hazard is not None:
        early, late = result.hazard.attrs["windows"]
        ratio = _spread(result.hazard.loc["ratio"])
        text += f"; the intensity of relapse in {late} is {ratio} times that in {early}"
        chances = f"a rise {probability(float(result.hazard.attrs['p_rises']))}"
    return f"{sentence(result, text, chances)} {_gain_words(result)}"


def _gain_words(result: OverFollowUp) -> str:
    """What repeating gains, by belief."""
    gains = result.gains()
    last, exceeds = gains.index.get_level_values("to").max(), str(gains.columns[-1])
    shown = gains.xs(last, level="to")
    parts = [
        f"{general(float(row['gain']), 2)} ({belief}; {exceeds}) {probability(float(row[exceeds]))})".replace(
            "))", ")", 1
        )
        for (_, belief, _), row in zip(shown.index.tolist(), shown.to_dict("records"), strict=True)
    ]
    month = shown.index.get_level_values("month")[0]
    return (
        f"Months free of relapse to month {last:g} gained by a second transplantation at month {month:g}, on "
        f"average: {', '.join(parts)}."
    )


def change(result: OverFollowUp) -> Table | None:
    """The intensity by period and its change."""
    if result.hazard is None:
        return None
    early, late = result.hazard.attrs["windows"]
    rows: list[tuple[Cell, ...]] = []
    for name, row in result.hazard.iterrows():
        if name == "ratio":
            rows.append((f"{late} v {early}, times as high", _spread(row)))
        elif name == "difference":
            rows.append((f"{late} less {early}, relapses in 100 a month", _spread(row * 100.0)))
        else:
            rows.append((f"{name}, relapses in 100 a month", _spread(row * 100.0)))
    low, high = (general(float(result.hazard.loc["ratio", end]), 2) for end in ("ci_low", "ci_high"))
    crude = result.crude
    rate = [general(100.0 * value, 2) for value in (crude.rate, crude.ci_low, crude.ci_high)]
    note = (
        f"In a typical study. P(rises) {probability(float(result.hazard.attrs['p_rises']))}. What "
        f"{crude.relapses} relapses cannot tell: the change may be anything from {low} to {high} times. Without "
        f"a model: {crude.relapses} relapses in {crude.months:.0f} patient-months, {rate[0]} [{rate[1]}, "
        f"{rate[2]}] in 100 a month (exact Poisson interval)."
    )
    return table("Intensity of relapse", ("Months", Column("Median", "95 % interval")), rows, note)


def course(result: OverFollowUp) -> Table:
    """Freedom from relapse by month, in every estimand."""
    frame = result.course
    estimands = list(frame.index.unique("estimand"))
    rows = []
    for quantity in frame.loc[estimands[0]].index:
        months = str(quantity).startswith("relapse-free months")
        texts = [
            _spread(frame.loc[(estimand, quantity)]) if months else risk_text(frame.loc[(estimand, quantity)])
            for estimand in estimands
        ]
        rows.append((str(quantity), *texts))
    meanings = "; ".join(f"{name}: {text}" for name, text in frame.attrs["estimands"].items())
    heads = ("", *(Column(name[:1].upper() + name[1:], "median, 95 % interval") for name in estimands))
    note = f"{meanings[:1].upper()}{meanings[1:]}."
    notes = [text for text in frame.attrs["notes"] if text not in result.evidence.notes]
    return table("Free of relapse", heads, rows, " ".join([note, *(f"{_sentence(one)}" for one in notes)]))


def decision(result: OverFollowUp) -> Table:
    """What repeating gains: every belief and horizon, in a typical and in a new study."""
    frame, beliefs = result.decision, result.decision.attrs["restoration"]
    exceeds = [str(name) for name in frame.columns if str(name).startswith("P(gain")]
    rows = []
    for (estimand, belief, month, to), row in zip(
        frame.index.tolist(), frame.to_dict("records"), strict=True
    ):
        law = beliefs[belief]
        name = Words(belief if belief == law else f"{belief}, {law}", f"{estimand}, to month {to:g}")
        rows.append(
            Row(
                (
                    name,
                    f"{general(row['once'], 3)}",
                    f"{general(row['repeated'], 3)}",
                    _spread(row, point="gain"),
                    Chance(row["p_gain"]),
                    *(Chance(row[column]) for column in exceeds),
                ),
                "" if estimand == TYPICAL else "variant",
            )
        )
    heads = (
        words("Belief"),
        Column("Once", "months"),
        Column("Twice", "months"),
        Column("Gain", "mean, 95 % interval"),
        Column("P(gain > 0)"),
        *(Column(column) for column in exceeds),
    )
    shown = [text for text in frame.attrs["notes"] if text not in result.evidence.notes]
    note = f"A second transplantation at month {frame.index.get_level_values('month')[0]:g}. "
    note += " ".join(_sentence(text) for text in shown)
    return table("Would repeating help?", heads, rows, note)


def studies(result: OverFollowUp) -> Table:
    """The intervals as they were counted."""
    frame = result.evidence.to_frame()
    known = [name for name in ("deaths", "censored") if name in frame]
    rows = []
    for line in frame.to_dict("records"):
        who = f"{line['study']}: {line['centre']}" if "centre" in frame else str(line["study"])
        months = interval_label(line["start"], line["stop"])
        rows.append((who, months, *(str(line[n]) for n in ("at_risk", "relapses", *known))))
    heads = (words("Study"), "Months", "At risk", "Relapses", *(n[:1].upper() + n[1:] for n in known))
    return table("Studies", heads, rows, "When in its interval a relapse happened is left open.")


def _spread(row: Mapping[str, float] | pd.Series, point: str = "median") -> str:
    """A number with its 95 % interval."""
    values = [float(row[name]) for name in (point, "ci_low", "ci_high")]
    texts = [general(value, 2, zeros=True) for value in values]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
