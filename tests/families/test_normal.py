"""Family `normal`: what follows from its parameters, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import bayesma as bm
from bayesma.errors import PriorError
from bayesma.families import FAMILIES, family_of
from bayesma.families.base import Case
from bayesma.families.listing import list_families
from bayesma.families.problems import GaussianProblem, NoIntegral, TwoParameterProblem

NORMAL = FAMILIES["normal"]
RANDOM, COMMON = (NORMAL.checked_options({"random_effects": choice}) for choice in ("normal", "none"))
EFFECTS = bm.Effects.from_estimates([-0.4, 0.1, 0.3], [0.2, 0.3, 0.1], measure="OR")


def case(options, priors=None):
    """What the family computes with."""
    return Case(NORMAL.arrays(EFFECTS, options), priors or {}, options)


ROUNDING = 1e-13
# Means and variances of so many draws, in standard errors.
DRAWS, MONTE_CARLO = 40_000, 4.5


def test_found_by_its_evidence():
    assert family_of(EFFECTS) is NORMAL


def test_parameters():
    assert [p.name for p in NORMAL.parameters(RANDOM)] == ["mu", "tau", "theta", "theta_new"]
    assert [p.name for p in NORMAL.parameters(COMMON)] == ["mu"]
    assert [p.name for p in NORMAL.hyper(RANDOM)] == ["mu", "tau"]
    assert NORMAL.parameters(RANDOM)[1].lower == 0.0


def test_marginal_likelihood_is_that_of_scipy():
    draws = {"mu": np.array([0.2, -1.0]), "tau": np.array([0.5, 0.0])}
    ours = NORMAL.log_likelihood(draws, case(RANDOM))
    for s in range(2):
        sd = np.sqrt(EFFECTS.se**2 + draws["tau"][s] ** 2)
        assert ours[s] == pytest.approx(stats.norm.logpdf(EFFECTS.y, draws["mu"][s], sd), abs=ROUNDING)
    common = NORMAL.log_likelihood({"mu": draws["mu"]}, case(COMMON))
    assert common[1] == pytest.approx(ours[1], abs=ROUNDING)  # tau was 0 there


def test_marginal_likelihood_integrates_the_study_effects_out():
    """By quadrature over theta of N(y; theta, se) N(theta; mu, tau)."""
    mu, tau = 0.2, 0.5
    theta = np.linspace(-8, 8, 40_001)
    for i in range(3):
        joint = stats.norm.pdf(EFFECTS.y[i], theta, EFFECTS.se[i]) * stats.norm.pdf(theta, mu, tau)
        expected = math.log(np.trapezoid(joint, theta))
        ours = NORMAL.log_likelihood({"mu": np.array([mu]), "tau": np.array([tau])}, case(RANDOM))[0, i]
        assert ours == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("tau", [0.0, 1e-9, 0.3, 1e9])
def test_study_effects_given_the_others(tau):
    """theta_i ~ N((1 - b) y + b mu, b tau^2), b = se^2 / (se^2 + tau^2); at tau = 0 it is mu, far out y."""
    draws = {"mu": np.full(DRAWS, 0.7), "tau": np.full(DRAWS, tau)}
    made = NORMAL.complete(draws, case(RANDOM), np.random.default_rng(1))
    shrink = EFFECTS.se**2 / (EFFECTS.se**2 + tau**2)
    mean, sd = (1 - shrink) * EFFECTS.y + shrink * 0.7, np.sqrt(shrink) * tau
    assert made["theta"].shape == (DRAWS, 3)
    assert np.all(np.abs(made["theta"].mean(axis=0) - mean) <= MONTE_CARLO * sd / math.sqrt(DRAWS) + 1e-12)
    assert made["theta"].std(axis=0) == pytest.approx(sd, rel=MONTE_CARLO / math.sqrt(2 * DRAWS), abs=1e-12)
    assert made["theta_new"].std() == pytest.approx(tau, rel=MONTE_CARLO / math.sqrt(2 * DRAWS), abs=1e-12)
    assert NORMAL.complete({"mu": draws["mu"]}, case(COMMON), np.random.default_rng(1)) == {}


def test_study_effects_are_independent_given_the_others():
    draws = {"mu": np.full(DRAWS, 0.7), "tau": np.full(DRAWS, 0.3)}
    made = NORMAL.complete(draws, case(RANDOM), np.random.default_rng(1))
    together = np.column_stack([made["theta"], made["theta_new"]])
    correlation = np.corrcoef(together, rowvar=False)[np.triu_indices(4, 1)]
    assert np.all(np.abs(correlation) < MONTE_CARLO / math.sqrt(DRAWS))


@given(st.floats(0, 100))
def test_weights_are_inverse_variances(tau):
    weights = NORMAL.weights({"mu": np.zeros(1), "tau": np.array([tau])}, case(RANDOM))[0]
    variance = EFFECTS.se**2 + tau**2
    assert weights.sum() == pytest.approx(1.0, abs=ROUNDING)
    assert weights * variance == pytest.approx(np.full(3, (weights * variance)[0]), rel=1e-10)


def test_simulated_studies_keep_the_design():
    design = bm.Effects.from_estimates([9.0, 9.0], [0.1, 2.0], ["A", "B"], measure="OR", n=[50, 8])
    rng = np.random.default_rng(3)
    runs = [NORMAL.simulate({"mu": 0.5, "tau": 0.7}, design, RANDOM, rng) for _ in range(4000)]
    assert list(runs[0].study) == ["A", "B"]
    assert (runs[0].measure, list(runs[0].n), list(runs[0].se)) == ("OR", [50, 8], [0.1, 2.0])
    y = np.array([run.y for run in runs])
    sd = np.hypot([0.1, 2.0], 0.7)
    assert np.all(np.abs(y.mean(axis=0) - 0.5) < MONTE_CARLO * sd / math.sqrt(4000))
    assert y.std(axis=0) == pytest.approx(sd, rel=MONTE_CARLO / math.sqrt(8000))
    common = np.array([NORMAL.simulate({"mu": 0.5}, design, COMMON, rng).y for _ in range(4000)])
    assert common.std(axis=0) == pytest.approx([0.1, 2.0], rel=MONTE_CARLO / math.sqrt(8000))


def test_the_integral_or_why_there_is_none():
    priors = NORMAL.checked_priors(EFFECTS, None, RANDOM)
    problem = NORMAL.problem(case(RANDOM, priors))
    assert isinstance(problem, GaussianProblem)
    assert (problem.mu, problem.tau) == (priors["mu"], priors["tau"])
    assert NORMAL.problem(case(COMMON, {"mu": priors["mu"]})).tau is None
    skewed = NORMAL.checked_priors(EFFECTS, {"mu": "LogNormal(0, 1)"}, RANDOM)
    assert isinstance(NORMAL.problem(case(RANDOM, skewed)), TwoParameterProblem)
    tailed = NORMAL.checked_options({"random_effects": "student_t", "nu": "prior"})
    unbounded = NORMAL.checked_priors(EFFECTS, {"nu": "Gamma(2, 0.1)"}, tailed)
    none = NORMAL.problem(case(tailed, unbounded))
    assert isinstance(none, NoIntegral)
    assert "no integral for nu below 0.5, where Gamma(2, 0.1) reaches" in none.reason


def test_structure_depends_on_distributions_and_options_and_not_on_numbers():
    def of(options, **priors):
        return NORMAL.structure(case(options, NORMAL.checked_priors(EFFECTS, priors, options)))

    assert of(RANDOM) == of(RANDOM, mu="Normal(1, 2)", tau="HalfNormal(3)")
    assert of(RANDOM) != of(RANDOM, tau="HalfCauchy(1)")
    assert of(RANDOM) != of(COMMON)


def test_a_scale_cannot_have_a_prior_below_0():
    with pytest.raises(
        PriorError, match=r"prior Normal\(0, 1\) for tau has mass below 0, .* Truncated\(Normal"
    ):
        NORMAL.checked_priors(EFFECTS, {"tau": "Normal(0, 1)"}, RANDOM)


def test_listing():
    every = list_families()
    assert not every["options"].str.contains(r": (?:;|$)").any()  # each says what it takes
    row = every.loc["normal"]
    assert row["evidence"] == "Effects"
    assert row["parameters"] == "mu, tau, theta, theta_new"
    assert row["options"].startswith("random_effects: normal | student_t | contaminated | none; nu: ")
