"""The section on other priors: sentences to quote, the grid of priors, and both as plain tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pandas as pd

from bayesma.analysis import Analysis
from bayesma.measures import MEASURES
from bayesma.reporting.tables import Cell, Chance, Row, Table, table, words
from bayesma.results import Result
from bayesma.sensitivity import defaults
from bayesma.sensitivity.prior_sensitivity import own_rows
from bayesma.words.numbers import MISSING, fixed, with_intervals

TITLE = "Does the answer survive other priors?"


def sentences(result: Result) -> tuple[str, ...]:
    """What a clinician can quote: one sentence a path of priors."""
    if result.robustness is None:
        return ()
    wrong = result.impossible
    under = "" if wrong is None else f"{wrong.condition[:1].upper()}{wrong.condition[1:]}, not as printed: "
    return tuple(f"{under}{one.sentence}" for one in result.robustness.tipping)


def grid_table(result: Result) -> Table | None:
    """Every combination of priors that was tried; the analysis's own is marked."""
    robust = result.robustness
    if robust is None or robust.grid is None:
        return None
    grid, asked = robust.grid, result.job.sensitivity
    names = list(grid.attrs["vary"])
    shown = grid.attrs["parameter"] == "mu" and result.evidence.measure in MEASURES
    measure = MEASURES[result.evidence.measure if shown else "GEN"]
    estimates = with_intervals(measure, zip(grid["estimate"], grid["ci_low"], grid["ci_high"], strict=True))
    mid, evidence = bool(grid["p_mid"].notna().any()), bool(grid["log_evidence"].notna().any())
    rows = []
    errors = grid.attrs["mcse"]
    for (_, cell), error, estimate, own in zip(
        grid.iterrows(), errors, estimates, own_rows(grid), strict=True
    ):
        cells: list[Cell] = [str(cell[f"{name}_prior"]) for name in names]
        cells += [estimate, Chance(float(cell["p_benefit"]), error["p_benefit"])]
        cells += [Chance(float(cell["p_mid"]), error["p_mid"])] if mid else []
        level = float(cell["log_evidence"])
        cells += [MISSING if math.isnan(level) else fixed(level, 2)] if evidence else []
        rows.append(Row(tuple(cells), "primary" if own else "" if cell["converged"] else "alarm"))
    heads = [words(f"Prior of {name}") for name in names]
    labels = [f"{grid.attrs['parameter']}, 95 % interval", f"P({_short(robust.question)})"]
    labels += ["P(beyond the MID)"] if mid else []
    labels += ["log evidence"] if evidence else []
    factors = () if asked is not None and asked.vary else defaults.factors(len(names))
    own_shown = any(row.kind == "primary" for row in rows)
    note = _note(str(grid.attrs["engine"]), factors, own_shown=own_shown)
    if result.impossible is not None:
        note += f" All {result.impossible.condition}: the standard error as printed is impossible."
    return table("", [*heads, *labels], rows, note)


def _note(engine: str, factors: Sequence[float], *, own_shown: bool) -> str:
    """How the grid was computed, which row is the analysis, and how wide priors that nobody stated are."""
    sentences = [f"Computed by {_how(engine)}."]
    if own_shown:
        sentences.append("In bold the priors of this analysis.")
    if factors:
        *several, last = (str(Fraction(factor)) for factor in factors if factor != 1.0)
        sentences.append(f"The other priors are {', '.join(several)} or {last} times as wide.")
    return " ".join(sentences)


def _short(question: str) -> str:
    """What has the probability, short enough for a header."""
    return question if len(question) < 24 else "asked"


def _how(engine: str) -> str:
    """The way of computing, in words."""
    return {"exact": "exact integration", "nuts": "NUTS"}.get(engine, f"{engine} integration")


def cells(analysis: Analysis) -> pd.DataFrame | None:
    """Every cell of every grid: one row each, by name of the fit; None where nothing was asked."""
    grids = {
        r.job.name: r.robustness.grid
        for r in analysis.results
        if r.robustness is not None and r.robustness.grid is not None
    }
    return pd.concat(grids, names=["name"]).droplevel(1) if grids else None


def flips(analysis: Analysis) -> pd.DataFrame | None:
    """Every path of priors, where it crosses the threshold, its sentence; None where nothing was asked."""
    rows = [
        {
            "name": r.job.name,
            "parameter": one.parameter,
            "path": one.path,
            "from": one.over[0],
            "to": one.over[1],
            "threshold": one.threshold,
            "at_base": one.at_base,
            "flips": "; ".join(f"{value:.6g}" for value in one.flips),
            "mcse": one.mcse,
            "sentence": one.sentence,
        }
        for r in analysis.results
        if r.robustness is not None
        for one in r.robustness.tipping
    ]
    return pd.DataFrame(rows).set_index("name") if rows else None
