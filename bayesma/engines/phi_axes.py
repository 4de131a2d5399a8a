"""One parameter of a tensor grid: its map from z, its panels, Gauss-Legendre nodes and interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.scale import ScaleMap
from bayesma.numerics import legendre

Array = NDArray[np.float64]

INVERSION_POINTS = 513  # tabulated distribution function of a panel


@dataclass(frozen=True, slots=True, eq=False)
class SinhMap:
    """``centre + unit sinh(z)``: straight within a unit of the centre, logarithmic far from it."""

    centre: float
    unit: float

    def value(self, z: Array) -> Array:
        """The parameter at `z`, shape of `z`."""
        return np.asarray(self.centre + self.unit * np.sinh(z))

    def slope(self, z: Array) -> Array:
        """The derivative of the parameter with respect to z, shape of `z`."""
        return np.asarray(self.unit * np.cosh(z))

    def z(self, value: Array) -> Array:
        """Inverse of `value`."""
        return np.asarray(np.arcsinh((value - self.centre) / self.unit))


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One parameter on a window in z, which may fall into panels where the density has kinks.

    Attributes
    ----------
    map
        From z to the parameter.
    bounds
        Where the parameter can be.
    edges
        Ends of the panels in z, shape (panels + 1,), rising.
    """

    map: ScaleMap | SinhMap
    bounds: tuple[float, float]
    edges: Array

    @property
    def panels(self) -> int:
        """Number of panels."""
        return int(self.edges.size) - 1

    def value(self, z: Array) -> Array:
        """The parameter at `z`; rounding does not take it out of its bounds."""
        value = self.map.tau(z) if isinstance(self.map, ScaleMap) else self.map.value(z)
        return np.clip(value, *self.bounds)

    def rule(self, n: int) -> tuple[Array, Array]:
        """Nodes in z and weights of n points a panel, shapes (panels n,)."""
        u, w = legendre.rule(n)
        half = 0.5 * np.diff(self.edges)[:, None]
        return (self.edges[:-1, None] + half * (u + 1.0)).ravel(), (half * w).ravel()

    def series(self, density: Array, n: int) -> Array:
        """Legendre series, shape (panels, n), in each panel's own u, of a density in z at the nodes."""
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.asarray((density.reshape(self.panels, n) * half) @ legendre.transform(n).T)

    def interpolation(self, z: Array, n: int) -> Array:
        """Matrix from values at the nodes to values at `z`, shape (z.size, panels n)."""
        result = np.zeros((z.size, self.panels, n))
        panel = np.clip(np.searchsorted(self.edges, z, side="right") - 1, 0, self.panels - 1)
        low, high = self.edges[panel], self.edges[panel + 1]
        u = np.clip(2.0 * (z - low) / (high - low) - 1.0, -1.0, 1.0)
        basis = np.polynomial.legendre.legvander(u, n - 1) @ legendre.transform(n)
        result[np.arange(z.size), panel] = basis
        return result.reshape(z.size, -1)

    def cumulation(self, n: int) -> tuple[Array, Array]:
        """Places in z and the matrix from densities at the nodes to their integrals up to there."""
        u = np.linspace(-1.0, 1.0, INVERSION_POINTS)
        unit = legendre.antiderivatives(np.ascontiguousarray(legendre.transform(n).T))
        up_to = np.polynomial.legendre.legval(u, unit.T).T  # (points, n)
        half = 0.5 * np.diff(self.edges)
        matrix = np.zeros((self.panels, u.size, self.panels, n))
        for i in range(self.panels):
            matrix[i, :, i] = half[i] * up_to
            matrix[i + 1 :, :, i] = half[i] * up_to[-1]
        places = self.edges[:-1, None] + half[:, None] * (u + 1.0)
        return places.ravel(), matrix.reshape(places.size, -1)

    def quantiles(self, uniform: Array, density: Array, n: int) -> Array:
        """Z at probabilities `uniform` (s,), each from a density of its own at the nodes, (s, panels n)."""
        places, matrix = self.cumulation(n)
        tables = np.maximum.accumulate(np.maximum(density @ matrix.T, 0.0), axis=1)
        target = uniform * tables[:, -1]
        return np.array(
            [np.interp(t, table, places) for t, table in zip(target, tables, strict=True)], dtype=np.float64
        )
