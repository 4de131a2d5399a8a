"""Distributions scipy does not carry: exp of a variable, the half of a symmetric one, a mixture of two."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BISECTIONS = 60


class ExpOf:
    """Distribution of exp(X) for a frozen scipy X."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density, with the Jacobian 1 / x; -inf at and below 0."""
        value = np.asarray(x, dtype=np.float64)
        log_x = np.log(np.where(value > 0, value, 1.0))
        return np.where(value > 0, self.inner.logpdf(log_x) - log_x, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Distribution function; 0 at and below 0."""
        value = np.asarray(x, dtype=np.float64)
        return np.where(value > 0, self.inner.cdf(np.log(np.where(value > 0, value, 1.0))), 0.0)

    def sf(self, x: ArrayLike) -> Array:
        """Upper tail probability; 1 at and below 0."""
        value = np.asarray(x, dtype=np.float64)
        return np.where(value > 0, self.inner.sf(np.log(np.where(value > 0, value, 1.0))), 1.0)

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile."""
        return np.asarray(np.exp(self.inner.ppf(q)))

    def isf(self, q: ArrayLike) -> Array:
        """Quantile counted from the upper tail."""
        return np.asarray(np.exp(self.inner.isf(q)))


class HalfOf:
    """Distribution of abs(X) for a frozen scipy X that is symmetric about 0."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density; -inf below 0."""
        value = np.asarray(x, dtype=np.float64)
        return np.where(value >= 0, np.log(2.0) + self.inner.logpdf(value), -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Distribution function; 0 below 0."""
        value = np.asarray(x, dtype=np.float64)
        return np.where(value >= 0, 1.0 - 2.0 * self.inner.sf(value), 0.0)

    def sf(self, x: ArrayLike) -> Array:
        """Upper tail probability; 1 below 0."""
        value = np.asarray(x, dtype=np.float64)
        return np.where(value >= 0, 2.0 * self.inner.sf(value), 1.0)

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile."""
        return np.asarray(self.inner.isf(0.5 * (1.0 - np.asarray(q, dtype=np.float64))))

    def isf(self, q: ArrayLike) -> Array:
        """Quantile counted from the upper tail."""
        return np.asarray(self.inner.isf(0.5 * np.asarray(q, dtype=np.float64)))


class MixtureOf:
    """Mixture of two frozen scipy distributions on the line."""

    def __init__(self, weight: float, first: Any, second: Any) -> None:
        self.parts = ((weight, first), (1.0 - weight, second))

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density."""
        return np.asarray(np.logaddexp(*(np.log(w) + one.logpdf(x) for w, one in self.parts)))

    def cdf(self, x: ArrayLike) -> Array:
        """Distribution function."""
        return np.asarray(sum(w * one.cdf(x) for w, one in self.parts))

    def sf(self, x: ArrayLike) -> Array:
        """Upper tail probability."""
        return np.asarray(sum(w * one.sf(x) for w, one in self.parts))

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile: between those of the two, by bisection to the last digit."""
        return self._root(np.asarray(q, dtype=np.float64), "ppf", "cdf", 1.0)

    def isf(self, q: ArrayLike) -> Array:
        """Quantile counted from the upper tail."""
        return self._root(np.asarray(q, dtype=np.float64), "isf", "sf", -1.0)

    def _root(self, q: Array, inverse: str, tail: str, sign: float) -> Array:
        """Where a tail probability is q."""
        ends = np.array([getattr(one, inverse)(q) for _, one in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            with np.errstate(invalid="ignore"):
                beyond = sign * (getattr(self, tail)(middle) - q) < 0.0
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        return np.asarray(0.5 * (low + high))
