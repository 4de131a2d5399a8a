"""What a result must say of itself: prior and data in conflict, a standard error no trial could give."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import bayesma as bm

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
