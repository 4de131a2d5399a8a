"""Do answers of either school stand side by side in one shape?"""

from __future__ import annotations

import math

import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError


def test_shape_and_meaning(effects: bm.Effects, fit: xr.DataTree) -> None:
    reml = bm.frequentist(effects, method="REML", ci="hksj")
    table = bm.compare({"exact": fit, "REML+HKSJ": reml})
    assert table.columns.tolist() == ["estimate", "ci_low", "ci_high", "pi_low", "pi_high", "tau"]
    assert table.index.tolist() == ["exact", "REML+HKSJ"]
    assert table.index.name == "label"
    ours = bm.summary(fit)
    assert table.loc["exact"].tolist() == [
        *ours.loc["mu", ["mean", "ci_low", "ci_high"]],
        *ours.loc["theta_new", ["ci_low", "ci_high"]],
        ours.loc["tau", "mean"],
    ]
    theirs = [reml.estimate, reml.ci_low, reml.ci_high, reml.pi_low, reml.pi_high, reml.tau]
    assert table.loc["REML+HKSJ"].tolist() == theirs


def test_ci_prob_is_that_of_the_posterior(fit: xr.DataTree) -> None:
    row, ours = bm.compare({"a": fit}, ci_prob=0.5).loc["a"], bm.summary(fit, ci_prob=0.5)
    assert row[["ci_low", "ci_high"]].tolist() == ours.loc["mu", ["ci_low", "ci_high"]].tolist()
    assert row[["pi_low", "pi_high"]].tolist() == ours.loc["theta_new", ["ci_low", "ci_high"]].tolist()


def test_common_effect_predicts_nothing_new(effects: bm.Effects, common: xr.DataTree) -> None:
    table = bm.compare({"exact": common, "EE": bm.frequentist(effects, method="EE", ci="wald")})
    assert table[["pi_low", "pi_high"]].isna().all(axis=None)
    assert table["tau"].tolist() == [0.0, 0.0]


def test_medians_where_means_do_not_exist(heavy: xr.DataTree, heaviest: xr.DataTree) -> None:
    table = bm.compare({"mean": heavy, "none": heaviest})
    assert (
        table.loc["mean", ["estimate", "tau"]].tolist()
        == bm.summary(heavy).loc[["mu", "tau"], "mean"].tolist()
    )
    medians = bm.summary(heaviest).loc[["mu", "tau"], "median"].tolist()
    assert table.loc["none", ["estimate", "tau"]].tolist() == medians
    assert all(math.isfinite(value) for value in medians)


@pytest.mark.parametrize(
    ("fits", "keywords", "message"),
    [
        ({}, {}, "compare needs at least one fit, as in compare({'NUTS': fit})"),
        ({"mine": 3}, {}, "compare: 'mine' is a int; give results of fit or frequentist"),
        ({"mine": 3}, {"ci_prob": 95}, "ci_prob is 95; it must lie between 0 and 1, for example 0.95"),
    ],
)
def test_mistakes(fits: dict[str, xr.DataTree], keywords: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        bm.compare(fits, **keywords)
    assert str(raised.value) == message
