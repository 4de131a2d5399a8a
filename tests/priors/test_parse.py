"""The text form of a prior: back and forth, and what is said to a text that is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.errors import PriorError
from bayesma.priors import Prior
from bayesma.priors.distributions import DISTRIBUTIONS

finite = st.floats(-1e6, 1e6)
above_zero = st.floats(1e-3, 1e6)
share = st.floats(1e-3, 0.999)


@st.composite
def priors(draw):
    """Any prior, with any of the two bounds, that keeps mass."""
    name = draw(st.sampled_from(list(DISTRIBUTIONS)))
    declared = DISTRIBUTIONS[name]
    values = [
        draw(share if p in declared.shares else above_zero if p in declared.positive else finite)
        for p in declared.parameters
    ]
    if name == "Uniform":
        values = sorted(values)
        values[1] += 1.0
    if name in {"LogNormal", "LogStudentT"}:
        values[-2] = draw(st.floats(-5, 5))
    prior = Prior(name, tuple(values))
    bounds = {side: draw(st.none() | st.floats(-10, 10)) for side in ("lower", "upper")}
    try:
        return prior.truncate(**{side: bound for side, bound in bounds.items() if bound is not None})
    except PriorError:  # no mass between these bounds
        return prior


@given(priors())
def test_text_and_back(prior):
    assert Prior.parse(str(prior)) == prior


@given(priors())
def test_the_object_is_its_own_text(prior):
    assert Prior.parse(prior) is prior


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  HalfNormal( 0.5 )\n", "HalfNormal(0.5)"),
        ("Normal(sigma=4, mu=0)", "Normal(0, 4)"),
        ("Normal(-1e-3, +2)", "Normal(-0.001, 2)"),
        ("StudentT(3, 0, sigma=2.5)", "StudentT(3, 0, 2.5)"),
        ("Flat()", "Flat()"),
        ("Truncated(Truncated(Normal(0, 1), lower=0), upper=3)", "Truncated(Normal(0, 1), lower=0, upper=3)"),
        ("Truncated(HalfNormal(1), lower=0)", "HalfNormal(1)"),  # bounds that change nothing are dropped
        ("Truncated(Uniform(0, 1), lower=-2, upper=7)", "Uniform(0, 1)"),
        ("Truncated(Normal(0, 1), lower=-1e999)", "Normal(0, 1)"),
        ("Truncated(Flat(), lower=0, upper=5)", "Truncated(Flat(), lower=0, upper=5)"),
    ],
)
def test_written_in_other_ways(written, read):
    assert str(Prior.parse(written)) == read


NO_PRIORS = {
    "": "does not parse at character 1 (its end); write it like 'HalfNormal(0.5)'",
    "Normal": "does not parse",
    "3": "does not parse",
    "Normal(0, 1": "does not parse",
    "Normal(0, 1) + 1": "does not parse",
    "Normal(0, 1).x": "does not parse",
    "Normal(0, 1)(2)": "does not parse",
    "Normal(0, 1); Normal(0, 1)": "does not parse",
    "Normal[0, 1]": "does not parse",
    "pm.Normal(0, 1)": "does not parse",
    "Normal(mu=0, mu=1, sigma=1)": "gives mu twice; it is written Normal(mu, sigma)",
    "Truncated(Normal(0, 1), lower=0, lower=1)": "gives lower twice; it is written Truncated(",
    "lambda: 0": "does not parse",
    "Normal(0, 1)\0": "does not parse",
    "Normal(0is, 1)": "does not parse",
    "__import__('os')": "'__import__' is no known distribution; known are: Flat, Normal",
    "__import__('os').system('true')": "does not parse",
    "exec('1')": "'exec' is no known distribution",
    "Normal(__import__('os'), 1)": """"__import__('os')" is not a number""",
    "Truncated(__import__('os'), lower=0)": "'__import__' is no known distribution",
    "Truncated(Normal(0, 1), lower=exit())": "'exit()' is not a number",
    "HalfGauss(1)": "'HalfGauss' is no known distribution",
    "Normal()": "lacks mu; it is written Normal(mu, sigma)",
    "Normal(0)": "lacks sigma; it is written Normal(mu, sigma)",
    "Normal(0, 1, 2)": "has 3 numbers; it is written Normal(mu, sigma)",
    "HalfNormal(scale=1)": "argument 'scale' is not expected; it is written HalfNormal(sigma)",
    "Normal(0, mu=1)": "gives mu twice",
    "Normal(**{})": "argument None is not expected",
    "Normal(*[0, 1])": "is not a number",
    "Normal('0', 1)": "is not a number",
    "Normal(True, 1)": "'True' is not a number",
    "Normal(0, -False)": "character 11: '-False' is not a number",
    "Truncated(Normal(0, 1), lower=True)": "'True' is not a number",
    "Truncated(Normal(0, 1), lower=nan)": "'nan' is not a number",
    "Normal(0, inf)": "'inf' is not a number",
    "Normal(0, 1e999)": "sigma is inf; it must be a finite number",
    "Normal(0, 1/2)": "'1 / 2' is not a number",
    "Flat(1)": "has 1 numbers; it is written Flat()",
    "LogNormal(0)": "lacks sigma; it is written LogNormal(mu, sigma)",
    "Normal(1j, 1)": "'1j' is not a number",
    "Normal(nan, 1)": "'nan' is not a number",
    "Normal(1e999, 1)": "mu is inf; it must be a finite number",
    "Normal(1" + 400 * "0" + ", 1)": "characters is no prior",
    "Normal(0, -1)": "sigma is -1; it must be above 0",
    "HalfCauchy(0)": "sigma is 0; it must be above 0",
    "StudentT(0, 0, 1)": "nu is 0; it must be above 0",
    "Gamma(1, -2)": "rate is -2; it must be above 0",
    "Uniform(1, 0)": "lower must be below upper",
    "Uniform(1, 1)": "lower must be below upper",
    "Truncated(Normal(0, 1))": "it is written Truncated(<prior>, lower=, upper=)",
    "Truncated(5, lower=0)": "it is written Truncated(<prior>, lower=, upper=)",
    "Truncated(lower=0)": "it is written Truncated(<prior>, lower=, upper=)",
    "Truncated(Normal(0, 1), low=0)": "argument 'low' is not expected",
    "Truncated(Normal(0, 1), lower='a')": "is not a number",
    "Truncated(Normal(0, 1), lower=1, upper=0)": "keeps no mass; widen the bounds",
    "Truncated(HalfNormal(1), upper=-1)": "keeps no mass",
    "Truncated(HalfNormal(1), upper=0)": "keeps no mass",
    "Truncated(Normal(0, 1), lower=50)": "keeps no mass",
    "Truncated(Normal(0, 1), lower=1e999)": "keeps no mass",
    "Truncated(Flat(), lower=2, upper=2)": "keeps no mass",
    "Normal(" * 300 + ")" * 300: "characters is no prior",
    "-" * 100000 + "1": "characters is no prior",
}


@pytest.mark.parametrize(("text", "said"), NO_PRIORS.items(), ids=[text[:40] for text in NO_PRIORS])
def test_what_is_no_prior(text, said):
    with pytest.raises(PriorError) as caught:
        Prior.parse(text)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("given", [5, None, 0.5, ["Normal(0, 1)"], b"Normal(0, 1)"])
def test_what_is_no_text(given):
    with pytest.raises(PriorError, match="a prior is written as text such as"):
        Prior.parse(given)


def test_objects_are_checked_like_texts():
    with pytest.raises(PriorError, match=r"has 1 numbers; it is written Normal\(mu, sigma\)"):
        Prior("Normal", (0.0,))
    with pytest.raises(PriorError, match="sigma is nan; it must be a finite number"):
        Prior("HalfNormal", (math.nan,))
    with pytest.raises(PriorError, match="a bound is not a number"):
        Prior("Normal", (0.0, 1.0), lower=math.nan)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Half Normal(1)", r"character 6 \('N'\) \(did you mean 'HalfNormal'\?\); write it like"),
        ("half-normal(1)", r"character 1: .* \(did you mean 'HalfNormal'\?\)"),
        ("HalfNormal(0.5", r"character 11 \('\('\); write it like"),
        ("Normal(0, 1\0)", r"character 12 \(a null character\)"),
        (
            "Turner2015: pain, any v any",
            "character 1: 'turner2015' is no known source; did you mean 'Turner 2015'",
        ),
        ("Sceptical(0, 0.05)", "character 11: mid is 0; give the minimal important difference"),
        ("Sceptical(-0.5, 0.7)", "character 17: tail is 0.7; it must lie between 0 and 0.5"),
        ("Sceptical(tail=0.7, mid=-0.5)", "character 16: tail is 0.7"),
        ("Neutral(0)", "character 9: mid is 0"),
        ("Uniform(2, 1)", "character 9: lower must be below upper"),
        ("Truncated(Normal(0, 1), lower=5, upper=4)", "character 25: the truncation keeps no mass; widen"),
    ],
)
def test_the_character_and_the_nearest_name(text, said) -> None:
    with pytest.raises(PriorError, match=said):
        Prior.parse(text)
