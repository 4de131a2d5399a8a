"""Proportions with the event in single arms: median and mean over settings, a new and each study."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.errors import OptionError
from bayesma.families.effects import Average, RisksOverSettings
from bayesma.posterior.estimands import chains_of
from bayesma.posterior.marginals import Marginal, labels_of, marginal
from bayesma.posterior.nodes import JointNodes, effect_nodes, joint_nodes, nodes_of, row
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.spread import Law, Spread

Array = NDArray[np.float64]

COMMON, MEDIAN, MEAN = "proportion", "median proportion", "mean proportion"
NEW = "proportion in a new study"


def single_arm_risks(
    fit: xr.DataTree, origin: Provenance, *, studies: bool
) -> tuple[dict[str, Spread], dict[str, str]]:
    """The proportions by name, and what each name means."""
    chains = chains_of(fit)
    over = origin.family.risks(origin.options)
    if over is None:
        raise OptionError(
            f"predict: effects of family {origin.family.name!r} are no proportions; fit events in single "
            "arms, or log odds of events (measure PLO)"
        )
    if over.scale is None:
        return {COMMON: _follows(marginal(fit, over.location), chains)}, {
            COMMON: "expit(mu), one proportion for all settings"
        }
    joint, average = location_and_scale(fit, origin, over)
    other = {
        MEDIAN: lambda: over.median(joint.location, joint.scale),
        MEAN: lambda: over.mean(joint.location, joint.scale, average),
    }
    risks: dict[str, Spread] = {}
    for name, short in ((MEDIAN, "median"), (MEAN, "mean")):
        if over.follows == short:
            risks[name] = _follows(marginal(fit, over.location), chains, identity=short == "mean")
        else:
            risks[name] = _weighted(other[name](), joint.weight, None, joint.chains, joint.slice)
    meanings = dict(zip((MEDIAN, MEAN), over.meanings, strict=True))
    risks[NEW] = _follows(marginal(fit, "theta_new"), chains)
    meanings[NEW] = "expit(theta_new): the proportion in one new setting"
    if studies:
        each = marginal(fit, "theta")
        for i, label in enumerate(labels_of(fit, "study")):
            risks[f"{COMMON}[{label}]"] = _follows(row(each, i), chains)
        meanings[f"{COMMON}[study]"] = (
            "expit(theta): the proportion in each study, all studies taken together"
        )
    return risks, meanings


def location_and_scale(
    fit: xr.DataTree, origin: Provenance, over: RisksOverSettings
) -> tuple[JointNodes, Average]:
    """Posterior of what proportions over settings follow, and how to average over the effects of settings."""
    found = effect_nodes(fit, origin)
    if found is not None:
        return found[0], found[1].average
    assert over.scale is not None
    return joint_nodes(fit, over.location, over.scale), unchanged


def unchanged(function: Callable[[Array], Array], location: Array, scale: Array) -> Array:
    """The average over effects where there are none: settings differ in another way."""
    del scale
    return function(location)


def _follows(posterior: Marginal, chains: int, *, identity: bool = False) -> Spread:
    """A proportion that is a parameter, or follows its logit."""
    nodes = nodes_of(posterior)
    law = Law(posterior, (lambda value: value) if identity else _expit)
    return _weighted(law.transform(nodes.values), nodes.weight, law, chains)


def _weighted(
    values: Array, weight: Array, law: Law | None, chains: int, slices: NDArray[np.int64] | None = None
) -> Spread:
    """Nodes of one quantity."""
    one = np.zeros(values.size, dtype=np.int64)
    return Spread(values[:, None], weight[:, None], law, chains, one if slices is None else slices)


def _expit(logit: Array) -> Array:
    """From the logit to the proportion."""
    return np.asarray(expit(logit))
