"""Densities carried from one Gauss-Legendre rule to a finer one, by their logs where these are smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics import legendre

Array = NDArray[np.float64]

FINEST = 64  # nodes that follow a bell over a whole window
LARGE = 700.0


@dataclass(frozen=True, slots=True, eq=False)
class Finer:
    """Densities carried to a finer rule.

    Attributes
    ----------
    values
        Shape (m, n).
    of_logs
        Whether by their logs, shape (m,).
    rough
        What the last terms that were followed add, in parts of the mass, shape (m,).
    """

    values: Array
    of_logs: NDArray[np.bool_]
    rough: Array

    @property
    def weights(self) -> Array:
        """Masses of the nodes, shape (m, n)."""
        return np.asarray(self.values * legendre.rule(self.values.shape[1])[1])

    @property
    def integrals(self) -> Array:
        """Shape (m,)."""
        return np.asarray(self.weights.sum(axis=1))


def through_logs(height: Array) -> Finer:
    """Densities given by their logs (m, n) at Gauss-Legendre nodes, carried to a rule of twice the nodes.

    A log density bends less than the density: its polynomial is right where that of the density still is
    not. Where the log is rough, as far out it may be, the density itself is interpolated.
    """
    n = height.shape[1]
    size = max(2 * n, FINEST)
    carried = legendre.carry(n, size)
    finite = np.isfinite(height).all(axis=1)
    logs, plain = np.where(finite[:, None], height, 0.0), np.exp(height)
    smooth = Finer(np.exp(np.minimum(logs @ carried.T, LARGE)), finite, np.zeros(0))
    last = np.abs(logs @ legendre.last_terms(n, size).T)
    of_logs = np.maximum(
        (smooth.weights * last).sum(axis=1) / smooth.integrals,
        legendre.roughness(legendre.coefficients(smooth.values)),
    )
    with np.errstate(invalid="ignore"):  # a slice of no mass
        of_plain = legendre.roughness(legendre.coefficients(plain))
    better = finite & ~(of_plain < of_logs)
    values = np.where(better[:, None], smooth.values, np.maximum(plain @ carried.T, 0.0))
    return Finer(values, better, np.where(better, of_logs, of_plain))
