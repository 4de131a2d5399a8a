"""From the tables of a file to its jobs: what an analysis leaves out comes from its variant, then the top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bayesma.families import FAMILIES
from bayesma.families.base import Parameter
from bayesma.measures import MEASURES
from bayesma.spec.evidence_tables import EVIDENCE_TABLES, EvidenceTable, FollowUpTable
from bayesma.spec.findings import Place, keys_of, unknown_key
from bayesma.spec.jobs import Job, matching
from bayesma.spec.tables import (
    EFFECTS_FAMILY,
    AnalysisTable,
    ModelTable,
    QuestionsTable,
    SensitivityTable,
    SpecFile,
    VariantTable,
)

NO_VARIANT = VariantTable.model_construct(name="", label="")  # validation refuses the empty name to files


def jobs_of(
    file: SpecFile, name: str, place: Place, find_data: Callable[[str, Place], Path]
) -> tuple[Job, ...]:
    """Every analysis under every variant, in the file's order.

    Parameters
    ----------
    file
        The validated file.
    name
        Name of the one analysis of a file without any ``[[analysis]]``.
    place
        The file, for messages.
    find_data
        From the name of a data set or file to its path.

    Raises
    ------
    SpecError
        For tables that are wrong once merged, names given twice, priors and questions of parameters that no
        variant has, and references to analyses that are not there.
    """
    jobs: list[Job] = []
    for analysis in file.analysis or [AnalysisTable(name=name)]:
        where = place.within(f"analysis {analysis.name!r}") if file.analysis else place
        asked = where.within("[questions]").validated(
            QuestionsTable, {**file.questions, **analysis.questions}
        )
        variants = file.variant or [NO_VARIANT]
        own = [_job(file, analysis, variant, asked, where, find_data) for variant in variants]
        _check_answered(asked, own, where)
        jobs += own
    _check_names(jobs, place)
    _check_references(file, tuple(jobs), place)
    return tuple(jobs)


def _job(
    file: SpecFile,
    analysis: AnalysisTable,
    variant: VariantTable,
    asked: QuestionsTable,
    place: Place,
    find_data: Callable[[str, Place], Path],
) -> Job:
    """One job, everything inherited filled in; the nearest table wins."""
    if file.variant:
        place = place.within(f"variant {variant.name!r}")
    effects = {**file.effects, **analysis.effects}
    if analysis.favours is not None:
        effects["favours"] = analysis.favours
    model, parameters = _model(file, analysis, variant, place)
    merged = place.within("[effects]").validated(_evidence_table(model), effects)
    _check_asked(asked, merged, place.within("[questions]"))
    data = analysis.data or file.data
    if data is None:
        raise place.error("key 'data' is missing; name a data set or a CSV file")
    answered = [one for one in asked.probabilities if one.parameter in parameters]
    return Job(
        analysis=analysis.name,
        variant=variant.name,
        label=analysis.label or (analysis.name if file.analysis else file.title),
        variant_label=variant.label,
        variant_note=variant.note or "",
        data=find_data(data, place),
        where=analysis.where,
        effects=merged,
        model=model,
        questions=asked.model_copy(update={"probabilities": answered}),
        sensitivity=_sensitivity(file, analysis, asked, model, merged, place),
        cautions=(*file.cautions, *analysis.cautions),
    )


def _sensitivity(
    file: SpecFile,
    analysis: AnalysisTable,
    questions: QuestionsTable,
    model: ModelTable,
    effects: EvidenceTable,
    place: Place,
) -> SensitivityTable | None:
    """What is asked of the priors: nothing without a table; priors of parameters this variant has."""
    if file.sensitivity is None and analysis.sensitivity is None:
        return None
    inside = place.within("[sensitivity]")
    asked = inside.validated(SensitivityTable, {**(file.sensitivity or {}), **(analysis.sensitivity or {})})
    family = FAMILIES[model.family]
    options = family.estimated(family.checked_options(model.options()), model.options(), model.priors)
    held = {p.name for p in family.with_priors(options)}
    known = held | _held_by_variants(file, analysis)
    for name in (*asked.vary, *(name for path in asked.tipping for name in path.prior)):
        if name not in known:
            raise inside.error(f"{name!r} has no prior in this model; it has: {', '.join(sorted(held))}")
    if asked.question is None and not isinstance(effects, FollowUpTable):
        single = MEASURES[effects.measure].null is None
        if single and questions.above:
            asked = asked.model_copy(update={"question": f"proportion > {questions.above[0]:g}"})
        elif single or effects.favours is None:
            why = "single arms have no null value" if single else "favours is not given"
            raise inside.error(f'{why}; give question, for example question = "proportion > 0.5"')
    vary = {name: priors for name, priors in asked.vary.items() if name in held}
    paths = [path for path in asked.tipping if set(path.prior) <= held]
    return asked.model_copy(update={"vary": vary, "tipping": paths})


def _evidence_table(model: ModelTable) -> type[EvidenceTable]:
    """The form of [effects] that suits the family."""
    return EVIDENCE_TABLES[FAMILIES[model.family].evidence_type.__name__]


def _check_asked(asked: QuestionsTable, merged: EvidenceTable, place: Place) -> None:
    """Benefit needs a direction, and rates need single arms; of relapses other things are asked."""
    if isinstance(merged, FollowUpTable):
        for name in ("mid", "above", "rebound", "baseline"):
            if getattr(asked, name):
                raise place.error(f"{name} is not asked of relapses; leave it out")
        return
    if asked.of_relapse:
        raise place.error(f"{asked.of_relapse[0]} is asked of relapses (family 'relapse'); leave it out")
    single = MEASURES[merged.measure].null is None
    if asked.mid is not None and single:
        raise place.error("mid is a difference between arms, and these are single arms; ask above or below")
    if asked.mid is not None and merged.favours is None:
        raise place.error("mid is given and favours is not; say who benefits on which side")
    if asked.above and (merged.over_months or not single):
        raise place.error("above asks for proportions in single arms; write [[questions.probabilities]]")
    if merged.over_months and single and merged.favours is not None:
        raise place.error("favours needs a value of no effect, and single arms have none; leave favours out")
    if asked.rebound is not None and not merged.over_months:
        raise place.error("rebound compares two months, and these studies have one time; leave it out")
    if asked.rebound is not None and not asked.rebound[0] < asked.rebound[1]:
        raise place.error(f"rebound is {asked.rebound}; give two months, the earlier first, as in [6, 12]")
    if asked.baseline is not None and (merged.over_months or merged.measure not in {"OR", "RR"}):
        raise place.error("baseline is the control risk behind an odds ratio or risk ratio; leave it out")


def _model(
    file: SpecFile, analysis: AnalysisTable, variant: VariantTable, place: Place
) -> tuple[ModelTable, set[str]]:
    """The merged model, and the names of its parameters; priors are merged one by one."""
    layers = [layer.said() for layer in (file.model, variant.model, analysis.model)]
    merged: dict[str, Any] = {key: value for layer in layers for key, value in layer.items()}
    merged["priors"] = {name: text for layer in layers for name, text in layer.get("priors", {}).items()}
    inside = place.within("[model]")
    if (family_name := merged.get("family", EFFECTS_FAMILY)) in FAMILIES:
        known = [*keys_of(ModelTable), *FAMILIES[family_name].options]
        for key in merged:
            if key not in known:
                raise inside.error(unknown_key(key, known))
    model = inside.validated(ModelTable, merged)
    family = FAMILIES[model.family]
    options = family.estimated(family.checked_options(model.options()), model.options(), model.priors)
    if any("centre" in table for table in (file.effects, analysis.effects)) and "centres" in options:
        options |= {"centres": "random"}
    parameters: tuple[Parameter, ...] = family.parameters(options)
    hyper = {p.name for p in family.with_priors(options)}
    elsewhere = _held_by_variants(file, analysis)  # the priors of all variants stand in one table
    for name in model.priors:
        if name not in hyper | elsewhere:
            raise inside.error(
                f"priors names {name!r}, which this model has not; its parameters are: "
                f"{', '.join(p.name for p in family.with_priors(options))}"
            )
    own = {name: text for name, text in model.priors.items() if name in hyper}
    return model.model_copy(update={"priors": own}), {p.name for p in parameters}


def _held_by_variants(file: SpecFile, analysis: AnalysisTable) -> set[str]:
    """Parameters with priors under any variant; none without variants."""
    held: set[str] = set()
    for variant in file.variant:
        merged: dict[str, Any] = {}
        for layer in (file.model, variant.model, analysis.model):
            merged |= layer.said()
        family = FAMILIES[merged.pop("family", EFFECTS_FAMILY)]
        priors = merged.pop("priors", {})
        chosen = family.estimated(family.checked_options(merged), merged, priors)
        held |= {p.name for p in family.with_priors(chosen)}
    return held


def _check_answered(asked: QuestionsTable, jobs: list[Job], place: Place) -> None:
    """A question about a parameter that no variant has is a mistake; that one variant lacks it is not."""
    answered = {one.parameter for job in jobs for one in job.questions.probabilities}
    for one in asked.probabilities:
        if one.parameter not in answered:
            raise place.within("[questions]").error(
                f"probabilities names {one.parameter!r}, which this model has not; correct the parameter"
            )


def _check_names(jobs: list[Job], place: Place) -> None:
    """A fit is addressed by its name."""
    names = [job.name for job in jobs]
    for name in names:
        if names.count(name) > 1:
            raise place.error(f"two analyses are called {name!r}; rename one")


def _check_references(file: SpecFile, jobs: tuple[Job, ...], place: Place) -> None:
    """A reference that speaks of no job would never be checked."""
    for number, reference in enumerate(file.reference):
        if not matching(reference, jobs):
            given = [(key, getattr(reference, key)) for key in ("analysis", "variant")]
            named = " with ".join(f"{key} {value!r}" for key, value in given if value is not None)
            raise place.within(f"reference {number + 1}").error(f"the file has no {named}; correct the name")
