"""How answers are stored as CSV: every digit kept, and text that no spreadsheet takes for a formula."""

from __future__ import annotations

import pandas as pd

from bayesma.analysis import Analysis

LINE_END = "\r\n"  # RFC 4180; with "\n" alone a carriage return inside a cell would not be quoted
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV text with every digit; text that a spreadsheet would run is preceded by a quote mark.

    Parameters
    ----------
    frame
        Any table; its index is written too. Numbers stay numbers.
    """
    whole = frame.reset_index()
    safe = whole.map(inert).rename(columns=lambda name: inert(str(name)))
    return str(safe.to_csv(index=False, lineterminator=LINE_END, na_rep="NaN"))


def inert(value: object) -> object:
    """A cell that spreadsheets show and do not run: text like ``=cmd()`` becomes ``'=cmd()``."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def parameters(analysis: Analysis) -> pd.DataFrame:
    """Posterior summaries of every fit in long format, analysis scale.

    Returns
    -------
    pandas.DataFrame
        One row a fit and parameter, index name; columns label, model, engine, parameter, then those of
        `bayesma.summary`.
    """
    tables = []
    for result in analysis.results:
        table = result.summary.reset_index()
        table.insert(0, "engine", str(result.fit.attrs["engine"]))
        table.insert(0, "model", result.job.variant_label)
        table.insert(0, "label", result.job.label)
        table.index = pd.Index([result.job.name] * len(table), name="name")
        tables.append(table)
    return pd.concat(tables)
