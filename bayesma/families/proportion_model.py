"""The PyMC models of family `proportion`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesma.families.base import Case
from bayesma.families.effects import NU, RANDOM_EFFECTS, common
from bayesma.families.latent import effect_density, mean_variable, standardised
from bayesma.priors.variables import variable


def build(case: Case) -> Any:
    """The model with these options; every number a `pm.Data`."""
    import pymc as pm

    with pm.Model() as model:
        events, n = pm.Data("events", case.arrays["events"]), pm.Data("n", case.arrays["n"])
        if case.options["distribution"] == "beta-binomial":
            likelihood = _beta_binomial(case, events, n)
        else:
            logit = (
                _centres(case, events, n) if case.options["centres"] == "random" else _logits(case, events, n)
            )
            likelihood = _choose(events, n) + events * logit - n * pm.math.log1pexp(logit)
        pm.Potential("likelihood", likelihood)
    return model


def _choose(events: Any, n: Any) -> Any:
    """Log binomial coefficients."""
    import pytensor.tensor as pt

    one = np.float64(1)
    return pt.gammaln(n + one) - pt.gammaln(events + one) - pt.gammaln(n - events + one)


def _approximate(events: Any, n: Any) -> tuple[Any, Any]:
    """Logit and variance of each arm, half an event added to both cells."""
    import pymc as pm

    yes, no = events + np.float64(0.5), n - events + np.float64(0.5)
    return pm.math.log(yes / no), 1 / yes + 1 / no


def _logits(case: Case, events: Any, n: Any) -> Any:
    """Logits of studies with one arm each."""
    import pymc as pm

    estimate, within = _approximate(events, n)
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


def _centres(case: Case, events: Any, n: Any) -> Any:
    """Logits of centres around those of their studies."""
    import pymc as pm
    import pytensor.tensor as pt

    cluster = pm.Data("cluster", case.arrays["cluster"].astype(np.int64))
    k, arms = int(case.arrays["cluster"].max()) + 1, case.arrays["n"].size
    estimate, within = _approximate(events, n)
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
    """Risks integrated out."""
    mean = variable(case.priors["mean"], "mean", lower=0.0)
    kappa = variable(case.priors["kappa"], "kappa", lower=0.0)
    a, b = mean * kappa, (1 - mean) * kappa
    return _choose(events, n) + _log_beta(a + events, b + n - events) - _log_beta(a, b)


def _log_beta(a: Any, b: Any) -> Any:
    """Log of the beta function."""
    import pytensor.tensor as pt

    return pt.gammaln(a) + pt.gammaln(b) - pt.gammaln(a + b)
