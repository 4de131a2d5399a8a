"""Marginal posteriors known by their density: Legendre series on windows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from bayesma.engines.scale import ScaleMap
from bayesma.numerics import legendre, slices

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScaleDensity:
    """Marginal of a scale parameter: nodes for its moments, a Legendre series for its distribution."""

    weight: Array
    nodes: Array
    scale_map: ScaleMap
    low: float
    high: float
    series: Array

    def mean(self) -> Array:
        """Posterior mean."""
        return np.array([self.nodes @ self.weight])

    def sd(self) -> Array:
        """Posterior standard deviation."""
        return np.array([math.sqrt(np.square(self.nodes - self.mean()[0]) @ self.weight)])

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, by inverting the integrated series."""
        integral = legendre.antiderivative(self.series)
        u = legendre.solve_many(np.asarray(q, dtype=np.float64), integral, self.series)
        return np.asarray(self.scale_map.tau(self._z(u)))[None, :]

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probability."""
        u = self._u(threshold)
        if abs(u) >= 1.0:  # outside the window, where the series is only rounding error
            below = float(u > 0.0)
        else:
            below = min(max(legendre.evaluate(u, legendre.antiderivative(self.series)), 0.0), 1.0)
        return np.array([1.0 - below if above else below])

    def density(self, x: Array) -> Array:
        """Density at `x`, shape of `x`; 0 outside the window, where it is below e^-38 of its peak."""
        u = np.array([self._u(value) for value in x])
        z = self._z(u)
        inside = (u > -1.0) & (u < 1.0)
        value = (
            legendre.evaluate_many(u, self.series) * 2.0 / (self.high - self.low) / self.scale_map.slope(z)
        )
        return np.where(inside, np.maximum(value, 0.0), 0.0)

    def _z(self, u: Array) -> Array:
        """From [-1, 1] to the window."""
        return self.low + 0.5 * (self.high - self.low) * (u + 1.0)

    def _u(self, tau: float) -> float:
        """From tau to [-1, 1], clipped to the window."""
        if tau < self.scale_map.tau(np.array([self.low]))[0]:
            return -1.0
        u = 2.0 * (self.scale_map.z(tau) - self.low) / (self.high - self.low) - 1.0
        return min(max(u, -1.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class SlicedDensity:
    """Marginal of a location: a mixture of slices, each with a Legendre series on a window of its own."""

    weight: Array
    nodes: Array
    window: Array
    series: Array
    expit: bool

    def mean(self) -> Array:
        """Posterior mean."""
        return np.array([self.nodes @ self.weight])

    def sd(self) -> Array:
        """Posterior standard deviation."""
        return np.array([math.sqrt(np.square(self.nodes - self.mean()[0]) @ self.weight)])

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, by inverting the sum of the integrated series."""
        targets = np.asarray(q, dtype=np.float64)
        integrals = legendre.antiderivatives(self.series)
        value: Array = slices.quantiles(targets, self.window, integrals)
        return (special.expit(value) if self.expit else value)[None, :]

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probability."""
        integrals = legendre.antiderivatives(self.series)
        at = threshold
        if self.expit:
            at = float(special.logit(min(max(threshold, 0.0), 1.0)))
        below = slices.below(at, self.window, integrals)
        total = slices.below(math.inf, self.window, integrals)
        share = (total - below if above else below) / total
        return np.array([min(max(share, 0.0), 1.0)])

    def density(self, x: Array) -> Array:
        """Density at `x`, shape of `x`."""
        at, slope = x, np.ones_like(x)
        if self.expit:
            inside = np.clip(x, 1e-300, 1.0 - 1e-16)
            at, slope = special.logit(inside), 1.0 / (inside * (1.0 - inside))
        height: Array = slices.density(at, self.window, self.series)
        return height * slope


@dataclass(frozen=True, slots=True, eq=False)
class SeriesDensity:
    """Marginals of p quantities, each with a Legendre series on a window of its own."""

    window: Array
    series: Array

    def nodes(self) -> tuple[Array, Array]:
        """Values and posterior weights, shapes (p, n)."""
        return slices.nodes(self.window, self.series)

    def mean(self) -> Array:
        """Posterior means."""
        values, weight = self.nodes()
        return np.asarray((values * weight).sum(axis=1))

    def sd(self) -> Array:
        """Posterior standard deviations."""
        values, weight = self.nodes()
        return np.asarray(np.sqrt((np.square(values - self.mean()[:, None]) * weight).sum(axis=1)))

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, shape (p, m)."""
        targets = np.asarray(q, dtype=np.float64)
        return np.array([slices.quantiles(targets, *row) for row in self._rows()])

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probabilities, shape (p,)."""
        below = np.array([slices.below(threshold, *row) for row in self._rows()])
        total = np.array([slices.below(math.inf, *row) for row in self._rows()])
        return np.asarray(np.clip((total - below if above else below) / total, 0.0, 1.0))

    def density(self, x: Array) -> Array:
        """Density of the first quantity at `x`."""
        height: Array = slices.density(x, self.window[:1], self.series[:1])
        return height

    def _rows(self) -> list[tuple[Array, Array]]:
        """Window and integrated series of each quantity."""
        integrals = legendre.antiderivatives(self.series)
        return [(self.window[i : i + 1], integrals[i : i + 1]) for i in range(self.window.shape[0])]
