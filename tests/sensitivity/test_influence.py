"""Influence, cumulative analyses and subsets, each against fits made by hand."""

from __future__ import annotations

import numpy as np
import pytest

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.evidence.subset import subset

EFFECTS = bm.Effects.from_estimates(
    [-0.5, -0.2, 0.1, 0.9], [0.2, 0.3, 0.25, 0.2], ["A", "B", "C", "D"], measure="SMD"
)
PRIORS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}


def by_hand(keep):
    """Mean and sd of mu and tau from some of the studies."""
    fit = bm.fit(subset(EFFECTS, np.array(keep)), priors=PRIORS, engine="exact", random_seed=1)
    return bm.summary(fit, parameters=["mu", "tau"]), fit


def test_influence_is_the_difference_of_two_fits() -> None:
    table = bm.influence(EFFECTS, priors=PRIORS, random_seed=1)
    whole, fit = by_hand([True] * 4)
    for i, name in enumerate("ABCD"):
        without, _ = by_hand([j != i for j in range(4)])
        for column, parameter in (("shift", "mu"), ("shift_tau", "tau")):
            moved = without.loc[parameter, "mean"] - whole.loc[parameter, "mean"]
            assert table.loc[name, column] == pytest.approx(moved / whole.loc[parameter, "sd"], abs=1e-6)
    assert table["route"].eq("exact").all() and table["converged"].all()
    assert table["weight"].sum() == pytest.approx(100.0)
    np.testing.assert_allclose(table["weight"], bm.shrinkage(fit)["weight"], rtol=1e-6)
    assert table["hellinger"].between(0.0, 1.0).all()
    assert table["hellinger"].idxmax() == table["shift"].abs().idxmax() == "D"


def test_the_log_predictive_density_of_a_study_is_that_of_the_others_fit() -> None:
    """Log p(y_i | others): by the ratio of two evidences, with nothing else in common with the code."""
    table = bm.influence(EFFECTS, priors=PRIORS, random_seed=1)
    _, whole = by_hand([True] * 4)
    for i, name in enumerate("ABCD"):
        _, without = by_hand([j != i for j in range(4)])
        ratio = bm.model_evidence(whole)["log_evidence"] - bm.model_evidence(without)["log_evidence"]
        assert table.loc[name, "elpd_loo"] == pytest.approx(ratio, abs=1e-5)


def test_eight_schools_leave_one_out_by_weights_alone() -> None:
    """Vehtari, Gelman & Gabry 2017 need k below 0.7; with the marginal likelihood it is below 0.5."""
    schools = bm.load_data("eight_schools")
    effects = bm.Effects.from_estimates(schools["effect"], schools["stderr"], schools["school"], "MD")
    table = bm.influence(effects, priors={"mu": "Normal(0, 50)", "tau": "HalfNormal(5)"}, random_seed=1)
    assert table["pareto_k"].max() < 0.5


def test_cumulative_is_the_fit_of_the_first_studies() -> None:
    table = bm.cumulative(EFFECTS, priors=PRIORS, favours="lower")
    assert len(table) == 4
    for i in range(4):
        summary, fit = by_hand([j <= i for j in range(4)])
        row = table.iloc[i]
        assert row["estimate"] == pytest.approx(summary.loc["mu", "mean"], abs=1e-6)
        assert row["ci_low"] == pytest.approx(summary.loc["mu", "ci_low"], abs=1e-5)
        assert row["p_benefit"] == pytest.approx(bm.prob(fit, "mu", below=0.0), abs=1e-7)
    whole = bm.summary(by_hand([True] * 4)[1], parameters=["mu"]).loc["mu"]
    assert table["estimate"].iloc[-1] == pytest.approx(whole["mean"], abs=1e-6)


def test_subsets_are_all_there_and_each_is_a_fit() -> None:
    table = bm.subsets(EFFECTS, priors=PRIORS, favours="lower")
    assert len(table) == 15 and not table.attrs["sampled"]
    assert len(set(map(tuple, table[list("ABCD")].to_numpy()))) == 15
    for _, row in table.iloc[[0, 5, 9, 14]].iterrows():
        summary, fit = by_hand(row[list("ABCD")].to_numpy(dtype=bool).tolist())
        assert row["estimate"] == pytest.approx(summary.loc["mu", "mean"], abs=1e-5)
        assert row["tau"] == pytest.approx(summary.loc["tau", "mean"], abs=1e-5)
        assert row["p_benefit"] == pytest.approx(bm.prob(fit, "mu", below=0.0), abs=1e-5)
        assert row["size"] == row[list("ABCD")].sum()


def test_one_study_has_no_others() -> None:
    one = bm.Effects.from_estimates([0.1], [0.2], measure="SMD")
    for ask in (bm.influence, bm.subsets):
        with pytest.raises(OptionError, match="stud"):
            ask(one)
