"""Mixtures of normal distributions: tails to full relative accuracy, quantiles however wide the mixture."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from bayesma.numerics import mixture

# Newton's method ends when the distribution function is met to a few units in the last place.
ROUNDING = 1e-12
# Relative, of a tail of 1e-16 to 1e-280: rounding of z is magnified by z^2, up to 1,300 here.
FAR = 1e-10
PROBABILITIES = np.array([1e-6, 0.025, 0.5, 0.975, 1 - 1e-6])


def one(weight, mean, sd):
    return np.asarray(weight, float), np.array([mean], float), np.array([sd], float)


def test_one_component_is_the_normal_distribution():
    weight, mean, sd = one([1.0], [2.0], [0.5])
    expected = stats.norm(2.0, 0.5)
    assert mixture.quantiles(PROBABILITIES, weight, mean, sd)[0] == pytest.approx(
        expected.ppf(PROBABILITIES), rel=ROUNDING
    )
    x = np.array([1.0, 2.0, 3.5])
    assert mixture.density(x, weight, mean[0], sd[0]) == pytest.approx(expected.pdf(x), rel=ROUNDING)


@pytest.mark.parametrize("x", [-40.0, -8.0, 0.3, 8.0, 40.0])
def test_each_tail_keeps_its_digits(x):
    weight, mean, sd = one([0.3, 0.7], [0.0, 1.0], [1.0, 2.0])
    below = mixture.probability(x, weight, mean, sd, above=False)[0]
    above = mixture.probability(x, weight, mean, sd, above=True)[0]
    z = (x - mean[0]) / sd[0]
    assert below == pytest.approx(weight @ stats.norm.cdf(z), rel=1e-11)
    assert above == pytest.approx(weight @ stats.norm.sf(z), rel=1e-11)


def test_component_without_spread_is_a_step():
    weight, mean, sd = one([0.25, 0.75], [0.0, 1.0], [0.0, 0.0])
    assert mixture.probability(0.5, weight, mean, sd, above=False)[0] == 0.25
    assert mixture.probability(0.5, weight, mean, sd, above=True)[0] == 0.75
    # at the step itself: P(X < 1) and P(X > 1), so that the step belongs to neither side
    assert mixture.probability(1.0, weight, mean, sd, above=False)[0] == 0.25
    assert mixture.probability(1.0, weight, mean, sd, above=True)[0] == 0.0
    assert mixture.quantiles(np.array([0.1, 0.3, 0.9]), weight, mean, sd)[0] == pytest.approx(
        [0.0, 1.0, 1.0], abs=ROUNDING
    )
    assert mixture.density(np.array([0.0, 0.5]), weight, mean[0], sd[0]) == pytest.approx([0.0, 0.0])


def test_quantiles_of_a_step_inside_a_normal():
    weight, mean, sd = one([0.5, 0.5], [1.0, 0.0], [0.0, 1.0])
    # Below the step only the normal counts; the step takes 0.42 to 0.92; above it the normal goes on.
    values = mixture.quantiles(np.array([0.3, 0.5, 0.9, 0.95]), weight, mean, sd)[0]
    assert values == pytest.approx([stats.norm.ppf(0.6), 1.0, 1.0, stats.norm.ppf(0.9)], abs=ROUNDING)


@pytest.mark.parametrize(
    ("weight", "mean", "sd", "q", "low", "high"),
    [
        ([0.25, 0.75], [0.0, 1.0], [0.0, 0.0], 0.25, 0.0, 1.0),
        ([0.5, 0.5], [0.0, 3.0], [0.0, 1e-6], 0.5, 0.0, 3.0),
        ([0.5, 0.5], [-50.0, 50.0], [1.0, 1.0], 0.5, -50.0, 50.0),
        ([0.25, 0.75], [-30.0, 30.0], [1.0, 1.0], 0.25, -30.0, 30.0),
    ],
)
def test_quantile_on_a_plateau_lies_on_it(weight, mean, sd, q, low, high):
    """Between two components the density is 0 or nearly: a Newton step there would end at infinity."""
    value = mixture.quantiles(np.array([q]), *one(weight, mean, sd))[0, 0]
    assert low <= value <= high
    assert mixture.probability(value, *one(weight, mean, sd), above=False)[0] <= q + ROUNDING
    assert mixture.probability(value, *one(weight, mean, sd), above=True)[0] <= 1.0 - q + ROUNDING


def test_tiny_weights_move_a_quantile_only_where_they_count():
    mean, sd = [0.0, 1000.0], [1.0, 1.0]
    half, far = mixture.quantiles(np.array([0.5, 0.9995]), *one([0.999, 0.001], mean, sd))[0]
    assert half == pytest.approx(stats.norm.ppf(0.5 / 0.999), abs=ROUNDING)
    assert far == pytest.approx(1000.0, abs=1e-9)  # the middle of the small component
    lost = mixture.quantiles(PROBABILITIES, *one([1.0, 1e-19], mean, sd))[0]
    assert lost == pytest.approx(stats.norm.ppf(PROBABILITIES), abs=ROUNDING)


def test_rows_are_separate_mixtures_with_the_same_weights():
    weight = np.array([0.5, 0.5])
    mean, sd = np.array([[0.0, 1.0], [10.0, 12.0]]), np.array([[1.0, 1.0], [2.0, 0.5]])
    both = mixture.quantiles(np.array([0.1, 0.9]), weight, mean, sd)
    for i in range(2):
        alone = mixture.quantiles(np.array([0.1, 0.9]), weight, mean[[i]], sd[[i]])[0]
        assert both[i] == pytest.approx(alone, rel=ROUNDING)


def test_quantile_near_zero_of_a_mixture_whose_tail_is_twenty_powers_of_ten_wide():
    """A tolerance in units of the bracket would accept the first guess here."""
    sd = np.geomspace(0.1, 1e19, 400)
    weight = sd**-1.0 / np.sum(sd**-1.0)
    mean = np.linspace(0.3, 0.7, 400)
    values = mixture.quantiles(PROBABILITIES, *one(weight, mean, sd))[0]
    for q, value in zip(PROBABILITIES, values, strict=True):
        tail = "cdf" if q <= 0.5 else "sf"
        assert weight @ getattr(stats.norm, tail)((value - mean) / sd) == pytest.approx(
            min(q, 1 - q), rel=1e-9
        )


components_with_tiny_weights = st.lists(
    st.tuples(st.one_of(st.floats(0.01, 1), st.floats(1e-15, 1e-12)), st.floats(-5, 5), st.floats(0.1, 3)),
    min_size=1,
    max_size=6,
)


@given(components_with_tiny_weights, st.floats(8, 36), st.booleans())
def test_tails_and_density_of_any_mixture_equal_scipys_far_out(components, sds, above):
    """Beyond 8 sd of every component the tail is 1e-16 or less, and all its digits count."""
    weight, mean, sd = (np.array(column) for column in zip(*components, strict=True))
    weight = weight / weight.sum()
    x = float(np.max(mean + sds * sd)) if above else float(np.min(mean - sds * sd))
    z = (x - mean) / sd
    assume(np.min(np.abs(z)) < 36.0)  # further out every tail is a number of fewer digits
    tail = mixture.probability(x, *one(weight, mean, sd), above=above)[0]
    assert tail == pytest.approx(weight @ (stats.norm.sf(z) if above else stats.norm.cdf(z)), rel=FAR, abs=0)
    at = mixture.density(np.array([x]), weight, mean, sd)[0]
    assert at == pytest.approx(weight @ (stats.norm.pdf(z) / sd), rel=FAR, abs=0)


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(-50, 50), st.floats(1e-3, 1e3)), min_size=1, max_size=6),
    st.floats(0.001, 0.999),
)
def test_quantile_and_distribution_are_inverse(components, q):
    weight, mean, sd = (np.array(column) for column in zip(*components, strict=True))
    weight = weight / weight.sum()
    value = mixture.quantiles(np.array([q]), *one(weight, mean, sd))[0, 0]
    slack = 4 * np.spacing(abs(value)) * mixture.density(np.array([value]), weight, mean, sd)[0]
    back = mixture.probability(value, *one(weight, mean, sd), above=False)[0]
    assert back == pytest.approx(q, abs=ROUNDING + 10 * slack)


@given(st.floats(-5, 5), st.floats(0.1, 10), st.floats(0.01, 0.99))
def test_quantiles_shift_and_scale(shift, scale, q):
    assume(abs(shift) > 1e-3)
    weight, mean, sd = one([0.2, 0.5, 0.3], [-1.0, 0.0, 2.0], [0.5, 1.0, 0.2])
    at = np.array([q])
    plain = mixture.quantiles(at, weight, mean, sd)[0, 0]
    moved = mixture.quantiles(at, weight, shift + scale * mean, scale * sd)[0, 0]
    assert moved == pytest.approx(shift + scale * plain, abs=1e-10)


@pytest.mark.parametrize("empty", [False, True])
def test_quantiles_of_many_components(empty):
    """N(0, 1) as 6,000 places convolved with N(0, 1/4): N(0, 5/4); the search may begin with no mass."""
    places = np.linspace(-9.0, 9.0, 6000)
    weight = stats.norm.pdf(places)
    if empty:  # of every second component, to which all belong with which the search begins
        places, weight = places.repeat(2), weight.repeat(2)
        weight[::2] = 0.0
    weight /= weight.sum()
    ours = mixture.quantiles(PROBABILITIES, weight, places[None], np.full((1, places.size), 0.5))[0]
    right = np.sqrt(1.25) * stats.norm.ppf(PROBABILITIES)
    assert ours == pytest.approx(right, rel=1e-9)  # rounding of 1 - 1e-6, where the density is 4e-7


def test_many_components_of_which_one_in_so_many_lies_apart():
    """The part that the search begins with has its median far from that of all."""
    size = 4000
    mean, weight = np.zeros((1, size)), np.full(size, 1.0 / size)
    mean[0, ::4] = 1e6
    ours = mixture.quantiles(np.array([0.3]), weight, mean, np.ones((1, size)))[0, 0]
    assert ours == pytest.approx(stats.norm.ppf(0.3 / 0.75), rel=1e-11)
