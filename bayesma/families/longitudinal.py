"""Family `longitudinal`: estimates at several visits, a mean over months, correlated study effects.

y_i ~ N(m_i(t) + u_i, S_i) with u_i ~ N(0, Sigma) and the within-study covariance S_i known, or known but for
one correlation; m_i is one course m for all studies, or m and what a study's moderators add to it. Study
effects are integrated out before sampling and drawn afterwards from their conditional.
Ishak et al. 2007, doi 10.1177/1740774507083567; Jackson, Riley & White 2011, doi 10.1002/sim.4172.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError, PriorError
from bayesma.evidence.trajectories import Trajectories
from bayesma.families import longitudinal_model as pymc_route
from bayesma.families import visit_kernels as kernels
from bayesma.families import visit_moderators as moderators
from bayesma.families.base import Array, Arrays, Case, Family, Option, Options, Parameter, Priors, register
from bayesma.families.effects import linear_prior, measure_priors
from bayesma.families.longitudinal_integral import problem_of
from bayesma.families.mean_shapes import MEANS, knots_of
from bayesma.families.prior_effects import NO_MEAN, even_shares, levels
from bayesma.families.problems import GaussianMeanProblem, IndependentVisits, NoIntegral
from bayesma.families.visit_covariances import (
    BETWEEN,
    DECAY_WITHIN,
    PAIR,
    RHO_WITHIN,
    lkj_shifts,
    pairs_of,
    powers,
)
from bayesma.measures import MEASURES
from bayesma.numerics.roots import symmetric_root
from bayesma.priors import Prior
from bayesma.priors.defaults import DIGITS, rounded

EXPECTED = 20_000  # draws of the priors of a mean that has a shape

THETA = Parameter("theta", "effect", ("study", "visit"), meaning="effect in each study at each visit")
THETA_NEW = Parameter("theta_new", "new", ("visit",), meaning="effect in a new study at each visit")

DIMS = {
    "y": ("study", "visit"),
    "se": ("study", "visit"),
    "n": ("study", "visit"),
    "month": ("visit",),
    "within": ("study", "visit", "visit_other", "term"),
    "lag": ("term",),
    "seen": ("study", "visit"),
    "basis": ("visit", "knot"),
}


@register
class Longitudinal(Family[Trajectories]):
    """Multivariate normal-normal hierarchical model over visits."""

    name: ClassVar[str] = "longitudinal"
    title: ClassVar[str] = "longitudinal hierarchical model over visits"
    evidence_type: ClassVar[type] = Trajectories
    options: ClassVar[Mapping[str, Option]] = {
        "trajectory": Option(tuple(MEANS), "visit", "shape of the mean over months"),
        "between": Option(tuple(BETWEEN), "har", "covariance of study effects over visits"),
        "within": Option(
            ("given", "estimated", "decaying"),
            "given",
            "the evidence decides: 'estimated' with a prior on its correlation, 'decaying' on its decay too",
        ),
        **moderators.OPTIONS,
    }

    @property
    def observed(self) -> tuple[str, ...]:
        """The estimates."""
        return ("y",)

    def resolved(self, options: Options, evidence: Trajectories) -> Options:
        """Option `within` as the evidence has it."""
        stated = self.stated_priors(evidence)
        found = "decaying" if "decay_within" in stated else "estimated" if stated else "given"
        if options["within"] not in {"given", found}:
            raise OptionError(
                f"option within is {options['within']!r}, but the within-study covariance here is "
                f"{found}; build the evidence with a prior, within_correlation='Uniform(0, 1)' (and "
                "within_decay='Uniform(0, 1)'), or leave the option out"
            )
        if options["between"] == "unstructured" and evidence.visit.size == 1:
            raise OptionError(
                "between='unstructured' needs at least two visits, and there is one; use between='diagonal'"
            )
        moderators.check(evidence, options)
        return options | {"within": found}

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Those of the mean, of the covariance between studies, and within them; the effects."""
        shape, structure = MEANS[options["trajectory"]], BETWEEN[options["between"]]
        within = {"given": (), "estimated": (RHO_WITHIN,), "decaying": (RHO_WITHIN, DECAY_WITHIN)}
        return (
            *shape.linear,
            *moderators.parameters_of(options),
            *shape.further,
            *structure.parameters,
            *within[options["within"]],
            THETA,
            THETA_NEW,
        )

    def default_priors(self, evidence: Trajectories, options: Options) -> Priors:
        """The prior of the measure's mean on the level, its spread over the follow-up on slopes."""
        known = np.isfinite(evidence.y)
        n = None if evidence.n is None or not np.all(evidence.n[known] > 0) else evidence.n[known]
        measure = MEASURES[evidence.measure]
        names = [p.name for p in self.hyper(options)]
        if measure.unit_sd is None and not measure.changes and n is None:
            needed = ", ".join(name for name in names if name not in self._without_unit(evidence, options))
            raise PriorError(
                f"measure {evidence.measure} has no default priors without sample sizes, since its unit is "
                f"not known; give n at every visit, or priors of {needed} in the unit of the outcome, for "
                f"example priors={{{names[0]!r}: 'Normal(0, <sd>)', 'tau': 'HalfNormal(<scale>)'}}"
            )
        se = evidence.se if evidence.se_apart is None else evidence.se_apart
        both = measure_priors(measure, evidence.y[known], se[known], n)
        level = linear_prior(measure, both["mu"])
        slope = Prior("Normal", (0.0, rounded(level.arguments[1] / evidence.visit[-1])))
        priors = {
            **dict.fromkeys(("m", "coef", "intercept", "e0", "emax", "level", "beta"), level),
            **dict.fromkeys(("slope", "slope1", "slope2", "beta_slope"), slope),
            "tau": both["tau"],
            "amplitude": Prior("HalfNormal", (rounded(level.arguments[1] / 2.0),)),
        }
        return {name: (priors | self._without_unit(evidence, options))[name] for name in names}

    def checked_priors(
        self, evidence: Trajectories, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """As for every family; correlations and months have defaults whatever the unit of the outcome."""
        return super().checked_priors(
            evidence, {**self._without_unit(evidence, options), **(given or {})}, options
        )

    def stated_priors(self, evidence: Trajectories) -> Priors:
        """Those of the within-study correlation and its decay."""
        given = {"rho_within": evidence.within_correlation, "decay_within": evidence.within_decay}
        return {name: prior for name, prior in given.items() if isinstance(prior, Prior)}

    def _without_unit(self, evidence: Trajectories, options: Options) -> Priors:
        """Defaults that do not depend on the unit of the outcome."""
        middle = float(f"{math.log(np.median(evidence.visit)):.{DIGITS}g}")
        first = 0.0 if evidence.visit.size == 1 else float(evidence.visit[0])
        priors = {
            "et50": Prior("LogNormal", (middle, 1.0)),
            "length": Prior("LogNormal", (middle, 1.0)),
            "deviate": Prior("Normal", (0.0, 1.0)),
            "change": Prior("Uniform", (first, float(evidence.visit[-1]))),
            "rho": Prior("Uniform", (BETWEEN[options["between"]].parameters[-1].lower, 1.0)),
        }
        if options["between"] == "unstructured":
            priors["rho"] = Prior("LKJ", (2.0,))
        priors |= self.stated_priors(evidence)
        return {p.name: priors[p.name] for p in self.hyper(options) if p.name in priors}

    def arrays(self, evidence: Trajectories, options: Options) -> Arrays:
        """`y`, `se` (k, t), NaN where missing; `month` (t,); `within` (k, t, t, l), the powers `lag` (l,).

        Where it is known also `n` (k, t), for those who draw or describe the data; moderators, where asked.
        """
        known = {} if evidence.n is None else {"n": np.where(np.isfinite(evidence.y), evidence.n, np.nan)}
        return (
            known
            | moderators.arrays_of(evidence, options)
            | {
                "y": np.array(evidence.y),
                "se": np.array(evidence.se),
                "month": np.array(evidence.visit),
                "within": np.array(evidence.within),
                "lag": np.array(evidence.lag),
            }
        )

    def coords(self, evidence: Trajectories, options: Options) -> dict[str, NDArray[Any]]:
        """Study labels and months, as whole numbers where they all are: printed without decimals."""
        labels = _labels(evidence.visit)
        return {
            "study": evidence.study,
            **labels,
            "visit_other": labels["visit"],
            "term": np.arange(evidence.lag.size),
            **moderators.labels_of(evidence, options),
        }

    def dims(self, array: str) -> tuple[str, ...]:
        """Studies by visits; the covariance by two visits and power of the correlation."""
        return (DIMS | moderators.DIMS)[array]

    def elements(self, parameter: Parameter, case: Case) -> tuple[Prior, ...] | None:
        """Under LKJ every partial correlation has its own: the more visits are given, the wider."""
        prior = case.priors[parameter.name]
        if parameter.dims != PAIR or prior.distribution != "LKJ":
            return None
        (eta,), visits = prior.arguments, case.arrays["month"].size
        return tuple(replace(prior, arguments=(eta + more,)) for more in lkj_shifts(visits))

    def sizes(self, case: Case) -> Hashable:
        """The numbers of visits and of columns of moderators; that of studies can change."""
        columns = [case.arrays[name].shape[1] for name in moderators.KINDS if name in case.arrays]
        return int(case.arrays["y"].shape[1]), *columns

    def model_data(self, case: Case) -> Arrays:
        """As the PyMC route names them."""
        return pymc_route.model_data(case)

    def model(self, case: Case) -> Any:
        """Hyper-parameters only; study effects integrated out."""
        return pymc_route.build(case)

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """The estimates and their standard errors, at the prior median of a correlation, shapes (k, t)."""
        return arrays["y"], np.where(np.isfinite(arrays["y"]), arrays["se"], np.nan)

    def prior_effects(self, case: Case) -> tuple[Array, Array] | str:
        """Means at the visits and variances between studies there, (n, t) each, from the priors.

        Of a mean that is free at every visit by even shares of both priors; else from draws of the priors.
        """
        if moderators.parameters_of(case.options):
            return NO_MEAN
        month, options = case.arrays["month"], case.options
        if options["trajectory"] == "visit":
            mean, tau2 = (case.priors["m"].ppf(levels()), np.square(case.priors["tau"].ppf(levels())))
            mean, tau2 = even_shares(mean, tau2)
            size = (mean.size, month.size)
            return np.broadcast_to(mean[:, None], size), np.broadcast_to(tau2[:, None], size)
        rng, draws = np.random.default_rng(0), dict[str, Array]()
        lengths = {dim: values.size for dim, values in _labels(month).items()}
        for p in self.hyper(options):
            inner = tuple(lengths[dim] for dim in p.dims)
            draws[p.name] = self.draw_prior(p, case, (EXPECTED, *inner), rng, draws)
        mean, between, _ = self._at(draws, case)
        return mean, np.einsum("stt->st", between)

    def moments_below(self, case: Case) -> dict[str, float]:
        """Proper priors decide, helped for the sds by the studies seen at a visit.

        Far out in the sd of one visit, or of all, the likelihood falls at least like 1 / tau to the number of
        studies seen there; m goes far only where its sd or its prior's tail lets it.
        """
        for name, prior in case.priors.items():
            if not prior.is_proper:
                raise PriorError(
                    f"prior {prior} for {name} is improper; family 'longitudinal' takes proper priors only: "
                    "for example Normal(0, 100) for a mean, HalfNormal(10) for a standard deviation"
                )
        seen = np.isfinite(case.arrays["y"])
        fewest = float(seen.sum(axis=0).min() if self._each(case.options) else seen.shape[0])
        below = {p.name: case.priors[p.name].tail - 1.0 for p in self.hyper(case.options)}
        below["tau"] += fewest
        if "m" in below:
            below["m"] += below["tau"]
        farthest = min(below.values())
        return below | {"theta": farthest, "theta_new": farthest}

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Log density of each study's estimates, all visits together, its effects integrated out."""
        mean, between, power = self._by_study(draws, case)
        return kernels.log_densities(case.arrays["y"], mean, between, case.arrays["within"], power)

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Study effects given data and hyper-parameters, at all visits; a new study's."""
        mean, between, power = self._by_study(draws, case)
        shape = (len(mean), *case.arrays["y"].shape)
        normal, noise = rng.standard_normal(shape), rng.standard_normal(shape)
        theta = kernels.effect_draws(
            case.arrays["y"], mean, between, case.arrays["within"], power, normal, noise
        )
        return {"theta": theta, **self.new_study(draws, case, rng)}

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """theta_new ~ N(m(t), Sigma), moderators at their centre."""
        mean, between, _ = self._at(draws, case)
        return {"theta_new": mean + _normal(between, mean.shape, rng)}

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """New estimates of new studies with the same visits and precision; NaN where a visit is missing."""
        mean, between, power = self._by_study(draws, case)
        y, within = case.arrays["y"], case.arrays["within"]
        out = np.empty((len(mean), *y.shape))
        for i in range(len(y)):  # one study at a time: all covariances at once would not fit in memory
            total = between + np.einsum("abl,sl->sab", within[i], power)
            own = mean[:, i if mean.shape[1] > 1 else 0]
            out[:, i] = own + _normal(total, own.shape, rng)
        out[:, np.isnan(y)] = np.nan
        return {"y": out}

    def simulate(
        self, parameters: Mapping[str, Any], design: Trajectories, options: Options, rng: np.random.Generator
    ) -> Trajectories:
        """Estimates with the design's visits and covariances."""
        draws = {
            p.name: np.atleast_1d(np.asarray(parameters[p.name], dtype=np.float64))[None]
            if p.dims
            else np.full(1, float(parameters[p.name]))
            for p in self.hyper(options)
        }
        case = Case(self.arrays(design, options), {}, options)
        return replace(design, y=self.replicate(draws, case, rng)["y"][0])

    def weights(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Each study's share of the information on the mean: trace of A^-1 A_i over its size, (s, k).

        A_i = X'V_i^-1 X and A their sum, over the directions the data say something about.
        """
        shape = MEANS[case.options["trajectory"]]
        _, between, power = self._at(draws, case)
        month = case.arrays["month"]
        design, own = shape.design(month, draws, len(between)), moderators.columns_of(case.arrays, month)
        cross, _ = kernels.information(case.arrays["y"], design, own, between, case.arrays["within"], power)
        share = np.einsum("sab,skba->sk", np.linalg.pinv(cross.sum(axis=1), hermitian=True), cross)
        return np.asarray(share / share.sum(axis=1, keepdims=True))

    def problem(self, case: Case) -> IndependentVisits | GaussianMeanProblem | NoIntegral:
        """Visit by visit where the posterior factorises; else over at most three parameters."""
        return problem_of(case, [p.name for p in self.hyper(case.options)])

    def _each(self, options: Options) -> bool:
        """Whether every visit has an sd of its own."""
        return bool(BETWEEN[options["between"]].tau.dims)

    def _by_study(self, draws: Mapping[str, Array], case: Case) -> tuple[Array, Array, Array]:
        """As `_at`, the mean by study where moderators differ, else one for all: (s, k or 1, t)."""
        mean, between, power = self._at(draws, case)
        mean = mean[:, None, :]
        if moderators.parameters_of(case.options):
            columns = moderators.columns_of(case.arrays, case.arrays["month"])
            mean = mean + np.einsum("ktq,sq->skt", columns, moderators.coefficients_of(draws, len(mean)))
        return mean, between, power

    def _at(self, draws: Mapping[str, Array], case: Case) -> tuple[Array, Array, Array]:
        """Mean at the centre (s, t), covariance of effects (s, t, t), powers of the correlation (s, l)."""
        month = case.arrays["month"]
        mean = MEANS[case.options["trajectory"]].mean(month, draws, month)
        between = BETWEEN[case.options["between"]].covariance(month, draws)
        return mean, between, powers(draws, case.arrays["lag"], len(mean))


def _labels(month: Array) -> dict[str, NDArray[Any]]:
    """Labels of visits, knots and pairs of visits."""
    visit = month.astype(np.int64) if np.all(month == np.round(month)) else month
    pairs = [_pair_label(month, k, j) for k, j in pairs_of(month.size)]
    return {"visit": visit, "knot": knots_of(month), "pair": np.array(pairs, dtype=np.str_)}


def _pair_label(month: Array, k: int, j: int) -> str:
    """Two months, and those that are held."""
    held = ", ".join(f"{m:g}" for m in month[:k])
    return f"{month[k]:g}, {month[j]:g}{' | ' * bool(held)}{held}"


def _normal(covariance: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draws with mean 0 and the covariances (s, t, t), singular ones too: (s, t)."""
    return np.asarray(np.einsum("sij,sj->si", symmetric_root(covariance), rng.standard_normal(shape)))
