"""Moderators of level and slope over months: against another integral, metafor's numbers, and invariants."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesma as bm
from bayesma.engines import nuts
from bayesma.errors import DataWarning, OptionError

# 64 x 64 Gauss-Legendre nodes (48 x 48 give the same to 1e-13), against the engine's own standard of 1e-8
QUADRATURE = 1e-7
SAME = 1e-9  # the same posterior by other numbers
PRIORS = {
    "intercept": "Normal(0.3, 2)",
    "slope": "Normal(-0.1, 0.5)",
    "beta": "Normal(0.2, 1.5)",
    "beta_slope": "Normal(0, 0.3)",
    "tau": "HalfNormal(0.5)",
    "rho": "Uniform(0.1, 0.9)",
}
MODEL = {"trajectory": "linear", "between": "cs", "engine": "exact", "random_seed": 1}
BOTH = {"moderators": ["dose", "cells"], "slope_moderators": ["dose"]}
VISITS = [("A", 1), ("A", 3), ("A", 6), ("B", 1), ("B", 6), ("C", 3), ("D", 3), ("D", 6), ("E", 1), ("E", 6)]


def frame() -> pd.DataFrame:
    """Made-up numbers: five studies, three visits, some missing; a dose and a source of cells each."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(VISITS, columns=["study", "month"])
    table["dose"] = table["study"].map({"A": 1.0, "B": 4.0, "C": 2.0, "D": 5.0, "E": 2.5})
    table["cells"] = table["study"].map(dict(zip("ABCDE", ["UC", "BM", "BM", "UC", "BM"], strict=True)))
    table["y"] = -0.3 * table["dose"] + 0.04 * table["month"] * table["dose"] + rng.normal(0, 0.4, 10)
    return table.assign(se=rng.uniform(0.2, 0.5, 10))


def evidence(table: pd.DataFrame | None = None) -> bm.Trajectories:
    """The rows, visits of a study correlated by 0.4."""
    return bm.Trajectories.from_estimates(
        frame() if table is None else table,
        study="study",
        month="month",
        estimate="y",
        se="se",
        within_correlation=0.4,
        within_structure="cs",
        measure="MD",
    )


def dense() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of all ten estimates, their covariance within studies, and which share a study."""
    table = frame()
    one = table.drop_duplicates("study")
    dose = (table["dose"] - one["dose"].mean()) / one["dose"].std()
    cells = (table["cells"] == "UC") - (one["cells"] == "UC").mean()
    month = table["month"].to_numpy(float)
    study, se = table["study"].to_numpy(), table["se"].to_numpy()
    same = study[:, None] == study
    within = np.where(np.eye(10, dtype=bool), 1.0, 0.4 * same) * np.outer(se, se)
    return np.column_stack([np.ones(10), month, dose, cells, month * dose]), within, same


def by_quadrature() -> tuple[float, np.ndarray]:
    """Log evidence, and the posterior mean of all coefficients, from one normal of all ten estimates."""
    x, within, same = dense()
    centre = np.array([0.3, -0.1, 0.2, 0.2, 0.0])
    prior = np.diag(np.array([2.0, 0.5, 1.5, 1.5, 0.3]) ** 2)
    eye = np.eye(10, dtype=bool)
    residual = frame()["y"].to_numpy() - x @ centre

    def at(tau: float, rho: float) -> tuple[float, np.ndarray]:
        """Density of everything, and the mean of the coefficients there."""
        total = within + tau**2 * np.where(eye, 1.0, rho * same) + x @ prior @ x.T
        density = stats.multivariate_normal(cov=total).pdf(residual)
        density *= stats.halfnorm(scale=0.5).pdf(tau) / 0.8
        return density, centre + prior @ x.T @ np.linalg.solve(total, residual)

    nodes, weights = np.polynomial.legendre.leggauss(64)
    found = [
        (w * v * 2.0 * 0.4, *at(2.0 * (z + 1.0), 0.5 + 0.4 * u))
        for z, w in zip(nodes, weights, strict=True)
        for u, v in zip(nodes, weights, strict=True)
    ]
    share = np.array([weight * density for weight, density, _ in found])
    means = share @ np.array([mean for _, _, mean in found]) / share.sum()
    return math.log(share.sum()), means


def test_exact_is_the_integral_of_one_normal_of_all_estimates() -> None:
    log_evidence, means = by_quadrature()
    fit = bm.fit(evidence(), priors=PRIORS, **MODEL, **BOTH)
    assert float(fit["exact"].attrs["log_evidence"]) == pytest.approx(log_evidence, abs=QUADRATURE)
    names = ["intercept", "slope", "beta[dose]", "beta[cells: UC v BM]", "beta_slope[dose]"]
    np.testing.assert_allclose(bm.summary(fit)["mean"][names], means, atol=QUADRATURE)


def test_the_unit_of_a_moderator_is_nobody_s_business() -> None:
    other = frame().assign(dose=lambda table: 1000.0 * table["dose"] + 5.0)
    plain, scaled = (bm.fit(evidence(table), priors=PRIORS, **MODEL, **BOTH) for table in (frame(), other))
    pd.testing.assert_frame_equal(bm.summary(plain), bm.summary(scaled), rtol=0, atol=SAME)
    here, there = (
        bm.predict(fit, at={"dose": dose}, months=[2.0]).loc["average study"]
        for fit, dose in ((plain, 3.0), (scaled, 3005.0))
    )
    pd.testing.assert_frame_equal(here, there, rtol=0, atol=SAME)


def test_a_moderator_of_zero_effect_is_the_model_without() -> None:
    """A prior that holds the coefficients at 0 leaves everything else as it is without them."""
    held = PRIORS | {"beta": "Normal(0, 1e-9)", "beta_slope": "Normal(0, 1e-9)"}
    without = {name: prior for name, prior in PRIORS.items() if "beta" not in name}
    fit = bm.summary(bm.fit(evidence(), priors=held, **MODEL, **BOTH))
    bare = bm.summary(bm.fit(evidence(), priors=without, **MODEL))
    shared = ["intercept", "slope", "tau", "rho", "theta[B, 3]", "theta_new[6]"]
    np.testing.assert_allclose(fit.loc[shared, ["mean", "sd"]], bare.loc[shared, ["mean", "sd"]], atol=1e-7)


def test_the_course_moves_by_the_coefficients() -> None:
    fit = bm.fit(evidence(), priors=PRIORS, **MODEL, **BOTH)
    dose = np.array([1.0, 4.0, 2.0, 5.0, 2.5])
    place = (0.5 - dose.mean()) / dose.std(ddof=1)
    draws = fit["posterior"].dataset.mean(("chain", "draw"))
    centre, moved = (
        bm.predict(fit, months=[2.0, 6.0], at=at)["mean"] for at in ({}, {"dose": 0.5, "cells": "UC"})
    )
    for month in (2.0, 6.0):
        expected = place * (draws["beta"].values[0] + month * draws["beta_slope"].values[0])
        expected += draws["beta"].values[1] * (1.0 - 0.4)
        expected += draws["intercept"].item() + month * draws["slope"].item()
        assert moved["average study", f"month {month:g}"] == pytest.approx(expected, abs=1e-9)
        assert centre["average study", f"month {month:g}"] != pytest.approx(expected, abs=0.1)
    assert bm.predict(fit, at={"dose": 4.5}).attrs["notes"][0] == (
        "the course is that of studies with dose = 4.5; cells at the mean of the studies"
    )


@pytest.mark.parametrize(
    ("options", "at", "message"),
    [
        (
            BOTH,
            {"colour": 1},
            r"^at names 'colour', which is no moderator of this model; its moderators are: dose, ",
        ),
        ({}, {"dose": 1}, r"^at names 'dose', which is no moderator of this model; it has none$"),
        (
            BOTH,
            {"cells": "XX"},
            r"^at holds cells = 'XX'; its categories, each against the first, are: UC v BM$",
        ),
    ],
)
def test_places_that_do_not_exist(options, at, message) -> None:
    priors = {name: prior for name, prior in PRIORS.items() if options or "beta" not in name}
    fit = bm.fit(evidence(), draws=10, priors=priors, **MODEL, **options)
    with pytest.raises(OptionError, match=message):
        bm.predict(fit, at=at)


def test_a_moderator_the_table_has_not() -> None:
    with pytest.raises(
        OptionError, match=r"the input has no moderator 'doze'; did you mean 'dose'\? columns "
    ):
        bm.fit(evidence(), **MODEL, moderators=["doze"])
    with pytest.raises(OptionError, match=r"^option moderators of family 'longitudinal' is 7; it must be a "):
        bm.fit(evidence(), **MODEL, moderators=7)


def test_one_name_is_a_list_of_it() -> None:
    priors = {name: prior for name, prior in PRIORS.items() if name != "beta_slope"}
    one, listed = (
        bm.fit(evidence(), priors=priors, **MODEL, moderators=given) for given in ("dose", ["dose"])
    )
    assert one.attrs["options"] == listed.attrs["options"]


@pytest.mark.long
def test_draws_are_those_of_the_integral_and_other_studies_need_no_compiling() -> None:
    nuts._compiled.clear()
    model = {**MODEL, "engine": "nuts", "progressbar": False, **BOTH}
    for table in (frame(), frame().query("study != 'E'").assign(y=lambda rows: rows["y"] + 0.7)):
        fit = bm.fit(evidence(table), priors=PRIORS, **model)
        checked = fit["crosscheck"].dataset.to_dataframe().set_index("parameter")
        assert {"beta[dose]", "beta[cells: UC v BM]", "beta_slope[dose]"} <= set(checked.index)
        assert checked["z"].abs().max() < 4.5
    assert len(nuts._compiled) == 1


def bcg(measure: str) -> bm.Trajectories:
    """The BCG trials as trajectories of one visit."""
    rows = bm.load_data("bcg")
    a, b, c, d = (rows[name].astype(float) for name in ("tpos", "tneg", "cpos", "cneg"))
    if measure == "OR":
        y, variance = np.log(a * d / (b * c)), 1 / a + 1 / b + 1 / c + 1 / d
    else:
        y = np.log(a / (a + b)) - np.log(c / (c + d))
        variance = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    return bm.Trajectories.from_estimates(
        rows.assign(y=y, se=np.sqrt(variance), month=1),
        study=["author", "year"],
        month="month",
        estimate="y",
        se="se",
        within_correlation=0.0,
        measure=measure,
    )


@pytest.mark.parametrize(
    ("measure", "method", "moderators", "tau2", "slope", "se", "intercept"),
    [
        # van Houwelingen, Arends & Stijnen 2002, doi 10.1002/sim.1040, and metafor's page on it
        ("OR", "ML", ["ablat"], 0.0040, -0.0327, 0.0034, 0.3711),
        # metafor's documentation of rma, and Viechtbauer 2010, doi 10.18637/jss.v036.i03
        ("RR", "REML", ["ablat"], 0.0764, -0.0291, 0.0072, 0.2515),
        ("RR", "REML", ["ablat", "year"], 0.1108, -0.0280, 0.0102, None),
    ],
)
def test_with_one_visit_the_classical_side_is_meta_regression(
    measure, method, moderators, tau2, slope, se, intercept
) -> None:
    latitude = bm.load_data("bcg")["ablat"]
    fit = bm.multivariate(bcg(measure), between="diagonal", method=method, moderators=moderators)
    sd, row = latitude.std(), fit.table.loc["beta[ablat]"]
    # metafor stops its iterations at 1e-5, and prints four digits
    assert fit.tau2[0] == pytest.approx(tau2, abs=1e-4)
    assert row["estimate"] / sd == pytest.approx(slope, abs=6e-5)
    assert row["se"] / sd == pytest.approx(se, abs=6e-5)
    if intercept is not None:
        at_zero = fit.table["estimate"]["m[1]"] - row["estimate"] / sd * latitude.mean()
        assert at_zero == pytest.approx(intercept, abs=1e-4)


def test_classical_coefficients_are_weighted_least_squares() -> None:
    """Given its own covariance between studies, by one dense system."""
    fit = bm.multivariate(
        evidence(), between="cs", trajectory="linear", moderators=["dose", "cells"], slope_moderators=["dose"]
    )
    x, within, same = dense()
    at = frame()["month"].map({1: 0, 3: 1, 6: 2}).to_numpy()
    weight = np.linalg.inv(within + np.where(same, fit.between_covariance[np.ix_(at, at)], 0.0))
    covariance = np.linalg.inv(x.T @ weight @ x)
    np.testing.assert_allclose(fit.table["estimate"], covariance @ x.T @ weight @ frame()["y"], atol=1e-10)
    np.testing.assert_allclose(fit.covariance, covariance, atol=1e-10)
    names = ["intercept", "slope", "beta[dose]", "beta[cells: UC v BM]", "beta_slope[dose]"]
    assert fit.table.index.tolist() == names


def test_columns_that_cannot_be_told_apart_are_loud() -> None:
    twice = evidence(frame().assign(twice=lambda table: 2 * table["dose"]))
    with pytest.raises(OptionError, match=r"^multivariate: beta\[dose\], beta\[twice\] cannot be told apart"):
        bm.multivariate(twice, between="cs", trajectory="linear", moderators=["dose", "twice"])
    priors = {name: prior for name, prior in PRIORS.items() if name != "beta_slope"}
    with pytest.warns(
        DataWarning, match=r"^the input: the moderators dose, twice cannot be told apart in these 5 "
    ):
        bm.fit(twice, priors=priors, draws=10, moderators=["dose", "twice"], **MODEL)
