"""A vector in units that other parameters give, as a PyMC random variable."""

from __future__ import annotations

from typing import Any

from bayesma.priors.prior import Prior
from bayesma.priors.variables import data_of


def scaled(prior: Prior, name: str, scale: Any, precision: Any, weighted: Any, size: int) -> Any:
    """Add a vector to the PyMC model on the context stack, each element a deviate times its scale.

    Given the other parameters the vector is nearly normal, by its prior and a likelihood that is. It is
    sampled as the standardised deviations from that: no funnel where scales are small, no ridge where the
    data know the elements well.

    Parameters
    ----------
    prior
        Of the standardised elements: Normal, without bounds.
    name
        Name of the parameter.
    scale
        Of the elements, shape (size,).
    precision, weighted
        Of the likelihood: precision matrix (size, size), and that times its mean (size,).
    size
        Number of elements.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    class Standardised(Transform):
        """From a mean and a lower Cholesky factor of a precision, the last two of the variable's inputs."""

        name = "standardised"
        ndim_supp = 1

        def backward(self, value: Any, *inputs: Any) -> Any:
            return inputs[-2] + pt.linalg.solve_triangular(inputs[-1].T, value, lower=False)

        def forward(self, value: Any, *inputs: Any) -> Any:
            return pt.dot(inputs[-1].T, value - inputs[-2])

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            del value
            return -pt.sum(pt.log(pt.diagonal(inputs[-1])))

    def logp(value: Any, mean: Any, sd: Any, *_: Any) -> Any:
        return pt.sum(pm.logp(pm.Normal.dist(mean, sd), value))

    centre, unit = data_of(prior, name)
    mean, sd = centre * scale, unit * scale
    factor = pt.linalg.cholesky(precision + pt.diag(sd**-2), lower=True)
    there = pt.linalg.solve_triangular(factor, weighted + mean * sd**-2, lower=True)
    conditional = pt.linalg.solve_triangular(factor.T, there, lower=False)
    return pm.CustomDist(
        name,
        mean,
        sd,
        conditional,
        factor,
        logp=logp,
        signature="(q),(q),(q),(q,q)->(q)",
        shape=(size,),
        default_transform=Standardised(),
    )
