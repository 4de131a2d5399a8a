"""Posteriors as weighted values: a fine grid where the engine integrated, the draws where it sampled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special, stats

from bayesma.engines.densities import SlicedDensity
from bayesma.engines.marginals import Draws, NormalMixture, Stacked, WeightedPoints
from bayesma.engines.tree import SAMPLE
from bayesma.numerics import legendre
from bayesma.posterior.marginals import Marginal, marginal

Array = NDArray[np.float64]

TAIL = 1e-11  # probability beyond either end of a grid
PANELS, DEGREE = 24, 32  # of a composite Gauss-Legendre rule on one density
FINE, COARSE = 800, 240  # nodes of the location in a slice: by itself, and under each node of a control risk
MOST, FEWEST = 400_000, 48  # nodes of all slices together, and of one all the same
NEGLIGIBLE = 1e-11  # weight, relative to the largest, of a node that is left out
STRATA, GROUPS = 40, 40  # of components merged into one: by sd, and within by mean
MANY, CELLS = 2000, 800  # components from which a mixture is taken by cells, and how many
CONTROL_NODES = 48  # of a stated or pooled control risk
DEVIATES = np.linspace(-8.0, 8.0, 65)  # trapezoid over a standardised normal effect
HEAVY = 129  # points of the same for Student-t effects


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """Weighted values of one quantity.

    Attributes
    ----------
    values, weight
        Shapes (n,); the weights sum to 1.
    """

    values: Array
    weight: Array

    @classmethod
    def point(cls, value: float) -> Nodes:
        """One value with certainty."""
        return cls(np.array([value]), np.ones(1))


@dataclass(frozen=True, slots=True, eq=False)
class JointNodes:
    """Weighted pairs of a location and a scale.

    Attributes
    ----------
    location, scale, weight
        Shapes (n,); the weights sum to 1.
    slice
        Shape (n,): nodes of one slice have one scale and rising locations; 0 for draws, which have no order.
    """

    location: Array
    scale: Array
    weight: Array
    slice: NDArray[np.int64]


def nodes_of(posterior: Marginal) -> Nodes:
    """A marginal posterior of one quantity as nodes that integrate any smooth function of it."""
    if isinstance(posterior, Draws):
        values = posterior.values.reshape(-1)
        return Nodes(values, np.full(values.size, 1.0 / values.size))
    if isinstance(posterior, WeightedPoints):
        return Nodes(posterior.values[:, 0], posterior.weight)
    if isinstance(posterior, NormalMixture) and posterior.weight.size > MANY:
        return _cells(posterior)
    low, left, centre, right, high = posterior.quantile([TAIL, 0.25, 0.5, 0.75, 1.0 - TAIL])[0]
    unit = max(float(right - left), 1e-9 * max(abs(float(high - low)), 1e-300))
    ends = np.linspace(math.asinh((low - centre) / unit), math.asinh((high - centre) / unit), PANELS + 1)
    u, w = legendre.rule(DEGREE)
    half = 0.5 * np.diff(ends)[:, None]
    z = (ends[:-1, None] + half * (u + 1.0)).reshape(-1)
    values = centre + unit * np.sinh(z)
    weight = posterior.density(values) * unit * np.cosh(z) * (half * w).reshape(-1)
    return Nodes(values, weight / weight.sum())


def _cells(posterior: Marginal) -> Nodes:
    """A distribution best known by its probabilities: masses of narrow cells, at their middles."""
    low, left, centre, right, high = posterior.quantile([1e-9, 0.25, 0.5, 0.75, 1.0 - 1e-9])[0]
    unit = float(right - left)
    ends = np.linspace(math.asinh((low - centre) / unit), math.asinh((high - centre) / unit), CELLS + 1)
    edges = centre + unit * np.sinh(ends)
    below = np.array([posterior.probability(float(edge), above=False)[0] for edge in edges])
    weight = np.maximum(np.diff(below), 0.0)
    return Nodes(centre + unit * np.sinh(0.5 * (ends[1:] + ends[:-1])), weight / weight.sum())


def merged(posterior: Marginal) -> Marginal:
    """The same distribution with fewer components, for what a figure of two or three digits is made of.

    Components of like sd and like mean become one with their mean and variance; at most `STRATA` times
    `GROUPS` are left, of equal weight. Other marginals, and small mixtures, come back as they are.
    """
    if not isinstance(posterior, NormalMixture) or posterior.weight.size <= MANY:
        return posterior
    weight, mean, sd = posterior.weight, posterior.means[0], posterior.sds[0]
    by_sd = np.argsort(sd)
    stratum = np.empty(weight.size, dtype=np.int64)
    stratum[by_sd] = np.minimum((np.cumsum(weight[by_sd]) * STRATA).astype(np.int64), STRATA - 1)
    order = np.lexsort((mean, stratum))
    last = STRATA * GROUPS - 1
    group = np.minimum((np.cumsum(weight[order]) * (last + 1)).astype(np.int64), last)
    sums = [
        np.bincount(group, weight[order] * values[order])
        for values in (np.ones_like(mean), mean, mean**2 + sd**2)
    ]
    total, first, second = (one[sums[0] > 0.0] for one in sums)
    middle = first / total
    spread = np.sqrt(np.maximum(second / total - middle**2, 0.0))
    return NormalMixture(total / total.sum(), middle[None], spread[None])


def row(posterior: Marginal, i: int) -> Marginal:
    """The i-th quantity of a marginal over several."""
    if _size(posterior) == 1:
        return posterior
    if isinstance(posterior, Stacked):
        sizes = [_size(part) for part in posterior.parts]
        starts = np.cumsum([0, *sizes])
        part = int(np.searchsorted(starts, i, side="right")) - 1
        return row(posterior.parts[part], i - int(starts[part]))
    if isinstance(posterior, Draws):
        return replace(posterior, values=posterior.values[..., i : i + 1])
    if isinstance(posterior, WeightedPoints):
        return replace(posterior, values=posterior.values[:, i : i + 1])
    if isinstance(posterior, NormalMixture):
        return replace(posterior, means=posterior.means[i : i + 1], sds=posterior.sds[i : i + 1])
    one: Any = posterior
    single: Marginal = replace(one, window=one.window[i : i + 1], series=one.series[i : i + 1])
    return single


def _size(posterior: Marginal) -> int:
    """How many quantities a marginal is over."""
    return int(posterior.quantile([0.5]).shape[0])


def joint_nodes(fit: xr.DataTree, location: str, scale: str, size: int = FINE) -> JointNodes:
    """Posterior of a location and a scale together.

    Where the engine integrated: the grid of the scale, and in each of its slices the location on a finer
    rule than the engine's, so that functions of both have a smooth distribution.

    Parameters
    ----------
    fit, location, scale
        Names of two parameters of a fit.
    size
        Nodes in a slice.
    """
    posterior = marginal(fit, location)
    if "exact" not in fit.children:
        draws = fit["posterior"].dataset
        one, other = (draws[name].transpose(*SAMPLE).values.reshape(-1) for name in (location, scale))
        return JointNodes(one, other, np.full(one.size, 1.0 / one.size), np.zeros(one.size, dtype=np.int64))
    exact = fit["exact"].dataset
    if isinstance(posterior, SlicedDensity):
        u, w = legendre.rule(max(min(size, MOST // len(posterior.window)), FEWEST))
        centre, unit, low, high = posterior.window.T[:, :, None]
        values = centre + unit * np.sinh(low + 0.5 * (high - low) * (u + 1.0))
        weight = np.array([legendre.evaluate_many(u, series) for series in posterior.series]) * w
        at = exact[f"{scale}_slice"].values[:, None]
        values = special.expit(values) if posterior.expit else values
    elif isinstance(posterior, NormalMixture):
        z = np.linspace(-8.0, 8.0, size)
        heights = np.exp(-0.5 * z**2)
        values = posterior.means[0][:, None] + posterior.sds[0][:, None] * z
        weight = posterior.weight[:, None] * heights / heights.sum()
        at = exact[scale].values[:, None]
    else:
        raise TypeError(f"no joint grid of {location} and {scale} in a {type(posterior).__name__}")
    weight = np.maximum(weight, 0.0)
    kept = weight > NEGLIGIBLE * weight.max()
    return JointNodes(
        values[kept],
        np.broadcast_to(at, values.shape)[kept],
        weight[kept] / weight[kept].sum(),
        np.broadcast_to(np.arange(values.shape[0])[:, None], values.shape)[kept],
    )


def thinned(posterior: Marginal) -> Nodes:
    """A marginal posterior by few nodes: what is averaged over, not what is asked about."""
    low, left, centre, right, high = posterior.quantile([1e-9, 0.25, 0.5, 0.75, 1.0 - 1e-9])[0]
    unit = 2.0 * float(right - left)
    if isinstance(posterior, Draws) or not unit > 0.0:
        levels = (np.arange(CONTROL_NODES) + 0.5) / CONTROL_NODES
        return Nodes(posterior.quantile(levels)[0], np.full(CONTROL_NODES, 1.0 / CONTROL_NODES))
    ends = math.asinh((low - centre) / unit), math.asinh((high - centre) / unit)
    u, w = legendre.rule(CONTROL_NODES)
    z = ends[0] + 0.5 * (ends[1] - ends[0]) * (u + 1.0)
    values = centre + unit * np.sinh(z)
    weight = posterior.density(values) * np.cosh(z) * w
    return Nodes(values, weight / weight.sum())


def effect_rule(options: Mapping[str, Any]) -> Nodes:
    """Standardised effects of settings, normal or Student-t, as nodes."""
    if options.get("random_effects") != "student_t":
        heights = np.exp(-0.5 * DEVIATES**2)
        return Nodes(DEVIATES, heights / heights.sum())
    nu = float(options["nu"])
    reach = math.asinh(min(float(-stats.t.ppf(TAIL, nu)), 1e12))
    z = np.linspace(-reach, reach, HEAVY)
    weight = stats.t.pdf(np.sinh(z), nu) * np.cosh(z)
    return Nodes(np.sinh(z), weight / weight.sum())
