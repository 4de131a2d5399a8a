"""Is `prob` a probability: of one side, by name, one a study for vectors, equal to the closed form?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayesma as bm
from bayesma.errors import OptionError

# Scipy's adaptive rule, asked for 1e-11.
QUADRATURE = 1e-9
# Weights of the mixture sum to 1 by rounding.
WHOLE = 1e-12


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new"])
@pytest.mark.parametrize("threshold", [-0.3, 0.0, 0.4])
def test_both_sides_make_one(fit: xr.DataTree, name: str, threshold: float) -> None:
    below, above = bm.prob(fit, name, below=threshold), bm.prob(fit, name, above=threshold)
    assert isinstance(below, float)
    assert isinstance(above, float)
    assert below + above == pytest.approx(1.0, abs=WHOLE)


def test_against_plain_quadrature() -> None:
    y, se = [-0.5, -0.2], [0.2, 0.3]
    fit = bm.fit(
        bm.Effects.from_estimates(y, se),
        priors={"mu": "Normal(0, 2)", "tau": "HalfNormal(0.25)"},
        engine="exact",
        random_seed=1,
    )

    def joint(tau: float, part: int) -> float:
        """Density of tau, and its product with P(mu < 0 | tau), up to a constant."""
        weight = [1 / (s * s + tau * tau) for s in se]
        precision = sum(weight) + 0.25
        mean = sum(w * v for w, v in zip(weight, y, strict=True)) / precision
        log = 0.5 * sum(map(math.log, weight)) - 0.5 * math.log(precision) - tau * tau / (2 * 0.25**2)
        log -= 0.5 * (sum(w * v * v for w, v in zip(weight, y, strict=True)) - precision * mean**2)
        return math.exp(log) * (1.0, stats.norm.cdf(0.0, mean, precision**-0.5), float(tau > 0.3))[part]

    whole, below, _ = (integrate.quad(joint, 0, 5, (i,), epsabs=1e-13, epsrel=1e-11)[0] for i in range(3))
    beyond = integrate.quad(joint, 0.3, 5, (0,), epsabs=1e-13, epsrel=1e-11)[0]
    assert bm.prob(fit, "mu", below=0.0) == pytest.approx(below / whole, abs=QUADRATURE)
    assert bm.prob(fit, "tau", above=0.3) == pytest.approx(beyond / whole, abs=QUADRATURE)


def test_one_probability_a_study(fit: xr.DataTree) -> None:
    below = bm.prob(fit, "theta", below=0.0)
    assert isinstance(below, pd.Series)
    assert below.index.name == "study"
    assert below.index.tolist() == ["Aronson 1948", "B [2]", "C"]
    assert below.name == "theta"
    assert below.between(0, 1).all()
    assert below.is_monotonic_decreasing  # the observed effects rise


def test_far_tails_keep_their_digits(exactly: Callable[..., xr.DataTree]) -> None:
    fit = exactly([10.0], [1.0], {"mu": "Flat()"}, random_effects="none")
    assert bm.prob(fit, "mu", below=0.0) == pytest.approx(stats.norm.cdf(-10.0), rel=1e-12)
    assert bm.prob(fit, "mu", above=20.0) == pytest.approx(stats.norm.sf(10.0), rel=1e-12)


@pytest.mark.parametrize(("threshold", "below"), [(-math.inf, 0.0), (math.inf, 1.0)])
def test_ends_of_the_line(fit: xr.DataTree, threshold: float, below: float) -> None:
    for name in ("mu", "tau", "theta_new"):
        assert bm.prob(fit, name, below=threshold) == pytest.approx(below, abs=WHOLE)
        assert bm.prob(fit, name, above=threshold) == pytest.approx(1.0 - below, abs=WHOLE)


def test_never_more_than_certain(exactly: Callable[..., xr.DataTree]) -> None:
    """Weights sum to 1 by rounding; a probability of 1 + 1e-15 has no binomial error."""
    rng = np.random.default_rng(1)
    for k in range(1, 9):
        y, se = rng.normal(size=k).tolist(), rng.uniform(0.1, 1.0, k).tolist()
        fit = exactly(y, se, {"mu": "Normal(0, 2)", "tau": "HalfNormal(1)"})
        assert max(bm.prob(fit, name, below=50.0) for name in ("mu", "tau", "theta_new")) <= 1.0
        assert bm.prob(fit, "theta", below=50.0).max() <= 1.0


def test_a_scale_is_never_negative(fit: xr.DataTree) -> None:
    assert bm.prob(fit, "tau", below=0.0) == 0.0
    assert bm.prob(fit, "tau", below=-1.0) == 0.0


def test_reloaded_from_netcdf(fit: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]) -> None:
    again = reloaded(fit)
    assert bm.prob(again, "tau", above=0.3) == bm.prob(fit, "tau", above=0.3)
    pd.testing.assert_series_equal(bm.prob(again, "theta", below=0), bm.prob(fit, "theta", below=0))


ONE_SIDE = "prob needs exactly one of below= and above=, a value on the analysis scale"


@pytest.mark.parametrize(
    ("parameter", "keywords", "message"),
    [
        ("mu", {}, ONE_SIDE),
        ("mu", {"below": 0.0, "above": 0.0}, ONE_SIDE),
        ("nu", {"below": 0.0}, "this fit has no parameter 'nu'; it has: mu, tau, theta, theta_new"),
        ("mu", {"below": math.nan}, "prob: below is nan; give a number on the analysis scale"),
        ("mu", {"above": "0"}, "prob: above is '0'; give a number on the analysis scale"),
    ],
)
def test_mistakes(fit: xr.DataTree, parameter: str, keywords: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        bm.prob(fit, parameter, **keywords)
    assert str(raised.value) == message
