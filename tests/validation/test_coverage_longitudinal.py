"""The record of `coverage_longitudinal.py`: right with the correlation given and with a prior on it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

FOLDER = Path(__file__).parent
RECORD = json.loads((FOLDER / "coverage_longitudinal.json").read_text("utf-8"))
LIMITS = stats.binom(RECORD["reviews"], 0.95).ppf([0.0005, 0.9995])


@pytest.mark.parametrize("answer", ["correlation given", "prior on the correlation"])
def test_intervals_cover(answer: str) -> None:
    counts = np.array(list(RECORD["covered"][answer].values()))
    assert counts.size == 5
    assert np.all((LIMITS[0] <= counts) & (counts <= LIMITS[1])), counts


def test_months_by_themselves_are_shown_beside_it() -> None:
    """Taken as independent, months leave the interval of their difference wider than it need be."""
    record = RECORD["covered"]
    assert record["each month by itself"]["m[12] - m[6]"] > record["correlation given"]["m[12] - m[6]"]


@pytest.mark.long
@pytest.mark.filterwarnings(
    "ignore:the integral over:bayesma.errors.ConvergenceWarning"
)  # held to the record
def test_the_record_is_of_this_program() -> None:
    """Three reviews again: the same answers as the whole run gives them."""
    spec = importlib.util.spec_from_file_location(
        "coverage_longitudinal", FOLDER / "coverage_longitudinal.py"
    )
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    assert (program.REVIEWS, program.SEED) == (RECORD["reviews"], RECORD["seed"])
    assert program.MONTHS.tolist() == RECORD["months"]
    for i in range(3):
        hits, error = program.covered(i)
        assert {name: "".join("01"[hit] for hit in row) for name, row in hits.items()} == RECORD["by_review"][
            i
        ]
        assert error <= RECORD["largest_error"]
    assert RECORD["largest_error"] < 1e-3  # far below the Monte Carlo error of 4,000 draws, 0.016


def test_the_counts_are_those_of_the_reviews() -> None:
    for name, counts in RECORD["covered"].items():
        hits = np.array([[int(c) for c in one[name]] for one in RECORD["by_review"]])
        assert hits.shape == (RECORD["reviews"], 5)
        assert hits.sum(axis=0).tolist() == list(counts.values())
