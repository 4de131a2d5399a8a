"""Statistical models, each written down once; importing this package fills the registry."""

from bayesma.families import binomial, longitudinal, normal, proportion, relapse
from bayesma.families.base import FAMILIES, family_of

__all__ = ["FAMILIES", "binomial", "family_of", "longitudinal", "normal", "proportion", "relapse"]
