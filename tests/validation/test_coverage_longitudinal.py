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


def test_the_record_is_of_this_program() -> None:
    """Three reviews again: the same answers as the whole run gives them."""
    spec = importlib.util.spec_from_file_location(
        "coverage_longitudinal", FOLDER / "coverage_longitudinal.py"
    )
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    assert (program.REVIEWS, program.SEED) == (RECORD["reviews"], RECORD["seed"])
    frame, mean, within = program.review(0)
    assert frame["month"].unique().tolist() == RECORD["months"]
    assert 0.0 < within < 1.0
    drawn = program.posterior(frame, within, "ou")
    assert np.all(np.abs(drawn.mean(axis=0) - mean) < 6.0 * drawn.std(axis=0))
