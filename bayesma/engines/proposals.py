"""Where importance sampling of deviates proposes points: around one mode, or around one for each scale.

The second is for parameters whose spread follows another one, as the steps of a random walk follow their
standard deviation: no ellipse covers such a posterior. Given that leading deviate the others are nearly
normal, and their mode and curvature tell its marginal density (Rue, Martino & Chopin 2009, doi
10.1111/j.1467-9868.2008.00700.x). Both are proposals only: what they miss costs points, not accuracy.
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
WIDER = 1.1  # its sds, in those of the posterior as far as known
GRADIENT, CURVATURE = 1e-5, 1e-2  # steps of differences in z
FLATTEST = 0.2  # least curvature of the log posterior that is believed
NODES = np.linspace(-6.0, 6.0, 25)  # values of the leading deviate at which modes are sought
FINE = 2001  # cells of its density
FLATTER, PRIOR = 0.8, 0.1  # power of its density, and share of the prior, so that tails are not missed


class Proposal(Protocol):
    """Points for the posterior of deviates."""

    @property
    def size(self) -> int:
        """Uniform numbers a point takes."""

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """Uniforms (n, size) to points (n, d) and their log density (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Elliptic:
    """A multivariate Student-t.

    Attributes
    ----------
    centre, root
        Centre (d,), and a root of the covariance (d, d).
    """

    centre: Array
    root: Array

    @property
    def size(self) -> int:
        """One for every deviate, and one for the common scale."""
        return self.centre.size + 1

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """See `Proposal`."""
        t, log_density = _student(uniform)
        return self.centre + t @ self.root.T, log_density - float(np.linalg.slogdet(self.root)[1])

    def adapted(self, z: Array, weight: Array) -> Elliptic:
        """The same with mean and covariance of weighted points (n, d)."""
        centre = weight @ z
        away = z - centre
        return Elliptic(centre, WIDER * np.linalg.cholesky(away.T @ (weight[:, None] * away)))


@dataclass(frozen=True, slots=True, eq=False)
class Led:
    """The leading deviate by its marginal density, the others by a Student-t given it.

    Attributes
    ----------
    below
        Probability below the ends of the cells between the first and the last node, (cells + 1,).
    centre, root
        Of the others at every node, (nodes, d - 1) and lower triangles (nodes, d - 1, d - 1).
    """

    below: Array
    centre: Array
    root: Array

    @property
    def size(self) -> int:
        """As of an ellipse."""
        return int(self.centre.shape[1]) + 2

    def points(self, uniform: Array) -> tuple[Array, Array]:
        """See `Proposal`."""
        ends = np.linspace(NODES[0], NODES[-1], self.below.size)
        lead = np.interp(uniform[:, 0], self.below, ends)
        cell = np.clip(np.searchsorted(self.below, uniform[:, 0], side="right") - 1, 0, self.below.size - 2)
        log_density = np.log(np.diff(self.below)[cell] / (ends[1] - ends[0]))
        place = (lead - NODES[0]) / (NODES[1] - NODES[0])
        left = np.clip(place.astype(np.intp), 0, NODES.size - 2)
        share = (place - left)[:, None]
        centre = (1.0 - share) * self.centre[left] + share * self.centre[left + 1]
        root = (1.0 - share[..., None]) * self.root[left] + share[..., None] * self.root[left + 1]
        t, of_others = _student(uniform[:, 1:])
        others = centre + np.einsum("nij,nj->ni", root, t)
        log_density += of_others - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        return np.column_stack([lead, others]), log_density


def elliptic(log_posterior: LogDensity, size: int) -> Elliptic:
    """Around the mode."""
    mode = _mode(log_posterior, np.zeros(size))
    return Elliptic(mode, WIDER * np.linalg.cholesky(_covariance(log_posterior, mode)))


def led(log_posterior: LogDensity, size: int) -> Led:
    """Around a mode for every value of the first deviate."""
    centre, covariance = np.zeros((NODES.size, size - 1)), np.empty((NODES.size, size - 1, size - 1))
    height = np.empty(NODES.size)
    middle = NODES.size // 2
    for i in (*range(middle, NODES.size), *range(middle - 1, -1, -1)):
        lead = float(NODES[i])

        def given(others: Array, lead: float = lead) -> Array:
            return log_posterior(np.column_stack([np.full(len(others), lead), others]))

        near = centre[i] if i == middle else centre[i - 1 if i > middle else i + 1]
        centre[i] = _mode(given, near)
        covariance[i] = _covariance(given, centre[i])
        height[i] = float(given(centre[i][None])[0]) + 0.5 * float(np.linalg.slogdet(covariance[i])[1])
    ends = np.linspace(NODES[0], NODES[-1], FINE + 1)
    cells = 0.5 * (ends[1:] + ends[:-1])
    marginal = FLATTER * np.interp(cells, NODES, height)
    prior = -0.5 * np.square(cells)
    mass = (1.0 - PRIOR) * np.exp(marginal - logsumexp(marginal)) + PRIOR * np.exp(prior - logsumexp(prior))
    below = np.concatenate([[0.0], np.cumsum(mass)])
    return Led(below / below[-1], centre, WIDER * np.linalg.cholesky(covariance))


def _student(uniform: Array) -> tuple[Array, Array]:
    """Standard Student-t points from uniforms (n, d + 1), and their log density."""
    d = uniform.shape[1] - 1
    shrink = 2.0 * gammaincinv(0.5 * DF, uniform[:, d]) / DF  # chi-squared over its degrees of freedom
    t = ndtri(uniform[:, :d]) / np.sqrt(shrink)[:, None]
    constant = gammaln(0.5 * (DF + d)) - gammaln(0.5 * DF) - 0.5 * d * math.log(DF * math.pi)
    return t, float(constant) - 0.5 * (DF + d) * np.log1p(np.square(t).sum(axis=1) / DF)


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
