"""The report of relapses over follow-up: who is free of them, do they come faster, would repeating help?"""

from __future__ import annotations

from collections.abc import Sequence

from bayesma import plots
from bayesma.posterior.relapse_course import NEW_STUDY, TYPICAL
from bayesma.reporting.absolute import proportion_text
from bayesma.reporting.content import Content, Drawing, sentence
from bayesma.reporting.details import engines, posteriors, priors
from bayesma.reporting.relapse_tables import (
    change,
    course,
    decision,
    gain_chance,
    middle,
    spread,
    studies,
    times,
)
from bayesma.reporting.tables import Cell, Chance, Column
from bayesma.results import OverFollowUp
from bayesma.words.numbers import MISSING, general, probability_text

DRAWN = 3  # beliefs that a figure has room for
COLUMNS = (
    Column("Outcome", kind="text"),
    Column("k", "studies"),
    Column("Relapses", "in patient-months"),
    Column("Relapse-free", "typical study"),
    Column("Relapse-free", "elsewhere"),
    Column("P(rises)"),
    Column("Late v early", "times as high"),
    Column("Gain", "months"),
    Column("P(gain > x)"),
)
MEANINGS = (
    (
        "Relapse-free",
        "the probability to be alive and free of relapse at the end of the late window, in a study in the "
        "middle of all, and elsewhere: in one further study, or in one further centre where centres are a "
        "level; posterior medians with the interval that holds them with 95 % probability",
    ),
    (
        "P(rises)",
        "the probability that the monthly intensity of relapse is higher in the late window than in the "
        "early one",
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
    newcomer = result.newcomer
    free = [free_text(result, TYPICAL), MISSING if newcomer is None else free_text(result, newcomer)]
    rises: tuple[Cell, Cell] = (MISSING, MISSING)
    if result.hazard is not None:
        known = result.hazard.attrs
        rises = (Chance(float(known["p_rises"]), known["mcse_p_rises"]), times(result.ratio))
    gain, exceeds = middle(result)
    return (
        str(result.k),
        f"{result.crude.relapses} in {result.crude.months:.0f}",
        *(free if result.converged else [stopped, free[1]]),
        *rises,
        spread(gain, point="gain"),
        gain_chance(gain, exceeds),
    )


def ranges(results: Sequence[OverFollowUp]) -> str:
    """How far apart the answers of several readings are; nothing where there is one."""
    if len(results) < 2:
        return ""
    rises = sorted(
        (float(r.hazard.attrs["p_rises"]), r.hazard.attrs["mcse_p_rises"])
        for r in results
        if r.hazard is not None
    )
    gains = [float(middle(result)[0]["gain"]) for result in results]
    parts = [f"the gain from {general(min(gains), 2)} to {general(max(gains), 2)} months"]
    if rises:
        parts = [f"P(rises) from {probability_text(*rises[0])} to {probability_text(*rises[-1])}", *parts]
    return f"From line to line: {', '.join(parts)}."


def free_text(result: OverFollowUp, estimand: str) -> str:
    """Probability to be free of relapse at the end of the late window."""
    return proportion_text(result.of(f"relapse-free at month {result.month:g}", estimand))


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
    early, late = result.windows
    return Drawing(plots.hazard(result.fit, early=early, late=late), f"intensity of relapse, {title}")


def _repeating(result: OverFollowUp, title: str) -> Drawing:
    """The figure of what repeating gains, to the last horizon."""
    to = float(result.gains().index.get_level_values("to").max())
    given = result.job.questions.restoration
    beliefs = None if given is None else dict(list(zip(result.beliefs, given, strict=True))[:DRAWN])
    figure = plots.retreatment(result.fit, to=to, restoration=beliefs)
    return Drawing(figure, f"months gained by repeating, {title}")


def answer(result: OverFollowUp) -> str:
    """The result in words, and what repeating would gain under every belief."""
    text = f"free of relapse at month {result.month:g}: {free_text(result, TYPICAL)} in a typical study"
    if result.newcomer is not None:
        elsewhere = "a new study or centre" if result.newcomer == NEW_STUDY else f"a {result.newcomer}"
        text += f", {free_text(result, result.newcomer)} in {elsewhere}"
    chances = ""
    if result.hazard is not None:
        (_, middle_month), _ = result.windows
        early, late = result.hazard.attrs["windows"]
        text += f"; intensity in {late} {times(result.ratio)} times that in {early}"
        now, before = (float(one["p_rises"]) for one in (result.hazard.attrs, result.hazard.attrs["before"]))
        chances = (
            f"relapse accelerating after month {middle_month:g} "
            f"{probability_text(now, result.hazard.attrs['mcse_p_rises'])} "
            f"(before the data {before:.2f})"
        )
    return f"{sentence(result, text, chances)} {_gain_words(result)}"


def _gain_words(result: OverFollowUp) -> str:
    """What repeating gains, by belief."""
    gains = result.gains()
    last, exceeds = gains.index.get_level_values("to").max(), str(gains.columns[-1])
    shown = gains[gains.index.get_level_values("to") == last]
    parts = [
        f"{general(float(row['gain']), 2, zeros=True)} ({belief}; {exceeds} {gain_chance(row, exceeds).text})"
        for (_, belief, _, _), row in zip(shown.index.tolist(), shown.to_dict("records"), strict=True)
    ]
    month = shown.index.get_level_values("month")[0]
    return (
        f"Months free of relapse to month {last:g} that a second transplantation at month {month:g} adds on "
        f"average, by what is believed of it: {', '.join(parts)}."
    )
