"""Is the prior's share the prior's part of the precision where that is defined, and sensible elsewhere?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesma.posterior.prior_share import CONFLICT, prior_conflict, prior_share

# Quartiles are solved to 1e-13 of the range; their ratio is squared.
SHARE = 1e-9


@settings(max_examples=25, deadline=None)
@given(
    y=st.floats(-5, 5),
    se=st.lists(st.floats(0.1, 5), min_size=1, max_size=5),
    sd=st.floats(0.1, 20),
)
def test_conjugate_case_is_the_share_of_the_precision(
    exactly: Callable[..., xr.DataTree], y: float, se: list[float], sd: float
) -> None:
    """Posterior precision is 1 / sd^2 + sum 1 / se^2, and a normal's quartiles are as wide as its sd."""
    fit = exactly([y] * len(se), se, {"mu": f"Normal(0, {sd})"}, random_effects="none")
    own, data = sd**-2.0, sum(s**-2.0 for s in se)
    assert prior_share(fit)["mu"] == pytest.approx(own / (own + data), rel=SHARE)


def test_one_study_says_little_of_tau(exactly: Callable[..., xr.DataTree]) -> None:
    share = prior_share(exactly([0.5], [1.0], {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.1)"}))
    assert share.index.tolist() == ["mu", "tau"]
    assert share.index.name == "parameter"
    assert share["tau"] > 0.99


def test_many_studies_overrule_the_prior(exactly: Callable[..., xr.DataTree]) -> None:
    y = [-1.0, 1.0] * 50
    share = prior_share(exactly(y, [0.1] * 100, {"mu": "Normal(0, 4)", "tau": "HalfCauchy(2)"}))
    assert (share < 0.01).all()


def test_flat_says_nothing(heavy: xr.DataTree) -> None:
    share = prior_share(heavy)
    assert share["mu"] == 0.0
    assert 0.0 < share["tau"] < 1.0


def test_at_most_all_of_it(exactly: Callable[..., xr.DataTree]) -> None:
    """Conflicting data can widen a heavy-tailed prior's posterior; a share stays a share."""
    fit = exactly([0.0, 40.0], [0.1, 0.1], {"mu": "Normal(0, 10)", "tau": "HalfCauchy(0.5)"})
    assert prior_share(fit)["tau"] == 1.0


def test_reloaded_from_netcdf(fit: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]) -> None:
    assert prior_share(reloaded(fit)).to_dict() == prior_share(fit).to_dict()


def test_conflict_is_seen_on_either_side_of_mu_and_above_for_tau(exactly: Callable[..., xr.DataTree]) -> None:
    far = exactly([0.0, 200.0], [0.001, 0.001], {"mu": "Normal(0, 1)", "tau": "HalfNormal(1)"})
    assert prior_conflict(far)["tau"] < CONFLICT
    for sign in (-1.0, 1.0):
        shifted = exactly([5.0 * sign], [0.1], {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.01)"})
        assert prior_conflict(shifted)["mu"] < CONFLICT
    calm = exactly([0.1, 0.1, 0.1], [0.2, 0.2, 0.2], {"mu": "Normal(0, 1)", "tau": "HalfNormal(5)"})
    assert (prior_conflict(calm) >= CONFLICT).all()


def test_a_flat_prior_excludes_nothing(heavy: xr.DataTree) -> None:
    assert prior_conflict(heavy)["mu"] == 0.5
