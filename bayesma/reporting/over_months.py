"""The report of an effect over the months: trajectory, what the months say together, and each by itself."""

from __future__ import annotations

import math

import pandas as pd

from bayesma.counterparts import ALONE
from bayesma.plots import trajectory
from bayesma.posterior.curves import AVERAGE, NEW
from bayesma.posterior.marginals import error_of_share
from bayesma.posterior.over_time import BEFORE
from bayesma.reporting.content import Content, Drawing, arms_of, axis_label, sentence
from bayesma.reporting.details import asked_for, engines, posteriors, priors
from bayesma.reporting.moderators import moderators
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, table, words
from bayesma.reporting.words import measure_of, mid_words
from bayesma.results import CLASSICAL, OverMonths
from bayesma.results.base import NEW as FOR_NEW
from bayesma.words.numbers import MISSING, probability_text, rounded, with_intervals

Z95 = 1.959963984540054
INTERVAL = ["median", "ci_low", "ci_high"]


def content(result: OverMonths) -> Content:
    """Everything shown of one fit."""
    job = result.job
    mid = job.questions.mid if job.effects.favours else None
    figure = trajectory(result.fit, **arms_of(result), mid=mid, ylabel=axis_label(result))
    return Content(
        answer=answer(result),
        main=Drawing(figure, f"trajectory, {job.label} {job.variant_label}"),
        pairs=((None, decision(result)),),
        tables=(together(result), comparison(result), moderators(result), priors(result)),
        folded=(posteriors(result), studies(result), engines(result)),
    )


def answer(result: OverMonths) -> str:
    """The last month in one sentence, with what holds at every month."""
    measure, last = measure_of(result), result.rows()[-1]
    name = f"month {last['month']:g}"
    interval = with_intervals(measure, [(last["estimate"], last["ci_low"], last["ci_high"])])[0]
    text = f"{measure.name} of the average study at {name} {interval}"
    if result.benefit is None:
        return sentence(result, text, "")
    better = measure.better
    chances = {
        column: probability_text(last[column], result.chance_error(column, last["month"]))
        for column in (f"p_{better}", "p_mid")
    }
    parts = [f"{better} at {name} {chances[f'p_{better}']}"]
    if mid_words(result):
        parts.append(f"{better} beyond the MID ({mid_words(result)}) {chances['p_mid']}")
    together = (AVERAGE, f"{better} at every month")
    if len(result.visits) > 1 and together in result.course.index:
        every, before = (float(result.course[name][together]) for name in (f"p_{better}", BEFORE))
        error = result.chance_error(f"p_{better}")
        parts.append(
            f"{better} at every visit {probability_text(every, error)} (before the data {digits(before)})"
        )
    return sentence(result, text, ", ".join(parts))


def digits(chance: float) -> str:
    """A probability before the data, which draws of the priors give to two decimals."""
    return f"{chance:.2f}"


def decision(result: OverMonths) -> Table | None:
    """Probabilities the spec asks for by name; those of benefit stand in the answer, month by month."""
    if result.probabilities.empty:
        return None
    return table("Probabilities", ("Probability of", "posterior"), asked_for(result.probabilities))


def together(result: OverMonths) -> Table | None:
    """What follows from all months at once, for the average and for a new study."""
    course, better = result.course, measure_of(result).better
    months = {f"month {visit:g}" for visit in result.visits}
    names = [name for name in course.loc[AVERAGE].index if name not in months]
    if not names:
        return None
    rows: list[list[Cell]] = []
    for name in names:
        cells: list[Cell] = [name]
        for estimand in (AVERAGE, NEW):
            line = course.loc[(estimand, name)]
            chance, before = float(line[f"p_{better}"]), float(line[BEFORE])
            error = error_of_share(chance, float(line["sd"]), float(line["mcse_mean"]))
            if math.isnan(line["sd"]):  # of months taken together
                error = result.chance_error(f"p_{better}{'' if estimand == AVERAGE else FOR_NEW}")
            cells += [
                _spread(line, whole=name.startswith("month of")),
                MISSING if math.isnan(chance) else Chance(chance, error),
                MISSING if math.isnan(before) else digits(before),
            ]
        rows.append(cells)
    heads = (
        "",
        Column("Average study", "median, 95 % interval"),
        Column(f"P({better})"),
        Column("Prior", "before the data"),
        Column("New study", "median, 95 % interval"),
        Column(f"P({better})"),
        Column("Prior", "before the data"),
    )
    scale, source = measure_of(result).label, result.job.questions.mid_source
    mid = f" MID: {mid_words(result)}{f' ({source})' if source else ''}." if mid_words(result) else ""
    note = (
        f"Analysis scale: {scale[:1].lower()}{scale[1:]}. Average study: "
        f"{course.attrs['estimands'][AVERAGE]}. New study: {course.attrs['estimands'][NEW]}.{mid}"
    )
    if result.job.effects.favours and any(name.startswith("change from") for name in names):
        note += (
            f" A change counts as {better} where the later month is the better one: one minus its "
            "probability is that of a rebound."
        )
    if any(name.endswith("at some month") for name in names):
        note += (
            " Of several months some look good by chance: read what holds at some month and at every "
            "month beside what the priors alone say; the best effect is the largest of the months, picked "
            "for being it."
        )
    if result.fit.attrs["engine"] == "exact":
        note += " From independent draws of the exact posterior."
    return table("Over the months", heads, rows, note)


def comparison(result: OverMonths) -> Table:
    """Every month: the joint posterior, a new study, the joint classical answer, and the month alone."""
    measure, lines = measure_of(result), result.rows()
    known = ("estimate", "ci_low", "ci_high")
    columns = [
        with_intervals(measure, [tuple(line[name] for name in known) for line in lines]),
        with_intervals(
            measure,
            [tuple(result.course.loc[(NEW, f"month {v:g}"), INTERVAL]) for v in result.visits],  # type: ignore[misc]
        ),
    ]
    heads = [Column("Bayesian", "average study"), Column("Bayesian", "new study, median")]
    answers = {result.classical_label: result.classical.at_visits(), ALONE: result.classical.each}
    for label, found in answers.items():
        columns.append(with_intervals(measure, zip(*(found[n] for n in CLASSICAL[:3]), strict=True)))
        heads.append(Column(label))
        if measure.null is not None:
            columns.append([probability_text(value) for value in found["p_value"]])
            heads.append(Column("p", "of this answer"))
    rows = [
        (f"{visit:g}", str(seen), *cells)
        for visit, seen, *cells in zip(result.visits, result.seen, *columns, strict=True)
    ]
    note = (
        "95 % intervals. A month by itself forgets what the other months of the same patients say; a study "
        "alone at a month is its own estimate."
    )
    return table("Bayesian and frequentist, by month", ("Month", Column("k", "studies"), *heads), rows, note)


def studies(result: OverMonths) -> Table:
    """Observed and posterior effect of each study at the visits it has, printed scale."""
    measure, found = measure_of(result), result.shrinkage
    found = found[found["observed"].notna()]
    half = Z95 * found["observed_se"]
    seen = zip(found["observed"], found["observed"] - half, found["observed"] + half, strict=True)
    believed = zip(found["mean"], found["ci_low"], found["ci_high"], strict=True)
    rows, last = [], None
    for (study, visit), observed, posterior, weight in zip(
        found.index,
        with_intervals(measure, seen),
        with_intervals(measure, believed),
        found["weight"],
        strict=True,
    ):
        first = study != last
        share = f"{weight:.1f} %" if first and not math.isnan(weight) else ""
        rows.append(Row((str(study) if first else "", f"{visit:g}", observed, posterior, share)))
        last = study
    note = (
        "Posterior: the study's own effect after learning from the others and from its other visits. Weight: "
        "its share in what is known of the mean. Visits a study has not are left out."
    )
    heads = ("Study", "Month", "Observed, 95 % interval", "Posterior, 95 % interval", words("Weight"))
    return table("Studies", heads, rows, note)


def _spread(line: pd.Series[float], *, whole: bool) -> str:
    """Median with interval, by as many digits as the interval deserves; months as they are named."""
    values = [float(line[name]) for name in INTERVAL]
    if math.isnan(values[0]):
        return ""
    width = (values[2] - values[1]) / 4.0
    median, low, high = (f"{v:.3g}" if whole else rounded(v, width) for v in values)
    return f"{median} [{low}, {high}]"
