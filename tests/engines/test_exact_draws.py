"""The independent draws beside the exact grid, and what is kept of them in a file."""

import numpy as np
import pytest
import xarray as xr
from arviz import loo, psense, psense_summary, summary
from scipy import stats

import bayesma as bm
from bayesma.engines.marginals import marginal

# Kolmogorov-Smirnov at fixed seeds: a p below this means other distributions, not bad luck.
KS = 1e-3
# Draws are independent: mean and sd lie within so many of their standard errors.
MONTE_CARLO = 4.5

EFFECTS = bm.Effects.from_estimates(
    [-0.4, 0.1, 0.3, 0.35], [0.2, 0.3, 0.1, 0.2], ["A 1990", "B", "ü", "<b>"], measure="OR"
)
PRIORS = {
    "half-normal": {"mu": "Normal(0, 4)", "tau": "HalfNormal(0.5)"},
    "Cauchy mu, log-t tau": {"mu": "Cauchy(0, 1)", "tau": "LogStudentT(5, -1, 1)"},
    "flat mu, half-Cauchy tau": {"mu": "Flat()", "tau": "HalfCauchy(0.5)"},
    "truncated tau": {"mu": "Normal(0, 4)", "tau": "Truncated(HalfNormal(0.5), lower=0.2, upper=0.4)"},
}


@pytest.fixture(scope="module", params=PRIORS)
def fit(request):
    return bm.fit(EFFECTS, priors=PRIORS[request.param], engine="exact", random_seed=7)


def test_draws_follow_the_grid(fit):
    for name in ("mu", "tau", "theta_new", "theta"):
        exact = marginal(fit, name)
        draws = fit["posterior"][name].values.reshape(4000, -1)
        for i in range(draws.shape[1]):
            probability = _distribution(exact, i)
            assert stats.kstest(draws[:400, i], probability).pvalue > KS, name
        below = exact.quantile([0.05, 0.5, 0.95])
        for i, row in enumerate(below):
            shares = (draws[:, i, None] < row).mean(axis=0)
            assert shares == pytest.approx([0.05, 0.5, 0.95], abs=MONTE_CARLO * 0.5 / 4000**0.5), name


def test_draws_have_the_moments_of_the_grid(fit):
    for name in ("mu", "tau", "theta"):
        if fit["posterior"][name].attrs["moments_below"] <= 4:  # no variance of the sd
            continue
        exact = marginal(fit, name)
        draws = fit["posterior"][name].values.reshape(4000, -1)
        error = exact.sd() / 4000**0.5
        assert np.all(np.abs(draws.mean(axis=0) - exact.mean()) < MONTE_CARLO * error), name


def test_draws_of_mu_and_tau_belong_together(fit):
    """theta_i - mu shrinks with tau: the joint draws show the dependence that the grid has."""
    mu, tau = (fit["posterior"][name].values.ravel() for name in ("mu", "tau"))
    exact = fit["exact"]
    for low, high in ((0.0, 0.5), (0.5, 1.0)):
        ends = np.quantile(tau, [low, high])
        inside = (tau >= ends[0]) & (tau <= ends[1])
        nodes = (exact["tau"].values >= ends[0]) & (exact["tau"].values <= ends[1])
        weight = exact["weight"].values[nodes] / exact["weight"].values[nodes].sum()
        expected = weight @ exact["mu_mean"].values[nodes]
        scale = np.sqrt(weight @ (exact["mu_sd"].values[nodes] ** 2 + exact["mu_mean"].values[nodes] ** 2))
        median = np.median(mu[inside])
        assert abs(median - expected) < 0.5 * scale


def _distribution(exact, i):
    def probability(x):
        return np.array([exact.probability(float(value), above=False)[i] for value in x])

    return probability


def test_seeds():
    def draws(seed):
        return bm.fit(EFFECTS, engine="exact", random_seed=seed)["posterior"].dataset

    assert draws(1).identical(draws(1))
    assert not draws(1).identical(draws(2))
    drawn = bm.fit(EFFECTS, engine="exact")
    again = bm.fit(EFFECTS, engine="exact", random_seed=drawn.attrs["random_seed"])
    assert drawn["posterior"].dataset.identical(again["posterior"].dataset)


def test_file_and_back_loses_nothing(fit, tmp_path):
    fit.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as opened:
        back = opened.load()
    xr.testing.assert_identical(back, fit)
    assert back.attrs == fit.attrs
    for group in fit.children:
        for key, value in fit[group].attrs.items():
            assert np.array_equal(back[group].attrs[key], value, equal_nan=not isinstance(value, str)), key
        for name, variable in fit[group].data_vars.items():
            assert back[group][name].attrs == variable.attrs, name
            assert back[group][name].dtype == variable.dtype or variable.dtype.kind == "U", name
    assert marginal(back, "tau").quantile([0.5]) == marginal(fit, "tau").quantile([0.5])


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")  # four studies, each influential
def test_arviz_reads_the_tree(fit):
    table = summary(fit, round_to="none")
    assert list(table.index) == list(bm.summary(fit).index)
    assert np.isfinite(loo(fit).elpd)
    assert set(psense_summary(fit, var_names=["mu", "tau"]).index) == {"mu", "tau"}
    assert set(psense(fit, var_names=["mu"]).data_vars) >= {"mu"}


@pytest.mark.parametrize("tau", ["InverseGamma(0.5, 0.001)", "LogStudentT(1, 0, 5)", "Gamma(0.001, 0.001)"])
def test_prior_draws_too_large_for_a_number_do_no_harm(tau):
    """Their quantiles overflow, or underflow to 0."""
    fit = bm.fit(EFFECTS, priors={"tau": tau}, engine="exact", random_seed=1)
    assert np.all(np.isfinite(fit["prior"]["tau"]))
    assert np.all(np.isfinite(fit["posterior"]["theta"]))


def test_draws_and_chains_as_asked():
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1, draws=7, chains=3)
    assert dict(fit["posterior"].sizes) == {"chain": 3, "draw": 7, "study": 4}
    assert (fit.attrs["draws"], fit.attrs["chains"]) == (7, 3)
