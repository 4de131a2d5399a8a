"""What a result must say of itself: prior and data in conflict, a standard error no trial could give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import DataError, DataWarning
from bayesma.reporting.answers import answers

SPEC = """
schema = 1
title = "Suspicions"
data = "d.csv"
[effects]
measure = "MD"
study = "s"
columns = { estimate = "y", se = "se" }
unit = "g"
reference_sd = 2.0
plausible_n = 200
[model]
random_effects = "none"
priors = { mu = "Normal(0, 1)" }
[fit]
engine = "exact"
random_seed = 1
"""


def notes_of(folder: Path, y: float, se: float) -> str:
    (folder / "d.csv").write_text(f"s,y,se\nA,{y},{se}\n", encoding="utf-8")
    (folder / "a.toml").write_text(SPEC, encoding="utf-8")
    (result,) = bm.run(folder / "a.toml").results
    return " | ".join(result.notes)


def test_conflict_is_loud_and_not_called_silence_of_the_data(tmp_path: Path) -> None:
    notes = notes_of(tmp_path, 30.0, 3.0)
    assert notes.count("PRIOR AND DATA CONFLICT") == 1
    assert "PRIOR AND DATA CONFLICT: the posterior of mu lies where its prior Normal(0, 1)" in notes
    assert "say little" not in notes
    assert "say little" in notes_of(tmp_path, 0.5, 3.0)


def test_a_standard_error_says_how_many_patients_it_needs(tmp_path: Path) -> None:
    limit = np.sqrt(4 * 2.0**2 / 200)  # n = 4 SD^2 / SE^2
    assert "would need about 1600 patients at a standard deviation of 2 g" in notes_of(tmp_path, 0.5, 0.1)
    assert "would need" in notes_of(tmp_path, 0.5, limit * 0.99)
    assert "would need" not in notes_of(tmp_path, 0.5, limit * 1.01)


ASKED = (
    SPEC.replace('unit = "g"', 'unit = "g"\nfavours = "lower"\ntrials = "k"')
    + "[questions]\nmid = 0.1\n[sensitivity]\n"
)
# Closed form against the engine's grid: a common effect is one normal density.
CLOSED = 1e-9


def analysed(folder: Path, row: str) -> Analysis:
    """The analysis of one row: study, y, se, and the trials that it has pooled."""
    (folder / "d.csv").write_text(f"s,y,se,k\n{row}\n", encoding="utf-8")
    (folder / "a.toml").write_text(ASKED, encoding="utf-8")
    return bm.run(folder / "a.toml")


def benefit_by_hand(y: float, se: float) -> float:
    """Under mu ~ Normal(0, 1) and one normal estimate."""
    precision = 1.0 + se**-2.0
    return float(stats.norm.cdf(0.0, y * se**-2.0 / precision, precision**-0.5))


def test_an_impossible_row_keeps_no_headline_probability(tmp_path: Path) -> None:
    found = analysed(tmp_path, "A,-0.5,0.1,1")
    line, smallest = found.table().iloc[0], np.sqrt(4 * 2.0**2 / 200)
    assert np.isnan(line[["p_benefit", "p_mid", "p_harm"]].astype(float)).all()
    expected = benefit_by_hand(-0.5, smallest)
    assert line["p_benefit_at_plausible_n"] == pytest.approx(expected, abs=CLOSED)
    (answer,) = answers(found)
    cells = [str(cell) for cell in answer.table.rows[0].cells]
    assert f"SE IMPOSSIBLE ({expected:.3f} at n = 200)" in cells
    (result,) = found.results
    assert result.robustness is not None  # its probabilities hold under the same condition
    assert result.robustness.tipping[0].at_base == pytest.approx(expected, abs=CLOSED)
    page = bm.report(found, tmp_path / "r.html").read_text("utf-8")
    assert f"{benefit_by_hand(-0.5, 0.1):.3f}" not in page.replace(">0.999", "")
    assert "At n = 200, not as printed: " in page and "THE STANDARD ERROR IS IMPOSSIBLE" in page


def test_a_possible_row_keeps_its_probability(tmp_path: Path) -> None:
    line = analysed(tmp_path, "A,-0.5,0.4,1").table().iloc[0]
    assert line["p_benefit"] == pytest.approx(benefit_by_hand(-0.5, 0.4), abs=CLOSED)
    assert "p_benefit_at_plausible_n" not in line


def test_a_row_that_is_pooled_already_says_of_how_many_trials(tmp_path: Path) -> None:
    for row, size in (("A,-0.5,0.4,2", "1 row of 2 trials"), ("A,-0.5,0.4,1", "1")):
        (answer,) = answers(analysed(tmp_path, row))
        assert str(answer.table.rows[0].cells[1]) == size
    with pytest.raises(DataError, match=r"k is 1\.5, and the trials that a row has pooled are a whole"):
        analysed(tmp_path, "A,-0.5,0.4,1.5")


OVER_MONTHS = """
schema = 1
title = "One series"
data = "d.csv"
[effects]
measure = "MD"
study = "s"
columns = { month = "m", estimate = "y", se = "se" }
within_correlation = 0.5
[model]
family = "longitudinal"
between = "cs"
priors = { m = "Normal(0, 4)", tau = "HalfNormal(0.1)" }
[fit]
engine = "exact"
random_seed = 1
"""


def test_a_correlation_that_is_only_its_prior_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("s,m,y,se\nA,1,-1.2,0.3\nA,3,-0.9,0.4\nA,6,-0.5,0.2\n", encoding="utf-8")
    (tmp_path / "a.toml").write_text(OVER_MONTHS, encoding="utf-8")
    analysis = bm.run(tmp_path / "a.toml")
    (result,) = analysis.results
    notes = " | ".join(result.notes)
    only = (
        "The prior of rho supplies 100 % of its posterior, and the two are the same: what is listed of rho is"
    )
    assert f"{only} only its prior and no result of these data." in notes
    assert "what is listed of m[" not in notes
    bm.report(analysis, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "only its prior and no result of these data" in page
    assert "Only their prior, and no result of these data: " in page


def test_slips_are_said_by_a_run_and_kept_in_its_notes(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("s,y,se\nA,0.72,0.05\nB,0.65,0.06\nTotal,0.69,0.04\n", encoding="utf-8")
    text = (
        SPEC.replace('"MD"', '"PLO"').replace("plausible_n = 200\n", "").replace("reference_sd = 2.0\n", "")
    )
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    with pytest.warns(DataWarning) as caught:
        (result,) = bm.run(tmp_path / "a.toml").results
    slips = [
        "d.csv, row 3 (Total): the label 'Total' is that of a total",
        "d.csv, row 1 (A): the estimate is 0.72",
    ]
    for slip in slips:
        assert any(str(w.message).startswith(slip) for w in caught)
        assert any(note.startswith(slip) for note in result.notes)
