"""Is the prior's share the prior's part of the precision where that is defined, and sensible elsewhere?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bayesma as bm
from bayesma.posterior.prior_share import CONFLICT, RULES, prior_conflict, prior_overlap, prior_share

# Quartiles are solved to 1e-13 of the range; their ratio is squared.
SHARE = 1e-9


@settings(max_examples=25)
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


# Gauss nodes on an integrand with two kinks.
AREA = 1e-3


@pytest.mark.parametrize("se", [0.05, 0.5, 1.0, 3.0, 20.0])
def test_overlap_of_two_normals_of_one_mean(exactly: Callable[..., xr.DataTree], se: float) -> None:
    """They cross where x^2 (1/s^2 - 1) = -2 log s; between the crossings the prior is the smaller."""
    s = (1.0 + se**-2.0) ** -0.5
    crossing = np.sqrt(-2.0 * np.log(s) / (s**-2.0 - 1.0))
    area = 2.0 * (stats.norm.sf(crossing / s) + stats.norm.cdf(crossing) - 0.5)
    fit = exactly([0.0], [se], {"mu": "Normal(0, 1)"}, random_effects="none")
    assert prior_overlap(fit)["mu"] == pytest.approx(area, abs=AREA)
    assert (prior_overlap(fit)["mu"] > RULES) == (se >= 1.0)


def test_overlap_sees_a_shift_where_the_share_sees_none(exactly: Callable[..., xr.DataTree]) -> None:
    """Two normals of one sd, a distance d apart, share 2 Phi(-d / 2)."""
    fit = exactly([40.0], [10.0], {"mu": "Normal(0, 1)"}, random_effects="none")
    s = (1.0 + 0.01) ** -0.5
    distance = 0.4 * s**2
    assert prior_share(fit)["mu"] > 0.98
    assert prior_overlap(fit)["mu"] == pytest.approx(2 * stats.norm.cdf(-distance / 2), abs=0.01)


def test_overlap_where_nothing_happened_and_where_much_did() -> None:
    bare = bm.TwoArmCounts.from_counts([0, 0], [20, 31], [0, 0], [22, 30])
    fixed = bm.fit(bare, engine="exact", random_seed=1)
    assert (prior_overlap(fixed) > RULES).all()
    bcg = bm.TwoArmCounts.from_frame(
        bm.load_data("bcg"), study=["author", "year"],
        events_treat="tpos", nonevents_treat="tneg", events_ctrl="cpos", nonevents_ctrl="cneg",
    )  # fmt: skip
    overlap = prior_overlap(bm.fit(bcg, engine="exact", random_seed=1))
    assert overlap["mu"] < 0.15
    assert overlap["tau"] < 0.7


def test_a_flat_prior_overlaps_with_nothing(heavy: xr.DataTree) -> None:
    assert prior_overlap(heavy)["mu"] == 0.0
    assert 0.0 < prior_overlap(heavy)["tau"] < 1.0


def test_overlap_from_draws(fit: xr.DataTree) -> None:
    """The same fit without its grid: draws and their kernel density."""
    drawn = fit.copy()
    del drawn["exact"]
    assert prior_overlap(drawn).to_numpy() == pytest.approx(prior_overlap(fit).to_numpy(), abs=0.05)


def test_a_correlation_far_below_its_prior_is_a_conflict() -> None:
    """Only for a between-study sd is a small value no contradiction."""
    up = [3.0, -3.0] * 4
    frame = pd.DataFrame(
        {
            "study": np.repeat(list("ABCDEFGH"), 2),
            "month": [1, 6] * 8,
            "y": np.ravel([up, np.negative(up)], "F"),
        }
    )
    frame["se"] = 0.1
    evidence = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.0
    )
    priors = {"m": "Normal(0, 5)", "tau": "HalfNormal(3)", "rho": "Beta(60, 2)"}
    fit = bm.fit(evidence, priors=priors, between="cs", engine="exact", random_seed=1)
    assert prior_conflict(fit)["rho"] < CONFLICT
