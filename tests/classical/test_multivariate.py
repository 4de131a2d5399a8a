"""Multivariate REML over visits: metafor's rma.mv on Ishak 2007, limits, and what it refuses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesma as bm
from bayesma.classical.per_visit import per_visit
from bayesma.errors import OptionError
from bayesma.resources import DATA

METAFOR = json.loads(
    (DATA.folder() / "reference" / "oracles" / "ishak2007_metafor_reml.json").read_text("utf-8")
)["fits"]
MONTHS = {1: 3, 2: 6, 3: 12, 4: 24}


def evidence(rows, **within) -> bm.Trajectories:
    frame = pd.DataFrame(rows, columns=["study", "month", "y", "se"])
    return bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", **within
    )


def ishak(*, months: bool = False, scale: float = 1.0, shift: float = 0.0) -> bm.Trajectories:
    rows = [
        (
            row["study"],
            MONTHS[i] if months else i,
            scale * (row[f"y{i}i"] + shift),
            scale * row[f"v{i}i"] ** 0.5,
        )
        for _, row in bm.load_data("ishak2007").iterrows()
        for i in MONTHS
        if np.isfinite(row[f"y{i}i"])
    ]
    return evidence(rows, within_correlation=0.97, within_structure="ar1-visit")


@pytest.mark.parametrize(
    ("name", "between", "months"),
    [("HAR", "har", False), ("CAR_occasion", "ou", False), ("CAR_months", "ou", True)],
)
def test_metafor(name: str, between: str, months: bool) -> None:
    """To what metafor's optimiser leaves open: an error of 1e-5 in a variance moves the mean by far less."""
    ours, theirs = bm.multivariate(ishak(months=months), between=between), METAFOR[name]
    assert ours.table["estimate"].to_numpy() == pytest.approx(np.array(theirs["m"]), abs=1e-6)
    assert ours.table["se"].to_numpy() == pytest.approx(np.array(theirs["m_se"]), abs=1e-6)
    assert ours.covariance == pytest.approx(np.array(theirs["m_cov"]), abs=2e-6)
    assert ours.tau2 == pytest.approx(np.atleast_1d(theirs["tau2"]), abs=5e-5)
    assert ours.rho == pytest.approx(theirs["rho"], abs=1e-5)
    assert ours.log_likelihood == pytest.approx(theirs["logLik"], abs=1e-6)
    assert ours.log_likelihood >= theirs["logLik"] - 1e-8
    assert ours.aic == pytest.approx(theirs["AIC"], abs=2e-6)
    last = ours.contrast([0.0, -1.0, 0.0, 1.0])
    assert last["estimate"] == pytest.approx(theirs["m4_m2"], abs=1e-6)
    assert last["se"] == pytest.approx(theirs["m4_m2_se"], abs=1e-6)
    assert (ours.k, ours.n_estimates, ours.notes) == (46, 82, ())


@pytest.mark.parametrize("between", ["diagonal", "cs", "har", "ou"])
def test_likelihood_is_the_multivariate_normal(between: str) -> None:
    """Full maximum likelihood, study by study with scipy."""
    trajectories = ishak()
    fit = bm.multivariate(trajectories, between=between, method="ML")
    mean, total = fit.table["estimate"].to_numpy(), 0.0
    for i in range(fit.k):
        seen = np.flatnonzero(np.isfinite(trajectories.y[i]))
        at = np.ix_(seen, seen)
        covariance = fit.between_covariance[at] + trajectories.within[i, :, :, 0][at]
        total += stats.multivariate_normal(mean[seen], covariance).logpdf(trajectories.y[i, seen])
    assert fit.log_likelihood == pytest.approx(total, abs=1e-9)


def test_unit_and_origin_do_not_matter() -> None:
    here = bm.multivariate(ishak(), between="cs")
    there = bm.multivariate(ishak(scale=1e3, shift=7.0), between="cs")
    moved = 1e3 * (here.table["estimate"].to_numpy() + 7.0)
    assert there.table["estimate"].to_numpy() == pytest.approx(moved, rel=1e-6)
    assert there.tau2 == pytest.approx(1e6 * here.tau2, rel=1e-5)
    assert there.rho == pytest.approx(here.rho, abs=1e-6)


@pytest.mark.parametrize("step", [pytest.param(1e3, marks=pytest.mark.long), 1e5])
@pytest.mark.parametrize(("between", "trajectory"), [("har", "visit"), ("cs", "visit"), ("har", "linear")])
def test_what_the_mean_takes_up_does_not_matter(between: str, trajectory: str, step: float) -> None:
    """Visits moved apart: the mean moves with them, and nothing else."""
    here = ishak()
    moved = dataclasses.replace(here, y=here.y + step * here.visit)
    near = bm.multivariate(here, between=between, trajectory=trajectory)
    far = bm.multivariate(moved, between=between, trajectory=trajectory)
    shift = step * here.visit if trajectory == "visit" else np.array([0.0, step])
    assert far.table["estimate"].to_numpy() == pytest.approx(near.table["estimate"] + shift, abs=1e-5)
    assert far.table["se"].to_numpy() == pytest.approx(near.table["se"].to_numpy(), rel=1e-6)
    assert far.tau2 == pytest.approx(near.tau2, rel=1e-5)
    assert far.rho == pytest.approx(near.rho, abs=1e-6)
    assert far.notes == ()


@pytest.mark.parametrize("between", ["diagonal", "cs", "har", "ou"])
def test_one_visit_is_the_univariate_fit(between: str) -> None:
    y, se = [-0.5, 0.3, 0.9, -0.2], [0.2, 0.1, 0.4, 0.15]
    rows = [(study, 3, *one) for study, one in zip("ABCD", zip(y, se, strict=True), strict=True)]
    fit = bm.multivariate(evidence(rows, within_correlation=0.0), between=between)
    one = bm.frequentist(bm.Effects.from_estimates(y, se), method="REML", ci="wald")
    assert fit.table.loc["m[3]", ["estimate", "se"]].tolist() == pytest.approx(
        [one.estimate, one.se], abs=1e-7
    )
    assert fit.tau2 == pytest.approx([one.tau2], abs=1e-6)
    assert np.isnan(fit.rho)


def test_a_visit_of_one_study() -> None:
    """REML is flat in a variance of its own; one variance for all visits is told by the others."""
    rows = [
        (f"s{i}", m, y, 0.2 + 0.1 * m) for i, y in enumerate([0.1, 0.5, -0.3, 0.9, 0.0, 0.7]) for m in (1, 2)
    ]
    trajectories = evidence([*rows, ("s0", 6, 3.0, 0.2)], within_correlation=0.5)
    fit = bm.multivariate(trajectories, between="cs")
    assert np.all(np.isfinite(fit.table.to_numpy()))
    assert "one study alone was seen at months 6" in fit.notes
    for between in ("diagonal", "har"):
        with pytest.raises(
            OptionError, match=r"alone was seen at months 6, which cannot .* use between='cs'"
        ):
            bm.multivariate(trajectories, between=between)


@pytest.mark.parametrize("between", ["cs", "har", "ou"])
def test_a_correlation_nothing_tells(between: str) -> None:
    """Every study at one visit: the same as no correlation, and none is reported."""
    rows = [
        (f"s{i}", 1 + i % 3, y, 0.2) for i, y in enumerate([0.1, 0.5, -0.3, 0.9, 0.0, 0.7, 0.2, 1.1, -0.4])
    ]
    fit = bm.multivariate(evidence(rows, within_correlation=0.5), between=between)
    assert np.isnan(fit.rho)
    assert np.isnan(fit.between_covariance[0, 1])
    assert np.all(np.isfinite(np.diag(fit.between_covariance)))
    assert any("correlation cannot be estimated: no study was seen at two" in note for note in fit.notes)


def test_independent_visits_are_separate_fits() -> None:
    rows = [
        (row["study"], i, row[f"y{i}i"], row[f"v{i}i"] ** 0.5)
        for _, row in bm.load_data("ishak2007").iterrows()
        for i in (1, 2, 3)
        if np.isfinite(row[f"y{i}i"])
    ]
    trajectories = evidence(rows, within_correlation=0.0)
    joint = bm.multivariate(trajectories, between="diagonal")
    alone = per_visit(trajectories, ci="wald")
    assert joint.table["estimate"].to_numpy() == pytest.approx(alone["estimate"].to_numpy(), abs=1e-5)
    assert joint.table["se"].to_numpy() == pytest.approx(alone["se"].to_numpy(), abs=1e-5)
    assert joint.tau2 == pytest.approx(alone["tau2"].to_numpy(), abs=1e-3)
    assert alone["k"].tolist() == [24, 22, 25]


def test_a_line_through_points_on_a_line() -> None:
    rows = [
        (s, m, 1.0 - 0.5 * m + d, 0.2) for s, d in (("A", 0.3), ("B", -0.3), ("C", 0.0)) for m in (1, 3, 6)
    ]
    fit = bm.multivariate(evidence(rows, within_correlation=0.5), between="cs", trajectory="linear")
    assert fit.table["estimate"].to_dict() == pytest.approx({"intercept": 1.0, "slope": -0.5}, abs=1e-8)


def test_the_edge_is_said() -> None:
    rows = [(s, m, float(m), 1.0) for s in "ABCD" for m in (1, 2)]
    fit = bm.multivariate(evidence(rows, within_correlation=0.5), between="cs")
    assert fit.tau2 == pytest.approx([0.0], abs=1e-6)
    assert any("variance is estimated at 0 (months: all visits)" in note for note in fit.notes)
    assert fit.table["estimate"].tolist() == pytest.approx([1.0, 2.0])
    assert np.isnan(fit.rho)
    assert any("correlation cannot be estimated" in note for note in fit.notes)


def test_precise_studies() -> None:
    rows = [(s, m, v, 1e-6) for s, v in (("A", 0.1), ("B", 0.4), ("C", -0.2), ("D", 0.0)) for m in (1, 2)]
    fit = bm.multivariate(evidence(rows, within_correlation=0.5), between="diagonal")
    assert fit.tau2 == pytest.approx(np.full(2, np.var([0.1, 0.4, -0.2, 0.0], ddof=1)), rel=1e-4)


def test_refusals() -> None:
    two = [("A", 1, 0.1, 0.2), ("A", 2, 0.3, 0.2), ("B", 1, 0.0, 0.2), ("B", 2, 0.1, 0.2)]
    with pytest.raises(
        OptionError, match=r"needs a number .* prior on it \(Uniform\(0, 1\)\); build it again"
    ):
        bm.multivariate(evidence(two, within_correlation="Uniform(0, 1)"))
    with pytest.raises(
        OptionError, match="4 estimates cannot tell 2 coefficients and 3 covariance parameters"
    ):
        bm.multivariate(evidence(two, within_correlation=0.5))
    one = evidence([("A", m, 0.1, 0.2) for m in range(1, 7)], within_correlation=0.5)
    with pytest.raises(OptionError, match="1 study cannot tell how studies differ"):
        bm.multivariate(one, between="cs", trajectory="linear")
    same = evidence([(s, 3, 0.1, 0.2) for s in "ABCD"], within_correlation=0.5)
    with pytest.raises(OptionError, match="'linear' needs at least 2 visits"):
        bm.multivariate(same, between="cs", trajectory="linear")
    with pytest.raises(OptionError, match="per_visit takes Trajectories; a DataFrame was given"):
        per_visit(pd.DataFrame())
    with pytest.raises(OptionError, match="between is 'un'; it must be one of 'diagonal', 'cs'"):
        bm.multivariate(evidence(two, within_correlation=0.5), between="un")
    with pytest.raises(OptionError, match="multivariate takes Trajectories; a DataFrame was given"):
        bm.multivariate(pd.DataFrame())
    fit = bm.multivariate(evidence(two, within_correlation=0.5), between="cs")
    with pytest.raises(OptionError, match="contrast takes 2 weights"):
        fit.contrast([1.0])
    with pytest.raises(OptionError, match="not all of them 0"):
        fit.contrast([0.0, 0.0])
