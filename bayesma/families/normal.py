"""Family `normal`: estimates with known standard errors, normal between-study effects.

y_i ~ N(theta_i, se_i^2), theta_i ~ N(mu, tau^2). The study effects are integrated out before sampling
(y_i ~ N(mu, se_i^2 + tau^2)) and drawn afterwards from their exact conditional, which removes the funnel.
Hedges & Olkin 1985; Higgins, Thompson & Spiegelhalter 2009, doi 10.1111/j.1467-985X.2008.00552.x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import PriorError
from bayesma.evidence.effects import Effects
from bayesma.families.base import Array, Arrays, Case, Family, Option, Options, Parameter, Priors, register
from bayesma.families.problems import NORMAL_MIXTURES, GaussianProblem, NoIntegral, is_normal_mixture
from bayesma.measures import MEASURES
from bayesma.priors.defaults import default_priors

MU = Parameter("mu", "hyper", meaning="mean effect over settings")
COMMON_MU = Parameter("mu", "hyper", meaning="the effect, common to all studies")
TAU = Parameter("tau", "hyper", lower=0.0, meaning="between-study standard deviation")
THETA = Parameter("theta", "effect", ("study",), meaning="effect in each study")
THETA_NEW = Parameter("theta_new", "new", meaning="effect in a new study")

RANDOM_EFFECTS = "random_effects"


@register
class Normal(Family[Effects]):
    """Normal-normal hierarchical model, random-effects or common-effect."""

    name: ClassVar[str] = "normal"
    title: ClassVar[str] = "normal-normal hierarchical model"
    evidence_type: ClassVar[type] = Effects
    options: ClassVar[Mapping[str, Option]] = {
        RANDOM_EFFECTS: Option(
            ("normal", "none"), "normal", "distribution of study effects; 'none' is one common effect"
        )
    }

    @property
    def observed(self) -> tuple[str, ...]:
        """The estimates."""
        return ("y",)

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Only mu under a common effect; mu, tau, theta and theta_new otherwise."""
        return (COMMON_MU,) if _common(options) else (MU, TAU, THETA, THETA_NEW)

    def default_priors(self, evidence: Effects, options: Options) -> Priors:
        """Unit-information prior for mu, an eighth of its sd as tau's scale."""
        unit_sd = MEASURES[evidence.measure].unit_sd
        both = default_priors(evidence.measure, unit_sd, evidence.se, evidence.n)
        return {p.name: both[p.name] for p in self.hyper(options)}

    def arrays(self, evidence: Effects) -> Arrays:
        """`y` and `se`, shapes (k,)."""
        return {"y": np.array(evidence.y), "se": np.array(evidence.se)}

    def coords(self, evidence: Effects, options: Options) -> dict[str, NDArray[Any]]:
        """Study labels."""
        del options
        return {"study": evidence.study}

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """The estimates and standard errors themselves."""
        return arrays["y"], arrays["se"]

    def moments_below(self, case: Case) -> dict[str, float]:
        """The likelihood falls like tau^-(k - r), r = 1 under a flat mu, and tau's prior adds its own.

        mu far out needs tau far out (or its own prior's tail), so its exponent follows from tau's.
        """
        priors, k = case.priors, case.arrays["y"].size
        if _common(case.options):
            return {"mu": math.inf}
        flat = not priors["mu"].is_proper
        tau = k - float(flat) + priors["tau"].tail - 1.0
        if tau <= 0 and not (priors["tau"].is_proper and k >= flat):
            raise PriorError(
                f"the posterior is improper: k = {k}, mu ~ {priors['mu']} and tau ~ {priors['tau']} "
                "leave tau without an upper limit; give tau a proper prior"
            )
        mu_tail = 0.0 if flat else priors["mu"].tail
        mu = mu_tail + k + priors["tau"].tail - 2.0
        return {"mu": mu, "tau": tau, "theta": math.inf, "theta_new": min(mu, tau)}

    def model(self, case: Case) -> Any:
        """The marginal model: two parameters whatever the number of studies.

        Given tau, mu is normal with a known mean and sd (nearly, under a Student-t prior): it is sampled in
        that unit, which leaves no funnel where one study is far more precise than the others, and no scale to
        learn where the data's unit is far from 1.
        """
        import pymc as pm

        from bayesma.priors.variables import variable

        priors = case.priors
        with pm.Model() as model:
            y = pm.Data("y", case.arrays["y"])
            se = pm.Data("se", case.arrays["se"])
            variance = se**2
            if not _common(case.options):
                variance += variable(priors["tau"], "tau", lower=0.0) ** 2
            likelihood = pm.math.sum(1 / variance), pm.math.sum(y / variance)
            mu = variable(priors["mu"], "mu", normal=likelihood if is_normal_mixture(priors["mu"]) else None)
            pm.Normal("y_observed", mu=mu, sigma=pm.math.sqrt(variance), observed=y)
        return model

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Log density of each y_i given (mu, tau), theta integrated out."""
        variance = case.arrays["se"] ** 2 + _tau(draws)[:, None] ** 2
        return -0.5 * (
            np.log(2.0 * np.pi * variance) + (case.arrays["y"] - draws["mu"][:, None]) ** 2 / variance
        )

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Theta ~ N((1 - b) y + b mu, b tau^2) with b = se^2 / (se^2 + tau^2); theta_new ~ N(mu, tau^2)."""
        if _common(case.options):
            return {}
        mu, tau2 = draws["mu"][:, None], _tau(draws)[:, None] ** 2
        variance = case.arrays["se"] ** 2
        shrink = variance / (variance + tau2)
        theta = (1.0 - shrink) * case.arrays["y"] + shrink * mu
        theta += np.sqrt(shrink * tau2) * rng.standard_normal(theta.shape)
        return {"theta": theta, **self.new_study(draws, case, rng)}

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """theta_new ~ N(mu, tau^2)."""
        if _common(case.options):
            return {}
        return {"theta_new": draws["mu"] + draws["tau"] * rng.standard_normal(draws["mu"].shape)}

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """New y_i for new studies of the same precision: N(mu, se_i^2 + tau^2)."""
        sd = np.sqrt(case.arrays["se"] ** 2 + _tau(draws)[:, None] ** 2)
        return {"y": draws["mu"][:, None] + sd * rng.standard_normal(sd.shape)}

    def weights(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Inverse-variance weights 1 / (se_i^2 + tau^2), normalised."""
        precision = 1.0 / (case.arrays["se"] ** 2 + _tau(draws)[:, None] ** 2)
        return precision / precision.sum(axis=1, keepdims=True)

    def simulate(
        self, parameters: Mapping[str, float], design: Effects, options: Options, rng: np.random.Generator
    ) -> Effects:
        """Estimates with the design's standard errors around study effects drawn from N(mu, tau^2)."""
        tau = 0.0 if _common(options) else parameters["tau"]
        theta = parameters["mu"] + tau * rng.standard_normal(design.k)
        y = theta + design.se * rng.standard_normal(design.k)
        return Effects.from_estimates(y, design.se, list(design.study), design.measure, n=design.n)

    def problem(self, case: Case) -> GaussianProblem | NoIntegral:
        """The Gaussian integral, when mu's prior is a mixture of normals."""
        mu = case.priors["mu"]
        if not is_normal_mixture(mu):
            return NoIntegral(
                f"engine 'exact' integrates mu analytically and takes {', '.join(NORMAL_MIXTURES)} for it, "
                f"untruncated; got {mu}; use one of these, or engine='nuts'"
            )
        tau = None if _common(case.options) else case.priors["tau"]
        return GaussianProblem(case.arrays["y"], case.arrays["se"], mu, tau)


def _common(options: Options) -> bool:
    """Whether all studies share one effect."""
    return bool(options[RANDOM_EFFECTS] == "none")


def _tau(draws: Mapping[str, Array]) -> Array:
    """Draws of tau, zeros under a common effect."""
    return draws.get("tau", np.zeros_like(draws["mu"]))
