"""The PyMC model of family `normal`: the study effects integrated out of every likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesma.families.base import PRIOR, Arrays, Case
from bayesma.families.effect_mixtures import CONTAMINATED, CONTAMINATION, INFLATION, STUDENT_T
from bayesma.families.effect_moderators import MODERATORS, shifts
from bayesma.families.effects import NU, RANDOM_EFFECTS, common
from bayesma.families.problems import is_normal_mixture
from bayesma.priors.packing import data_variables

NODES = 80  # of the mixture of normals that a Student-t is


def data(case: Case) -> Arrays:
    """Estimates, standard errors and, where there are any, moderators."""
    return {name: case.arrays[name] for name in ("y", "se", MODERATORS) if name in case.arrays}


def build(case: Case) -> Any:
    """The marginal model: as many parameters whatever the number of studies.

    Given tau, mu is normal with a known mean and sd (nearly, under a Student-t prior or Student-t effects):
    it is sampled in that unit, which leaves no funnel where one study is far more precise than the others,
    and no scale to learn where the data's unit is far from 1.
    """
    import pymc as pm
    import pytensor.tensor as pt

    from bayesma.priors.variables import variable

    priors = case.priors
    with pm.Model() as model:
        held = data_variables(data(case))
        tau = None if common(case.options) else variable(priors["tau"], "tau", lower=0.0)
        variance = held["se"] ** 2 if tau is None else held["se"] ** 2 + tau**2
        shift = np.float64(0.0)
        if MODERATORS in held:
            shift = shifts(case, held[MODERATORS], held["y"], variance)
        likelihood = pm.math.sum(1 / variance), pm.math.sum((held["y"] - shift) / variance)
        mu = variable(priors["mu"], "mu", normal=likelihood if is_normal_mixture(priors["mu"]) else None)
        if tau is None or case.options[RANDOM_EFFECTS] == "normal":
            pm.Normal("y_observed", mu=mu + shift, sigma=pm.math.sqrt(variance), observed=held["y"])
        else:
            scales, log_weights = _components(case)
            each = held["se"][:, None] ** 2 + (tau * scales) ** 2
            residual = (held["y"] - mu - shift)[:, None]
            terms = log_weights - np.float64(0.5) * (
                pt.log(np.float64(2.0 * np.pi) * each) + residual**2 / each
            )
            pm.Potential("y_observed", pt.sum(pt.logsumexp(terms, axis=1)))
    return model


def _components(case: Case) -> tuple[Any, Any]:
    """Standard deviations, in units of tau, and log weights of the normals effects are mixed of: (c,)."""
    import pytensor.tensor as pt

    from bayesma.priors.variables import variable

    name = case.options[RANDOM_EFFECTS]
    if name == CONTAMINATED:
        share = case.options[CONTAMINATION]
        if share == PRIOR:
            share = variable(case.priors[CONTAMINATION], CONTAMINATION, lower=0.0)
        share = pt.as_tensor_variable(share if not isinstance(share, float) else np.float64(share))
        return np.array([1.0, case.options[INFLATION]]), pt.log(pt.stack([np.float64(1.0) - share, share]))
    assert name == STUDENT_T
    nu = case.options[NU]
    if nu == PRIOR:
        nu = variable(case.priors[NU], NU, lower=0.0)
    return _student_t(pt.as_tensor_variable(nu if not isinstance(nu, float) else np.float64(nu)))


def _student_t(nu: Any) -> tuple[Any, Any]:
    """A normal whose log precision g has the density of log Gamma(nu / 2, nu / 2), on a grid of g.

    The grid is even in x, g = x - exp(-x): as far as the density of g is above exp(-30) of its peak, where it
    falls off slowly too.
    """
    import pytensor.tensor as pt

    one, half = np.float64(1.0), nu * np.float64(0.5)
    spread = np.float64(30.0) / half
    reach = spread + pt.sqrt(np.float64(2.0) * spread)
    centre = np.float64(0.5671432904097838)  # g = 0
    start = pt.maximum(centre - reach / (one + centre), -pt.log(pt.maximum(reach, one)))
    stop = centre + pt.log(one + reach)
    x = start + (stop - start) * np.linspace(0.0, 1.0, NODES)
    g = x - pt.exp(-x)
    height = half * (g - pt.exp(g)) + pt.log(one + pt.exp(-x))
    scales = pt.exp(np.float64(-0.5) * pt.maximum(g, np.float64(-600.0)))
    return scales, height - pt.logsumexp(height)
