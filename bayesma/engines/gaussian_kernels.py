"""Compiled parts of the Gaussian integral: the marginal likelihood at one tau, the window, the nodes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.scale import scale_at
from bayesma.numerics.jit import compiled
from bayesma.priors.kernels import log_density

Array = NDArray[np.float64]

SCAN = 64  # coarse points over the whole reach, at least, ...
SPACING = 0.75  # ... and never further apart in z, where a posterior has hardly two peaks as near as that
STEPS = 60  # of any search, at most: most end after five
FLAT_TOP = 0.1  # a peak is found when two points of the search differ by less
SLACK = 0.005  # an end of the window is found to this share of its distance from the peak
_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
_LOG_2PI = math.log(2.0 * math.pi)


@compiled
def sufficient(tau: float, y: Array, se: Array) -> tuple[float, float, float]:
    """Total weight W, weighted mean and log density of y at that mean, for y_i ~ N(., se_i^2 + tau^2)."""
    total, weighted, log_det = 0.0, 0.0, 0.0
    for i in range(y.size):
        variance = se[i] * se[i] + tau * tau
        total += 1.0 / variance
        weighted += y[i] / variance
        log_det += math.log(variance)
    mean = weighted / total
    deviance = 0.0
    for i in range(y.size):
        z = (y[i] - mean) ** 2
        deviance += z / (se[i] * se[i] + tau * tau)
    return total, mean, -0.5 * (y.size * _LOG_2PI + log_det + deviance)


@compiled
def with_component(
    total: float, mean: float, log_peak: float, m0: float, v0: float
) -> tuple[float, float, float]:
    """Log marginal likelihood, posterior mean and variance of mu under mu ~ N(m0, v0).

    v0 = 0 holds mu at m0; v0 infinite is the flat prior of density 1.
    """
    if v0 == np.inf:
        return log_peak + 0.5 * (_LOG_2PI - math.log(total)), mean, 1.0 / total
    widening = 1.0 + v0 * total
    log_like = log_peak - 0.5 * math.log(widening) - 0.5 * (mean - m0) ** 2 * total / widening
    return log_like, (v0 * total * mean + m0) / widening, v0 / widening


@compiled
def log_marginal(tau: float, y: Array, se: Array, components: Array) -> float:
    """Log p(y | tau) with mu integrated over a normal mixture; `components` has rows m0, v0, log weight."""
    total, mean, log_peak = sufficient(tau, y, se)
    if components.shape[1] == 1:
        offset: float = components[2, 0]
        return with_component(total, mean, log_peak, components[0, 0], components[1, 0])[0] + offset
    largest = -np.inf
    for c in range(components.shape[1]):
        value = with_component(total, mean, log_peak, components[0, c], components[1, c])[0]
        largest = max(largest, value + components[2, c])
    if largest == -np.inf:
        return largest
    summed = 0.0
    for c in range(components.shape[1]):
        value = with_component(total, mean, log_peak, components[0, c], components[1, c])[0]
        summed += math.exp(value + components[2, c] - largest)
    return largest + math.log(summed)


@compiled
def log_target(
    z: float, scale_map: Array, prior: Array, y: Array, se: Array, components: Array
) -> tuple[float, float]:
    """Log posterior density in z, up to the evidence, and log tau."""
    tau, log_tau, log_jacobian = scale_at(z, scale_map)
    value = log_density(prior, tau, log_tau) + log_jacobian
    if value == -np.inf:
        return value, log_tau
    return value + log_marginal(tau, y, se, components), log_tau


@compiled
def _peak(
    low: float, high: float, scale_map: Array, prior: Array, y: Array, se: Array, components: Array
) -> float:
    """Where the target peaks between two coarse points, by golden section."""
    a, b = low, high
    c, d = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    f_c = log_target(c, scale_map, prior, y, se, components)[0]
    f_d = log_target(d, scale_map, prior, y, se, components)[0]
    for _ in range(STEPS):
        if abs(f_c - f_d) < FLAT_TOP:
            break
        if f_c >= f_d:
            b, d, f_d = d, c, f_c
            c = b - _GOLDEN * (b - a)
            f_c = log_target(c, scale_map, prior, y, se, components)[0]
        else:
            a, c, f_c = c, d, f_d
            d = a + _GOLDEN * (b - a)
            f_d = log_target(d, scale_map, prior, y, se, components)[0]
    return c if f_c >= f_d else d


@compiled
def _lifted(value: float, power: float, log_tau: float) -> float:
    """Log of target x tau^power, where both may be 0."""
    if power == 0.0 or value == -np.inf:
        return value
    return value + power * log_tau


@compiled
def _edge(
    inside: float,
    outside: float,
    peak: float,
    floor: float,
    power: float,
    scale_map: Array,
    prior: Array,
    y: Array,
    se: Array,
    components: Array,
) -> float:
    """Where target x tau^power crosses the floor, from the outer side, by bisection."""
    for _ in range(STEPS):
        if abs(outside - inside) <= SLACK * abs(outside - peak):
            break
        middle = 0.5 * (inside + outside)
        value, log_tau = log_target(middle, scale_map, prior, y, se, components)
        if _lifted(value, power, log_tau) > floor:
            inside = middle
        else:
            outside = middle
    return outside


@compiled
def window(
    low: float,
    high: float,
    drop: float,
    power: float,
    scale_map: Array,
    prior: Array,
    y: Array,
    se: Array,
    components: Array,
) -> tuple[float, float]:
    """Interval of z that holds the posterior and its first moments.

    Below it the density lies more than `drop` under its peak (in logs), above it the density times tau^power
    does: a light prior far beyond the data's scale adds little mass and much variance.
    """
    n = max(SCAN, int((high - low) / SPACING))
    grid = np.linspace(low, high, n)
    plain, weighted = np.empty(n), np.empty(n)
    for i in range(n):
        plain[i], log_tau = log_target(grid[i], scale_map, prior, y, se, components)
        weighted[i] = _lifted(plain[i], power, log_tau)
    # every hill is climbed: with many studies a peak is far narrower than the spacing, and far higher
    tops, heights, lifted = np.empty(n), np.empty(n), np.empty(n)
    hills = 0
    for i in range(n):
        left, right = max(i - 1, 0), min(i + 1, n - 1)
        if plain[i] > -np.inf and plain[i] >= plain[left] and plain[i] >= plain[right]:
            tops[hills] = _peak(grid[left], grid[right], scale_map, prior, y, se, components)
            heights[hills], log_tau = log_target(tops[hills], scale_map, prior, y, se, components)
            lifted[hills] = _lifted(heights[hills], power, log_tau)
            hills += 1
    tops, heights, lifted = tops[:hills], heights[:hills], lifted[:hills]
    floor = max(np.max(plain), np.max(heights)) - drop
    peak = grid[np.argmax(plain)] if np.max(plain) >= np.max(heights) else tops[np.argmax(heights)]
    inside = min(_least(grid, plain, floor), _least(tops, heights, floor))
    bottom = low
    if plain[0] <= floor:
        outside = grid[max(int(np.searchsorted(grid, inside)) - 1, 0)]
        bottom = _edge(inside, outside, peak, floor, 0.0, scale_map, prior, y, se, components)
    floor = max(np.max(weighted), np.max(lifted)) - drop
    inside = -min(_least(-grid, weighted, floor), _least(-tops, lifted, floor))
    top = high
    if weighted[n - 1] <= floor:
        outside = grid[min(int(np.searchsorted(grid, inside, side="right")), n - 1)]
        top = _edge(inside, outside, peak, floor, power, scale_map, prior, y, se, components)
    return bottom, top


@compiled
def _least(at: Array, height: Array, floor: float) -> float:
    """Smallest of the points whose height is above the floor; infinite when there is none."""
    least = np.inf
    for i in range(at.size):
        if height[i] > floor:
            least = min(least, at[i])
    return least


@compiled
def fill_nodes(
    z: Array, log_rule: Array, scale_map: Array, prior: Array, y: Array, se: Array, components: Array
) -> tuple[Array, Array, Array]:
    """Every node of the mixture: rows tau, mean of mu, variance of mu, log weight, shape (4, n c).

    Also the log posterior density in z at each z, shape (n,), and log tau, shape (n,).
    """
    n, c = z.size, components.shape[1]
    nodes = np.empty((4, n * c))
    log_f = np.empty(n)
    log_taus = np.empty(n)
    for j in range(n):
        tau, log_taus[j], log_jacobian = scale_at(z[j], scale_map)
        base = log_density(prior, tau, log_taus[j]) + log_jacobian
        total, mean, log_peak = sufficient(tau, y, se)
        largest = -np.inf
        for m in range(c):
            at = j * c + m
            value, nodes[1, at], nodes[2, at] = with_component(
                total, mean, log_peak, components[0, m], components[1, m]
            )
            value += base + components[2, m]
            nodes[0, at] = tau
            nodes[3, at] = value + log_rule[j]
            largest = max(largest, value)
        summed = 0.0
        for m in range(c):
            value = nodes[3, j * c + m] - log_rule[j]
            summed += math.exp(value - largest) if largest > -np.inf else 0.0
        log_f[j] = largest + math.log(summed) if summed > 0.0 else -np.inf
    return nodes, log_f, log_taus


@compiled
def normalise(nodes: Array) -> tuple[Array, float, Array]:
    """Weights that sum to 1, the log evidence, and mean and sd of mu and tau with P(mu < 0), shape (5,)."""
    largest = np.max(nodes[3])
    weight = np.exp(nodes[3] - largest)
    summed = np.sum(weight)
    weight /= summed
    mu = np.sum(weight * nodes[1])
    tau = np.sum(weight * nodes[0])
    mu_var = np.sum(weight * (nodes[2] + (nodes[1] - mu) ** 2))
    tau_var = np.sum(weight * (nodes[0] - tau) ** 2)
    below = 0.0
    for j in range(weight.size):
        if nodes[2, j] > 0.0:
            below += weight[j] * 0.5 * math.erfc(nodes[1, j] / math.sqrt(2.0 * nodes[2, j]))
    summary = np.array([mu, math.sqrt(mu_var), tau, math.sqrt(tau_var), below])
    return weight, largest + math.log(summed), summary


@compiled
def draw_mu(tau: Array, choose: Array, standard: Array, y: Array, se: Array, components: Array) -> Array:
    """Draws of mu from its conditional at each tau; `choose` uniform and `standard` normal, shapes of tau."""
    result = np.empty(tau.size)
    c = components.shape[1]
    value, mean, variance = np.empty(c), np.empty(c), np.empty(c)
    for i in range(tau.size):
        total, centre, log_peak = sufficient(tau[i], y, se)
        for m in range(c):
            value[m], mean[m], variance[m] = with_component(
                total, centre, log_peak, components[0, m], components[1, m]
            )
            value[m] += components[2, m]
        cumulative = np.cumsum(np.exp(value - np.max(value)))
        at = int(np.searchsorted(cumulative, choose[i] * cumulative[c - 1]))
        result[i] = mean[at] + math.sqrt(variance[at]) * standard[i]
    return result
