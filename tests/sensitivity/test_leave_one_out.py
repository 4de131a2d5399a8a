"""Does leave_one_out give what a fit of the other studies gives, and metafor's classical answers?"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.errors import DataError, DataWarning, OptionError, PriorError
from bayesma.evidence.subset import subset

# Two exact routes to one number: the whole fit and its integral alone.
SAME = 1e-9
# metafor 3.8 stops REML when a scoring step moves tau2 by less than 1e-5 (tests/classical); mu moves less.
METAFOR = 2e-5


def _direct(evidence: Any, priors: dict[str, str], label: str, **options: Any) -> dict[str, float]:
    """A fit of the other studies, by the public functions."""
    studies = getattr(evidence, "studies", evidence.study)
    fit = bm.fit(subset(evidence, studies != label), priors=priors, engine="exact", random_seed=1, **options)
    row = bm.summary(fit).loc
    mu = next(name for name in ("mu", "mean") if name in fit["posterior"])
    return {
        "estimate": row[mu, "mean"],
        "ci_low": row[mu, "ci_low"],
        "ci_high": row[mu, "ci_high"],
        "p_benefit": float(bm.prob(fit, mu, below=0.0)),
        "p_mid": float(bm.prob(fit, mu, below=-0.2)),
    } | ({"tau": row["tau", "mean"]} if "tau" in fit["posterior"] else {})


def test_every_row_is_a_fit_of_the_other_studies(bcg: bm.Effects) -> None:
    priors = {"mu": "Normal(0, 2)", "tau": "HalfCauchy(0.5)"}
    table = bm.leave_one_out(bcg, priors=priors, favours="lower", mid=0.2)
    assert table.index.tolist() == bcg.study.tolist()
    for label in bcg.study:
        for name, value in _direct(bcg, priors, label).items():
            assert table.loc[label, name] == pytest.approx(value, rel=SAME, abs=SAME), (label, name)
    full = bm.fit(bcg, priors=priors, engine="exact", random_seed=1)
    mu = bm.summary(full).loc["mu"]
    assert table.attrs["full"]["estimate"] == pytest.approx(mu["mean"], rel=SAME)
    np.testing.assert_allclose(table["shift"], (table["estimate"] - mu["mean"]) / mu["sd"], rtol=1e-8)
    assert (table["k"] == 12).all()


@pytest.mark.parametrize(
    "options",
    [
        {"random_effects": "none"},
        {"random_effects": "student_t", "nu": 4.0},
        {"priors": {"mu": "Truncated(Normal(0, 1), upper=0)", "tau": "HalfNormal(0.5)"}},
    ],
    ids=["common", "student_t", "truncated"],
)
def test_other_integrals(bcg: bm.Effects, options: dict[str, Any]) -> None:
    options = dict(options)
    given = options.pop("priors", None)
    table = bm.leave_one_out(bcg, priors=given, favours="lower", mid=0.2, **options)
    label = "TPT Madras 1980"
    for name, value in _direct(bcg, table.attrs["base"], label, **options).items():
        assert table.loc[label, name] == pytest.approx(value, rel=1e-7, abs=1e-7), name
    assert ("tau" in table) == ("tau" in table.attrs["base"])


def test_default_priors_are_those_of_all_studies() -> None:
    """The unit-information sd follows the data: a fit of fewer studies by itself would take another."""
    effects = bm.Effects.from_estimates(
        [1.0, 2.0, 40.0, 3.0], [5.0, 4.0, 90.0, 6.0], list("ABCD"), "MD", n=[20, 30, 40, 25]
    )
    table = bm.leave_one_out(effects)
    own = bm.fit(effects, engine="exact", random_seed=1).attrs["priors"]
    assert table.attrs["base"] == pd.io.json.ujson_loads(own)
    assert table.attrs["defaults"] == ["mu", "tau"]
    alone = bm.fit(subset(effects, effects.study != "C"), engine="exact", random_seed=1)
    assert alone.attrs["priors"] != own
    direct = _direct(effects, table.attrs["base"], "C")
    assert table.loc["C", "estimate"] == pytest.approx(direct["estimate"], rel=SAME)
    assert abs(bm.summary(alone).loc["mu", "mean"] - direct["estimate"]) > 1e-3


def test_moderators_keep_their_centre_and_unit(bcg: bm.Effects) -> None:
    """The fit of 12 trials with latitude centred by hand at the mean of 13 and divided by their sd."""
    priors = {"tau": "HalfNormal(0.5)", "beta": "Normal(0, 4)"}
    table = bm.leave_one_out(bcg, moderators=["ablat"], priors=priors)
    latitude = bcg.table["ablat"].to_numpy(float)
    z = (latitude - latitude.mean()) / latitude.std(ddof=1)
    keep = bcg.study != "Hart & Sutherland 1977"
    y, se = bcg.y[keep], bcg.se[keep]
    tau = np.linspace(0.0, 4.0, 20001)
    prior = 1.0 / 16.0 * np.eye(2)  # Normal(0, 4) on both coefficients
    assert table.attrs["base"]["mu"] == table.attrs["base"]["beta"] == "Normal(0, 4)"
    x = np.column_stack([np.ones(12), z[keep]])
    logs, means = [], []
    for t in tau:
        w = 1.0 / (se**2 + t**2)
        precision = x.T @ (w[:, None] * x) + prior
        mean = np.linalg.solve(precision, x.T @ (w * y))
        quadratic = np.sum(w * y**2) - mean @ precision @ mean
        halves = np.log(w).sum() - np.linalg.slogdet(precision)[1] - quadratic
        logs.append(0.5 * halves - 2.0 * t**2)
        means.append(mean[0])
    weight = np.exp(np.array(logs) - max(logs))
    expected = np.trapezoid(weight * means, tau) / np.trapezoid(weight, tau)
    assert table.loc["Hart & Sutherland 1977", "estimate"] == pytest.approx(expected, abs=1e-6)
    assert "frequentist_estimate" not in table


def test_a_category_that_only_the_missing_study_has() -> None:
    table = pd.DataFrame({"cells": ["UC", "BM", "UC", "UC"]})
    effects = bm.Effects.from_estimates([0.1, 0.9, 0.2, 0.0], [0.2] * 4, list("ABCD"), "SMD", table=table)
    said = r"^without B: cells: UC v BM is the same in all studies left; what is said of their coefficients "
    with pytest.warns(DataWarning, match=said):
        found = bm.leave_one_out(effects, moderators=["cells"])
    assert np.isfinite(found["estimate"]).all()


MEASURES = [("bcg", "RR"), ("bcg", "RD"), ("hine1989", "OR"), ("nielweise2007", "OR"), ("collins1985b", "OR"),
            ("normand1999", "SMD"), ("raudenbush1985", "GEN"), ("pritz1997", "PLO")]  # fmt: skip
SMALL_TAU2 = {("bcg", "RD"), ("raudenbush1985", "GEN")}  # of the order of metafor's stopping rule


@pytest.mark.parametrize(("data", "measure"), MEASURES)
def test_classical_estimates_are_metafors(metafor: dict[str, Any], data: str, measure: str) -> None:
    """Its column, as far as metafor's tau2 goes; at that tau2 the mean of the same studies."""
    found = metafor[data]["measures"][measure]
    y, v = np.array(found["yi"]), np.array(found["vi"])
    effects = bm.Effects.from_estimates(y, np.sqrt(v), [f"{i}" for i in range(y.size)], "GEN")
    theirs = found["fits"]["REML"]["leave1out"]
    for i, tau2 in enumerate(theirs["tau2"]):
        others = subset(effects, np.arange(y.size) != i)
        weight = 1.0 / (others.se**2 + tau2)
        assert np.average(others.y, weights=weight) == pytest.approx(
            theirs["estimate"][i], rel=1e-9, abs=1e-11
        )
    table = bm.leave_one_out(effects, priors={"mu": "Normal(0, 10)", "tau": "HalfNormal(1)"})
    if (data, measure) not in SMALL_TAU2:
        np.testing.assert_allclose(table["frequentist_estimate"], theirs["estimate"], atol=METAFOR)


def test_without_a_cluster(bcg: bm.Effects) -> None:
    table = bm.leave_one_out(bcg, by="alloc", favours="lower")
    assert table.index.tolist() == list(dict.fromkeys(bcg.table["alloc"]))
    for label, row in table.iterrows():
        keep = (bcg.table["alloc"] != label).to_numpy()
        assert row["k"] == keep.sum()
        fit = bm.fit(subset(bcg, keep), priors=table.attrs["base"], engine="exact", random_seed=1)
        assert row["p_benefit"] == pytest.approx(bm.prob(fit, "mu", below=0.0), rel=SAME)
    each = bm.leave_one_out(bcg, by="trial", favours="lower")
    alone = bm.leave_one_out(bcg, favours="lower")
    np.testing.assert_array_equal(each.to_numpy(), alone.to_numpy())


def test_counts_with_two_double_zeros() -> None:
    """They stay in, and leaving one out changes next to nothing: it says little about the odds ratio."""
    counts = bm.TwoArmCounts.from_counts([0, 3, 0, 5], [20, 40, 30, 50], [0, 6, 0, 9], [20, 40, 31, 50])
    table = bm.leave_one_out(counts, favours="lower", mid=0.2)
    for label in ("study 1", "study 2"):
        for name, value in _direct(counts, table.attrs["base"], label).items():
            assert table.loc[label, name] == pytest.approx(value, rel=1e-6), name
    assert table["shift"].abs().max() == table["shift"].abs()[["study 2", "study 4"]].max()
    assert abs(table.loc["study 1", "shift"]) < 0.1


def test_single_arms() -> None:
    arms = bm.ArmCounts.from_counts([3, 9, 0], [10, 20, 15], study=["A", "B", "C"])
    table = bm.leave_one_out(arms, question="mu < 0")
    for label in "ABC":
        direct = _direct(arms, table.attrs["base"], label)
        assert table.loc[label, "estimate"] == pytest.approx(direct["estimate"], rel=1e-6)
        assert table.loc[label, "p_benefit"] == pytest.approx(direct["p_benefit"], rel=1e-6)


def _three_courses() -> bm.Trajectories:
    rows = [("A", 1, -0.1), ("A", 6, -0.4), ("B", 1, -0.2), ("B", 6, -0.3), ("C", 1, 0.0), ("C", 12, -0.5)]
    frame = pd.DataFrame(rows, columns=["s", "t", "y"]).assign(se=0.2)
    return bm.Trajectories.from_estimates(
        frame, study="s", month="t", estimate="y", se="se", within_correlation=0.0, measure="SMD"
    )


def test_a_visit_that_no_other_study_has_keeps_its_place() -> None:
    """One sd at all visits and a line through them: month 12 is then what the line says of it."""
    options = {"between": "cs", "trajectory": "linear"}
    with pytest.warns(DataWarning, match="without C: no study is left with an estimate at month 12"):
        table = bm.leave_one_out(_three_courses(), question="slope < 0", **options)
    fit = bm.fit(
        subset(_three_courses(), [True, True, False]),
        priors=table.attrs["base"],
        engine="exact",
        random_seed=1,
        **options,
    )
    slope = bm.summary(fit).loc["slope"]
    assert table.loc["C", "estimate"] == pytest.approx(slope["mean"], rel=1e-6)
    assert table.loc["C", "p_benefit"] == pytest.approx(bm.prob(fit, "slope", below=0.0), rel=1e-6)
    assert fit["posterior"].sizes.get("visit", 3) == 3
    assert table.attrs["engine"] == "exact"


def test_visits_by_themselves_say_why_one_without_studies_has_no_integral() -> None:
    """Where engine='exact' was asked for; without an engine this study is left out by NUTS."""
    with pytest.raises(PriorError, match=r"without C: .*one has no estimate of any study"):
        bm.leave_one_out(_three_courses(), question="m[6] < 0", between="diagonal", engine="exact")


@pytest.mark.long
def test_visits_by_themselves_take_nuts_for_a_visit_without_studies() -> None:
    with pytest.warns(DataWarning, match="month 12"):
        table = bm.leave_one_out(_three_courses(), question="m[12] < 0", between="diagonal", random_seed=1)
    prior_sd = float(table.attrs["base"]["m"].split(",")[1].strip(" )"))
    assert table.loc["C", "estimate"] == pytest.approx(0.0, abs=0.1 * prior_sd)  # m's prior, around 0
    assert table.loc["C", "ci_high"] == pytest.approx(1.96 * prior_sd, rel=0.1)
    assert table.loc["A", "ci_high"] < prior_sd


def test_a_mean_that_does_not_exist_is_a_median() -> None:
    effects = bm.Effects.from_estimates([-0.5, 0.3, 0.1], [0.2, 0.3, 0.2], list("ABC"), "SMD")
    table = bm.leave_one_out(effects, priors={"mu": "Flat()", "tau": "HalfCauchy(1)"})
    others = subset(effects, [True, False, True])
    fit = bm.fit(others, priors=table.attrs["base"], engine="exact", random_seed=1)
    assert table.loc["B", "estimate"] == pytest.approx(bm.summary(fit).loc["mu", "median"], rel=1e-9)
    assert np.isfinite(table["shift"]).all()


@pytest.mark.parametrize("se", [1e-6, 1e6])
def test_extreme_standard_errors(se: float) -> None:
    effects = bm.Effects.from_estimates([-0.5, 0.3, 0.1], [0.2, se, 0.2], list("ABC"), "SMD")
    table = bm.leave_one_out(effects, favours="lower")
    direct = _direct(effects, table.attrs["base"], "B")
    assert table.loc["B", "estimate"] == pytest.approx(direct["estimate"], rel=SAME)
    if se > 1.0:
        assert table.loc["B", "shift"] == pytest.approx(0.0, abs=1e-5)


def test_two_studies() -> None:
    effects = bm.Effects.from_estimates([-0.5, 0.3], [0.2, 0.3], ["A", "B"], "SMD")
    table = bm.leave_one_out(effects, favours="lower")
    assert table["k"].tolist() == [1, 1]
    assert table["frequentist_estimate"].tolist() == [0.3, -0.5]


def test_one_study() -> None:
    one = bm.Effects.from_estimates([-0.5], [0.2], ["A"], "SMD")
    with pytest.raises(OptionError, match="only 'A'; it needs two studies"):
        bm.leave_one_out(one, favours="lower")


def test_an_improper_posterior_names_the_study() -> None:
    flat = {"mu": "Flat()", "tau": "Flat()"}  # proper from three studies on
    effects = bm.Effects.from_estimates([-0.5, 0.3, 0.1], [0.2, 0.3, 0.2], list("ABC"), "SMD")
    with pytest.raises(PriorError, match=r"^without A: the posterior is improper: k = 2"):
        bm.leave_one_out(effects, priors=flat)


def test_groups_that_leave_nothing_or_are_unknown(bcg: bm.Effects) -> None:
    same = bm.Effects.from_estimates(
        bcg.y, bcg.se, bcg.study.tolist(), "RR", table=bcg.table.assign(land="one")
    )
    with pytest.raises(OptionError, match="'one' in every study, so nothing is left"):
        bm.leave_one_out(same, by="land")
    empty = bm.Effects.from_estimates(
        bcg.y, bcg.se, bcg.study.tolist(), "RR", table=bcg.table.assign(land=[None, *"abcdefghijkl"])
    )
    with pytest.raises(DataError, match="Aronson 1948: land is empty"):
        bm.leave_one_out(empty, by="land")


def test_groups_have_the_name_of_one_column(bcg: bm.Effects) -> None:
    with pytest.raises(OptionError, match=r"by is \['a', 'b'\]; give the name of one column, as a text"):
        bm.leave_one_out(bcg, by=["a", "b"])  # type: ignore[arg-type]


def test_questions_about_a_study_are_refused(bcg: bm.Effects) -> None:
    with pytest.raises(OptionError, match="about one study, which may be left out"):
        bm.leave_one_out(bcg, question="theta[Aronson 1948] < 0")


def test_nothing_asked_has_no_probability(bcg: bm.Effects) -> None:
    table = bm.leave_one_out(bcg)
    assert "p_benefit" not in table
    assert table.attrs["question"] is None


def test_a_function_of_the_fit_is_asked(bcg: bm.Effects) -> None:
    def beyond(fit: Any) -> float:
        """P(theta_new < 0)."""
        return float(bm.prob(fit, "theta_new", below=0.0))

    few = subset(bcg, np.arange(13) < 3)
    table = bm.leave_one_out(few, question=beyond)
    fit = bm.fit(subset(few, [False, True, True]), priors=table.attrs["base"], engine="exact", random_seed=0)
    assert table["p_benefit"].iloc[0] == pytest.approx(bm.prob(fit, "theta_new", below=0.0), rel=SAME)


def test_duplicate_labels_cannot_be_left_out() -> None:
    with pytest.raises(DataError, match="A"):
        bm.Effects.from_estimates([0.1, 0.2], [0.1, 0.1], ["A", "A"])


def test_hundreds_of_studies_take_seconds() -> None:
    rng = np.random.default_rng(1)
    k = 300
    effects = bm.Effects.from_estimates(rng.normal(0, 0.3, k), np.exp(rng.normal(-1, 0.5, k)), measure="SMD")
    start = time.perf_counter()
    bm.leave_one_out(effects, favours="lower")
    assert time.perf_counter() - start < 10.0  # 1.2 s on an idle core; 3,000 studies 31 s


@pytest.mark.slow
def test_nuts_agrees(bcg: bm.Effects) -> None:
    few = subset(bcg, np.arange(13) < 4)
    sampled = bm.leave_one_out(few, favours="lower", engine="nuts", random_seed=1)
    exact = bm.leave_one_out(few, favours="lower")
    assert sampled["converged"].all()
    np.testing.assert_allclose(sampled["estimate"], exact["estimate"], atol=0.05)
    np.testing.assert_allclose(sampled["p_benefit"], exact["p_benefit"], atol=0.03)
