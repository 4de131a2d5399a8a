"""Printed numbers promise no more than is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.words.numbers import probability_text


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


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.5))
def test_a_probability_is_never_printed_as_certain(value, mcse):
    assert probability_text(value, mcse) not in {"0.000", "1.000", "0.00", "1.00"}
