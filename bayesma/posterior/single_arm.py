"""Risks in single arms: median over settings, mean over settings, a new study, each study."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import betaincinv, expit

from bayesma.families.effects import common
from bayesma.posterior.estimands import averaged_risk, chains_of
from bayesma.posterior.marginals import Marginal, labels_of, marginal
from bayesma.posterior.nodes import effect_rule, joint_nodes, nodes_of, row
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.spread import Law, Spread

Array = NDArray[np.float64]

MEDIAN, MEAN, NEW, COMMON = "median risk", "mean risk", "risk in a new study", "risk"


def single_arm_risks(
    fit: xr.DataTree, origin: Provenance, *, studies: bool
) -> tuple[dict[str, Spread], dict[str, str]]:
    """The risks by name, and what each name means."""
    chains = chains_of(fit)
    risks: dict[str, Spread] = {}
    if origin.options.get("distribution") == "beta-binomial":
        joint = joint_nodes(fit, "mean", "kappa")
        a, b = joint.location * joint.scale, (1.0 - joint.location) * joint.scale
        risks[MEDIAN] = _weighted(betaincinv(a, b, 0.5), joint.weight, None, chains, joint.slice)
        risks[MEAN] = _follows(marginal(fit, "mean"), chains, identity=True)
        meanings = {
            MEDIAN: "the median of the Beta distribution of risks over settings",
            MEAN: "the mean of that distribution",
        }
    elif common(origin.options):
        risks[COMMON] = _follows(marginal(fit, "mu"), chains)
        meanings = {COMMON: "expit(mu), one risk for all settings"}
    else:
        joint = joint_nodes(fit, "mu", "tau")
        average = averaged_risk(joint.location, joint.scale, effect_rule(origin.options))
        risks[MEDIAN] = _follows(marginal(fit, "mu"), chains)
        risks[MEAN] = _weighted(average, joint.weight, None, chains, joint.slice)
        meanings = {
            MEDIAN: "expit(mu): half of all settings have a higher risk",
            MEAN: "E expit(theta_new): the risk averaged over settings",
        }
    if not common(origin.options):
        risks[NEW] = _follows(marginal(fit, "theta_new"), chains)
        meanings[NEW] = "expit(theta_new): the risk in one new setting"
        if studies:
            each = marginal(fit, "theta")
            for i, label in enumerate(labels_of(fit, "study")):
                risks[f"risk[{label}]"] = _follows(row(each, i), chains)
            meanings["risk[study]"] = "expit(theta): the risk in each study, all studies taken together"
    return risks, meanings


def _follows(posterior: Marginal, chains: int, *, identity: bool = False) -> Spread:
    """A risk that is a parameter, or follows its logit."""
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
    """From the logit to the risk."""
    return np.asarray(expit(logit))
