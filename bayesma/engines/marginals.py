"""The marginal posterior of a parameter, from draws or from the exact grid: one set of questions for both."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayesma.engines.densities import ScaleDensity, SeriesDensity, SlicedDensity
from bayesma.engines.scale import ScaleMap
from bayesma.engines.tree import MOMENTS_BELOW, SAMPLE
from bayesma.errors import OptionError
from bayesma.numerics import mixture

Array = NDArray[np.float64]

SMOOTHED = 4000  # quantiles from which the density of weighted points is smoothed


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
class WeightedPoints:
    """Marginals known by points: values (n, p), weight (n,) summing to 1, standard error of means in sds."""

    values: Array
    weight: Array
    error: float = 0.0

    def mean(self) -> Array:
        """Weighted means."""
        return np.asarray(self.weight @ self.values)

    def sd(self) -> Array:
        """Weighted standard deviations."""
        return np.asarray(np.sqrt(self.weight @ np.square(self.values - self.mean())))

    def mcse(self) -> Array:
        """Standard errors of the means."""
        return self.error * self.sd()

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles: between points by the weight up to the middle of each."""
        result = []
        for column in self.values.T:
            order = np.argsort(column)
            own = self.weight[order]
            result.append(
                np.interp(np.asarray(q, dtype=np.float64), np.cumsum(own) - 0.5 * own, column[order])
            )
        return np.array(result)

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Weight beyond the threshold."""
        beyond = self.values > threshold if above else self.values < threshold
        return np.minimum(self.weight @ beyond, 1.0)

    def density(self, x: Array) -> Array:
        """Kernel density estimate from evenly spaced quantiles."""
        levels = (np.arange(SMOOTHED) + 0.5) / SMOOTHED
        return Draws(self.quantile(levels)[:1].T[None]).density(x)


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
class Stacked:
    """Marginals of quantities that have nothing in common but their name, such as one a visit."""

    parts: tuple[Marginal, ...]

    def mean(self) -> Array:
        """Posterior means, part after part."""
        return np.concatenate([part.mean() for part in self.parts])

    def sd(self) -> Array:
        """Posterior standard deviations, part after part."""
        return np.concatenate([part.sd() for part in self.parts])

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, part after part."""
        return np.concatenate([part.quantile(q) for part in self.parts])

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probabilities, part after part."""
        return np.concatenate([part.probability(threshold, above=above) for part in self.parts])

    def density(self, x: Array) -> Array:
        """Density of the first quantity at `x`, shape of `x`."""
        return self.parts[0].density(x)


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


def row_labels(fit: xr.DataTree, parameter: str) -> list[str]:
    """Row names of a parameter: itself, or itself with each label, or labels, in brackets."""
    dims = inner_dims(fit, parameter)
    if not dims:
        return [parameter]
    cells = itertools.product(*(labels_of(fit, dim) for dim in dims))
    return [f"{parameter}[{label_text(cell)}]" for cell in cells]


def label_text(label: object) -> str:
    """A label as printed, several with commas: a month without needless decimals."""
    if isinstance(label, tuple):
        return ", ".join(map(label_text, label))
    return f"{label:g}" if isinstance(label, float) else str(label)


def moments_below(fit: xr.DataTree, parameter: str) -> float:
    """The e such that the q-th posterior moment exists exactly when q < e."""
    return float(fit["posterior"][parameter].attrs.get(MOMENTS_BELOW, math.inf))


class Moments(Protocol):
    """What has a mean and an sd by its formula, whether they exist or not."""

    def mean(self) -> Array:
        """Means, shape (p,)."""

    def sd(self) -> Array:
        """Standard deviations, shape (p,)."""

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Probability above, or below, a threshold, shape (p,)."""


def existing_moments(posterior: Moments, limit: float) -> tuple[Array, Array]:
    """Means and sds, infinite where they do not exist; a mean without a sign is then NaN.

    Parameters
    ----------
    posterior
        Of p numbers with the same moments.
    limit
        The q-th moment exists exactly when q is below this: `moments_below`.
    """
    below = posterior.probability(0.0, above=False)
    signed = bool(np.any(below > 0.0))
    mean = posterior.mean() if limit > 1 else np.full(below.shape, math.nan if signed else math.inf)
    return mean, posterior.sd() if limit > 2 else np.full(below.shape, math.inf)


AVERAGE = "average"  # the mean effect at every visit, where it is no parameter


def average(fit: xr.DataTree) -> Marginal | None:
    """Marginals of the mean effect at the visits; None where only draws know it."""
    if "m" in fit["posterior"]:
        return marginal(fit, "m") if "exact" in fit.children else None
    return stored(fit["exact"].dataset, AVERAGE) if "exact" in fit.children else None


def marginal(fit: xr.DataTree, parameter: str) -> Marginal:
    """Marginal posterior of one parameter of a fit.

    Raises
    ------
    OptionError
        When the fit has no such parameter.
    """
    inner_dims(fit, parameter)
    if "exact" in fit.children:
        found = stored(fit["exact"].dataset, parameter)
        if found is not None:
            return found
    values = fit["posterior"][parameter].transpose(*SAMPLE, ...).values
    return Draws(values.reshape(*values.shape[:2], -1))


def stored(exact: xr.Dataset, parameter: str) -> Marginal | None:
    """What an `/exact` group knows of a parameter; None where it left it to the draws."""
    if f"{parameter}_mean" in exact:
        return _mixture(exact, parameter)
    if f"{parameter}_window" in exact:
        return _pieces(exact, parameter)
    if f"{parameter}_at" in exact:
        points = exact[f"{parameter}_at"]
        n = len(points)
        values = points.values.reshape(n, -1)
        if points.dims[0] == "node":
            return WeightedPoints(values, exact["weight"].values, float(exact.attrs["error"]))
        return WeightedPoints(values, np.full(n, 1.0 / n), n**-0.5)
    return _scale(exact, parameter) if f"{parameter}_density" in exact else None


def _mixture(exact: xr.Dataset, parameter: str) -> Marginal:
    """Normal mixtures, with one set of weights or one a visit."""
    weight = exact["weight"]
    means, sds = (exact[f"{parameter}_{part}"].values for part in ("mean", "sd"))
    means, sds = means.reshape(-1, means.shape[-1]), sds.reshape(-1, sds.shape[-1])
    if weight.dims == ("node",):
        return NormalMixture(weight.values, means, sds)
    weights = np.resize(weight.values, means.shape)  # study after study, visit after visit
    rows = zip(weights, weights > 0.0, means, sds, strict=True)
    return Stacked(tuple(NormalMixture(w[used], m[None, used], s[None, used]) for w, used, m, s in rows))


def _pieces(exact: xr.Dataset, parameter: str) -> Marginal:
    """A density on one window, or on one window a slice."""
    window, series = exact[f"{parameter}_window"], exact[f"{parameter}_density"].values
    if "slice" not in window.dims:
        return SeriesDensity(np.atleast_2d(window.values), np.atleast_2d(series))
    nodes = exact["weight"].values, exact[parameter].values
    return SlicedDensity(*nodes, window.values, series, window.attrs["link"] == "expit")


def _scale(exact: xr.Dataset, parameter: str) -> Marginal:
    """The density of a scale, one of all or one a visit."""
    weight, nodes, series = (exact[name] for name in ("weight", parameter, f"{parameter}_density"))
    windows = json.loads(series.attrs["window"])
    if weight.dims == ("node",):
        return _scale_density(weight.values, nodes.values, windows, series.values)
    rows = zip(weight.values, nodes.values, windows, series.values, strict=True)
    return Stacked(tuple(_scale_density(*row) for row in rows))


def _scale_density(weight: Array, nodes: Array, window: dict[str, Any], series: Array) -> ScaleDensity:
    """Read back the density of a scale."""
    scale_map = ScaleMap(window["logarithmic"], window["origin"], window["unit"])
    return ScaleDensity(weight, nodes, scale_map, window["low"], window["high"], series)
