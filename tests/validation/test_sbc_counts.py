"""Calibration by simulation: its machinery runs, it would see a wrong posterior, its record is in order."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

SCRIPT = Path(__file__).with_name("sbc_counts.py")
spec = importlib.util.spec_from_file_location("sbc_counts", SCRIPT)
sbc = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sbc)

# So few simulations only show that nothing is grossly wrong; the verdict is in the record.
FEW = {name: 10 for name in sbc.MODELS} | {"proportion, logit-normal": 20}
GROSS = 1e-5


@pytest.mark.long
@pytest.mark.parametrize("model", list(sbc.MODELS))
def test_a_few_simulations(model: str) -> None:
    result = sbc.calibrate(model, FEW[model])
    assert (result["warnings"], result["simulations"]) == ([], FEW[model])
    assert len(result["quantities"]) >= 4
    for name, quantity in result["quantities"].items():
        assert sum(quantity["bins"]) == FEW[model], name
        assert quantity["p"]["kolmogorov_smirnov"] > GROSS, name


def test_a_simulation_is_the_same_whatever_ran_before() -> None:
    first = sbc.probabilities("proportion, logit-normal", 3)
    sbc.probabilities("proportion, logit-normal", 4)
    assert sbc.probabilities("proportion, logit-normal", 3) == first
    assert all(0.0 <= p <= 1.0 for p in first[0].values())


@pytest.mark.long
def test_right_posteriors_pass_and_wrong_ones_do_not() -> None:
    """A posterior 20 % too narrow or too wide, or off by a fifth of its sd, is found in 1,000 simulations."""
    z = np.random.default_rng(8).standard_normal(1000)
    threshold = sbc.FAMILYWISE / 51
    assert min(sbc.uniformity(stats.norm.cdf(z)).values()) > threshold
    for wrong in (stats.norm.cdf(z / 0.8), stats.norm.cdf(z / 1.2), stats.norm.cdf(z + 0.2)):
        assert min(sbc.uniformity(wrong).values()) < threshold


@pytest.fixture(scope="module")
def record():
    return json.loads(sbc.RECORD.read_text("utf-8"))


def test_the_record_is_complete(record) -> None:
    assert (record["seed"], record["bins"]) == (sbc.SEED, sbc.BINS)
    assert set(record["models"]) == set(sbc.MODELS)
    assert {"python", "bayesma", "numpy", "scipy", "numba"} == set(record["versions"])
    for name, model in record["models"].items():
        assert model["simulations"] == sbc.SIMULATIONS == 1000
        assert (model["options"], model["priors"]) == sbc.MODELS[name][1:]
        assert {"mu", "tau"} <= set(model["quantities"]) or {"mean", "kappa"} <= set(model["quantities"])
        for quantity in model["quantities"].values():
            assert (len(quantity["bins"]), sum(quantity["bins"])) == (sbc.BINS, 1000)
            assert quantity["p"]["chi_square"] == pytest.approx(stats.chisquare(quantity["bins"]).pvalue)


def test_the_record_passed(record) -> None:
    assert record["verdict"] == sbc.verdict(record["models"])
    assert record["verdict"]["passed"]
    assert record["verdict"]["tests"] == 51
