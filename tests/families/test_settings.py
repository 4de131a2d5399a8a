"""Are the risks of the settings analysed those of the joint posterior: refs, closed forms, invariants?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import bayesma as bm
from bayesma.families.settings import LEVELS, midway_draws, midway_quantiles

CONTROL, TREATED, DIFFERENCE = "risk in the control arm", "risk in the treated arm", "risk difference"
ENDS = ["median", "ci_low", "ci_high"]

# Of 4,000 draws, eight baselines each: five standard errors of a mean are below a tenth of a point.
TENTH = 1e-3
# Ends of intervals of one trial's risks, from the same draws; the reference has a wide prior of the baseline.
DRAWN = 6e-3
# Trapezoid of 801 points, inverted linearly.
TABLE = 2e-5


def bcg() -> bm.TwoArmCounts:
    roles = {
        "events_treat": "tpos",
        "nonevents_treat": "tneg",
        "events_ctrl": "cpos",
        "nonevents_ctrl": "cneg",
    }
    return bm.TwoArmCounts.from_frame(bm.load_data("bcg"), study=["author", "year"], **roles)


@pytest.mark.parametrize(
    "choice",
    [
        {"coding": "control"},
        {"coding": "midpoint"},
        {"coding": "control", "priors": {"alpha": "Normal(0, 10)"}},
        {"coding": "midpoint", "priors": {"alpha": "Normal(0, 10)"}},
        {"baseline": "conditional"},
    ],
)
def test_bcg_standardised_over_its_settings_under_every_baseline_model(choice: dict[str, Any]) -> None:
    """Control 4.4 %, difference -2.5 points, NNT 39 (1 / mean difference), computed by another program."""
    fit = bm.fit(bcg(), engine="exact", random_seed=1, **choice)
    risks = bm.predict(fit, favours="lower")
    one = risks.loc["standardised"]
    assert one.loc[CONTROL, "mean"] == pytest.approx(0.044, abs=TENTH)
    assert one.loc[DIFFERENCE, "mean"] == pytest.approx(-0.0255, abs=TENTH)
    assert -1.0 / one.loc[DIFFERENCE, "mean"] == pytest.approx(39.0, abs=1.0)
    assert risks.attrs["nnt"]["standardised"].startswith("NNTB 39 (")
    assert set(risks.attrs["estimands"]) == {"typical setting", "standardised"}
    assert "needs a distribution of baselines" in risks.attrs["refused"]["new setting"]
    assert any(note.startswith("no new setting: ") for note in risks.attrs["notes"])
    with pytest.raises(bm.errors.OptionError, match="needs a distribution of baselines"):
        bm.summary_of_findings(fit, outcome="tuberculosis", favours="lower", estimand="new setting")


@pytest.mark.long
def test_bcg_under_baselines_with_a_distribution() -> None:
    """A new setting has about 5.3 % without and 3.0 points less with treatment; standardised as ever."""
    fit = bm.fit(bcg(), baseline="correlated", random_seed=1, progressbar=False)
    risks = bm.predict(fit, favours="lower")
    one = risks.loc["standardised"]
    assert one.loc[CONTROL, "mean"] == pytest.approx(0.044, abs=TENTH)
    assert one.loc[DIFFERENCE, "mean"] == pytest.approx(-0.0255, abs=TENTH)
    new = risks.loc["new setting"]
    assert new.loc[CONTROL, "mean"] == pytest.approx(0.053, abs=0.006)  # 4,000 draws of sd 0.08, and chains
    assert new.loc[DIFFERENCE, "mean"] == pytest.approx(-0.030, abs=0.004)
    assert "under the fit's distribution of baselines, alpha_mean ~ " in risks.attrs["baseline"]


@pytest.mark.parametrize("choice", [{}, {"random_effects": "none"}, {"baseline": "conditional"}])
def test_one_trial_has_its_own_baseline(choice: dict[str, Any]) -> None:
    """30 of 100 v 40 of 100: 0.399 [0.307, 0.497] and 0.299 [0.215, 0.393], by another program."""
    fit = bm.fit(
        bm.TwoArmCounts.from_counts([30], [100], [40], [100]), engine="exact", random_seed=1, **choice
    )
    one = bm.predict(fit).loc["standardised"]
    assert one.loc[CONTROL, ENDS].tolist() == pytest.approx([0.399, 0.307, 0.497], abs=DRAWN)
    assert one.loc[TREATED, ENDS].tolist() == pytest.approx([0.299, 0.215, 0.393], abs=DRAWN)


def test_one_small_trial_against_a_wide_prior_of_its_baseline() -> None:
    """2 of 12 v 2 of 6: -0.143 [-0.56, 0.21] under a wide prior of the baseline; near it by default."""
    counts = bm.TwoArmCounts.from_counts([2], [12], [2], [6])
    wide = bm.fit(counts, priors={"alpha": "Normal(0, 10)"}, engine="exact", random_seed=1)
    found = bm.predict(wide).loc[("standardised", DIFFERENCE), ENDS].tolist()
    assert found == pytest.approx([-0.143, -0.56, 0.21], abs=0.02)
    assert "the prior that was stated for them, alpha ~ Normal(0, 10)" in bm.predict(wide).attrs["baseline"]
    own = bm.predict(bm.fit(counts, engine="exact", random_seed=1))
    assert own.loc[("standardised", DIFFERENCE), ENDS].tolist() == pytest.approx(
        [-0.143, -0.56, 0.21], abs=0.04
    )


@pytest.mark.parametrize("patients", [6, 12])
def test_a_risk_from_no_events_of_six_may_be_high(patients: int) -> None:
    fit = bm.fit(bm.TwoArmCounts.from_counts([0], [patients], [0], [6]), engine="exact", random_seed=1)
    risks = bm.predict(fit)
    assert risks.loc[("standardised", CONTROL), "ci_high"] >= 0.3
    assert risks.loc[("typical setting", CONTROL), "ci_high"] >= 0.3


@given(
    effect=st.floats(-6, 6),
    events=st.tuples(st.integers(0, 20), st.integers(0, 30)),
)
def test_swapping_the_arms_leaves_the_midway_logit(effect: float, events: tuple[int, int]) -> None:
    levels = special.ndtr(LEVELS[::12])
    study = np.array([events[0], 20.0, events[1], 30.0])
    one = midway_quantiles(np.array([effect]), study, levels)
    other = midway_quantiles(np.array([-effect]), study[[2, 3, 0, 1]], levels)
    assert one == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("events", [(0, 0), (2, 3), (20, 30), (400, 0)])
def test_without_an_effect_both_arms_are_one_with_a_uniform_prior(events: tuple[int, int]) -> None:
    n = np.array([500.0, 60.0])
    study = np.array([events[0], n[0], events[1], n[1]])
    levels = np.array([0.001, 0.025, 0.5, 0.975, 0.999])
    found = special.expit(midway_quantiles(np.zeros(1), study, levels)[0])
    exact = stats.beta.ppf(levels, 1 + sum(events), 1 + n.sum() - sum(events))
    assert found == pytest.approx(exact, rel=5e-3, abs=TABLE)


def test_draws_given_effects_against_a_plain_grid() -> None:
    """Means of both risks over a grid of effects and baselines; one effect a draw, normal by construction."""
    study = np.array([[1.0, 40.0, 3.0, 30.0]])
    effect = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)[:, None] - 0.7
    alpha = midway_draws(effect, study, np.random.default_rng(1))
    grid = np.linspace(-14.0, 10.0, 1201)
    given_effect = np.linspace(-6.0, 6.0, 301)[:, None] - 0.7
    control, treated = grid - 0.5 * given_effect, grid + 0.5 * given_effect
    log_density = stats.binom.logpmf(3, 30, special.expit(control)) + stats.binom.logpmf(
        1, 40, special.expit(treated)
    )
    density = np.exp(log_density + stats.logistic.logpdf(grid))
    density *= (stats.norm.pdf(given_effect[:, 0] + 0.7) / density.sum(axis=1))[:, None]
    for sign, logit in ((-0.5, control), (0.5, treated)):
        mean = float((special.expit(logit) * density).sum() / density.sum())
        assert special.expit(alpha + sign * effect[:, :, None]).mean() == pytest.approx(mean, rel=0.01)


def test_the_odds_ratio_of_a_typical_setting_is_that_of_the_fit() -> None:
    fit = bm.fit(bcg(), engine="exact", random_seed=1)
    risks, summary = bm.predict(fit, above=0.0), bm.summary(fit, parameters="mu").loc["mu"]
    ratio = risks.loc[("typical setting", "odds ratio"), ENDS].to_numpy(dtype=float)
    assert np.log(ratio) == pytest.approx(summary[ENDS].to_numpy(dtype=float), abs=1e-7)
    share = risks.loc[("typical setting", DIFFERENCE), "P(> 0)"]
    assert share == pytest.approx(bm.prob(fit, "mu", above=0.0), abs=1e-12)


def test_swapping_the_arms_swaps_the_risks() -> None:
    counts = bm.TwoArmCounts.from_counts([2, 0, 4], [60, 40, 55], [6, 3, 4], [58, 42, 50])
    other = bm.TwoArmCounts.from_counts([6, 3, 4], [58, 42, 50], [2, 0, 4], [60, 40, 55])
    one, swapped = (
        bm.predict(bm.fit(arms, coding="midpoint", engine="exact", random_seed=1)) for arms in (counts, other)
    )
    for estimand in one.attrs["estimands"]:
        first = pd.to_numeric(one.loc[(estimand, CONTROL), ENDS])
        second = pd.to_numeric(swapped.loc[(estimand, TREATED), ENDS])
        assert first.to_numpy() == pytest.approx(second.to_numpy(), rel=0.03)  # both by draws
