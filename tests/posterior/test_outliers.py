"""Is a study out of line found, and are the probabilities those of the model?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayesma as bm
from bayesma.errors import OptionError

Y, SE = [0.1, 0.0, 0.2, 0.1, 2.5], [0.1, 0.15, 0.1, 0.2, 0.1]
EFFECTS = bm.Effects.from_estimates(Y, SE, list("ABCDE"), measure="SMD")
MONTE_CARLO = 5.0


def test_without_data_a_study_is_out_of_line_as_often_as_the_model_says() -> None:
    for options, expected in (
        ({}, 2 * stats.norm.sf(2)),
        ({"random_effects": "student_t", "nu": 4}, 2 * stats.t.sf(2, 4)),
        (
            {"random_effects": "contaminated", "contamination": 0.2, "inflation": 4},
            2 * (0.8 * stats.norm.sf(2) + 0.2 * stats.norm.sf(0.5)),
        ),
    ):
        fit = bm.fit(EFFECTS, engine="exact", random_seed=1, **options)
        error = MONTE_CARLO * np.sqrt(expected * (1 - expected) / 100_000)
        assert bm.outliers(fit)["p_expected"].to_numpy() == pytest.approx(expected, abs=error)


def test_the_one_that_is_out_of_line() -> None:
    robust = bm.outliers(bm.fit(EFFECTS, random_effects="student_t", engine="exact", random_seed=1))
    assert robust["p_outlier"].idxmax() == "E"
    assert robust.loc["E", "p_outlier"] > 0.9
    assert (robust["p_outlier"].drop("E") < robust["p_expected"].drop("E")).all()


def test_the_wide_component_is_bayes_rule_over_the_draws() -> None:
    options = {"random_effects": "contaminated", "contamination": 0.1, "inflation": 5}
    fit = bm.fit(EFFECTS, engine="exact", random_seed=1, **options)
    mu, tau = (fit["posterior"][name].values.reshape(-1, 1) for name in ("mu", "tau"))
    narrow = 0.9 * stats.norm.pdf(Y, mu, np.hypot(SE, tau))
    wide = 0.1 * stats.norm.pdf(Y, mu, np.hypot(SE, 5 * tau))
    expected = (wide / (narrow + wide)).mean(axis=0)
    found = bm.outliers(fit)["p_wide"]
    assert found.to_numpy() == pytest.approx(expected, abs=1e-12)
    assert found["E"] > 0.9
    assert found.drop("E").max() < 0.1


def test_mistakes() -> None:
    fit = bm.fit(EFFECTS, engine="exact", random_effects="none", random_seed=1)
    with pytest.raises(OptionError, match="takes fits of family 'normal' with random_effects other than"):
        bm.outliers(fit)
    with pytest.raises(OptionError, match="beyond is 0; give a distance above 0"):
        bm.outliers(bm.fit(EFFECTS, engine="exact", random_seed=1), beyond=0)
