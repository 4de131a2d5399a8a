"""Family `relapse`: relapses by interval of follow-up after a response, death as a competing cause.

Study i relapses with intensity lambda_i(t) = lambda(t) exp(u_i) a month, u_i ~ N(0, s^2). With L_R and L_D
the intensities of relapse and death added up over an interval, a patient at risk relapses in it with
probability L_R / (L_R + L_D) (1 - exp(-(L_R + L_D))), dies with the same share of L_D, and does neither with
exp(-(L_R + L_D)): the time inside the interval is left open, and in it the two causes keep their ratio.
Where the intensity changes inside the interval, these incidences are summed over the periods of it (of a
Weibull intensity over narrow cells), each among who is free of both until then.
Without deaths log(-log(1 - p)) = log L(t) + u_i, the complementary log-log model of grouped survival times
(Prentice & Gloeckler 1978, doi 10.2307/2529588). Patients who leave inside an interval (censored, and dead
where death is not modelled) are taken as followed, free of relapse, through its first half.
Where studies have centres, u_ij ~ N(u_i, s_centre^2), or, with centres="none", they share their study's u.
The level of a random walk is the log of the average intensity over all periods, and its steps are apart from
it a priori: an interval that spans all periods says nothing of the steps.
Moderators shift the log intensity (see `relapse_moderators`). Beyond the last cut point the intensity of the
last period continues.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError, PriorError
from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.intervals import interval_label
from bayesma.families import relapse_centres as centres
from bayesma.families import relapse_kernels as kernels
from bayesma.families import relapse_model as pymc_route
from bayesma.families import relapse_moderators as moderators
from bayesma.families.base import (
    Array,
    Arrays,
    Case,
    Family,
    Option,
    Options,
    Parameter,
    Priors,
    register,
    shares,
)
from bayesma.families.effects import RANDOM_EFFECTS, common, require_proper
from bayesma.families.problems import NoIntegral, StandardProblem, TwoParameterProblem, is_normal_mixture
from bayesma.families.relapse_hazards import HAZARDS, PERIOD, period_lengths
from bayesma.families.relapse_integral import drawn_effects, quadrature, sampling
from bayesma.families.relapse_likelihood import cluster_of, counts_of, intensities
from bayesma.families.relapse_moderators import MODERATORS
from bayesma.families.relapse_simulation import replicated
from bayesma.priors import Prior
from bayesma.priors.walk import log_average, with_level

S = Parameter("s", "hyper", lower=0.0, meaning="between-study sd of the log intensity of relapse")
H_DEATH = Parameter("h_death", "hyper", meaning="log monthly intensity of death free of relapse, all studies")
U = Parameter("u", "effect", ("study",), meaning="shift of the log intensity of relapse in each study")
U_NEW = Parameter("u_new", "new", meaning="shift of the log intensity of relapse in a new study")
S_CENTRE = Parameter(
    "s_centre", "hyper", lower=0.0, meaning="sd of the log intensity of relapse between centres of a study"
)
U_CENTRE = Parameter(
    "u_centre", "baseline", ("centre",), meaning="shift of the log intensity of relapse in each centre"
)
U_CENTRE_NEW = Parameter(
    "u_centre_new", "new", meaning="shift of the log intensity of relapse in a new centre of a new study"
)

HAZARD, PERIODS, DEATHS, CENTRES = "hazard", "periods", "deaths", "centres"
CUTS = (6.0, 12.0, 24.0, 48.0)  # months, where nothing else is said
STEP = 0.1  # by which log intensities are moved to see how much a study knows of them
DEFAULTS: Priors = {
    # 1.8 % a month; 95 % between 0.04 % and 60 % a month
    "h": Prior("Normal", (-4.0, 2.0)),
    "log_rate": Prior("Normal", (-4.0, 2.0)),
    "shape": Prior("LogNormal", (0.0, 0.5)),
    "sigma_h": Prior("HalfNormal", (1.0,)),
    "s": Prior("HalfNormal", (0.5,)),
    "s_centre": Prior("HalfNormal", (0.5,)),
    "beta": Prior("Normal", (0.0, 1.0)),  # a hazard ratio between 1/7 and 7 for one sd, or for a category
    "h_death": Prior("Normal", (-6.0, 2.0)),
}


@register
class Relapse(Family[FollowUp]):
    """Cause-specific intensities by period with study effects."""

    name: ClassVar[str] = "relapse"
    title: ClassVar[str] = "hierarchical model of relapse over follow-up"
    evidence_type: ClassVar[type] = FollowUp
    options: ClassVar[Mapping[str, Option]] = {
        HAZARD: Option(tuple(HAZARDS), "random_walk", "shape of the intensity of relapse over months"),
        PERIODS: Option((), (), "months at which periods end; by default 6, 12, 24, 48 as far as followed"),
        RANDOM_EFFECTS: Option(
            ("normal", "none"), "normal", "distribution of study shifts; 'none' is one intensity for all"
        ),
        DEATHS: Option(
            ("auto", "censored", "competing"),
            "auto",
            "death as a cause of its own, or as leaving half-way; 'auto' models deaths that are given",
        ),
        CENTRES: Option(
            ("auto", "none", "random"),
            "auto",
            "a level of centres within studies; 'auto' where one has several, 'none': all share its shift",
        ),
        MODERATORS: moderators.OPTION,
    }

    @property
    def observed(self) -> tuple[str, ...]:
        """Relapses and deaths."""
        return ("relapses", "deaths")

    def checked_options(self, given: Mapping[str, Any]) -> Options:
        """Options with defaults; periods only where the intensity has them."""
        checked = super().checked_options(given)
        if checked[HAZARD] in {"random_walk", "independent"}:
            return checked
        if given.get(PERIODS):
            raise OptionError(
                f"option periods goes with hazard='random_walk' or 'independent'; hazard is "
                f"{checked[HAZARD]!r}; leave periods out"
            )
        return {name: value for name, value in checked.items() if name != PERIODS}

    def resolved(self, options: Options, evidence: FollowUp) -> Options:
        """Periods that cover the follow-up, whether deaths are modelled, and whether centres are a level."""
        if options[DEATHS] == "competing" and evidence.deaths is None:
            raise OptionError(
                "deaths='competing' needs the deaths of every interval, and they are not given; name their "
                "column with deaths=, or leave the option out"
            )
        known = "censored" if evidence.deaths is None else "competing"
        found = options | {DEATHS: known if options[DEATHS] == "auto" else options[DEATHS]}
        found |= {CENTRES: _centres(options, evidence)}
        if options[MODERATORS]:
            moderators.check(evidence, options)
        if PERIODS not in options:
            return found
        last = float(evidence.stop.max())
        cuts = options[PERIODS] or (
            *(cut for cut in CUTS if cut < last),
            min((cut for cut in CUTS if cut >= last), default=last),
        )
        if cuts[-1] < last:
            worst = evidence.label[int(np.argmax(evidence.stop))]
            raise OptionError(
                f"periods end at month {cuts[-1]:g}, and {worst} goes on; add a cut point at "
                f"{last:g} or later"
            )
        return found | {PERIODS: cuts}

    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Those of the intensity, of studies, and of death."""
        own = HAZARDS[options[HAZARD]].parameters
        beta = (moderators.BETA,) if options[MODERATORS] else ()
        death = (H_DEATH,) if options[DEATHS] == "competing" else ()
        if common(options):
            return (*own, *beta, *death)
        if options[CENTRES] == "random":
            return (*own, *beta, S, S_CENTRE, *death, U, U_CENTRE, U_NEW, U_CENTRE_NEW)
        return (*own, *beta, S, *death, U, U_NEW)

    def default_priors(self, evidence: FollowUp, options: Options) -> Priors:
        """Weak on the scale of monthly risks; see `DEFAULTS`."""
        return {p.name: DEFAULTS[p.name] for p in self.hyper(options)}

    def checked_priors(
        self, evidence: FollowUp, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """As in the base class, and all proper; the level of a walk has a normal, Student-t or Cauchy."""
        priors = super().checked_priors(evidence, given, options)
        require_proper(priors)
        if options[HAZARD] == "random_walk" and not is_normal_mixture(priors["h"]):
            raise PriorError(
                f"prior {priors['h']} for h is that of the level of the random walk, the log of its average "
                "intensity over all periods; use a "
                "Normal, StudentT or Cauchy without bounds, or hazard='independent'"
            )
        return priors

    def arrays(self, evidence: FollowUp, options: Options) -> Arrays:
        """Months, counts (0 for deaths that are not given), numbers of study and centre: shapes (rows,).

        Moderators too, where asked: see `relapse_moderators.arrays_of`.
        """
        deaths = np.zeros(evidence.start.size) if evidence.deaths is None else evidence.deaths
        arrays = {
            "relapses": evidence.relapses,
            "deaths": deaths,
            "start": evidence.start,
            "stop": evidence.stop,
            "at_risk": evidence.at_risk,
            "censored": evidence.censored,
            "cluster": evidence.cluster,
            "group": evidence.group,
        }
        found = {name: np.array(values, dtype=np.float64) for name, values in arrays.items()}
        return found | moderators.arrays_of(evidence, options)

    def coords(self, evidence: FollowUp, options: Options) -> dict[str, NDArray[Any]]:
        """Labels of studies, rows, periods, centres and moderators, as far as there are any."""
        coords: dict[str, NDArray[Any]] = {"study": evidence.studies, "interval": evidence.label}
        if options[CENTRES] == "random":
            coords["centre"] = evidence.groups
        if options[MODERATORS]:
            coords["moderator"] = moderators.read(evidence, options).labels
        if PERIODS in options:
            coords[PERIOD[0]] = period_labels(options[PERIODS])
        return coords

    def dims(self, array: str) -> tuple[str, ...]:
        """Everything is counted by interval."""
        return moderators.DIMS.get(array, ("interval",))

    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """Log of relapses per month at risk in each study, half a relapse added to all."""
        cluster = arrays["cluster"].astype(np.int64)
        gone = arrays["relapses"] + arrays["deaths"] + arrays["censored"]
        followed = (arrays["at_risk"] - 0.5 * gone) * (arrays["stop"] - arrays["start"])
        seen = np.bincount(cluster, weights=arrays["relapses"]) + 0.5
        return np.log(seen / np.bincount(cluster, weights=followed)), seen**-0.5

    def moments_below(self, case: Case) -> dict[str, float]:
        """What the priors' tails guarantee, and for s every study in which some relapse and some do not.

        Their shifts are bounded by the data, so that each takes a factor 1/s off the tail. All other counts
        can leave an intensity without a limit below.
        """
        priors = case.priors
        below = {p.name: priors[p.name].tail - 1.0 for p in self.hyper(case.options)}
        if "s" in below and case.options[CENTRES] == "none":
            counts, cluster = counts_of(case), cluster_of(case)
            relapsed = np.bincount(cluster, weights=counts[:, 0])
            others = np.bincount(cluster, weights=counts[:, 2] + counts[:, 3])
            below["s"] += float(np.sum((relapsed > 0.0) & (others > 0.0)))
        if "sigma_h" in below:
            below["h"] = min(below["h"], below["sigma_h"])
        if common(case.options):
            return below
        widest = min(below["s"], below.get("s_centre", math.inf))
        effects = {"u": below["s"], "u_new": below["s"], "u_centre": widest, "u_centre_new": widest}
        return {p.name: (below | effects)[p.name] for p in self.parameters(case.options)}

    def model(self, case: Case) -> Any:
        """See `relapse_model`."""
        return pymc_route.build(case)

    def model_data(self, case: Case) -> Arrays:
        """As the PyMC route names them."""
        return pymc_route.model_data(case)

    def sampled(self, options: Options) -> tuple[str, ...]:
        """Shifts of studies and centres too."""
        hyper = tuple(p.name for p in self.hyper(options))
        if common(options):
            return hyper
        return (*hyper, "u", "u_centre") if options[CENTRES] == "random" else (*hyper, "u")

    def sizes(self, case: Case) -> Hashable:
        """The numbers of studies and centres whose shifts the model holds, and of columns of moderators."""
        columns = case.arrays[MODERATORS].shape[1] if MODERATORS in case.arrays else 0
        if common(case.options):
            return columns
        counted = ("cluster", "group") if case.options[CENTRES] == "random" else ("cluster",)
        return columns, *(int(case.arrays[name].max()) + 1 for name in counted)

    def draw_prior(
        self,
        parameter: Parameter,
        case: Case,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        drawn: Mapping[str, Array],
    ) -> Array:
        """As in the base class; a random walk follows the sd of its steps."""
        if parameter.name != "h" or case.options[HAZARD] != "random_walk":
            return super().draw_prior(parameter, case, shape, rng, drawn)
        level = case.priors["h"].draw(shape[:-1], rng)
        steps = drawn["sigma_h"][..., None] * rng.standard_normal((*shape[:-1], shape[-1] - 1))
        return with_level(level, steps, period_lengths(case.options[PERIODS]))

    def log_prior(self, draws: Mapping[str, Array], case: Case) -> Arrays:
        """As in the base class; of a random walk its level, then each period given the one before."""
        result = super().log_prior(draws, case)
        if case.options[HAZARD] == "random_walk":
            sd = draws["sigma_h"][..., None]
            with np.errstate(divide="ignore", invalid="ignore"):  # sd = 0: no density
                steps = -0.5 * np.square(np.diff(draws["h"], axis=-1) / sd) - np.log(sd * math.sqrt(math.tau))
            level = log_average(draws["h"], period_lengths(case.options[PERIODS]))
            result["h"] = np.concatenate([case.priors["h"].logpdf(level)[..., None], steps], axis=-1)
        return result

    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Shifts of studies and centres integrated out."""
        accumulated, counts, cluster = intensities(draws, case), counts_of(case), cluster_of(case)
        ways = np.bincount(cluster, weights=kernels.log_ways(counts))
        s = np.ascontiguousarray(draws.get("s", np.zeros(len(accumulated[0]))))
        data = (*accumulated, counts, cluster)
        if case.options[CENTRES] != "random":
            return ways + kernels.log_marginals(s, *data, ways.size)
        sd, group = np.stack([s, draws["s_centre"]], axis=1), case.arrays["group"].astype(np.intp)
        return ways + centres.log_marginals(sd, *data, group, ways.size)

    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Study shifts where the draws lack them, and a new study's."""
        if common(case.options):
            return {}
        made = {} if "u" in draws else drawn_effects(draws, case, rng)
        return made or self.new_study(draws, case, rng)

    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """The shift in a new study, and in a centre of it."""
        if common(case.options):
            return {}
        made = {"u_new": draws["s"] * rng.standard_normal(draws["s"].shape)}
        if "s_centre" in draws:
            away = draws["s_centre"] * rng.standard_normal(draws["s"].shape)
            made["u_centre_new"] = made["u_new"] + away
        return made

    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Relapses and deaths among the same patients at risk, a new shift in every study and centre.

        Those who left half-way are followed so far. Deaths that are not modelled stay as they were.
        """
        relapses, deaths, _ = replicated(draws, case, rng)
        return {"relapses": relapses, "deaths": deaths}

    def simulate(
        self, parameters: Mapping[str, Any], design: FollowUp, options: Options, rng: np.random.Generator
    ) -> FollowUp:
        """Counts of the design's intervals, each with its patients at risk."""
        draws = {p.name: np.asarray(parameters[p.name], dtype=np.float64)[None] for p in self.hyper(options)}
        case = Case(self.arrays(design, options), {}, options)
        relapses, deaths, left = (counts[0].astype(np.int64) for counts in replicated(draws, case, rng))
        died = deaths if options[DEATHS] == "competing" else design.deaths
        return replace(design, relapses=relapses, deaths=died, censored=left)

    def weights(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Share of each study in the information on the level of the log intensity, (s, k)."""
        level = HAZARDS[case.options[HAZARD]].log_level
        steps = (-STEP, 0.0, STEP)
        return shares(*(self.log_likelihood({**draws, level: draws[level] + step}, case) for step in steps))

    def problem(self, case: Case) -> TwoParameterProblem | StandardProblem | NoIntegral:
        """Over h and s where these are all; over more by importance sampling."""
        if case.options[CENTRES] == "random":
            return NoIntegral(
                "engine 'exact' has no integral for centres within studies; use engine='nuts', or "
                "centres='none', which lets the centres of a study share its shift"
            )
        simple = case.options[DEATHS] == "censored" and not case.options[MODERATORS]
        if case.options[HAZARD] == "constant" and simple:
            moments = math.inf if common(case.options) else self.moments_below(case)["s"]
            return quadrature(case, self.crude(case.arrays), moments)
        return sampling(case, self.hyper(case.options), lambda draws: self.log_likelihood(draws, case))


def period_labels(periods: Sequence[float]) -> NDArray[np.str_]:
    """Labels of periods: ``(0, 6]``, ``(6, 12]``."""
    ends = zip((0.0, *periods[:-1]), periods, strict=True)
    return np.array([interval_label(start, stop) for start, stop in ends], dtype=np.str_)


def _centres(options: Options, evidence: FollowUp) -> str:
    """Whether centres are a level of their own."""
    several, wanted = evidence.groups.size > evidence.k, str(options[CENTRES])
    if wanted == "random" and not several:
        raise OptionError(
            "centres='random' needs a study of several centres; name their column with centre=, or leave the "
            "option out"
        )
    if wanted == "random" and common(options):
        raise OptionError("centres='random' does not go with random_effects='none'; leave one of them out")
    if wanted == "auto":
        return "random" if several and not common(options) else "none"
    return wanted
