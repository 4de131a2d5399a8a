"""How numbers are printed, and where ticks and limits lie."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.measures import MEASURES
from bayesma.plots.scale import limits, ticks
from bayesma.plots.text import plain, text_width, wrap
from bayesma.words.numbers import Interval, estimate_texts, fixed, probability_claim


@pytest.mark.parametrize(
    ("interval", "measure", "text"),
    [
        (Interval(-1.74, -5.0, 1.52), "MD", "−1.74 [−5.00, 1.52]"),
        (Interval(3.92, -8.55, 16.39), "MD", "3.9 [−8.6, 16.4]"),
        (Interval(math.log(0.26), math.log(0.07), math.log(0.89)), "OR", "0.26 [0.070, 0.89]"),
        (Interval(0.5, -1e3, 1e3), "OR", "1.65 [<0.001, >99999]"),
        (Interval(0.5, math.nan, math.nan), "SMD", "0.50 [not available]"),
        (Interval(0.00012, 0.00002, 0.00022), "RD", "0.00012 [0.00002, 0.00022]"),
        (Interval(-0.001, -0.8, 0.8), "SMD", "0.00 [−0.80, 0.80]"),
    ],
)
def test_estimates(interval: Interval, measure: str, text: str) -> None:
    assert estimate_texts([interval], MEASURES[measure]) == [text]


def test_an_odd_row_gets_its_own_decimals() -> None:
    usual = Interval(0.5, 0.1, 0.9)
    odd = Interval(0.5, 0.499999, 0.500001)
    assert estimate_texts([usual, usual, None, odd], None)[2:] == ["", "0.5000000 [0.4999990, 0.5000010]"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "< 0.001"), (1e-9, "< 0.001"), (0.9999, "> 0.999"), (1.0, "> 0.999"), (0.97349, "= 0.973")],
)
def test_probabilities_are_never_rounded_to_certainty(value: float, text: str) -> None:
    assert probability_claim(value) == text


def test_numbers_too_long_for_digits() -> None:
    assert fixed(-1.5e12, 2) == "−1.50e+12"
    assert fixed(math.inf, 2) == "∞"


@given(st.floats(1e-6, 1e4), st.floats(1e-6, 1e4), st.booleans())
def test_ticks_are_inside_rising_and_apart(below: float, above: float, ratio: bool) -> None:
    span, width = (-below, above), below + above
    places, labels = ticks(span, 3.4, 9.0, "log" if ratio else "identity")
    assert all(span[0] <= place <= span[1] for place in places)
    gaps = np.diff(np.array(places)) / width * 3.4
    room = [0.5 * (text_width(a, 9.0) + text_width(b, 9.0)) for a, b in pairwise(labels)]
    assert all(gap > needed for gap, needed in zip(gaps, room, strict=True))
    assert len(set(labels)) == len(labels)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6)), min_size=1, max_size=5),
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9)), max_size=5),
)
def test_limits_hold_null_and_core(
    core: list[tuple[float, float]], others: list[tuple[float, float]]
) -> None:
    kept, rest = ([Interval(m, m - s, m + s) for m, s in part] for part in (core, others))
    low, high = limits(0.0, kept, rest)
    assert low < 0.0 < high
    assert all(low < one.low and one.high < high for one in kept)
    assert low < high


@given(st.text(max_size=80), st.floats(0.3, 3.0))
def test_wrapped_lines_fit_and_lose_nothing(text: str, room: float) -> None:
    line = "".join(c for c in plain(text) if ord(c) < 0x250)  # letters the font has
    lines = wrap(line, room, 9.0)
    assert "".join(lines).replace(" ", "") == line.replace(" ", "")
    assert all(text_width(part, 9.0) <= room for part in lines)
