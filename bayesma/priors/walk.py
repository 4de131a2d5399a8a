"""A random walk: the log of its average has a prior, its steps are normal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayesma.priors.prior import Prior
from bayesma.priors.variables import data_of, density

type Array = NDArray[np.float64]

LEAST = 1e-9  # sd of steps that sums of floats still resolve; a chain below it would never come back


def log_average(walk: Array, lengths: Array) -> Array:
    """Log of the average of exp(walk) over periods of these lengths, (..., periods) to (...,)."""
    return np.asarray(logsumexp(walk, axis=-1, b=lengths / lengths.sum()))


def with_level(level: Array, steps: Array, lengths: Array) -> Array:
    """The walk with this log average intensity and these steps, (...,) and (..., periods - 1).

    h_j = level + c_j - log(sum L_j exp(c_j) / sum L_j), c_j the sum of the steps up to period j:
    a bijection of h whose Jacobian is 1, so that the average over all periods says nothing of the steps.
    """
    path = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    return np.asarray(path + (level - log_average(path, lengths))[..., None])


def random_walk(prior: Prior, name: str, sd: Any, lengths: Array) -> Any:
    """Add a random walk to the PyMC model on the context stack, sampled as standardised level and steps.

    Parameters
    ----------
    prior
        Of its level, the log of the average of exp(walk) over all periods: Normal, StudentT or Cauchy without
        bounds.
    name
        Name of the parameter.
    sd
        Of the steps.
    lengths
        Of the periods, shape (periods,).
    """
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    size, log_share = lengths.size, np.log(lengths / lengths.sum())

    def level_of(value: Any) -> Any:
        return pt.logsumexp(value + log_share, axis=0, keepdims=True)

    def logp(value: Any, *inputs: Any) -> Any:
        level = density(prior, inputs[:-1], level_of(value))
        steps = pm.logp(pm.Normal.dist(value[:-1], inputs[-1]), value[1:])
        return pt.concatenate([level, steps])

    class Steps(Transform):
        name = "steps"
        ndim_supp = 0

        def backward(self, value: Any, *inputs: Any) -> Any:
            centre, scale, sigma = inputs[-3:]
            path = pt.cumsum(pt.concatenate([pt.zeros(1), sigma * value[1:]]))
            return path + (centre + scale * value[:1] - level_of(path))

        def forward(self, value: Any, *inputs: Any) -> Any:
            centre, scale, sigma = inputs[-3:]
            return pt.concatenate([(level_of(value) - centre) / scale, (value[1:] - value[:-1]) / sigma])

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            scale, sigma = inputs[-2:]
            return pt.concatenate([pt.log(scale) * pt.ones(1), pt.log(sigma) * pt.ones(size - 1)])

    numbers = (*data_of(prior, name), sd + np.float64(LEAST))
    return pm.CustomDist(name, *numbers, logp=logp, shape=(size,), default_transform=Steps())
