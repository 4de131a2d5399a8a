"""Likelihoods of counts as functions of one effect: binomial, and conditional on the margins.

The NumPy route of the families for counts; the PyMC route is written separately.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bayesma.numerics.effect_table import EffectTable
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

LOGIT_BEND = 2.0  # logits over which the likelihood of an effect may bend


def log_choose(n: Array, y: Array) -> Array:
    """Log binomial coefficients, shape of `n`."""
    return np.asarray(gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0))


@compiled
def softplus(x: float) -> float:
    """log(1 + exp(x)) without overflow."""
    return x + math.log1p(math.exp(-x)) if x > 0.0 else math.log1p(math.exp(x))


@compiled
def _log_ways(first: float, last: float, n_treat: float, n_ctrl: float, total: float) -> Array:
    """Log numbers of ways to every table with these margins, up to a constant, by treated events."""
    terms = np.empty(int(last - first) + 1)
    for u in range(terms.size):
        a = first + u
        terms[u] = -(
            math.lgamma(a + 1.0)
            + math.lgamma(n_treat - a + 1.0)
            + math.lgamma(total - a + 1.0)
            + math.lgamma(n_ctrl - total + a + 1.0)
        )
    return terms


@compiled
def hypergeometric(effect: Array, counts: Array) -> Array:
    """Conditional log likelihood of each study given its margins: non-central hypergeometric.

    Parameters
    ----------
    effect
        Log odds ratios, shape (k, g).
    counts
        Shape (k, 4): treated events and patients, control events and patients.
    """
    k, g = effect.shape
    result = np.zeros((k, g))
    for i in range(k):
        y, n_t, n_c = counts[i, 0], counts[i, 1], counts[i, 3]
        total = y + counts[i, 2]
        first, last = max(0.0, total - n_c), min(n_t, total)
        if first == last:  # one table only: the margins leave nothing to learn
            continue
        terms = _log_ways(first, last, n_t, n_c, total)
        size = terms.size
        at = int(y - first)
        for j in range(g):
            x = effect[i, j]
            largest = -np.inf
            for u in range(size):
                value = terms[u] + u * x
                if value > largest:
                    largest = value
                elif value < largest - 60.0:  # log-concave in u: beyond its peak it only falls
                    break
            sum_of = 0.0
            for u in range(size):
                value = terms[u] + u * x - largest
                if value > -60.0:
                    sum_of += math.exp(value)
            result[i, j] = terms[at] + at * x - largest - math.log(sum_of)
    return result


@compiled
def binomial(effect: Array, events: Array, patients: Array) -> Array:
    """Log likelihood of each arm at logits of shape (k, g), without binomial coefficients."""
    k, g = effect.shape
    result = np.empty((k, g))
    for i in range(k):
        for j in range(g):
            result[i, j] = events[i] * effect[i, j] - patients[i] * softplus(effect[i, j])
    return result


def arm_table(events: Array, patients: Array) -> EffectTable:
    """Likelihood of each arm in its logit."""
    choose = log_choose(patients, events)[:, None]
    centre = np.log((events + 0.5) / (patients - events + 0.5))
    width = np.sqrt(1.0 / (events + 0.5) + 1.0 / (patients - events + 0.5))
    return EffectTable.build(
        lambda logit: choose + binomial(np.ascontiguousarray(logit), events, patients),
        centre,
        width,
        LOGIT_BEND,
    )


@compiled
def draw_hypergeometric(effect: Array, n_treat: Array, n_ctrl: Array, total: Array, u: Array) -> Array:
    """Treated events given the margins, by inversion; effects and uniforms of shape (s, k)."""
    result = np.empty(effect.shape)
    for i in range(effect.shape[1]):
        first, last = max(0.0, total[i] - n_ctrl[i]), min(n_treat[i], total[i])
        terms = _log_ways(first, last, n_treat[i], n_ctrl[i], total[i])
        size = terms.size
        weight = np.empty(size)
        for s in range(effect.shape[0]):
            largest = -np.inf
            for m in range(size):
                largest = max(largest, terms[m] + m * effect[s, i])
            sum_of = 0.0
            for m in range(size):
                weight[m] = math.exp(terms[m] + m * effect[s, i] - largest)
                sum_of += weight[m]
            seen, m = weight[0], 0
            while seen < u[s, i] * sum_of and m < size - 1:
                m += 1
                seen += weight[m]
            result[s, i] = first + m
    return result
