"""Posteriors as weighted values: a fine grid where the engine integrated, the draws where it sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from bayesma.engines.densities import SlicedDensity
from bayesma.engines.marginals import Draws, NormalMixture, Stacked, WeightedPoints
from bayesma.engines.tree import SAMPLE
from bayesma.families.effect_mixtures import Mixture
from bayesma.numerics import legendre
from bayesma.posterior.marginals import Marginal, marginal
from bayesma.posterior.provenance import Provenance

Array = NDArray[np.float64]

TAIL = 1e-11  # probability beyond either end of a grid
PANELS, DEGREE = 24, 32  # of a composite Gauss-Legendre rule on one density
FINE, COARSE = 800, 240  # nodes of the location in a slice: by itself, and under each node of a control risk
MOST, FEWEST = 400_000, 48  # nodes of all slices together, and of one all the same
PAIRS = 4_000_000  # of such nodes with those of another quantity
NEGLIGIBLE = 1e-11  # weight, relative to the largest, of a node that is left out
STRATA, GROUPS = 40, 40  # of components merged into one: by sd, and within by mean
MANY, CELLS = 2000, 800  # components from which a mixture is taken by cells, and how many
CONTROL_NODES = 48  # of a stated or pooled control risk
DEVIATES = np.linspace(-8.0, 8.0, 65)  # trapezoid over a standardised normal effect
HEAVY = 0.44  # step of the same in asinh units, where effects have wider tails


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
class EffectRule:
    """Standardised effects of settings as nodes.

    Attributes
    ----------
    values
        Shape (q,).
    weight
        Shape (q, 1), or (q, n) where the distribution of effects differs from draw to draw; columns sum to 1.
    """

    values: Array
    weight: Array

    def average(self, function: Callable[[Array], Array], location: Array, scale: Array) -> Array:
        """Mean of a function of location + scale z over standardised effects z.

        Location and scale broadcast to (n, ...), n draws or nodes first.
        """
        total = np.zeros(np.broadcast_shapes(location.shape, scale.shape))
        for z, weight in zip(self.values, self.weight, strict=True):
            total += weight.reshape(-1, *(1,) * (total.ndim - 1)) * function(location + scale * z)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class JointNodes:
    """Weighted pairs of a location and a scale.

    Attributes
    ----------
    location, scale, weight
        Shapes (n,); the weights sum to 1.
    slice
        Shape (n,): nodes of one slice have one scale and rising locations; 0 for draws, which have no order.
    chains
        Number of chains the nodes were drawn in; 0 where the engine integrated.
    """

    location: Array
    scale: Array
    weight: Array
    slice: NDArray[np.int64]
    chains: int = 0


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
        return _drawn(fit, location, scale)
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
    else:  # the engine weighted points, and their independent draws are what it stored of both together
        return _drawn(fit, location, scale)
    weight = np.maximum(weight, 0.0)
    kept = weight > NEGLIGIBLE * weight.max()
    return JointNodes(
        values[kept],
        np.broadcast_to(at, values.shape)[kept],
        weight[kept] / weight[kept].sum(),
        np.broadcast_to(np.arange(values.shape[0])[:, None], values.shape)[kept],
    )


def _drawn(fit: xr.DataTree, location: str, scale: str) -> JointNodes:
    """The draws of a fit."""
    draws = draws_of(fit)
    one, other = draws[location], draws[scale]
    weight, unordered = np.full(one.size, 1.0 / one.size), np.zeros(one.size, dtype=np.int64)
    return JointNodes(one, other, weight, unordered, int(fit["posterior"].sizes["chain"]))


def draws_of(fit: xr.DataTree) -> dict[str, Array]:
    """Draws of every parameter, those of a chain together: (s, ...)."""
    found = {}
    for name, values in fit["posterior"].dataset.data_vars.items():
        ordered = values.transpose(*SAMPLE, ...).values
        found[str(name)] = ordered.reshape(-1, *ordered.shape[2:])
    return found


def effect_nodes(
    fit: xr.DataTree, origin: Provenance, size: int = FINE, beside: int = 1
) -> tuple[JointNodes, EffectRule] | None:
    """Posterior of mu and tau together, and study effects in units of tau; None where there are none such.

    Where a number of the effects' distribution has a posterior of its own, or the grid is too large to stand
    `beside` so many nodes of another quantity, the nodes are draws: independent ones where the engine
    integrated.
    """
    effects = origin.family.effects(draws_of(fit), origin.options)
    if effects is None:
        return None
    joint = joint_nodes(fit, "mu", "tau", size) if effects.scales.shape[0] == 1 else _drawn(fit, "mu", "tau")
    if joint.location.size * beside > PAIRS:
        joint = _drawn(fit, "mu", "tau")
    return joint, effect_rule(effects)


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


def effect_rule(effects: Mixture) -> EffectRule:
    """Standardised effects of settings as nodes: even steps, in asinh units where some lie far out."""
    common = effects.log_weights > math.log(NEGLIGIBLE)
    widest = float(np.max(np.where(common, effects.scales, 0.0)))
    if widest <= 1.0:
        heights = np.exp(-0.5 * DEVIATES**2)
        return EffectRule(DEVIATES, (heights / heights.sum())[:, None])
    reach = math.asinh(min(8.0 * widest, 1e12))
    places = np.linspace(-reach, reach, max(2 * math.ceil(reach / HEAVY) + 1, DEVIATES.size))
    values = np.sinh(places)
    weight = np.zeros((values.size, effects.scales.shape[0]))
    for scale, log_weight in zip(effects.scales.T, effects.log_weights.T, strict=True):
        weight += np.exp(log_weight - np.log(scale) - 0.5 * (values[:, None] / scale) ** 2)
    weight *= np.cosh(places)[:, None]
    return EffectRule(values, weight / weight.sum(axis=0))
