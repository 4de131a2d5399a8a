"""What the quantities of a fit are called on a figure: effects of comparisons, proportions of single arms."""

from __future__ import annotations

from bayesma.families.base import Parameter
from bayesma.measures.base import Measure
from bayesma.posterior.provenance import Provenance

COMMON = "proportion, common to all studies"
MEDIAN, MEAN = "median proportion over settings", "mean proportion over settings"


def meaning_of(parameter: Parameter, origin: Provenance) -> str:
    """What a parameter means on the printed scale, in words, lower case."""
    if not is_location(parameter):
        return parameter.meaning or parameter.name
    if origin.measure.scale != "logit":  # what is printed is a ratio, so no word of its log
        meaning = parameter.meaning.replace(f"log {origin.measure.name}", "effect")
        return meaning.replace("effect", origin.measure.noun) or parameter.name
    if parameter.role == "new":
        return "proportion in a new study"
    if parameter.name != "mu":
        return MEAN
    roles = {p.role for p in origin.family.parameters(origin.options)}
    return MEDIAN if "new" in roles else COMMON


def is_location(parameter: Parameter) -> bool:
    """Whether a parameter is printed on the scale of the measure: the middle, or a new study's effect."""
    return parameter.name in {"mu", "mean"} or parameter.role == "new"


def noun(measure: Measure) -> str:
    """What a study shows: an effect, a change, or in a single arm a proportion."""
    return measure.noun
