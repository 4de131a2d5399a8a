"""Is every cell the fit it stands for, is the question the one asked, and are failures loud?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError, PriorError

SAME = 1e-9
EFFECTS = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.25], ["A", "B", "C"], measure="SMD")
VARY = {"mu": ["Normal(0, 0.5)", "StudentT(4, 0, 1)"], "tau": ["HalfNormal(0.2)", "HalfCauchy(0.5)"]}


def test_every_cell_is_a_fit() -> None:
    grid = bm.prior_sensitivity(EFFECTS, VARY, favours="lower", mid=0.1)
    assert grid[["mu_prior", "tau_prior"]].to_numpy().tolist() == [
        [mu, tau] for mu in VARY["mu"] for tau in VARY["tau"]
    ]
    for _, row in grid.iterrows():
        priors = {"mu": row["mu_prior"], "tau": row["tau_prior"]}
        fit = bm.fit(EFFECTS, priors=priors, engine="exact", random_seed=1)
        mu = bm.summary(fit).loc["mu"]
        assert row["estimate"] == pytest.approx(mu["mean"], abs=SAME)
        assert [row["ci_low"], row["ci_high"]] == pytest.approx([mu["ci_low"], mu["ci_high"]], abs=SAME)
        chances = bm.benefit(fit, favours="lower", mid=0.1).loc["mu"]
        assert [row["p_benefit"], row["p_mid"]] == pytest.approx([chances["p_benefit"], chances["p_mid"]])
        assert row["log_evidence"] == pytest.approx(bm.model_evidence(fit)["log_evidence"], abs=SAME)
    assert grid.attrs["engine"] == "exact"
    assert grid.attrs["base"] == {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.25)"}
    assert (grid.attrs["question"], grid.attrs["k"], grid.attrs["vary"]) == ("mu < 0", 3, VARY)


def test_the_order_of_magnitude_of_the_data_does_not_matter() -> None:
    """Everything in another unit: probabilities stay, estimates scale; SEs from 1e-7 to 1e6."""
    ones = bm.prior_sensitivity(
        EFFECTS, {"tau": ["HalfNormal(0.2)"]}, favours="lower", priors={"mu": "Normal(0, 1)"}
    )
    for unit in (1e-6, 1e6):
        scaled = bm.Effects.from_estimates(EFFECTS.y * unit, EFFECTS.se * unit, n=[20, 20, 20])
        grid = bm.prior_sensitivity(
            scaled,
            {"tau": [f"HalfNormal({0.2 * unit!r})"]},
            favours="lower",
            priors={"mu": f"Normal(0, {unit!r})"},
        )
        assert grid.loc[0, "p_benefit"] == pytest.approx(ones.loc[0, "p_benefit"], abs=1e-7)
        assert grid.loc[0, "estimate"] == pytest.approx(ones.loc[0, "estimate"] * unit, rel=1e-7)


@pytest.mark.parametrize("k", [1, 2])
def test_few_studies(k: int) -> None:
    few = bm.Effects.from_estimates([-0.5, -0.2][:k], [0.2, 0.3][:k], measure="SMD")
    grid = bm.prior_sensitivity(few, {"tau": ["HalfNormal(0.1)", "HalfNormal(2)"]}, favours="lower")
    assert grid["p_benefit"].is_monotonic_decreasing
    assert grid["converged"].all()


def test_an_improper_prior_has_no_evidence_and_is_answered() -> None:
    grid = bm.prior_sensitivity(EFFECTS, {"mu": ["Flat()", "Normal(0, 1)"]}, favours="higher")
    assert grid["log_evidence"].isna().tolist() == [True, False]
    assert grid["p_benefit"].between(0.0, 1.0).all()


def test_counts_with_double_zeros_and_their_baselines() -> None:
    counts = bm.TwoArmCounts.from_counts([0, 0, 1], [20, 31, 40], [0, 2, 4], [22, 30, 41])
    grid = bm.prior_sensitivity(
        counts, {"alpha": ["Normal(0, 10)", "Normal(-3, 1)"]}, favours="lower", engine="exact"
    )
    for _, row in grid.iterrows():
        fit = bm.fit(counts, priors={"alpha": row["alpha_prior"]}, engine="exact", random_seed=1)
        assert row["p_benefit"] == pytest.approx(bm.prob(fit, "mu", below=0.0), abs=1e-7)


def test_a_question_in_words() -> None:
    arms = bm.ArmCounts.from_counts([3, 0, 7], [14, 20, 30])
    grid = bm.prior_sensitivity(arms, {"tau": ["HalfNormal(0.5)"]}, question="mu > -1.5")
    fit = bm.fit(arms, priors={"tau": "HalfNormal(0.5)"}, engine="exact", random_seed=1)
    assert grid.loc[0, "p_benefit"] == pytest.approx(bm.prob(fit, "mu", above=-1.5), abs=1e-7)


def test_a_question_about_one_month() -> None:
    frame = pd.DataFrame(
        {"s": list("aabbc"), "t": [1, 6, 1, 6, 6], "y": [-0.2, -0.6, 0.1, -0.3, -0.5], "se": 0.2}
    )
    months = bm.Trajectories.from_estimates(
        frame, study="s", month="t", estimate="y", se="se", within_correlation=0.5, measure="SMD"
    )
    chosen = {"trajectory": "visit", "between": "cs"}
    grid = bm.prior_sensitivity(months, {"tau": ["HalfNormal(0.3)"]}, question="m[6] < 0", **chosen)
    fit = bm.fit(months, priors={"tau": "HalfNormal(0.3)"}, engine="exact", random_seed=1, **chosen)
    assert grid.loc[0, "p_benefit"] == pytest.approx(bm.prob(fit, "m", below=0.0)[6.0], abs=1e-7)
    assert grid.loc[0, "estimate"] == pytest.approx(bm.summary(fit).loc["m[6]", "mean"], abs=1e-7)


def test_a_function_of_the_fit() -> None:
    def next_benefit(fit: xr.DataTree) -> float:
        """Benefit in a new study."""
        return float(bm.benefit(fit, favours="lower").loc["theta_new", "p_benefit"])

    grid = bm.prior_sensitivity(EFFECTS, {"tau": ["HalfNormal(0.2)"]}, question=next_benefit)
    fit = bm.fit(EFFECTS, priors={"tau": "HalfNormal(0.2)"}, engine="exact", random_seed=1)
    assert grid.loc[0, "p_benefit"] == pytest.approx(next_benefit(fit), abs=SAME)
    assert grid.attrs["question"] == "Benefit in a new study"


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({}, "nothing is asked: give favours='lower' or 'higher', or a question"),
        ({"question": "mu"}, "question 'mu' is not understood; write it like 'mu < 0'"),
        ({"question": "nu < 0"}, "names 'nu', which this model has not; it has: mu, tau, theta, theta_new"),
        ({"question": "theta < 0"}, r"theta needs one of: theta\[A\], theta\[B\], theta\[C\]"),
        ({"question": "theta[D] < 0"}, "theta has no 'D'; it has"),
        ({"question": "mu[A] < 0"}, "mu is one number"),
        ({"question": "mu < e"}, "'e' is not a number"),
        (
            {"favours": "lower", "mid": 0.2, "question": lambda fit: 0.5},
            r"mid is 0.2 and question is a function \(what was asked\): a function has no threshold",
        ),
        (
            {"favours": "higher", "mid": 0.2, "question": "mu < 0"},
            "mid is 0.2 and question 'mu < 0': mid is counted to the side of favours='higher'",
        ),
        ({"favours": "lower", "engine": "stan"}, "engine is 'stan'; it must be 'exact', 'nuts', or None"),
    ],
)
def test_mistakes(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        bm.prior_sensitivity(EFFECTS, {"tau": ["HalfNormal(1)"]}, **keywords)


def test_a_difference_that_matters_in_a_written_question() -> None:
    grid = bm.prior_sensitivity(
        EFFECTS, {"tau": ["HalfNormal(0.25)"]}, question="mu < -0.1", favours="lower", mid=0.2
    )
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1)
    assert grid.loc[0, "p_benefit"] == pytest.approx(bm.prob(fit, "mu", below=-0.1), abs=SAME)
    assert grid.loc[0, "p_mid"] == pytest.approx(bm.prob(fit, "mu", below=-0.3), abs=SAME)
    arms = bm.ArmCounts.from_counts([3, 0, 7], [14, 20, 30])
    with pytest.raises(OptionError, match=r"question .proportion > 0\.5.: mid is on the scale of log odds"):
        bm.prior_sensitivity(
            arms, {"tau": ["HalfNormal(1)"]}, question="proportion > 0.5", favours="higher", mid=0.1
        )


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({}, "vary names no parameter"),
        (["HalfNormal(1)"], r"vary is \['HalfNormal\(1\)'\]; give priors to try by parameter, as in"),
        ({"tau": None}, r"vary\['tau'\] is None; give a list of priors to try"),
        ({"tau": "HalfNormal(1)"}, r"give a list of priors to try"),
        ({"nu": ["Gamma(2, 1)"]}, "vary names 'nu', which has no prior in this model; it has: mu, tau"),
        ({"tau": ["Normal(0, 1)"]}, r"prior Normal\(0, 1\) for tau has mass below 0"),
    ],
)
def test_priors_that_cannot_be_tried(vary: Any, words: str) -> None:
    with pytest.raises((OptionError, PriorError), match=words):
        bm.prior_sensitivity(EFFECTS, vary, favours="lower")


@pytest.mark.slow
def test_nuts_meets_exact() -> None:
    vary = {"mu": ["Normal(0, 0.5)", "Normal(0, 2)"], "tau": ["HalfNormal(0.2)", "HalfNormal(0.6)"]}
    exact = bm.prior_sensitivity(EFFECTS, vary, favours="lower", engine="exact")
    nuts = bm.prior_sensitivity(EFFECTS, vary, favours="lower", engine="nuts", random_seed=3, draws=2000)
    assert nuts.attrs["engine"] == "nuts"
    error = np.sqrt(
        exact["p_benefit"] * (1 - exact["p_benefit"]) / 2000
    )  # of 8000 draws a quarter independent
    assert (np.abs(nuts["p_benefit"] - exact["p_benefit"]) < 4 * error).all()
    assert nuts["log_evidence"].isna().all()


@pytest.mark.slow
def test_cells_that_do_not_converge_are_counted() -> None:
    with pytest.warns(bm.errors.ConvergenceWarning, match="2 of 2 cells did not converge"):
        grid = bm.prior_sensitivity(
            EFFECTS,
            {"tau": ["HalfNormal(0.2)", "HalfNormal(1)"]},
            favours="lower",
            engine="nuts",
            random_seed=1,
            draws=5,
            tune=5,
        )
    assert not grid["converged"].any()
    assert math.isfinite(grid.loc[0, "p_benefit"])


@pytest.mark.slow
def test_the_row_of_the_analysis_is_the_fit_that_was_given() -> None:
    """A sampled fit, exact cells: the headline and its row are one number, to the last digit."""
    effects = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.4], measure="SMD")
    fit = bm.fit(effects, draws=200, chains=2, random_seed=1, progressbar=False)
    vary = {"tau": ["HalfNormal(0.25)", "HalfNormal(0.5)"]}
    grid = bm.prior_sensitivity(effects, vary, favours="lower", own_fit=fit, engine="exact")
    own, other = grid["p_benefit"]
    assert own == bm.prob(fit, "mu", below=0.0)
    assert own != bm.prior_sensitivity(effects, vary, favours="lower")["p_benefit"][0]
    assert other == bm.prior_sensitivity(effects, vary, favours="lower")["p_benefit"][1]
    tipped = bm.tipping_point(
        effects, {"tau": "HalfNormal(?)"}, over=(0.1, 1.0), favours="lower", own_fit=fit, engine="exact"
    )
    assert tipped.at_base == own
