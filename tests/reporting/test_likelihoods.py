"""The model in words: what is said of robust effects, of moderators, and of a horseshoe."""

from __future__ import annotations

import pytest

from bayesma.families import FAMILIES
from bayesma.reporting.likelihoods import model_sentence

DOSE = {"moderators": ["dose", "age"]}


@pytest.mark.parametrize(
    ("family", "given", "said"),
    [
        (
            "normal",
            {},
            ["theta_i ~ Normal(mu, tau^2); the effect in a new study is theta_new ~ Normal(mu, t"],
        ),
        ("normal", {"random_effects": "student_t"}, ["theta_i ~ Student-t(nu = 4, mu, tau)"]),
        ("normal", {"random_effects": "student_t", "nu": "prior"}, ["theta_i ~ Student-t(nu, mu, tau)"]),
        (
            "normal",
            {"random_effects": "contaminated"},
            ["theta_new ~ Normal(mu, tau^2), but with probability 0.1 Normal(mu, (5 tau)^2)"],
        ),
        (
            "normal",
            {"random_effects": "contaminated", "contamination": "prior"},
            ["but with probability contamination Normal(mu, (5 tau)^2)"],
        ),
        (
            "normal",
            DOSE,
            [
                "theta_i ~ Normal(mu + z_i' beta, tau^2), z_i the moderators of study i (dose, age), centred",
                "theta_new ~ Normal(mu, tau^2)",
            ],
        ),
        (
            "normal",
            DOSE | {"random_effects": "none"},
            ["common effects: y_i ~ Normal(mu + z_i' beta, s_i^2)"],
        ),
        (
            "normal",
            DOSE | {"coefficients": "horseshoe"},
            ["and beta has a regularised horseshoe prior (Piironen and Vehtari 2017"],
        ),
        ("binomial", DOSE, ["delta_i ~ Normal(mu + z_i' beta, tau^2), z_i the moderators of study i"]),
        ("binomial", DOSE | {"random_effects": "none"}, ["delta_i = mu + z_i' beta, z_i the moderators"]),
    ],
)
def test_the_model_in_words(family, given, said) -> None:
    sentence = model_sentence(family, FAMILIES[family].checked_options(given))
    for words in said:
        assert words in sentence
