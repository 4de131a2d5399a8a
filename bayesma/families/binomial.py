"""Family `binomial`: events in two arms, counted as they are, with no continuity correction.

logit p_ctrl,i = alpha_i, logit p_treat,i = alpha_i + delta_i (or alpha_i -+ delta_i / 2), with
delta_i ~ N(mu, tau^2).
The options are the models of Jackson, Law, Stijnen, Viechtbauer & White 2018, doi 10.1002/sim.7588: baselines
fixed (each with its own wide prior), random, random and correlated with the effects, or conditioned away
(non-central hypergeometric: Stijnen, Hamza & Oezdemir 2010, doi 10.1002/sim.4040).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import PriorError
from bayesma.evidence.counts import TwoArmCounts
from bayesma.families import binomial_likelihood as likelihood
from bayesma.families import effect_moderators as moderators
from bayesma.families.base import (
    LOG_LIKELIHOOD,
    Array,
    Arrays,
    Case,
    Family,
    Option,
    Options,
    Parameter,
    Priors,
    Silent,
    register,
)
from bayesma.families.binomial_likelihood import BASELINE, CODING, SHIFTS
from bayesma.families.effect_mixtures import Mixture, mixture
from bayesma.families.effect_moderators import MODERATORS
from bayesma.families.effects import (
    NU,
    RANDOM_EFFECTS,
    check_nu,
    common,
    moments_of,
    require_proper,
    same_for_all,
    shape_of,
    tau_of,
)
from bayesma.measures import MEASURES
from bayesma.priors import Prior
from bayesma.priors.defaults import default_priors

if TYPE_CHECKING:
    from bayesma.families.settings import Settings

MU = Parameter("mu", "hyper", meaning="mean log odds ratio over settings")
COMMON_MU = Parameter("mu", "hyper", meaning="the log odds ratio, common to all studies")
TAU = Parameter("tau", "hyper", lower=0.0, meaning="between-study standard deviation of the log odds ratio")
ALPHA_MEAN = Parameter("alpha_mean", "hyper", meaning="mean baseline logit over studies")
ALPHA_SD = Parameter("alpha_sd", "hyper", lower=0.0, meaning="between-study standard deviation of baselines")
RHO = Parameter("rho", "hyper", lower=-1.0, upper=1.0, meaning="correlation of baselines and effects")
DELTA = Parameter("delta", "effect", ("study",), meaning="log odds ratio in each study")
ALPHA = Parameter("alpha", "baseline", ("study",), meaning="baseline logit of each study")
FIXED_ALPHA = Parameter(
    "alpha", "baseline", ("study",), meaning="baseline logit of each study", has_prior=True
)
DELTA_NEW = Parameter("delta_new", "new", meaning="log odds ratio in a new study")
ALPHA_NEW = Parameter("alpha_new", "baseline_new", meaning="baseline logit of a new study")

# So wide that trials of unequal arms without an event make no direction: 60 of 0/200 v 0/100 beside three
# that favour neither arm give P(mu < 0) 0.694 under Normal(0, 10), 0.543 under (0, 40) and 0.517 here. A flat
# prior would be improper, and the conditional likelihood, which gives 0.500, has no baselines to ask for
# risks. It says nothing sensible of a risk: absolute risks take a baseline prior of their own.
BASELINE_PRIOR = Prior("Normal", (0.0, 100.0))
RANDOM_BASELINES: Priors = {
    "alpha_mean": Prior("Normal", (0.0, 100.0)),
    "alpha_sd": Prior("HalfNormal", (2.5,)),
    "rho": Prior("LKJ", (2.0,)),
}
# number of the model in Jackson et al. 2018; 1 is the conventional one of estimates and standard errors
JACKSON = {
    ("fixed", "control"): 2,
    ("random", "control"): 3,
    ("fixed", "midpoint"): 4,
    ("random", "midpoint"): 5,
    ("correlated", "control"): 6,
    ("correlated", "midpoint"): 6,
    ("conditional", "control"): 7,
    ("conditional", "midpoint"): 7,
}
ONE_TABLE = (
    "Given its margins only one table is possible for each: under the conditional likelihood they contribute "
    "nothing to mu and tau, exactly."
)
ON_THE_LINE = ("Normal", "StudentT", "Cauchy")


@register
class Binomial(Family[TwoArmCounts]):
    """Two-arm counts with exact likelihoods."""

    name: ClassVar[str] = "binomial"
    title: ClassVar[str] = "binomial-logit hierarchical model of two arms"
    evidence_type: ClassVar[type] = TwoArmCounts
    options: ClassVar[Mapping[str, Option]] = {
        BASELINE: Option(
            ("fixed", "random", "correlated", "conditional"),
            "fixed",
            "baselines: each its own, from a distribution, correlated with the effects, or conditioned away",
        ),
        CODING: Option(
            tuple(SHIFTS), "midpoint", "what the baseline is: midway between the arms, or the control arm"
        ),
        RANDOM_EFFECTS: Option(
            ("normal", "student_t", "none"), "normal", "distribution of study effects; 'none' is one effect"
        ),
        NU: Option((), 4.0, "degrees of freedom of Student-t effects"),
        **moderators.OPTIONS,
    }

    @property
    def observed(self) -> tuple[str, ...]:
        """The events."""
        return ("events_treat", "events_ctrl")

    def checked_options(self, given: Mapping[str, Any]) -> Options:
        """Options with defaults; `nu` only where effects are Student-t."""
        return check_nu(self.name, given, super().checked_options(given))

    def resolved(self, options: Options, evidence: TwoArmCounts) -> Options:
        """Checked options; moderators that the evidence cannot tell apart are reported."""
        moderators.check(evidence, options)
        return options

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Hyper-parameters, then effects and baselines of the studies and of a new one."""
        single, baseline = common(options), options[BASELINE]
        result = [COMMON_MU if single else MU]
        result += moderators.parameters(options)
        if not single:
            result.append(TAU)
        if baseline in {"random", "correlated"}:
            result += [ALPHA_MEAN, ALPHA_SD]
        if baseline == "correlated" and not single:
            result.append(RHO)
        if not single:
            result.append(DELTA)
        if baseline != "conditional":
            result.append(FIXED_ALPHA if baseline == "fixed" else ALPHA)
        if not single:
            result.append(DELTA_NEW)
        if baseline in {"random", "correlated"}:
            result.append(ALPHA_NEW)
        return tuple(result)

    def default_priors(self, evidence: TwoArmCounts, options: Options) -> Priors:
        """Those of the odds ratio for mu and tau; wide ones for baselines."""
        both = default_priors("OR", MEASURES["OR"].unit_sd, np.ones(1), None)
        _, width = likelihood.rough(self.arrays(evidence, options))
        every = both | RANDOM_BASELINES | {"alpha": BASELINE_PRIOR}
        every |= moderators.default_priors(evidence, options, width, **both)
        return {p.name: every[p.name] for p in self.with_priors(options)}

    def checked_priors(
        self, evidence: TwoArmCounts, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """As in the base class; all proper, and that of `alpha` a distribution on the whole line."""
        priors = super().checked_priors(evidence, given, options)
        require_proper(priors)
        alpha = priors.get("alpha")
        if alpha is not None and (alpha.distribution not in ON_THE_LINE or alpha.truncated):
            raise PriorError(
                f"prior {alpha} for alpha: baselines take {', '.join(ON_THE_LINE)}, untruncated; "
                "use a wide Normal, for example Normal(0, 100)"
            )
        return priors

    def arrays(self, evidence: TwoArmCounts, options: Options) -> Arrays:
        """The four counts, shapes (k,); moderators where asked, see `effect_moderators.arrays_of`."""
        names = ("events_treat", "n_treat", "events_ctrl", "n_ctrl")
        counts = {name: np.array(getattr(evidence, name), dtype=np.float64) for name in names}
        return counts | moderators.arrays_of(evidence, options)

    def coords(self, evidence: TwoArmCounts, options: Options) -> dict[str, NDArray[Any]]:
        """Labels of studies and moderators."""
        return {"study": evidence.study} | moderators.coords_of(evidence, options)

    def dims(self, array: str) -> tuple[str, ...]:
        """Studies, and moderators."""
        return moderators.DIMS.get(array, ("study",))

    def prior_scale(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Array | None:
        """That of coefficients under a horseshoe."""
        return moderators.prior_scale(parameter, draws, case.options)

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """Log odds ratios, half an event added to each cell of a table with a zero; none for double zeros."""
        return likelihood.crude(arrays)

    def moments_below(self, case: Case) -> dict[str, float]:
        """As `moments_of` says; a baseline has the moments of its prior where counts say nothing."""
        left, right = self._decays(case)
        result = moments_of(case, left, right, "delta", "delta_new")
        a, c = case.arrays["events_treat"], case.arrays["events_ctrl"]
        pooled, patients = a + c, case.arrays["n_treat"] + case.arrays["n_ctrl"]
        informed = bool(np.all((pooled > 0) & (pooled < patients)))
        tails = [
            case.priors[name].tail - 1.0
            for name in ("alpha", "alpha_mean", "alpha_sd")
            if name in case.priors
        ]
        baseline = min(tails, default=math.inf)
        if "beta" in case.priors:  # a direction in which no study speaks against is left to the priors
            given = moderators.tail(case.priors) - 1.0
            result |= {"beta": given} | {name: min(at, given) for name, at in result.items() if name != "tau"}
        every = result | {
            **moderators.moments_below(case.priors),
            "alpha_mean": case.priors["alpha_mean"].tail - 1.0 if "alpha_mean" in case.priors else math.inf,
            "alpha_sd": case.priors["alpha_sd"].tail - 1.0 if "alpha_sd" in case.priors else math.inf,
            "rho": math.inf,
            "alpha": math.inf if informed else baseline,
            "alpha_new": baseline,
        }
        return {p.name: every[p.name] for p in self.parameters(case.options)}

    def _decays(self, case: Case) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each study's likelihood vanishes as its effect goes to minus and to plus infinity."""
        a, c = case.arrays["events_treat"], case.arrays["events_ctrl"]
        b, d = case.arrays["n_treat"] - a, case.arrays["n_ctrl"] - c
        if case.options[BASELINE] == "conditional":
            total = a + c
            return a > np.maximum(0.0, total - (c + d)), a < np.minimum(a + b, total)
        if case.options[CODING] == "midpoint":
            return (a > 0) | (d > 0), (b > 0) | (c > 0)
        return a > 0, b > 0

    def model(self, case: Case) -> Any:
        """See `binomial_model`."""
        from bayesma.families.binomial_model import build

        return build(case)

    def model_data(self, case: Case) -> Arrays:
        """The counts; for a conditional model also the tables their margins allow."""
        from bayesma.families.binomial_model import data

        return data(case)

    def sampled(self, options: Options) -> tuple[str, ...]:
        """All but what belongs to a new study."""
        return tuple(p.name for p in self.parameters(options) if p.role in {"hyper", "effect", "baseline"})

    def sizes(self, case: Case) -> Hashable:
        """Number of studies, and how many tables the margins of the largest allow."""
        from bayesma.families.binomial_model import support

        k = case.arrays["events_treat"].size
        q = case.arrays[MODERATORS].shape[1] if MODERATORS in case.arrays else 0
        return (k, q, support(case.arrays)) if case.options[BASELINE] == "conditional" else (k, q)

    def silent(self, evidence: TwoArmCounts, options: Options) -> Silent | None:
        """Trials in which both arms had no event, or nothing but events."""
        mask = evidence.double_zero
        if not mask.any():
            return None
        names = ("study", "events_treat", "n_treat", "events_ctrl", "n_ctrl")
        rows = zip(*(getattr(evidence, name)[mask] for name in names), strict=True)
        return Silent(
            tuple(f"{study} ({a}/{n1} v {c}/{n2})" for study, a, n1, c, n2 in rows),
            mask,
            {**options, BASELINE: "conditional"},
            "conditional likelihood (baseline='conditional')",
            nothing=bool(mask.all()),
            separable=not options[MODERATORS],  # these are centred over the studies
            words=ONE_TABLE if options[BASELINE] == "conditional" else "",
        )

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Effects and baselines integrated out; conditional on the margins where the model is."""
        tau, shape = tau_of(draws), shape_of(case.options)
        means = moderators.means(draws, case.arrays)
        if case.options[BASELINE] in {"fixed", "conditional"}:
            if common(case.options):
                return same_for_all(likelihood.effect_likelihood(case), means, case.arrays["n_treat"].size)
            return likelihood.effect_table(case).log_marginal(means, tau, shape)
        from bayesma.families.paired_arms import log_marginal

        rho = draws.get("rho", np.zeros_like(tau))
        mean_sd = draws["alpha_mean"], draws["alpha_sd"], means, tau, rho
        control, treated = likelihood.arms(case)
        return log_marginal(control.packed, treated.packed, shape, SHIFTS[case.options[CODING]], *mean_sd)

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Effects and baselines given the hyper-parameters, where the draws lack them; a new study."""
        options = case.options
        made: Arrays = {}
        if "delta" not in draws and not common(options):
            given = moderators.means(draws, case.arrays), draws["tau"], shape_of(options)
            made["delta"], made[LOG_LIKELIHOOD] = likelihood.effect_table(case).draw(*given, rng)
        if "alpha" not in draws and options[BASELINE] == "fixed":
            effects = made.get("delta", moderators.means(draws, case.arrays))
            made["alpha"] = likelihood.draw_baselines(effects, case, rng)
        return made | self.new_study(draws, case, rng)

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """A new study's effect and, where baselines have a distribution, its baseline.

        Its moderators are at their mean over the studies.
        """
        size = draws["mu"].shape
        made: Arrays = {}
        deviate = np.zeros(size)
        if "alpha_mean" in draws:
            deviate = rng.standard_normal(size)
            made["alpha_new"] = draws["alpha_mean"] + draws["alpha_sd"] * deviate
        if not common(case.options):
            rho = draws.get("rho", np.zeros(size))
            effect = rho * deviate + np.sqrt(1.0 - rho**2) * shape_of(case.options).draw(size, rng)
            made["delta_new"] = draws["mu"] + draws["tau"] * effect
        return made

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """New events: the same patients, moderators and baselines (or margins), new effects."""
        k = case.arrays["events_treat"].size
        means = np.broadcast_to(moderators.means(draws, case.arrays), (draws["mu"].size, k))
        every = {name: np.repeat(draws[name], k) for name in _HYPER if name in draws}
        every["mu"] = means.reshape(-1)
        made = self.new_study(every, case, rng)
        shape = (draws["mu"].size, k)
        delta = made.get("delta_new", every["mu"]).reshape(shape)
        alpha = made["alpha_new"].reshape(shape) if "alpha_new" in made else draws.get("alpha")
        return likelihood.events(delta, alpha, case.arrays, case.options, rng)

    def simulate(
        self, parameters: Mapping[str, Any], design: TwoArmCounts, options: Options, rng: np.random.Generator
    ) -> TwoArmCounts:
        """Counts of the design's arms or margins; `alpha`, where fixed, one a study or one for all."""
        one = {name: np.full(design.k, float(parameters[name])) for name in _HYPER if name in parameters}
        arrays = self.arrays(design, options)
        if MODERATORS in arrays:
            one["mu"] = one["mu"] + arrays[MODERATORS] @ np.asarray(parameters["beta"], dtype=np.float64)
        made = self.new_study(one, Case(arrays, {}, options), rng)
        alpha = made.get("alpha_new", np.broadcast_to(parameters.get("alpha", 0.0), (design.k,)))
        events = likelihood.events(made.get("delta_new", one["mu"])[None], alpha[None], arrays, options, rng)
        return TwoArmCounts.from_counts(
            events["events_treat"][0],
            design.n_treat,
            events["events_ctrl"][0],
            design.n_ctrl,
            list(design.study),
            table=design.table,
        )

    def effects(self, draws: Mapping[str, Array], options: Options) -> Mixture | None:
        """Of log odds ratios."""
        return None if common(options) else mixture(options, draws)

    def settings(
        self, draws: Mapping[str, Array], case: Case, stated: Collection[str], rng: np.random.Generator
    ) -> Settings:
        """See `settings`."""
        from bayesma.families.settings import settings_of

        return settings_of(draws, case, stated, rng)

    def problem(self, case: Case) -> object:
        """See `binomial_integral`."""
        from bayesma.families.binomial_integral import problem_of

        return problem_of(case, self)


_HYPER = ("mu", "tau", "alpha_mean", "alpha_sd", "rho")
