"""The PyMC model of family `binomial`, its study parameters sampled in units the data choose.

Given mu and tau a study's baseline and effect are nearly normal. They are sampled as standardised deviations
from that normal approximation (half an event added to each cell), with the Jacobian kept. The one form is
centred where arms are large, non-centred where they are small or effects agree, and neither shows a funnel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bayesma.families.base import Arrays, Case
from bayesma.families.effect_moderators import MODERATORS, shifts
from bayesma.families.effects import NU, RANDOM_EFFECTS, common
from bayesma.families.latent import effect_density, mean_variable, standardised
from bayesma.priors.packing import data_variables
from bayesma.priors.variables import log_density, variable

type Array = NDArray[np.float64]

MOST = 128.0  # columns of the list of tables a conditional likelihood is summed over
REACH = 14.0  # sds
NEXT_TO_NOTHING = 1e-6  # of the precision of a study that knows no more than its prior
IMPOSSIBLE = -1e300  # log of no ways at all, as a number
SHIFTS = {"control": (0.0, 1.0), "midpoint": (-0.5, 0.5)}


def build(case: Case) -> Any:
    """The model with these options; every number a `pm.Data`."""
    import pymc as pm

    with pm.Model() as model:
        held = data_variables(data(case))
        if case.options["baseline"] == "conditional":
            _conditional(case, held)
        else:
            _two_arms(case, held)
    return model


def data(case: Case) -> Arrays:
    """All numbers of the model but those of the priors, by the names of their `pm.Data`.

    What follows from counts alone is computed here once, and not in the model at every step of the sampler.
    """
    arrays = case.arrays
    result: dict[str, Array] = {MODERATORS: arrays[MODERATORS]} if MODERATORS in arrays else {}
    conditional = case.options["baseline"] == "conditional"
    sides = _open(arrays)
    # a study with one outcome only lies where the distribution of the baselines puts it, if there is one
    silent = sum(sides.values()) if case.options["baseline"] in {"random", "correlated"} else 0.0
    for arm in ("treat", "ctrl"):
        events, n = arrays[f"events_{arm}"], arrays[f"n_{arm}"]
        yes, no = events + 0.5, n - events + 0.5
        precision = yes * no / (yes + no) * np.where(silent, NEXT_TO_NOTHING, 1.0)
        result |= {f"logit_{arm}": np.log(yes / no), f"precision_{arm}": precision}
        if not conditional:
            choose = gammaln(n + 1.0) - gammaln(events + 1.0) - gammaln(n - events + 1.0)
            result |= {f"events_{arm}": events, f"n_{arm}": n, f"choose_{arm}": choose}
    if case.options["baseline"] == "fixed":
        result |= sides
    return result | _tables(arrays) if conditional else result


def _open(arrays: Arrays) -> Arrays:
    """Whether the counts leave a baseline open below (no event) and above (nothing but events), as 0 and 1.

    Only its own prior bounds it there, and that may be a hundred times as wide as the side the counts bound.
    """
    total = arrays["events_treat"] + arrays["events_ctrl"]
    patients = arrays["n_treat"] + arrays["n_ctrl"]
    return {
        "open_below": (total == 0).astype(np.float64),
        "open_above": (total == patients).astype(np.float64),
    }


def support(arrays: Arrays) -> int:
    """Columns of the list of tables that the margins allow, compiled into the model: a power of two."""
    return int(
        2 ** np.ceil(np.log2(min(max(float(np.max(_last(arrays) - _first(arrays))) + 1.0, 2.0), MOST)))
    )


def _first(arrays: Arrays) -> Array:
    """Fewest treated events that the margins allow."""
    return np.maximum(0.0, arrays["events_treat"] + arrays["events_ctrl"] - arrays["n_ctrl"])


def _last(arrays: Arrays) -> Array:
    """Most treated events that the margins allow."""
    return np.minimum(arrays["n_treat"], arrays["events_treat"] + arrays["events_ctrl"])


def _tables(arrays: Arrays) -> Arrays:
    """Treated events of the possible tables and log numbers of ways to them, shapes (k, support).

    A sum over more tables than columns is taken at evenly spaced places, not whole numbers: the terms are a
    smooth bell many spacings wide, whose sum an even spacing gives to rounding (Poisson). Such a bell
    is followed for 14 of its sds either side of the events seen.
    """
    seen, n_t, n_c = arrays["events_treat"], arrays["n_treat"], arrays["n_ctrl"]
    total, columns = seen + arrays["events_ctrl"], support(arrays)
    first, last = _first(arrays), _last(arrays)
    cells = np.stack([seen, n_t - seen, total - seen, n_c - total + seen]) + 0.5
    reach = REACH / np.sqrt((1.0 / cells).sum(axis=0))
    many = last - first + 1.0 > columns
    low = np.where(many, np.maximum(first, seen - reach), first)
    high = np.where(many, np.minimum(last, seen + reach), first + columns - 1.0)
    spacing = np.where(many, (high - low) / (columns - 1.0), 1.0)
    tables = np.asarray(low[:, None] + spacing[:, None] * np.arange(columns), dtype=np.float64)
    possible = tables <= last[:, None] + 1e-9
    tables = np.minimum(tables, last[:, None])

    def ways(a: Array, patients: Array, others: Array, events: Array) -> Array:
        """Log number of ways to a table."""
        cells = (a, patients - a, events - a, others - events + a)
        return np.asarray(-sum(gammaln(cell + 1.0) for cell in cells), dtype=np.float64)

    log_terms = ways(tables, n_t[:, None], n_c[:, None], total[:, None]) + np.log(spacing)[:, None]
    log_terms -= ways(seen, n_t, n_c, total)[:, None]
    return {"tables": tables - seen[:, None], "log_terms": np.where(possible, log_terms, IMPOSSIBLE)}


def _binomial(arm: str, held: dict[str, Any], logit: Any) -> Any:
    """Log probability of the events of one arm."""
    import pytensor.tensor as pt

    return held[f"choose_{arm}"] + held[f"events_{arm}"] * logit - held[f"n_{arm}"] * pt.softplus(logit)


def _two_arms(case: Case, held: dict[str, Any]) -> None:
    """Baselines fixed, random or correlated."""
    import pymc as pm

    options, k = case.options, case.arrays["n_treat"].size
    to_c, to_t = (np.float64(shift) for shift in SHIFTS[options["coding"]])
    logit_t, w_t = held["logit_treat"], held["precision_treat"]
    logit_c, w_c = held["logit_ctrl"], held["precision_ctrl"]
    single = common(options)
    tau = None if single else variable(case.priors["tau"], "tau", lower=0.0)
    variance = 1 / w_t + 1 / w_c + (0 if tau is None else tau**2)
    mu = _means(case, held, logit_t - logit_c, variance)
    rho: Any = np.float64(0)
    if options["baseline"] == "fixed":
        alpha_mean, alpha_sd = _rough_prior(case)
    else:
        alpha_mean = variable(case.priors["alpha_mean"], "alpha_mean")
        alpha_sd = variable(case.priors["alpha_sd"], "alpha_sd", lower=0.0)
        if "rho" in case.priors:
            rho = variable(case.priors["rho"], "rho")
    # precision of the normal approximation of (alpha, delta): prior plus both arms
    left = 1 - rho**2
    p_aa = alpha_sd**-2 / left + w_c + w_t
    b_a = alpha_mean * alpha_sd**-2 / left + w_c * logit_c + w_t * logit_t
    if tau is None:
        delta = mu
        b_a -= (w_c * to_c + w_t * to_t) * mu
    else:
        # the effect's row, multiplied by tau^2 so that nothing overflows as tau goes to 0
        p_ad = -rho * tau / (alpha_sd * left) + tau**2 * (w_c * to_c + w_t * to_t)
        p_dd = 1 / left + tau**2 * (w_c * to_c**2 + w_t * to_t**2)
        b_a -= rho / (alpha_sd * left) * mu / tau
        b_d = mu / left - rho * tau / (alpha_sd * left) * alpha_mean
        b_d += tau**2 * (w_c * to_c * logit_c + w_t * to_t * logit_t)
        rest = p_dd - p_ad**2 / (tau**2 * p_aa)
        delta = standardised("delta", k, (b_d - p_ad * b_a / p_aa) / rest, tau * rest**-0.5)
        b_a -= p_ad / tau**2 * delta
    tails = (held["open_below"] * alpha_sd, held["open_above"] * alpha_sd) if "open_below" in held else None
    alpha = standardised("alpha", k, b_a / p_aa, p_aa**-0.5, tails)
    if options["baseline"] == "fixed":
        pm.Potential("alpha_density", log_density(case.priors["alpha"], "alpha", alpha))
    else:
        pm.Potential("alpha_density", pm.logp(pm.Normal.dist(alpha_mean, alpha_sd), alpha))
    if tau is not None:
        centre = mu + rho * tau / alpha_sd * (alpha - alpha_mean)
        density = effect_density(options[RANDOM_EFFECTS], options.get(NU), delta, centre, tau * left**0.5)
        pm.Potential("delta_density", density)
    likelihood = _binomial("ctrl", held, alpha + to_c * delta)
    likelihood += _binomial("treat", held, alpha + to_t * delta)
    pm.Potential("likelihood", likelihood)


def _means(case: Case, held: dict[str, Any], estimate: Any, variance: Any) -> Any:
    """The mean effect, one for all studies; with moderators one each, shape (k,)."""
    if MODERATORS not in held:
        return mean_variable(case.priors["mu"], estimate, variance)
    shift = shifts(case, held[MODERATORS], estimate, variance)
    return mean_variable(case.priors["mu"], estimate - shift, variance) + shift


def _rough_prior(case: Case) -> tuple[Any, Any]:
    """Centre and scale of the baselines' prior, for the units they are sampled in."""
    from bayesma.priors.variables import data_of

    held = data_of(case.priors["alpha"], "alpha")
    return held[-2], held[-1]


def _conditional(case: Case, held: dict[str, Any]) -> None:
    """Events given the margins: non-central hypergeometric, over a padded list of all tables."""
    import pymc as pm
    import pytensor.tensor as pt

    options, k = case.options, case.arrays["n_treat"].size
    logit_t, w_t = held["logit_treat"], held["precision_treat"]
    logit_c, w_c = held["logit_ctrl"], held["precision_ctrl"]
    within = 1 / w_t + 1 / w_c
    if common(options):
        effect = _means(case, held, logit_t - logit_c, within)
    else:
        tau = variable(case.priors["tau"], "tau", lower=0.0)
        mu = _means(case, held, logit_t - logit_c, within + tau**2)
        shrink = within / (within + tau**2)
        mean = (1 - shrink) * (logit_t - logit_c) + shrink * mu
        effect = standardised("delta", k, mean, (shrink * tau**2) ** 0.5)
        pm.Potential(
            "delta_density", effect_density(options[RANDOM_EFFECTS], options.get(NU), effect, mu, tau)
        )
    by_study = effect[:, None] if effect.ndim else effect
    pm.Potential("likelihood", -pt.logsumexp(held["log_terms"] + held["tables"] * by_study, axis=1))
