"""Where importance sampling of deviates proposes points: around one mode, or around one for each scale.

The second is for parameters whose spread follows another one, as the steps of a random walk follow their
standard deviation: no ellipse covers such a posterior. Given that leading deviate the others are nearly
normal, and their mode and curvature tell its marginal density (Rue, Martino & Chopin 2009, doi
10.1111/j.1467-9868.2008.00700.x). Skewness is followed by scales of their own on either side of each axis
(Geweke 1989, doi 10.2307/1913710). All this is proposal only: what it misses costs points, not accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln, logsumexp, ndtri

Array = NDArray[np.float64]
type LogDensity = Callable[[Array], Array]

DF = 6.0  # degrees of freedom of the proposal
WIDER = 1.2  # its sds, in those of the posterior as far as known
GRADIENT, CURVATURE = 1e-5, 1e-2  # steps of differences in z
FLATTEST = 0.2  # least curvature of the log posterior that is believed
NODES = np.linspace(-6.0, 6.0, 25)  # values of the leading deviate at which modes are sought
FINE = 2001  # cells of its density
FLATTER, PRIOR = 0.8, 0.1  # power of its density, and share of the prior, so that tails are not missed
STEPS = (1.0, 2.0, 3.0, 4.0, 6.0)  # in sds by curvature, at which the fall from the mode is looked at
LEAST = 1e-2  # fall of the log posterior below which a step tells no scale
BOUNDS = 0.5, 6.0  # scales that are believed


class Proposal(Protocol):
    """Points for the posterior of deviates."""

    @property
    def size(self) -> int:
        """Uniform numbers a point takes."""

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """Uniforms (n, size) to points (n, d) and their log density (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A Student-t with a scale of its own on either side of each axis.

    Attributes
    ----------
    centre, root
        Centre (..., d), and lower triangles (..., d, d) whose columns are the axes.
    sides
        Scales along each axis below and above the centre, (..., d, 2).
    """

    centre: Array
    root: Array
    sides: Array

    @property
    def size(self) -> int:
        """One for every deviate, and one for the common scale."""
        return int(self.centre.shape[-1]) + 1

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """See `Proposal`."""
        d = self.centre.shape[-1]
        below, above = self.sides[..., 0], self.sides[..., 1]
        share = below / (below + above)
        low = uniform[:, :d] < share
        inside = np.where(
            low, 0.5 * uniform[:, :d] / share, 1.0 - 0.5 * (1.0 - uniform[:, :d]) / (1.0 - share)
        )
        shrink = 2.0 * gammaincinv(0.5 * DF, uniform[:, d]) / DF  # chi-squared over its degrees of freedom
        t = ndtri(inside) / np.sqrt(shrink)[:, None]
        z = self.centre + np.einsum("...ij,...j->...i", self.root, t * np.where(low, below, above))
        constant = gammaln(0.5 * (DF + d)) - gammaln(0.5 * DF) - 0.5 * d * math.log(DF * math.pi)
        log_density = float(constant) - 0.5 * (DF + d) * np.log1p(np.square(t).sum(axis=1) / DF)
        volume = np.log(np.diagonal(self.root, axis1=-2, axis2=-1)).sum(axis=-1)
        return z, log_density - volume - np.log(0.5 * (below + above)).sum(axis=-1)

    def at(self, place: Array) -> Split:
        """Between stacked ones, at places (n,) counted from the first."""
        left = np.clip(place.astype(np.intp), 0, len(self.centre) - 2)
        share = place - left

        def between(values: Array) -> Array:
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            return np.asarray((1.0 - weight) * values[left] + weight * values[left + 1])

        return Split(between(self.centre), between(self.root), between(self.sides))


@dataclass(frozen=True, slots=True, eq=False)
class Led:
    """The leading deviate by its marginal density, the others given it.

    Attributes
    ----------
    below
        Probability below the ends of the cells between the first and the last node, (cells + 1,).
    others
        Of the others, stacked over the nodes.
    """

    below: Array
    others: Split

    @property
    def size(self) -> int:
        """One more than the others take."""
        return self.others.size + 1

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """See `Proposal`."""
        ends = np.linspace(NODES[0], NODES[-1], self.below.size)
        lead = np.interp(uniform[:, 0], self.below, ends)
        cell = np.clip(np.searchsorted(self.below, uniform[:, 0], side="right") - 1, 0, self.below.size - 2)
        log_density = np.log(np.diff(self.below)[cell] / (ends[1] - ends[0]))
        others, given = self.others.at((lead - NODES[0]) / (NODES[1] - NODES[0])).points(uniform[:, 1:])
        return np.column_stack([lead, others]), log_density + given


def around_mode(log_posterior: LogDensity, start: Array) -> Split:
    """Around the mode next to a start."""
    mode = _mode(log_posterior, start)
    root = np.linalg.cholesky(_covariance(log_posterior, mode))
    return Split(mode, root, WIDER * _sides(log_posterior, mode, root))


def led(log_posterior: LogDensity, size: int) -> Led:
    """Around a mode for every value of the first deviate."""
    found: dict[int, Split] = {}
    height = np.empty(NODES.size)
    middle = NODES.size // 2
    for i in (*range(middle, NODES.size), *range(middle - 1, -1, -1)):

        def given(others: Array, lead: float = float(NODES[i])) -> Array:
            return log_posterior(np.column_stack([np.full(len(others), lead), others]))

        near = found.get(i - 1 if i > middle else i + 1)
        found[i] = around_mode(given, np.zeros(size - 1) if near is None else near.centre)
        volume = np.log(np.diagonal(found[i].root) * found[i].sides.mean(axis=1)).sum()
        height[i] = float(given(found[i].centre[None])[0]) + float(volume)
    ends = np.linspace(NODES[0], NODES[-1], FINE + 1)
    cells = 0.5 * (ends[1:] + ends[:-1])
    marginal = FLATTER * np.interp(cells, NODES, height)
    prior = -0.5 * np.square(cells)
    mass = (1.0 - PRIOR) * np.exp(marginal - logsumexp(marginal)) + PRIOR * np.exp(prior - logsumexp(prior))
    below = np.concatenate([[0.0], np.cumsum(mass)])
    each = [found[i] for i in range(NODES.size)]
    stacked = Split(*(np.stack([getattr(one, name) for one in each]) for name in ("centre", "root", "sides")))
    return Led(below / below[-1], stacked)


def _sides(log_posterior: LogDensity, mode: Array, root: Array) -> Array:
    """Scales along the axes, in units of their columns, that cover what is seen at some steps: (d, 2)."""
    d = mode.size
    steps = np.array([[-step, step] for step in STEPS])
    moved = mode + steps[:, :, None, None] * root.T
    drop = log_posterior(mode[None])[0] - log_posterior(moved.reshape(-1, d)).reshape(len(STEPS), 2, d)
    scale = np.abs(steps)[:, :, None] / np.sqrt(2.0 * np.maximum(drop, LEAST))
    return np.asarray(np.clip(scale.max(axis=0), *BOUNDS).T)


def _mode(log_posterior: LogDensity, start: Array) -> Array:
    """The mode next to a start."""
    d, unit = start.size, np.eye(start.size)

    def gradient(z: Any) -> Any:
        moved = log_posterior(np.concatenate([z + GRADIENT * unit, z - GRADIENT * unit]))
        return (moved[d:] - moved[:d]) / (2.0 * GRADIENT)

    def depth(z: Any) -> float:
        return -float(log_posterior(z[None])[0])

    return np.asarray(minimize(depth, start, jac=gradient, method="BFGS").x)


def _covariance(log_posterior: LogDensity, mode: Array) -> Array:
    """Covariance that the curvature at the mode tells."""
    d, unit = mode.size, np.eye(mode.size)
    corners = [(a, b) for a in (1.0, -1.0) for b in (1.0, -1.0)]
    steps = [a * one + b * other for one in unit for other in unit for a, b in corners]
    around = log_posterior(mode + CURVATURE * np.array(steps)).reshape(d, d, 4)
    signs = np.array([a * b for a, b in corners]) / (2.0 * CURVATURE) ** 2
    values, vectors = np.linalg.eigh(-(around @ signs))
    return np.asarray((vectors / np.maximum(values, FLATTEST)) @ vectors.T)
