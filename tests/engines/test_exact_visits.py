"""Visits that share nothing: the engine must give what so many separate fits give."""

import numpy as np
import pytest
import xarray as xr

import bayesma as bm
from bayesma.engines.densities import ScaleDensity
from bayesma.engines.exact_visits import VisitIntegral
from bayesma.engines.marginals import NormalMixture, marginal
from bayesma.families.problems import GaussianProblem, IndependentVisits
from bayesma.priors import Prior

# The same integral by the same nodes; only sums may differ.
SAME = 1e-8
# Draws are independent: mean and sd lie within so many of their standard errors.
MONTE_CARLO = 4.5

PRIORS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}
K = 4
Y = {1.0: {0: -0.5, 1: 0.1, 2: -0.9, 3: -0.2}, 3.0: {0: -0.8, 2: -1.1}, 12.0: {3: -2.5}}
SE = {1.0: {0: 0.2, 1: 0.3, 2: 0.1, 3: 0.4}, 3.0: {0: 0.2, 2: 0.2}, 12.0: {3: 0.01}}


def problem(mu=PRIORS["mu"], tau=PRIORS["tau"]):
    visits = tuple(
        GaussianProblem(
            np.array(list(Y[t].values())), np.array(list(SE[t].values())), Prior.parse(mu), Prior.parse(tau)
        )
        for t in Y
    )
    return IndependentVisits(visits, tuple(np.array(list(row), dtype=np.intp) for row in Y.values()), K)


def as_fit(integral, size=2000):
    """The part of a fit that `marginal` reads, with the draws of m and tau."""
    drawn = integral.draw(size, np.random.default_rng(1))
    posterior = {name: (("chain", "draw", "visit"), values[None]) for name, values in drawn.items()}
    posterior["theta"] = (("chain", "draw", "study", "visit"), np.zeros((1, size, K, len(Y))))
    posterior["theta_new"] = posterior["m"]
    groups = {"/posterior": xr.Dataset(posterior), "/exact": integral.grid(np.array(list("ABCD")))}
    return xr.DataTree.from_dict(groups)


def separate(t, priors=PRIORS):
    effects = bm.Effects.from_estimates(list(Y[t].values()), list(SE[t].values()), [f"{i}" for i in Y[t]])
    return bm.fit(effects, priors=priors, engine="exact", random_seed=1)


def numbers(posterior):
    return np.column_stack(
        [
            posterior.mean(),
            posterior.sd(),
            posterior.quantile([0.025, 0.5, 0.975]),
            posterior.probability(-0.3, above=True),
            posterior.probability(0.4, above=False),
        ]
    )


@pytest.mark.parametrize("mu", ["Normal(0, 2)", "Cauchy(0, 1)"])
def test_each_visit_is_a_fit_of_its_own(mu):
    fit = as_fit(VisitIntegral.solve(problem(mu), {}))
    total = 0.0
    theta = numbers(marginal(fit, "theta")).reshape(K, len(Y), -1)
    for i, t in enumerate(Y):
        alone = separate(t, PRIORS | {"mu": mu})
        for ours, theirs in (("m", "mu"), ("tau", "tau"), ("theta_new", "theta_new")):
            expected = numbers(marginal(alone, theirs))[0]
            assert numbers(marginal(fit, ours))[i] == pytest.approx(expected, abs=SAME), (t, ours)
        assert theta[list(Y[t]), i] == pytest.approx(numbers(marginal(alone, "theta")), abs=SAME)
        total += alone["exact"].attrs["log_evidence"]
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(total, abs=SAME)


def test_bayes_factors_are_of_nulls_at_every_visit():
    attrs = VisitIntegral.solve(problem(), {}).grid(np.arange(K)).attrs
    alone = [separate(t)["exact"].attrs for t in Y]
    assert attrs["log_bf01_m"] == pytest.approx(sum(a["log_bf01_mu"] for a in alone), abs=SAME)
    assert attrs["log_bf01_tau"] == pytest.approx(sum(a["log_bf01_tau"] for a in alone), abs=SAME)


def test_a_study_not_seen_is_a_new_study():
    fit = as_fit(VisitIntegral.solve(problem(), {}))
    theta = numbers(marginal(fit, "theta")).reshape(K, len(Y), -1)
    new = numbers(marginal(fit, "theta_new"))
    for i, t in enumerate(Y):
        for study in set(range(K)) - set(Y[t]):
            assert theta[study, i] == pytest.approx(new[i], abs=SAME)


def test_rows_and_their_order():
    fit = as_fit(VisitIntegral.solve(problem(), {}))
    assert marginal(fit, "m").mean().shape == (len(Y),)
    assert marginal(fit, "theta").quantile([0.1, 0.9]).shape == (K * len(Y), 2)
    parts = marginal(fit, "tau").parts
    assert all(isinstance(part, ScaleDensity) for part in parts)
    x = np.array([-1.0, -0.5])
    first = marginal(separate(1.0), "mu")
    assert isinstance(first, NormalMixture)
    assert marginal(fit, "m").density(x) == pytest.approx(first.density(x), rel=SAME)


def test_draws_have_the_moments_of_the_grid():
    integral = VisitIntegral.solve(problem(), {})
    size = 20_000
    fit = as_fit(integral, size)
    for name, values in integral.draw(size, np.random.default_rng(5)).items():
        posterior = marginal(fit, name)
        assert values.shape == (size, len(Y))
        error = posterior.sd() / np.sqrt(size)
        assert np.all(np.abs(values.mean(axis=0) - posterior.mean()) < MONTE_CARLO * error), name
        # independence of visits
        assert np.all(np.abs(np.corrcoef(values.T) - np.eye(len(Y))) < MONTE_CARLO / np.sqrt(size)), name


def test_netcdf_keeps_it(tmp_path):
    fit = as_fit(VisitIntegral.solve(problem(), {}), 10)
    fit.to_netcdf(tmp_path / "fit.nc")
    back = xr.open_datatree(tmp_path / "fit.nc").load()
    for name in ("m", "tau", "theta"):
        assert np.array_equal(numbers(marginal(back, name)), numbers(marginal(fit, name)))
    back.close()


def test_without_heterogeneity_there_is_no_tau():
    visits = tuple(GaussianProblem(p.y, p.se, p.mu, None) for p in problem().visits)
    integral = VisitIntegral.solve(IndependentVisits(visits, problem().studies, K), {})
    grid = integral.grid(np.arange(K))
    assert "tau" not in grid and "theta_mean" not in grid
    assert set(integral.draw(3, np.random.default_rng(1))) == {"m"}
    assert grid.attrs["error"] == 0.0
