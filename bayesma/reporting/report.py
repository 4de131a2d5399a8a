"""`report`: an analysis as one HTML file that opens offline."""

from __future__ import annotations

from pathlib import Path

from bayesma.analysis import Analysis
from bayesma.files import write_text
from bayesma.reporting.methods import methods
from bayesma.reporting.templating import render


def report(analysis: Analysis, path: str | Path) -> Path:
    """Write the report.

    Parameters
    ----------
    analysis
        Result of `run`.
    path
        The HTML file; its folder must exist.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    BayesmaError
        When the file cannot be written.
    """
    return write_text(path, render("report.html.j2", analysis=analysis, methods=methods(analysis)))
