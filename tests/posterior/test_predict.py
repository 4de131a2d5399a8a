"""Are absolute risks those of the model: against quadrature by other hands, closed forms and invariants?"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

import bayesma as bm
from bayesma.errors import ConvergenceWarning, OptionError, PriorError
from bayesma.resources import DATA

COUNTS = bm.TwoArmCounts.from_counts([2, 0, 4, 3], [60, 40, 55, 70], [6, 3, 4, 9], [58, 42, 50, 66])

# The oracle's own grid leaves its quantiles of a function of mu and tau about 5e-4 sd wide.
IN_SDS = 1e-3
# Means and sds are sums over Gauss nodes on both sides.
MOMENT = 1e-5
# Quantiles of several independent things at once come from a grid of pieces.
SEVERAL = 1e-2
# The far tail of tau's half-Cauchy is followed to a mass of 1e-6.
TAILS = 1e-4
# Brent's method to 1e-14 of the range, on a distribution function good to 1e-8.
EXACT = 1e-7


@pytest.fixture(scope="module")
def two_arms() -> xr.DataTree:
    return bm.fit(COUNTS, engine="exact", random_seed=1)


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    """Quadrature of the logit-normal model on Pritz 1997."""
    path = DATA.folder() / "reference" / "oracles" / "singlearm_binomnormal_pritz1997.json"
    return dict(json.loads(path.read_text("utf-8")))


@pytest.fixture(scope="module")
def pritz(oracle: dict[str, Any]) -> xr.DataTree:
    columns = oracle["data"]["columns"]
    arms = bm.ArmCounts.from_counts(columns["events"], columns["n"], columns["study"])
    return bm.fit(
        arms, priors={"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}, engine="exact", random_seed=1
    )


# single arms


def test_single_arm_risks_against_quadrature(pritz: xr.DataTree, oracle: dict[str, Any]) -> None:
    risks = bm.predict(pritz, studies=True)
    study = oracle["data"]["columns"]["study"]
    names = {
        "median proportion": "median_prob",
        "mean proportion": "mean_prob",
        "proportion in a new study": "p_new",
    }
    names |= {f"proportion[{label}]": f"p[{i + 1}]" for i, label in enumerate(study)}
    assert risks.index.tolist() == list(names)
    values = oracle["quadrature_check"]["quantities"]
    for ours, theirs in names.items():
        pinned, row = values[theirs], risks.loc[ours]
        for column in ("mean", "sd"):
            assert row[column] == pytest.approx(pinned[column], abs=MOMENT * pinned["sd"]), (ours, column)
        for column, level in (("median", "q50"), ("ci_low", "q2.5"), ("ci_high", "q97.5")):
            assert row[column] == pytest.approx(pinned[level], abs=IN_SDS * pinned["sd"]), (ours, column)
    assert risks["mcse_mean"].isna().all()


def test_a_new_study_has_the_mean_of_the_mean_risk(pritz: xr.DataTree) -> None:
    risks = bm.predict(pritz)
    assert risks.loc["mean proportion", "mean"] == pytest.approx(
        risks.loc["proportion in a new study", "mean"], abs=1e-6
    )
    assert set(risks.attrs["quantities"]) == {
        "median proportion",
        "mean proportion",
        "proportion in a new study",
    }


def test_beta_binomial_risks() -> None:
    """Mean risk is `mean`; the median risk that of the Beta distribution, between it and the nearer end."""
    arms = bm.ArmCounts.from_counts([7, 9, 4, 11], [10, 12, 8, 12])
    fit = bm.fit(arms, distribution="beta-binomial", engine="exact", random_seed=1)
    risks = bm.predict(fit)
    summary = bm.summary(fit)
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    assert risks.loc["mean proportion", columns].tolist() == pytest.approx(
        summary.loc["mean", columns].tolist(), abs=1e-6
    )
    draws = fit["posterior"].dataset
    mean, kappa = draws["mean"].values.ravel(), draws["kappa"].values.ravel()
    medians = stats.beta.ppf(0.5, mean * kappa, (1 - mean) * kappa)
    sd = medians.std()
    assert risks.loc["median proportion", "mean"] == pytest.approx(
        medians.mean(), abs=5 * sd / np.sqrt(medians.size)
    )
    assert risks.loc["median proportion", "median"] == pytest.approx(np.median(medians), abs=0.1 * sd)


@pytest.mark.parametrize(("n", "above"), [(40, [0.01, 0.05, 3 / 40]), (12, [0.01, 0.2])])
def test_no_events_in_n_against_adaptive_quadrature(n: int, above: list[float]) -> None:
    """P(risk > x) given 0 of n under logit(risk) ~ Normal(0, 2), by scipy's quad."""
    fit = bm.fit(
        bm.ArmCounts.from_counts([0], [n]),
        priors={"mu": "Normal(0, 2)"},
        random_effects="none",
        engine="exact",
        random_seed=1,
    )
    risks = bm.predict(fit, above=above)

    def joint(mu: float) -> float:
        return float(np.exp(n * special.log_expit(-mu)) * stats.norm.pdf(mu, 0, 2))

    total = integrate.quad(joint, -25, 25, epsabs=1e-14, epsrel=1e-12, limit=500, points=[-4])[0]
    assert risks.index.tolist() == ["proportion"]
    for limit in above:
        beyond = integrate.quad(joint, special.logit(limit), 25, epsabs=1e-15, epsrel=1e-12, limit=500)[0]
        assert risks.loc["proportion", f"P(> {limit:g})"] == pytest.approx(
            beyond / total, rel=1e-6, abs=1e-10
        )


def test_the_rule_of_three() -> None:
    """With a uniform prior on the risk, 0 of n leaves 5 % above 3 / n; a logistic prior is nearly a t."""
    arms = bm.ArmCounts.from_counts([0], [100])
    flat = {"mean": "Beta(1, 1)", "kappa": "Gamma(1e6, 1)"}  # no heterogeneity: every study has the mean risk
    with pytest.warns(ConvergenceWarning, match="the posterior of a study effect"):  # all but a point mass
        fit = bm.fit(arms, distribution="beta-binomial", priors=flat, engine="exact", random_seed=1)
    share = bm.predict(fit, above=0.03).loc["mean proportion", "P(> 0.03)"]
    assert share == pytest.approx(stats.beta.sf(0.03, 1, 101), rel=1e-3)
    assert share == pytest.approx(0.05, abs=0.005)


def test_a_single_arm_has_no_baseline(pritz: xr.DataTree) -> None:
    with pytest.raises(OptionError, match="leave baseline out"):
        bm.predict(pritz, baseline=0.1)


# two arms


def test_a_number_as_baseline_is_a_change_of_scale(two_arms: xr.DataTree) -> None:
    risks = bm.predict(two_arms, baseline=0.1, above=[0.0])
    low, median, high = (
        bm.summary(two_arms, parameters="mu").loc["mu", name] for name in ("ci_low", "median", "ci_high")
    )
    treated = special.expit(special.logit(0.1) + np.array([median, low, high]))
    columns = ["median", "ci_low", "ci_high"]
    one = risks.loc["typical setting"]
    assert one.loc["risk in the control arm", ["mean", "sd", *columns]].tolist() == pytest.approx(
        [0.1, 0.0, 0.1, 0.1, 0.1]
    )
    assert one.loc["risk in the treated arm", columns].tolist() == pytest.approx(treated.tolist(), abs=EXACT)
    assert one.loc["risk difference", columns].tolist() == pytest.approx((treated - 0.1).tolist(), abs=EXACT)
    assert one.loc["risk ratio", columns].tolist() == pytest.approx((treated / 0.1).tolist(), abs=EXACT)
    assert one.loc["odds ratio", columns].tolist() == pytest.approx(
        np.exp([median, low, high]).tolist(), abs=EXACT
    )
    assert one.loc["more events per 1,000", columns].tolist() == pytest.approx(
        (1000 * (treated - 0.1)).tolist(), abs=1e3 * EXACT
    )
    assert one.loc["risk difference", "P(> 0)"] == pytest.approx(bm.prob(two_arms, "mu", above=0.0), rel=1e-6)
    assert risks.loc[("new setting", "risk difference"), "P(> 0)"] == pytest.approx(
        bm.prob(two_arms, "delta_new", above=0.0),
        rel=1e-6,
    )


def test_moments_against_the_fit_by_other_means(two_arms: xr.DataTree) -> None:
    """Means of treated risks from densities of mu and delta_new by scipy's quad."""
    from bayesma.posterior.marginals import marginal

    risks = bm.predict(two_arms, baseline=0.2)
    for estimand, name in (("typical setting", "mu"), ("new setting", "delta_new")):
        posterior = marginal(two_arms, name)

        def integrand(x: float, posterior: Any = posterior) -> float:
            return float(special.expit(special.logit(0.2) + x) * posterior.density(np.array([x]))[0])

        mean = integrate.quad(integrand, -15, 15, limit=500, epsabs=1e-10, points=[-1.0])[0]
        row = risks.loc[(estimand, "risk in the treated arm")]
        assert row["mean"] == pytest.approx(mean, abs=MOMENT * row["sd"])
    one, other = (
        risks.loc[(name, "risk in the treated arm"), "mean"] for name in ("standardised", "new setting")
    )
    assert one == pytest.approx(other, abs=1e-6 * 0.2)


@pytest.mark.parametrize("baseline", ["Beta(4, 36)", "Uniform(0.05, 0.2)"])
def test_a_distribution_as_baseline_against_simulation(two_arms: xr.DataTree, baseline: str) -> None:
    """Independent draws of the control risk with the fit's effects by inversion."""
    from bayesma.posterior.marginals import marginal

    rng = np.random.default_rng(20)
    n = 200_000
    control = bm.Prior.parse(baseline).draw(n, rng)
    risks = bm.predict(two_arms, baseline=baseline)
    levels = stats.norm.cdf(np.linspace(-5.5, 5.5, 4001))
    for estimand, name in (("typical setting", "mu"), ("new setting", "delta_new")):
        effect = np.interp(rng.uniform(size=n), levels, marginal(two_arms, name).quantile(levels)[0])
        treated = special.expit(special.logit(control) + effect)
        for quantity, values in (
            ("risk in the control arm", control),
            ("risk in the treated arm", treated),
            ("risk difference", treated - control),
            ("risk ratio", treated / control),
        ):
            row, sd = risks.loc[(estimand, quantity)], values.std()
            spread = np.subtract(*np.quantile(values, [0.84, 0.16])) / 2
            if quantity != "risk ratio":
                assert row["mean"] == pytest.approx(values.mean(), abs=5 * sd / np.sqrt(n))
                assert row["sd"] == pytest.approx(sd, rel=0.01)
            simulated = np.quantile(values, [0.5, 0.025, 0.975])
            found = row[["median", "ci_low", "ci_high"]].to_numpy(dtype=float)
            assert np.abs(found - simulated)[:2].max() < 2 * SEVERAL * spread, (estimand, quantity)
            assert abs(found[2] - simulated[2]) < 0.03 * max(spread, abs(simulated[2])), (estimand, quantity)


@pytest.mark.parametrize(
    "choice",
    [
        {"priors": {"tau": "HalfCauchy(0.5)", "mu": "StudentT(3, 0, 2.5)"}},
        {"priors": {"tau": "HalfNormal(1)"}},
        {"priors": {"tau": "Uniform(0.5, 1)"}},
    ],
)
def test_a_new_setting_has_the_mean_of_the_standardised_risk_in_heavy_tails_too(
    choice: dict[str, Any],
) -> None:
    fit = bm.fit(COUNTS, engine="exact", random_seed=1, **choice)
    risks = bm.predict(fit, baseline=1e-3).xs("risk in the treated arm", level="quantity")
    sd = risks.loc["standardised", "sd"]
    average = risks.loc["standardised", "mean"]
    assert risks.loc["new setting", "mean"] == pytest.approx(average, abs=TAILS * sd)


@pytest.mark.parametrize("prior", ["Beta(0.5, 0.5)", "Beta(1, 1)", "Beta(400, 3600)", "Uniform(0.05, 0.2)"])
def test_moments_and_quantiles_of_a_stated_control_risk(two_arms: xr.DataTree, prior: str) -> None:
    row = bm.predict(two_arms, baseline=prior).loc[("typical setting", "risk in the control arm")]
    base = bm.Prior.parse(prior)
    a, b = base.arguments
    exact = stats.beta(a, b) if base.distribution == "Beta" else stats.uniform(a, b - a)
    assert row["mean"] == pytest.approx(exact.mean(), rel=1e-4)
    assert row["sd"] == pytest.approx(exact.std(), rel=1e-3)
    assert row[["median", "ci_low", "ci_high"]].tolist() == pytest.approx(
        exact.ppf([0.5, 0.025, 0.975]).tolist(), rel=1e-9
    )


def test_a_narrow_distribution_is_a_number(two_arms: xr.DataTree) -> None:
    number = bm.predict(two_arms, baseline=0.1)
    narrow = bm.predict(two_arms, baseline="Beta(1e7, 9e7)")
    columns = ["median", "ci_low", "ci_high"]
    rows = ["risk in the treated arm", "risk difference", "risk ratio", "odds ratio"]
    for estimand in ("typical setting", "standardised", "new setting"):
        one, other = (table.loc[estimand].loc[rows, columns].to_numpy() for table in (number, narrow))
        width = (one[:, 2] - one[:, 1]) / 4
        assert (np.abs(other - one).max(axis=1) < SEVERAL * width).all(), estimand


def test_pooled_is_the_default_and_means_the_settings_of_the_analysis(two_arms: xr.DataTree) -> None:
    risks = bm.predict(two_arms)
    assert bm.predict(two_arms, baseline="pooled").equals(risks)
    words = risks.attrs["baseline"]
    assert "the baselines of the 4 settings analysed, jointly with their effects" in words
    assert "Logistic(0, 1) on the logit midway between the arms" in words
    assert "of the fit bears on the effect alone" in words


def test_the_control_risk_means_the_control_arm_under_either_coding() -> None:
    """Where the data are many, both codings give one answer for the same control risk."""
    many = bm.TwoArmCounts.from_counts([200, 220], [1000, 1000], [300, 310], [1000, 1000])
    tables = [
        bm.predict(bm.fit(many, coding=coding, engine="exact", random_seed=1), baseline=0.3)
        for coding in ("control", "midpoint")
    ]
    columns = ["median", "ci_low", "ci_high"]
    one, other = (table.loc["typical setting", columns].to_numpy(dtype=float) for table in tables)
    assert other[:6] == pytest.approx(one[:6], rel=1e-2)


def test_a_common_effect_still_has_settings_that_differ_in_their_baselines() -> None:
    fit = bm.fit(COUNTS, random_effects="none", baseline="conditional", engine="exact", random_seed=1)
    risks = bm.predict(fit, above=0.0)
    assert set(risks.attrs["estimands"]) == {"typical setting", "standardised"}
    assert "the fit itself conditions baselines away" in risks.attrs["baseline"]
    for estimand in risks.attrs["estimands"]:
        share = risks.loc[(estimand, "risk difference"), "P(> 0)"]
        assert share == pytest.approx(bm.prob(fit, "mu", above=0.0), abs=1e-12)
    alike = bm.predict(fit, baseline=0.1)
    assert set(alike.attrs["estimands"]) == {"typical setting"}
    assert "all settings with one baseline are alike" in alike.attrs["refused"]["standardised"]


@settings(max_examples=15)
@given(control=st.floats(0.001, 0.999), y=st.floats(-3, 3), se=st.floats(0.05, 1.0))
def test_risks_stay_risks_and_quantities_agree(control: float, y: float, se: float) -> None:
    effects = bm.Effects.from_estimates([y], [se], measure="OR")
    fit = bm.fit(effects, random_effects="none", engine="exact", random_seed=1, draws=2, chains=1)
    one = bm.predict(fit, baseline=control, per=100).loc["typical setting"]
    treated = one.loc["risk in the treated arm", ["ci_low", "median", "ci_high"]].to_numpy(dtype=float)
    assert np.all((treated > 0) & (treated < 1)) and np.all(np.diff(treated) > 0)
    difference = one.loc["risk difference", ["ci_low", "median", "ci_high"]].to_numpy(dtype=float)
    assert difference == pytest.approx(treated - control, abs=1e-9)
    assert one.loc["more events per 100", "median"] == pytest.approx(100 * difference[1], abs=1e-7)


def test_log_risk_ratios_multiply_the_risk_and_stop_at_one() -> None:
    effects = bm.Effects.from_estimates([0.4, 0.6, 0.5], [0.2, 0.2, 0.2], measure="RR")
    fit = bm.fit(effects, engine="exact", random_seed=1)
    low, high = bm.summary(fit, parameters="mu").loc["mu", ["ci_low", "ci_high"]]
    mild = bm.predict(fit, baseline=0.1).loc[("typical setting", "risk in the treated arm")]
    assert [mild["ci_low"], mild["ci_high"]] == pytest.approx(
        [0.1 * np.exp(low), 0.1 * np.exp(high)], rel=1e-6
    )
    severe = bm.predict(fit, baseline=0.9)
    assert (severe.xs("risk in the treated arm", level="quantity")["ci_high"] <= 1.0 + 1e-12).all()


def test_standardised_of_a_normal_fit_against_its_draws() -> None:
    """Averages over settings, draw by draw, from the independent draws of mu and tau."""
    effects = bm.Effects.from_estimates([-0.9, 0.1, -0.4, -1.5], [0.3, 0.3, 0.4, 0.5], measure="OR")
    fit = bm.fit(effects, engine="exact", random_seed=3, draws=5000)
    row = bm.predict(fit, baseline=0.3).loc[("standardised", "risk in the treated arm")]
    draws = fit["posterior"].dataset
    nodes, weight = np.polynomial.hermite_e.hermegauss(41)
    mu, tau = draws["mu"].values.ravel(), draws["tau"].values.ravel()
    values = special.expit(special.logit(0.3) + mu[:, None] + tau[:, None] * nodes) @ (weight / weight.sum())
    error = values.std() / np.sqrt(values.size)
    assert row["mean"] == pytest.approx(values.mean(), abs=5 * error)
    assert row["sd"] == pytest.approx(values.std(), rel=0.03)
    for column, level in (("median", 0.5), ("ci_low", 0.025), ("ci_high", 0.975)):
        assert row[column] == pytest.approx(np.quantile(values, level), abs=0.06 * values.std())


def test_a_risk_ratio_that_cannot_carry_to_a_baseline_says_so() -> None:
    effects = bm.Effects.from_estimates([0.4, 0.6, 0.5], [0.2, 0.2, 0.2], measure="RR")
    fit = bm.fit(effects, engine="exact", random_seed=1)
    severe, mild = (bm.predict(fit, baseline=risk) for risk in (0.8, 0.1))
    (note,) = (one for one in severe.attrs["notes"] if "cannot carry" in one)
    assert "a risk ratio cannot carry to a control-arm risk of 0.8" in note
    assert not any("cannot carry" in one for one in mild.attrs["notes"])
    assert np.isinf(severe.loc[("typical setting", "odds ratio"), "median"])  # and not 2.5e14


# effects of settings that are not normal


SPREAD = bm.Effects.from_estimates([-0.9, 0.1, -0.4, -1.5, 2.0], [0.3, 0.3, 0.4, 0.5, 0.3], measure="OR")
# An average of 4,000 independent draws, in standard errors.
DRAWN = 5.0


@pytest.mark.parametrize(
    "choice",
    [
        {"random_effects": "contaminated", "contamination": 0.2, "inflation": 6.0},
        pytest.param(
            {"random_effects": "contaminated", "priors": {"contamination": "Beta(1, 9)"}},
            marks=pytest.mark.long,
        ),
        pytest.param({"random_effects": "student_t", "nu": "prior"}, marks=pytest.mark.long),
        {"random_effects": "student_t", "nu": 3.0},
    ],
)
@pytest.mark.filterwarnings("ignore::bayesma.errors.ConvergenceWarning")
def test_standardised_risks_average_the_effects_of_the_model(choice: dict[str, Any]) -> None:
    fit = bm.fit(SPREAD, engine="exact", random_seed=1, **choice)
    risks = bm.predict(fit, baseline=0.1).xs("risk in the treated arm", level="quantity")
    new = fit["posterior"]["theta_new"].values.ravel()
    treated = special.expit(special.logit(0.1) + new)
    error = DRAWN * treated.std() / np.sqrt(treated.size)
    assert risks.loc["standardised", "mean"] == pytest.approx(treated.mean(), abs=error)
    assert risks.loc["new setting", "mean"] == pytest.approx(treated.mean(), abs=error)


def test_standardised_risks_of_contaminated_effects_against_quadrature() -> None:
    """The mean risk over settings is that of a new one, whose density the engine has by another route."""
    from bayesma.posterior.marginals import marginal

    fit = bm.fit(SPREAD, engine="exact", random_seed=1, random_effects="contaminated")
    posterior = marginal(fit, "theta_new")

    def integrand(x: float) -> float:
        return float(special.expit(special.logit(0.1) + x) * posterior.density(np.array([x]))[0])

    mean = sum(integrate.quad(integrand, a, b, limit=400)[0] for a, b in ((-60, -5), (-5, 5), (5, 60)))
    row = bm.predict(fit, baseline=0.1).loc[("standardised", "risk in the treated arm")]
    assert row["mean"] == pytest.approx(mean, abs=1e-4 * row["sd"])


# numbers needed to treat


def test_the_interval_of_the_nnt_goes_through_infinity_where_the_difference_may_be_zero(
    two_arms: xr.DataTree,
) -> None:
    risks = bm.predict(two_arms, baseline=0.1, favours="lower")
    for estimand in ("typical setting", "new setting"):
        one = risks.loc[estimand]
        low, high = one.loc["risk difference", ["ci_low", "ci_high"]]
        fewer, more = one.loc["NNT, one event fewer"], one.loc["NNT, one event more"]
        assert fewer["ci_low"] == pytest.approx(-1 / low)
        if high < 0:
            assert fewer["ci_high"] == pytest.approx(-1 / high)
            assert more[["median", "ci_low", "ci_high"]].isna().all()
            assert "∞" not in risks.attrs["nnt"][estimand]
        else:
            assert np.isinf(fewer["ci_high"]) and np.isinf(more["ci_high"])
            assert more["ci_low"] == pytest.approx(1 / high)
            assert " to ∞ to NNTH " in risks.attrs["nnt"][estimand]
        assert fewer[["mean", "sd"]].isna().all()
    assert "∞" in risks.attrs["nnt"]["new setting"]


def test_altman_1998_words() -> None:
    """BMJ 1998;317:1309: a difference of 2.4 % (-3.0 to 7.8) is NNTB 42, NNTH 33 to infinity to NNTB 13."""
    from bayesma.posterior.nnt import in_words

    assert in_words(-0.024, -0.078, 0.030, "lower") == "NNTB 42 (NNTB 13 to ∞ to NNTH 33)"
    assert in_words(0.024, -0.030, 0.078, "higher") == "NNTB 42 (NNTB 13 to ∞ to NNTH 33)"
    assert in_words(0.024, -0.030, 0.078, "lower") == "NNTH 42 (NNTH 13 to ∞ to NNTB 33)"
    assert in_words(-0.2, -0.3, -0.1, None) == "1 fewer in 5.0 (3.3 to 10)"
    assert in_words(0.0, -0.1, 0.1, None) == "∞ (1 fewer in 10 to ∞ to 1 more in 10)"


# what is refused


@pytest.mark.parametrize(
    "baseline", [0.0, 1.0, 10, -0.1, float("nan"), True, [0.1], "Normal(0, 1)", "Flat()"]
)
def test_no_risk_is_refused(two_arms: xr.DataTree, baseline: Any) -> None:
    with pytest.raises(OptionError, match="baseline"):
        bm.predict(two_arms, baseline=baseline)


def test_a_distribution_that_does_not_parse(two_arms: xr.DataTree) -> None:
    with pytest.raises(PriorError):
        bm.predict(two_arms, baseline="about a tenth")


@pytest.mark.parametrize(
    "wrong",
    [
        {"per": 0},
        {"per": 1.5},
        {"favours": "up"},
        {"above": "0.05"},
        {"above": [float("nan")]},
        {"ci_prob": 95},
    ],
)
def test_options_outside_their_range(two_arms: xr.DataTree, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        bm.predict(two_arms, baseline=0.1, **wrong)


def test_effects_without_control_arms_need_a_baseline(fit: xr.DataTree) -> None:
    with pytest.raises(OptionError, match="needs a baseline"):
        bm.predict(fit)
    with pytest.raises(OptionError, match="cannot pool control arms"):
        bm.predict(fit, baseline="pooled")
    assert len(bm.predict(fit, baseline=0.2)) == 24


def test_a_mean_difference_has_no_risks() -> None:
    fit = bm.fit(
        bm.Effects.from_estimates([0.1], [0.2], measure="SMD"),
        engine="exact",
        random_effects="none",
        random_seed=1,
    )
    with pytest.raises(OptionError, match="has no absolute risks"):
        bm.predict(fit, baseline=0.1)


@pytest.mark.long
def test_own_baselines_of_a_sampled_fit() -> None:
    """Correlated baselines, midpoint coding: risks of both arms from the same draws."""
    fit = bm.fit(COUNTS, baseline="correlated", coding="midpoint", random_seed=5, progressbar=False)
    risks = bm.predict(fit)
    draws = fit["posterior"].dataset
    new = special.expit(draws["alpha_new"] - 0.5 * draws["delta_new"]).values.ravel()
    typical = special.expit(draws["alpha_mean"] + 0.5 * draws["mu"]).values.ravel()
    columns = ["median", "ci_low", "ci_high"]
    for row, values in (
        (risks.loc[("new setting", "risk in the control arm")], new),
        (risks.loc[("typical setting", "risk in the treated arm")], typical),
    ):
        assert row["mean"] == pytest.approx(values.mean())
        assert row[columns].tolist() == pytest.approx(
            np.quantile(values, [0.5, 0.025, 0.975]).tolist(), rel=0.01
        )
        assert 0 < row["mcse_mean"] < 0.1 * row["sd"]
    assert "alpha_new" in risks.attrs["baseline"]
    assert "draws" in risks.attrs["computed"]
    stated = bm.predict(fit, baseline=0.1)
    control = stated.xs("risk in the control arm", level="quantity")["mean"]
    assert control.to_numpy(dtype=float) == pytest.approx(0.1, abs=1e-12)
