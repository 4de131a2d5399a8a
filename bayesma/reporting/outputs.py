"""`write_outputs`: everything an analysis leaves behind, in one folder, all of it or nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from bayesma.analysis import Analysis
from bayesma.files import staged_folder
from bayesma.reporting.methods import methods_markdown
from bayesma.reporting.report import report_html
from bayesma.reporting.reproduction import SUMMARY, write_reproduction
from bayesma.reporting.robustness import cells, flips
from bayesma.reporting.spreadsheets import csv_text, parameters

REPORT, METHODS, PARAMETERS = "report.html", "methods.md", "parameters.csv"
SENSITIVITY, TIPPING = "sensitivity.csv", "tipping_points.csv"
LONGEST_NAME = 80


def write_outputs(analysis: Analysis, out_dir: str | Path) -> Path:
    """Write the report, the tables, every fit, the methods paragraph and what it takes to run it again.

    ``report.html``, ``summary.csv`` (the answer table), ``parameters.csv`` (posterior of every parameter of
    every fit), where the spec asks also ``sensitivity.csv`` (every combination of priors) and
    ``tipping_points.csv``, one ``.nc`` a fit, ``methods.md``, ``spec.toml``, ``data/``, ``reproduce.py`` and
    ``manifest.json``, which lists all of them.

    Parameters
    ----------
    analysis
        Result of `run`.
    out_dir
        Folder; created when missing. One that holds the manifest of an earlier run has the files that it
        lists replaced, all of them at once; any other must be empty.

    Returns
    -------
    pathlib.Path
        The report.

    Raises
    ------
    BayesmaError
        When the folder cannot be written, or holds files and no manifest. Whatever went wrong, the folder is
        then what it was before.
    """
    with staged_folder(out_dir) as stage:
        (stage / SUMMARY).write_text(csv_text(analysis.table()), encoding="utf-8", newline="")
        (stage / PARAMETERS).write_text(csv_text(parameters(analysis)), encoding="utf-8", newline="")
        for name, frame in ((SENSITIVITY, cells(analysis)), (TIPPING, flips(analysis))):
            if frame is not None:
                (stage / name).write_text(csv_text(frame), encoding="utf-8", newline="")
        (stage / METHODS).write_text(methods_markdown(analysis), encoding="utf-8", newline="")
        names = file_names(result.job.name for result in analysis.results)
        for result in analysis.results:
            (stage / f"{names[result.job.name]}.nc").write_bytes(_netcdf(result.fit))
        write_reproduction(analysis, stage)
        (stage / REPORT).write_text(report_html(analysis), encoding="utf-8", newline="")
    return Path(out_dir) / REPORT


def _netcdf(fit: xr.DataTree) -> bytes:
    """Return the file of a fit; made in memory, since HDF5 does not survive a disk that fills under it."""
    buffer = io.BytesIO()  # one of ours: a memoryview from xarray has crashed the garbage collector
    fit.to_netcdf(buffer, engine="h5netcdf")
    return buffer.getvalue()


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each name: letters, digits, ``. _ -`` only, different even where case is lost."""
    taken: set[str] = set()
    result = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:LONGEST_NAME] or "fit"
        stem, number = plain, 1
        while stem.lower() in taken:
            number += 1
            stem = f"{plain}_{number}"
        taken.add(stem.lower())
        result[name] = stem
    return result
