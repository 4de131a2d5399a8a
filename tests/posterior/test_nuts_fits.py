"""Do the questions answer from draws as they do from the grid, and as ArviZ does?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.posterior.prior_share import prior_share

pytestmark = pytest.mark.slow

# The same formula on the same draws.
SAME = 1e-10
# Five Monte Carlo standard errors: one false alarm in a million.
FAR = 5.0


@pytest.fixture(scope="module")
def sampled(effects: bm.Effects) -> xr.DataTree:
    """The model of `fit`, by NUTS."""
    return bm.fit(effects, random_seed=1)


@pytest.fixture(scope="module")
def sampled_heavy() -> xr.DataTree:
    """The model of `heavy`, by NUTS."""
    two = bm.Effects.from_estimates([-0.5, 0.2], [0.2, 0.3], ["A", "B"])
    priors = {"mu": "Flat()", "tau": "HalfCauchy(0.5)"}
    return bm.fit(two, priors=priors, random_seed=1, target_accept=0.99)


def test_summary_is_that_of_arviz(sampled: xr.DataTree) -> None:
    import arviz

    ours = bm.summary(sampled)
    theirs = arviz.summary(sampled, round_to="none", ci_prob=0.95, ci_kind="eti")
    assert ours.index.tolist() == theirs.index.tolist()
    for column in ("mean", "sd", "mcse_mean", "mcse_sd", "ess_bulk", "r_hat"):
        np.testing.assert_allclose(ours[column], theirs[column].astype(float), rtol=SAME, err_msg=column)
    tail = arviz.ess(sampled, method="tail", prob=(0.05, 0.95))  # ArviZ's own default is 0.055 and 0.945
    assert ours.loc["mu", "ess_tail"] == pytest.approx(float(tail["mu"]), rel=SAME)
    np.testing.assert_allclose(ours.loc[ours.index.str.startswith("theta["), "ess_tail"], tail["theta"])


def test_summary_is_near_the_exact_one(sampled: xr.DataTree, fit: xr.DataTree) -> None:
    ours, exact = bm.summary(sampled), bm.summary(fit)
    assert ((ours["mean"] - exact["mean"]).abs() < FAR * ours["mcse_mean"]).all()
    assert ((ours["sd"] - exact["sd"]).abs() < FAR * ours["mcse_sd"]).all()
    assert (ours["r_hat"] < 1.01).all()


def test_infinite_moments_under_nuts_too(sampled_heavy: xr.DataTree) -> None:
    table = bm.summary(sampled_heavy)
    assert table.loc[["mu", "tau", "theta_new"], "sd"].tolist() == [math.inf] * 3
    assert table.loc[["mu", "tau", "theta_new"], ["mcse_mean", "mcse_sd"]].isna().all(axis=None)
    assert np.isfinite(table.loc[["mu", "tau", "theta_new"], ["mean", "ess_bulk", "r_hat"]]).all(axis=None)
    assert np.isfinite(table.loc[["theta[A]", "theta[B]"]]).all(axis=None)


def test_probabilities_are_shares_of_the_draws_or_near_them(sampled: xr.DataTree) -> None:
    """Those of mu average its distribution given tau."""
    mu, theta = sampled["posterior"]["mu"].values, sampled["posterior"]["theta"]
    error = 0.5 / np.sqrt(float(bm.summary(sampled).loc["mu", "ess_bulk"]))
    assert 0.0 < abs(bm.prob(sampled, "mu", below=-0.1) - np.mean(mu < -0.1)) < FAR * error
    assert bm.prob(sampled, "theta", above=0.0)["C"] == float((theta.sel(study="C") > 0).mean())
    table = bm.benefit(sampled, favours="lower", mid=0.1)
    assert table.loc["mu", "p_mid"] == bm.prob(sampled, "mu", below=-0.1)
    assert table.loc["mu", ["p_benefit", "p_harm"]].sum() == pytest.approx(1.0, abs=SAME)


def test_shrinkage_and_shares_are_near_the_exact_ones(sampled: xr.DataTree, fit: xr.DataTree) -> None:
    ours, exact = bm.shrinkage(sampled), bm.shrinkage(fit)
    assert ours["weight"].sum() == pytest.approx(100.0, abs=SAME)
    np.testing.assert_allclose(ours["weight"], exact["weight"], atol=0.5)  # per cent; 4,000 draws give 0.1
    np.testing.assert_allclose(prior_share(sampled), prior_share(fit), atol=0.1)  # quartiles to 3 per cent


def test_no_evidence_from_draws(sampled: xr.DataTree) -> None:
    with pytest.raises(OptionError, match="draws do not give the evidence"):
        bm.model_evidence(sampled)


def test_reloaded_from_netcdf(
    sampled: xr.DataTree, sampled_heavy: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]
) -> None:
    for tree in (sampled, sampled_heavy):
        again = reloaded(tree)
        pd.testing.assert_frame_equal(bm.summary(again), bm.summary(tree))
        pd.testing.assert_frame_equal(bm.shrinkage(again), bm.shrinkage(tree))
        pd.testing.assert_frame_equal(bm.crosscheck(again), bm.crosscheck(tree))
        pd.testing.assert_frame_equal(bm.benefit(again, favours="lower"), bm.benefit(tree, favours="lower"))


def test_compare_both_engines(sampled: xr.DataTree, fit: xr.DataTree) -> None:
    table = bm.compare({"NUTS": sampled, "exact": fit})
    sd = bm.summary(fit).loc["mu", "sd"]
    assert abs(table.loc["NUTS", "estimate"] - table.loc["exact", "estimate"]) < 0.1 * sd
