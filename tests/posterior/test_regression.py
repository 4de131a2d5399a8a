"""Coefficients, R2, and the effect where moderators have stated values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta as beta_law
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.resources import DATA

BCG = bm.load_data("bcg")
ROLES = {"events_treat": "tpos", "nonevents_treat": "tneg", "events_ctrl": "cpos", "nonevents_ctrl": "cneg"}
FLAT = {"mu": "Flat()", "beta": "Flat()", "tau": "HalfCauchy(0.5)"}
# R2, and effects of fits sampled or robust, come from draws
MONTE_CARLO = 5.0  # standard errors


@pytest.fixture(scope="module")
def effects() -> bm.Effects:
    return bm.effect_sizes(BCG, "RR", study=["author", "year"], **ROLES)


@pytest.fixture(scope="module")
def fit(effects):
    return bm.fit(effects, engine="exact", moderators=["ablat"], priors=FLAT, random_seed=1)


def by_quadrature(effects, x, at):
    """Mean and sd of x'b at a place, b flat, by plain sums over tau: GLS at each, half-Cauchy(0.5) on tau."""
    tau = np.linspace(0.0, 6.0, 24_001)[1:]
    rows = []
    for one in tau:
        w = 1.0 / (effects.se**2 + one**2)
        covariance = np.linalg.inv(x.T @ (w[:, None] * x))
        b = covariance @ x.T @ (w * effects.y)
        rest = effects.y - x @ b
        height = 0.5 * np.log(w).sum() + 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * (w @ rest**2)
        rows.append((height - np.log1p((one / 0.5) ** 2), at @ b, at @ covariance @ at))
    height, mean, variance = np.array(rows).T
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    centre = weight @ mean
    second = weight @ (variance + tau**2 + (mean - centre) ** 2)
    return centre, np.sqrt(weight @ (variance + (mean - centre) ** 2)), np.sqrt(second)


def test_the_effect_at_a_latitude_is_that_of_sums_over_tau(effects, fit) -> None:
    x = np.column_stack([np.ones(13), BCG["ablat"].to_numpy(dtype=np.float64)])
    table = bm.predict(fit, at={"ablat": [10, 50.0]}, favours="lower")
    for latitude in (10, 50):
        mean, sd, new = by_quadrature(effects, x, np.array([1.0, latitude]))
        found = table.loc[("average study", f"effect at ablat = {latitude}")]
        assert (found["mean"], found["sd"]) == pytest.approx((mean, sd), rel=2e-4)
        fresh = table.loc[("new study", f"effect at ablat = {latitude}")]
        assert (fresh["mean"], fresh["sd"]) == pytest.approx((mean, new), rel=1e-3)
        assert np.isnan(found["mcse_mean"]) and np.isnan(fresh["mcse_mean"])
    assert table.attrs["computed"] == "exact integration, no Monte Carlo error"
    assert "log risk ratio" in table.attrs["estimands"]["new study"]


def test_at_the_centre_it_is_mu_and_theta_new(fit) -> None:
    table = bm.predict(fit, at={"ablat": BCG["ablat"].mean()}, above=[-0.5])
    summary = bm.summary(fit, parameters=["mu", "theta_new"])
    for estimand, name in (("average study", "mu"), ("new study", "theta_new")):
        row = table.loc[estimand].iloc[0]
        columns = ["mean", "sd", "median", "ci_low", "ci_high"]
        np.testing.assert_allclose(row[columns], summary.loc[name, columns], rtol=1e-7)
        assert row["P(> -0.5)"] == pytest.approx(bm.prob(fit, name, above=-0.5), abs=1e-9)


def test_the_table_of_coefficients(fit) -> None:
    table = bm.meta_regression(fit)
    assert table.index.tolist() == ["mu", "ablat", "tau", "R2"]
    summary = bm.summary(fit, parameters=["mu", "beta", "tau"])
    for term, name in (("mu", "mu"), ("ablat", "beta[ablat]"), ("tau", "tau")):
        np.testing.assert_allclose(table.loc[term, ["mean", "sd"]], summary.loc[name, ["mean", "sd"]])
    assert table.loc["ablat", "p_above"] == bm.prob(fit, "beta", above=0.0)["ablat"]
    sd = BCG["ablat"].std()
    assert table.loc["ablat", "per_unit"] == pytest.approx(table.loc["ablat", "median"] / sd, rel=1e-12)
    assert table.loc["ablat", "per_unit_high"] == pytest.approx(table.loc["ablat", "ci_high"] / sd, rel=1e-12)
    assert table.loc[["mu", "tau", "R2"], "per_unit"].isna().all()
    assert table.attrs["centre"]["ablat"] == pytest.approx(BCG["ablat"].mean(), rel=1e-14)


def test_r2_is_the_explained_share_and_near_the_classical_one(fit) -> None:
    draws = fit["posterior"].dataset
    beta, tau = draws["beta"].values[..., 0].ravel(), draws["tau"].values.ravel()
    explained = beta**2 * (BCG["ablat"].var(ddof=0) / BCG["ablat"].var())
    share = explained / (explained + tau**2)
    row = bm.meta_regression(fit).loc["R2"]
    np.testing.assert_allclose(row["mean"], share.mean(), rtol=1e-9)
    np.testing.assert_allclose(row[["ci_low", "ci_high"]], np.quantile(share, [0.025, 0.975]), rtol=1e-2)
    pinned = json.loads((DATA.folder() / "reference" / "metaregression.json").read_text("utf-8"))
    classical = pinned["bcg_viechtbauer2010"]["r2"] / 100.0  # metafor's, in percent
    assert row["ci_low"] < classical < row["ci_high"]


def test_a_moderator_that_says_nothing_has_little_of_the_variance() -> None:
    """Simulated: equal effects, so that R2 follows from the priors alone and its interval is wide."""
    table = pd.DataFrame({"dose": np.arange(8.0)})
    none = bm.Effects.from_estimates(np.zeros(8), np.full(8, 0.05), table=table, measure="SMD")
    fit = bm.fit(none, engine="exact", moderators=["dose"], random_seed=1)
    row = bm.meta_regression(fit).loc["R2"]
    assert row["ci_low"] < 0.05 and row["ci_high"] > 0.7
    assert bm.meta_regression(fit).loc["dose", "p_above"] == pytest.approx(0.5, abs=1e-9)


def test_draws_give_the_same_effects_as_the_integral(effects, fit) -> None:
    """Student-t effects of many degrees of freedom have no exact mean at a place; normal ones have."""
    nearly = bm.fit(
        effects,
        engine="exact",
        moderators=["ablat"],
        priors=FLAT | {"mu": "Normal(0, 100)", "beta": "Normal(0, 100)"},
        random_effects="student_t",
        nu=1e6,
        random_seed=1,
    )
    one, two = (bm.predict(f, at={"ablat": [13, 44]}) for f in (fit, nearly))
    assert two["mcse_mean"].gt(0).all()
    assert (np.abs(one["mean"] - two["mean"]) < MONTE_CARLO * two["mcse_mean"] + 1e-3).all()
    assert two.attrs["computed"].startswith("independent draws")


def test_a_formula_may_be_a_text(effects, fit) -> None:
    same = bm.fit(effects, engine="exact", moderators="~ ablat", priors=FLAT, random_seed=1)
    np.testing.assert_array_equal(bm.meta_regression(same), bm.meta_regression(fit))


def test_known_tau_and_known_mean_leave_the_textbook_posterior() -> None:
    """One study more than coefficients, a common effect: weighted least squares, no tau and no new study."""
    table = pd.DataFrame({"dose": [1.0, 2.0, 3.0]})
    effects = bm.Effects.from_estimates([0.1, 0.5, 0.6], [0.1, 0.2, 0.1], table=table, measure="SMD")
    fit = bm.fit(
        effects,
        engine="exact",
        random_effects="none",
        moderators=["dose"],
        priors={"mu": "Flat()", "beta": "Flat()"},
        random_seed=1,
    )
    x, w = np.column_stack([np.ones(3), table["dose"]]), effects.se**-2.0
    covariance = np.linalg.inv(x.T @ (w[:, None] * x))
    at = np.array([1.0, 4.0])
    mean, sd = at @ covariance @ x.T @ (w * effects.y), np.sqrt(at @ covariance @ at)
    table = bm.predict(fit, at={"dose": 4}, favours="higher")
    assert table.index.tolist() == [("average study", "effect at dose = 4")]
    row = table.iloc[0]
    assert (row["mean"], row["sd"]) == pytest.approx((mean, sd), rel=1e-9)
    assert row["p_benefit"] == pytest.approx(norm.sf(0.0, mean, sd), rel=1e-7)
    assert bm.meta_regression(fit).index.tolist() == ["mu", "dose"]


@pytest.mark.parametrize("kind", [pd.Series, np.array, pd.Index, tuple])
def test_places_are_arrays_of_every_kind(fit, kind) -> None:
    pd.testing.assert_frame_equal(
        bm.predict(fit, at={"ablat": kind([10, 50])}), bm.predict(fit, at={"ablat": [10, 50]})
    )


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ({"ablat": [1, 2], "alloc": ["random"]}, "give one value of each moderator, or equally many"),
        ({}, "give one value of each moderator, or equally many"),
        ({"year": 1950}, r"at names 'year', which is no moderator of this model; its moderators are: ablat"),
        ({"ablat": "north"}, "at holds ablat = 'north'; give a finite number"),
        ([1, 2], r"at is \[1, 2\]; give values by moderator, as in at="),
    ],
)
def test_places_that_are_none_are_refused(fit, at, message) -> None:
    with pytest.raises(OptionError, match=message):
        bm.predict(fit, at=at)


def test_questions_without_moderators_are_refused(effects, fit) -> None:
    plain = bm.fit(effects, engine="exact", random_seed=1)
    for ask in (lambda: bm.meta_regression(plain), lambda: bm.predict(plain, at={"ablat": 10})):
        with pytest.raises(OptionError, match=r"this fit has no moderators; give fit\(evidence, moderators="):
            ask()
    with pytest.raises(OptionError, match="at is about effects, not risks"):
        bm.predict(fit, at={"ablat": 10}, baseline=0.1)


def test_moments_that_do_not_exist_are_those_of_the_summary() -> None:
    """Three studies and two flat coefficients leave one power of tau, and a half-Cauchy two more."""
    table = pd.DataFrame({"dose": [1.0, 2.0, 4.0]})
    three = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.2], measure="SMD", table=table)
    priors = {"mu": "Flat()", "beta": "Flat()", "tau": "HalfCauchy(0.5)"}
    fit = bm.fit(three, moderators=["dose"], priors=priors, engine="exact", random_seed=1)
    found, expected = bm.meta_regression(fit), bm.summary(fit)
    assert np.isinf(found.loc[["mu", "dose", "tau"], "sd"]).all()
    for term, parameter in (("mu", "mu"), ("dose", "beta[dose]"), ("tau", "tau")):
        assert found.loc[term, "mean"] == expected.loc[parameter, "mean"]


# Quantiles of R2's prior, by 65,536 draws: three standard errors of a median at a density of 0.64.
PRIOR_R2 = 0.01


def _nothing(k: int, columns: dict[str, list[float]], **given: object):
    """Studies that say nothing: effects of 0, and moderators of them."""
    table = pd.DataFrame(columns)
    none = bm.Effects.from_estimates(np.zeros(k), np.full(k, 0.2), table=table, measure="SMD")
    return bm.fit(none, engine="exact", moderators=list(columns), random_seed=1, **given)


def test_r2_prints_the_prior_that_it_carries() -> None:
    """One moderator: beta / tau is a Cauchy, so that R2 is Beta(1/2, 1/2), by hand."""
    arcsine = beta_law(0.5, 0.5)
    row = bm.meta_regression(_nothing(4, {"dose": [1.0, 2.0, 3.0, 4.0]})).loc["R2"]
    found = row[["prior_median", "prior_low", "prior_high"]].to_numpy(float)
    np.testing.assert_allclose(found, arcsine.ppf([0.5, 0.025, 0.975]), atol=PRIOR_R2)
    assert row["prior_overlap"] > 0.8 and row["median"] < 0.5  # four effects of 0 pull R2 down, a little
    wide = bm.meta_regression(_nothing(4, {"dose": [1.0, 2.0, 3.0, 4.0]}, priors={"beta": "Normal(0, 2)"}))
    assert wide.loc["R2", "prior_median"] == pytest.approx(0.98, abs=PRIOR_R2)  # the default of mu on beta
    assert any("its median is 0.98" in note for note in wide.attrs["notes"])
    assert wide.drop("R2")["prior_median"].isna().all()


def test_an_improper_prior_leaves_r2_no_prior(fit) -> None:
    row = bm.meta_regression(fit).loc["R2"]
    assert row[["prior_median", "prior_low", "prior_high", "prior_overlap"]].isna().all()


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        ({"dose": [1.0, 2.0, 3.0, 4.0, 5.0, 9.0]}, "sd"),
        ({"dose": [100.0, 200.0, 300.0, 400.0, 500.0, 900.0]}, "own"),
        ({"cells": ["BM", "UC", "BM", "UC", "BM", "UC"]}, "sd"),
        ({"a": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "b": [1.0, -1.0, 1.0, -1.0, 2.0, 0.0]}, "sd"),
        (
            {"a": [0.0, 1.0, 2.0, 3.0, 4.0, 7.0], "b": [3.0, 1.0, 2.0, 0.0, 4.0, 1.0], "c": list("xyxyyx")},
            "sd",
        ),
    ],
    ids=["number", "own unit", "category", "two", "three"],
)
def test_the_default_prior_of_r2_is_not_piled_at_one(columns, unit) -> None:
    row = bm.meta_regression(_nothing(6, columns, moderator_unit=unit)).loc["R2"]
    assert 0.45 < row["prior_median"] < 0.75
    assert row["prior_low"] < 0.1


def test_the_default_of_coefficients_follows_their_unit() -> None:
    """Doses in another unit are the same regression."""
    doses = [1.0, 2.0, 3.0, 4.0]
    one, thousand = (
        bm.meta_regression(_nothing(4, {"dose": [factor * d for d in doses]}, moderator_unit="own"))
        for factor in (1.0, 1000.0)
    )
    assert 1000.0 * thousand.loc["dose", "sd"] == pytest.approx(one.loc["dose", "sd"], rel=5e-3)  # 3 digits


def test_the_default_of_coefficients_does_not_fight_the_data(effects) -> None:
    """BCG on latitude: from -0.420 under a flat prior to -0.403, a seventh of a standard error."""
    default, flat = (
        bm.meta_regression(
            bm.fit(effects, engine="exact", moderators=["ablat"], priors=priors, random_seed=1)
        ).loc["ablat"]
        for priors in ({}, {"beta": "Normal(0, 1000)"})
    )
    assert abs(default["mean"] - flat["mean"]) < 0.2 * flat["sd"]
