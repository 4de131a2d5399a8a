"""Does each study shrink towards the mean by what its precision says, with weights that make 100 per cent?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError

# Closed forms and one mixture summed twice.
SAME = 1e-10


def test_shape(effects: bm.Effects, fit: xr.DataTree) -> None:
    table = bm.shrinkage(fit)
    assert table.columns.tolist() == ["observed", "observed_se", "mean", "sd", "ci_low", "ci_high", "weight"]
    assert table.index.tolist() == effects.study.tolist()
    assert table.index.name == "study"
    np.testing.assert_array_equal(table["observed"], effects.y)
    np.testing.assert_array_equal(table["observed_se"], effects.se)


def test_agrees_with_the_summary(fit: xr.DataTree) -> None:
    columns = ["mean", "sd", "ci_low", "ci_high"]
    rows = bm.summary(fit, ci_prob=0.8, parameters="theta")[columns]
    np.testing.assert_array_equal(bm.shrinkage(fit, ci_prob=0.8)[columns], rows)


def test_shrinks_between_the_estimate_and_the_mean(fit: xr.DataTree) -> None:
    table, mean = bm.shrinkage(fit), bm.summary(fit).loc["mu", "mean"]
    outermost = table.loc[["Aronson 1948", "C"]]
    assert ((outermost["mean"] - mean).abs() < (outermost["observed"] - mean).abs()).all()


def test_weights_are_shares_averaged_over_tau(exactly: Callable[..., xr.DataTree]) -> None:
    """With tau all but known the weights are 1 / (se^2 + tau^2), normalised."""
    se, tau = np.array([0.2, 0.5, 1.0]), 0.4
    priors = {"mu": "Normal(0, 2)", "tau": f"Uniform({tau - 1e-9}, {tau + 1e-9})"}
    weight = bm.shrinkage(exactly([0.0, 1.0, 2.0], se.tolist(), priors))["weight"]
    share = 1 / (se**2 + tau**2)
    assert weight.tolist() == pytest.approx(100 * share / share.sum(), rel=1e-6)


def test_weights_make_100(fit: xr.DataTree, common: xr.DataTree, heavy: xr.DataTree) -> None:
    for tree in (fit, common, heavy):
        assert bm.shrinkage(tree)["weight"].sum() == pytest.approx(100.0, abs=SAME)


def test_common_effect(effects: bm.Effects, common: xr.DataTree) -> None:
    table, mu = bm.shrinkage(common), bm.summary(common).loc["mu"]
    for column in ("mean", "sd", "ci_low", "ci_high"):
        assert table[column].tolist() == [mu[column]] * effects.k
    precision = effects.se**-2.0
    assert table["weight"].tolist() == pytest.approx(100 * precision / precision.sum(), rel=SAME)


def test_reloaded_from_netcdf(
    fit: xr.DataTree, common: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]
) -> None:
    for tree in (fit, common):
        pd.testing.assert_frame_equal(bm.shrinkage(reloaded(tree)), bm.shrinkage(tree))


def test_mistakes(fit: xr.DataTree) -> None:
    with pytest.raises(OptionError, match=r"^ci_prob is 95; it must lie between 0 and 1, for example 0\.95$"):
        bm.shrinkage(fit, ci_prob=95)
