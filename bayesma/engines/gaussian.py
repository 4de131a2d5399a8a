"""The Gaussian integral: posterior of (mu, tau) and every study effect, by quadrature over tau alone.

Given tau, mu is normal (a mixture of normals under a Student-t prior) and so is each study effect, so the
whole posterior is a normal mixture over the nodes in tau (Roever 2020, doi 10.18637/jss.v093.i06, uses the
same structure with another choice of nodes).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines import gaussian_kernels as kernels
from bayesma.engines.components import normal_components, point_component
from bayesma.engines.scale import ScaleMap
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import GaussianProblem
from bayesma.numerics import legendre

Array = NDArray[np.float64]

DROP = 38.0  # the window ends where the density has fallen to exp(-38) of its peak
FIRST, LAST = 64, 2048  # nodes: doubled from the first until two rules agree, at most to the last
TOLERANCE = 1e-9  # asked of the log evidence and, in units of the sd, of the means and sds
LOUD = 1e-6  # an estimated error beyond this is reported as a warning
PRUNE = 1e-16  # nodes of a mixture of mixtures below this share of the largest are left out


@dataclass(frozen=True, slots=True, eq=False)
class TauDensity:
    """Posterior density of tau as a Legendre series over the window.

    Attributes
    ----------
    scale_map
        From z to tau.
    low, high
        Window in z.
    series
        Legendre coefficients of the density in u on [-1, 1], where z = low + (high - low)(u + 1) / 2.
    """

    scale_map: ScaleMap
    low: float
    high: float
    series: Array


@dataclass(frozen=True, slots=True, eq=False)
class GaussianSolution:
    """Posterior as a normal mixture.

    Attributes
    ----------
    weight, tau, mu_mean, mu_sd
        Nodes, shape (m,): weights that sum to 1, tau, conditional mean and sd of mu.
    tau_density
        Marginal posterior density of tau; None when tau is fixed at 0.
    log_evidence
        log p(y), with density 1 for a flat prior.
    error
        Largest change between the last two rules: log evidence, P(mu < 0), means and sds in units of sd.
    nodes
        Quadrature nodes in tau that were needed.
    components
        The normal mixture that mu's prior is, shape (3, c), kept for drawing.
    """

    weight: Array
    tau: Array
    mu_mean: Array
    mu_sd: Array
    tau_density: TauDensity | None
    log_evidence: float
    error: float
    nodes: int
    components: Array


def solve(problem: GaussianProblem, moments: float = 2.0) -> GaussianSolution:
    """Integrate a Gaussian problem.

    Parameters
    ----------
    problem
        Estimates, standard errors, priors.
    moments
        The q-th moment of tau exists exactly when q is below this; the window reaches far enough for two.

    Warns
    -----
    ConvergenceWarning
        When the estimated error stays above 1e-6.
    """
    return _integrate(problem, normal_components(problem.mu, problem.y), moments)


def log_evidence_at(problem: GaussianProblem, *, mu: float | None = None, tau: float | None = None) -> float:
    """Log evidence with mu or tau held at a value (exactly one of them)."""
    components = normal_components(problem.mu, problem.y) if mu is None else point_component(mu)
    if tau is not None:
        return kernels.log_marginal(tau, problem.y, problem.se, components)
    moments = math.inf if problem.tau is None else problem.y.size + problem.tau.tail - 1.0
    return _integrate(problem, components, moments).log_evidence


def _integrate(problem: GaussianProblem, components: Array, moments: float) -> GaussianSolution:
    """Quadrature over tau for a mean whose prior is a normal mixture."""
    if problem.tau is None:
        return _common(problem, components)
    largest = max(float(np.max(problem.se)), float(np.ptp(problem.y)))
    scale_map = ScaleMap.for_prior(problem.tau, float(np.min(problem.se)))
    given = (scale_map.pack(), problem.tau.pack(), problem.y, problem.se, components)
    power = float(sum(q < moments for q in (1, 2)))
    reach = scale_map.reach(problem.tau, largest, moments - power)
    low, high = kernels.window(*reach, DROP, power, *given)
    previous, error, n = None, math.inf, FIRST
    while True:
        z, nodes, log_f, log_tau = _rule(n, low, high, given)
        weight, log_evidence, summary = kernels.normalise(nodes)
        if previous is not None:
            error = _change(previous, (log_evidence, summary), power)
            if error <= TOLERANCE or n >= LAST:
                break
        previous, n = (log_evidence, summary), 2 * n
    if low <= reach[0] and not problem.tau.smooth_at_zero:
        error = max(error, _beyond(z[:2], log_f[:2] - log_evidence))
    if high >= reach[1] and not math.isfinite(problem.tau.support[1]):
        end = slice(-1, -3, -1)
        for q in range(int(power) + 1):
            share = q * log_tau[end] - math.log(float(weight @ nodes[0] ** q))
            error = max(error, _beyond(z[end], log_f[end] - log_evidence + share))
    if error > LOUD:
        warnings.warn(
            f"the integral over tau reached an accuracy of {error:.1g} with {n} nodes; "
            "compare with engine='nuts' before relying on it",
            ConvergenceWarning,
            stacklevel=2,
        )
    series = legendre.coefficients(np.exp(log_f - log_evidence) * (0.5 * (high - low)))
    kept = _kept(weight, nodes[0], power) if components.shape[1] > 1 else slice(None)
    return GaussianSolution(
        weight=weight[kept],
        tau=nodes[0][kept],
        mu_mean=nodes[1][kept],
        mu_sd=np.sqrt(nodes[2][kept]),
        tau_density=TauDensity(scale_map, low, high, series),
        log_evidence=log_evidence,
        error=error,
        nodes=n,
        components=components,
    )


def _rule(n: int, low: float, high: float, given: tuple[Array, ...]) -> tuple[Array, Array, Array, Array]:
    """The n-point rule on the window: z, mixture nodes, log density in z, log tau."""
    u, w = legendre.rule(n)
    half = 0.5 * (high - low)
    z = low + half * (u + 1.0)
    return z, *kernels.fill_nodes(z, np.log(w * half), *given)


def _change(before: tuple[float, Array], after: tuple[float, Array], power: float) -> float:
    """Largest difference between two rules: log evidence, P(mu < 0), and the moments that exist, in sds."""
    (evidence_0, summary_0), (evidence_1, summary_1) = before, after
    mu_0, mu_sd_0, tau_0, tau_sd_0, below_0 = summary_0
    mu_1, mu_sd_1, tau_1, tau_sd_1, below_1 = summary_1
    changes = [abs(evidence_1 - evidence_0), abs(below_1 - below_0)]
    if power >= 1 and mu_sd_1 > 0:
        changes.append(abs(mu_1 - mu_0) / mu_sd_1)
    if power >= 1 and tau_sd_1 > 0:
        changes.append(abs(tau_1 - tau_0) / max(tau_1, tau_sd_1))
    if power >= 2 and mu_sd_1 > 0:
        changes.append(abs(mu_sd_1 - mu_sd_0) / mu_sd_1)
    if power >= 2 and tau_sd_1 > 0:
        changes.append(abs(tau_sd_1 - tau_sd_0) / tau_sd_1)
    return float(max(changes))


def _kept(weight: Array, tau: Array, power: float) -> NDArray[np.bool_]:
    """Nodes that matter to a probability or, far out and light, to a moment."""
    moment = weight * tau**power
    return np.asarray((weight > PRUNE * np.max(weight)) | (moment > PRUNE * np.max(moment)))


def _beyond(z: Array, log_density: Array) -> float:
    """What lies beyond an open end of the window, to which node doubling is blind, at most 1.

    The density falls exponentially there, at the rate between the two outermost nodes (outermost first).
    """
    rate = (log_density[1] - log_density[0]) / abs(z[1] - z[0])
    return min(math.exp(min(log_density[0], 0.0)) / rate, 1.0) if rate > 0.0 else 1.0


def _common(problem: GaussianProblem, components: Array) -> GaussianSolution:
    """The closed form at tau = 0."""
    total, mean, log_peak = kernels.sufficient(0.0, problem.y, problem.se)
    rows = np.array([kernels.with_component(total, mean, log_peak, m, v) for m, v, _ in components.T])
    log_weight = rows[:, 0] + components[2]
    largest = float(np.max(log_weight))
    weight = np.exp(log_weight - largest)
    return GaussianSolution(
        weight=weight / weight.sum(),
        tau=np.zeros(weight.size),
        mu_mean=rows[:, 1],
        mu_sd=np.sqrt(rows[:, 2]),
        tau_density=None,
        log_evidence=largest + math.log(weight.sum()),
        error=0.0,
        nodes=1,
        components=components,
    )


def effect_nodes(solution: GaussianSolution, y: Array, se: Array) -> tuple[Array, Array]:
    """Conditional mean and sd of each study effect at each node, shapes (k, m)."""
    tau2, var = solution.tau**2, np.square(se)[:, None]
    shrink = var / (var + tau2)
    mean = (1.0 - shrink) * y[:, None] + shrink * solution.mu_mean
    return mean, np.sqrt(shrink * tau2 + np.square(shrink * solution.mu_sd))
