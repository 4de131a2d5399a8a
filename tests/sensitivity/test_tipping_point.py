"""Does the probability cross the threshold where it is said to, and do the sentences say what happens?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import bayesma as bm
from bayesma.errors import OptionError, PriorError

EFFECTS = bm.Effects.from_estimates([-0.5, -0.4], [0.2, 0.2], ["A", "B"], measure="SMD")
FLIP = 1e-5  # of the probability at the crossing


def test_a_common_effect_has_a_closed_form() -> None:
    """Under Normal(0, s) P(mu < 0) = Phi(-m s / sqrt(v (s^2 + v))), v the variance of the pooled mean m."""
    found = bm.tipping_point(
        EFFECTS, {"mu": "Normal(0, ?)"}, over=(0.01, 4), favours="lower", random_effects="none"
    )
    mean, variance = -0.45, 0.02
    z = stats.norm.ppf(0.95)
    expected = np.sqrt(variance**2 * z**2 / (mean**2 - variance * z**2))
    assert found.flips == pytest.approx((expected,), rel=1e-5)


@pytest.mark.parametrize(
    ("path", "over"),
    [
        ({"tau": "HalfNormal(?)"}, (0.01, 3.0)),
        ({"mu": "Normal(0, ?)"}, (0.01, 3.0)),
        ({"mu": "Normal(?, 0.2)"}, (-1.0, 1.0)),
    ],
)
def test_the_probability_there_is_the_threshold(path: dict[str, str], over: tuple[float, float]) -> None:
    found = bm.tipping_point(EFFECTS, path, over=over, favours="lower", threshold=0.9)
    (flip,) = found.flips
    ((name, text),) = path.items()
    fit = bm.fit(EFFECTS, priors={name: text.replace("?", repr(flip))}, engine="exact", random_seed=1)
    assert bm.prob(fit, "mu", below=0.0) == pytest.approx(0.9, abs=FLIP)
    assert found.curve.index[0] == over[0]
    assert found.curve.index[-1] == over[1]


def test_two_crossings() -> None:
    """A prior far below, at the data, far above: only near the data is P(-1 < theta) near 1."""
    found = bm.tipping_point(
        EFFECTS, {"mu": "Normal(?, 0.2)"}, over=(-3, 3), question=_near_the_middle, threshold=0.9
    )
    assert len(found.flips) == 2
    assert "between" in found.sentence or "or less or" in found.sentence


def _near_the_middle(fit: object) -> float:
    """Mu between -1 and 0."""
    return bm.prob(fit, "mu", below=0.0) - bm.prob(fit, "mu", below=-1.0)


def test_a_function_without_words() -> None:
    path: dict[str, Any] = {"path": {"tau": "HalfNormal(?)"}, "over": (0.1, 2)}
    found = bm.tipping_point(EFFECTS, **path, question=lambda fit: bm.prob(fit, "mu", below=-5.0))
    assert found.sentence.endswith("takes the probability of what was asked to 95 %: it stays at <0.1 %.")
    with pytest.raises(OptionError, match=r"mid is 0.2 and question is a function \(Mu between -1 and 0\)"):
        bm.tipping_point(EFFECTS, **path, favours="lower", mid=0.2, question=_near_the_middle)


@pytest.mark.parametrize(
    ("path", "over", "words"),
    [
        ("Sceptical(-0.5, ?)", (0.01, 0.4), "with tail x "),
        ("Sceptical(?, 0.05)", (-2.0, -0.01), "with mid x "),
        ("UnitInformation(?)", (0.05, 4.0), "with sd x "),
    ],
)
def test_a_construction_has_names_for_its_numbers(path: str, over: tuple[float, float], words: str) -> None:
    found = bm.tipping_point(EFFECTS, {"mu": path}, over=over, favours="lower")
    assert words in found.sentence


def test_none_is_an_answer() -> None:
    strong = bm.Effects.from_estimates([-2.0, -2.1, -1.9], [0.1, 0.1, 0.1], measure="SMD")
    found = bm.tipping_point(strong, {"tau": "HalfNormal(?)"}, over=(0.01, 1), favours="lower")
    assert found.flips == ()
    assert found.sentence == (
        "No prior HalfNormal(s) on the between-study standard deviation, with scale s from 0.01 to 1, takes "
        "the probability of benefit below 95 %: it stays above 99 %."
    )


def test_what_it_would_take_to_convince() -> None:
    weak = bm.Effects.from_estimates([-0.2], [0.2], measure="SMD")
    found = bm.tipping_point(weak, {"mu": "Normal(?, 0.3)"}, over=(-2, 1), favours="lower")
    assert found.at_base < 0.95
    assert found.sentence.startswith(
        "The probability of benefit reaches 95 % when the prior on the mean effect"
    )
    assert "with centre c of −" in found.sentence
    assert "or less; under the priors of this analysis, Normal(0, 2), it is" in found.sentence
    never = bm.tipping_point(weak, {"tau": "HalfNormal(?)"}, over=(0.1, 1), favours="lower")
    assert "takes the probability of benefit to 95 %: it stays between" in never.sentence


def test_the_sd_of_a_sceptic_in_words() -> None:
    found = bm.tipping_point(EFFECTS, {"mu": "Normal(0, ?)"}, over=(0.01, 2), favours="lower", mid=0.1)
    assert "The probability of a benefit of at least 0.1 falls below 95 %" in found.sentence
    assert "is Normal(0, s) with sd s of" in found.sentence
    assert "or less;" in found.sentence


@pytest.mark.parametrize(
    ("path", "over", "words"),
    [
        ({"tau": "HalfNormal(1)"}, (0.1, 1), "write its prior with one"),
        ({"tau": "Truncated(Normal(?, 1), lower=?)"}, (0.1, 1), "write its prior with one"),
        ({"tau": "HalfNormal(?)", "mu": "Normal(0, ?)"}, (0.1, 1), "give one parameter"),
        ({"nu": "HalfNormal(?)"}, (0.1, 1), "path names 'nu', which has no prior in this model"),
        ({"tau": "HalfNormal(?)"}, (1, 0.1), "give the two ends of the path, rising"),
        ({"tau": "HalfNormal(?)"}, (-1, 1), "sigma is -1; it must be above 0"),
    ],
)
def test_mistakes(path: dict[str, str], over: tuple[float, float], words: str) -> None:
    with pytest.raises((OptionError, PriorError), match=words):
        bm.tipping_point(EFFECTS, path, over=over, favours="lower")


@pytest.mark.slow
def test_nuts_finds_it_too() -> None:
    keywords = {"over": (0.05, 2.0), "favours": "lower"}
    exact = bm.tipping_point(EFFECTS, {"tau": "HalfNormal(?)"}, **keywords)
    nuts = bm.tipping_point(EFFECTS, {"tau": "HalfNormal(?)"}, engine="nuts", random_seed=2, **keywords)
    assert nuts.mcse > 0.0
    # the curve is within 4 MCSEs of the exact one, wherever the crossing then is
    assert (
        np.abs(nuts.curve - np.interp(nuts.curve.index, exact.curve.index, exact.curve)) < 4 * nuts.mcse
    ).all()
    assert len(nuts.flips) == 1
