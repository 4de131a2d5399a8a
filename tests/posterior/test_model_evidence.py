"""Are evidence and Bayes factors those of the closed form, and NaN with a reason where undefined?"""

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

CLOSED = 1e-12
# scipy's adaptive rule against our own, both asked for 1e-9.
QUADRATURE = 1e-8

Y, SE = [-0.5, -0.2, 0.4], [0.2, 0.3, 0.5]
NAMES = ["log_evidence", "log_bf01_mu", "log_bf01_tau"]
TAU_FIXED = "tau is fixed at 0 in this model"


def test_common_effect_is_the_closed_form(exactly: Callable[..., xr.DataTree]) -> None:
    found = bm.model_evidence(exactly(Y, SE, {"mu": "Normal(0.1, 2)"}, random_effects="none"))
    covariance = np.diag(np.square(SE)) + 4.0
    evidence = stats.multivariate_normal.logpdf(Y, np.full(3, 0.1), covariance)
    null = stats.norm.logpdf(Y, 0.0, SE).sum()
    assert found.index.tolist() == NAMES
    assert found["log_evidence"] == pytest.approx(evidence, abs=CLOSED)
    assert found["log_bf01_mu"] == pytest.approx(null - evidence, abs=CLOSED)
    assert math.isnan(found["log_bf01_tau"])
    assert found.attrs["reasons"] == {"log_bf01_tau": TAU_FIXED}


def test_random_effects_against_plain_quadrature(exactly: Callable[..., xr.DataTree]) -> None:
    found = bm.model_evidence(exactly(Y, SE, {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}))

    def given(tau: float, spread: float) -> float:
        """Density of the data given tau, with mu integrated over Normal(0, spread)."""
        return float(
            stats.multivariate_normal.pdf(Y, np.zeros(3), np.diag(np.square(SE) + tau**2) + spread**2)
        )

    def averaged(spread: float) -> float:
        """The same, averaged over the prior of tau."""
        return float(
            integrate.quad(
                lambda tau: given(tau, spread) * stats.halfnorm.pdf(tau, scale=0.5), 0, 6, epsrel=1e-10
            )[0]
        )

    evidence = averaged(2.0)
    assert found["log_evidence"] == pytest.approx(math.log(evidence), abs=QUADRATURE)
    assert found["log_bf01_mu"] == pytest.approx(math.log(averaged(0.0) / evidence), abs=QUADRATURE)
    assert found["log_bf01_tau"] == pytest.approx(math.log(given(0.0, 2.0) / evidence), abs=QUADRATURE)
    assert found.attrs["reasons"] == {}


@pytest.mark.parametrize(
    ("priors", "undefined"),
    [
        ({"mu": "Flat()", "tau": "HalfNormal(0.5)"}, {"log_evidence": "mu", "log_bf01_mu": "mu"}),
        ({"mu": "Normal(0, 2)", "tau": "Flat()"}, {"log_evidence": "tau", "log_bf01_tau": "tau"}),
        (
            {"mu": "Flat()", "tau": "Flat()"},
            {"log_evidence": "mu", "log_bf01_mu": "mu", "log_bf01_tau": "tau"},
        ),
    ],
)
def test_improper_priors_leave_it_undefined(
    exactly: Callable[..., xr.DataTree], priors: dict[str, str], undefined: dict[str, str]
) -> None:
    found = bm.model_evidence(exactly([*Y, 0.0], [*SE, 0.4], priors))
    assert found.isna().to_dict() == {name: name in undefined for name in NAMES}
    assert found.attrs["reasons"] == {
        name: f"the prior of {which} is improper, so p(y) has no defined level"
        for name, which in undefined.items()
    }


def test_reloaded_from_netcdf(
    fit: xr.DataTree, common: xr.DataTree, reloaded: Callable[[xr.DataTree], xr.DataTree]
) -> None:
    for tree in (fit, common):
        again, before = bm.model_evidence(reloaded(tree)), bm.model_evidence(tree)
        pd.testing.assert_series_equal(again, before)
        assert again.attrs == before.attrs


def test_draws_do_not_give_it(fit: xr.DataTree) -> None:
    sampled = fit.copy()
    del sampled["exact"]
    with pytest.raises(OptionError, match=r"draws do not give the evidence; fit with engine='exact'$"):
        bm.model_evidence(sampled)
