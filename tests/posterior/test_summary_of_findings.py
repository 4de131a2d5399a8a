"""Does the printed row say what `predict` computed, in words that cannot mislead?"""

from __future__ import annotations

from typing import Any

import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.posterior.summary_of_findings import COLUMNS, prior_words

COUNTS = bm.TwoArmCounts.from_counts([2, 0, 4, 3], [60, 40, 55, 70], [6, 3, 4, 9], [58, 42, 50, 66])


@pytest.fixture(scope="module")
def two_arms() -> xr.DataTree:
    return bm.fit(COUNTS, engine="exact", random_seed=1)


def test_the_row_prints_what_predict_says(two_arms: xr.DataTree) -> None:
    table = bm.summary_of_findings(two_arms, outcome="infection", favours="lower", baseline=0.1)
    one = bm.predict(two_arms, baseline=0.1, favours="lower", above=0.0).loc["typical setting"]
    row = table.loc["infection"]
    assert table.columns.tolist() == COLUMNS == list(table.attrs["headings"])
    assert (row["studies"], row["participants"], row["control_risk"]) == (4, "441", "100")
    low, median, high = (one.loc["odds ratio", name] for name in ("ci_low", "median", "ci_high"))
    assert row["relative_effect"] == f"{median:.2f} [{low:.2f}, {high:.2f}]"
    low, median, high = (
        1000 * one.loc["risk in the treated arm", n] for n in ("ci_low", "median", "ci_high")
    )
    assert row["treated_risk"] == f"{median:.0f} [{low:.0f}, {high:.0f}]"
    assert (
        row["difference"]
        == f"{100 - median:.0f} fewer [{100 - low:.0f} fewer to {abs(100 - high):.0f} fewer]"
    )
    assert row["p_benefit"] == f"{bm.prob(two_arms, 'mu', below=0.0):.3f}"
    assert row["nnt"].startswith("NNTB ")
    assert table.attrs["headings"]["relative_effect"] == "Odds ratio (95 % CrI)"
    assert table.attrs["baseline"] == "a control-arm risk of 0.1, taken as known"


def test_direction_and_estimand(two_arms: xr.DataTree) -> None:
    harm = bm.summary_of_findings(two_arms, outcome="remission", favours="higher", baseline=0.1)
    assert harm.loc["remission", "nnt"].startswith("NNTH ")
    assert float(harm.loc["remission", "p_benefit"]) < 0.05
    new = bm.summary_of_findings(two_arms, outcome="x", favours="lower", baseline=0.1, estimand="new setting")
    assert new.loc["x", "p_benefit"] == f"{bm.prob(two_arms, 'delta_new', below=0.0):.3f}"
    pooled = bm.summary_of_findings(two_arms, outcome="x", favours="lower")
    assert "[" in pooled.loc["x", "control_risk"]


def test_a_sparse_trial_says_that_the_prior_rules() -> None:
    none = bm.TwoArmCounts.from_counts([0, 0], [20, 31], [0, 0], [22, 30])
    fit = bm.fit(none, engine="exact", random_seed=1)
    words = prior_words(fit)
    assert words == (
        "The prior supplies 97 % of mu and >99 % of tau. "
        "THE PRIOR RATHER THAN THE DATA SETS mu and tau (overlap 0.8 or more)."
    )


@pytest.mark.parametrize("events", [0, 12], ids=["no event", "nothing but events"])
@pytest.mark.parametrize("baseline", [None, 0.1], ids=["own", "stated"])
def test_nothing_is_said_of_an_effect_without_any_contrast(events: int, baseline: float | None) -> None:
    """0 of 12 against 0 of 6 printed an odds ratio of 0.2 and a number needed to treat."""
    counts = bm.TwoArmCounts.from_counts([events], [12], [events // 2], [6])
    fit = bm.fit(counts, random_effects="none", engine="exact", random_seed=1)
    table = bm.summary_of_findings(fit, outcome="death", favours="lower", baseline=baseline)
    row = table.loc["death"]
    assert row["relative_effect"] == "not known: the data say nothing of the effect"
    assert row["nnt"] == "not known"
    assert abs(float(row["p_benefit"]) - 0.5) <= 0.02
    assert any("the data say nothing of the effect" in note for note in table.attrs["notes"])


def test_one_trial_with_an_event_is_enough_for_an_odds_ratio() -> None:
    counts = bm.TwoArmCounts.from_counts([0, 1], [12, 30], [0, 3], [6, 31])
    table = bm.summary_of_findings(
        bm.fit(counts, engine="exact", random_seed=1), outcome="death", favours="lower", baseline=0.1
    )
    assert "[" in table.loc["death", "relative_effect"]
    assert table.loc["death", "nnt"].startswith("NNTB")


def test_a_large_trial_says_that_it_does_not() -> None:
    big = bm.TwoArmCounts.from_counts([300], [1000], [400], [1000])
    fit = bm.fit(big, random_effects="none", engine="exact", random_seed=1)
    assert prior_words(fit) == "The prior supplies <0.1 % of mu."
    row = bm.summary_of_findings(fit, outcome="x", favours="lower").loc["x"]
    assert row["p_benefit"] == ">0.999"
    with pytest.raises(OptionError, match="under a common effect all settings with one baseline are alike"):
        bm.summary_of_findings(fit, outcome="x", favours="lower", baseline=0.4, estimand="standardised")


def test_risk_ratios_of_a_normal_fit() -> None:
    effects = bm.Effects.from_estimates([-0.4, -0.6], [0.1, 0.2], measure="RR")
    table = bm.summary_of_findings(
        bm.fit(effects, engine="exact", random_seed=1), outcome="x", favours="lower", baseline=0.2
    )
    assert table.attrs["headings"]["relative_effect"] == "Risk ratio (95 % CrI)"
    assert table.loc["x", "participants"] == "not known"


@pytest.mark.parametrize("wrong", [{"favours": "up"}, {"estimand": "mean"}, {"baseline": 2}, {"per": 0}])
def test_what_is_refused(two_arms: xr.DataTree, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        bm.summary_of_findings(two_arms, **({"outcome": "x", "favours": "lower", "baseline": 0.1} | wrong))


def test_single_arms_are_refused() -> None:
    fit = bm.fit(bm.ArmCounts.from_counts([1, 2], [9, 8]), engine="exact", random_seed=1)
    with pytest.raises(OptionError, match="see predict"):
        bm.summary_of_findings(fit, outcome="x", favours="lower")


def test_no_limit_of_a_ratio_is_printed_as_nothing() -> None:
    """Three patients an arm: an odds ratio from near 0 to thousands, of which neither end is 0."""
    counts = bm.TwoArmCounts.from_counts([1], [3], [0], [3], ["A"])
    fit = bm.fit(counts, engine="exact", random_seed=1)
    table = bm.summary_of_findings(fit, outcome="death", favours="lower")
    text = str(table["relative_effect"].iloc[0])
    assert "[0," not in text and "[0.00," not in text and "[0.0," not in text
