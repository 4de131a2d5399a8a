"""The script that runs an analysis again and compares: all it needs lies beside it in the same folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bayesma.analysis import Analysis
from bayesma.errors import SpecError
from bayesma.files import digest
from bayesma.reporting.templating import render
from bayesma.spec import Spec

SPEC_FILE, DATA_FOLDER, SCRIPT, SUMMARY = "spec.toml", "data", "reproduce.py", "summary.csv"


def write_reproduction(analysis: Analysis, folder: Path) -> None:
    """Write ``spec.toml``, the data files and ``reproduce.py``.

    Raises
    ------
    SpecError
        When two different data files of the spec have the same name.
    """
    (folder / SPEC_FILE).write_text(analysis.spec.text, encoding="utf-8", newline="")
    (folder / DATA_FOLDER).mkdir()
    copied = [SPEC_FILE]
    for name, path in data_files(analysis.spec).items():
        shutil.copyfile(path, folder / DATA_FOLDER / name)
        copied.append(f"{DATA_FOLDER}/{name}")
    attrs = analysis.results[0].fit.attrs
    script = render(
        "reproduce.py.j2",
        engine=str(attrs["engine"]),
        seed=analysis.seed,
        versions=json.loads(attrs["versions"]),
        files={name: digest(folder / name) for name in copied},
    )
    (folder / SCRIPT).write_text(script, encoding="utf-8", newline="")


def data_files(spec: Spec) -> dict[str, Path]:
    """Path of every data file of a spec, by file name.

    Raises
    ------
    SpecError
        When two different files have the same name.
    """
    files: dict[str, Path] = {}
    for job in spec.jobs:
        if files.setdefault(job.data.name, job.data) != job.data:
            raise SpecError(
                f"{spec.path.name}: two data files are called {job.data.name!r}; rename one, so that the "
                "results can hold a copy of both"
            )
    return files
