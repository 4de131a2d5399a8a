"""What must hold for any data: closed forms at the ends, and answers that no relabelling changes."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

import bayesma as bm
from bayesma.engines import gaussian
from bayesma.engines.marginals import NormalMixture, marginal
from bayesma.families.problems import GaussianProblem
from bayesma.priors import Prior

# Two different integrals of the same posterior, each good to rounding of log densities of size 100.
SYMMETRY = 1e-9

# A tau prior of this scale against SEs of at least 0.05: tau^2 / se^2 is at most 1e-10.
VANISHING = "HalfNormal(1e-6)"
AT_ZERO = 1e-8

studies = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 2)), min_size=1, max_size=8)
some = settings(max_examples=30)


def solve(rows, mu="Normal(0, 2)", tau="HalfNormal(0.5)"):
    y, se = (np.array(column) for column in zip(*rows, strict=True))
    problem = GaussianProblem(y, se, Prior.parse(mu), Prior.parse(tau) if tau else None)
    exists = len(rows) - (mu == "Flat()") + problem.tau.tail - 1.0 if tau else math.inf
    solution = gaussian.solve(problem, exists)
    return solution, NormalMixture(solution.weight, solution.mu_mean[None], solution.mu_sd[None])


@some
@example([(3.0, 0.05078125), (3.0, 0.05078125), (-2.0, 0.0546875)])  # the evidence moves by 1e-6 here
@given(studies)
def test_vanishing_tau_is_the_common_effect(rows):
    random, mu = solve(rows, tau=VANISHING)
    common, mu_0 = solve(rows, tau=None)
    assert mu.mean() == pytest.approx(mu_0.mean(), abs=AT_ZERO)
    assert mu.sd() == pytest.approx(mu_0.sd(), rel=AT_ZERO)
    # the first term of the log evidence in tau^2, of which the prior expects 1e-12
    y, se = (np.array(column) for column in zip(*rows, strict=True))
    first = 0.5e-12 * np.sum((y - mu_0.mean()) ** 2 * se**-4.0 + se**-2.0)
    assert random.log_evidence == pytest.approx(common.log_evidence, abs=AT_ZERO + 2.0 * first)


@some
@given(studies, st.sampled_from(["Flat()", "Normal(0.3, 2)"]))
def test_common_effect_is_the_conjugate_closed_form(rows, prior):
    _, mu = solve(rows, mu=prior, tau=None)
    y, se = (np.array(column) for column in zip(*rows, strict=True))
    m0, w0 = (0.0, 0.0) if prior == "Flat()" else (0.3, 0.25)
    precision = np.sum(se**-2.0) + w0
    assert mu.sd()[0] == pytest.approx(precision**-0.5, rel=SYMMETRY)
    assert mu.mean()[0] == pytest.approx((np.sum(y * se**-2.0) + m0 * w0) / precision, abs=SYMMETRY)


@some
@given(studies)
def test_every_study_twice_halves_the_variance_of_a_common_effect(rows):
    once, twice = (solve(times * rows, mu="Flat()", tau=None)[1] for times in (1, 2))
    assert twice.sd()[0] ** 2 == pytest.approx(once.sd()[0] ** 2 / 2, rel=SYMMETRY)
    assert twice.mean()[0] == pytest.approx(once.mean()[0], abs=SYMMETRY)


@some
@given(st.floats(-3, 3), st.floats(0.05, 2))
def test_one_study_leaves_tau_its_prior_under_a_flat_mu(y, se):
    """p(y | tau) does not depend on tau: the posterior of tau is the prior, mu is y plus both variances."""
    solution, mu = solve([(y, se)], mu="Flat()")
    assert solution.log_evidence == pytest.approx(0.0, abs=SYMMETRY)
    mean = solution.weight @ solution.tau
    assert mean == pytest.approx(stats.halfnorm(scale=0.5).mean(), rel=SYMMETRY)
    assert mu.mean()[0] == pytest.approx(y, abs=SYMMETRY)
    assert mu.sd()[0] ** 2 == pytest.approx(se**2 + 0.25, rel=SYMMETRY)


@some
@given(studies, st.floats(-100, 100), st.sampled_from(["Flat()", "Cauchy({}, 1)", "StudentT(4, {}, 2)"]))
def test_shift_of_data_and_prior(rows, shift, prior):
    plain, mu = solve(rows, mu=prior.format(0.0))
    shifted, moved = solve([(y + shift, se) for y, se in rows], mu=prior.format(repr(shift)))
    # y + shift is rounded to 1e-14: that much of an SE of 0.05, squared and summed, in the log evidence
    assert shifted.log_evidence == pytest.approx(plain.log_evidence, abs=1e-8)
    assert moved.quantile([0.1, 0.5, 0.9])[0] - shift == pytest.approx(
        mu.quantile([0.1, 0.5, 0.9])[0], abs=1e-8
    )


@some
@given(
    studies,
    st.floats(1e-4, 1e4),
    st.sampled_from(["HalfCauchy({})", "HalfStudentT(4, {})", "Uniform(0, {})"]),
)
def test_another_unit_of_data_and_priors(rows, unit, tau):
    plain, mu = solve(rows, mu="Cauchy(0, 2)", tau=tau.format(0.5))
    scaled, wide = solve(
        [(unit * y, unit * se) for y, se in rows],
        mu=f"Cauchy(0, {2 * unit!r})",
        tau=tau.format(repr(0.5 * unit)),
    )
    assert scaled.log_evidence == pytest.approx(plain.log_evidence - len(rows) * math.log(unit), abs=1e-8)
    q = [0.1, 0.5, 0.9]
    assert wide.quantile(q)[0] / unit == pytest.approx(mu.quantile(q)[0], abs=1e-7)


@some
@given(studies, st.randoms())
def test_order_of_the_studies(rows, random):
    plain, mu = solve(rows)
    shuffled, same = solve(random.sample(rows, len(rows)))
    assert shuffled.log_evidence == pytest.approx(plain.log_evidence, abs=SYMMETRY)
    assert same.mean() == pytest.approx(mu.mean(), abs=SYMMETRY)


@some
@given(studies)
def test_sign(rows):
    plain, mu = solve(rows)
    flipped, other = solve([(-y, se) for y, se in rows])
    assert flipped.log_evidence == pytest.approx(plain.log_evidence, abs=SYMMETRY)
    assert other.mean() == pytest.approx(-mu.mean(), abs=SYMMETRY)
    assert other.probability(0.0, above=True) == pytest.approx(mu.probability(0.0, above=False), abs=SYMMETRY)


def attributes(y, se=0.1, **priors):
    effects = bm.Effects.from_estimates(y, [se] * len(y))
    given = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"} | priors
    return bm.fit(effects, priors=given, engine="exact", random_seed=1, draws=1, chains=1)["exact"].attrs


def test_bayes_factors_point_to_the_null_where_it_holds():
    null = attributes([0.0] * 6)
    assert null["log_bf01_mu"] > 0
    assert null["log_bf01_tau"] > 0
    effect = attributes([1.0] * 6)
    assert effect["log_bf01_mu"] < 0 < effect["log_bf01_tau"]
    spread = attributes([-1.0, 1.0] * 3)
    assert spread["log_bf01_tau"] < 0 < spread["log_bf01_mu"]


def test_bayes_factor_is_the_savage_dickey_ratio():
    """p(y | mu = 0) / p(y) is the posterior density at 0 over the prior density at 0."""
    effects = bm.Effects.from_estimates([0.1, 0.4, -0.2], [0.2, 0.3, 0.1])
    fit = bm.fit(
        effects, priors={"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}, engine="exact", random_seed=1
    )
    at_zero = marginal(fit, "mu").density(np.array([0.0]))[0]
    assert fit["exact"].attrs["log_bf01_mu"] == pytest.approx(
        math.log(at_zero / stats.norm.pdf(0)), abs=SYMMETRY
    )
    tau_at_zero = marginal(fit, "tau").density(np.array([1e-9]))[0]
    assert fit["exact"].attrs["log_bf01_tau"] == pytest.approx(
        math.log(tau_at_zero / stats.halfnorm.pdf(0, scale=0.5)), abs=1e-7
    )
