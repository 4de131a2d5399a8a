"""The simulated series are what their program makes, and the program makes what the description says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayesma.resources import DATA

NAME = "simulated_case_series"
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_months_1_to_12.py"
REVIEWS = 400
LIMIT = 4.0  # standard errors: one false alarm in 16,000 checks, and the seeds are fixed


@pytest.fixture(scope="module")
def program() -> SimpleNamespace:
    """The cell of the notebook that simulates."""
    cells = re.split(r"^# %%.*\n", NOTEBOOK.read_text("utf-8"), flags=re.MULTILINE)
    (cell,) = [text for text in cells if "def simulate(" in text]
    names = {"np": np, "pd": pd}
    exec(cell, names)
    return SimpleNamespace(**names)


@pytest.fixture(scope="module")
def reviews(program: SimpleNamespace) -> pd.DataFrame:
    """Many reviews from the same program, with the change from before and the share still seen."""
    tables = [program.simulate(seed).assign(review=seed) for seed in range(REVIEWS)]
    table = pd.concat(tables)
    first = table[table["month"] == 0].set_index(["review", "study"])
    before = first.loc[pd.MultiIndex.from_frame(table[["review", "study"]])]
    table["change"] = table["mean"].to_numpy() - before["mean"].to_numpy()
    return table


def test_the_file_is_what_the_program_makes(program: SimpleNamespace) -> None:
    made = program.simulate(program.SEED).to_csv(index=False, lineterminator="\n")
    assert DATA.path(NAME).read_bytes() == made.encode()
    assert program.simulate(program.SEED + 1).to_csv(index=False, lineterminator="\n") != made


def test_the_description_states_seed_and_true_values(program: SimpleNamespace) -> None:
    text = DATA.path(NAME, ".md").read_text("utf-8")
    assert f"seed {program.SEED}," in text
    for name, value in program.TRUTH.items():
        assert re.search(rf"\b{value:g}\b[^;.]*?\({name}\)", text), name
    t = np.arange(1.0, 13.0)
    assert program.true_mean(t) == pytest.approx(-6.5 * (t / 6 * np.exp(1 - t / 6)) ** 1.5)
    assert t[np.argmin(program.true_mean(t))] == 6


def test_every_row_is_called_simulated(program: SimpleNamespace) -> None:
    assert pd.read_csv(DATA.path(NAME))["study"].str.startswith("Simulated").all()


def test_changes_scatter_around_the_true_course(program: SimpleNamespace, reviews: pd.DataFrame) -> None:
    """Unbiased at every visit of every series, with the variance that tau, sd and rho_within imply."""
    truth = program.TRUTH
    for (study, month), rows in reviews[reviews["month"] > 0].groupby(["study", "month"]):
        enrolled = program.VISITS[study][0]
        change = rows["change"].to_numpy()
        error = change.std(ddof=1) / np.sqrt(REVIEWS)
        assert abs(change.mean() - program.true_mean(month)) < LIMIT * error, (study, month)
        mean_of_seen = truth["sd"] ** 2 * (1 / rows["n"] + 1 / enrolled - 2 * truth["rho_within"] / enrolled)
        variance = truth["tau"] ** 2 + mean_of_seen.mean()
        assert abs(change.var(ddof=1) / variance - 1) < LIMIT * np.sqrt(2 / REVIEWS), (study, month)


def test_patients_are_lost_as_stated(program: SimpleNamespace, reviews: pd.DataFrame) -> None:
    for (study, month), rows in reviews[reviews["month"] > 0].groupby(["study", "month"]):
        enrolled, visits = program.VISITS[study]
        kept = (1 - program.TRUTH["lost"]) ** (visits.index(month) + 1)
        error = np.sqrt(kept * (1 - kept) / (REVIEWS * enrolled))
        assert abs(rows["n"].mean() / enrolled - kept) < LIMIT * error, (study, month)
