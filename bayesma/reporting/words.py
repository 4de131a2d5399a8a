"""What a clinician reads instead of symbols: measures, directions, thresholds and priors in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesma.evidence.trajectories import Trajectories
from bayesma.families.base import Parameter
from bayesma.measures import MEASURES, Measure
from bayesma.posterior.location import location_name
from bayesma.posterior.provenance import case_of, provenance
from bayesma.priors import Prior
from bayesma.priors.defaults import unit_information_sd
from bayesma.results import OneEffect, OverFollowUp, Result
from bayesma.words.numbers import back, general, printed

METHODS = {
    "EE": "common effect (inverse variance)",
    "DL": "DerSimonian and Laird",
    "ML": "maximum likelihood",
    "REML": "restricted maximum likelihood (REML)",
    "PM": "Paule and Mandel",
    "MH OR": "Mantel and Haenszel's common odds ratio",
    "Peto": "Peto's common odds ratio",
    "crude rate": "relapses per patient-month",
    "multivariate": "multivariate restricted maximum likelihood over the visits",
}
CHANGES = {
    "slope",
    "slope1",
    "slope2",
    "emax",
    "beta",
    "beta_slope",
}  # coefficients that are differences on the analysis scale
INTENSITIES = {"h", "log_rate", "h_death"}  # logs of monthly intensities
WITHIN = {
    "ar1-visit": "to the power of the visits between",
    "ar1-month": "to the power of the months between",
    "cs": "between any two visits",
    None: "",
}
INTERVALS = {
    "wald": "Wald interval",
    "hksj": "Knapp-Hartung interval",
    "poisson": "exact Poisson interval",
}


def method_words(method: str, ci: str) -> str:
    """Method and interval of a classical answer."""
    name = METHODS.get(method) or f"mixed model of the counts {method} (maximum likelihood)"
    return f"{name} with {INTERVALS[ci]}"


def noun(result: Result) -> str:
    """What was estimated: an effect, without a control a change, or the proportion in single arms."""
    return measure_of(result).noun


def event_of(result: Result) -> str:
    """What was counted, in one or two words; empty where nobody named it."""
    return str(getattr(result.evidence, "event", None) or "")


def single_arm(result: Result) -> bool:
    """Whether there is nothing to compare with."""
    return isinstance(result, OverFollowUp) or measure_of(result).null is None


def one_arm(result: Result) -> bool:
    """Whether patients were not compared with others: a change, or a proportion."""
    return isinstance(result, OverFollowUp) or not measure_of(result).controlled


def arms_words(result: Result) -> str:
    """Who received what: ``MSC v control``."""
    effects = result.job.effects
    return effects.treatment if one_arm(result) else f"{effects.treatment} v {effects.control}"


def within_words(result: Result) -> list[str]:
    """How the estimates of one study at several visits go together; nothing at a single time."""
    evidence = result.evidence
    if not isinstance(evidence, Trajectories):
        return []
    if evidence.within_correlation is None:
        return ["visits of a study: covariance as given"]
    decay = evidence.within_decay
    power = f"~ {decay}" if isinstance(decay, Prior) else general(decay)
    damped = "" if decay == 1.0 else f", these to the power of {power}"
    apart = evidence.within_distance
    at = "" if apart is None else f" of values {general(apart)} months apart"
    between = (
        WITHIN[evidence.within_structure] if apart in {None, 1.0} else "decaying with the months between"
    )
    told = f"correlation {_correlation(evidence)}{at}, {between}{damped}"
    return [f"visits of a study: {told}"]


def _correlation(evidence: Trajectories) -> str:
    """A number, one a study, or a prior."""
    given = evidence.within_correlation
    if isinstance(given, Prior):
        return f"~ {given}"
    return "of each study as given" if isinstance(given, Mapping) else general(float(given or 0.0))


def measure_of(result: Result) -> Measure:
    """Declaration of the measure a result is expressed in, by the name of what was counted."""
    return MEASURES[result.evidence.measure].of_event(event_of(result))


def measured(result: Result) -> str:
    """What was measured."""
    return "intensity of relapse" if isinstance(result, OverFollowUp) else measure_of(result).name


def scale_words(result: Result) -> str:
    """What is printed, with its unit: ``mean difference, g/L``."""
    unit = result.job.effects.unit
    name = measured(result)
    return f"{name}, {unit}" if unit else name


def better_words(result: Result) -> str:
    """Which values are good for patients."""
    favours = result.job.effects.favours
    if favours is None:
        return "no direction stated"
    return f"{favours} is better"


def benefit_words(result: Result) -> str:
    """What counts as benefit or improved, on the printed scale: ``risk ratio below 1 (favours BCG)``."""
    measure, job = measure_of(result), result.job
    if measure.display_null is None:
        return "not defined: single arms are compared with nothing"
    if job.effects.favours is None:
        return "not defined: the analysis states no direction of benefit"
    side = "below" if job.effects.favours == "lower" else "above"
    favoured = "better than before" if one_arm(result) else f"favours {job.effects.treatment}"
    return f"{measure.name} {side} {general(measure.display_null)} ({favoured})"


def mid_words(result: Result) -> str:
    """The minimal important difference on the printed scale: ``0.8 or lower``; empty without one."""
    job, measure = result.job, measure_of(result)
    if job.questions.mid is None or job.effects.favours is None or measure.null is None:
        return ""
    sign = -1.0 if job.effects.favours == "lower" else 1.0
    limit = general(printed(measure, measure.null + sign * job.questions.mid), 3)
    unit = f" {job.effects.unit}" if job.effects.unit else ""
    return f"{limit}{unit} or {job.effects.favours}"


def mid_limit(result: Result) -> str:
    """The same without unit and side, for tables that state them."""
    return mid_words(result).split(" ", maxsplit=1)[0]


def prior_rows(result: Result) -> list[tuple[str, str, str, str]]:
    """Parameter, prior as text, the same in words, and whether it is the default."""
    origin = provenance(result.fit)
    rows = []
    for parameter in origin.family.with_priors(origin.options):
        if parameter.standard is not None:
            continue
        prior = origin.priors[parameter.name]
        words = _prior_words(parameter, prior, origin.measure) + _unit_words(result, parameter.name, prior)
        chosen = "default" if parameter.name in origin.default_priors else "chosen for this analysis"
        text = f"{prior.form} ({prior.name})" if prior.name else prior.form
        rows.append((f"{parameter.name}: {parameter.meaning}", text, words, chosen))
    return rows


def _unit_words(result: Result, name: str, prior: Prior) -> str:
    """Where a default spread is that of one patient's information, and what this is in the studies here.

    Kass & Wasserman 1995, doi 10.1080/01621459.1995.10476592; Roever et al. 2021, doi 10.1002/jrsm.1475.
    """
    origin = provenance(result.fit)
    measure = origin.measure
    default = name == location_name(origin) and name in origin.default_priors
    if not default or measure.unit_sd is None or prior != Prior("Normal", (0.0, measure.unit_sd)):
        return ""
    said = f"; {general(measure.unit_sd, 3)} is the information of one patient {measure.unit_where}"
    own = unit_information(result)
    return said if own is None else f"{said}, and that of a patient of these studies is {general(own, 3)}"


def unit_information(result: Result) -> float | None:
    """Unit-information sd at the studies' own numbers; None where sizes or standard errors are not known."""
    origin, n = provenance(result.fit), getattr(result.evidence, "n", None)
    if n is None or not isinstance(result, OneEffect):
        return None
    _, se = origin.family.crude(case_of(result.fit, origin).arrays)
    known = np.isfinite(se) & np.isfinite(n)
    return unit_information_sd(se[known], np.asarray(n)[known]) if known.any() else None


def _prior_words(parameter: Parameter, prior: Prior, measure: Measure) -> str:
    """What a prior expects, by the kind of parameter."""
    if parameter.upper == 1.0 and prior.is_proper:  # a proportion, or a correlation
        low, high = (float(v) for v in prior.ppf((0.025, 0.975)))
        return f"before the data, 95 % probable between {general(low, 2)} and {general(high, 2)}"
    if parameter.name in INTENSITIES and prior.is_proper:
        low, high = (100.0 * float(np.exp(v)) for v in prior.ppf((0.025, 0.975)))
        events = "deaths" if parameter.name == "h_death" else "relapses"
        return (
            f"before the data, 95 % probable: {general(low, 2)} to {general(high, 2)} {events} a month in 100"
        )
    if parameter.lower == 0.0:
        return _scale_prior(prior)
    if parameter.name in CHANGES:
        return _location_prior(prior, MEASURES["GEN"], "a change")
    baseline = parameter.role == "baseline" or parameter.name == "alpha_mean"
    return _location_prior(prior, MEASURES["PLO"] if baseline else measure)


def _location_prior(prior: Prior, measure: Measure, name: str = "") -> str:
    """Where the prior expects an effect to be."""
    if not prior.is_proper:
        return "flat: no value is preferred to another"
    low, high = (float(v) for v in prior.ppf((0.025, 0.975)))
    scale = name or measure.label[0].lower() + measure.label[1:]
    words = f"before the data, 95 % probable: {scale} between {general(low, 3)} and {general(high, 3)}"
    if measure.scale == "identity":
        return words
    return f"{words}, {measure.name} between {back(measure, low)} and {back(measure, high)}"


def _scale_prior(prior: Prior) -> str:
    """How much heterogeneity the prior expects."""
    if not prior.is_proper:
        return "flat: no value is preferred to another"
    median, high = (float(v) for v in prior.ppf((0.5, 0.95)))
    return (
        f"before the data, as likely above as below {general(median, 3)}; "
        f"95 % probable below {general(high, 3)}"
    )
