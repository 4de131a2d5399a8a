"""Which model was fitted, in the words of the paper that describes it, and which papers those are?"""

from __future__ import annotations

from bayesma.families.base import PRIOR, Options
from bayesma.families.binomial import JACKSON as NUMBERS
from bayesma.families.mean_shapes import MEANS
from bayesma.families.visit_covariances import BETWEEN

JACKSON = (
    "Models for two arms of counts: Jackson D, Law M, Stijnen T, Viechtbauer W, White IR. Stat Med "
    "2018;37:1059-1085, doi 10.1002/sim.7588"
)
HYPERGEOMETRIC = "Stijnen T, Hamza TH, Ozdemir P. Stat Med 2010;29:3046-3067, doi 10.1002/sim.4040"
LOGIT_NORMAL = (
    "Logit-normal model of proportions: Hamza TH, van Houwelingen HC, Stijnen T. J Clin Epidemiol "
    "2008;61:41-51, doi 10.1016/j.jclinepi.2007.03.016"
)
BETA_BINOMIAL = (
    "Beta-binomial model of proportions: Young-Xu Y, Chan KA. BMC Med Res Methodol 2008;8:14, "
    "doi 10.1186/1471-2288-8-14"
)
NORMAL = (
    "Normal-normal hierarchical model: Higgins JPT, Thompson SG, Spiegelhalter DJ. J R Stat Soc A "
    "2009;172:137-159, doi 10.1111/j.1467-985X.2008.00552.x"
)
LONGITUDINAL = (
    "Longitudinal model: Ishak KJ, Platt RW, Joseph L, Hanley JA, Caro JJ. Clin Trials 2007;4:525-539, "
    "doi 10.1177/1740774507083567; multivariate meta-analysis: Jackson D, Riley R, White IR. Stat Med "
    "2011;30:2481-2498, doi 10.1002/sim.4172"
)
RELAPSE = (
    "Events counted by interval: Prentice RL, Gloeckler LA. Biometrics 1978;34:57-67, doi 10.2307/2529588"
)
COMPETING = "Competing causes: Prentice RL et al. Biometrics 1978;34:541-554, doi 10.2307/2530374"
HORSESHOE = "Piironen and Vehtari 2017, doi 10.1214/17-EJS1337SI"
MODERATED = "mu + z_i' beta"  # the mean of effects like those of study i
INTENSITIES = {
    "random_walk": "constant within each period ({periods}), its log a random walk from period to period",
    "independent": "constant within each period ({periods}), its log independent of the others a priori",
    "constant": "the same at all times",
    "weibull": "a Weibull one, exp(log_rate) a month on average over the first 12 months",
}
KNOWN_AS = {  # by baseline and coding
    ("fixed", "control"): " (Simmonds and Higgins)",
    ("fixed", "midpoint"): " (modified Simmonds and Higgins)",
    ("correlated", "control"): " (bivariate, van Houwelingen)",
    ("correlated", "midpoint"): " (bivariate, van Houwelingen) in the midpoint coding",
}
CODINGS = {
    "control": "logit p_control = alpha_i, logit p_treated = alpha_i + delta_i",
    "midpoint": "logit p_control = alpha_i - delta_i / 2, logit p_treated = alpha_i + delta_i / 2",
}
BASELINES = {
    "fixed": "each study has a baseline alpha_i of its own with the wide prior listed below",
    "random": "baselines alpha_i ~ Normal(alpha_mean, alpha_sd^2), independent of the effects",
    "correlated": "baselines alpha_i ~ Normal(alpha_mean, alpha_sd^2), correlated with the effects (rho)",
}


def model_sentence(family: str, options: Options) -> str:
    """Likelihood and distribution of effects, in one sentence without its full stop."""
    kinds = {
        "binomial": _binomial,
        "proportion": _proportion,
        "longitudinal": _longitudinal,
        "relapse": _relapse,
    }
    return kinds.get(family, _normal)(options)


def model_papers(family: str, options: Options) -> list[str]:
    """The papers behind a model."""
    if family == "binomial":
        return [JACKSON, *([HYPERGEOMETRIC] if options["baseline"] == "conditional" else [])]
    if family == "proportion":
        return [BETA_BINOMIAL if options["distribution"] == "beta-binomial" else LOGIT_NORMAL]
    if family == "longitudinal":
        return [LONGITUDINAL]
    if family == "relapse":
        return [RELAPSE, *([COMPETING] if options["deaths"] == "competing" else [])]
    return [NORMAL]


def _normal(options: Options) -> str:
    """Estimates with standard errors."""
    if options.get("random_effects") == "none":
        if options.get("moderators"):
            return f"common effects: y_i ~ Normal({MODERATED}, s_i^2){_moderators(options)}"
        return "common effect: y_i ~ Normal(mu, s_i^2) with one effect mu for all studies"
    return (
        "random effects: study i with estimate y_i and standard error s_i contributes "
        f"y_i ~ Normal(theta_i, s_i^2), and {_of_studies('theta_i', options)}; the effect in a new study is "
        f"{_effects('theta_new', options)}"
    )


def _binomial(options: Options) -> str:
    """Counts in two arms."""
    baseline, coding = options["baseline"], options["coding"]
    if baseline == "conditional":
        name = "model 7 (hypergeometric-normal)"
        counts = (
            "given the margins of its table, study i contributes the non-central hypergeometric likelihood "
            "of its log odds ratio delta_i, so no baseline is needed"
        )
    else:
        name = f"model {NUMBERS[baseline, coding]}{KNOWN_AS.get((baseline, coding), '')}"
        counts = f"events in each arm are binomial, {CODINGS[coding]}, and {BASELINES[baseline]}"
    common = options["random_effects"] == "none"
    if common and options["moderators"]:
        effects = f"delta_i = {MODERATED}{_moderators(options)}"
    else:
        effects = "delta_i = mu in all studies" if common else _of_studies("delta_i", options)
    kind = ", with a common effect" if common else ""
    return (
        f"{name} of Jackson et al. 2018 (doi 10.1002/sim.7588){kind}: {counts}; {effects}. Nothing is added "
        "to zero cells, and no study is left out"
    )


def _proportion(options: Options) -> str:
    """Counts in single arms."""
    if options["distribution"] == "beta-binomial":
        return (
            "beta-binomial: events are binomial with proportions p_i ~ Beta(mean kappa, (1 - mean) kappa); "
            "the proportion in a new study has the same distribution"
        )
    if options["random_effects"] == "none":
        return "common proportion: events are binomial with one proportion, logit p = mu, for all studies"
    centres = ", with a level for the centres of a study" if options["centres"] == "random" else ""
    return (
        f"logit-normal: events are binomial, logit p_i = theta_i, {_effects('theta_i', options)}{centres}; "
        f"the proportion in a new study is expit(theta_new), {_effects('theta_new', options)}. The median "
        "proportion is expit(mu), the mean proportion E expit(theta_new). Nothing is added to zero cells"
    )


def _longitudinal(options: Options) -> str:
    """Estimates at several visits."""
    mean, between = MEANS[options["trajectory"]].words, BETWEEN[options["between"]].words
    shifts = [
        f"{words} ({', '.join(options[name])})"
        for name, words in (
            ("moderators", "moderators that shift it"),
            ("slope_moderators", "moderators that change its slope"),
        )
        if options[name]
    ]
    own = f"; m is that of studies at the mean of {' and '.join(shifts)}, centred and scaled" * bool(shifts)
    known = "but for the correlation between visits, which has a prior" * (options["within"] == "estimated")
    return (
        "longitudinal: the estimates of study i at its visits are multivariate normal around its effects "
        f"theta_i, with the covariance of their errors known{f' {known}' if known else ''}; theta_i ~ "
        f"Normal({'m_i' if shifts else 'm'}, Sigma). Mean over months m: {mean}{own}. Covariance between "
        f"studies Sigma: {between}. A visit that a study has not takes no part; the effects in a new study "
        "are theta_new ~ Normal(m, Sigma)"
    )


def _relapse(options: Options) -> str:
    """Relapses by interval of follow-up."""
    ends = ", ".join(f"{month:g}" for month in options.get("periods", ()))
    course = INTENSITIES[options["hazard"]].format(periods=f"ends at months {ends}")
    shifts = [] if options["random_effects"] == "none" else ["u_i ~ Normal(0, s^2) of its study"]
    if options["centres"] == "random":
        shifts = ["u_ij ~ Normal(u_i, s_centre^2) of its centre", *shifts]
    shifts += [f"moderators ({', '.join(options['moderators'])})"] * bool(options["moderators"])
    shifted = f", its log shifted by {' and '.join(shifts)}" if shifts else ", the same in all studies"
    dying = (
        "death is a competing cause with a constant intensity"
        if options["deaths"] == "competing"
        else "death is no cause of its own"
    )
    return f"relapse: patients at risk relapse with an intensity that is {course}{shifted}; {dying}"


def _of_studies(name: str, options: Options) -> str:
    """Distribution of the effects of studies, around what their moderators say."""
    if not options.get("moderators"):
        return _effects(name, options)
    return f"{_effects(name, options, MODERATED)}{_moderators(options)}"


def _moderators(options: Options) -> str:
    """What z and beta are."""
    shrunken = options["coefficients"] == "horseshoe"
    prior = f", and beta has a regularised horseshoe prior ({HORSESHOE})" if shrunken else ""
    return f", z_i the moderators of study i ({', '.join(options['moderators'])}), centred and scaled{prior}"


def _effects(name: str, options: Options, mean: str = "mu") -> str:
    """Distribution of effects between studies."""
    kind = options.get("random_effects")
    if kind == "student_t":
        estimated = options["nu"] == PRIOR
        nu = "nu" if estimated else f"nu = {options['nu']:g}"
        return f"{name} ~ Student-t({nu}, {mean}, tau)"
    if kind == "contaminated":
        share = options["contamination"]
        said = "contamination" if share == PRIOR else f"{share:g}"
        return (
            f"{name} ~ Normal({mean}, tau^2), but with probability {said} Normal({mean}, "
            f"({options['inflation']:g} tau)^2)"
        )
    return f"{name} ~ Normal({mean}, tau^2)"
