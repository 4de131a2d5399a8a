"""The PyMC models of family `proportion`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from bayesma.families.base import Arrays, Case
from bayesma.families.effects import NU, RANDOM_EFFECTS, common
from bayesma.families.latent import effect_density, mean_variable, standardised
from bayesma.priors.packing import data_variables
from bayesma.priors.variables import variable


def build(case: Case) -> Any:
    """The model with these options; every number a `pm.Data`."""
    import pymc as pm

    with pm.Model() as model:
        held = data_variables(data(case))
        events, n = held["events"], held["n"]
        if case.options["distribution"] == "beta-binomial":
            likelihood = _beta_binomial(case, events, n)
        else:
            logit = _centres(case, held) if case.options["centres"] == "random" else _logits(case, held)
            likelihood = events * logit - n * pm.math.log1pexp(logit)
        pm.Potential("likelihood", held["choose"] + likelihood)
    return model


def data(case: Case) -> Arrays:
    """All numbers of the model but those of the priors, by the names of their `pm.Data`.

    Where logits are sampled, with logit and variance of each arm, half an event added to both cells; the
    number of each arm's study only where studies have several arms.
    """
    events, n = case.arrays["events"], case.arrays["n"]
    result = {"events": events, "n": n, "choose": gammaln(n + 1.0)}
    result["choose"] -= gammaln(events + 1.0) + gammaln(n - events + 1.0)
    if case.options["distribution"] != "beta-binomial":
        yes, no = events + 0.5, n - events + 0.5
        result |= {"estimate": np.log(yes / no), "within": 1.0 / yes + 1.0 / no}
    if case.options["centres"] == "random":
        result["cluster"] = case.arrays["cluster"].astype(np.int64)
    return result


def _logits(case: Case, held: dict[str, Any]) -> Any:
    """Logits of studies with one arm each."""
    import pymc as pm

    estimate, within = held["estimate"], held["within"]
    if common(case.options):
        return mean_variable(case.priors["mu"], estimate, within)
    tau = variable(case.priors["tau"], "tau", lower=0.0)
    mu = mean_variable(case.priors["mu"], estimate, within + tau**2)
    shrink = within / (within + tau**2)
    mean = (1 - shrink) * estimate + shrink * mu
    theta = standardised("theta", case.arrays["n"].size, mean, (shrink * tau**2) ** 0.5)
    density = effect_density(case.options[RANDOM_EFFECTS], case.options.get(NU), theta, mu, tau)
    pm.Potential("theta_density", density)
    return theta


def _centres(case: Case, held: dict[str, Any]) -> Any:
    """Logits of centres around those of their studies."""
    import pymc as pm
    import pytensor.tensor as pt

    cluster, estimate, within = held["cluster"], held["estimate"], held["within"]
    k, arms = int(case.arrays["cluster"].max()) + 1, case.arrays["n"].size
    tau = variable(case.priors["tau"], "tau", lower=0.0)
    tau_centre = variable(case.priors["tau_centre"], "tau_centre", lower=0.0)
    precision = 1 / (within + tau_centre**2)
    by_study = pt.zeros(k)
    total = pt.inc_subtensor(by_study[cluster], precision)
    study_estimate = pt.inc_subtensor(by_study[cluster], precision * estimate) / total
    mu = mean_variable(case.priors["mu"], study_estimate, 1 / total + tau**2)
    shrink = (1 / total) / (1 / total + tau**2)
    mean = (1 - shrink) * study_estimate + shrink * mu
    theta = standardised("theta", k, mean, (shrink * tau**2) ** 0.5)
    pm.Potential("theta_density", effect_density("normal", None, theta, mu, tau))
    part = within / (within + tau_centre**2)
    mean = (1 - part) * estimate + part * theta[cluster]
    centre = standardised("theta_centre", arms, mean, (part * tau_centre**2) ** 0.5)
    pm.Potential("theta_centre_density", effect_density("normal", None, centre, theta[cluster], tau_centre))
    return centre


def _beta_binomial(case: Case, events: Any, n: Any) -> Any:
    """Proportions integrated out."""
    mean = variable(case.priors["mean"], "mean", lower=0.0)
    kappa = variable(case.priors["kappa"], "kappa", lower=0.0)
    a, b = mean * kappa, (1 - mean) * kappa
    return _log_beta(a + events, b + n - events) - _log_beta(a, b)


def _log_beta(a: Any, b: Any) -> Any:
    """Log of the beta function."""
    import pytensor.tensor as pt

    return pt.gammaln(a) + pt.gammaln(b) - pt.gammaln(a + b)
