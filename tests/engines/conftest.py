"""A second, brute-force route to the normal-normal posterior, for checks of the exact engine.

Nothing of the package is used, and every step is another one than the engine's: the likelihood is built
study by study (predict, compare, update), the panels in log tau are fixed and cover far more than any
posterior, and a prior that is not normal is integrated over mu numerically.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr

Array = np.ndarray

PANEL = 0.25  # width of a panel in log tau where the posterior lives
POINTS = 16  # Gauss-Legendre points a panel: its error for a feature as wide as the panel is below 1e-13
NEAR = 45.0  # fine panels reach exp(45) beyond the smallest and largest scale of the problem
FAR = 1e12  # coarser ones reach here in log tau
GROWTH = 1.1  # how much further out each of those ends than the one before
TOP = 340.0  # log tau beyond which tau^2 is no longer a number
BLOCK = 2**21  # numbers held at once


@dataclass(frozen=True)
class Posterior:
    """Weights on a fine grid in log tau, mu's conditional mean and sd at each point, the panels' edges."""

    log_evidence: float
    weight: Array
    tau: Array
    mean: Array
    sd: Array
    edges: Array

    def moments(self) -> tuple[float, float, float, float]:
        """Mean and sd of mu, then of tau."""
        mu, tau = self.weight @ self.mean, self.weight @ self.tau
        mu_sd = np.sqrt(self.weight @ (self.sd**2 + (self.mean - mu) ** 2))
        return mu, mu_sd, tau, np.sqrt(self.weight @ (self.tau - tau) ** 2)

    def below(self, x: float) -> float:
        """P(mu < x)."""
        z = np.divide(x - self.mean, self.sd, out=np.where(x > self.mean, np.inf, -np.inf), where=self.sd > 0)
        return float(self.weight @ ndtr(z))

    def quantile(self, q: float) -> float:
        """Quantile of mu by bisection on `below`, in a widening bracket."""
        keep = self.weight > 1e-3 * np.max(self.weight)
        centre = float(np.median(self.mean[keep]))
        width = float(np.min(self.sd[keep])) or 1.0
        while not self.below(centre - width) < q < self.below(centre + width):
            width *= 2.0
        return brentq(lambda x: self.below(x) - q, centre - width, centre + width, xtol=1e-300, rtol=1e-13)

    def tau_below(self, x: float) -> float:
        """P(tau < x), for x on an edge of the panels."""
        return float(self.weight @ (self.tau < x))

    def edges_near(self, *q: float) -> list[float]:
        """Edges of panels just above the quantiles of tau."""
        reached = np.searchsorted(np.cumsum(self.weight), q)
        return [self.edges[np.searchsorted(self.edges, self.tau[i])] for i in reached]


@dataclass(frozen=True)
class Joint:
    """Two marginal grids of a two-dimensional rule."""

    log_evidence: float
    tau_weight: Array
    tau: Array
    mu: Array
    mu_weight: Array

    def moments(self) -> tuple[float, float, float, float]:
        """Mean and sd of mu, then of tau."""
        result = []
        for weight, value in ((self.mu_weight, self.mu), (self.tau_weight, self.tau)):
            mean = weight @ value
            result += [mean, np.sqrt(weight @ (value - mean) ** 2)]
        return tuple(result)

    def below(self, x: float) -> float:
        """P(mu < x), x on an edge of the panels (a centre or an estimate)."""
        return float(self.mu_weight @ (self.mu < x))


def panels(edges: Array, points: int = POINTS) -> tuple[Array, Array]:
    """Nodes and weights of a Gauss-Legendre rule on each interval between edges."""
    u, w = np.polynomial.legendre.leggauss(points)
    half = 0.5 * np.diff(edges)[:, None]
    middle = 0.5 * (edges[:-1] + edges[1:])[:, None]
    return (middle + half * u).ravel(), (half * w).ravel()


def log_tau_edges(smallest: float, largest: float, width: float, breaks: tuple[float, ...]) -> Array:
    """Ends of the panels in log tau."""
    low, high = np.log(smallest) - NEAR, min(np.log(largest) + NEAR, TOP)
    fine = np.linspace(low, high, int((high - low) / width) + 1)
    steps = NEAR * GROWTH ** np.arange(int(np.log(FAR / NEAR) / np.log(GROWTH)))
    above = high + steps[high + steps < TOP]
    return np.unique(np.concatenate([low - steps, fine, above, np.log(breaks) if breaks else []]))


def by_updating(tau: Array, y: Array, se: Array, m0: float, v0: float) -> tuple[Array, Array, Array]:
    """Log p(y | tau), mean and variance of mu given tau, one study after the other; v0 may be infinite."""
    log_like = np.zeros_like(tau)
    mean, variance = np.full_like(tau, m0), np.full_like(tau, v0)
    for i in np.argsort(se):
        own = se[i] ** 2 + tau**2
        if np.isinf(v0) and i == np.argsort(se)[0]:
            mean, variance = np.full_like(tau, y[i]), own
            continue
        total = variance + own
        log_like += -0.5 * (np.log(2 * np.pi * total) + (y[i] - mean) ** 2 / total)
        mean, variance = mean + (y[i] - mean) * (variance / total), variance * (own / total)
    return log_like, mean, variance


def normal_mu(
    y: Array,
    se: Array,
    mu: tuple[float, float],
    log_tau_prior: Callable[[Array], Array],
    *,
    scales: tuple[float, ...] = (),
    width: float = PANEL,
    breaks: tuple[float, ...] = (),
) -> Posterior:
    """Posterior under mu ~ Normal(mean, sd), sd perhaps infinite; `log_tau_prior` is a density of log tau."""
    y, se = np.asarray(y, dtype=float), np.asarray(se, dtype=float)
    known = [*se, *scales, *([np.ptp(y)] if np.ptp(y) > 0 else [])]
    edges = log_tau_edges(min(known), max(known), width, breaks)
    x, rule = panels(edges)
    log_prior = log_tau_prior(x)
    live = log_prior > -np.inf
    x, rule, log_prior = x[live], rule[live], log_prior[live]
    tau = np.exp(x)
    log_like, mean, variance = by_updating(tau, y, se, mu[0], mu[1] ** 2)
    log_weight = log_prior + log_like + np.log(rule)
    log_evidence = float(logsumexp(log_weight))
    weight = np.exp(log_weight - log_evidence)
    kept = weight > 0
    return Posterior(
        log_evidence, weight[kept], tau[kept], mean[kept], np.sqrt(variance[kept]), np.exp(edges)
    )


def any_mu(
    y: Array,
    se: Array,
    log_mu_prior: Callable[[Array], Array],
    log_tau_prior: Callable[[Array], Array],
    *,
    centres: tuple[float, ...],
    scales: tuple[float, ...],
    width: float = 0.5,
    points: int = 10,
) -> Joint:
    """Posterior under any prior of mu, by a two-dimensional rule; panels around every centre and study."""
    y, se = np.asarray(y, dtype=float), np.asarray(se, dtype=float)
    known = [*se, *scales]
    x, rule = panels(log_tau_edges(min(known), max(known), width, ()), points)
    log_prior = log_tau_prior(x)
    live = log_prior > -np.inf
    x, log_tau = x[live], (log_prior + np.log(rule))[live]
    steps = np.geomspace(
        min(known) / 4.0, 1e12 * max(known), int(1.5 * np.log(4e12 * max(known) / min(known)))
    )
    at = np.unique([c + s for c in (*centres, *y) for s in (0.0, *steps, *-steps)])
    mu, mu_rule = panels(at[np.concatenate([[True], np.diff(at) > 1e-9 * min(known)])], points)
    log_mu = log_mu_prior(mu) + np.log(mu_rule)
    peaks, of_tau, of_mu = [], [], []  # block by block: all of it at once would take half a GiB
    blocks = max(1, x.size * mu.size // BLOCK)
    for tau, log_own in zip(*(np.array_split(one, blocks) for one in (np.exp(x), log_tau)), strict=True):
        block = log_mu + log_own[:, None]
        for i in range(y.size):
            variance = (se[i] ** 2 + tau**2)[:, None]
            block += -0.5 * (np.log(2 * np.pi * variance) + (y[i] - mu) ** 2 / variance)
        peaks.append(block.max())
        weight = np.exp(block - peaks[-1])
        of_tau.append(weight.sum(axis=1))
        of_mu.append(weight.sum(axis=0))
    factor = np.exp(np.array(peaks) - max(peaks))
    total = float(factor @ [one.sum() for one in of_tau])
    tau_weight = np.concatenate([f * one / total for f, one in zip(factor, of_tau, strict=True)])
    log_evidence = max(peaks) + float(np.log(total))
    return Joint(log_evidence, tau_weight, np.exp(x), mu, factor @ np.array(of_mu) / total)


@dataclass(frozen=True)
class BruteForce:
    """The integrators, handed to tests as one fixture."""

    panels = staticmethod(panels)
    by_updating = staticmethod(by_updating)
    normal_mu = staticmethod(normal_mu)
    any_mu = staticmethod(any_mu)


@pytest.fixture(scope="session")
def brute_force() -> type[BruteForce]:
    """Independent posteriors."""
    return BruteForce
