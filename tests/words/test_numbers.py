"""Printed numbers promise no more than is known."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bayesma.measures import MEASURES
from bayesma.words.numbers import general, probability_text, rounded, share, with_interval


@pytest.mark.parametrize(
    ("value", "mcse", "text"),
    [
        (0.0, 0.0, "<0.001"),
        (1.0, 0.0, ">0.999"),
        (0.9996, 0.0, ">0.999"),
        (0.9994, 0.0, "0.999"),
        (0.5, 0.0, "0.500"),
        (0.9174, 0.0045, "0.92"),
        (0.9174, 0.0004, "0.917"),
        (0.9174, math.nan, "0.92"),
        (0.9999, 0.002, ">0.99"),
        (0.003, 0.002, "<0.01"),
        (math.nan, 0.0, "–"),
    ],
)
def test_a_probability_has_the_digits_of_its_error(value, mcse, text):
    assert probability_text(value, mcse) == text


@example(0.0005, 0.0)
@example(0.9995, 0.0)
@given(st.floats(0.0, 1.0), st.floats(0.0, 0.5))
def test_a_probability_is_never_printed_as_certain(value, mcse):
    assert probability_text(value, mcse) not in {"0.000", "1.000", "0.00", "1.00"}
    assert share(value) != "0.0 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
        (2540.2, "2540"),
        (-0.25, "−0.25"),
        (1e-7, "1.000e−07"),
        (3.0, "3"),
    ],
)
def test_general(value, text):
    assert general(value) == text


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [(-0.7103, 0.187, "−0.710"), (-0.0001, 0.5, "0.000"), (12.3456, 10.0, "12.3"), (1.0, math.inf, "1")],
)
def test_rounded(value, spread, text):
    assert rounded(value, spread) == text


def test_ratios_are_printed_on_their_own_scale():
    assert with_interval(MEASURES["RR"], -0.71, -1.09, -0.35) == "0.49 [0.34, 0.70]"
    assert with_interval(MEASURES["MD"], math.nan, math.nan, math.nan) == "–"
