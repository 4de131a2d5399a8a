"""Major, partial and no response from two fits: against quadrature, sums of one, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import expit

import bayesma as bm
from bayesma.errors import OptionError

# Means of independent draws lie within so many of their standard errors.
MONTE_CARLO = 4.0
# Wang 2014, doi 10.1186/ar4520: of 40 patients 24 responded, 13 of them in full.
ANY = bm.ArmCounts.from_counts([24, 9, 5], [40, 12, 9], ["Wang 2014", "Ash", "Birch"])
MAJOR = bm.ArmCounts.from_counts([13, 5], [24, 9], ["Wang 2014", "Ash"])
QUANTITIES = ["any response", "major response", "partial response", "no response"]


def fits(*, seeds=(1, 1), draws=4000, **options):
    """Both fits, with the same seed unless told otherwise: their draws must not be taken as one."""
    settings = {"engine": "exact", "draws": draws, "chains": 2, **options}
    return [bm.fit(one, random_seed=s, **settings) for one, s in zip((ANY, MAJOR), seeds, strict=True)]


def mean_risk(events: float, n: float) -> tuple[float, float]:
    """First two moments of a risk with logit ~ Normal(0, 2) and binomial events, by quadrature."""

    def moment(power: int) -> float:
        def density(x: float) -> float:
            return expit(x) ** power * stats.norm.pdf(x, 0, 2) * stats.binom.pmf(events, n, expit(x))

        return integrate.quad(density, -30, 30, epsabs=0, epsrel=1e-10, limit=200, points=[0.0, 1.0])[0]

    return moment(1) / moment(0), moment(2) / moment(0)


def test_one_risk_each_against_quadrature() -> None:
    """Under a common risk everything follows from two integrals."""
    table = bm.response(*fits(random_effects="none"))
    one, fully = mean_risk(38, 61), mean_risk(18, 33)
    expected = {
        "any response": one[0],
        "major response": one[0] * fully[0],
        "partial response": one[0] * (1 - fully[0]),
        "no response": 1 - one[0],
    }
    sd = (one[1] * fully[1] - (one[0] * fully[0]) ** 2) ** 0.5
    for setting in ("median setting", "mean over settings", "new setting"):
        rows = table.loc[setting]
        assert rows.index.tolist() == QUANTITIES
        z = (rows["mean"] - pd.Series(expected)) / rows["mcse_mean"]
        assert z.abs().max() < MONTE_CARLO
        assert rows["sd"]["major response"] == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize("options", [{}, {"distribution": "beta-binomial"}])
def test_the_three_make_one_and_agree_with_predict(options) -> None:
    first, second = fits(**options)
    table = bm.response(first, second, above=0.5)
    assert table.index.unique("setting").tolist() == [
        "median setting",
        "mean over settings",
        "new setting",
        "study Wang 2014",
        "study Ash",
    ]
    means = table["mean"].unstack("setting")
    total = means.loc[["major response", "partial response", "no response"]].sum()
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    exact = [bm.predict(fit, studies=True)["mean"] for fit in (first, second)]
    names = {
        "median setting": "median proportion",
        "mean over settings": "mean proportion",
        "new setting": "proportion in a new study",
        "study Ash": "proportion[Ash]",
    }
    for setting, name in names.items():
        rows = table.loc[setting]
        z = (rows["mean"]["major response"] - exact[0][name] * exact[1][name]) / rows["mcse_mean"][
            "major response"
        ]
        assert abs(z) < MONTE_CARLO
    assert ((table["P(> 0.5)"] >= 0) & (table["P(> 0.5)"] <= 1)).all()
    assert table.attrs["notes"][0] == "any response alone is known in Birch"
    assert table.attrs["converged"]


def test_fits_with_one_seed_are_as_good_as_with_two() -> None:
    """Draws made from the same random numbers rise and fall together; the spread of the product shows it."""
    same, other = (bm.response(*fits(seeds=seeds)).loc["new setting"] for seeds in ((3, 3), (3, 8)))
    np.testing.assert_allclose(same["sd"], other["sd"], rtol=0.04)


@pytest.mark.long
def test_centres_that_both_fits_have() -> None:
    arms = (["W", "W", "A"], ["x", "y", "x"])
    first = bm.ArmCounts.from_counts([10, 14, 9], [20, 20, 12], *arms)
    second = bm.ArmCounts.from_counts([6, 7, 5], [10, 14, 9], *arms)
    made = [bm.fit(one, random_seed=1, draws=400, tune=400, progressbar=False) for one in (first, second)]
    settings = bm.response(*made).index.unique("setting").tolist()
    assert [name for name in settings if name.startswith("centre")] == [
        "centre W: x",
        "centre W: y",
        "centre A: x",
    ]
    assert {"study W", "study A"} <= set(settings)


def test_refused() -> None:
    first, second = fits(draws=10)
    among_all = bm.fit(
        bm.ArmCounts.from_counts([13], [40], ["Wang 2014"]), engine="exact", draws=10, random_seed=1
    )
    with pytest.raises(
        OptionError,
        match=r"^response: Wang 2014 has 24 responders, and its major responses were counted among 40; give "
        r"major responses among the responders \(n = 24\)$",
    ):
        bm.response(first, among_all)
    effects = bm.fit(
        bm.Effects.from_estimates([0.1], [0.2], measure="OR"), engine="exact", draws=10, random_seed=1
    )
    with pytest.raises(
        OptionError, match=r"^response: major is a fit of family 'normal'; it takes fits of family "
    ):
        bm.response(first, effects)
    with pytest.raises(OptionError, match=r"^ci_prob is 95; "):
        bm.response(first, second, ci_prob=95)
