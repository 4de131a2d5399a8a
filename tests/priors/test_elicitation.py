"""Does the prior say what was said?"""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

import bayesma as bm
from bayesma.errors import OptionError, PriorError

SAME = 2e-5  # numbers are rounded to six digits


@pytest.mark.parametrize("family", ["HalfNormal", "HalfCauchy", "Exponential", "HalfStudentT"])
@given(value=st.floats(1e-3, 1e3), prob=st.floats(0.05, 0.99))
def test_one_statement_decides_a_scale(family, value, prob) -> None:
    held = {"nu": 3.0} if family == "HalfStudentT" else {}
    below = bm.elicit_prior(family, below=value, prob=prob, **held)
    assert float(below.cdf(value)) == pytest.approx(prob, abs=SAME)
    above = bm.elicit_prior(family, above=value, prob=prob, **held)
    assert 1.0 - float(above.cdf(value)) == pytest.approx(prob, abs=SAME)


def test_closed_forms() -> None:
    assert bm.elicit_prior(below=0.5, prob=0.9).arguments[0] == pytest.approx(0.5 / ndtri(0.95), rel=1e-5)
    assert bm.elicit_prior("Exponential", above=2.0, prob=0.1).arguments[0] == pytest.approx(
        np.log(10) / 2, rel=1e-5
    )
    assert bm.elicit_prior("HalfCauchy", below=0.7, prob=0.5).arguments[0] == pytest.approx(0.7, rel=1e-5)


@pytest.mark.slow  # importing PreliZ takes seconds
@pytest.mark.parametrize("family", ["Normal", "LogNormal", "Gamma", "InverseGamma", "Beta"])
def test_two_numbers_by_maximum_entropy(family) -> None:
    prior = bm.elicit_prior(family, between=(0.1, 0.6), prob=0.9)
    assert prior.distribution == family
    assert float(prior.cdf(0.6) - prior.cdf(0.1)) == pytest.approx(0.9, abs=0.005)
    if family == "Normal":  # of the normals with this mass the one of maximum entropy is centred
        assert prior.arguments == pytest.approx((0.35, 0.25 / ndtri(0.95)), rel=2e-2)


def test_without_the_package_it_says_how_to_get_it(monkeypatch) -> None:
    found = builtins.__import__

    def without(name, *rest, **named):
        if name == "preliz":
            raise ImportError(name)
        return found(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        PriorError, match=r"PreliZ, which is not installed: pip install 'bayesma\[elicitation\]'"
    ):
        bm.elicit_prior("Gamma", between=(0.1, 0.6))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, OptionError, r"give one statement: below=, above= or between=\(low, high\)"),
        ({"below": 1.0, "above": 0.5}, OptionError, "give one statement"),
        ({"below": 0.5, "prob": 90}, PriorError, "prob is 90; it must be a number between 0 and 1"),
        ({"below": 0.5, "prob": "0.9"}, PriorError, "prob is '0.9'; it must be a number between 0 and 1"),
        (
            {"below": "a"},
            PriorError,
            "HalfNormal lies above 0, and the statement is about 'a'; give a number",
        ),
        ({"family": "HalfStudentT", "below": 1, "nu": "3"}, PriorError, "nu is '3'; give degrees of freedom"),
        (
            {"family": "Beta", "between": (0.2, 1.5)},
            PriorError,
            "and Beta lies between 0 and 1; state values",
        ),
        ({"family": "Gamma", "between": (-0.2, 1.5)}, PriorError, "and Gamma lies between 0 and inf"),
        ({"family": "Normal", "between": (-1,)}, PriorError, r"between is \(-1,\); give two numbers, as in"),
        ({"family": "Normal", "between": (-1, "a")}, PriorError, r"between is \(-1, 'a'\); give two numbers"),
        ({"below": -0.5}, PriorError, "HalfNormal lies above 0, and the statement is about -0.5"),
        (
            {"family": "Gamma", "below": 0.5},
            OptionError,
            "family is 'Gamma'; below= or above= goes with HalfNormal",
        ),
        ({"family": "HalfNormal", "between": (0, 1)}, OptionError, "between= goes with Normal, LogNormal"),
        ({"family": "Normal", "between": (1, 0)}, PriorError, "its first number must be below its second"),
        ({"family": "HalfStudentT", "below": 0.5}, OptionError, "HalfStudentT needs nu"),
        ({"below": 0.5, "nu": 3.0}, OptionError, "HalfStudentT needs nu"),
    ],
)
def test_mistakes(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        bm.elicit_prior(**arguments)
