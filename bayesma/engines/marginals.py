"""The marginal posterior of a parameter, from draws or from the exact grid: one set of questions for both."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy import special

from bayesma.engines.scale import ScaleMap
from bayesma.engines.tree import MOMENTS_BELOW, SAMPLE
from bayesma.errors import OptionError
from bayesma.numerics import legendre, mixture, slices

Array = NDArray[np.float64]


class Marginal(Protocol):
    """Marginal posterior of p quantities with one name (p = 1, or one per study)."""

    def mean(self) -> Array:
        """Posterior means, shape (p,)."""

    def sd(self) -> Array:
        """Posterior standard deviations, shape (p,)."""

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles at probabilities `q` of shape (m,): shape (p, m)."""

    def probability(self, threshold: float, *, above: bool) -> Array:
        """P(above) or P(below) a threshold, shape (p,)."""

    def density(self, x: Array) -> Array:
        """Density of the first quantity at `x`, shape of `x`."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Marginals known by draws, shape (chain, draw, p)."""

    values: Array

    def mean(self) -> Array:
        """Average of the draws."""
        return np.asarray(self.values.mean(axis=(0, 1)))

    def sd(self) -> Array:
        """Standard deviation of the draws."""
        return np.asarray(self.values.std(axis=(0, 1), ddof=1))

    def quantile(self, q: ArrayLike) -> Array:
        """Empirical quantiles."""
        return np.asarray(np.quantile(self.values, np.asarray(q), axis=(0, 1))).T

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Share of the draws beyond the threshold."""
        beyond = self.values > threshold if above else self.values < threshold
        return np.asarray(beyond.mean(axis=(0, 1)))

    def density(self, x: Array) -> Array:
        """Kernel density estimate, linear between the points of its grid and 0 beyond them."""
        from arviz_stats.base import array_stats

        grid, height, _ = array_stats.kde(self.values[..., 0].reshape(-1))
        return np.asarray(np.interp(x, grid, height, left=0.0, right=0.0))


@dataclass(frozen=True, slots=True, eq=False)
class NormalMixture:
    """Marginals that are normal mixtures: weight (m,), component means and sds (p, m)."""

    weight: Array
    means: Array
    sds: Array

    def mean(self) -> Array:
        """Mixture means."""
        return np.asarray(self.means @ self.weight)

    def sd(self) -> Array:
        """Mixture standard deviations."""
        spread = np.square(self.means - self.mean()[:, None]) + np.square(self.sds)
        return np.asarray(np.sqrt(spread @ self.weight))

    def quantile(self, q: ArrayLike) -> Array:
        """Mixture quantiles."""
        return mixture.quantiles(np.asarray(q, dtype=np.float64), self.weight, self.means, self.sds)

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probabilities, each to full relative accuracy; the weights may sum to 1 + 1e-15."""
        return np.minimum(mixture.probability(threshold, self.weight, self.means, self.sds, above=above), 1.0)

    def density(self, x: Array) -> Array:
        """Density of the first quantity at `x`, shape of `x`."""
        return mixture.density(x, self.weight, self.means[0], self.sds[0])


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


def parameter_names(fit: xr.DataTree) -> tuple[str, ...]:
    """Names of the parameters a fit has."""
    return tuple(str(name) for name in fit["posterior"].data_vars)


def inner_dims(fit: xr.DataTree, parameter: str) -> tuple[str, ...]:
    """Dimensions of a parameter beyond chain and draw.

    Raises
    ------
    OptionError
        When the fit has no such parameter.
    """
    if parameter not in parameter_names(fit):
        known = ", ".join(parameter_names(fit))
        raise OptionError(f"this fit has no parameter {parameter!r}; it has: {known}")
    return tuple(str(d) for d in fit["posterior"][parameter].dims if d not in SAMPLE)


def labels_of(fit: xr.DataTree, dim: str) -> NDArray[Any]:
    """Labels along a dimension of the posterior."""
    return np.asarray(fit["posterior"].dataset[dim].values)


def moments_below(fit: xr.DataTree, parameter: str) -> float:
    """The e such that the q-th posterior moment exists exactly when q < e."""
    return float(fit["posterior"][parameter].attrs.get(MOMENTS_BELOW, math.inf))


def marginal(fit: xr.DataTree, parameter: str) -> Marginal:
    """Marginal posterior of one parameter of a fit.

    Raises
    ------
    OptionError
        When the fit has no such parameter.
    """
    inner_dims(fit, parameter)
    if "exact" in fit.children:
        exact = fit["exact"].dataset
        if f"{parameter}_mean" in exact:
            means, sds = (np.atleast_2d(exact[f"{parameter}_{part}"].values) for part in ("mean", "sd"))
            return NormalMixture(exact["weight"].values, means, sds)
        if f"{parameter}_window" in exact:
            window, series = exact[f"{parameter}_window"], exact[f"{parameter}_density"].values
            if "slice" in window.dims:
                nodes = exact[parameter].values, window.values
                return SlicedDensity(exact["weight"].values, *nodes, series, window.attrs["link"] == "expit")
            return SeriesDensity(np.atleast_2d(window.values), np.atleast_2d(series))
        if f"{parameter}_density" in exact:
            return _scale_density(exact, parameter)
    values = fit["posterior"][parameter].transpose(*SAMPLE, ...).values
    return Draws(values.reshape(*values.shape[:2], -1))


def _scale_density(exact: xr.Dataset, parameter: str) -> ScaleDensity:
    """Read back what `exact.py` stored."""
    series = exact[f"{parameter}_density"]
    stored = json.loads(series.attrs["window"])
    scale_map = ScaleMap(stored["logarithmic"], stored["origin"], stored["unit"])
    weight, nodes = exact["weight"].values, exact[parameter].values
    return ScaleDensity(weight, nodes, scale_map, stored["low"], stored["high"], series.values)
