"""`load_spec`: from a TOML file to validated jobs, with one sentence for whatever is wrong."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bayesma.errors import BayesmaError, SpecError
from bayesma.families import FAMILIES
from bayesma.resources import DATA, MODELS
from bayesma.spec.jobs import Job, Spec, matching
from bayesma.spec.tables import (
    AnalysisTable,
    EffectsTable,
    ModelTable,
    QuestionsTable,
    SpecFile,
    Table,
    VariantTable,
)

SUFFIX = ".toml"


def load_spec(name: str | Path, *, data_folder: str | Path | None = None) -> Spec:
    """Read and validate an analysis file.

    Parameters
    ----------
    name
        Name of a shipped analysis (``"zhou2020"``), or the path of a TOML file.
    data_folder
        Folder in which data files are looked for first, by file name: copies kept with results.

    Raises
    ------
    SpecError
        For an unknown name or missing file, text that is no TOML, an unknown key, a wrong type, an unknown
        measure, family, option or a prior that does not parse; the message names file and key.
    """
    path = _locate(name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name} is not valid TOML: {error}; correct that line") from error
    file = _validated(SpecFile, content, path, "")
    folder = None if data_folder is None else Path(data_folder)
    jobs = tuple(_jobs(file, path, folder))
    _check_names(file, jobs, path)
    return Spec(path.stem, path, file, jobs)


def _locate(name: str | Path) -> Path:
    """Path of the file that a name or path means."""
    path = Path(name)
    if path.suffix != SUFFIX and len(path.parts) == 1:
        return MODELS.path(str(name))
    if not path.is_file():
        raise SpecError(f"no analysis file {str(name)!r}; give the path of a .toml file, or a shipped name")
    return path


def _validated[T: Table](kind: type[T], content: Mapping[str, Any], path: Path, inside: str) -> T:
    """A table of the file, or one sentence about the first thing wrong in it."""
    try:
        return kind.model_validate(content)
    except BayesmaError as error:
        raise SpecError(f"{path.name}{_in(inside)}: {error}") from error
    except ValidationError as error:
        raise SpecError(f"{path.name}{_in(inside)}: {_sentence(error, kind)}") from error


def _in(inside: str) -> str:
    """Part of a message that says which table."""
    return f", {inside}" if inside else ""


def _sentence(error: ValidationError, kind: type[Table]) -> str:
    """The first finding of pydantic in our words."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = [f.alias or name for name, f in kind.model_fields.items()]
        close = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]!r}" if close else "remove it"
        return f"unknown key {key!r}; {hint}"
    if first["type"] == "missing":
        return f"key {key!r} is missing; add it"
    if first["type"] == "value_error":
        return f"{key or 'table'}: {first['ctx']['error']}"
    return f"key {key!r} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}; correct it"


def _jobs(file: SpecFile, path: Path, folder: Path | None) -> list[Job]:
    """Analyses times variants, inheriting from the top of the file."""
    analyses = file.analysis or [AnalysisTable(name=path.stem)]
    variants = file.variant or [VariantTable(name="", label="")]
    return [_job(file, path, folder, analysis, variant) for analysis in analyses for variant in variants]


def _job(
    file: SpecFile, path: Path, folder: Path | None, analysis: AnalysisTable, variant: VariantTable
) -> Job:
    """One job: top of the file, then variant, then analysis; the nearest wins."""
    inside = f"analysis {analysis.name!r}" if file.analysis else ""
    effects = {**file.effects, **analysis.effects}
    if analysis.favours is not None:
        effects["favours"] = analysis.favours
    layers = (file.model, variant.model, analysis.model)
    model: dict[str, Any] = {key: value for layer in layers for key, value in layer.items()}
    priors: dict[str, Any] = {k: v for layer in layers for k, v in layer.get("priors", {}).items()}
    validated = _validated(ModelTable, model | {"priors": priors}, path, f"{inside or 'table'} [model]")
    data = analysis.data or file.data
    if data is None:
        raise SpecError(f"{path.name}{_in(inside)}: key 'data' is missing; name a data set or a CSV file")
    return Job(
        analysis=analysis.name,
        variant=variant.name,
        label=analysis.label or (analysis.name if file.analysis else file.title),
        variant_label=variant.label,
        variant_note=variant.note or "",
        data=_data_path(data, path, folder),
        where=analysis.where,
        effects=_validated(EffectsTable, effects, path, f"{inside or 'table'} [effects]"),
        model=_own_priors(validated, bool(file.variant), path, inside),
        questions=_validated(
            QuestionsTable, {**file.questions, **analysis.questions}, path, f"{inside or 'table'} [questions]"
        ),
        cautions=(*file.cautions, *analysis.cautions),
    )


def _own_priors(model: ModelTable, several: bool, path: Path, inside: str) -> ModelTable:
    """Priors of the parameters this model has: a file with variants lists those of all of them."""
    family = FAMILIES[model.family]
    own = {p.name for p in family.hyper(family.checked_options(model.options()))}
    everything = family.all_hyper() if several else set()
    for name in model.priors:
        if name not in own | everything:
            raise SpecError(
                f"{path.name}{_in(inside)}: priors names {name!r}, which this model has not; "
                f"its parameters are: {', '.join(sorted(own))}"
            )
    return model.model_copy(update={"priors": {n: p for n, p in model.priors.items() if n in own}})


def _data_path(data: str, path: Path, folder: Path | None) -> Path:
    """A file in the given folder or beside the spec, or a shipped data set."""
    kept, name = path.parent / "data", Path(data).name
    copies = [] if folder is None else [folder / name, folder / f"{name}.csv"]
    for candidate in (*copies, path.parent / data, kept / name, kept / f"{name}.csv"):
        if candidate.is_file():
            return candidate
    if Path(data).suffix or len(Path(data).parts) > 1:
        raise SpecError(f"{path.name}: data file {data!r} is not there (looked beside the spec); correct it")
    try:
        return DATA.path(data)
    except BayesmaError as error:
        raise SpecError(f"{path.name}: {error}") from error


def _check_names(file: SpecFile, jobs: tuple[Job, ...], path: Path) -> None:
    """Names are unique, and references point at jobs that exist."""
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise SpecError(f"{path.name}: two analyses are called {job.name!r}; rename one")
        seen.add(job.name)
    for reference in file.reference:
        if not matching(reference, jobs):
            raise SpecError(
                f"{path.name}: a reference names {reference.analysis!r}, variant {reference.variant!r}, "
                "which the file has not; correct it"
            )
