"""The report of one effect, or one proportion: figures, decision, comparison, priors, studies, engines."""

from __future__ import annotations

from bayesma.plots import forest, posterior
from bayesma.reporting.absolute import absolute_effects, findings, proportion_table, proportion_text
from bayesma.reporting.content import Content, Drawing, arms_of, axis_label, sentence
from bayesma.reporting.details import (
    baselines,
    comparison,
    decision,
    engines,
    posteriors,
    priors,
    studies,
)
from bayesma.reporting.moderators import of_one_effect
from bayesma.reporting.words import event_of, measure_of, mid_words, single_arm
from bayesma.results import OneEffect
from bayesma.words.numbers import probability_text, with_interval


def content(result: OneEffect) -> Content:
    """Everything shown of one fit."""
    job, arms, label = result.job, arms_of(result), axis_label(result)
    (name,) = result.mean_names
    classical = dict([result.classical])
    mid = job.questions.mid if job.effects.favours else None
    title = f"{job.label} {job.variant_label}"
    wrong = result.impossible
    below = label if wrong is None else f"{label}, {wrong.condition}"
    density = posterior(result.asked, name, **arms, mid=mid, xlabel=below)
    sides = arms if wrong is None else arms | {"favours": None}  # a forest of it claims nothing
    beside = Drawing(density, f"posterior of {name}, {title}")
    return Content(
        answer=answer(result),
        main=Drawing(
            forest(result.fit, **sides, frequentist=classical, xlabel=label), f"forest plot, {title}"
        ),
        pairs=((beside, decision(result)),),
        tables=(
            proportion_table(result),
            findings(result),
            comparison(result),
            of_one_effect(result),
            priors(result),
        ),
        folded=(
            posteriors(result),
            studies(result),
            absolute_effects(result),
            baselines(result),
            engines(result),
        ),
    )


def answer(result: OneEffect) -> str:
    """The result in one sentence."""
    if single_arm(result) and result.risks is not None:
        named = f"{event_of(result)}: " if event_of(result) else ""
        text = named + ", ".join(f"{name} {proportion_text(row)}" for name, row in result.risks.iterrows())
    else:
        text = f"{measure_of(result).name} {with_interval(measure_of(result), *result.estimate)}"
    if result.benefit is None:
        return sentence(result, text, "")
    chances = {
        str(name): probability_text(value, result.chance_error(str(name)))
        for name, value in result.benefit.loc["mu"].astype(float).to_dict().items()
    }
    measure = measure_of(result)
    better = measure.better
    parts = [f"{better} {chances[f'p_{better}']}"]
    if mid_words(result):
        parts.append(f"{better} beyond the MID ({mid_words(result)}) {chances['p_mid']}")
    parts.append(f"{measure.worse} {chances[f'p_{measure.worse}']}")
    if result.impossible is not None:
        parts = [f"{part} {result.impossible.condition}" for part in parts]
        text = f"THE STANDARD ERROR IS IMPOSSIBLE, {text}"
    return sentence(result, text, ", ".join(parts))
