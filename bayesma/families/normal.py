"""Family `normal`: estimates with known standard errors, and study effects around a mean.

y_i ~ N(theta_i, se_i^2), theta_i ~ N(mu + z_i' beta, tau^2), without moderators N(mu, tau^2); or Student-t,
or contaminated normal (see `effect_mixtures`). The study effects are integrated out before sampling
(y_i ~ N(mu, se_i^2 + tau^2)) and drawn afterwards from their exact conditional, which removes the funnel.
Hedges & Olkin 1985; Higgins, Thompson & Spiegelhalter 2009, doi 10.1111/j.1467-985X.2008.00552.x.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import PriorError
from bayesma.evidence.effects import Effects
from bayesma.families import effect_mixtures as mixtures
from bayesma.families import effect_moderators as moderators
from bayesma.families.base import (
    PRIOR,
    Array,
    Arrays,
    Case,
    Family,
    Option,
    Options,
    Parameter,
    Priors,
    register,
)
from bayesma.families.conditionals import Conditional
from bayesma.families.effect_mixtures import CONTAMINATION
from bayesma.families.effect_moderators import MODERATORS
from bayesma.families.effects import (
    NU,
    RisksOverSettings,
    common,
    linear_prior,
    logits,
    measure_priors,
    tau_of,
)
from bayesma.measures import MEASURES
from bayesma.priors import Prior

MU = Parameter("mu", "hyper", meaning="mean effect over settings")
COMMON_MU = Parameter("mu", "hyper", meaning="the effect, common to all studies")
TAU = Parameter("tau", "hyper", lower=0.0, meaning="between-study standard deviation")
SCALE = Parameter(
    "tau", "hyper", lower=0.0, meaning="between-study scale: the sd of studies but for outliers"
)
THETA = Parameter("theta", "effect", ("study",), meaning="effect in each study")
THETA_NEW = Parameter("theta_new", "new", meaning="effect in a new study")
# nu between 2 and 56 with 95 %: Juarez & Steel 2010, doi 10.1198/jbes.2010.07145; the share of outliers
# below 1 in 3 with 97 %
SHAPES: Priors = {NU: Prior("Gamma", (2.0, 0.1), lower=1.0), CONTAMINATION: Prior("Beta", (1.0, 9.0))}


@register
class Normal(Family[Effects]):
    """Normal-normal hierarchical model; random effects may be robust, or one common effect."""

    name: ClassVar[str] = "normal"
    title: ClassVar[str] = "normal-normal hierarchical model"
    evidence_type: ClassVar[type] = Effects
    options: ClassVar[Mapping[str, Option]] = {**mixtures.OPTIONS, **moderators.OPTIONS}

    @property
    def observed(self) -> tuple[str, ...]:
        """The estimates."""
        return ("y",)

    def checked_options(self, given: Mapping[str, Any]) -> Options:
        """Options with defaults; those of a distribution of effects only where it is the model's."""
        return mixtures.check(self.name, given, super().checked_options(given))

    def resolved(self, options: Options, evidence: Effects) -> Options:
        """Checked options; moderators that the evidence cannot tell apart are reported."""
        moderators.check(evidence, options)
        return options

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Only mu and beta under a common effect; else also tau, what shapes the effects, and these."""
        beta = moderators.parameters(options)
        if common(options):
            return (COMMON_MU, *beta)
        shape = mixtures.estimated(options)
        own = () if shape is None else (shape,)
        scale = SCALE if mixtures.has_outliers(options) else TAU
        return (MU, *beta, scale, *own, THETA, THETA_NEW)

    def default_priors(self, evidence: Effects, options: Options) -> Priors:
        """Those of the measure for mu and tau; beta as wide as tau allows."""
        measure = MEASURES[evidence.measure]
        both = measure_priors(measure, evidence.y, evidence.se, evidence.n)
        if options[MODERATORS] and moderators.read(evidence, options).labels.size > 1:
            both["mu"] = linear_prior(measure, both["mu"])
        every = both | SHAPES | moderators.default_priors(evidence, options, evidence.se, **both)
        return {p.name: every[p.name] for p in self.hyper(options)}

    def arrays(self, evidence: Effects, options: Options) -> Arrays:
        """`y` and `se`, shapes (k,); moderators where asked, see `effect_moderators.arrays_of`."""
        own = {"y": np.array(evidence.y), "se": np.array(evidence.se)}
        return own | moderators.arrays_of(evidence, options)

    def coords(self, evidence: Effects, options: Options) -> dict[str, NDArray[Any]]:
        """Labels of studies and moderators."""
        return {"study": evidence.study} | moderators.coords_of(evidence, options)

    def dims(self, array: str) -> tuple[str, ...]:
        """Studies, and moderators."""
        return moderators.DIMS.get(array, ("study",))

    def prior_scale(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Array | None:
        """That of coefficients under a horseshoe."""
        return moderators.prior_scale(parameter, draws, case.options)

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """The estimates and standard errors themselves."""
        return arrays["y"], arrays["se"]

    def moments_below(self, case: Case) -> dict[str, float]:
        """The likelihood falls like tau^-(k - r), r flat coefficients, and tau's prior adds its own.

        mu far out needs tau far out (or its own prior's tail), so its exponent follows from tau's; Student-t
        effects let it go alone, at the price of (nu + 1) a study.
        """
        priors, k = case.priors, case.arrays["y"].size
        q = case.arrays[MODERATORS].shape[1] if MODERATORS in case.arrays else 0
        flat = [int(not priors["mu"].is_proper), q * int("beta" in priors and not priors["beta"].is_proper)]
        if not moderators.identified(case):
            raise PriorError(self._improper(case, "the coefficients"))
        located = ("mu", "beta") if q else ("mu",)
        tails = {"mu": priors["mu"].tail, "beta": moderators.tail(priors) if q else math.inf}
        if common(case.options):
            return dict.fromkeys(located, math.inf) | moderators.moments_below(priors)
        tau = k - sum(flat) + priors["tau"].tail - 1.0
        if tau <= 0 and not priors["tau"].is_proper:
            raise PriorError(self._improper(case, "tau"))
        nu = self._least_df(case)
        result = {"tau": tau, "theta": math.inf}
        for name, own in zip(located, flat, strict=False):
            tail = tails[name] if priors[name].is_proper else 0.0
            others = sum(flat) - min(own, 1)
            alone = tail + k * (nu + 1.0) - 1.0 - others if math.isfinite(nu) else math.inf
            result[name] = min(tail + k + priors["tau"].tail - 2.0 - others, alone)
        shape = mixtures.estimated(case.options)
        if shape is not None:
            result[shape.name] = priors[shape.name].tail - 1.0
        result |= moderators.moments_below(priors)
        return result | {"theta_new": min(result["mu"], tau, nu)}

    def _least_df(self, case: Case) -> float:
        """Degrees of freedom the effects may have; infinite where they are mixtures of two normals."""
        nu = case.options.get(NU, math.inf)
        return case.priors[NU].support[0] if nu == PRIOR else float(nu)

    def _improper(self, case: Case, who: str) -> str:
        """What to say of a posterior without an integral; `who` needs a proper prior."""
        k, said = case.arrays["y"].size, ", ".join(f"{n} ~ {p}" for n, p in case.priors.items())
        return f"the posterior is improper: k = {k}, {said} leave a direction open; give {who} a proper prior"

    def model(self, case: Case) -> Any:
        """See `normal_model`."""
        from bayesma.families.normal_model import build

        return build(case)

    def model_data(self, case: Case) -> Arrays:
        """Estimates, standard errors and moderators; their centres and scales are for readers."""
        from bayesma.families.normal_model import data

        return data(case)

    def sizes(self, case: Case) -> Hashable:
        """The number of columns of moderators; that of studies can change."""
        return case.arrays[MODERATORS].shape[1] if MODERATORS in case.arrays else ()

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Log density of each y_i given the hyper-parameters, theta integrated out."""
        residual = case.arrays["y"] - moderators.means(draws, case.arrays)
        if mixtures.has_outliers(case.options):
            residual = np.ascontiguousarray(residual)
            return self._mixture(draws, case).log_marginal(residual, case.arrays["se"], draws["tau"])
        variance = case.arrays["se"] ** 2 + tau_of(draws)[:, None] ** 2
        return np.asarray(-0.5 * (np.log(2.0 * np.pi * variance) + residual**2 / variance))

    def _mixture(self, draws: Mapping[str, Array], case: Case) -> mixtures.Mixture:
        """The distribution of effects; remembered where all draws share it."""
        if mixtures.estimated(case.options) is not None:
            return mixtures.mixture(case.options, draws)
        if "mixture" not in case.memo:
            case.memo["mixture"] = mixtures.mixture(case.options, draws)
        return case.memo["mixture"]  # type: ignore[no-any-return]

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Theta ~ N((1 - b) y + b m, b v) with m its mean, v = tau^2 and b = se^2 / (se^2 + v); theta_new.

        Of other effects than normal, v is that of the component the study belongs to, drawn first.
        """
        if common(case.options):
            return {}
        y, se = case.arrays["y"], case.arrays["se"]
        mean = np.broadcast_to(moderators.means(draws, case.arrays), (draws["mu"].size, y.size))
        between = draws["tau"][:, None]
        if mixtures.has_outliers(case.options):
            residual = np.ascontiguousarray(y - mean)
            between = between * self._mixture(draws, case).chosen(residual, se, draws["tau"], rng)
        shrink = se**2 / (se**2 + between**2)
        theta = (1.0 - shrink) * y + shrink * mean
        theta = theta + np.sqrt(shrink) * between * rng.standard_normal(theta.shape)
        return {"theta": theta, **self.new_study(draws, case, rng)}

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """theta_new around mu, the mean at the moderators' centre."""
        if common(case.options):
            return {}
        effect = self._standardised(draws, case, (draws["mu"].size,), rng)
        return {"theta_new": draws["mu"] + draws["tau"] * effect}

    def _standardised(
        self, draws: Mapping[str, Array], case: Case, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Array:
        """Effects around their mean in units of tau."""
        if mixtures.has_outliers(case.options):
            return self._mixture(draws, case).draw(shape, rng)
        return rng.standard_normal(shape)

    def effects(self, draws: Mapping[str, Array], options: Options) -> mixtures.Mixture | None:
        """Of the effects, with a row for each draw where what shapes them has a prior."""
        return None if common(options) else mixtures.mixture(options, draws)

    def conditional(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Conditional | None:
        """Also of mu, given tau and the other coefficients, under normal effects and a normal prior."""
        prior = case.priors["mu"]
        if parameter.name != "mu" or mixtures.has_outliers(case.options):
            return super().conditional(parameter, draws, case)
        if prior.distribution != "Normal" or prior.truncated:
            return None
        residual = case.arrays["y"] - moderators.means(draws, case.arrays) + draws["mu"][:, None]
        precision = 1.0 / (case.arrays["se"] ** 2 + tau_of(draws)[:, None] ** 2)
        middle, sd = prior.arguments
        total = precision.sum(axis=1) + sd**-2.0
        mean = ((precision * residual).sum(axis=1) + middle * sd**-2.0) / total
        return Conditional(mean, total[:, None] ** -0.5, np.ones((1, 1)))

    def risks(self, options: Options) -> RisksOverSettings:
        """Of effects that are logits."""
        return logits(options)

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """New y_i for new studies of the same precision and moderators."""
        mean, se = moderators.means(draws, case.arrays), case.arrays["se"]
        size = (draws["mu"].size, se.size)
        if not mixtures.has_outliers(case.options):
            sd = np.sqrt(se**2 + tau_of(draws)[:, None] ** 2)
            return {"y": mean + sd * rng.standard_normal(size)}
        effect = draws["tau"][:, None] * self._standardised(draws, case, size, rng)
        return {"y": mean + effect + se * rng.standard_normal(size)}

    def weights(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Inverse-variance weights 1 / (se_i^2 + tau^2); by bends where effects are not normal."""
        if mixtures.has_outliers(case.options):
            return super().weights(draws, case)
        precision = 1.0 / (case.arrays["se"] ** 2 + tau_of(draws)[:, None] ** 2)
        return np.asarray(precision / precision.sum(axis=1, keepdims=True))

    def simulate(
        self, parameters: Mapping[str, Any], design: Effects, options: Options, rng: np.random.Generator
    ) -> Effects:
        """Estimates with the design's standard errors and moderators around study effects of the model."""
        draws = {name: np.asarray(value, dtype=np.float64)[None] for name, value in parameters.items()}
        case = Case(self.arrays(design, options), {}, options)
        theta = np.broadcast_to(moderators.means(draws, case.arrays), (1, design.k))[0]
        if not common(options):
            theta = theta + draws["tau"] * self._standardised(draws, case, (1, design.k), rng)[0]
        y = theta + design.se * rng.standard_normal(design.k)
        names = list(design.study)
        return Effects.computed(y, design.se, names, design.measure, n=design.n, table=design.table)

    def problem(self, case: Case) -> object:
        """See `normal_integral`."""
        from bayesma.families.normal_integral import problem_of

        return problem_of(case, self)
