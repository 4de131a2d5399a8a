"""Are density, distribution function, quantiles and moments of one marginal the same distribution?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy import integrate

from bayesma.errors import OptionError
from bayesma.posterior.marginals import centre, marginal, parameter_names

# Trapezoid over 20,001 points of a smooth curve, and the tails left out beyond 1e-9 either side.
INTEGRAL = 1e-6
# Central differences of the distribution function at a step of 1e-4 sd: error of order step^2.
DIFFERENCE = 1e-6
TAIL = 1e-9

PRIORS = ["HalfNormal(0.5)", "HalfCauchy(0.5)", "Uniform(0, 3)", "LogNormal(-1, 1)", "Exponential(2)"]


@pytest.fixture(scope="module", params=PRIORS)
def one(request: pytest.FixtureRequest, exactly: Callable[..., xr.DataTree]) -> xr.DataTree:
    """Fits whose tau has been mapped to the grid in each of the ways there are."""
    return exactly(
        [-0.5, -0.2, 0.3, 0.1], [0.2, 0.3, 0.25, 0.4], {"mu": "Normal(0, 4)", "tau": request.param}
    )


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new"])
def test_density_integrates_to_one(one: xr.DataTree, name: str) -> None:
    posterior = marginal(one, name)
    low, high = posterior.quantile([TAIL, 1 - TAIL])[0]
    x = np.linspace(low, high, 20_001)
    assert integrate.trapezoid(posterior.density(x), x) == pytest.approx(1.0, abs=INTEGRAL)


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new"])
def test_density_is_the_slope_of_the_distribution_function(one: xr.DataTree, name: str) -> None:
    posterior = marginal(one, name)
    x = posterior.quantile([0.02, 0.3, 0.5, 0.8, 0.99])[0]
    step = 1e-4 * posterior.sd()[0]
    slopes = [
        (posterior.probability(v + step, above=False)[0] - posterior.probability(v - step, above=False)[0])
        / (2 * step)
        for v in x
    ]
    np.testing.assert_allclose(posterior.density(x), slopes, rtol=DIFFERENCE)


@pytest.mark.parametrize("name", ["mu", "tau", "theta_new"])
def test_mean_is_that_of_the_density(one: xr.DataTree, name: str) -> None:
    posterior = marginal(one, name)
    low, high = posterior.quantile([TAIL, 1 - TAIL])[0]
    x = np.linspace(low, high, 20_001)
    mean = integrate.trapezoid(x * posterior.density(x), x)
    assert posterior.mean()[0] == pytest.approx(mean, abs=INTEGRAL * (high - low))


def test_centre_is_the_mean_where_there_is_one(heavy: xr.DataTree, heaviest: xr.DataTree) -> None:
    for name in ("mu", "tau", "theta_new"):
        assert centre(heavy, name) == marginal(heavy, name).mean()
        assert centre(heaviest, name) == marginal(heaviest, name).quantile([0.5])[0]


def test_names(fit: xr.DataTree, common: xr.DataTree) -> None:
    assert parameter_names(fit) == ("mu", "tau", "theta", "theta_new")
    assert parameter_names(common) == ("mu",)


def test_unknown_parameter(common: xr.DataTree) -> None:
    with pytest.raises(OptionError, match=r"^this fit has no parameter 'tau'; it has: mu$"):
        marginal(common, "tau")
