"""Risks in both arms under each estimand: a typical setting, the average over settings, a new setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.tree import SAMPLE
from bayesma.families.binomial_likelihood import SHIFTS
from bayesma.families.effects import common
from bayesma.posterior.baseline import Baseline, ControlRisk
from bayesma.posterior.marginals import Marginal, marginal
from bayesma.posterior.nodes import (
    COARSE,
    FINE,
    JointNodes,
    Nodes,
    effect_rule,
    joint_nodes,
    nodes_of,
)
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.spread import Law, Spread

Array = NDArray[np.float64]
type Quantity = Callable[[Array, Array], Array]

LEAST = 1e-15
CONDITIONAL, MARGINAL, NEW = "conditional", "marginal", "new setting"
MEANINGS = {
    CONDITIONAL: "a setting with the typical effect: the {name} is exp(mu), its median over settings",
    MARGINAL: "the average over settings: the risk of the treated arm is averaged over the distribution of "
    "effects between settings, then compared",
    NEW: "one new setting, whose effect is drawn from the distribution between settings",
}


@dataclass(frozen=True, slots=True, eq=False)
class Risks:
    """Risks in both arms under one estimand.

    Attributes
    ----------
    control, treated
        Shapes that broadcast to (n, m): n nodes or draws of the parameters, m of the control risk.
    outer, inner
        Weights, shapes (n,) and (m,).
    law
        The treated risk where it follows one parameter and the control risk is one number.
    odds
        The odds ratio where it follows one parameter whatever the control risk.
    of_control
        The distribution of the control risk.
    chains
        Number of chains behind the n draws; 0 for nodes.
    slice
        Shape (n,), as in `JointNodes`.
    """

    control: Array
    treated: Array
    outer: Array
    inner: Array
    law: Law | None
    odds: Law | None
    of_control: Spread
    chains: int
    slice: NDArray[np.int64]

    def of(self, quantity: Quantity) -> Spread:
        """The distribution of a function of both risks that rises with the treated one."""
        shape = self.outer.size, self.inner.size
        values = np.broadcast_to(quantity(self.control, self.treated), shape)
        law = None
        if self.law is not None:
            treated, control = self.law.transform, self.control[0]
            law = Law(self.law.posterior, lambda effect: quantity(control, treated(effect)))
        return Spread(values, self.outer[:, None] * self.inner, law, self.chains, self.slice)

    def odds_ratio(self) -> Spread:
        """The distribution of the odds ratio."""

        def ratio(control: Array, treated: Array) -> Array:
            certain = 1.0 - LEAST  # a risk that rounds to 1 has no odds
            first, last = np.minimum(control, certain), np.minimum(treated, certain)
            return last / (1.0 - last) * ((1.0 - first) / first)

        spread = self.of(ratio)
        return spread if self.odds is None or self.chains else replace(spread, law=self.odds)


def two_arm_risks(fit: xr.DataTree, origin: Provenance, baseline: Baseline | None) -> dict[str, Risks]:
    """Risks under every estimand the fit has; under a common effect there is one.

    Parameters
    ----------
    fit, origin
        A fit of log odds ratios or log risk ratios.
    baseline
        The control risk, or None to take the model's own, which comes jointly with the effect.
    """
    if baseline is None:
        return _own_baselines(fit, origin)
    chains = chains_of(fit)
    on_log_scale = origin.measure.code == "RR"
    new = [p.name for p in origin.family.parameters(origin.options) if p.role == "new"]
    result = {
        CONDITIONAL: _one_parameter(marginal(fit, "mu"), baseline.typical, on_log_scale, chains),
    }
    if new:
        joint = joint_nodes(fit, "mu", "tau", FINE if baseline.typical.certain else COARSE)
        rule = effect_rule(origin.options)
        result[MARGINAL] = _averaged(joint, rule, baseline.typical, on_log_scale, chains)
        result[NEW] = _one_parameter(marginal(fit, new[0]), baseline.new, on_log_scale, chains)
    return result


def chains_of(fit: xr.DataTree) -> int:
    """Chains that Monte Carlo errors are computed from; none where the engine integrated."""
    return 0 if "exact" in fit.children else int(fit["posterior"].sizes["chain"])


def averaged_risk(logit: Array, scale: Array, rule: Nodes) -> Array:
    """Mean of expit(logit + scale z) over standardised effects z, shape of `logit`; `scale` broadcasts."""
    total = np.zeros(np.broadcast_shapes(logit.shape, scale.shape))
    for z, weight in zip(rule.values, rule.weight, strict=True):
        total += weight * expit(logit + scale * z)
    return total


def _one_parameter(posterior: Marginal, control: ControlRisk, on_log_scale: bool, chains: int) -> Risks:
    """The effect is one parameter of the fit."""
    effect = nodes_of(posterior)
    link = _ratio if on_log_scale else _odds
    logit, weight = control.logit.values, control.logit.weight
    return Risks(
        expit(logit)[None],
        link(logit[None], effect.values[:, None]),
        effect.weight,
        weight,
        Law(posterior, lambda value: link(logit, value)) if control.certain else None,
        None if on_log_scale else Law(posterior, np.exp),
        control.spread(),
        chains,
        np.zeros(effect.values.size, dtype=np.int64),
    )


def _averaged(joint: JointNodes, rule: Nodes, control: ControlRisk, on_log_scale: bool, chains: int) -> Risks:
    """The treated risk averaged over the effects of settings, given their mean and spread."""
    mu, tau = joint.location[:, None], joint.scale[:, None]
    logit = control.logit.values[None]
    if on_log_scale:
        treated = np.zeros((mu.size, logit.size))
        for z, weight in zip(rule.values, rule.weight, strict=True):
            treated += weight * _ratio(logit, mu + tau * z)
    else:
        treated = averaged_risk(logit + mu, tau, rule)
    return Risks(
        expit(logit),
        treated,
        joint.weight,
        control.logit.weight,
        None,
        None,
        control.spread(),
        chains,
        joint.slice,
    )


def _own_baselines(fit: xr.DataTree, origin: Provenance) -> dict[str, Risks]:
    """From draws of a model whose baselines have a distribution, with their correlation."""
    draws = fit["posterior"].dataset
    one = {str(n): v.transpose(*SAMPLE).values.reshape(-1) for n, v in draws.items() if v.ndim == 2}
    size, chains = one["mu"].size, chains_of(fit)
    to_control, to_treated = SHIFTS[origin.options["coding"]]
    weight, unordered = np.full(size, 1.0 / size), np.zeros(size, dtype=np.int64)

    def risks(control: Array, treated: Array) -> Risks:
        arms = control[:, None], treated[:, None]
        own = Spread(arms[0], weight[:, None], None, chains, unordered)
        return Risks(*arms, weight, np.ones(1), None, None, own, chains, unordered)

    def at(alpha: Array, delta: Array) -> Risks:
        return risks(expit(alpha + to_control * delta), expit(alpha + to_treated * delta))

    mean, mu = one["alpha_mean"], one["mu"]
    result = {CONDITIONAL: at(mean, mu)}
    if not common(origin.options):
        rule = effect_rule(origin.options)
        spread = one["tau"] * np.sqrt(1.0 - one.get("rho", np.zeros(size)) ** 2)
        both = (averaged_risk(mean + to * mu, abs(to) * spread, rule) for to in (to_control, to_treated))
        result[MARGINAL] = risks(*both)
        result[NEW] = at(one["alpha_new"], one["delta_new"])
    return result


def _odds(logit: Array, effect: Array) -> Array:
    """Treated risk from the control logit and a log odds ratio."""
    return np.asarray(expit(logit + effect))


def _ratio(logit: Array, effect: Array) -> Array:
    """Treated risk from the control logit and a log risk ratio, which cannot lift a risk above 1."""
    return np.exp(np.minimum(effect + np.log(expit(logit)), 0.0))
