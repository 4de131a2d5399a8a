"""Default priors: the unit-information sd worked by hand, and what each measure gets."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import PriorError
from bayesma.families import FAMILIES
from bayesma.measures import MEASURES
from bayesma.priors import Prior
from bayesma.priors.defaults import change_priors, default_priors, unit_information_sd

NORMAL = FAMILIES["normal"]


def defaults(measure, **columns):
    effects = bm.Effects.from_estimates([0.1, 0.3], [0.5, 0.25], measure=measure, **columns)
    priors = NORMAL.default_priors(effects, NORMAL.checked_options({}))
    return {name: str(prior) for name, prior in priors.items()}


def test_unit_information_by_hand():
    # Roever 2021 (doi 10.1002/jrsm.1475): the harmonic mean of se^2 times the mean n.
    # sum n = 30 + 70 = 100; sum se^-2 = 4 + 16 = 20; sqrt(100 / 20) = sqrt 5.
    assert unit_information_sd([0.5, 0.25], [30, 70]) == pytest.approx(5**0.5, rel=1e-15)


@pytest.mark.parametrize(
    ("variance_of_one_patient", "measure"),
    [
        # Two equal arms of n / 2 patients and a risk of one half. Log odds ratio: 4 cells of n / 4, variance
        # 4 x 4 / n = 16 / n, so sd 4. Risk difference: 2 x (1/4) / (n/2) = 1 / n. SMD: 2 / (n/2) = 4 / n.
        (16.0, "OR"),
        (4.0, "SMD"),
        (1.0, "RD"),
    ],
)
def test_the_fixed_values_are_the_unit_information_of_a_balanced_trial(variance_of_one_patient, measure):
    n = np.array([40.0, 100.0, 260.0])
    by_hand = unit_information_sd(np.sqrt(variance_of_one_patient / n), n)
    assert MEASURES[measure].unit_sd == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("measure", "risk", "sd"),
    # log odds ratio: 2 / sqrt(p (1 - p)); log risk ratio: 2 sqrt((1 - p) / p); difference: 2 sqrt(p (1 - p))
    [
        ("OR", 0.5, 4.0),
        ("OR", 0.01, 20.1),
        ("RR", 0.2, 4.0),
        ("RR", 0.5, 2.0),
        ("RR", 0.01, 19.9),
        ("RD", 0.5, 1.0),
        ("RD", 0.01, 0.199),
    ],
)
def test_of_counts_it_depends_on_the_risk(measure, risk, sd):
    """4 for every log ratio is that of one risk only; words name it (`unit_where`)."""
    events, n = np.array([risk * 10_000]), np.array([10_000.0])
    _, variance = MEASURES[measure].formula(events, n - events, events, n - events)
    assert unit_information_sd(np.sqrt(variance), 2.0 * n) == pytest.approx(sd, rel=5e-3)
    if sd == MEASURES[measure].unit_sd:
        assert f"a risk of {100 * risk:g} %" in MEASURES[measure].unit_where


@pytest.mark.parametrize(
    ("measure", "mu", "tau"),
    [
        ("OR", "Normal(0, 4)", "HalfNormal(0.5)"),
        ("RR", "Normal(0, 4)", "HalfNormal(0.5)"),
        ("SMD", "Normal(0, 2)", "HalfNormal(0.25)"),
        ("RD", "Normal(0, 1)", "HalfNormal(0.125)"),
    ],
)
def test_fixed_defaults(measure, mu, tau):
    assert defaults(measure) == {"mu": mu, "tau": tau}


@pytest.mark.parametrize("measure", ["MD", "GEN"])
def test_defaults_in_the_unit_of_the_outcome_come_from_the_data(measure):
    # sqrt 5 = 2.236..., printed and used with three digits: 2.24 and 2.24 / 8 = 0.28.
    assert defaults(measure, n=[30, 70]) == {"mu": "Normal(0, 2.24)", "tau": "HalfNormal(0.28)"}


@pytest.mark.parametrize("measure", ["MD", "GEN"])
def test_no_default_without_sample_sizes(measure):
    effects = bm.Effects.from_estimates([0.1, 0.3], [0.5, 0.25], measure=measure)
    with pytest.raises(PriorError, match=f"measure {measure} has no default prior without sample sizes"):
        bm.fit(effects, engine="exact")
    with pytest.raises(PriorError, match="no default prior"):  # nor for the one that is missing
        bm.fit(effects, engine="exact", priors={"mu": "Normal(0, 4)"})
    bm.fit(effects, engine="exact", priors={"mu": "Normal(0, 4)", "tau": "HalfNormal(1)"}, random_seed=1)


def test_one_given_prior_leaves_the_other_at_its_default():
    effects = bm.Effects.from_estimates([0.1, 0.3], [0.5, 0.25], measure="OR")
    options = NORMAL.checked_options({})
    both = NORMAL.checked_priors(effects, {"tau": "HalfCauchy(1)"}, options)
    assert {name: str(prior) for name, prior in both.items()} == {
        "mu": "Normal(0, 4)",
        "tau": "HalfCauchy(1)",
    }


@given(st.floats(0.01, 100))
def test_unit_information_scales_with_the_outcome(scale):
    se, n = np.array([0.5, 0.2, 0.9]), np.array([20, 50, 11])
    assert unit_information_sd(scale * se, n) == pytest.approx(scale * unit_information_sd(se, n), rel=1e-12)


def test_a_given_unit_needs_no_data():
    assert str(default_priors("OR", 4.0, [0.1], None)["tau"]) == "HalfNormal(0.5)"


@pytest.mark.parametrize(
    ("measure", "mu", "tau"),
    [
        ("OR", "Normal(0, 4)", "HalfNormal(0.5)"),
        ("RR", "Normal(0, 4)", "HalfNormal(0.5)"),
        ("SMD", "Normal(0, 2)", "HalfNormal(0.25)"),
        ("RD", "Normal(0, 1)", "HalfNormal(0.125)"),
        ("MD", "Normal(0, 2.24)", "HalfNormal(0.28)"),
    ],
)
def test_a_fit_says_which_priors_it_used(measure, mu, tau):
    effects = bm.Effects.from_estimates([0.1, 0.3], [0.5, 0.25], measure=measure, n=[30, 70])
    whole = bm.fit(effects, engine="exact", random_seed=1)
    assert json.loads(whole.attrs["priors"]) == {"mu": mu, "tau": tau}
    assert json.loads(whole.attrs["default_priors"]) == ["mu", "tau"]
    given_tau = bm.fit(effects, engine="exact", priors={"tau": "HalfCauchy(1)"}, random_seed=1)
    assert json.loads(given_tau.attrs["priors"]) == {"mu": mu, "tau": "HalfCauchy(1)"}
    assert json.loads(given_tau.attrs["default_priors"]) == ["mu"]


@pytest.mark.parametrize(
    "tau",
    ["Normal(0, 1)", "Cauchy(0, 1)", "Uniform(-1, 1)", "Truncated(Normal(0, 1), lower=-0.1)"],
)
def test_tau_cannot_have_mass_below_zero(tau):
    effects = bm.Effects.from_estimates([0.1, 0.3, 0.2], [0.5, 0.25, 0.3], measure="OR")
    with pytest.raises(PriorError, match="for tau has mass below 0, where tau cannot be; use a half"):
        bm.fit(effects, engine="exact", priors={"tau": tau})
    mended = str(Prior.parse(tau).truncate(lower=0.0))
    fit = bm.fit(effects, engine="exact", priors={"tau": mended}, random_seed=1)
    assert json.loads(fit.attrs["priors"])["tau"] == mended


def test_flat_on_tau_needs_studies_enough():
    y, se = [0.1, 0.3, 0.2], [0.5, 0.25, 0.3]
    three = bm.Effects.from_estimates(y, se, measure="OR")
    flat = {"mu": "Flat()", "tau": "Flat()"}
    fit = bm.fit(three, engine="exact", priors=flat, random_seed=1)
    assert json.loads(fit.attrs["priors"]) == flat
    # Under a flat mu the likelihood falls as tau^-(k - 1): k = 2 leaves 1 / tau, which has no integral.
    two = bm.Effects.from_estimates(y[:2], se[:2], measure="OR")
    with pytest.raises(PriorError, match="the posterior is improper: k = 2"):
        bm.fit(two, engine="exact", priors=flat)


def test_logits_with_several_moderators_keep_an_exact_integral():
    """Coefficients that are integrated together are normal: mu too, with the unit information of a logit."""
    frame = pd.DataFrame({"study": list("abcdef"), "events": [3, 5, 7, 2, 9, 4], "n": 20})
    frame = frame.assign(dose=[1.0, 2, 3, 4, 5, 6], late=[0.0, 1, 0, 1, 1, 0])
    logits = bm.effect_sizes(frame, "PLO", events="events", n="n", study="study")
    priors = [json.loads(exactly(logits, moderators=m).attrs["priors"]) for m in (["dose"], ["dose", "late"])]
    assert [one["mu"] for one in priors] == ["Logistic(0, 1)", "Normal(0, 2)"]


# changes in one group of patients: a measure that knows no value to be sceptical about

# y and se in a unit a thousand times smaller: the answers differ by rounding.
UNIT = 1e-8
# How far, in posterior sds, a default may stand from a prior without any opinion on the level.
PULL = 0.1


def changes(y, se, factor=1.0, **columns):
    return bm.Effects.from_estimates(factor * np.array(y), factor * np.array(se), measure="MC", **columns)


def exactly(evidence, priors=None, **options):
    return bm.fit(evidence, priors=priors, engine="exact", random_seed=1, draws=2, chains=1, **options)


def lupus(correlation, factor=1.0, structure="cs"):
    """The shipped series of SLEDAI after mesenchymal stem cells."""
    frame = bm.load_data("msc_sledai_series")
    frame[["mean", "sd_ASSUMED"]] *= factor
    columns = {"study": "study", "month": "month_DERIVED", "mean": "mean", "sd": "sd_ASSUMED", "n": "n"}
    return bm.Trajectories.from_arms(
        frame, **columns, within_correlation=correlation, within_structure=structure
    )


@pytest.mark.parametrize("sizes", [{}, {"n": [20]}])
def test_one_series_is_not_pulled_towards_no_change(sizes):
    """It was Normal(0, 1.79), and the posterior -9.3."""
    fit = exactly(changes([-10.0], [0.4], **sizes))
    assert json.loads(fit.attrs["priors"]) == {"mu": "Normal(0, 100)", "tau": "HalfNormal(5)"}
    mu = bm.summary(fit).loc["mu"]
    assert abs(mu["mean"] + 10.0) < PULL * 0.4


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.01, 20)), min_size=1, max_size=6),
    st.sampled_from([1e3, 1e-3, 1e6]),
)
def test_defaults_of_changes_follow_their_unit(rows, factor):
    y, se = np.array(rows).T
    one, other = change_priors(y, se), change_priors(factor * y, factor * se)
    for name, prior in one.items():
        assert other[name].arguments == pytest.approx(factor * np.array(prior.arguments), rel=1e-12)


def test_answers_of_changes_follow_their_unit():
    y, se = [-10.15, -7.0, -3.3], [0.4, 1.0, 0.7]
    one, other = (bm.summary(exactly(changes(y, se, factor))) for factor in (1.0, 1000.0))
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    assert other[columns].to_numpy() / 1000.0 == pytest.approx(one[columns].to_numpy(), rel=UNIT)


@pytest.mark.long
def test_answers_over_months_follow_their_unit():
    series = [lupus(0.9, factor) for factor in (1.0, 1000.0)]
    one, other = (bm.summary(exactly(s, between="cs")).filter(like="m[", axis=0) for s in series)
    columns = ["mean", "sd", "ci_low", "ci_high"]
    assert other[columns].to_numpy() / 1000.0 == pytest.approx(one[columns].to_numpy(), rel=UNIT)


@pytest.mark.parametrize("correlation", [0.5, 0.9, "Beta(2, 2)"])
def test_the_shipped_series_under_the_default_and_without_an_opinion(correlation):
    series = lupus(correlation)
    default, wide = exactly(series, between="cs"), exactly(series, {"m": "Normal(0, 1000)"}, between="cs")
    one, other = (bm.summary(fit).filter(like="m[", axis=0) for fit in (default, wide))
    assert (one["mean"] - other["mean"]).abs().max() < PULL * other["sd"].min()


def test_defaults_do_not_depend_on_an_assumed_correlation():
    """Their sd fell from 5.66 to 1.79, and m[12] came to exclude the -10 that was observed."""
    texts = {exactly(lupus(r), between="cs").attrs["priors"] for r in (0.0, 0.5, 0.9)}
    assert texts == {'{"m": "Normal(0, 90)", "tau": "HalfNormal(4.5)", "rho": "Uniform(0, 1)"}'}
    frame = pd.DataFrame({"study": ["A"] * 3, "month": [0, 6, 12], "mean": [20.0, 11.0, 10.0]})
    frame = frame.assign(sd=4.0, n=20)
    columns = {name: name for name in frame.columns}
    still = frame.assign(mean=[20.0, 20.1, 20.0])  # the standard errors are larger than the changes
    for moved, mu in ((frame, "Normal(0, 100)"), (still, "Normal(0, 12.6)")):
        for r in (0.0, 0.9):
            fit = exactly(bm.Trajectories.from_arms(moved, **columns, within_correlation=r), between="cs")
            assert json.loads(fit.attrs["priors"])["m"] == mu
            if moved is frame:
                last = bm.summary(fit).loc["m[12]"]
                assert last["ci_low"] < -10.0 < last["ci_high"]
                assert last["mean"] == pytest.approx(-10.0, abs=PULL * last["sd"])


def test_contrasts_of_changes_have_defaults_free_of_the_correlation_too():
    frame = pd.DataFrame({"month": [0, 6, 0, 6], "arm": ["MSC", "MSC", "usual", "usual"]})
    frame = frame.assign(study="A", mean=[20.0, 11.0, 20.0, 17.0], sd=4.0, n=20)
    columns = {name: name for name in ("study", "month", "arm", "mean", "sd", "n")}
    arms = [
        bm.Trajectories.from_arms(frame, **columns, treatment="MSC", control="usual", within_correlation=r)
        for r in (0.0, 0.9)
    ]
    assert len({exactly(a, between="cs").attrs["priors"] for a in arms}) == 1


@pytest.mark.parametrize("k", [3, 5, 12])
@pytest.mark.parametrize(("level", "tau"), [(0.0, 1.0), (-10.0, 1.0), (-10.0, 5.0), (-2.0, 4.0)])
def test_defaults_of_changes_do_not_fight_the_data_they_were_made_for(k, level, tau):
    """The posterior mean lies in the likelihood's 95 % interval: REML, and tau under a flat prior."""
    for seed in range(10):
        rng = np.random.default_rng([seed, k])
        se = rng.uniform(0.3, 1.5, k)
        evidence = changes(rng.normal(level, np.hypot(se, tau)), se)
        found = bm.summary(exactly(evidence))["mean"]
        classical = bm.frequentist(evidence, method="REML", ci="wald")
        assert classical.ci_low < found["mu"] < classical.ci_high
        flat = bm.summary(exactly(evidence, {"mu": "Flat()", "tau": "Uniform(0, 1000)"})).loc["tau"]
        assert flat["ci_low"] < found["tau"] < flat["ci_high"]
