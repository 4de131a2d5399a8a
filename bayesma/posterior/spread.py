"""The distribution of one derived quantity: exact where it follows one parameter, else by nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from bayesma.posterior.marginals import Marginal

Array = NDArray[np.float64]

COLUMNS = ["mean", "sd", "median", "ci_low", "ci_high", "mcse_mean"]
ENDS = (1e-12, 1.0 - 1e-12)  # between these a threshold is sought
NEAR = 0.01  # in probability, from the ranks of the nodes to where a quantile is sought
NEGLIGIBLE = 1e-12  # mass of a piece that is left out


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """A quantity that rises with one parameter: its quantiles are the parameter's.

    Attributes
    ----------
    posterior
        Marginal posterior of the parameter.
    transform
        Parameter (n,) to quantity (n,), rising.
    """

    posterior: Marginal
    transform: Callable[[Array], Array]

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, shape (m,)."""
        return self.transform(self.posterior.quantile(q)[0])

    def above(self, threshold: float) -> float:
        """Probability above a threshold."""
        low, high = self.posterior.quantile(ENDS)[0]

        def excess(value: float) -> float:
            return float(self.transform(np.array([value]))[0]) - threshold

        if excess(low) > 0.0 or excess(high) <= 0.0:
            return float(excess(low) > 0.0)
        at = float(brentq(excess, low, high, xtol=1e-14 * (high - low), rtol=1e-14))
        return float(self.posterior.probability(at, above=True)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Posterior of one derived quantity.

    Attributes
    ----------
    values, weight
        Shape (n, m): n nodes or draws of the parameters, m nodes of an independent control risk.
    law
        The exact distribution, where there is one.
    chains
        Number of chains the n draws came from; 0 where nothing was drawn.
    slice
        Shape (n,): within one slice, and for one control risk, the values of nodes rise.
    sign
        The parameter of which the quantity has the sign, where there is one.
    """

    values: Array
    weight: Array
    law: Law | None
    chains: int
    slice: NDArray[np.int64]
    sign: Marginal | None = None

    @classmethod
    def of_draws(cls, values: Array, chains: int) -> Spread:
        """Of equally weighted draws (n,), those of a chain together."""
        flat = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        return cls(flat, np.full_like(flat, 1.0 / flat.size), None, chains, np.zeros(flat.size, np.int64))

    def mean(self) -> float:
        """Mean."""
        return float(np.sum(self.values * self.weight))

    def sd(self) -> float:
        """Standard deviation."""
        if np.ptp(self.values) == 0.0:
            return 0.0
        return float(np.sqrt(np.sum((self.values - self.mean()) ** 2 * self.weight)))

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, shape (m,)."""
        if self.law is not None:
            return self.law.quantile(q)
        levels = np.asarray(q, dtype=np.float64)
        values, weight = self.values.reshape(-1), self.weight.reshape(-1)
        order = np.argsort(values, kind="stable")
        below = np.cumsum(weight[order]) - 0.5 * weight[order]
        ranked = np.interp(levels, below, values[order])
        if self.chains or np.ptp(values) == 0.0:
            return ranked
        pieces = self._pieces()
        near = np.interp(np.stack([levels - NEAR, levels + NEAR]), below, values[order])
        return np.array(
            [_solve(float(q), float(a), float(b), pieces) for q, a, b in zip(levels, *near, strict=True)]
        )

    def above(self, threshold: float) -> float:
        """Probability above a threshold."""
        if self.law is not None:
            return self.law.above(threshold)
        if self.sign is not None and threshold == 0.0:
            return float(self.sign.probability(0.0, above=True)[0])
        if self.chains or np.ptp(self.values) == 0.0:
            return float(np.clip(np.sum(self.weight[self.values > threshold]), 0.0, 1.0))
        return float(np.clip(1.0 - _below(threshold, self._pieces()), 0.0, 1.0))

    def _pieces(self) -> tuple[Array, Array, Array]:
        """Both ends and mass of every piece between two neighbouring nodes of a slice."""
        joined = self.slice[1:] == self.slice[:-1]
        mass = (0.5 * (self.weight[1:] + self.weight[:-1]))[joined].reshape(-1)
        kept = mass > NEGLIGIBLE
        first, last = self.values[:-1][joined].reshape(-1), self.values[1:][joined].reshape(-1)
        return first[kept], last[kept], mass[kept] / mass[kept].sum()

    def mcse(self) -> float:
        """Monte Carlo standard error of the mean; NaN where nothing was drawn."""
        if not self.chains:
            return float("nan")
        from arviz_stats.base import array_stats

        mean = (self.values * self.weight).sum(axis=1) * self.values.shape[0]
        return float(array_stats.mcse(mean.reshape(self.chains, -1), method="mean"))


def table_of(rows: Mapping[str, Spread], ends: tuple[float, float], limits: Sequence[float]) -> pd.DataFrame:
    """One line a quantity, with the probabilities that it lies above the limits."""
    lines: dict[str, list[float]] = {}
    for name, spread in rows.items():
        median, low, high = spread.quantile([0.5, *ends])
        lines[name] = [spread.mean(), spread.sd(), median, low, high, spread.mcse()]
        lines[name] += [spread.above(limit) for limit in limits]
    columns = [*COLUMNS, *(f"P(> {limit:g})" for limit in limits)]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def _below(threshold: float, pieces: tuple[Array, Array, Array]) -> float:
    """Mass below a threshold, spread evenly within each piece."""
    first, last, mass = pieces
    width = last - first
    share = np.where(width > 0.0, (threshold - first) / np.where(width > 0.0, width, 1.0), threshold > first)
    return float(mass @ np.clip(share, 0.0, 1.0))


def _solve(level: float, low: float, high: float, pieces: tuple[Array, Array, Array]) -> float:
    """The value with so much mass below it; the ends are widened to all values where they do not hold it."""
    if not _below(low, pieces) < level < _below(high, pieces):
        low, high = float(pieces[0].min()), float(pieces[1].max())
        if not _below(low, pieces) < level:  # a value of positive probability: a risk ratio that ends at 1
            return low
        if not _below(high, pieces) > level:
            return high
    first, last, mass = pieces
    under, open_ = last <= low, (last > low) & (first < high)
    rest, near = level - float(mass[under].sum()), (first[open_], last[open_], mass[open_])
    if not _below(low, near) < rest < _below(high, near):  # rounding, at an end
        return 0.5 * (low + high)
    return float(brentq(lambda at: _below(at, near) - rest, low, high, xtol=1e-12 * (high - low)))
