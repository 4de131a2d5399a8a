"""A Student-t or Cauchy prior on mu becomes a mixture of normals: is it still the same prior?"""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import logsumexp

import bayesma as bm
from bayesma.engines import gaussian
from bayesma.engines.components import normal_components
from bayesma.engines.marginals import NormalMixture
from bayesma.errors import PriorError
from bayesma.families.problems import LEAST_DF, GaussianProblem
from bayesma.priors import Prior

# The trapezoid rule in log precision is built for 1e-11; the reference panels are good to about that.
MIXTURE = 1e-10
# Two-dimensional rules of 10 points a panel.
TWO_DIMENSIONAL = 1e-8
# scipy.integrate.dblquad, asked for 1e-7.
DBLQUAD = 1e-6

Y, SE = np.array([-0.4, 0.1, 0.9]), np.array([0.2, 0.3, 0.1])


@pytest.mark.parametrize("nu", [LEAST_DF, 0.5, 1, 2, 4, 7, 10, 15, 30, 100, 1000, 10_000])
@pytest.mark.parametrize(("y", "se"), [(0.0, 0.1), (1.0, 1.0), (100.0, 0.1), (1e4, 0.1), (1e6, 1.0)])
def test_marginal_likelihood_of_one_estimate(nu, y, se, brute_force):
    """However far the estimate is from a prior of scale 1: the mixture must know precisions out there."""
    _, variance, log_weight = normal_components(Prior("StudentT", (nu, 0.0, 1.0)), np.array([y]))
    ours = logsumexp(stats.norm.logpdf(y, 0.0, np.sqrt(se**2 + variance)) + log_weight)
    z, rule = brute_force.panels(np.linspace(-40, 40, 641))
    theirs = logsumexp(stats.t.logpdf(y + se * z, nu) + stats.norm.logpdf(z) + np.log(rule))
    assert ours == pytest.approx(theirs, abs=MIXTURE)


@given(st.floats(LEAST_DF, 1e4))
def test_weights_of_the_mixture_make_one(nu):
    log_weight = normal_components(Prior("StudentT", (nu, 1.0, 2.0)), np.array([1.0]))[2]
    assert logsumexp(log_weight) == pytest.approx(0.0, abs=MIXTURE)


def test_cauchy_is_t_with_one_degree_of_freedom():
    cauchy = normal_components(Prior.parse("Cauchy(0.3, 2)"), Y)
    assert np.array_equal(cauchy, normal_components(Prior.parse("StudentT(1, 0.3, 2)"), Y))


@pytest.mark.parametrize(("y", "se"), [(0.0, 0.1), (1.0, 1.0), (13.0, 0.3), (100.0, 0.1), (1e4, 0.1)])
def test_a_logistic_is_a_mixture_of_normals(y, se, brute_force):
    _, variance, log_weight = normal_components(Prior("Logistic", (0.5, 2.0)), np.array([y]))
    assert logsumexp(log_weight) == pytest.approx(0.0, abs=MIXTURE)
    ours = logsumexp(stats.norm.logpdf(y, 0.5, np.sqrt(se**2 + variance)) + log_weight)
    z, rule = brute_force.panels(np.linspace(-40, 40, 641))
    theirs = logsumexp(stats.logistic.logpdf(y + se * z, 0.5, 2.0) + stats.norm.logpdf(z) + np.log(rule))
    assert ours == pytest.approx(theirs, abs=MIXTURE)


TAU = {
    "HalfNormal(0.5)": lambda x: stats.halfnorm(scale=0.5).logpdf(np.exp(np.minimum(x, 300))) + x,
    "HalfCauchy(0.5)": lambda x: stats.halfcauchy(scale=0.5).logpdf(np.exp(x)) + x,
    "LogStudentT(5, -1, 1)": stats.t(5, -1, 1).logpdf,
}


@pytest.mark.parametrize(
    ("mu", "density", "scale", "tau"),
    [
        ("Cauchy(0, 0.7)", stats.cauchy(0, 0.7), 0.7, "HalfNormal(0.5)"),
        ("Cauchy(0, 0.7)", stats.cauchy(0, 0.7), 0.7, "LogStudentT(5, -1, 1)"),
        ("StudentT(3, 0.2, 1.5)", stats.t(3, 0.2, 1.5), 1.5, "HalfCauchy(0.5)"),
        ("Logistic(0.3, 0.4)", stats.logistic(0.3, 0.4), 0.4, "HalfNormal(0.5)"),
        ("Logistic(0, 1)", stats.logistic(), 1.0, "HalfCauchy(0.5)"),
        ("StudentT(30, 0, 0.01)", stats.t(30, 0, 0.01), 0.01, "HalfNormal(0.5)"),
    ],
)
def test_posterior_against_a_two_dimensional_rule(mu, density, scale, tau, brute_force):
    prior = Prior.parse(mu)
    solution = gaussian.solve(GaussianProblem(Y, SE, prior, Prior.parse(tau)), math.inf)
    theirs = brute_force.any_mu(
        Y, SE, density.logpdf, TAU[tau], centres=(prior.median(), 0.0), scales=(scale, 0.5)
    )
    assert solution.log_evidence == pytest.approx(theirs.log_evidence, abs=TWO_DIMENSIONAL)
    mixture = NormalMixture(solution.weight, solution.mu_mean[None], solution.mu_sd[None])
    mean, sd, tau_mean, tau_sd = theirs.moments()
    assert mixture.mean()[0] == pytest.approx(mean, abs=TWO_DIMENSIONAL * sd)
    assert mixture.sd()[0] == pytest.approx(sd, rel=TWO_DIMENSIONAL)
    ours = solution.weight @ solution.tau
    assert ours == pytest.approx(tau_mean, rel=TWO_DIMENSIONAL)
    assert math.sqrt(solution.weight @ (solution.tau - ours) ** 2) == pytest.approx(
        tau_sd, rel=TWO_DIMENSIONAL
    )
    assert mixture.probability(0.0, above=False)[0] == pytest.approx(theirs.below(0.0), abs=TWO_DIMENSIONAL)


@pytest.mark.long
def test_evidence_by_scipys_own_double_integral():
    def density(tau, mu):
        like = stats.norm.pdf(Y, mu, np.hypot(SE, tau)).prod()
        return like * stats.cauchy.pdf(mu, 0, 0.7) * stats.halfnorm.pdf(tau, scale=0.5)

    expected, _ = integrate.dblquad(density, -6, 6, 0, 5, epsabs=0, epsrel=1e-7)  # beyond: below e^-40
    solution = gaussian.solve(
        GaussianProblem(Y, SE, Prior.parse("Cauchy(0, 0.7)"), Prior.parse("HalfNormal(0.5)"))
    )
    assert solution.log_evidence == pytest.approx(math.log(expected), abs=DBLQUAD)


def test_common_effect_under_a_cauchy_prior():
    effects = bm.Effects.from_estimates(Y, SE)
    fit = bm.fit(
        effects, priors={"mu": "Cauchy(0, 0.7)"}, random_effects="none", engine="exact", random_seed=1
    )
    mu = np.linspace(-3, 3, 60_001)
    log_density = stats.norm.logpdf(Y[:, None], mu, SE[:, None]).sum(axis=0) + stats.cauchy.logpdf(mu, 0, 0.7)
    weight = np.exp(log_density - logsumexp(log_density))
    assert bm.summary(fit).loc["mu", "mean"] == pytest.approx(weight @ mu, abs=MIXTURE)
    assert fit["exact"].attrs["log_evidence"] == pytest.approx(
        logsumexp(log_density) + math.log(mu[1] - mu[0]), abs=MIXTURE
    )
    assert json.loads(fit["exact"].attrs["reasons"]) == {"log_bf01_tau": "tau is fixed at 0 in this model"}


@pytest.mark.parametrize(
    "mu", ["LogNormal(0, 1)", "Truncated(Normal(0, 1), lower=0)", "Uniform(-1, 1)", "StudentT(0.1, 0, 1)"]
)
def test_what_is_no_such_mixture(mu):
    """Such a prior is integrated on a grid of mu and tau: see test_robust_effects.py."""
    with pytest.raises(PriorError, match="is no mixture of normal distributions"):
        normal_components(Prior.parse(mu), Y)
