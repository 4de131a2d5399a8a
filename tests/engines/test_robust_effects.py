"""Robust effects, moderators and priors of any shape in family `normal`, by integration."""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import logsumexp

import bayesma as bm
from bayesma.engines.exact import integrate
from bayesma.engines.fit import make_setting
from bayesma.errors import DataWarning, OptionError, PriorError
from bayesma.families import effect_mixtures as mixtures
from bayesma.priors import Prior
from bayesma.resources import DATA

QUADRATURE = 1e-4  # posterior sds: the promise against the oracles' own quadrature, "well under 1e-4 sd"
# On tau with a moderator that quadrature is 1.02e-4 sd off: a rule of 60 x 60 x 60 nodes, in which nothing is
# shared with the engine, confirms ours (its log evidence, -17.40646, is the engine's -17.40645)
TAU_WITH_MODERATOR = 1.1e-4
# Its quantiles and sds come from a grid that ends: of theta_new 3e-5 of the mass lie beyond (`edge_mass`)
TRUNCATED = 7e-4
TIGHT = 1e-6  # what the engine promises
BAYESMETA = 2e-3  # sds: bayesmeta mixes the coefficients over a grid in tau
BRUTE = 2e-6  # a grid of 400 x 400 points against it

Y, SE = np.array([-0.9, -0.2, 0.1, 1.4]), np.array([0.3, 0.2, 0.25, 0.3])


@cache
def oracle(name):
    return json.loads((DATA.folder() / "reference" / "oracles" / f"{name}.json").read_text("utf-8"))


def bcg(name):
    """The oracle's data, with the moderator if it has one."""
    columns = oracle(name)["data"]["columns"]
    table = pd.DataFrame({"ablat": columns["ablat"]}) if "ablat" in columns else None
    return bm.Effects.from_estimates(
        columns["yi"], np.sqrt(columns["vi"]), columns["study"], "RR", table=table
    )


def oracle_fit(name, engine, **settings):
    """Of its model."""
    priors = {"mu": "Normal(0, 4)", "tau": "HalfNormal(0.5)"}
    if name == "nn_t4_metareg_ablat_bcg":
        settings |= {"moderators": ["ablat"], "moderator_unit": "own"}
        priors["beta"] = "Normal(0, 1)"
    options = {"random_effects": "student_t", "nu": 4, **settings}
    return bm.fit(bcg(name), engine=engine, priors=priors, random_seed=1, progressbar=False, **options)


def names_of(name):
    """Their names to ours."""
    studies = oracle(name)["data"]["columns"]["study"]
    return {f"theta[{i + 1}]": f"theta[{study}]" for i, study in enumerate(studies)} | {
        "mu": "mu",
        "tau": "tau",
        "theta_new": "theta_new",
        "beta": "beta[ablat]",
    }


@pytest.mark.parametrize("name", ["nn_t4_bcg", "nn_t4_metareg_ablat_bcg"])
def test_exact_meets_the_quadrature_of_the_oracles(name):
    fit = oracle_fit(name, "exact")
    found, names = bm.summary(fit), names_of(name)
    for theirs, value in oracle(name)["quadrature_check"]["quantities"].items():
        if theirs == "P_mu_lt_0":
            assert bm.prob(fit, "mu", below=0.0) == pytest.approx(value["mean"], abs=TIGHT)
            continue
        row, sd = found.loc[names[theirs]], value["sd"]
        moderated = "metareg" in name
        limit = TAU_WITH_MODERATOR if moderated and theirs == "tau" else QUADRATURE
        assert row["mean"] == pytest.approx(value["mean"], abs=limit * sd)
        limit = TRUNCATED if moderated or theirs == "theta_new" else QUADRATURE
        for ours, quantity in (("sd", "sd"), ("ci_low", "q2.5"), ("median", "q50"), ("ci_high", "q97.5")):
            assert row[ours] == pytest.approx(value[quantity], abs=limit * sd)


@pytest.mark.long
@pytest.mark.parametrize("name", ["nn_t4_bcg", "nn_t4_metareg_ablat_bcg"])
def test_nuts_meets_the_oracles(name):
    """Means within 4 Monte Carlo errors of both runs, by the longest one."""
    fit = oracle_fit(name, "nuts", draws=2500)
    found, names = bm.summary(fit), names_of(name)
    assert fit.attrs["converged"] == 1
    for theirs, value in oracle(name)["quantities"].items():
        if theirs in names:
            row = found.loc[names[theirs]]
            assert abs(row["mean"] - value["mean"]) < 4.0 * math.hypot(row["mcse_mean"], value["mcse_mean"])


def brute(density_of_effect, mu_prior, tau_prior, low, high, top):
    """Mean and sd of mu and tau and the log evidence by the midpoint rule over mu and tau.

    The likelihood of a study is integrated over its effect by scipy's adaptive rule on a table in mu and tau.
    """
    mu, tau = (
        (np.arange(400) + 0.5) / 400 * (end - start) + start for start, end in ((low, high), (0.0, top))
    )
    log_density = mu_prior(mu)[:, None] + tau_prior(tau)
    for y, se in zip(Y, SE, strict=True):
        log_density = log_density + density_of_effect(y - mu[:, None], se, tau)
    total = logsumexp(log_density)
    weight = np.exp(log_density - total)
    moments = []
    for values, share in ((mu, weight.sum(axis=1)), (tau, weight.sum(axis=0))):
        mean = share @ values
        moments += [mean, math.sqrt(share @ (values - mean) ** 2)]
    return moments, total + math.log((high - low) / 400 * top / 400)


def mixed(share, inflation):
    """Log density of a residual under contaminated normal effects."""

    def log_density(residual, se, tau):
        parts = [
            math.log(weight) + stats.norm.logpdf(residual, 0.0, np.hypot(se, factor * tau))
            for weight, factor in ((1.0 - share, 1.0), (share, inflation))
        ]
        return np.logaddexp(*parts)

    return log_density


def normal(residual, se, tau):
    """Log density of a residual under normal effects."""
    return stats.norm.logpdf(residual, 0.0, np.hypot(se, tau))


BELOW_0 = stats.halfcauchy(0, 0.7)
CASES = {
    "contaminated": (
        {"random_effects": "contaminated", "contamination": 0.2, "inflation": 4},
        {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"},
        mixed(0.2, 4.0),
        stats.norm(0, 1).logpdf,
        (-5.0, 5.0),
    ),
    "a uniform prior": (
        {},
        {"mu": "Uniform(-1, 1)", "tau": "HalfNormal(0.5)"},
        normal,
        stats.uniform(-1, 2).logpdf,
        (-1.0, 1.0),
    ),
    "a prior on one side": (
        {},
        {"mu": "Truncated(Cauchy(0, 0.7), lower=0)", "tau": "HalfNormal(0.5)"},
        normal,
        BELOW_0.logpdf,
        (0.0, 6.0),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_against_a_grid(case):
    options, priors, density, prior, (low, high) = case
    fit = bm.fit(bm.Effects.from_estimates(Y, SE), engine="exact", priors=priors, random_seed=1, **options)
    moments, log_evidence = brute(density, prior, stats.halfnorm(0, 0.5).logpdf, low, high, 4.0)
    found = bm.summary(fit)
    ours = [found.loc[name, column] for name in ("mu", "tau") for column in ("mean", "sd")]
    limit = 1e-4 if np.isfinite(prior(low)) and low > -2.0 else BRUTE  # the midpoint rule at a jump
    assert ours == pytest.approx(moments, abs=limit)
    assert bm.model_evidence(fit)["log_evidence"] == pytest.approx(log_evidence, abs=limit)


@pytest.mark.parametrize("nu", [0.3, 1.0, 2.5, 30.0, 3000.0])
@pytest.mark.parametrize("residual", [0.0, 1.0, 12.0])
def test_the_mixture_that_a_student_t_is(nu, residual):
    """The density of an estimate, against scipy's integral of the t over the effect."""
    tau, se = 0.7, 0.3

    def integrand(effect):
        return stats.t.pdf(effect, nu, scale=tau) * stats.norm.pdf(residual, effect, se)

    places = [residual - 6 * se, 0.0, residual, residual + 6 * se]
    value, _ = quad(
        integrand, residual - 12 * se, residual + 12 * se, points=places[1:3], epsabs=0, epsrel=1e-10
    )
    mixture = mixtures.student_t(np.array([nu]))
    found = mixture.log_marginal(np.array([[residual]]), np.array([se]), np.array([tau]))[0, 0]
    assert found == pytest.approx(math.log(value), rel=1e-9, abs=1e-8)
    assert np.exp(mixture.log_weights).sum() == pytest.approx(1.0)


@pytest.mark.long
@pytest.mark.parametrize(
    ("options", "prior", "lower", "width"),
    [
        ({"random_effects": "student_t"}, {"nu": "Truncated(Gamma(2, 0.1), lower=1)"}, 1.0, 250.0),
        ({"random_effects": "contaminated"}, {"contamination": "Beta(2, 6)"}, 0.0, 1.0),
    ],
)
def test_a_number_with_a_prior_is_a_mixture_over_its_values(options, prior, lower, width):
    """Evidence and mean are those of the fits with that number fixed, weighted by prior times evidence."""
    (name, text), effects = next(iter(prior.items())), bm.Effects.from_estimates(Y, SE)
    priors = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}
    whole = bm.fit(effects, engine="exact", priors=priors | prior, random_seed=1, **options)
    place, rule = np.polynomial.legendre.leggauss(40)
    place, rule = 0.5 * (place + 1.0), 0.5 * rule
    values = lower + width * place**2
    rule = rule * 2.0 * width * place * np.exp(Prior.parse(text).logpdf(values))
    settings = [make_setting(effects, None, priors, 1, {**options, name: float(v)}) for v in values]
    slices = [integrate(setting).slices for setting in settings]
    log_evidence = np.array([one.log_evidence for one in slices])
    total = logsumexp(log_evidence, b=rule)
    share = rule * np.exp(log_evidence - total)
    means = np.array([np.sum(one.weight * one.location) for one in slices])
    assert bm.model_evidence(whole)["log_evidence"] == pytest.approx(total, abs=1e-6)
    found = bm.summary(whole)
    assert found.loc["mu", "mean"] == pytest.approx(share @ means, abs=1e-6)
    assert found.loc[name, "mean"] == pytest.approx(share @ values, rel=1e-5)
    assert bm.prob(whole, name, below=lower) == 0.0
    draws = whole["posterior"][name].values.ravel()
    error = draws.std() / math.sqrt(draws.size)
    assert abs(draws.mean() - share @ values) < 5.0 * error


def test_a_regression_is_least_squares_given_tau():
    """With a common effect and flat priors: coefficients and covariance of weighted least squares."""
    x = np.array([1.0, 4.0, 2.0, 8.0])
    effects = bm.Effects.from_estimates(Y, SE, table=pd.DataFrame({"dose": x}))
    priors = {"mu": "Flat()", "beta": "Flat()"}
    fit = bm.fit(
        effects,
        engine="exact",
        priors=priors,
        random_effects="none",
        moderators=["dose"],
        moderator_unit="own",
        random_seed=1,
    )
    design = np.column_stack([np.ones(4), x - x.mean()])
    covariance = np.linalg.inv(design.T @ np.diag(SE**-2) @ design)
    coefficients = covariance @ design.T @ (Y / SE**2)
    found = bm.summary(fit).loc[["mu", "beta[dose]"]]
    assert found["mean"].to_numpy() == pytest.approx(coefficients)
    assert found["sd"].to_numpy() == pytest.approx(np.sqrt(np.diag(covariance)))


def test_a_regression_meets_bayesmeta():
    """`bmr` on BCG: intercept and latitude centred at its mean; its shortest steps are 1e-3 of an sd."""
    stored = json.loads((DATA.folder() / "reference" / "bayesmeta.json").read_text("utf-8"))
    stored = stored["bcg_metareg_ablat"]
    fit = bm.fit(
        bcg("nn_t4_metareg_ablat_bcg"),
        engine="exact",
        moderators=["ablat"],
        moderator_unit="own",
        priors={"mu": "Normal(0, 4)", "beta": "Normal(0, 1)", "tau": "HalfNormal(0.5)"},
        random_seed=1,
    )
    found = bm.summary(fit)
    theirs = dict(zip(stored["rows"], np.array(stored["summary"]), strict=True))
    columns = {"mean": "mean", "sd": "sd", "median": "median", "ci_low": "95% lower", "ci_high": "95% upper"}
    for at, name in enumerate(("tau", "mu", "beta[ablat]")):
        sd = theirs["sd"][at]
        for ours, row in columns.items():
            if name == "tau" and row.startswith("95%"):
                continue  # theirs is the shortest interval
            assert found.loc[name, ours] == pytest.approx(theirs[row][at], abs=BAYESMETA * sd)


def test_the_unit_of_a_moderator_changes_its_coefficient_only():
    effects = bm.Effects.from_estimates(Y, SE, table=pd.DataFrame({"dose": [1.0, 4.0, 2.0, 8.0]}))
    sd = float(np.std([1.0, 4.0, 2.0, 8.0], ddof=1))
    shared = {"engine": "exact", "moderators": ["dose"], "random_seed": 1}
    base = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}
    per_sd = bm.fit(effects, priors=base | {"beta": f"Normal(0, {sd})"}, **shared)
    per_unit = bm.fit(effects, priors=base | {"beta": "Normal(0, 1)"}, moderator_unit="own", **shared)
    a, b = bm.summary(per_sd), bm.summary(per_unit)
    for name in ("mu", "tau", "theta[study 2]", "theta_new"):
        assert a.loc[name, "mean"] == pytest.approx(b.loc[name, "mean"], abs=1e-8)
    assert a.loc["beta[dose]", "mean"] == pytest.approx(sd * b.loc["beta[dose]", "mean"])
    evidence = [bm.model_evidence(fit)["log_evidence"] for fit in (per_sd, per_unit)]
    assert evidence[0] == pytest.approx(evidence[1], abs=1e-8)


def test_moderators_that_say_the_same_are_reported():
    table = pd.DataFrame({"dose": [1.0, 4.0, 2.0, 8.0], "twice": [2.0, 8.0, 4.0, 16.0]})
    effects = bm.Effects.from_estimates(Y, SE, table=table)
    with pytest.warns(DataWarning, match="the moderators dose, twice cannot be told apart"):
        bm.fit(
            effects,
            engine="exact",
            moderators=["dose", "twice"],
            priors={"mu": "Normal(0, 1)", "beta": "Normal(0, 1)", "tau": "HalfNormal(1)"},
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nu": 3}, "option nu .* goes with random_effects='student_t'"),
        ({"inflation": 3}, "option inflation .* goes with random_effects='contaminated'"),
        (
            {"random_effects": "contaminated", "contamination": 1.0},
            "a number above 0 and below 1, or 'prior'",
        ),
        (
            {"random_effects": "contaminated", "inflation": 1.0},  # the wide normal would be the narrow one
            r"inflation.* a finite number above 1$",
        ),
        ({"moderators": ["dosis"]}, "has no moderator 'dosis'; did you mean 'dose'"),
    ],
)
def test_options_that_are_refused(options, words):
    table = pd.DataFrame({"dose": [1.0, 4.0, 2.0, 8.0]})
    effects = bm.Effects.from_estimates(Y, SE, measure="SMD", table=table)
    with pytest.raises(OptionError, match=words):
        bm.fit(effects, engine="exact", **options)


def test_flat_coefficients_need_as_many_studies():
    effects = bm.Effects.from_estimates(Y[:2], SE[:2], table=pd.DataFrame({"dose": [1.0, 2.0]}))
    with pytest.raises(PriorError, match="the posterior is improper: k = 2"):
        bm.fit(
            effects,
            engine="exact",
            moderators=["dose"],
            priors={"mu": "Flat()", "beta": "Flat()", "tau": "Flat()"},
        )


SIX = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
SIX["same"] = 0.1 * SIX["x"] + 7.3  # but for rounding, which a rank at machine precision takes for news
SIX["twice"] = 2.0 * SIX["x"]
SIX[[f"p{i}" for i in range(8)]] = np.random.default_rng(1).standard_normal((6, 8))
FLAT = {"mu": "Flat()", "beta": "Flat()"}


def six():
    return bm.Effects.from_estimates(
        [-0.6, -0.4, -0.9, 0.1, 0.3, 0.2], [0.25, 0.3, 0.4, 0.3, 0.2, 0.25], measure="SMD", table=SIX
    )


@pytest.mark.parametrize("columns", [["x", "same"], ["x", "twice"], [f"p{i}" for i in range(8)]])
@pytest.mark.parametrize("more", [{"random_effects": "none"}, {}, {"random_effects": "student_t"}])
@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(0.5)"])
def test_flat_coefficients_that_the_studies_leave_open_are_refused(columns, more, tau):
    priors = FLAT if more.get("random_effects") == "none" else FLAT | {"tau": tau}
    with (
        pytest.warns(DataWarning, match="cannot be told apart"),
        pytest.raises(PriorError, match=r"the posterior is improper: k = 6, .* give the coefficients a"),
    ):
        bm.fit(six(), engine="exact", moderators=columns, priors=priors, **more)


def test_one_proper_prior_is_enough_for_what_it_tells_apart():
    """Mu is determined by the studies, the coefficients by their prior: all there is, and no more."""
    options = {"engine": "exact", "random_effects": "none", "random_seed": 1}
    with pytest.warns(DataWarning, match="the moderators x, same cannot be told apart in these 6 studies"):
        both = bm.fit(
            six(), moderators=["x", "same"], priors={"mu": "Flat()", "beta": "Normal(0, 1)"}, **options
        )
    # two equal columns with sd 1 each are one with the sum of the coefficients, sd sqrt(2)
    one = bm.fit(
        six(), moderators=["x"], priors={"mu": "Flat()", "beta": "Normal(0, 1.4142135623730951)"}, **options
    )
    found = bm.summary(both)["mean"]
    expected = bm.summary(one)["mean"]
    # rounding of the columns is 1e-14, the square roots of covariances half the digits
    assert found["beta[x]"] + found["beta[same]"] == pytest.approx(expected["beta[x]"], abs=1e-7)
    assert found["mu"] == pytest.approx(expected["mu"], abs=1e-7)


@pytest.mark.long
@pytest.mark.parametrize("nu", [2.0, 4.0])
def test_two_studies_a_flat_mu_and_a_half_cauchy_tau(nu):
    """The mean of mu exists and its sd does not; slices of tau are up to 1e16 as wide as the narrowest."""
    two = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    fit = bm.fit(
        two,
        random_effects="student_t",
        nu=nu,
        priors={"mu": "Flat()", "tau": "HalfCauchy(0.5)"},
        engine="exact",
        random_seed=1,
    )
    found = bm.summary(fit)
    assert np.isinf(found.loc["mu", "sd"]) and np.isfinite(found.loc["mu", "mean"])
    for q, column in ((0.025, "ci_low"), (0.5, "median"), (0.975, "ci_high")):
        # the quantile is inverted to 1e-14 of 50 asinh units, where the density of mu is below 2
        assert bm.prob(fit, "mu", below=found.loc["mu", column]) == pytest.approx(q, abs=1e-11)
    tau = np.exp(np.linspace(-12.0, 12.0, 121))[:, None]  # by another rule: trapezoids in logs of both
    side = np.sinh(np.linspace(-16.0, 16.0, 1601))
    log_density = stats.halfcauchy.logpdf(tau, scale=0.5) + np.log(tau)
    shape = mixtures.student_t(np.array([nu]))
    for y, se in zip([-0.5, -0.2], [0.2, 0.3], strict=True):
        sds = np.sqrt(se**2 + (shape.scales[0] * tau) ** 2)[:, None, :]
        away = (y + 0.35 - side)[None, :, None]
        log_density = log_density + logsumexp(
            shape.log_weights[0] - np.log(sds) - 0.5 * (away / sds) ** 2, axis=2
        )
    mass = np.exp(log_density).sum(axis=0) * np.sqrt(1.0 + side**2)
    # half the cell of the node at 0 is above, but for the slope there times an eighth of 0.02 squared: 5e-5
    below = (mass[side < 0.0].sum() + 0.5 * mass[800]) / mass.sum()
    assert bm.prob(fit, "mu", below=-0.35) == pytest.approx(below, abs=1e-4)
