"""Risks in both arms under each estimand: in a typical setting, standardised over settings, in a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.families.settings import Settings, analysed
from bayesma.posterior.baseline import Baseline, ControlRisk
from bayesma.posterior.marginals import Marginal, marginal
from bayesma.posterior.nodes import COARSE, FINE, EffectRule, JointNodes, effect_nodes, nodes_of
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.spread import Law, Spread

Array = NDArray[np.float64]
type Quantity = Callable[[Array, Array], Array]

LEAST = 1e-15
TYPICAL, STANDARDISED, NEW = "typical setting", "standardised", "new setting"
ANALYSED = {
    TYPICAL: "a setting with baseline and effect at the middle: the baseline is {middle}, and the {name} is "
    "exp(mu), its median over settings",
    STANDARDISED: "the average over {settings}: both risks are averaged over baselines and effects, each "
    "setting with its own, then compared",
    NEW: "one new setting, whose baseline and effect are drawn from their distributions between settings",
}
OUTSIDE = {
    TYPICAL: "a setting with the baseline given and the effect at the middle: the {name} is exp(mu), its "
    "median over settings",
    STANDARDISED: "the average over settings that all have the baseline given: the treated risk is averaged "
    "over the distribution of effects between settings, then compared",
    NEW: "one new setting with the baseline given and an effect from the distribution between settings",
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
    sign
        The effect of which the risk difference has the sign, where there is one.
    ceiling
        Probability that the effect would lift the risk above 1, where it is cut off.
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
    sign: Marginal | None = None
    ceiling: float = 0.0

    def of(self, quantity: Quantity, *, difference: bool = False) -> Spread:
        """The distribution of a function of both risks that rises with the treated one.

        `difference` says that its sign is that of the risk difference.
        """
        shape = self.outer.size, self.inner.size
        values = np.broadcast_to(quantity(self.control, self.treated), shape)
        law = None
        if self.law is not None:
            treated, control = self.law.transform, self.control[0]
            law = Law(self.law.posterior, lambda effect: quantity(control, treated(effect)))
        sign = self.sign if difference else None
        return Spread(values, self.outer[:, None] * self.inner, law, self.chains, self.slice, sign)

    def odds_ratio(self) -> Spread:
        """The distribution of the odds ratio."""

        def ratio(control: Array, treated: Array) -> Array:
            certain = 1.0 - LEAST  # a risk that rounds to 1 has no odds
            first, last = np.minimum(control, certain), np.minimum(treated, certain)
            return last / (1.0 - last) * ((1.0 - first) / first)

        spread = self.of(ratio)
        return spread if self.odds is None else replace(spread, law=self.odds)


@dataclass(frozen=True, slots=True, eq=False)
class Estimands:
    """Risks under each estimand, what each means, and why one is missing.

    Attributes
    ----------
    risks, meanings
        By estimand.
    refused
        Sentences by estimand that the fit has not.
    """

    risks: dict[str, Risks]
    meanings: dict[str, str]
    refused: dict[str, str]


def two_arm_risks(fit: xr.DataTree, origin: Provenance, baseline: Baseline | Settings) -> Estimands:
    """Risks under every estimand the fit has.

    Parameters
    ----------
    fit, origin
        A fit of log odds ratios or log risk ratios.
    baseline
        The control risk, or the settings of the analysis, which come jointly with the effect.
    """
    if isinstance(baseline, Settings):
        return _of_settings(fit, origin, baseline)
    chains = chains_of(fit)
    on_log_scale, control = origin.measure.code == "RR", baseline.risk
    new = [p.name for p in origin.family.parameters(origin.options) if p.role == "new"]
    risks = {TYPICAL: _one_parameter(marginal(fit, "mu"), control, on_log_scale, chains)}
    found = effect_nodes(fit, origin, FINE if control.certain else COARSE, control.logit.values.size)
    refused = {}
    if found is not None:
        risks[STANDARDISED] = _averaged(*found, control, on_log_scale)
        risks[NEW] = _one_parameter(marginal(fit, new[0]), control, on_log_scale, chains)
    else:
        alike = "under a common effect all settings with one baseline are alike: ask for 'typical setting'"
        refused = {STANDARDISED: alike, NEW: alike}
    meanings = {name: OUTSIDE[name].format(name=origin.measure.name) for name in risks}
    return Estimands(risks, meanings, refused)


def chains_of(fit: xr.DataTree) -> int:
    """Chains that Monte Carlo errors are computed from; none where the engine integrated."""
    return 0 if "exact" in fit.children else int(fit["posterior"].sizes["chain"])


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
        posterior,
        _ceiling(posterior, control) if on_log_scale else 0.0,
    )


def _ceiling(posterior: Marginal, control: ControlRisk) -> float:
    """Probability that a log risk ratio would lift the control risk above 1."""
    most = -np.log(expit(control.logit.values))
    beyond = [posterior.probability(float(one), above=True)[0] for one in most]
    return float(np.array(beyond) @ control.logit.weight)


def _averaged(joint: JointNodes, rule: EffectRule, control: ControlRisk, on_log_scale: bool) -> Risks:
    """The treated risk averaged over the effects of settings, given their mean and spread."""
    mu, tau = joint.location[:, None], joint.scale[:, None]
    logit = control.logit.values[None]
    if on_log_scale:
        treated = rule.average(lambda effect: _ratio(logit, effect), mu + 0.0 * logit, tau)
    else:
        treated = rule.average(expit, logit + mu, tau)
    return Risks(
        expit(logit),
        treated,
        joint.weight,
        control.logit.weight,
        None,
        None,
        control.spread(),
        joint.chains,
        joint.slice,
    )


def _of_settings(fit: xr.DataTree, origin: Provenance, settings: Settings) -> Estimands:
    """From draws of baselines and effects together."""
    chains = int(fit["posterior"].sizes["chain"])
    effect = marginal(fit, "mu")
    has_effects = any(p.role == "new" for p in origin.family.parameters(origin.options))

    def risks(arms: tuple[Array, Array], sign: Marginal | None, odds: Law | None) -> Risks:
        control, treated = arms
        size, several = control.shape
        outer, inner = np.full(size, 1.0 / size), np.full(several, 1.0 / several)
        unordered = np.zeros(size, dtype=np.int64)
        own = Spread(control, outer[:, None] * inner, None, chains, unordered)
        return Risks(control, treated, outer, inner, None, odds, own, chains, unordered, sign)

    over = settings.control.mean(axis=-1), settings.treated.mean(axis=-1)
    found = {
        TYPICAL: risks(settings.typical, effect, Law(effect, np.exp)),
        STANDARDISED: risks(over, None if has_effects else effect, None),
    }
    if settings.new is not None:
        found[NEW] = risks(settings.new, None, None)
    several = analysed(settings.control.shape[-1])
    words = {"name": origin.measure.name, "middle": settings.middle, "settings": several}
    meanings = {name: ANALYSED[name].format(**words) for name in found}
    return Estimands(found, meanings, {NEW: settings.refused} if settings.refused else {})


def _odds(logit: Array, effect: Array) -> Array:
    """Treated risk from the control logit and a log odds ratio."""
    return np.asarray(expit(logit + effect))


def _ratio(logit: Array, effect: Array) -> Array:
    """Treated risk from the control logit and a log risk ratio, which cannot lift a risk above 1."""
    return np.exp(np.minimum(effect + np.log(expit(logit)), 0.0))
