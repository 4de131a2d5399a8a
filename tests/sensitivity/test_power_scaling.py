"""Are prior and likelihood scaled that should be, and does the diagnosis follow?"""

from __future__ import annotations

import arviz
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayesma as bm
from bayesma.errors import OptionError

SCHOOLS = bm.load_data("eight_schools")
EFFECTS = bm.Effects.from_estimates(
    SCHOOLS["effect"], SCHOOLS["stderr"], SCHOOLS["school"].tolist(), measure="MD"
)
ROUNDING = 1e-9  # a constant is added to log priors
PRIORS = {"mu": "Normal(0, 50)", "tau": "HalfNormal(5)"}


@pytest.fixture(scope="module")
def schools() -> xr.DataTree:
    return bm.fit(EFFECTS, priors=PRIORS, engine="exact", random_seed=1)


def check_groups(fit: xr.DataTree) -> None:
    """The marginal likelihood and the hyper-parameters' prior are stored: not the conditional at theta."""
    posterior = fit["posterior"].dataset
    stored = fit["log_likelihood"]["y"].transpose("chain", "draw", "study").values
    mu, tau = (posterior[name].values[..., None] for name in ("mu", "tau"))
    marginal = stats.norm.logpdf(EFFECTS.y, mu, np.hypot(EFFECTS.se, tau))
    theta = posterior["theta"].transpose("chain", "draw", "study").values
    conditional = stats.norm.logpdf(EFFECTS.y, theta, EFFECTS.se)
    assert stored == pytest.approx(marginal, abs=1e-10)
    assert np.mean(np.abs(stored - conditional) > 0.01) > 0.5
    assert set(fit["log_prior"].data_vars) == {"mu", "tau"}
    prior = fit["log_prior"].dataset
    assert prior["mu"].values == pytest.approx(stats.norm.logpdf(posterior["mu"].values, 0, 50), abs=1e-10)
    expected = stats.halfnorm.logpdf(posterior["tau"].values, scale=5)
    assert prior["tau"].values == pytest.approx(expected, abs=1e-10)


def test_what_is_scaled(schools: xr.DataTree) -> None:
    check_groups(schools)
    assert float(arviz.loo(schools, pointwise=True).pareto_k.max()) < 0.5


@pytest.mark.slow
def test_what_is_scaled_of_nuts() -> None:
    fit = bm.fit(EFFECTS, priors=PRIORS, random_seed=1, progressbar=False)
    check_groups(fit)
    assert float(arviz.loo(fit, pointwise=True).pareto_k.max()) < 0.5
    found = bm.power_scaling(fit)
    assert found.loc["mu", "diagnosis"] == "the data decide"


def test_the_numbers_are_arviz_s(schools: xr.DataTree) -> None:
    found = bm.power_scaling(schools)
    for group in ("prior", "likelihood"):
        theirs = arviz.psense(schools, var_names=["mu", "tau"], group=group)
        assert found[group].to_dict() == pytest.approx({n: float(theirs[n]) for n in ("mu", "tau")})
    assert list(found.columns) == ["prior", "likelihood", "prior_mu", "prior_tau", "diagnosis"]
    assert found.loc["tau", "prior_tau"] > 10 * found.loc["tau", "prior_mu"]


def test_the_diagnosis() -> None:
    def of(y: list[float], se: list[float], mu: str) -> str:
        effects = bm.Effects.from_estimates(y, se, measure="SMD")
        fit = bm.fit(effects, priors={"mu": mu}, engine="exact", random_effects="none", random_seed=1)
        return str(bm.power_scaling(fit).loc["mu", "diagnosis"])

    assert of([1.0, 1.1], [0.1, 0.1], "Normal(0, 10)") == "the data decide"
    assert of([1.0, 1.1], [0.3, 0.3], "Normal(-1, 0.2)") == "possible conflict of prior and data"
    assert of([0.0, 0.1], [5.0, 5.0], "Normal(1, 0.2)") == "strong prior, or weak data"


@pytest.mark.parametrize("constant", ["Flat()", "Uniform(-100, 100)"])
def test_a_constant_prior_has_no_sensitivity(schools: xr.DataTree, constant: str) -> None:
    """Every power of a constant is a constant; what else there is, is scaled as ever."""
    fit = bm.fit(EFFECTS, priors=PRIORS | {"mu": constant}, engine="exact", random_seed=1)
    found = bm.power_scaling(fit)
    assert found["prior_mu"].tolist() == [0.0, 0.0]
    assert found["prior"].tolist() == pytest.approx(found["prior_tau"].tolist(), rel=ROUNDING)
    assert found.loc["tau", "prior"] > 0.0
    alone = bm.fit(EFFECTS, priors={"mu": constant}, random_effects="none", engine="exact", random_seed=1)
    assert bm.power_scaling(alone)[["prior", "prior_mu"]].to_numpy().tolist() == [[0.0, 0.0]]
    assert bm.power_scaling(alone).loc["mu", "diagnosis"] == "the data decide"


def test_vectors_have_a_row_each() -> None:
    import pandas as pd

    table = pd.DataFrame({"dose": [1.0, 4.0, 2.0, 8.0], "cells": ["UC", "BM", "UC", "BM"]})
    effects = bm.Effects.from_estimates([-0.5, 0.1, 0.2, 0.4], [0.2] * 4, measure="SMD", table=table)
    found = bm.power_scaling(bm.fit(effects, engine="exact", moderators=["dose", "cells"], random_seed=1))
    assert found.index.tolist() == ["mu", "beta[dose]", "beta[cells: UC v BM]", "tau"]
    assert "prior_beta" in found.columns


def test_tail_probabilities_are_those_of_the_prior_predictive() -> None:
    """A common effect: y ~ N(m, s^2 + se^2), the pooled mean ~ N(m, s^2 + 1 / sum of precisions)."""
    effects = bm.Effects.from_estimates([-0.5, 2.0], [0.2, 0.3], ["A", "B"], measure="SMD")
    fit = bm.fit(
        effects, engine="exact", random_effects="none", priors={"mu": "Normal(0.1, 0.5)"}, random_seed=1
    )
    found = bm.prior_data_conflict(fit)
    sd = np.hypot(0.5, effects.se)
    assert found["p"].to_numpy()[:2] == pytest.approx(
        2 * stats.norm.sf(np.abs(effects.y - 0.1) / sd), abs=2e-3
    )
    weight = effects.se**-2
    pooled = float(weight @ effects.y / weight.sum())
    expected = 2 * stats.norm.sf(abs(pooled - 0.1) / np.hypot(0.5, weight.sum() ** -0.5))
    assert found.loc["all studies", "p"] == pytest.approx(expected, abs=2e-3)
    assert found["surprising"].tolist() == [False, True, False]
    interval = stats.norm.ppf(0.975) * sd[0]
    assert found.loc["A", ["low", "high"]].tolist() == pytest.approx(
        [0.1 - interval, 0.1 + interval], abs=5e-3
    )


def test_tail_probabilities_of_heavy_tails_against_draws(schools: xr.DataTree) -> None:
    effects = bm.Effects.from_estimates([3.0, 0.1], [0.2, 0.5], ["A", "B"], measure="SMD")
    priors = {"mu": "StudentT(4, 0, 1)", "tau": "HalfCauchy(0.3)"}
    for options in ({}, {"random_effects": "student_t", "nu": 3}):
        fit = bm.fit(effects, engine="exact", priors=priors, random_seed=1, **options)
        rng = np.random.default_rng(1)
        n = 400_000
        deviate = rng.standard_t(3, n) if options else rng.standard_normal(n)
        theta = rng.standard_t(4, n) + np.abs(0.3 * rng.standard_cauchy(n)) * deviate
        drawn = theta + 0.2 * rng.standard_normal(n)
        share = float((drawn > 3.0).mean())
        error = np.sqrt(share * (1 - share) / n)
        assert bm.prior_data_conflict(fit).loc["A", "p"] == pytest.approx(2 * share, abs=8 * error + 4e-3)


def test_mistakes() -> None:
    effects = bm.Effects.from_estimates([-0.5, 2.0], [0.2, 0.3], measure="SMD")
    flat = bm.fit(effects, engine="exact", priors={"mu": "Flat()"}, random_seed=1)
    with pytest.raises(OptionError, match=r"the prior Flat\(\) of mu is improper"):
        bm.prior_data_conflict(flat)
    with pytest.raises(OptionError, match="this question is asked of a fit"):
        bm.power_scaling({"mu": 1})


def test_few_draws_are_refused_in_words() -> None:
    few = bm.fit(EFFECTS, priors=PRIORS, engine="exact", random_seed=1, draws=13, chains=2)
    with pytest.raises(
        OptionError, match="26 draws are too few for their tails; fit again with at least 100"
    ):
        bm.power_scaling(few)
