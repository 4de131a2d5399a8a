"""Study parameters in PyMC models: sampled as standard deviations from where the data put them."""

from __future__ import annotations

from typing import Any

from bayesma.families.problems import is_normal_mixture
from bayesma.priors import Prior
from bayesma.priors.variables import variable


def standardised(name: str, size: int, mean: Any, sd: Any, tails: tuple[Any, Any] | None = None) -> Any:
    """A vector of study parameters ``mean + sd z``, sampled as z; its own density must be added.

    The Jacobian of the map is added here, so that the density is one of the parameter and not of z.

    Parameters
    ----------
    name, size
        Of the parameter.
    mean, sd
        Where the data put it, and how widely.
    tails
        Shapes (k,): by how much the unit grows far below and far above the mean, 0 where it does not. Data
        that bound a parameter on one side leave the other to its prior, which may be much wider: under
        ``mean + sd z - below softplus(-z) + above softplus(z)`` both sides are of length one in z.
    """
    import pymc as pm
    import pytensor.tensor as pt

    z = pm.Flat(f"{name}_standardised", shape=size)
    spread = sd * pt.ones(size)
    if tails is None:
        pm.Potential(f"{name}_jacobian", pt.log(spread))
        return pm.Deterministic(name, mean + spread * z)
    below, above = tails
    pm.Potential(f"{name}_jacobian", pt.log(spread + below * pt.sigmoid(-z) + above * pt.sigmoid(z)))
    return pm.Deterministic(name, mean + spread * z - below * pt.softplus(-z) + above * pt.softplus(z))


def effect_density(distribution: str, nu: float | None, effect: Any, centre: Any, scale: Any) -> Any:
    """Log density of study effects."""
    import numpy as np
    import pymc as pm

    if distribution == "student_t":
        return pm.logp(pm.StudentT.dist(nu=np.float64(nu), mu=centre, sigma=scale), effect)
    return pm.logp(pm.Normal.dist(centre, scale), effect)


def mean_variable(prior: Prior, estimate: Any, variance: Any) -> Any:
    """The mean of the effects, in units of its sd given the studies' approximate estimates and variances."""
    import pymc as pm

    likelihood = pm.math.sum(1 / variance), pm.math.sum(estimate / variance)
    return variable(prior, "mu", normal=likelihood if is_normal_mixture(prior) else None)
