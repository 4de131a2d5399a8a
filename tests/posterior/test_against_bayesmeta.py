"""Do the questions give the numbers that bayesmeta gives? 25 posteriors of five data sets and five priors."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

import bayesma as bm
from bayesma.resources import DATA

# bayesmeta mixes mu, theta and theta_new over a grid in tau (delta = 0.001): about 1e-3 posterior sd.
MIXTURE = 1e-3
# Its marginal of tau is integrated adaptively: relative.
TAU = 1e-6
# Its quantiles are root searches on that integral: relative to the posterior sd.
TAU_QUANTILE = 1e-4
PROBABILITY = 1e-4
LOG_EVIDENCE = 1e-4

PINNED = json.loads((DATA.folder() / "reference" / "bayesmeta.json").read_text("utf-8"))
TAU_PRIORS = {
    "halfnormal": "HalfNormal({})",
    "halfcauchy": "HalfCauchy({})",
    "uniform": "Uniform(0, {})",
    "halft4": "HalfStudentT(4, {})",
    "exponential": "Exponential({})",
}
CASES = [(name, prior) for name, one in PINNED.items() if "fits" in one for prior in one["fits"]]
ROWS = {"median": "median", "mean": "mean", "sd": "sd", "ci_low": "95% lower", "ci_high": "95% upper"}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[xr.DataTree, dict[str, Any]]:
    """Our fit, and the pinned numbers."""
    name, prior = request.param
    data, theirs = PINNED[name], PINNED[name]["fits"][prior]
    priors = {
        "mu": "Normal({}, {})".format(*theirs["mu_prior"]),
        "tau": TAU_PRIORS[prior].format(theirs["tau_prior_parameter"]),
    }
    effects = bm.Effects.from_estimates(data["y"], data["sigma"])
    return bm.fit(effects, priors=priors, engine="exact", random_seed=1), theirs


def test_there_are_25_cases() -> None:
    assert len(CASES) == 25


def test_summary(case: tuple[xr.DataTree, dict[str, Any]]) -> None:
    fit, theirs = case
    ours = bm.summary(fit)
    pinned = {
        name: dict(zip(theirs["rows"], theirs[key], strict=True))
        for name, key in (("mu", "mu"), ("tau", "tau"), ("theta_new", "predictive"))
    }
    for name, numbers in pinned.items():
        for column, row in ROWS.items():
            exact_row = name == "tau" and column in {"mean", "sd"}
            loose = TAU_QUANTILE if name == "tau" else MIXTURE
            allowed = TAU * numbers[row] if exact_row else loose * numbers["sd"]
            assert ours.loc[name, column] == pytest.approx(numbers[row], abs=allowed), (name, column)


def test_shrinkage(case: tuple[xr.DataTree, dict[str, Any]]) -> None:
    fit, theirs = case
    ours, sd = bm.shrinkage(fit), np.array(theirs["shrinkage_sd"])
    assert np.all(np.abs(ours["mean"] - theirs["shrinkage_mean"]) < MIXTURE * sd)
    assert np.all(np.abs(ours["sd"] - sd) < MIXTURE * sd)


def test_probability_and_benefit(case: tuple[xr.DataTree, dict[str, Any]]) -> None:
    fit, theirs = case
    assert bm.prob(fit, "mu", below=0.0) == pytest.approx(theirs["p_mu_lt_0"], abs=PROBABILITY)
    lower, higher = bm.benefit(fit, favours="lower"), bm.benefit(fit, favours="higher")
    assert lower.loc["mu", "p_benefit"] == pytest.approx(theirs["p_mu_lt_0"], abs=PROBABILITY)
    assert higher.loc["mu", "p_harm"] == pytest.approx(theirs["p_mu_lt_0"], abs=PROBABILITY)


def test_model_evidence(case: tuple[xr.DataTree, dict[str, Any]]) -> None:
    fit, theirs = case
    ours = bm.model_evidence(fit)
    assert ours["log_evidence"] == pytest.approx(theirs["log_marginal"], abs=LOG_EVIDENCE)
    assert ours["log_bf01_mu"] == pytest.approx(math.log(theirs["bf_mu0"]), abs=LOG_EVIDENCE)
    assert ours["log_bf01_tau"] == pytest.approx(math.log(theirs["bf_tau0"]), abs=LOG_EVIDENCE)


def test_compare(case: tuple[xr.DataTree, dict[str, Any]]) -> None:
    fit, theirs = case
    row = bm.compare({"ours": fit}).loc["ours"]
    (_, _, mean, sd, low, high), (_, _, tau, *_) = theirs["mu"], theirs["tau"]
    new_low, new_high = theirs["predictive"][4:]
    assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [mean, low, high], abs=MIXTURE * sd
    )
    new_sd = theirs["predictive"][3]
    assert row[["pi_low", "pi_high"]].tolist() == pytest.approx([new_low, new_high], abs=MIXTURE * new_sd)
    assert row["tau"] == pytest.approx(tau, rel=TAU)
