"""A study's baseline integrated out of its two-arm likelihood, and what is known of it given the effect."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.families.count_kernels import softplus
from bayesma.numerics.effect_kernels import Packed, fast_exp
from bayesma.numerics.jit import compiled, unlocked
from bayesma.priors.kernels import NORMAL, log_density

Array = NDArray[np.float64]

STEP = 0.1  # of the integral over a baseline, in asinh units around its mode
OPEN_STEP = 0.05  # where counts bound it on one side only, which lies away from the mode: a prior sets that
DROP = 40.0
NEWTON = 200
BEND = 3.0  # logits over which a binomial likelihood bends, however wide the prior
WIDENING = 0.35  # asinh units by which an end of the window is moved out at a time
_SQRT_2PI = math.sqrt(2.0 * math.pi)


@compiled
def _expit(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x > -700.0 else 0.0


@compiled
def _log_joint(alpha: float, effect: float, counts: Array, shift: Array, prior: Array) -> float:
    """Log prior of the baseline plus log likelihood of both arms, without binomial coefficients."""
    control, treated = alpha + shift[0] * effect, alpha + shift[1] * effect
    value = counts[2] * control - counts[3] * softplus(control)
    value += counts[0] * treated - counts[1] * softplus(treated)
    return float(value + _log_prior(alpha, prior))


@compiled
def _log_prior(alpha: float, prior: Array) -> float:
    """Log density of a baseline's prior."""
    if prior[0] == NORMAL:
        return float(-0.5 * ((alpha - prior[1]) / prior[2]) ** 2 - math.log(prior[2] * _SQRT_2PI))
    return float(log_density(prior, alpha, 0.0))


@compiled
def _prior_derivatives(alpha: float, prior: Array) -> tuple[float, float]:
    """Slope of the log density of a Normal or Student-t prior, and its second derivative or a bound."""
    if prior[0] == NORMAL:
        return (prior[1] - alpha) / prior[2] ** 2, -1.0 / prior[2] ** 2
    nu, z = prior[1], (alpha - prior[2]) / prior[3]
    fall = (nu + 1.0) / (nu + z * z)
    return -fall * z / prior[3], -fall / prior[3] ** 2


@compiled
def _mode(effect: float, start: float, counts: Array, shift: Array, prior: Array) -> tuple[float, float]:
    """Most likely baseline and a unit to step from it, by Newton on an interval that closes in."""
    low, high = -np.inf, np.inf
    alpha, sd, farthest = start, 1.0, 2.0
    for turn in range(NEWTON):
        control, treated = alpha + shift[0] * effect, alpha + shift[1] * effect
        p_c, p_t = _expit(control), _expit(treated)
        slope = counts[2] - counts[3] * p_c + counts[0] - counts[1] * p_t
        bend = -counts[3] * p_c * (1.0 - p_c) - counts[1] * p_t * (1.0 - p_t)
        prior_slope, prior_bend = _prior_derivatives(alpha, prior)
        slope += prior_slope
        bend += prior_bend
        if slope > 0.0:
            low = alpha
        else:
            high = alpha
        sd = 1.0 / math.sqrt(max(-bend, 1e-30))
        step = min(max(slope * sd * sd, -farthest), farthest)
        farthest *= 2.0
        moved = alpha + step
        if not low <= moved <= high or (turn % 3 == 2 and high - low < np.inf):
            moved = 0.5 * (low + high)
        if abs(moved - alpha) < 1e-6 * sd:
            alpha = moved
            break
        alpha = moved
    return alpha, min(sd, BEND)


@compiled
def _window(
    mode: float,
    sd: float,
    guess: tuple[float, float],
    effect: float,
    counts: Array,
    shift: Array,
    prior: Array,
) -> tuple[float, float]:
    """Ends, in asinh units around the mode, where the integrand has fallen to exp(-40) of its peak.

    The guess, the window of the effect before, saves the search from the mode outward.
    """
    floor = _log_joint(mode, effect, counts, shift, prior) - DROP
    low, high = guess
    while (
        low < -WIDENING
        and _log_joint(mode + sd * math.sinh(low + WIDENING), effect, counts, shift, prior) < floor
    ):
        low += WIDENING
    while low > -20.0 and _log_joint(mode + sd * math.sinh(low), effect, counts, shift, prior) > floor:
        low -= WIDENING
    while (
        high > WIDENING
        and _log_joint(mode + sd * math.sinh(high - WIDENING), effect, counts, shift, prior) < floor
    ):
        high -= WIDENING
    while high < 20.0 and _log_joint(mode + sd * math.sinh(high), effect, counts, shift, prior) > floor:
        high += WIDENING
    return low, high


@compiled
def _first_rule(counts: Array) -> tuple[float, float, float, float, int, float]:
    """Where to look for the first effect's rule: at the logit of both arms together."""
    y, n = counts[0] + counts[2], counts[1] + counts[3]
    return math.log((y + 0.5) / (n - y + 0.5)), 1.0, -3.0, 3.0, 2, 0.0


@compiled
def _rule(
    effect: float,
    before: tuple[float, float, float, float, int, float],
    counts: Array,
    shift: Array,
    prior: Array,
) -> tuple[float, float, float, float, int, float]:
    """Trapezoid over the baseline given an effect, sought from the rule of the effect before.

    Returns mode, unit, the window's ends in asinh units, the number of nodes, and the log density there.
    """
    mode, sd = _mode(effect, before[0], counts, shift, prior)
    low, high = _window(mode, sd, (before[2], before[3]), effect, counts, shift, prior)
    total = counts[0] + counts[2]
    step = OPEN_STEP if total == 0.0 or total == counts[1] + counts[3] else STEP
    return mode, sd, low, high, int((high - low) / step) + 2, _log_joint(mode, effect, counts, shift, prior)


@unlocked
def baseline_integral(effect: Array, counts: Array, shift: Array, prior: Array, log_constant: Array) -> Array:
    """Log likelihood of each study at its effects, its baseline integrated out.

    Parameters
    ----------
    effect
        Shape (k, g).
    counts
        Shape (k, 4): treated events and patients, control events and patients.
    shift
        What one unit of effect adds to the control and to the treated logit: (0, 1) or (-1/2, 1/2).
    prior
        Packed prior of the baseline.
    log_constant
        Log binomial coefficients, shape (k,).
    """
    k, g = effect.shape
    result = np.empty((k, g))
    for i in range(k):
        rule = _first_rule(counts[i])
        for j in range(g):
            x = effect[i, j]
            rule = _rule(x, rule, counts[i], shift, prior)
            mode, sd, low, high, nodes, peak = rule
            step = (high - low) / (nodes - 1)
            total = 0.0
            grown, growth = math.exp(low), math.exp(step)
            for _ in range(nodes):
                sinh, cosh = 0.5 * (grown - 1.0 / grown), 0.5 * (grown + 1.0 / grown)
                value = _log_joint(mode + sd * sinh, x, counts[i], shift, prior)
                total += math.exp(value - peak) * cosh
                grown *= growth
            result[i, j] = peak + math.log(total * step * sd) + log_constant[i]
    return result


@unlocked
def baseline_quantiles(effect: Array, levels: Array, counts: Array, shift: Array, prior: Array) -> Array:
    """Quantiles of each study's baseline given its data and effect.

    `effect` has shape (k, g), `levels` (q,) rising in (0, 1); the result (k, g, q).
    """
    k, g = effect.shape
    result = np.empty((k, g, levels.size))
    for i in range(k):
        rule = _first_rule(counts[i])
        for j in range(g):
            x = effect[i, j]
            rule = _rule(x, rule, counts[i], shift, prior)
            mode, sd, low, high, nodes, peak = rule
            step = (high - low) / (nodes - 1)
            cumulative = np.empty(nodes)
            before, total = 0.0, 0.0
            for m in range(nodes):
                z = low + m * step
                value = _log_joint(mode + sd * math.sinh(z), x, counts[i], shift, prior)
                here = math.exp(value - peak) * math.cosh(z)
                total += 0.5 * (before + here) if m > 0 else 0.0
                cumulative[m] = total
                before = here
            m = 1
            for q in range(levels.size):
                target = levels[q] * total
                while cumulative[m] < target and m < nodes - 1:
                    m += 1
                share = cumulative[m] - cumulative[m - 1]
                f = (target - cumulative[m - 1]) / share if share > 0.0 else 0.5
                result[i, j, q] = mode + sd * math.sinh(low + (m - 1 + f) * step)
    return result


@compiled
def baseline_mixture(
    effect: Array, log_weight: Array, alpha: Array, counts: Array, shift: Array, prior: Array
) -> Array:
    """Log of the sum over effects of weight times joint density of data and baseline, without coefficients.

    Effects and log weights (k, g) and baselines (k, a) to (k, a).
    """
    k, g = effect.shape
    result = np.empty(alpha.shape)
    value = np.empty(g)
    for i in range(k):
        events_t, n_t, events_c, n_c = counts[i]
        slope = events_t * shift[1] + events_c * shift[0]
        for m in range(alpha.shape[1]):
            x = alpha[i, m]
            fixed = (events_t + events_c) * x + _log_prior(x, prior)
            control = softplus(x) if shift[0] == 0.0 else 0.0
            largest = -np.inf
            for j in range(g):
                delta = effect[i, j]
                if shift[0] != 0.0:
                    control = softplus(x + shift[0] * delta)
                value[j] = (
                    log_weight[i, j] + slope * delta - n_t * softplus(x + shift[1] * delta) - n_c * control
                )
                largest = max(largest, value[j])
            total = 0.0
            if largest > -np.inf:
                for j in range(g):
                    total += fast_exp(value[j] - largest)
            result[i, m] = fixed + largest + math.log(total) if total > 0.0 else -np.inf
    return result


@compiled
def interpolated_draws(
    effect: Array, deviate: Array, levels: Array, quantiles: Array, rows: int, table: Packed
) -> Array:
    """Baselines given effects: quantiles linear between rows of effects and between normal deviates.

    Parameters
    ----------
    effect, deviate
        Shapes (s, k): effects, and the standard normal deviates whose quantiles are wanted.
    levels
        Deviates at which the quantiles stand, evenly spaced, shape (q,).
    quantiles
        Shape (k, g, q), at every `rows`-th point of the table.
    """
    result = np.empty(effect.shape)
    spacing = levels[1] - levels[0]
    g, q = quantiles.shape[1], quantiles.shape[2]
    for s in range(effect.shape[0]):
        for i in range(effect.shape[1]):
            z = math.asinh((effect[s, i] - table.centre[i]) / table.width[i])
            at = min(max((z - table.start[i]) / (rows * table.step[i]), 0.0), g - 1.0)
            row = min(int(at), g - 2)
            # linear in the effect, as baselines are far out, and not in its asinh
            ends = (
                table.start[i] + rows * table.step[i] * row,
                table.start[i] + rows * table.step[i] * (row + 1),
            )
            sinh_z, sinh_low, sinh_up = math.sinh(z), math.sinh(ends[0]), math.sinh(ends[1])
            f = (sinh_z - sinh_low) / (sinh_up - sinh_low)
            place = (deviate[s, i] - levels[0]) / spacing
            m = min(max(int(place), 0), q - 2)
            h = place - m
            low = quantiles[i, row, m] + h * (quantiles[i, row, m + 1] - quantiles[i, row, m])
            up = quantiles[i, row + 1, m] + h * (quantiles[i, row + 1, m + 1] - quantiles[i, row + 1, m])
            result[s, i] = low + f * (up - low)
    return result
