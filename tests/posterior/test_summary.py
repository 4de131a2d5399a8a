"""Does the summary have the shape, names and numbers it promises, on every scale and after netCDF?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import OptionError

COLUMNS = [
    "mean", "sd", "median", "ci_low", "ci_high", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat",
]  # fmt: skip
DIAGNOSTICS = COLUMNS[5:]
ROWS = ["mu", "tau", "theta[Aronson 1948]", "theta[B [2]]", "theta[C]", "theta_new"]

# Quantile against probability: both from one distribution function, solved to 1e-13 of the range.
INVERSE = 1e-9
# Shifted or rescaled data put the nodes elsewhere: the integral's own accuracy is 1e-9.
SYMMETRY = 1e-7

EXAMPLES = settings(max_examples=15)
ESTIMATES = st.lists(st.floats(-3, 3), min_size=2, max_size=6)
LOCATED = ["mean", "median", "ci_low", "ci_high"]


def test_columns_and_rows(fit: xr.DataTree) -> None:
    table = bm.summary(fit)
    assert table.columns.tolist() == COLUMNS
    assert table.index.tolist() == ROWS
    assert table.index.name == "parameter"
    assert (table.dtypes == np.float64).all()


def test_rows_are_named_as_arviz_names_them(fit: xr.DataTree, common: xr.DataTree) -> None:
    import arviz

    assert bm.summary(fit).index.tolist() == arviz.summary(fit).index.tolist()
    assert bm.summary(common).index.tolist() == arviz.summary(common).index.tolist() == ["mu"]


def test_exact_fits_have_no_monte_carlo_error(fit: xr.DataTree) -> None:
    table = bm.summary(fit)
    assert table[DIAGNOSTICS].isna().all(axis=None)
    assert np.isfinite(table.drop(columns=DIAGNOSTICS)).all(axis=None)


@pytest.mark.parametrize("ci_prob", [0.5, 0.95, 0.999])
def test_interval_is_equal_tailed_with_the_probability_asked(fit: xr.DataTree, ci_prob: float) -> None:
    table = bm.summary(fit, ci_prob=ci_prob)
    tail = 0.5 * (1 - ci_prob)
    for name in ("mu", "tau", "theta_new"):
        assert bm.prob(fit, name, below=table.loc[name, "ci_low"]) == pytest.approx(tail, abs=INVERSE)
        assert bm.prob(fit, name, above=table.loc[name, "ci_high"]) == pytest.approx(tail, abs=INVERSE)
        assert bm.prob(fit, name, below=table.loc[name, "median"]) == pytest.approx(0.5, abs=INVERSE)
    low = table.loc["theta[C]", "ci_low"]
    assert bm.prob(fit, "theta", below=low)["C"] == pytest.approx(tail, abs=INVERSE)


def test_95_per_cent_unless_asked(fit: xr.DataTree) -> None:
    pd.testing.assert_frame_equal(bm.summary(fit), bm.summary(fit, ci_prob=0.95))


def test_display_scale_of_a_ratio(fit: xr.DataTree) -> None:
    analysis, display = bm.summary(fit), bm.summary(fit, scale="display")
    effects = [name for name in ROWS if name != "tau"]
    located = ["median", "ci_low", "ci_high"]
    pd.testing.assert_frame_equal(display.loc[effects, located], np.exp(analysis.loc[effects, located]))
    assert display.loc[effects, ["mean", "sd", "mcse_mean", "mcse_sd"]].isna().all(axis=None)
    pd.testing.assert_series_equal(display.loc["tau"], analysis.loc["tau"])


def test_display_scale_of_a_difference_is_the_analysis_scale(heavy: xr.DataTree) -> None:
    pd.testing.assert_frame_equal(bm.summary(heavy), bm.summary(heavy, scale="display"))


def test_common_effect_is_the_closed_form(exactly: Callable[..., xr.DataTree]) -> None:
    y, se = np.array([1.0, 2.0]), np.array([0.5, 1.0])
    table = bm.summary(exactly(y.tolist(), se.tolist(), {"mu": "Normal(0.5, 2)"}, random_effects="none"))
    precision = np.append(se, 2.0) ** -2.0
    mean, sd = precision @ np.append(y, 0.5) / precision.sum(), precision.sum() ** -0.5
    assert table.index.tolist() == ["mu"]
    assert table.loc["mu", ["mean", "sd"]].tolist() == pytest.approx([mean, sd], rel=1e-12)
    assert table.loc["mu", "ci_high"] == pytest.approx(mean + 1.959963984540054 * sd, rel=1e-12)


def test_a_moment_that_does_not_exist_is_infinite(heavy: xr.DataTree) -> None:
    table = bm.summary(heavy)
    for name in ("mu", "tau", "theta_new"):
        assert math.isfinite(table.loc[name, "mean"])
        assert table.loc[name, "sd"] == math.inf
    assert np.isfinite(table.loc[["theta[A]", "theta[B]"], ["mean", "sd"]]).all(axis=None)
    assert np.isfinite(table[["median", "ci_low", "ci_high"]]).all(axis=None)


def test_a_mean_that_does_not_exist_has_a_sign_only_for_a_scale(heaviest: xr.DataTree) -> None:
    table = bm.summary(heaviest)
    assert math.isnan(table.loc["mu", "mean"])
    assert math.isnan(table.loc["theta_new", "mean"])
    assert table.loc["tau", "mean"] == math.inf
    assert table.loc[["mu", "tau", "theta_new"], "sd"].tolist() == [math.inf] * 3
    assert np.isfinite(table[["median", "ci_low", "ci_high"]]).all(axis=None)


@pytest.mark.parametrize("name", ["fit", "common", "heavy", "heaviest"])
def test_reloaded_from_netcdf(
    name: str, reloaded: Callable[[xr.DataTree], xr.DataTree], request: pytest.FixtureRequest
) -> None:
    tree = request.getfixturevalue(name)
    again = reloaded(tree)
    for scale in ("analysis", "display"):
        pd.testing.assert_frame_equal(bm.summary(again, scale=scale), bm.summary(tree, scale=scale))


def test_parameters_keep_the_order_asked(fit: xr.DataTree) -> None:
    assert bm.summary(fit, parameters=["theta_new", "mu"]).index.tolist() == ["theta_new", "mu"]
    assert bm.summary(fit, parameters="theta").index.tolist() == ROWS[2:5]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"ci_prob": 95}, "ci_prob is 95; it must lie between 0 and 1, for example 0.95"),
        ({"ci_prob": 0.0}, "ci_prob is 0.0; it must lie between 0 and 1"),
        ({"ci_prob": True}, "ci_prob is True; it must lie between 0 and 1"),
        ({"ci_prob": "0.9"}, "ci_prob is '0.9'; it must lie between 0 and 1"),
        ({"ci_prob": math.nan}, "ci_prob is nan; it must lie between 0 and 1"),
        ({"scale": "log"}, "scale is 'log'; it must be 'analysis' or 'display'"),
        ({"parameters": ["nu"]}, "this fit has no parameter 'nu'; it has: mu, tau, theta, theta_new"),
        ({"parameters": "nu"}, "this fit has no parameter 'nu'; it has: mu, tau, theta, theta_new"),
        ({"parameters": []}, "parameters is empty; name one or more of: mu, tau, theta, theta_new"),
    ],
)
def test_mistakes(fit: xr.DataTree, keywords: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        bm.summary(fit, **keywords)  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)


@EXAMPLES
@given(y=ESTIMATES, shift=st.floats(-10, 10))
def test_a_shift_of_the_data_and_the_prior_shifts_the_posterior(
    exactly: Callable[..., xr.DataTree], y: list[float], shift: float
) -> None:
    se = [0.2 + 0.1 * i for i in range(len(y))]
    before = bm.summary(exactly(y, se, {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}))
    moved = {"mu": f"Normal({shift}, 2)", "tau": "HalfNormal(0.5)"}
    after = bm.summary(exactly([v + shift for v in y], se, moved))
    by = np.where(before.index == "tau", 0.0, shift)
    for column in LOCATED:
        np.testing.assert_allclose(after[column], before[column] + by, rtol=0, atol=SYMMETRY)
    np.testing.assert_allclose(after["sd"], before["sd"], rtol=SYMMETRY)


@EXAMPLES
@given(y=ESTIMATES, factor=st.floats(0.01, 100))
def test_another_unit_rescales_the_posterior(
    exactly: Callable[..., xr.DataTree], y: list[float], factor: float
) -> None:
    se = [0.2 + 0.1 * i for i in range(len(y))]
    before = bm.summary(exactly(y, se, {"mu": "Normal(0, 2)", "tau": "HalfCauchy(0.5)"}))
    priors = {"mu": f"Normal(0, {2 * factor})", "tau": f"HalfCauchy({0.5 * factor})"}
    after = bm.summary(exactly([factor * v for v in y], [factor * s for s in se], priors))
    for column in (*LOCATED, "sd"):
        expected = factor * before[column]
        np.testing.assert_allclose(after[column], expected, rtol=SYMMETRY, atol=SYMMETRY * factor)


@EXAMPLES
@given(y=ESTIMATES, data=st.data())
def test_the_order_of_the_studies_is_no_information(
    exactly: Callable[..., xr.DataTree], y: list[float], data: st.DataObject
) -> None:
    se = [0.2 + 0.1 * i for i in range(len(y))]
    study = [f"s{i}" for i in range(len(y))]
    order = data.draw(st.permutations(range(len(y))))
    priors = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}
    fits = [
        exactly([y[i] for i in o], [se[i] for i in o], priors, [study[i] for i in o])
        for o in (range(len(y)), order)
    ]
    one, other = (bm.summary(fit) for fit in fits)
    assert other.index.tolist()[2:-1] == [f"theta[s{i}]" for i in order]
    np.testing.assert_allclose(other.loc[one.index], one, rtol=SYMMETRY, atol=SYMMETRY)
    one, other = (bm.shrinkage(fit) for fit in fits)
    np.testing.assert_allclose(other.loc[one.index], one, rtol=SYMMETRY, atol=SYMMETRY)
