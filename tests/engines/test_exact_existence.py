"""Which posteriors are proper and which of their moments exist: worked by hand from the tails."""

import json
import math

import numpy as np
import pytest

import bayesma as bm
from bayesma.engines import gaussian_kernels as kernels
from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.errors import PriorError
from bayesma.families import FAMILIES
from bayesma.families.base import Case

INF = math.inf
Y, SE = [-0.4, 0.1, 0.3, 0.35, 0.2], [0.2, 0.3, 0.1, 0.2, 0.4]


def effects(k):
    return bm.Effects.from_estimates(Y[:k], SE[:k])


def fit(k, mu, tau):
    return bm.fit(
        effects(k), priors={"mu": mu, "tau": tau}, engine="exact", random_seed=1, draws=50, chains=2
    )


# By hand. Given tau far out, p(y | tau) ~ tau^-k, times tau under a flat mu (r = 1); the prior adds tau^-a.
# So p(tau | y) ~ tau^-(k - r + a): proper iff k - r + a > 1, q-th moment iff q < e = k - r + a - 1. A far mu
# needs a tau as far: p(mu | y) ~ p(mu) mu^-(k + a - 1), so q < k + a - 2 (+ the tail of mu's prior).
# theta_new is mu + tau z and has the moments that both have; theta_i tends to N(y_i, se_i^2) and has all.
TABLE = [
    # k, mu, tau, moments of mu, tau, theta_new exist below
    (1, "Flat()", "HalfNormal(0.5)", INF, INF, INF),
    (1, "Flat()", "HalfCauchy(0.5)", 1, 1, 1),  # tau keeps its prior, which has no mean
    (2, "Flat()", "HalfCauchy(0.5)", 2, 2, 2),  # a mean, no sd
    (3, "Flat()", "HalfCauchy(0.5)", 3, 3, 3),
    (1, "Normal(0, 4)", "HalfCauchy(0.5)", INF, 2, 2),
    (2, "Normal(0, 4)", "HalfCauchy(0.5)", INF, 3, 3),
    (1, "Cauchy(0, 4)", "HalfCauchy(0.5)", 3, 2, 2),
    (1, "Flat()", "HalfStudentT(4, 0.5)", 4, 4, 4),
    (2, "Flat()", "HalfStudentT(4, 0.5)", 5, 5, 5),
    (1, "Flat()", "InverseGamma(1.5, 0.3)", 1.5, 1.5, 1.5),
    (3, "Flat()", "Flat()", 1, 1, 1),  # the least k for two flat priors: proper, no mean
    (4, "Flat()", "Flat()", 2, 2, 2),
    (5, "Flat()", "Flat()", 3, 3, 3),
    (2, "Normal(0, 4)", "Flat()", INF, 1, 1),
    (3, "Normal(0, 4)", "Flat()", INF, 2, 2),
    (1, "Flat()", "Uniform(0, 10)", INF, INF, INF),
    (1, "Flat()", "Truncated(Flat(), lower=0, upper=10)", INF, INF, INF),
    (1, "Flat()", "Truncated(HalfCauchy(1), upper=10)", INF, INF, INF),
    (2, "Flat()", "LogNormal(-1, 1)", INF, INF, INF),
    (1, "Flat()", "LogStudentT(5, -1, 1)", 0, 0, 0),  # a log tail: proper, no moment at all
    (2, "Flat()", "LogStudentT(5, -1, 1)", 1, 1, 1),
    (2, "StudentT(3, 0, 1)", "LogStudentT(5, -1, 1)", 5, 2, 2),
    (2, "Truncated(Cauchy(0, 1), upper=0)", "HalfCauchy(1)", 4, 3, 3),  # the lower tail is still there
    (2, "Truncated(Cauchy(0, 1), lower=-9, upper=9)", "HalfCauchy(1)", INF, 3, 3),
]


@pytest.mark.parametrize(("k", "mu", "tau", "of_mu", "of_tau", "of_new"), TABLE)
def test_moments_exist_below(k, mu, tau, of_mu, of_tau, of_new):
    family = FAMILIES["normal"]
    options = family.checked_options({})
    priors = family.checked_priors(effects(k), {"mu": mu, "tau": tau}, options)
    below = family.moments_below(Case(family.arrays(effects(k), options), priors, options))
    assert below == {"mu": of_mu, "tau": of_tau, "theta": INF, "theta_new": of_new}


@pytest.mark.parametrize(
    ("k", "mu", "tau"),
    [(2, "Flat()", "HalfCauchy(0.5)"), (3, "Flat()", "HalfCauchy(0.5)"), (4, "Flat()", "Flat()")],
)
def test_the_tail_exponent_is_what_the_density_does(k, mu, tau):
    """The density of tau falls like tau^-(e + 1): by its slope far out on the grid."""
    below = fit(k, mu, tau)["posterior"]["tau"].attrs["moments_below"]
    integral = integrate(make_setting(effects(k), None, {"mu": mu, "tau": tau}, 1, {}))
    problem, solution = integral.problem, integral.solution
    at = np.array([1e6, 1e7])
    log_density = [
        kernels.log_marginal(t, problem.y, problem.se, solution.components) + float(problem.tau.logpdf(t))
        for t in at
    ]
    assert -np.diff(log_density)[0] / math.log(10) == pytest.approx(below + 1, abs=1e-6)


@pytest.mark.parametrize(
    ("k", "mu", "tau"),
    [
        (1, "Flat()", "Flat()"),
        (2, "Flat()", "Flat()"),
        (1, "Normal(0, 4)", "Flat()"),
        (1, "Cauchy(0, 4)", "Flat()"),
        (1, "Normal(0, 4)", "Truncated(Flat(), lower=1)"),
        (2, "Flat()", "Truncated(Flat(), lower=0)"),
    ],
)
@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_an_improper_posterior_is_refused_before_anything_is_computed(k, mu, tau, engine):
    with pytest.raises(PriorError, match=f"the posterior is improper: k = {k}, .* give tau a proper prior"):
        bm.fit(effects(k), priors={"mu": mu, "tau": tau}, engine=engine)


def test_two_studies_half_cauchy_flat_mu_have_a_mean_and_no_sd():
    """Node doubling gives a 'stable' sd here that depends only on where the tail was cut off."""
    summary = bm.summary(fit(2, "Flat()", "HalfCauchy(0.5)"))
    assert np.isfinite(summary.loc[["mu", "tau"], "mean"]).all()
    assert (summary.loc[["mu", "tau", "theta_new"], "sd"] == INF).all()
    assert np.isfinite(summary.loc[["mu", "tau", "theta_new"], ["median", "ci_low", "ci_high"]]).all(
        axis=None
    )
    assert np.isfinite(summary.loc["theta[study 1]", "sd"])


@pytest.mark.parametrize(
    ("mu", "tau"), [("Flat()", "HalfNormal(1)"), ("Normal(0, 1)", "Flat()"), ("Flat()", "Flat()")]
)
def test_evidence_and_bayes_factors_need_proper_priors(mu, tau):
    exact = fit(4, mu, tau)["exact"].attrs
    reasons = json.loads(exact["reasons"])
    assert math.isnan(exact["log_evidence"])
    assert "improper" in reasons["log_evidence"]
    for name, prior in (("log_bf01_mu", mu), ("log_bf01_tau", tau)):
        assert math.isnan(exact[name]) == (prior == "Flat()")
        assert (name in reasons) == (prior == "Flat()")


def test_bayes_factor_for_tau_does_not_depend_on_the_level_of_a_flat_mu():
    """Both evidences have it as a factor: the ratio tends to that under ever wider normal priors."""
    flat = fit(4, "Flat()", "HalfNormal(1)")["exact"].attrs["log_bf01_tau"]
    wide = fit(4, "Normal(0, 1e4)", "HalfNormal(1)")["exact"].attrs["log_bf01_tau"]
    assert flat == pytest.approx(wide, abs=1e-6)
