"""Record of `calibration_relapse.py`: rises come as often as forecast, intervals cover, ranks are uniform."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesma as bm
from bayesma.families import FAMILIES
from bayesma.priors import Prior

SCRIPT = Path(__file__).with_name("calibration_relapse.py")
spec = importlib.util.spec_from_file_location("calibration_relapse", SCRIPT)
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)

RECORD = json.loads(program.RECORD.read_text("utf-8"))
TABLES = {name: pd.DataFrame(rows, columns=RECORD["columns"]) for name, rows in RECORD["by_review"].items()}
TAIL = 0.0005  # of each side, of 99.9 % limits
FAMILYWISE = 0.05  # probability that ranks of a correct program fail, over all their tests
# In probabilities: importance sampling leaves a hundredth of a posterior sd open in means, a twentieth in
# quantiles; another proposal for its points moved eight reviews by 0.004 at most
NEAR = 0.01
DRAWN = 4.0 * (0.25 / 4000) ** 0.5  # four standard errors of a probability from 4,000 draws
AGAIN = [("prior", 2), ("prior", 3), ("falling", 1)]


@pytest.fixture(scope="module")
def own() -> pd.DataFrame:
    """The reviews with parameters from the priors."""
    return TABLES["prior"]


@pytest.mark.parametrize("quantity", ["typical", "new"])
def test_intervals_of_relapse_free_probability_cover(own: pd.DataFrame, quantity: str) -> None:
    low, high = stats.binom(len(own), 0.95).ppf([TAIL, 1.0 - TAIL])
    assert low <= own[f"covered: {quantity}"].sum() <= high


def test_forecasts_of_a_rise_are_kept(own: pd.DataFrame) -> None:
    """In every tenth of the forecast, and together."""
    filled = [row for row in RECORD["prior"]["reliability"] if row["n"]]
    assert len(filled) == program.BINS
    for row in filled:
        low, high = stats.binom(row["n"], row["mean_forecast"]).ppf([TAIL, 1.0 - TAIL])
        assert low <= row["rose"] <= high, row
    scores = program.scores(own["p_rises"].to_numpy(), own["rises"].to_numpy(dtype=float))
    assert abs(scores["spiegelhalter_z"]) < stats.norm.isf(TAIL)
    assert abs(scores["z_mean"]) < stats.norm.isf(TAIL)
    assert scores["brier"] < 0.25 * len(own) / (len(own) - 1)  # better than "one in two" for all


def test_ranks_are_uniform() -> None:
    p = [one for quantity in RECORD["ranks"].values() for one in quantity["p"].values()]
    assert len(p) == 3 * len(program.QUANTITIES)
    assert min(p) >= FAMILYWISE / len(p)


def test_wrong_forecasts_are_found(own: pd.DataFrame) -> None:
    """Twice the log odds, or a shift of them by 0.7, would leave the limits."""
    forecast, rng = np.resize(own["p_rises"].to_numpy().clip(1e-6, 1 - 1e-6), 500), np.random.default_rng(5)
    logit, rises = np.log(forecast / (1.0 - forecast)), rng.uniform(size=forecast.size) < forecast
    bold = 1.0 / (1.0 + np.exp(-2.0 * logit))
    assert abs(program.scores(forecast, rises)["spiegelhalter_z"]) < stats.norm.isf(TAIL)
    assert abs(program.scores(bold, rises)["spiegelhalter_z"]) > stats.norm.isf(TAIL)
    moved = 1.0 / (1.0 + np.exp(-(logit + 0.7)))
    assert abs(program.scores(moved, rises)["z_mean"]) > stats.norm.isf(TAIL)


def test_the_record_is_complete() -> None:
    here = program.settings()
    assert set(RECORD["versions"]) == set(here.pop("versions"))
    assert {name: RECORD[name] for name in here} == here
    assert {name: len(rows) for name, rows in TABLES.items()} == program.REVIEWS
    assert program.REVIEWS["prior"] >= 250
    for name, table in TABLES.items():
        assert table["below: h_death"].notna().tolist() == [program.dies(i) for i in range(len(table))]
        given = table.drop(columns=["below: h_death", *(["below: sigma_h"] if name != "prior" else [])])
        assert np.isfinite(given.to_numpy(dtype=float)).all()
        assert table["p_rises"].between(0.0, 1.0).all()


def test_what_the_record_says_follows_from_its_reviews(own: pd.DataFrame) -> None:
    told = json.loads(json.dumps(program.findings(RECORD["by_review"])))
    assert told == {name: RECORD[name] for name in told}
    assert RECORD["ranks"]["typical"] == program.uniformity(own["below: typical"].to_numpy())
    for name, quantity in RECORD["ranks"].items():
        assert quantity["bins"] == np.histogram(own[f"below: {name}"].dropna(), 20, (0.0, 1.0))[0].tolist()


@pytest.mark.long
@pytest.mark.parametrize(("group", "number"), AGAIN)
def test_the_record_is_of_this_program(group: str, number: int) -> None:
    """Reviews again: the same counts and verdicts, the same probabilities as far as they are known."""
    again = pd.Series(program.answer(group, number), RECORD["columns"])
    row = TABLES[group].iloc[number]
    whole = [
        "studies",
        "rows",
        "patients",
        "relapses",
        "deaths",
        "rises",
        "covered: typical",
        "covered: new",
        "converged",
    ]
    assert again[whole].tolist() == row[whole].tolist()
    known = [name for name in RECORD["columns"] if name == "p_rises" or name.startswith("below: ")]
    shown, kept = (one[known].to_numpy(dtype=float) for one in (again, row))
    np.testing.assert_allclose(shown, kept, rtol=0.0, atol=NEAR, equal_nan=True)


@pytest.mark.long
@pytest.mark.parametrize(("group", "number"), [("prior", 2), ("prior", 3)])
def test_questions_of_a_fit_answer_the_same(group: str, number: int) -> None:
    """`hazard` and `predict` of the fit, from its 4,000 draws."""
    evidence, periods, true = program.review(group, number)
    row = TABLES[group].iloc[number]
    posterior = bm.fit(
        evidence, engine="exact", priors=program.priors(number), periods=periods, random_seed=1
    )
    assert bm.hazard(posterior).attrs["p_rises"] == pytest.approx(row["p_rises"], abs=DRAWN)
    table = bm.predict(posterior, months=[12])
    for name, shift in (("typical", 0.0), ("new", true["u_new"])):
        free = np.exp(-np.exp(program.log_lost(true["h"], shift, true.get("h_death"))))
        answer = table.loc[(f"{name} study", "relapse-free at month 12")]
        assert (answer["ci_low"] <= free <= answer["ci_high"]) == row[f"covered: {name}"]


def test_the_priors_are_the_defaults_of_the_family() -> None:
    for number in (0, 1):
        evidence, periods, _ = program.review("prior", number)
        relapse = FAMILIES["relapse"]
        options = relapse.resolved(relapse.checked_options({"periods": periods}), evidence)
        defaults = relapse.default_priors(evidence, options)
        assert defaults == {name: Prior.parse(text) for name, text in program.priors(number).items()}


def test_simulated_counts_follow_the_intensities() -> None:
    """Relapses by the formula of piecewise constant intensities, written again; who relapsed has left."""
    h, ends, n, size = np.log([0.02, 0.05, 0.1]), (9, 12, 24), 60, 150
    rng = np.random.default_rng(3)
    runs = [program.study("one", ends, n, {"h": h}, (6, 12, 24), rng) for _ in range(size)]
    lost = np.cumsum([6 * 0.02 + 3 * 0.05, 3 * 0.05, 12 * 0.1])
    for at, gone in enumerate(lost):
        total = sum(row["relapses"] for run in runs for row in run[: at + 1])
        low, high = stats.binom(n * size, -np.expm1(-gone)).ppf([TAIL, 1.0 - TAIL])
        assert low <= total <= high
    for run in runs:
        left = np.array([n, *(row["at_risk"] - row["relapses"] for row in run)])
        assert [row["at_risk"] for row in run] == left[:-1].tolist()
