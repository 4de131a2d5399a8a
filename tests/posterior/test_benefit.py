"""Does the decision table say who benefits, on the right side, by enough, on average and in a new study?"""

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

# The two sides of one continuous distribution, each summed over the same mixture.
WHOLE = 1e-12
# The mirrored problem has mirrored nodes.
MIRROR = 1e-9


def test_shape(fit: xr.DataTree, common: xr.DataTree) -> None:
    table = bm.benefit(fit, favours="lower", mid=0.2)
    assert table.columns.tolist() == ["p_benefit", "p_mid", "p_harm"]
    assert table.index.tolist() == ["mu", "theta_new"]
    assert table.index.name == "parameter"
    assert bm.benefit(common, favours="lower", mid=0.2).index.tolist() == ["mu"]


@pytest.mark.parametrize("favours", ["lower", "higher"])
def test_benefit_and_harm_make_one(fit: xr.DataTree, favours: str) -> None:
    table = bm.benefit(fit, favours=favours, mid=0.2)
    assert (table["p_benefit"] + table["p_harm"]).tolist() == pytest.approx([1.0, 1.0], abs=WHOLE)
    assert (table["p_mid"] < table["p_benefit"]).all()


@pytest.mark.parametrize("name", ["mu", "theta_new"])
def test_meaning(fit: xr.DataTree, name: str) -> None:
    lower = bm.benefit(fit, favours="lower", mid=0.2).loc[name]
    assert lower["p_benefit"] == bm.prob(fit, name, below=0.0)
    assert lower["p_mid"] == bm.prob(fit, name, below=-0.2)
    assert lower["p_harm"] == bm.prob(fit, name, above=0.0)
    higher = bm.benefit(fit, favours="higher", mid=0.2).loc[name]
    assert higher["p_benefit"] == bm.prob(fit, name, above=0.0)
    assert higher["p_mid"] == bm.prob(fit, name, above=0.2)
    assert higher["p_harm"] == bm.prob(fit, name, below=0.0)


def test_without_a_minimal_difference(fit: xr.DataTree) -> None:
    assert bm.benefit(fit, favours="lower")["p_mid"].isna().all()


@pytest.mark.parametrize("measure", ["OR", "RR"])
def test_the_null_of_a_ratio_is_0_on_the_log_scale(measure: str) -> None:
    """An odds ratio of 0.5 is benefit when low is good; with a null of 1 on the log scale 2.0 would be."""
    for ratio, expected in ((0.5, 1.0), (2.0, 0.0)):
        effects = bm.Effects.from_estimates([math.log(ratio)], [0.01], measure=measure)
        fit = bm.fit(effects, engine="exact", random_seed=1, random_effects="none")
        found = bm.benefit(fit, favours="lower", mid=math.log(1.25)).loc["mu"]
        assert found[["p_benefit", "p_mid"]].tolist() == pytest.approx([expected, expected], abs=WHOLE)


@settings(max_examples=15)
@given(y=st.lists(st.floats(-2, 2), min_size=1, max_size=5), mid=st.floats(0.01, 2))
def test_a_sign_flip_of_the_data_exchanges_lower_and_higher(
    exactly: Callable[..., xr.DataTree], y: list[float], mid: float
) -> None:
    se, priors = [0.3] * len(y), {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}
    here = bm.benefit(exactly(y, se, priors), favours="lower", mid=mid)
    there = bm.benefit(exactly([-v for v in y], se, priors), favours="higher", mid=mid)
    np.testing.assert_allclose(here, there, atol=MIRROR)


def test_reloaded_from_netcdf(fit: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]) -> None:
    tables = [bm.benefit(one, favours="lower", mid=0.2) for one in (fit, reloaded(fit))]
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("mid", [0, -0.2, math.nan, math.inf, True, "0.2"])
def test_a_minimal_difference_is_above_0(fit: xr.DataTree, mid: float) -> None:
    with pytest.raises(OptionError, match=r"^mid is .*; it must be a number above 0: the smallest change"):
        bm.benefit(fit, favours="lower", mid=mid)


@pytest.mark.parametrize("favours", ["low", "", None])
def test_a_direction_is_lower_or_higher(fit: xr.DataTree, favours: str) -> None:
    with pytest.raises(
        OptionError, match=r"^favours is .*; give 'lower' or 'higher': what is good for patients"
    ):
        bm.benefit(fit, favours=favours)
