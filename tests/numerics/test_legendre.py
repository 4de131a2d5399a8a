"""Legendre series: the rule, the coefficients, the integral and its inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.numerics import legendre

# Rounding in the three-term recurrence, which grows with the number of points.
ROUNDING = 1e-13
# numpy's own weights lose digits near the ends: its rule is the less accurate one there.
NUMPY_WEIGHTS = 1e-9

# Where density and distribution both vanish, half of the digits of the distribution are left.
NEAR_AN_END = 1e-7


@pytest.mark.parametrize("n", [1, 2, 3, 16, 64, 257])
def test_rule_equals_numpys(n):
    nodes, weights = legendre.rule(n)
    expected_nodes, expected_weights = np.polynomial.legendre.leggauss(n)
    assert nodes == pytest.approx(expected_nodes, abs=ROUNDING)
    assert weights == pytest.approx(expected_weights, rel=NUMPY_WEIGHTS)


@pytest.mark.parametrize("n", [1, 5, 64, 512, 2048])
def test_rule_is_exact_for_the_highest_even_power_it_should_be(n):
    nodes, weights = legendre.rule(n)
    power = 2 * n - 2
    assert weights @ nodes**power == pytest.approx(2.0 / (power + 1.0), rel=1e-11)
    assert weights.sum() == pytest.approx(2.0, abs=ROUNDING)
    assert np.all(np.diff(nodes) > 0)


def test_series_reproduces_a_function_its_integral_and_the_inverse():
    nodes, _ = legendre.rule(64)
    series = legendre.coefficients(np.exp(nodes))
    integral = legendre.antiderivative(series)
    x = np.linspace(-1.0, 1.0, 41)
    assert legendre.evaluate_many(x, series) == pytest.approx(np.exp(x), abs=ROUNDING)
    assert legendre.evaluate_many(x, integral) == pytest.approx(np.exp(x) - np.exp(-1.0), abs=ROUNDING)
    inside = x[1:-1]
    back = legendre.solve_many(np.exp(inside) - np.exp(-1.0), integral, series)
    assert back == pytest.approx(inside, abs=ROUNDING)


def test_inverse_of_a_distribution_that_is_almost_a_step():
    nodes, _ = legendre.rule(1024)
    series = legendre.coefficients(np.exp(-0.5 * ((nodes - 0.3) / 0.01) ** 2) / (0.01 * np.sqrt(2 * np.pi)))
    integral = legendre.antiderivative(series)
    quantiles = legendre.solve_many(np.array([0.025, 0.5, 0.975]), integral, series)
    assert quantiles == pytest.approx(
        0.3 + 0.01 * np.array([-1.959963984540054, 0, 1.959963984540054]), abs=1e-10
    )


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=12), st.floats(-1, 1))
def test_evaluation_equals_numpys(series, x):
    values = np.array(series)
    expected = np.polynomial.legendre.legval(x, values)
    assert legendre.evaluate(x, values) == pytest.approx(expected, abs=1e-11)


@given(st.floats(0.001, 0.999))
def test_solve_inverts_the_integral(q):
    nodes, _ = legendre.rule(64)
    series = legendre.coefficients(0.75 * (1.0 - nodes**2))
    integral = legendre.antiderivative(series)
    x = legendre.solve(q, integral, series)
    assert legendre.evaluate(x, integral) == pytest.approx(q, abs=ROUNDING)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.floats(-1, 1))
def test_antiderivative_of_a_polynomial_in_closed_form(powers, x):
    nodes, _ = legendre.rule(16)
    series = legendre.coefficients(np.polynomial.polynomial.polyval(nodes, powers))
    terms = [c / (j + 1) * (x ** (j + 1) - (-1.0) ** (j + 1)) for j, c in enumerate(powers)]
    assert legendre.evaluate(x, legendre.antiderivative(series)) == pytest.approx(sum(terms), abs=1e-11)


def test_antiderivative_of_each_legendre_polynomial():
    """Integral of P_n from -1 is (P_(n+1) - P_(n-1)) / (2n + 1)."""
    for n in range(1, 9):
        expected = np.zeros(n + 2)
        expected[n + 1], expected[n - 1] = 1 / (2 * n + 1), -1 / (2 * n + 1)
        assert legendre.antiderivative(np.eye(n + 1)[n]) == pytest.approx(expected, abs=ROUNDING)


def test_inverse_in_closed_form_up_to_the_ends():
    # Density 1/2 on [-1, 1]: quantile 2q - 1. Density (1 + x)/2: distribution (1 + x)^2 / 4, 2 sqrt(q) - 1.
    q = np.array([0.0, 1e-12, 0.1, 0.5, 0.9, 1.0])
    for density, expected in (([0.5], 2 * q - 1), ([0.5, 0.5], 2 * np.sqrt(q) - 1)):
        series = np.array(density)
        inverse = legendre.solve_many(q, legendre.antiderivative(series), series)
        assert np.all((inverse >= -1.0) & (inverse <= 1.0))
        assert inverse == pytest.approx(expected, abs=NEAR_AN_END)
