"""Posteriors of one number under several models, in shares, as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from bayesma.posterior.marginals import Marginal

type Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """Marginals in shares, and a share at exactly 0."""

    parts: tuple[Marginal, ...]
    shares: tuple[float, ...]
    at_zero: float = 0.0

    def mean(self) -> Array:
        """Weighted mean."""
        return np.array([sum(w * part.mean()[0] for w, part in zip(self.shares, self.parts, strict=True))])

    def sd(self) -> Array:
        """Within the parts, and between their means."""
        mean = self.mean()[0]
        variance = sum(
            w * (part.sd()[0] ** 2 + (part.mean()[0] - mean) ** 2)
            for w, part in zip(self.shares, self.parts, strict=True)
        )
        return np.array([math.sqrt(variance + self.at_zero * mean**2)])

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Weighted probability; the share at 0 lies on neither side of it."""
        total = sum(
            w * part.probability(threshold, above=above)[0]
            for w, part in zip(self.shares, self.parts, strict=True)
        )
        beyond = threshold < 0.0 if above else threshold > 0.0
        return np.array([total + self.at_zero * beyond])

    def quantile(self, q: Sequence[float]) -> Array:
        """By bracketing: between the smallest and the largest of the parts, 0 among them."""
        ends = [part.quantile(q)[0] for part in self.parts]
        return np.array([[self._at(level, [e[i] for e in ends]) for i, level in enumerate(q)]])

    def _at(self, level: float, ends: list[float]) -> float:
        """One quantile."""
        low, high = min(ends), max(ends)
        if self.at_zero > 0.0:
            below = float(self.probability(0.0, above=False)[0])
            if below <= level <= below + self.at_zero:
                return 0.0
            low, high = (min(low, 0.0), 0.0) if level < below else (0.0, max(high, 0.0))

        def excess(x: float) -> float:
            return float(self.probability(x, above=False)[0]) - level

        if low == high or excess(low) >= 0.0:  # draws: the empirical quantile lies between two of them
            return low
        return high if excess(high) <= 0.0 else float(brentq(excess, low, high, xtol=1e-12 * (high - low)))
