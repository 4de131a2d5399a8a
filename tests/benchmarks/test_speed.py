"""How long the main job takes: measured, never asserted; `make bench` runs and tabulates."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.engines import gaussian
from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.families.problems import GaussianProblem
from bayesma.priors import Prior

PROCESS_ROUNDS = 5
COLUMNS = {
    "events_treat": "tpos",
    "nonevents_treat": "tneg",
    "events_ctrl": "cpos",
    "nonevents_ctrl": "cneg",
}
COLD_START = """
import bayesma as bm
columns = dict(events_treat="tpos", nonevents_treat="tneg", events_ctrl="cpos", nonevents_ctrl="cneg")
effects = bm.effect_sizes(bm.load_data("bcg"), "RR", study=["author", "year"], **columns)
print(bm.summary(bm.fit(effects, engine={engine!r}, random_seed=1, progressbar=False)))
"""


@pytest.fixture(scope="module")
def bcg() -> bm.Effects:
    return bm.effect_sizes(bm.load_data("bcg"), "RR", study=["author", "year"], **COLUMNS)


def python(*arguments: str) -> None:
    """Run a new interpreter to its end."""
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


@pytest.mark.benchmark(group="a fit of BCG (13 trials)")
def test_frequentist_reml(benchmark, bcg) -> None:
    """REML with Knapp-Hartung: the base of the ratios"""
    assert benchmark(bm.frequentist, bcg, method="REML", ci="hksj").k == 13


@pytest.mark.benchmark(group="a fit of BCG (13 trials)")
def test_exact_kernel(benchmark, bcg) -> None:
    """exact: the bare integral (mu, tau, evidence)"""
    problem = GaussianProblem(
        np.array(bcg.y), np.array(bcg.se), Prior.parse("Normal(0, 4)"), Prior.parse("HalfNormal(0.5)")
    )
    gaussian.solve(problem)
    assert math.isfinite(benchmark(gaussian.solve, problem).log_evidence)


@pytest.mark.benchmark(group="a fit of BCG (13 trials)")
def test_exact_fit_with_summary(benchmark, bcg) -> None:
    """exact: DataTree with 4,000 draws and the whole summary"""
    bm.summary(bm.fit(bcg, engine="exact", random_seed=1))
    table = benchmark(lambda: bm.summary(bm.fit(bcg, engine="exact", random_seed=1)))
    assert table["mean"].notna().all()


@pytest.mark.benchmark(group="a fit of BCG (13 trials)")
def test_nuts_refit(benchmark, bcg) -> None:
    """NUTS refit: new data and prior scale, 4 x (500 + 1000), DataTree, cross-check"""
    settings = {"tune": 500, "draws": 1000, "chains": 4, "progressbar": False}
    bm.fit(bcg, random_seed=1, **settings)
    rounds = iter(range(10_000))

    def refit() -> xr.DataTree:
        number = next(rounds)
        shifted = bm.Effects.from_estimates(bcg.y + 0.001 * number, bcg.se, list(bcg.study), "RR")
        priors = {"mu": f"Normal(0, {2 + 0.001 * number})", "tau": f"HalfNormal({0.5 + 0.001 * number})"}
        return bm.fit(shifted, priors=priors, random_seed=number, **settings)

    assert benchmark.pedantic(refit, rounds=20, warmup_rounds=1).attrs["converged"] == 1


@pytest.fixture(scope="module")
def bcg_counts() -> bm.TwoArmCounts:
    return bm.TwoArmCounts.from_frame(bm.load_data("bcg"), study=["author", "year"], **COLUMNS)


@pytest.fixture(scope="module")
def zero_cells() -> bm.TwoArmCounts:
    columns = {"events_treat": "ai", "n_treat": "n1i", "events_ctrl": "ci", "n_ctrl": "n2i"}
    return bm.TwoArmCounts.from_frame(bm.load_data("nielweise2007"), study="study", **columns)


COUNTS = "counts: BCG (13 trials), Niel-Weise (18, six with an empty cell), Pritz (14 single arms)"


@pytest.mark.benchmark(group=COUNTS)
def test_counts_glmm(benchmark, zero_cells) -> None:
    """Maximum likelihood, model UM.FS, Niel-Weise: the base of the ratios"""
    assert math.isfinite(benchmark(bm.glmm, zero_cells, "UM.FS").estimate)


@pytest.mark.benchmark(group=COUNTS)
def test_counts_exact_two_arms(benchmark, bcg_counts) -> None:
    """exact: binomial, BCG, DataTree with 4,000 draws of everything"""
    bm.fit(bcg_counts, engine="exact", random_seed=1)
    fit = benchmark(lambda: bm.fit(bcg_counts, engine="exact", random_seed=1))
    assert fit.attrs["converged"] == 1


@pytest.mark.benchmark(group=COUNTS)
def test_counts_exact_integral(benchmark, bcg_counts) -> None:
    """exact: binomial, BCG, the integral alone (mu, tau, evidence)"""
    setting = make_setting(bcg_counts, None, None, 1, {})
    integrate(setting)
    integral = benchmark(lambda: integrate(make_setting(bcg_counts, None, None, 1, {})))
    assert integral.error < 1e-5


@pytest.mark.benchmark(group=COUNTS)
def test_counts_exact_single_arms(benchmark) -> None:
    """exact: proportion, Pritz, DataTree with 4,000 draws of everything"""
    arms = bm.ArmCounts.from_frame(bm.load_data("pritz1997"), events="xi", n="ni", study="study")
    bm.fit(arms, engine="exact", random_seed=1)
    fit = benchmark(lambda: bm.fit(arms, engine="exact", random_seed=1))
    assert fit.attrs["converged"] == 1


@pytest.mark.benchmark(group=COUNTS)
@pytest.mark.parametrize("data", ["bcg_counts", "zero_cells"])
def test_counts_nuts_refit(benchmark, data, request) -> None:
    """NUTS refit: binomial, other prior scales, 4 x (1000 + 1000), DataTree, cross-check"""
    counts = request.getfixturevalue(data)
    bm.fit(counts, random_seed=1, progressbar=False)
    rounds = iter(range(10_000))

    def refit() -> xr.DataTree:
        number = next(rounds)
        priors = {"tau": f"HalfNormal({0.5 + 0.001 * number})"}
        return bm.fit(counts, priors=priors, random_seed=number, progressbar=False)

    assert benchmark.pedantic(refit, rounds=10, warmup_rounds=1).attrs["converged"] == 1


MONTHS = "months: Ishak 2007 (46 studies, 4 visits, 82 estimates)"


@pytest.fixture(scope="module")
def ishak() -> bm.Trajectories:
    wide = bm.load_data("ishak2007")
    rows = [
        (row["study"], i, row[f"y{i}i"], row[f"v{i}i"] ** 0.5)
        for _, row in wide.iterrows()
        for i in (1, 2, 3, 4)
        if np.isfinite(row[f"y{i}i"])
    ]
    return months(pd.DataFrame(rows, columns=["study", "month", "y", "se"]), 0.97)


def months(frame: pd.DataFrame, correlation: float) -> bm.Trajectories:
    """Estimates whose errors are autoregressive over the visits."""
    return bm.Trajectories.from_estimates(
        frame,
        study="study",
        month="month",
        estimate="y",
        se="se",
        within_correlation=correlation,
        within_structure="ar1-visit",
    )


UPDRS = {"m": "Normal(0, 100)", "tau": "HalfNormal(10)", "rho": "Uniform(0, 1)"}


@pytest.mark.benchmark(group=MONTHS)
def test_months_reml(benchmark, ishak) -> None:
    """Multivariate REML, HAR(1): the base of the ratios"""
    answer = benchmark(bm.multivariate, ishak, between="har")
    assert answer.k == ishak.k


@pytest.mark.benchmark(group=MONTHS)
def test_months_exact(benchmark, ishak) -> None:
    """exact: a mean at every visit, OU, DataTree with 4,000 draws of everything"""
    arguments = {"priors": UPDRS, "between": "ou", "engine": "exact", "random_seed": 1}
    bm.fit(ishak, **arguments)
    fit = benchmark.pedantic(lambda: bm.fit(ishak, **arguments), rounds=5)
    assert fit.attrs["converged"] == 1


@pytest.mark.benchmark(group=MONTHS)
def test_months_nuts_refit(benchmark, ishak) -> None:
    """NUTS refit: HAR(1), other prior scales, 4 x (1000 + 1000), DataTree"""
    bm.fit(ishak, priors=UPDRS, between="har", random_seed=1, progressbar=False)
    rounds = iter(range(10_000))

    def refit() -> xr.DataTree:
        number = next(rounds)
        priors = UPDRS | {"tau": f"HalfNormal({10 + 0.001 * number})"}
        return bm.fit(ishak, priors=priors, between="har", random_seed=number, progressbar=False)

    fit = benchmark.pedantic(refit, rounds=5, warmup_rounds=1)
    assert fit.attrs["divergences"] == 0


@pytest.mark.benchmark(group=MONTHS)
def test_months_many_studies(benchmark) -> None:
    """NUTS refit: 500 simulated studies at 6 visits, HAR(1), 4 x (1000 + 1000), DataTree"""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "study": np.repeat([f"study {i}" for i in range(500)], 6),
            "month": np.tile([1, 2, 3, 4, 6, 12], 500),
            "y": rng.normal(-1.0, 0.5, 3000),
            "se": rng.uniform(0.1, 0.5, 3000),
        }
    )
    priors = {"m": "Normal(0, 5)", "tau": "HalfNormal(1)", "rho": "Uniform(-1, 1)"}
    arguments = {"priors": priors, "between": "har", "progressbar": False}
    bm.fit(months(frame, 0.5), random_seed=1, **arguments)
    moved = months(frame.assign(y=frame["y"] + 0.01), 0.5)
    fit = benchmark.pedantic(lambda: bm.fit(moved, random_seed=2, **arguments), rounds=1)
    assert fit.attrs["converged"] == 1


RELAPSE = "relapse: published cohorts of MSC in lupus (six, patients counted twice, to 60 months)"


@pytest.fixture(scope="module")
def cohorts() -> bm.FollowUp:
    roles = {role: role for role in ("study", "start", "stop", "at_risk", "relapses")}
    return bm.FollowUp.from_frame(bm.load_data("msc_relapse"), **roles)


@pytest.mark.benchmark(group=RELAPSE)
@pytest.mark.parametrize("hazard", ["constant", "weibull", "random_walk"])
def test_relapse_exact(benchmark, cohorts, hazard) -> None:
    """exact: DataTree with 4,000 draws of everything"""
    arguments = {"hazard": hazard, "engine": "exact", "random_seed": 1}
    bm.fit(cohorts, **arguments)
    fit = benchmark.pedantic(lambda: bm.fit(cohorts, **arguments), rounds=5)
    assert fit.attrs["converged"] == 1


@pytest.mark.benchmark(group=RELAPSE)
def test_relapse_nuts_refit(benchmark, cohorts) -> None:
    """NUTS refit: random walk, other prior scales, 4 x (1000 + 1000), DataTree, cross-check"""
    bm.fit(cohorts, random_seed=1, progressbar=False)
    rounds = iter(range(10_000))

    def refit() -> xr.DataTree:
        number = next(rounds)
        priors = {"s": f"HalfNormal({0.5 + 0.001 * number})"}
        return bm.fit(cohorts, priors=priors, random_seed=number, progressbar=False)

    fit = benchmark.pedantic(refit, rounds=5, warmup_rounds=1)
    assert fit.attrs["converged"] == 1


@pytest.mark.benchmark(group=RELAPSE)
def test_relapse_decision(benchmark, cohorts) -> None:
    """`retreatment` at each of twelve months, three beliefs, two horizons, from 4,000 draws"""
    fit = bm.fit(cohorts, engine="exact", random_seed=1)
    table = benchmark.pedantic(lambda: bm.retreatment(fit, month=range(1, 13)), rounds=5)
    assert len(table) == 2 * 3 * (11 + 12)


@pytest.mark.benchmark(group="many studies")
@pytest.mark.parametrize("k", [10, 100, 1000, 3000])
def test_exact_fit_by_studies(benchmark, k) -> None:
    """exact: k simulated studies, DataTree and the whole summary"""
    rng = np.random.default_rng(1)
    se = rng.uniform(0.1, 0.6, k)
    effects = bm.Effects.from_estimates(rng.normal(-0.3, np.hypot(se, 0.2)), se, measure="SMD")
    bm.summary(bm.fit(effects, engine="exact", random_seed=1))
    table = benchmark.pedantic(lambda: bm.summary(bm.fit(effects, engine="exact", random_seed=1)), rounds=5)
    assert len(table) == k + 3


@pytest.mark.benchmark(group="a new process")
def test_process_python(benchmark) -> None:
    """An empty Python process: the base of the ratios"""
    benchmark.pedantic(python, ("-c", "pass"), rounds=PROCESS_ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="a new process")
def test_process_import(benchmark) -> None:
    """`import bayesma`"""
    benchmark.pedantic(python, ("-c", "import bayesma"), rounds=PROCESS_ROUNDS, warmup_rounds=1)


@pytest.mark.benchmark(group="a new process")
def test_process_help(benchmark) -> None:
    """`bayesma --help`"""
    command = str(Path(sys.executable).with_name("bayesma"))
    benchmark.pedantic(
        lambda: subprocess.run([command, "--help"], check=True, capture_output=True),
        rounds=PROCESS_ROUNDS,
        warmup_rounds=1,
    )


@pytest.mark.benchmark(group="a new process")
@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_process_summary(benchmark, engine) -> None:
    """Cold start to a printed BCG summary"""
    script = COLD_START.format(engine=engine)
    benchmark.pedantic(python, ("-c", script), rounds=PROCESS_ROUNDS, warmup_rounds=1)


GRID = "does the answer survive: BCG (13 trials)"


@pytest.mark.benchmark(group=GRID)
def test_one_exact_fit(benchmark, bcg) -> None:
    """exact: one fit with 4,000 draws: the base of the ratios"""
    bm.fit(bcg, engine="exact", random_seed=1)
    assert benchmark(lambda: bm.fit(bcg, engine="exact", random_seed=1)).attrs["converged"] == 1


@pytest.mark.benchmark(group=GRID)
def test_grid_of_priors_exact(benchmark, bcg) -> None:
    """prior_sensitivity, exact: 400 combinations of priors of mu and tau"""
    priors = {
        "mu": [f"Normal(0, {sd:g})" for sd in np.geomspace(0.1, 10.0, 20)],
        "tau": [f"HalfNormal({scale:g})" for scale in np.geomspace(0.05, 5.0, 20)],
    }
    bm.prior_sensitivity(bcg, priors, favours="lower")
    assert len(benchmark(bm.prior_sensitivity, bcg, priors, favours="lower")) == 400


@pytest.mark.benchmark(group=GRID)
def test_grid_of_scales_by_nuts(benchmark, bcg) -> None:
    """prior_sensitivity, NUTS: 20 scales of tau's prior, compiled once before"""
    priors = {"tau": [f"HalfNormal({scale:g})" for scale in np.geomspace(0.1, 2.0, 20)]}
    arguments = {"favours": "lower", "engine": "nuts", "random_seed": 1}
    bm.prior_sensitivity(bcg, priors, **arguments)
    table = benchmark.pedantic(bm.prior_sensitivity, (bcg, priors), arguments, rounds=5, warmup_rounds=1)
    assert table["converged"].all()


@pytest.mark.benchmark(group=GRID)
def test_leave_one_out(benchmark, bcg) -> None:
    """leave_one_out, exact: 13 fits, REML beside each"""
    bm.leave_one_out(bcg, favours="lower")
    assert len(benchmark(bm.leave_one_out, bcg, favours="lower")) == 13


@pytest.mark.benchmark(group=GRID)
def test_every_subset(benchmark, bcg) -> None:
    """subsets, exact: 8,191 subsets of the trials"""
    bm.subsets(bcg)
    assert len(benchmark.pedantic(bm.subsets, (bcg,), rounds=5)) == 8191


@pytest.mark.benchmark(group=GRID)
def test_meta_regression(benchmark, bcg) -> None:
    """exact: one fit with two moderators, and meta_regression"""
    fitted = {"moderators": ["ablat", "alloc"], "engine": "exact", "random_seed": 1}
    bm.fit(bcg, **fitted)
    assert "R2" in benchmark(lambda: bm.meta_regression(bm.fit(bcg, **fitted))).index
