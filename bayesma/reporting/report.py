"""`report`: an analysis as one HTML file that opens offline, for a reader who knows trials but not Bayes."""

from __future__ import annotations

import json
from pathlib import Path

from bayesma.analysis import Analysis
from bayesma.files import write_text
from bayesma.reporting.alarms import alarms
from bayesma.reporting.answers import answers
from bayesma.reporting.citations import citations
from bayesma.reporting.methods import methods
from bayesma.reporting.sections import sections
from bayesma.reporting.tables import Row, Table, table, words
from bayesma.reporting.templating import render
from bayesma.words.numbers import general

FEW = 4  # with so many fits at most, everything is unfolded


def report(analysis: Analysis, path: str | Path) -> Path:
    """Write the report: the answer, what must be known to read it, every fit in full, methods and sources.

    Parameters
    ----------
    analysis
        Result of `run`.
    path
        The HTML file; its folder must exist. The file loads nothing, and runs nothing.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    BayesmaError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import bayesma as bm
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bm.report(bm.run("bcg", engine="exact"), f"{folder}/report.html").name
    'report.html'
    """
    return write_text(path, report_html(analysis))


def report_html(analysis: Analysis) -> str:
    """Return the report as one HTML document."""
    attrs = analysis.results[0].fit.attrs
    return render(
        "report.html.j2",
        title=analysis.title,
        citation=analysis.spec.file.citation,
        name=analysis.spec.name,
        alarms=alarms(analysis),
        answers=answers(analysis),
        variants=_variants(analysis),
        sections=sections(analysis),
        few=len(analysis.results) <= FEW,
        references=references(analysis),
        methods=methods(analysis),
        citations=citations(analysis),
        spec=analysis.spec.text,
        fits=_fits(analysis),
        seed=analysis.seed,
        versions=", ".join(f"{name} {number}" for name, number in json.loads(attrs["versions"]).items()),
    )


def references(analysis: Analysis) -> Table | None:
    """Pinned external values beside ours."""
    if not analysis.references:
        return None
    several = len({check.analysis for check in analysis.references}) > 1
    rows = [
        Row(
            (
                f"{check.analysis}: {check.quantity}" if several else check.quantity,
                general(check.expected, 6),
                general(check.found, 6),
                general(check.tolerance, 2),
                "yes" if check.met else "NO",
                check.source,
            ),
            "" if check.met else "alarm",
        )
        for check in analysis.references
    ]
    return table("", ("Quantity", "Expected", "Found", "Tolerance", words("Met"), words("Source")), rows)


def _variants(analysis: Analysis) -> list[tuple[str, str]]:
    """Label and note of every variant, the primary one first."""
    return list(
        dict.fromkeys(
            (r.job.variant_label, r.job.variant_note) for r in analysis.results if r.job.variant_label
        )
    )


def _fits(analysis: Analysis) -> Table:
    """What identifies each fit."""
    rows = [
        (
            r.job.name,
            str(r.fit.attrs["engine"]),
            str(r.fit.attrs["source"]),
            str(r.fit.attrs["data_hash"])[:16],
        )
        for r in analysis.results
    ]
    return table("Fits", ("Fit", words("Engine"), words("Data"), words("SHA-256 of the data (start)")), rows)
