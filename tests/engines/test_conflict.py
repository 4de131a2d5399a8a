"""A fit says where prior and data contradict each other, by itself and in its first note."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayesma as bm
from bayesma.engines import conflict
from bayesma.engines.fit import fit_setting, make_setting
from bayesma.errors import DataWarning, OptionError

LOUD = "PRIOR AND DATA CONFLICT"
# Even shares of a normal prior end at its outer 1 / 400: its far tails are cut.
NODES = 2e-4
# Differences of a quadratic log density, and quartiles of a table.
SLOPE = 1e-4
# Twice the draws' own error of a median, in sds of the posterior; here of a p near 0.4.
DRAWN = 0.02


def one(y: float, se: float, mu: str, **options: Any) -> xr.DataTree:
    effects = bm.Effects.from_estimates([y], [se], measure="MD")
    given: dict[str, Any] = {"random_effects": "none", "engine": "exact", "random_seed": 1}
    return bm.fit(effects, priors={"mu": mu}, **(given | options))


def notes(fit: xr.DataTree) -> list[str]:
    return [note for note in json.loads(fit.attrs["notes"]) if LOUD in note]


def test_a_posterior_in_the_outer_percent_of_its_prior_is_said_by_the_fit() -> None:
    with pytest.warns(
        DataWarning, match=rf"^{LOUD}: the posterior of mu lies where its prior Normal\(0, 1.79\)"
    ):
        fit = one(-10.0, 0.4, "Normal(0, 1.79)")
    assert len(notes(fit)) == 1
    assert json.loads(fit.attrs["notes"])[0].startswith(LOUD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert notes(one(-10.0, 0.4, "Normal(0, 10)")) == []


def test_a_compromise_is_said_too() -> None:
    """The posterior stays near a narrow prior that would give such an estimate once in a thousand times."""
    with pytest.warns(
        DataWarning, match=rf"{LOUD}: under the priors mu ~ Normal\(0, 0.1\) the pooled estimate"
    ):
        fit = one(1.0, 0.3, "Normal(0, 0.1)")
    assert stats.norm.sf(bm.summary(fit).loc["mu", "median"] / 0.1) > conflict.CONFLICT


def test_the_limit_is_the_outer_percent_of_the_prior_predictive() -> None:
    """Where y has the prior predictive distribution Normal(0, 1 + 1): beyond its 99.5 % quantile only."""
    limit = stats.norm.isf(conflict.CONFLICT) * 2.0**0.5
    assert notes(one(limit * 0.99, 1.0, "Normal(0, 1)")) == []
    with pytest.warns(DataWarning, match=LOUD):
        one(limit * 1.01, 1.0, "Normal(0, 1)")


def test_a_default_prior_is_nobodys_expectation() -> None:
    """Rare events lie far out in a uniform prior on the risk, which does not move them; none of 1,000 too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for events, n in (([5, 8], [500_000, 700_000]), ([0], [1_000])):
            rare = bm.ArmCounts.from_counts(events, n)
            assert notes(bm.fit(rare, engine="exact", random_seed=1)) == []


def test_a_default_prior_that_decides_is_said() -> None:
    """Log odds ratios of -6 and 6: the default HalfNormal(0.5) holds tau far below what they show."""
    apart = bm.Effects.from_estimates([-6.0, 6.0, -5.0, 5.0, -7.0, 7.0], [0.2] * 6, measure="OR")
    with pytest.warns(DataWarning, match=rf"{LOUD}: the default prior HalfNormal\(0.5\) moves tau out of"):
        bm.fit(apart, engine="exact", random_seed=1)


def test_the_pull_of_a_normal_prior() -> None:
    """Posterior mean minus the estimate, in standard errors of the estimate: se y / (sd^2 + se^2)."""
    setting = make_setting(
        bm.Effects.from_estimates([3.0], [0.5], measure="MD"),
        None, {"mu": "Normal(0, 2)"}, 1, {"random_effects": "none"},
    )  # fmt: skip
    pull = conflict.pulls(fit_setting(setting, "exact"), setting.family, setting.case)["mu"]
    assert pull == pytest.approx(0.5 * 3.0 / (4.0 + 0.25), rel=SLOPE)


def test_pooled_over_studies() -> None:
    """Against the normal distribution of a weighted mean under a prior of tau that is nearly a number."""
    y, se = np.array([0.5, 1.5, 1.0]), np.array([0.3, 0.6, 0.2])
    share = se**-2.0 / (se**-2.0).sum()
    sd = np.sqrt(1.0 / (se**-2.0).sum() + (share @ share) * 0.25 + 4.0)
    ours = conflict.below_pooled(
        y, se, stats.norm(0.0, 2.0).ppf((np.arange(4000) + 0.5) / 4000), np.full(4000, 0.25)
    )
    assert ours == pytest.approx(stats.norm.cdf(share @ y / sd), abs=NODES)


def visits(y: list[float], **options: Any) -> xr.DataTree:
    frame = pd.DataFrame({"study": ["A", "A", "B", "B"], "month": [1, 6, 1, 6], "y": y, "se": 0.5})
    frame = frame.drop(index=2)  # B has no month 1
    evidence = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.3
    )
    given: dict[str, Any] = {"between": "cs", "engine": "exact", "random_seed": 1}
    given |= {"priors": {"m": "Normal(0, 1)", "tau": "HalfNormal(0.2)"}}
    return bm.fit(evidence, **(given | options))


def test_visits_have_a_row_each() -> None:
    fit = visits([0.5, 1.0, np.nan, 0.5])
    table = bm.prior_data_conflict(fit)
    assert table.index.tolist() == [
        ("A", 1), ("all studies", 1), ("A", 6), ("B", 6), ("all studies", 6),
    ]  # fmt: skip
    assert not table["surprising"].any()
    frame = bm.Effects.from_estimates([1.0, 0.5], [0.5, 0.5], ["A", "B"], measure="MD")
    alone = bm.fit(
        frame, priors={"mu": "Normal(0, 1)", "tau": "HalfNormal(0.2)"}, engine="exact", random_seed=1
    )
    at_6 = table.xs(6, level="visit")
    pd.testing.assert_frame_equal(at_6, bm.prior_data_conflict(alone), check_names=False)


def test_a_visit_in_conflict_is_named() -> None:
    with pytest.warns(DataWarning, match=rf"^{LOUD}: the posterior of m\[6\] lies where"):
        fit = visits([0.5, 6.0, np.nan, 7.0], priors={"m": "Normal(0, 1)", "tau": "HalfNormal(0.2)"})
    found = bm.prior_data_conflict(fit)["surprising"]
    assert found[("all studies", 6)] and not found[("all studies", 1)]


def test_a_line_expects_by_draws() -> None:
    """The mean at a month of a line has the variance of both of its coefficients there."""
    priors = {"intercept": "Normal(0, 1)", "slope": "Normal(0, 0.5)", "tau": "HalfNormal(0.001)"}
    table = bm.prior_data_conflict(visits([0.5, 2.0, np.nan, 2.0], trajectory="linear", priors=priors))
    sd = np.sqrt(1.0 + 36.0 * 0.25 + 0.25)
    assert table.loc[("A", 6), "p"] == pytest.approx(2.0 * stats.norm.sf(2.0 / sd), abs=DRAWN)


def test_moderators_over_visits_have_no_single_prior_mean() -> None:
    frame = pd.DataFrame(
        {"study": list("ABC"), "month": 6, "y": [0.1, 0.2, 0.3], "se": 0.5, "dose": [1.0, 2, 4]}
    )
    evidence = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.0
    )
    priors = {"m": "Normal(0, 1)", "tau": "HalfNormal(0.2)", "beta": "Normal(0, 1)"}
    fit = bm.fit(evidence, moderators=["dose"], between="cs", priors=priors, engine="exact", random_seed=1)
    with pytest.raises(OptionError, match="fit without moderators"):
        bm.prior_data_conflict(fit)
