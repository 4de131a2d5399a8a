"""Family `proportion`: events in single arms (response, remission, survival), counted as they are.

Logit-normal: logit p_i = theta_i ~ N(mu, tau^2) (Hamza, van Houwelingen & Stijnen 2008, doi
10.1016/j.jclinepi.2007.03.016); with several centres of a study a level more,
theta_ij ~ N(theta_i, tau_centre^2).
Beta-binomial: p_i ~ Beta(mean kappa, (1 - mean) kappa) (Young-Xu & Chan 2008, doi 10.1186/1471-2288-8-14).
The median proportion over settings is expit(mu), the mean proportion E expit(theta_new): both are reported,
by name.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, betaln, expit, log_expit

from bayesma.errors import OptionError
from bayesma.evidence.counts import ArmCounts
from bayesma.families import count_kernels as kernels
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
from bayesma.families.effect_mixtures import Mixture, mixture
from bayesma.families.effects import (
    NU,
    RANDOM_EFFECTS,
    RisksOverSettings,
    check_nu,
    common,
    logits,
    moments_of,
    require_proper,
    same_for_all,
    shape_of,
    tau_of,
)
from bayesma.families.problems import (
    ConditionalEffects,
    LocationScaleEffects,
    NoIntegral,
    TwoParameterProblem,
)
from bayesma.numerics.binomials import binomials
from bayesma.numerics.effect_table import EffectTable
from bayesma.priors import Prior
from bayesma.priors.defaults import SINGLE_ARMS

MU = Parameter("mu", "hyper", meaning="mean logit over settings; expit(mu) is the median proportion")
COMMON_MU = Parameter("mu", "hyper", meaning="the logit, common to all studies")
TAU = Parameter("tau", "hyper", lower=0.0, meaning="between-study standard deviation of the logit")
TAU_CENTRE = Parameter(
    "tau_centre", "hyper", lower=0.0, meaning="standard deviation of the logit between centres of a study"
)
MEAN = Parameter("mean", "hyper", lower=0.0, upper=1.0, meaning="mean proportion over settings")
KAPPA = Parameter("kappa", "hyper", lower=0.0, meaning="precision of the Beta distribution of proportions")
THETA = Parameter("theta", "effect", ("study",), meaning="logit in each study")
THETA_CENTRE = Parameter("theta_centre", "baseline", ("arm",), meaning="logit in each centre")
THETA_NEW = Parameter("theta_new", "new", meaning="logit in a new study")

DISTRIBUTION, CENTRES = "distribution", "centres"
BETA = "beta-binomial"
SMALLEST_SHAPE = 1e-300  # of a Beta distribution that still has quantiles
DEFAULTS: Priors = {
    **SINGLE_ARMS,
    "tau_centre": Prior("HalfNormal", (0.5,)),
    "mean": Prior("Beta", (1.0, 1.0)),
    "kappa": Prior("Gamma", (2.0, 0.1)),
}


@register
class Proportion(Family[ArmCounts]):
    """Single-arm counts with exact likelihoods."""

    name: ClassVar[str] = "proportion"
    title: ClassVar[str] = "hierarchical model of proportions"
    evidence_type: ClassVar[type] = ArmCounts
    options: ClassVar[Mapping[str, Option]] = {
        DISTRIBUTION: Option(
            ("logit-normal", BETA), "logit-normal", "distribution of proportions over studies"
        ),
        RANDOM_EFFECTS: Option(
            ("normal", "student_t", "none"),
            "normal",
            "distribution of study logits; 'none' is one proportion for all",
        ),
        NU: Option((), 4.0, "degrees of freedom of Student-t effects"),
        CENTRES: Option(
            ("auto", "none", "random"), "auto", "a level of centres within studies; 'auto' follows the data"
        ),
    }

    @property
    def observed(self) -> tuple[str, ...]:
        """The events."""
        return ("events",)

    def checked_options(self, given: Mapping[str, Any]) -> Options:
        """Options with defaults; a beta-binomial model has no others."""
        checked = check_nu(self.name, given, super().checked_options(given))
        if checked[DISTRIBUTION] == BETA:
            for name, allowed in ((RANDOM_EFFECTS, {"normal"}), (CENTRES, {"auto", "none"})):
                if checked[name] not in allowed:
                    raise OptionError(
                        f"option {name} = {checked[name]!r} goes with distribution='logit-normal', "
                        "not with 'beta-binomial'; leave it out"
                    )
        return checked

    def resolved(self, options: Options, evidence: ArmCounts) -> Options:
        """Centres are a level of their own where the data name them."""
        named = evidence.centre is not None
        wanted = options[CENTRES]
        if named and (wanted == "none" or options[DISTRIBUTION] == BETA):
            raise OptionError(
                "the counts name centres, and this model has no level for them; add up each study's counts, "
                "or leave out centres='none' and distribution='beta-binomial'"
            )
        if wanted == "random" and not named:
            raise OptionError("centres='random' needs counts with centres; name the column with centre=")
        if named and options[RANDOM_EFFECTS] != "normal":
            raise OptionError(
                f"with centres the study effects are normal; random_effects is {options[RANDOM_EFFECTS]!r}"
            )
        return options | {CENTRES: "random" if named else "none"}

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Hyper-parameters, then study and centre logits, then a new study's."""
        if options[DISTRIBUTION] == BETA:
            return (MEAN, KAPPA, THETA, THETA_NEW)
        if common(options):
            return (COMMON_MU,)
        if options[CENTRES] == "random":
            return (MU, TAU, TAU_CENTRE, THETA, THETA_CENTRE, THETA_NEW)
        return (MU, TAU, THETA, THETA_NEW)

    def default_priors(self, evidence: ArmCounts, options: Options) -> Priors:
        """Weak on the scale of the logit; see `DEFAULTS`."""
        return {p.name: DEFAULTS[p.name] for p in self.hyper(options)}

    def checked_priors(
        self, evidence: ArmCounts, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """As in the base class, and all proper."""
        priors = super().checked_priors(evidence, given, options)
        require_proper(priors)
        return priors

    def arrays(self, evidence: ArmCounts, options: Options) -> Arrays:
        """`events`, `n` and the number of each arm's study, shapes (a,)."""
        del options
        return {
            "events": np.array(evidence.events, dtype=np.float64),
            "n": np.array(evidence.n, dtype=np.float64),
            "cluster": np.array(evidence.cluster, dtype=np.float64),
        }

    def coords(self, evidence: ArmCounts, options: Options) -> dict[str, NDArray[Any]]:
        """Labels of studies and of their arms."""
        del options
        return {"study": evidence.studies, "arm": evidence.label}

    def dims(self, array: str) -> tuple[str, ...]:
        """Everything is counted by arm."""
        del array
        return ("arm",)

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """Logits of each study's proportion, half an event added to both cells where one is zero."""
        events, n = _by_study(arrays["events"], arrays), _by_study(arrays["n"], arrays)
        half = 0.5 * ((events == 0) | (events == n))
        yes, no = events + half, n - events + half
        return np.log(yes / no), np.sqrt(1.0 / yes + 1.0 / no)

    def moments_below(self, case: Case) -> dict[str, float]:
        """As `moments_of` says for effects; the proportions of a beta-binomial model are bounded."""
        options, priors = case.options, case.priors
        if options[DISTRIBUTION] == BETA:
            below = {
                "mean": math.inf,
                "kappa": priors["kappa"].tail - 1.0,
                "theta": math.inf,
                "theta_new": math.inf,
            }
            return below
        events, n = (_by_study(case.arrays[name], case.arrays) for name in ("events", "n"))
        result = moments_of(case, events > 0, events < n, "theta", "theta_new")
        if options[CENTRES] == "random":
            centre = priors["tau_centre"].tail - 1.0
            result |= {"tau_centre": centre, "theta_centre": min(result["theta"], centre)}
        return {p.name: result[p.name] for p in self.parameters(options)}

    def model(self, case: Case) -> Any:
        """See `proportion_model`."""
        from bayesma.families.proportion_model import build

        return build(case)

    def model_data(self, case: Case) -> Arrays:
        """The counts and what follows from them."""
        from bayesma.families.proportion_model import data

        return data(case)

    def sampled(self, options: Options) -> tuple[str, ...]:
        """Study logits too, but for the beta-binomial, where they are integrated out."""
        hyper = tuple(p.name for p in self.hyper(options))
        if options[DISTRIBUTION] == BETA or common(options):
            return hyper
        return (*hyper, "theta", "theta_centre") if options[CENTRES] == "random" else (*hyper, "theta")

    def sizes(self, case: Case) -> Hashable:
        """Numbers of studies and arms, where the model holds their logits."""
        if len(self.sampled(case.options)) == len(self.hyper(case.options)):
            return ()
        return int(case.arrays["cluster"].max()) + 1, case.arrays["n"].size

    def silent(self, evidence: ArmCounts, options: Options) -> Silent | None:
        """Arms without events, or with nothing but events: they count in full."""
        none, all_ = evidence.events == 0, evidence.events == evidence.n
        if not np.any(none | all_):
            return None
        bounds = [
            words
            for words, here in (
                ("no event: the larger the arm, the lower the proportion it still allows", none),
                ("only events: the larger the arm, the higher the proportion it asks for", all_),
            )
            if np.any(here)
        ]
        rows = zip(evidence.label, evidence.events, evidence.n, none | all_, strict=True)
        return Silent(
            tuple(f"{label} ({e}/{n})" for label, e, n, here in rows if here),
            none | all_,
            options,
            words=f"They count in full ({'; '.join(bounds)}).",
        )

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Study and centre logits integrated out."""
        if case.options[DISTRIBUTION] == BETA:
            choose = kernels.log_choose(case.arrays["n"], case.arrays["events"])
            return choose + _beta_binomial(draws["mean"], draws["kappa"], case.arrays)
        if case.options[CENTRES] == "random":
            from bayesma.families.centres import log_marginal

            numbers = [draws[name] for name in ("mu", "tau", "tau_centre")]
            return log_marginal(self.table(case).packed, case.arrays, *numbers)
        return self._arm_likelihood(case, draws["mu"], tau_of(draws))

    def _arm_likelihood(self, case: Case, mu: Array, tau: Array) -> Array:
        """Log likelihood of each arm: (s,) to (s, k)."""
        if common(case.options):
            return self._at_one_logit(case, mu)
        return self.table(case).log_marginal(mu, tau, shape_of(case.options))

    def _at_one_logit(self, case: Case, mu: Array) -> Array:
        """Log likelihood of each arm, at a logit common to all."""
        events, n = case.arrays["events"], case.arrays["n"]
        without = same_for_all(lambda logit: kernels.binomial(logit, events, n), mu, n.size)
        return kernels.log_choose(n, events) + without

    def table(self, case: Case) -> EffectTable:
        """Likelihood of each arm in its logit."""
        if "table" not in case.memo:
            case.memo["table"] = kernels.arm_table(case.arrays["events"], case.arrays["n"])
        table: EffectTable = case.memo["table"]
        return table

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Study logits where the draws lack them, and a new study's."""
        made: Arrays = {}
        if case.options[DISTRIBUTION] == BETA:
            a, b = _shapes(draws["mean"], draws["kappa"])
            events, n = case.arrays["events"], case.arrays["n"]
            made["theta"] = _logit_beta(a[:, None] + events, b[:, None] + n - events, rng)
        elif "theta" not in draws and not common(case.options):
            given = draws["mu"], draws["tau"], shape_of(case.options)
            made["theta"], made[LOG_LIKELIHOOD] = self.table(case).draw(*given, rng)
        return made | self.new_study(draws, case, rng)

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """The logit in a new study."""
        options = case.options
        if options[DISTRIBUTION] == BETA:
            return {"theta_new": _logit_beta(*_shapes(draws["mean"], draws["kappa"]), rng)}
        if common(options):
            return {}
        size = draws["mu"].shape
        return {"theta_new": draws["mu"] + draws["tau"] * shape_of(options).draw(size, rng)}

    def effects(self, draws: Mapping[str, Array], options: Options) -> Mixture | None:
        """Of the logits; the proportions of a beta-binomial model have another distribution."""
        if common(options) or options[DISTRIBUTION] == BETA:
            return None
        return mixture(options, draws)

    def risks(self, options: Options) -> RisksOverSettings:
        """Logit-normal proportions, or Beta ones."""
        return BETA_RISKS if options[DISTRIBUTION] == BETA else logits(options)

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """New events: the same patients, a new logit in every study and centre."""
        cluster = case.arrays["cluster"].astype(np.int64)
        k = int(cluster.max()) + 1
        hyper = {p.name: np.repeat(draws[p.name], k) for p in self.hyper(case.options)}
        made = self.new_study(hyper, case, rng)
        theta = made.get("theta_new", hyper.get("mu", np.zeros(0))).reshape(-1, k)[:, cluster]
        if "tau_centre" in draws:
            theta = theta + draws["tau_centre"][:, None] * rng.standard_normal(theta.shape)
        return {"events": binomials(case.arrays["n"], theta, rng)}

    def simulate(
        self, parameters: Mapping[str, Any], design: ArmCounts, options: Options, rng: np.random.Generator
    ) -> ArmCounts:
        """Counts of the design's arms."""
        draws = {p.name: np.full(1, float(parameters[p.name])) for p in self.hyper(options)}
        case = Case(self.arrays(design, options), {}, options)
        events = self.replicate(draws, case, rng)["events"][0]
        centre = None if design.centre is None else list(design.centre)
        return ArmCounts.from_counts(events, design.n, list(design.study), centre)

    def problem(self, case: Case) -> TwoParameterProblem | NoIntegral:
        """The integral over mu and tau, or mean and kappa."""
        if case.options[CENTRES] == "random":
            return NoIntegral(
                "engine 'exact' has no integral for centres within studies (three parameters); "
                "use engine='nuts'"
            )
        estimate, se = self.crude(case.arrays)
        total = float(np.sum(se**-2.0))
        start = float(np.sum(estimate * se**-2.0)) / total, total**-0.5
        if case.options[DISTRIBUTION] == BETA:
            return self._beta_problem(case, start)
        table, shape, priors = self.table(case), shape_of(case.options), case.priors
        half = table.halved()
        return TwoParameterProblem(
            location="mu",
            scale="tau",
            location_prior=priors["mu"],
            scale_prior=priors.get("tau"),
            link="identity",
            null=False,
            log_likelihood=lambda mu, tau: self._arm_likelihood(case, mu, tau),
            start=start,
            scales=(float(np.min(se)), float(max(np.max(se), np.ptp(estimate)))),
            scale_moments=self.moments_below(case).get("tau", math.inf),
            effects=None
            if common(case.options)
            else LocationScaleEffects("theta", "theta_new", table, shape),
            coarser=None if common(case.options) else lambda mu, tau: half.log_marginal(mu, tau, shape),
            without_scale=lambda mu: self._at_one_logit(case, mu),
        )

    def _beta_problem(self, case: Case, start: tuple[float, float]) -> TwoParameterProblem:
        """The beta-binomial's: its likelihood is closed, and the posteriors of proportions given it."""
        events, n = case.arrays["events"], case.arrays["n"]
        seen = np.append(events, 0.0), np.append(n - events, 0.0)
        constant = kernels.log_choose(n, events)

        def log_density(i: int, x: Array, location: Array, scale: Array) -> Array:
            """Logit of a Beta variable with the prior's and the study's events."""
            a, b = _shapes(expit(location), scale)
            a, b = a + seen[0][i], b + seen[1][i]
            value = a * log_expit(x)[:, None] + b * log_expit(-x)[:, None] - betaln(a, b)
            return np.asarray(value)

        return TwoParameterProblem(
            location="mean",
            scale="kappa",
            location_prior=case.priors["mean"],
            scale_prior=case.priors["kappa"],
            link="expit",
            null=False,
            log_likelihood=lambda x, kappa: constant + _beta_binomial(expit(x), kappa, case.arrays),
            start=start,
            scales=(1.0, float(np.max(n))),
            scale_moments=self.moments_below(case)["kappa"],
            effects=ConditionalEffects("theta", "theta_new", events.size, log_density),
        )


def _beta_median(mean: Array, kappa: Array) -> Array:
    """Median of the Beta distribution over settings, also where a mean that rounds to 0 or 1 leaves none."""
    a, b = (np.maximum(shape, SMALLEST_SHAPE) for shape in _shapes(mean, kappa))
    return np.asarray(betaincinv(a, b, 0.5))


BETA_RISKS = RisksOverSettings(
    "mean",
    "kappa",
    _beta_median,
    lambda mean, kappa, average: mean,
    "mean",
    ("the median of the Beta distribution of proportions over settings", "the mean of that distribution"),
)


def _by_study(values: Array, arrays: Arrays) -> Array:
    """Sums over the arms of each study, shape (k,)."""
    return np.bincount(arrays["cluster"].astype(np.int64), weights=values)


def _shapes(mean: Array, kappa: Array) -> tuple[Array, Array]:
    """Parameters of the Beta distribution of proportions."""
    return mean * kappa, (1.0 - mean) * kappa


def _beta_binomial(mean: Array, kappa: Array, arrays: Arrays) -> Array:
    """Log probabilities of the events without binomial coefficients, (s,) to (s, k)."""
    a, b = (shape[:, None] for shape in _shapes(mean, kappa))
    events, n = arrays["events"], arrays["n"]
    with np.errstate(invalid="ignore", divide="ignore"):  # kappa = 0: no such distribution
        return np.asarray(betaln(a + events, b + n - events) - betaln(a, b))


def _logit_beta(a: Array, b: Array, rng: np.random.Generator) -> Array:
    """Logits of Beta variables, finite where the variable itself rounds to 0 or 1."""

    def log_gamma(shape: Array) -> Array:
        """Log of a Gamma variable: for a small shape from one of shape + 1."""
        return np.asarray(np.log(rng.gamma(shape + 1.0)) + np.log(rng.uniform(size=shape.shape)) / shape)

    return log_gamma(a) - log_gamma(b)
