"""Structures of a covariance over visits, between studies and within one, in NumPy: one entry each.

Pinheiro & Bates 2000 (doi 10.1007/b98882).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayesma.families.base import Array, Parameter

type Draws = Mapping[str, Array]

VISIT, PAIR = ("visit",), ("pair",)


@dataclass(frozen=True, slots=True)
class Structure:
    """A covariance of study effects over visits.

    Attributes
    ----------
    tau, rho
        Its standard deviation(s), one for all visits or one each, and its correlation, if it has one.
    correlation
        Months (t,) and draws of rho, (s,) or (s, pairs), to correlations, (s, t, t).
    words
        One line for reports.
    """

    tau: Parameter
    rho: Parameter | None
    correlation: Callable[[Array, Array], Array]
    words: str

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Those it has."""
        return (self.tau,) if self.rho is None else (self.tau, self.rho)

    def covariance(self, month: Array, draws: Draws) -> Array:
        """Between-study covariance at months (t,) for draws (s,): (s, t, t)."""
        tau = draws["tau"]
        size = (tau.shape[0], month.size)
        each = np.broadcast_to(tau if tau.ndim == 2 else tau[:, None], size)
        correlation = self.correlation(month, draws.get("rho", np.zeros(size[0])))
        return np.asarray(each[:, :, None] * correlation * each[:, None, :])


_EACH = Parameter("tau", "hyper", VISIT, lower=0.0, meaning="between-study sd at each visit")
_ALL = Parameter("tau", "hyper", lower=0.0, meaning="between-study sd, the same at all visits")


def _rho(lower: float, meaning: str) -> Parameter:
    """A correlation of study effects."""
    return Parameter("rho", "hyper", lower=lower, upper=1.0, meaning=meaning)


def _exchangeable(month: Array, rho: Array) -> Array:
    """Rho off the diagonal."""
    eye = np.eye(month.size)
    return np.asarray(eye + rho[:, None, None] * (1.0 - eye))


def _autoregressive(month: Array, rho: Array) -> Array:
    """Rho to the number of visits between."""
    at = np.arange(month.size)
    return np.asarray(rho[:, None, None] ** np.abs(at[:, None] - at))


def _decaying(month: Array, rho: Array) -> Array:
    """Rho to the number of months between."""
    return np.asarray(rho[:, None, None] ** np.abs(month[:, None] - month))


def pairs_of(visits: int) -> list[tuple[int, int]]:
    """Positions (k, j) of the partial correlations of visits k and j given those before k, in their order."""
    return [(k, j) for k in range(visits - 1) for j in range(k + 1, visits)]


def lkj_shifts(visits: int) -> Array:
    """What is added to eta of LKJ for each partial correlation, which then are independent (same source)."""
    return np.array([0.5 * (visits - 2 - k) for k, _ in pairs_of(visits)])


def _unstructured(month: Array, rho: Array) -> Array:
    """Any correlation matrix, from its canonical partial correlations.

    They fill the Cholesky factor row by row: Lewandowski, Kurowicka & Joe 2009,
    doi 10.1016/j.jmva.2009.04.008.
    """
    factor = np.zeros((len(rho), month.size, month.size))
    left = np.ones((len(rho), month.size))  # of the variance of each visit, after the visits so far
    for partial, (k, j) in zip(rho.T, pairs_of(month.size), strict=True):
        factor[:, j, k] = partial * np.sqrt(left[:, j])
        left[:, j] *= 1.0 - partial**2
    factor[:, range(month.size), range(month.size)] = np.sqrt(left)
    return np.asarray(factor @ np.swapaxes(factor, 1, 2))


BETWEEN: dict[str, Structure] = {
    "diagonal": Structure(
        _EACH, None, lambda month, rho: np.eye(month.size)[None] + 0.0 * rho[:, None, None], "independent"
    ),
    "cs": Structure(
        _ALL,
        _rho(0.0, "correlation of study effects between any two visits"),
        _exchangeable,
        "compound symmetry: one sd, one correlation, 0 to 1",
    ),
    "har": Structure(
        _EACH,
        _rho(-1.0, "correlation of study effects from one visit to the next"),
        _autoregressive,
        "heteroscedastic first-order autoregression over the visits",
    ),
    "ou": Structure(
        _ALL,
        _rho(0.0, "correlation of study effects one month apart"),
        _decaying,
        "Ornstein-Uhlenbeck: one sd, a correlation that decays over months",
    ),
    "unstructured": Structure(
        _EACH,
        Parameter(
            "rho",
            "hyper",
            PAIR,
            lower=-1.0,
            upper=1.0,
            meaning="correlation of study effects at two visits, given the visits before the earlier one",
        ),
        _unstructured,
        "unstructured: any covariance over the visits",
    ),
}

RHO_WITHIN = Parameter(
    "rho_within", "hyper", lower=0.0, upper=1.0, meaning="correlation of a study's errors between visits"
)


DECAY_WITHIN = Parameter(
    "decay_within",
    "hyper",
    lower=0.0,
    upper=2.0,
    meaning="decay of the correlation of a study's errors: 0 none, 1 even",
)


def powers(draws: Draws, lag: Array, size: int) -> Array:
    """rho_within to each power, (s, l); ones where the within-study covariance is given."""
    if "rho_within" not in draws:
        return np.ones((size, lag.size))
    if "decay_within" in draws:
        lag = np.where(lag > 0.0, np.maximum(lag, 0.0) ** draws["decay_within"][:, None], 0.0)
    return np.asarray(draws["rho_within"][:, None] ** lag)
