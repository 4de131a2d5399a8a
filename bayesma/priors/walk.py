"""A random walk as a PyMC random variable: its first value has a prior, its steps are normal."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesma.priors.prior import Prior
from bayesma.priors.variables import data_of, density

LEAST = 1e-9  # sd of steps that sums of floats still resolve; a chain below it would never come back


def random_walk(prior: Prior, name: str, sd: Any, size: int) -> Any:
    """Add a random walk to the PyMC model on the context stack, sampled as standardised steps.

    Parameters
    ----------
    prior
        Of the first value: Normal, StudentT or Cauchy without bounds.
    name
        Name of the parameter.
    sd
        Of the steps.
    size
        Number of values.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    def logp(value: Any, *inputs: Any) -> Any:
        first = density(prior, inputs[:-1], value[:1])
        steps = pm.logp(pm.Normal.dist(value[:-1], inputs[-1]), value[1:])
        return pt.concatenate([first, steps])

    class Steps(Transform):
        name = "steps"
        ndim_supp = 0

        def backward(self, value: Any, *inputs: Any) -> Any:
            centre, scale, sigma = inputs[-3:]
            return pt.cumsum(pt.concatenate([centre + scale * value[:1], sigma * value[1:]]))

        def forward(self, value: Any, *inputs: Any) -> Any:
            centre, scale, sigma = inputs[-3:]
            return pt.concatenate([(value[:1] - centre) / scale, (value[1:] - value[:-1]) / sigma])

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            scale, sigma = inputs[-2:]
            return pt.concatenate([pt.log(scale) * pt.ones(1), pt.log(sigma) * pt.ones(size - 1)])

    numbers = (*data_of(prior, name), sd + np.float64(LEAST))
    return pm.CustomDist(name, *numbers, logp=logp, shape=(size,), default_transform=Steps())
