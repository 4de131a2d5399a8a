"""Effect sizes: how the numbers of a study become an estimate with a variance. One file per kind of data."""

from bayesma.measures import binary, continuous, given, single_arm
from bayesma.measures.base import MEASURES, Measure
from bayesma.measures.effect_sizes import effect_sizes
from bayesma.measures.listing import list_measures

__all__ = [
    "MEASURES",
    "Measure",
    "binary",
    "continuous",
    "effect_sizes",
    "given",
    "list_measures",
    "single_arm",
]
