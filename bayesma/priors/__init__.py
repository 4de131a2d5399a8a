"""Prior distributions: parsing, density, quantiles, draws, PyMC variable, defaults per measure."""

from bayesma.priors.prior import Prior

__all__ = ["Prior"]
