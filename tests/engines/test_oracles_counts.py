"""Posteriors of counts by Stan, and by somebody else's quadrature: do our two engines give the same?"""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy.optimize import brentq
from scipy.special import expit

import bayesma as bm
from bayesma.engines.densities import SlicedDensity
from bayesma.engines.marginals import marginal
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.numerics import legendre, slices
from bayesma.resources import DATA

# Against quadrature, in posterior sds (probabilities as they are): its grid. Its quantiles of the mean risk
# are read off a coarser one. Measured: 7e-6, 1.3e-5, 1.6e-4 (mean risk 9e-4), 8e-6.
WITHIN = {"mean": 1e-5, "sd": 2e-5, "quantile": 2.5e-4, "probability": 1.5e-5}
MEAN_RISK = 1e-3
# Against draws, in (combined) Monte Carlo standard errors; a share may lie beyond the first, none the second.
FAR, IMPOSSIBLE, SHARE = 3.0, 5.0, 0.01
LEVELS = {"q2.5": 0.025, "q50": 0.5, "q97.5": 0.975}
FEWEST = 10.0  # effective draws expected on either side of a threshold: below, a share of draws is not normal

TWO_ARMS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)"}
FIXED = TWO_ARMS | {"alpha": "Normal(0, 10)"}
RANDOM = TWO_ARMS | {"alpha_mean": "Normal(-2, 2.5)", "alpha_sd": "HalfNormal(1.5)"}
CONTROL = {"coding": "control"}
# Options and priors, as the words of each file's model say them.
MODELS = {
    "twoarm_fixedbase_ctrl_bcg": (CONTROL, FIXED),
    "twoarm_fixedbase_ctrl_nielweise2007": (CONTROL, FIXED),
    "twoarm_fixedbase_sym_nielweise2007": ({"coding": "midpoint"}, FIXED),
    "singlearm_binomnormal_pritz1997": ({}, {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(1)"}),
    "singlearm_betabinomial_pritz1997": (
        {"distribution": "beta-binomial"},
        {"mean": "Beta(1, 1)", "kappa": "Gamma(2, 0.1)"},
    ),
    "twoarm_randombase_indep_nielweise2007": (CONTROL | {"baseline": "random"}, RANDOM),
    "twoarm_randombase_corr_lkj2_bcg": (CONTROL | {"baseline": "correlated"}, RANDOM | {"rho": "LKJ(2)"}),
}
EXACT = [name for name in MODELS if "randombase" not in name]
SAMPLED = {
    "twoarm_fixedbase_ctrl_bcg": 11,
    "twoarm_fixedbase_ctrl_nielweise2007": 12,
    "twoarm_randombase_corr_lkj2_bcg": 13,
    "twoarm_randombase_indep_nielweise2007": 14,
}
OURS = {"a": "alpha_mean", "s_a": "alpha_sd", "m": "mean"}


@cache
def oracle(name: str) -> dict:
    """One file."""
    return json.loads((DATA.folder() / "reference" / "oracles" / f"{name}.json").read_text("utf-8"))


def evidence(name: str) -> TwoArmCounts | ArmCounts:
    """The data in the file."""
    columns = oracle(name)["data"]["columns"]
    if "events" in columns:
        return ArmCounts.from_counts(columns["events"], columns["n"], columns["study"])
    counts = (columns[c] for c in ("events_treat", "n_treat", "events_ctrl", "n_ctrl"))
    return TwoArmCounts.from_counts(*counts, columns["study"])


@cache
def exact(name: str):
    """The exact fit."""
    options, priors = MODELS[name]
    return bm.fit(evidence(name), priors=priors, engine="exact", random_seed=1, draws=1, chains=1, **options)


def of_nodes(values, weight, quantile) -> dict[str, float]:
    """Mean, sd and quantiles, the last from a function of the level."""
    mean = float(values @ weight)
    sd = math.sqrt(float(np.square(values - mean) @ weight))
    return {"mean": mean, "sd": sd} | {name: float(quantile(q)) for name, q in LEVELS.items()}


def nodes(fit, name: str, index: int):
    """Posterior nodes of a parameter and their weights."""
    at = marginal(fit, name)
    if hasattr(at, "series") and not isinstance(at.nodes, np.ndarray):
        values, weight = at.nodes()
        return values[index], weight[index]
    return at.nodes, at.weight


def transformed(fit, name: str, function, index: int = 0, *, falling: bool = False) -> dict[str, float]:
    """A monotone function of a parameter."""
    values, weight = nodes(fit, name, index)
    at = marginal(fit, name)
    return of_nodes(
        function(values), weight, lambda q: function(at.quantile([1.0 - q if falling else q])[index, 0])
    )


def mean_risk(fit) -> dict[str, float]:
    """E[expit(theta_new) | mu, tau], whose distribution function is a sum over the slices of constant tau."""
    z, w = np.polynomial.hermite_e.hermegauss(61)
    w = w / w.sum()
    group = fit["exact"].dataset
    mu, tau, weight = (group[name].values for name in ("mu", "tau", "weight"))
    values = expit(mu[:, None] + tau[:, None] * z) @ w
    at = marginal(fit, "mu")
    assert isinstance(at, SlicedDensity)
    scale, integrals = tau.reshape(at.series.shape[0], -1)[:, 0], legendre.antiderivatives(at.series)

    def below(x: float) -> float:
        """P(mean risk < x)."""
        low, high = np.full(scale.size, -60.0), np.full(scale.size, 60.0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            up = expit(middle[:, None] + scale[:, None] * z) @ w < x
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        return sum(slices.below(m, at.window[s : s + 1], integrals[s : s + 1]) for s, m in enumerate(low))

    return of_nodes(values, weight, lambda q: brentq(lambda x: below(x) - q, 0.01, 0.99, xtol=1e-10))


def answer(fit, quantity: str) -> dict[str, float]:
    """Mean, sd and quantiles of a quantity as the files name it."""
    if quantity.startswith("P_"):
        name = quantity[2:-5]
        return {"mean": float(marginal(fit, name).probability(0.0, above=quantity.endswith("gt_0"))[0])}
    special = {
        "median_prob": lambda: transformed(fit, "mu", expit),
        "mean_prob": lambda: mean_risk(fit),
        "p_new": lambda: transformed(fit, "theta_new", expit),
        "log_kappa": lambda: transformed(fit, "kappa", np.log),
        "icc": lambda: transformed(fit, "kappa", lambda kappa: 1.0 / (1.0 + kappa), falling=True),
    }
    if quantity in special:
        return special[quantity]()
    name, _, index = quantity.partition("[")
    i = int(index[:-1]) - 1 if index else 0
    if name == "p":
        return transformed(fit, "theta", expit, i)
    at = marginal(fit, OURS.get(name, name))
    found = {key: float(at.quantile([q])[i, 0]) for key, q in LEVELS.items()}
    return {"mean": float(at.mean()[i]), "sd": float(at.sd()[i])} | found


@cache
def quadrature(name: str) -> pd.DataFrame:
    """Ours beside theirs, differences in units of the posterior sd (1 for probabilities)."""
    rows = []
    for quantity, theirs in oracle(name)["quadrature_check"]["quantities"].items():
        ours, unit = answer(exact(name), quantity), theirs.get("sd", 1.0)
        kind = {"mean": "probability" if quantity.startswith("P_") else "mean", "sd": "sd"}
        rows += [
            (quantity, kind.get(key, "quantile"), key, ours[key], value, (ours[key] - value) / unit)
            for key, value in theirs.items()
        ]
    return pd.DataFrame(rows, columns=["quantity", "kind", "statistic", "ours", "theirs", "difference"])


@cache
def in_monte_carlo_errors(name: str) -> pd.DataFrame:
    """Ours beside every number from draws that has a Monte Carlo standard error."""
    rows = []
    for quantity, theirs in oracle(name)["quantities"].items():
        ours = answer(exact(name), quantity)
        for key, value in ours.items():
            mcse = theirs.get(f"mcse_{key}")
            if quantity.startswith("P_"):
                effective = (theirs["ess_bulk"] or 0.0) * min(value, 1.0 - value)
                mcse = math.sqrt(value * (1.0 - value) / theirs["ess_bulk"]) if effective >= FEWEST else None
            if mcse:
                rows.append((quantity, key, value, theirs[key], (value - theirs[key]) / mcse))
    return pd.DataFrame(rows, columns=["quantity", "statistic", "ours", "theirs", "z"])


@pytest.mark.parametrize("name", EXACT)
def test_exact_is_the_quadrature(name: str) -> None:
    compared = quadrature(name)
    allowed = compared["kind"].map(WITHIN)
    coarse = (compared["quantity"] == "mean_prob") & (compared["kind"] == "quantile")
    wrong = compared[compared["difference"].abs() > allowed.where(~coarse, MEAN_RISK)]
    assert wrong.empty, wrong.to_string()


@pytest.mark.parametrize("name", EXACT)
def test_quadrature_covers_what_it_should(name: str) -> None:
    """An empty comparison would agree with everything."""
    quantities = set(quadrature(name)["quantity"])
    k = oracle(name)["data"]["k"]
    study = {f"{'p' if name.startswith('single') else 'delta'}[{i + 1}]" for i in range(k)}
    assert study | ({"m", "kappa"} if "beta" in name else {"mu", "tau"}) <= quantities


@pytest.mark.parametrize("name", EXACT)
def test_exact_is_within_the_error_of_the_draws(name: str) -> None:
    z = in_monte_carlo_errors(name)["z"].abs()
    assert len(z) > 90
    assert z.max() < IMPOSSIBLE
    assert (z > FAR).mean() <= SHARE
    assert 0.7 < math.sqrt((z**2).mean()) < 1.3  # neither are the errors overstated, nor is there a drift


@pytest.mark.parametrize("name", EXACT)
def test_baselines_are_compared(name: str) -> None:
    if name.startswith("twoarm"):
        names = set(in_monte_carlo_errors(name)["quantity"])
        assert {f"alpha[{i + 1}]" for i in range(oracle(name)["data"]["k"])} <= names


@cache
def sampled(name: str):
    """The NUTS fit."""
    options, priors = MODELS[name]
    seed = SAMPLED[name]
    return bm.fit(evidence(name), priors=priors, random_seed=seed, progressbar=False, **options)


def draws_of(fit, quantity: str):
    """Draws of a quantity as the files name it, shape (chain, draw)."""
    if quantity.startswith("P_"):
        values = fit["posterior"][OURS.get(quantity[2:-5], quantity[2:-5])].values
        return ((values > 0) if quantity.endswith("gt_0") else (values < 0)).astype(np.float64)
    name, _, index = quantity.partition("[")
    values = fit["posterior"][OURS.get(name, name)].values
    return values[..., int(index[:-1]) - 1] if index else values


def combined_z(fit, name: str) -> pd.DataFrame:
    """Means of the draws beside the file's: quadrature where it has them, else its draws."""
    rows = []
    precise = (oracle(name).get("quadrature_check") or {}).get("quantities", {})
    for quantity, theirs in oracle(name)["quantities"].items():
        draws = draws_of(fit, quantity)
        right = precise.get(quantity, theirs)["mean"]
        sd = theirs["sd"] if not quantity.startswith("P_") else math.sqrt(right * (1.0 - right))
        size = draws.size if np.ptp(draws) == 0.0 else float(array_stats.ess(draws, method="mean"))
        if quantity.startswith("P_") and size * min(right, 1.0 - right) < FEWEST:
            continue
        error = math.hypot(sd / math.sqrt(size), 0.0 if quantity in precise else theirs["mcse_mean"])
        rows.append((quantity, draws.mean(), right, (draws.mean() - right) / error))
    return pd.DataFrame(rows, columns=["quantity", "ours", "theirs", "z"])


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLED)
def test_nuts_is_clean(name: str) -> None:
    fit = sampled(name)
    assert [fit.attrs[name] for name in ("converged", "divergences", "attempts")] == [1, 0, 1]
    for parameter in fit["posterior"].data_vars:
        values = fit["posterior"][parameter].values
        columns = np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
        assert np.max(array_stats.rhat(columns)) < 1.01, parameter
        for method, prob in (("bulk", None), ("tail", (0.05, 0.95))):
            assert np.min(array_stats.ess(columns, method=method, prob=prob)) > 400, (parameter, method)


@pytest.mark.long
def test_nuts_is_the_oracles() -> None:
    """Means of mu, tau, effects, baselines, a new study; probabilities of mu, rho and a new effect."""
    compared = pd.concat([combined_z(sampled(name), name).assign(model=name) for name in SAMPLED])
    assert len(compared) > 140
    z = compared["z"].abs()
    assert z.max() < IMPOSSIBLE, compared[z > FAR].to_string()
    assert (z > FAR).mean() <= SHARE, compared[z > FAR].to_string()
