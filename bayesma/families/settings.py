"""Baselines and risks of the settings that were analysed: what absolute effects of two arms start from.

A model of two arms is fitted for its effect, and its prior of baselines is as wide as the effect needs. Risks
take a prior of their own: given a setting's effect and counts, the logit midway between its arms is
Logistic(0, 1) a priori, so that a risk from 0 of 6 may be high, and swapping the arms swaps their risks. One
mechanism serves every engine, coding and way to treat baselines: it needs no more than draws of the effects.
Where baselines have a distribution in the model, or a stated prior, risks follow the posterior of the fit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import expit, log_expit, ndtr, ndtri

from bayesma.families.base import Array, Case
from bayesma.families.binomial_likelihood import BASELINE, CODING, SHIFTS, four_counts
from bayesma.families.effect_moderators import means

PRIOR_OF_RISKS = "Logistic(0, 1)"
REPLICATES = 8  # baselines of each setting for one draw of its effect
ROWS = 65  # effects at which the distribution of a baseline is tabulated
LEVELS = np.linspace(-3.6, 3.6, 145)  # of its quantiles, as normal deviates
POINTS = 801  # of the integral over a baseline
REACH = 60.0  # logits from the mode, beyond half the effect, where exp(-abs(alpha)) has ended the density
HALVINGS = 70  # of the interval in which a mode is sought
MIDWAY = SHIFTS["midpoint"]
REFUSED = (
    "it needs a distribution of baselines, and under baseline = {given!r} the fit has none; fit baseline = "
    "'random' or 'correlated', or give the baseline of the new setting as a number or a distribution"
)


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Risks of both arms: in each setting analysed, in a typical one, and in a new one.

    Attributes
    ----------
    control, treated
        Shapes (s, m, k): s draws, m baselines for each, k settings.
    typical
        Control and treated risk of a setting with baseline and effect at the middle, shapes (s, m).
    middle
        What that middle is, in words.
    new
        The same of a new setting, shapes (s, 1); None where baselines have no distribution.
    refused
        Why there is no new setting, in words; empty where there is one.
    words
        Which baselines these are, and the prior behind them.
    """

    control: Array
    treated: Array
    typical: tuple[Array, Array]
    middle: str
    new: tuple[Array, Array] | None
    refused: str
    words: str


def midway_draws(effect: Array, counts: Array, rng: np.random.Generator) -> Array:
    """Logits midway between the arms given the effects and counts of their studies, under `PRIOR_OF_RISKS`.

    Parameters
    ----------
    effect
        Log odds ratios, shape (s, k).
    counts
        Treated events and patients, control events and patients: shape (k, 4).
    rng
        Shuffles the levels, of which each of s m equal shares of probability has one.

    Returns
    -------
    ndarray
        Shape (s, m, k), m = `REPLICATES`.
    """
    size = effect.shape[0] * REPLICATES
    levels = ndtri((np.arange(size) + 0.5) / size)
    result = np.empty((effect.shape[0], REPLICATES, effect.shape[1]))
    for i, study in enumerate(counts):
        deviate = rng.permutation(levels).reshape(-1, REPLICATES)
        result[..., i] = _interpolated(effect[:, i], deviate, study)
    return result


def _interpolated(effect: Array, deviate: Array, study: Array) -> Array:
    """Baselines of one study at effects (s,) and normal deviates (s, m), from a table of quantiles."""
    centre, unit = float(np.median(effect)), max(float(np.subtract(*np.quantile(effect, [0.75, 0.25]))), 1e-6)
    place = np.arcsinh((effect - centre) / unit)
    low, high = float(place.min()), max(float(place.max()), float(place.min()) + 1e-6)
    table = midway_quantiles(centre + unit * np.sinh(np.linspace(low, high, ROWS)), study, ndtr(LEVELS))
    row = (ROWS - 1) * (place - low) / (high - low)
    column = (np.clip(deviate, LEVELS[0], LEVELS[-1]) - LEVELS[0]) / (LEVELS[1] - LEVELS[0])
    at = np.stack([np.broadcast_to(row[:, None], column.shape), column])
    return np.asarray(ndimage.map_coordinates(table, at, order=1, mode="nearest"))


def midway_quantiles(effect: Array, study: Array, levels: Array) -> Array:
    """Quantiles of a study's midway logit given its effect, (g,), at probabilities (q,): shape (g, q).

    The density is log-concave: a trapezoid in asinh units about its mode, out to where the prior ends it.
    """
    mode, unit = _mode(effect, study)
    z = np.arcsinh((REACH + 0.5 * np.abs(effect)) / unit)[:, None] * np.linspace(-1.0, 1.0, POINTS)
    alpha = mode[:, None] + unit[:, None] * np.sinh(z)
    log_density = _log_density(alpha, effect[:, None], study)
    mass = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * np.cosh(z)
    below = np.zeros_like(mass)
    below[:, 1:] = np.cumsum(0.5 * (mass[:, 1:] + mass[:, :-1]), axis=1)
    below /= below[:, -1:]
    return np.stack([np.interp(levels, one, at) for one, at in zip(below, alpha, strict=True)])


def _log_density(alpha: Array, effect: Array, study: Array) -> Array:
    """Log prior of risks plus the log likelihood of both arms, without constants."""
    events_t, n_t, events_c, n_c = study
    control, treated = alpha - 0.5 * effect, alpha + 0.5 * effect
    value = events_c * log_expit(control) + (n_c - events_c) * log_expit(-control)
    value = value + events_t * log_expit(treated) + (n_t - events_t) * log_expit(-treated)
    return np.asarray(value + log_expit(alpha) + log_expit(-alpha))


def _mode(effect: Array, study: Array) -> tuple[Array, Array]:
    """Most likely midway logit given the effect, by bisection, and the width of the density there."""
    events_t, n_t, events_c, n_c = study
    high = REACH + 0.5 * np.abs(effect)
    low = -high
    for _ in range(HALVINGS):
        alpha = 0.5 * (low + high)
        expected = n_c * expit(alpha - 0.5 * effect) + n_t * expit(alpha + 0.5 * effect) + 2.0 * expit(alpha)
        rising = events_c + events_t + 1.0 > expected
        low, high = np.where(rising, alpha, low), np.where(rising, high, alpha)
    risks = expit(np.stack([alpha - 0.5 * effect, alpha + 0.5 * effect, alpha]))
    bend = np.array([n_c, n_t, 2.0]) @ (risks * (1.0 - risks))
    return alpha, np.minimum(1.0 / np.sqrt(np.maximum(bend, 1e-12)), 3.0)


def settings_of(
    draws: Mapping[str, Array], case: Case, stated: Collection[str], rng: np.random.Generator
) -> Settings:
    """Risks of the settings of a fit of two arms.

    Parameters
    ----------
    draws
        Of every parameter, draws first.
    case
        Counts, priors and options of the fit.
    stated
        Parameters whose prior somebody chose.
    rng
        For baselines that the fit has not, or has under a prior for its effect only.
    """
    k = case.arrays["events_treat"].size
    mu = draws["mu"][:, None]
    effect = draws.get("delta", np.broadcast_to(means(draws, case.arrays), (mu.size, k)))
    jointly = f"the baselines of {analysed(k)}, jointly with their effects, "
    if "alpha_mean" in draws:
        shift = SHIFTS[case.options[CODING]]
        new = draws["alpha_new"][:, None], draws.get("delta_new", draws["mu"])[:, None]
        named = ("alpha_mean", "alpha_sd", "rho")
        own = ", ".join(f"{name} ~ {case.priors[name]}" for name in named if name in case.priors)
        return Settings(
            *_arms(draws["alpha"][:, None], effect[:, None], shift),
            typical=_arms(draws["alpha_mean"][:, None], mu, shift),
            middle="the mean of the distribution of baselines, alpha_mean",
            new=_arms(*new, shift),
            refused="",
            words=f"{jointly}under the fit's distribution of baselines, {own}; in a new setting alpha_new",
        )
    if "alpha" in stated:
        alpha = (draws["alpha"] + 0.5 * sum(SHIFTS[case.options[CODING]]) * effect)[:, None]
        words = f"{jointly}under the prior that was stated for them, alpha ~ {case.priors['alpha']}"
    else:
        alpha = midway_draws(effect, four_counts(case), rng)
        words = (
            f"{jointly}under a prior of their own for risks: {PRIOR_OF_RISKS} on the logit midway between "
            f"the arms of a setting, given its effect ({_behind(case)})"
        )
    middle = alpha.mean(axis=-1)
    return Settings(
        *_arms(alpha, effect[:, None], MIDWAY),
        typical=_arms(middle, mu, MIDWAY),
        middle="the mean over the settings analysed of the logit midway between the arms",
        new=None,
        refused=REFUSED.format(given=case.options[BASELINE]),
        words=words,
    )


def analysed(k: int) -> str:
    """The settings of an analysis, in words."""
    return "the one setting analysed" if k == 1 else f"the {k} settings analysed"


def _behind(case: Case) -> str:
    """What the fit itself says of baselines, in words."""
    if "alpha" in case.priors:
        return f"the prior alpha ~ {case.priors['alpha']} of the fit bears on the effect alone"
    return "the fit itself conditions baselines away"


def _arms(alpha: Array, effect: Array, shift: tuple[float, float]) -> tuple[Array, Array]:
    """Control and treated risk from baselines, and what one unit of effect adds to either logit."""
    return np.asarray(expit(alpha + shift[0] * effect)), np.asarray(expit(alpha + shift[1] * effect))
