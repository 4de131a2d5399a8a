"""A prior as a distribution: quantiles, draws, support, tails, truncation, published values."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from bayesma.errors import PriorError
from bayesma.priors import Prior
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.priors.listing import list_priors

# scipy's own quantile functions (beta, gamma, t) are iterative and stop at about this.
QUANTILE = 1e-9
# Adaptive quadrature of a density with an algebraic end.
QUADRATURE = 1e-7
# A Kolmogorov-Smirnov test at a fixed seed: p below this means a wrong distribution, not bad luck.
KS = 1e-3
# exp(700) is about the largest number: no example has mass above 1e-12 beyond it.
LOG_RANGE = 700.0
# A 64-point Gauss-Legendre rule on a density that is smooth there, and on one that is not.
SMOOTH, ROUGH = 1e-10, 1e-6


def test_quantile_inverts_distribution_function(proper):
    q = np.array([0.001, 0.025, 0.5, 0.9, 0.999])
    for name, prior in proper.items():
        assert prior.cdf(prior.ppf(q)) == pytest.approx(q, abs=QUANTILE), name
        x = prior.ppf(q)
        assert np.all(np.diff(x) > 0), name
        assert prior.median() == x[2]


def test_distribution_function_is_the_integral_of_the_density(proper):
    for name, prior in proper.items():
        low, high = prior.ppf([0.05, 0.95])
        mass, _ = integrate.quad(lambda x, p=prior: math.exp(p.logpdf(x)), low, high)
        assert mass == pytest.approx(0.9, abs=QUADRATURE), name


def test_density_integrates_to_one_over_the_whole_support(proper):
    """In log(x) for a prior on the half-line, whose tails may span hundreds of powers of ten."""
    for name, prior in proper.items():
        low, high = prior.support
        if low >= 0:
            begin, end = (-LOG_RANGE if low == 0 else math.log(low)), min(LOG_RANGE, np.log(high))

            def height(u, p=prior):
                return math.exp(p.logpdf(math.exp(u)) + u)

            inner = np.log(prior.ppf([0.01, 0.5, 0.99]))
        else:
            begin, end = low, high

            def height(x, p=prior):
                return math.exp(p.logpdf(x))

            inner = prior.ppf([0.01, 0.5, 0.99])
        knots = [begin, *inner, end]
        mass = sum(integrate.quad(height, a, b, epsabs=1e-11, limit=400)[0] for a, b in pairwise(knots))
        assert mass == pytest.approx(1.0, abs=QUADRATURE), name


def test_draws_follow_the_distribution_and_the_seed(proper):
    for name, prior in proper.items():
        draws = prior.draw(4000, np.random.default_rng(11))
        assert stats.kstest(draws, prior.cdf).pvalue > KS, name
        low, high = prior.support
        assert low <= draws.min() and draws.max() <= high, name
        assert np.array_equal(draws, prior.draw(4000, np.random.default_rng(11)))
    assert prior.draw((2, 3), np.random.default_rng(1)).shape == (2, 3)


def test_nothing_outside_the_support(examples):
    for name, prior in examples.items():
        low, high = prior.support
        outside = [end + step for end, step in ((low, -0.01), (high, 0.01)) if math.isfinite(end)]
        assert np.all(prior.logpdf(outside) == -np.inf), name
        if prior.is_proper:
            assert prior.cdf(outside) == pytest.approx([0.0 if x < low else 1.0 for x in outside]), name


def test_truncation_keeps_the_shape_and_rescales(proper):
    for name, prior in proper.items():
        if not prior.truncated:
            continue
        whole = Prior(prior.distribution, prior.arguments)
        if not whole.is_proper:
            continue
        low, high = prior.support
        kept = float(whole.cdf(high) - whole.cdf(low))
        x = prior.ppf([0.2, 0.7])
        assert prior.logpdf(x) == pytest.approx(whole.logpdf(x) - math.log(kept), abs=1e-10), name


@pytest.mark.parametrize(
    ("text", "x", "density"),
    [
        # By hand: HalfCauchy 2 / (pi s (1 + (x/s)^2)); HalfNormal sqrt(2/pi)/s at 0; Exponential r e^(-r x);
        # InverseGamma(1, b): b x^-2 e^(-b/x); HalfStudentT(1, s) is HalfCauchy(s).
        ("HalfCauchy(0.5)", 0.5, 2 / math.pi),
        ("HalfStudentT(1, 0.5)", 0.5, 2 / math.pi),
        ("HalfNormal(0.5)", 0.0, math.sqrt(2 / math.pi) / 0.5),
        ("Exponential(2)", 1.0, 2 * math.exp(-2)),
        ("InverseGamma(1, 0.15)", 0.3, 0.15 / 0.09 * math.exp(-0.5)),
        ("Cauchy(1, 2)", 3.0, 1 / (4 * math.pi)),
        ("Gamma(2, 3)", 1.0, 9 * math.exp(-3)),
        ("Beta(2, 3)", 0.5, 12 * 0.5 * 0.25),
        ("Uniform(1, 5)", 2.0, 0.25),
        ("LogNormal(0, 1)", 1.0, 1 / math.sqrt(2 * math.pi)),
        ("LogStudentT(1, 0, 1)", math.e, 1 / (2 * math.pi * math.e)),
        ("Truncated(Normal(0, 1), lower=0)", 0.0, math.sqrt(2 / math.pi)),
        ("Truncated(Flat(), lower=0, upper=4)", 1.0, 0.25),
    ],
)
def test_densities_worked_by_hand(text, x, density):
    assert math.exp(Prior.parse(text).logpdf(x)) == pytest.approx(density, rel=1e-13)


@pytest.mark.parametrize(
    ("text", "quantiles"),
    [
        # Half-normal: 0.674490 and 1.959964 sigma; half-Cauchy: tan(pi/4) and tan(pi 0.95/2) sigma.
        ("HalfNormal(0.5)", {0.5: 0.5 * 0.6744897501960817, 0.95: 0.5 * 1.959963984540054}),
        ("HalfCauchy(0.5)", {0.5: 0.5, 0.95: 0.5 * math.tan(math.pi * 0.475)}),
        ("Exponential(2)", {0.5: math.log(2) / 2}),
        # The log-t is exp of a t: its quantiles are exp of the t's, 2.570582 at 97.5 % for 5 df.
        ("LogStudentT(5, -1, 0.8)", {0.5: math.exp(-1), 0.975: math.exp(-1 + 0.8 * 2.5705818356363155)}),
    ],
)
def test_quantiles_worked_by_hand(text, quantiles):
    prior = Prior.parse(text)
    for q, value in quantiles.items():
        assert float(prior.ppf(q)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("Flat()", 0.0),
        ("Normal(0, 1)", math.inf),
        ("StudentT(3, 0, 1)", 4.0),
        ("Cauchy(0, 1)", 2.0),
        ("HalfCauchy(1)", 2.0),
        ("HalfStudentT(4, 1)", 5.0),
        ("InverseGamma(1.5, 1)", 2.5),
        ("LogStudentT(5, 0, 1)", 1.0),
        ("LogNormal(0, 1)", math.inf),
        ("Truncated(HalfCauchy(1), upper=3)", math.inf),
        ("Truncated(HalfCauchy(1), lower=3)", 2.0),
        ("Truncated(Cauchy(0, 1), lower=-1, upper=3)", math.inf),
        ("Truncated(Cauchy(0, 1), upper=3)", 2.0),  # the other tail is still there
        ("Truncated(Flat(), upper=3)", 0.0),
        ("Truncated(Flat(), lower=0, upper=3)", math.inf),
    ],
)
def test_tail_exponent(text, tail):
    assert Prior.parse(text).tail == tail


def test_tail_exponents_are_what_the_densities_do(proper):
    for name, prior in proper.items():
        if math.isfinite(prior.tail):
            far = prior.ppf(0.9) + (1e8 if not name.startswith("Log") else 1e100)
            sign = 1.0 if math.isinf(prior.support[1]) else -1.0
            slope = np.diff(prior.logpdf(sign * np.array([far, 10 * far])))[0] / math.log(10)
            assert -slope == pytest.approx(prior.tail, abs=0.05), name


def test_tails_declared_light_fall_faster_than_any_power(proper):
    seen = set()
    for name, prior in proper.items():
        if math.isinf(prior.tail) and any(map(math.isinf, prior.support)):
            sign = 1.0 if math.isinf(prior.support[1]) else -1.0
            at = prior.logpdf(sign * np.array([1e9, 1e10, 1e11]))
            slopes = -np.diff(at) / math.log(10)
            assert 20 < slopes[0] < slopes[1], name  # no declared exponent is above 20, and it still rises
            seen.add(prior.distribution)
    assert seen == {"Normal", "Logistic", "NormalMixture", "HalfNormal", "Exponential", "LogNormal", "Gamma"}


# Numbers for which a density that is not smooth at 0 shows it.
ROUGH_EXAMPLES = {
    "LogNormal": "LogNormal(-1, 3)",
    "LogStudentT": "LogStudentT(5, -1, 3)",
    "Gamma": "Gamma(0.5, 1)",
    "InverseGamma": "InverseGamma(0.3, 1e-4)",
    "Beta": "Beta(0.5, 3)",
}


def test_smooth_at_zero_is_what_a_quadrature_rule_finds(proper):
    """The declaration decides whether nodes are placed in x or in log(x)."""
    nodes, weights = np.polynomial.legendre.leggauss(64)

    def error(prior):
        begin = max(prior.support[0], 0.0)
        end = min(prior.support[1], begin + 1.0)
        rule = 0.5 * (end - begin) * weights @ np.exp(prior.logpdf(begin + 0.5 * (end - begin) * (nodes + 1)))
        return abs(float(rule - (prior.cdf(end) - prior.cdf(begin))))

    for name, prior in proper.items():
        if prior.smooth_at_zero:
            assert error(prior) < SMOOTH, name
    rough = {name for name, declared in DISTRIBUTIONS.items() if not declared.smooth_at_zero}
    assert rough == set(ROUGH_EXAMPLES)
    for text in ROUGH_EXAMPLES.values():
        prior = Prior.parse(text)
        assert not prior.smooth_at_zero and error(prior) > ROUGH, text
        assert prior.truncate(lower=0.2).smooth_at_zero


@pytest.mark.parametrize(
    ("general", "special"),
    [
        ("StudentT(1, 0.5, 2)", "Cauchy(0.5, 2)"),
        ("HalfStudentT(1, 2)", "HalfCauchy(2)"),
        ("Truncated(Normal(0, 2), lower=0)", "HalfNormal(2)"),
        ("Truncated(StudentT(4, 0, 2), lower=0)", "HalfStudentT(4, 2)"),
        ("Gamma(1, 3)", "Exponential(3)"),
        ("Beta(1, 1)", "Uniform(0, 1)"),
        ("Truncated(Flat(), lower=0.5, upper=3)", "Uniform(0.5, 3)"),
    ],
)
def test_one_distribution_is_a_case_of_another(general, special):
    one, other = Prior.parse(general), Prior.parse(special)
    q = np.array([0.01, 0.3, 0.5, 0.9, 0.999])
    x = other.ppf(q)
    assert one.ppf(q) == pytest.approx(x, rel=QUANTILE)
    assert one.cdf(x) == pytest.approx(q, abs=QUANTILE)
    assert one.logpdf(x) == pytest.approx(other.logpdf(x), abs=1e-12)


@given(st.floats(1.5, 30), st.floats(-3, 3), st.floats(0.1, 3), st.floats(0.01, 0.99))
def test_log_student_t_is_the_exp_of_a_student_t(nu, mu, sigma, q):
    log_t, t = Prior("LogStudentT", (nu, mu, sigma)), Prior("StudentT", (nu, mu, sigma))
    x = float(log_t.ppf(q))
    assert math.log(x) == pytest.approx(float(t.ppf(q)), abs=1e-12)
    assert float(log_t.logpdf(x)) == pytest.approx(float(t.logpdf(math.log(x))) - math.log(x), abs=1e-12)
    assert float(log_t.cdf(x)) == pytest.approx(q, abs=QUANTILE)


def test_flat_has_a_level_only_between_two_ends():
    flat = Prior.parse("Flat()")
    assert not flat.is_proper
    assert not Prior.parse("Truncated(Flat(), lower=0)").is_proper
    assert float(flat.logpdf(1e9)) == 0.0
    with pytest.raises(PriorError, match="is improper: it has no distribution function and no draws"):
        flat.ppf(0.5)
    between = Prior.parse("Truncated(Flat(), lower=1, upper=3)")
    assert between.is_proper
    assert float(between.ppf(0.25)) == pytest.approx(1.5)


@given(st.floats(0.01, 100), st.floats(0.01, 0.99))
def test_scale_families_scale(scale, q):
    for text in ("HalfNormal({})", "HalfCauchy({})", "HalfStudentT(4, {})", "InverseGamma(2, {})"):
        one, scaled = Prior.parse(text.format(1)), Prior.parse(text.format(repr(scale)))
        assert float(scaled.ppf(q)) == pytest.approx(scale * float(one.ppf(q)), rel=QUANTILE)


@given(st.floats(-20, 5), st.floats(0.5, 30))
def test_a_tail_keeps_its_digits_under_truncation(lower, width):
    """The quantiles of a normal cut far from its centre stay inside and in order."""
    prior = Prior.parse("Normal(0, 1)").truncate(lower=lower, upper=lower + width)
    x = prior.ppf([0.01, 0.5, 0.99])
    assert lower <= x[0] < x[1] < x[2] <= lower + width
    assert prior.cdf(x) == pytest.approx([0.01, 0.5, 0.99], abs=1e-6)


def test_listing_names_every_distribution_and_how_it_is_written():
    listed = list_priors()
    assert listed.loc["StudentT", "written"] == "StudentT(nu, mu, sigma)"
    assert listed.loc["HalfCauchy", "support"] == "0 to inf"
    assert listed.loc["Beta", "support"] == "0 to 1"
    kinds = listed["kind"].to_dict()
    assert (kinds["Truncated"], kinds["Sceptical"]) == ("distribution", "construction")
