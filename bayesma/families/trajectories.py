"""Shapes of a mean over time and structures of a covariance over visits, in NumPy: one entry each.

Pinheiro & Bates 2000 (doi 10.1007/b98882) for the covariance structures; Mawdsley et al. 2016
(doi 10.1002/psp4.12091) for Emax curves in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from bayesma.families.base import Array, Parameter

type Draws = Mapping[str, Array]

VISIT, KNOT, PAIR = ("visit",), ("knot",), ("pair",)
KNOTS = 4  # of a spline, at most
JITTER = 1e-9  # on the variance of a Gaussian process: visits that are near to each other


@dataclass(frozen=True, slots=True)
class MeanShape:
    """A mean over months, linear in its coefficients given at most two further parameters.

    Attributes
    ----------
    linear, further
        Its parameters: the coefficients, and what else decides the columns they multiply.
    columns
        Months (t,), draws of the further parameters (s,) and the visits of the data to the columns, (s, t, p)
        or (1, t, p).
    words
        One line for reports.
    left
        Months (m,), draws and visits to the covariance (s, m, m), in units of amplitude squared, that the
        mean has at these months given its values at the visits; None where these decide it.
    """

    linear: tuple[Parameter, ...]
    further: tuple[Parameter, ...]
    columns: Callable[[Array, Draws, Array], Array]
    words: str
    left: Callable[[Array, Draws, Array], Array] | None = None

    def coefficients(self, draws: Draws) -> Array:
        """Draws of the coefficients side by side, (s, p)."""
        return np.concatenate([np.reshape(draws[p.name], (len(draws[p.name]), -1)) for p in self.linear], 1)

    def mean(self, month: Array, draws: Draws, visits: Array) -> Array:
        """Mean at months (t,) for draws (s,), from data with these visits: (s, t)."""
        coefficients = self.coefficients(draws)
        columns = self.columns(month, draws, visits)
        columns = np.broadcast_to(columns, (len(coefficients), *columns.shape[1:]))
        return np.asarray(np.einsum("stp,sp->st", columns, coefficients))

    def design(self, visits: Array, draws: Draws, size: int) -> Array:
        """Columns at the visits (t,) for `size` draws, contiguous: (s, t, p)."""
        columns = self.columns(visits, draws, visits)
        return np.ascontiguousarray(np.broadcast_to(columns, (size, *columns.shape[1:])))


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


def _one(month: Array) -> Array:
    """A column of ones."""
    return np.ones((1, month.size, 1))


def knots_of(visits: Array) -> Array:
    """Months of the knots of a spline: the visits, or as many quantiles of them as knots are allowed."""
    return np.quantile(visits, np.linspace(0.0, 1.0, min(KNOTS, visits.size)))


def _spline(month: Array, draws: Draws, visits: Array) -> Array:
    """Natural cubic splines that are 1 at one knot and 0 at the others; straight beyond the ends."""
    del draws
    knots = knots_of(visits)
    if knots.size == 1:
        return _one(month)
    spline = CubicSpline(knots, np.eye(knots.size), bc_type="natural")
    inside = np.clip(month, knots[0], knots[-1])
    return np.asarray(spline(inside) + spline(inside, 1) * (month - inside)[:, None])[None]


def _emax(month: Array, draws: Draws, visits: Array) -> Array:
    """1 and t / (et50 + t)."""
    del visits
    et50 = draws["et50"][:, None]
    return np.stack([np.ones((len(et50), month.size)), month / (et50 + month)], axis=-1)


def _matern(distance: Array, length: Array) -> Array:
    """Correlations at distances in months, (s, ...) for lengths (s,): smoothness 3/2."""
    scaled = math.sqrt(3.0) * distance / length.reshape(-1, *[1] * distance.ndim)
    return np.asarray((1.0 + scaled) * np.exp(-scaled))


def _known(visits: Array, length: Array) -> Array:
    """Lower Cholesky factor of the correlations at the visits, (s, t, t)."""
    between = _matern(np.abs(visits[:, None] - visits), length)
    return np.asarray(np.linalg.cholesky(between + JITTER * np.eye(visits.size)))


def _gain(month: Array, length: Array, visits: Array) -> Array:
    """What a standardised deviate of each visit adds at each month, (s, m, t)."""
    across = _matern(np.abs(visits[:, None] - month), length)
    return np.swapaxes(np.linalg.solve(_known(visits, length), across), 1, 2)


def _process(month: Array, draws: Draws, visits: Array) -> Array:
    """1, and the factor of a Gaussian process at the visits, carried on to the months."""
    if np.array_equal(month, visits):
        factor = _known(visits, draws["length"])
    else:
        factor = _gain(month, draws["length"], visits)
    scaled = draws["amplitude"][:, None, None] * factor
    return np.concatenate([np.ones((*scaled.shape[:2], 1)), scaled], axis=-1)


def _process_left(month: Array, draws: Draws, visits: Array) -> Array:
    """Covariance of a Gaussian process at months, given the visits, in units of its amplitude squared."""
    gain = _gain(month, draws["length"], visits)
    whole = _matern(np.abs(month[:, None] - month), draws["length"])
    return np.asarray(whole - gain @ np.swapaxes(gain, 1, 2))


def _changepoint(month: Array, draws: Draws, visits: Array) -> Array:
    """1, the time before the change and the time after it."""
    del visits
    change = draws["change"][:, None]
    before, after = np.minimum(month, change), np.maximum(month - change, 0.0)
    return np.stack([np.ones_like(before), before, after], axis=-1)


def _coefficient(name: str, meaning: str) -> Parameter:
    """A parameter on the line."""
    return Parameter(name, "hyper", meaning=meaning)


MEANS: dict[str, MeanShape] = {
    "visit": MeanShape(
        (Parameter("m", "hyper", VISIT, meaning="mean effect at each visit"),),
        (),
        lambda month, *_: np.eye(month.size)[None],
        "a mean of its own at every visit",
    ),
    "linear": MeanShape(
        (_coefficient("intercept", "mean effect at month 0"), _coefficient("slope", "change a month")),
        (),
        lambda month, *_: np.concatenate([_one(month), month[None, :, None]], axis=-1),
        "a straight line in months",
    ),
    "emax": MeanShape(
        (_coefficient("e0", "mean effect at month 0"), _coefficient("emax", "change in the long run")),
        (Parameter("et50", "hyper", lower=0.0, meaning="month by which half of emax is reached"),),
        _emax,
        "an Emax curve, e0 + emax t / (et50 + t)",
    ),
    "spline": MeanShape(
        (Parameter("coef", "hyper", KNOT, meaning="mean effect at each knot"),),
        (),
        _spline,
        f"a natural cubic spline through its values at up to {KNOTS} knots",
    ),
    "gp": MeanShape(
        (
            _coefficient("level", "mean effect around which the course moves"),
            Parameter(
                "deviate",
                "hyper",
                VISIT,
                meaning="standardised deviate of the course at each visit",
                standard=True,
            ),
        ),
        (
            Parameter("amplitude", "hyper", lower=0.0, meaning="sd of the course around its level"),
            Parameter("length", "hyper", lower=0.0, meaning="months over which the course forgets"),
        ),
        _process,
        "a Gaussian process around a level (Matern, smoothness 3/2)",
        _process_left,
    ),
    "changepoint": MeanShape(
        (
            _coefficient("level", "mean effect at month 0"),
            _coefficient("slope1", "change a month before the change-point"),
            _coefficient("slope2", "change a month after it"),
        ),
        (Parameter("change", "hyper", lower=0.0, meaning="month of the change-point"),),
        _changepoint,
        "two straight lines that meet at a change-point",
    ),
}

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
    meaning="how the correlation of a study's errors decays: 0 not, 1 evenly",
)


def powers(draws: Draws, lag: Array, size: int) -> Array:
    """rho_within to each power, (s, l); ones where the within-study covariance is given."""
    if "rho_within" not in draws:
        return np.ones((size, lag.size))
    if "decay_within" in draws:
        lag = np.where(lag > 0.0, np.maximum(lag, 0.0) ** draws["decay_within"][:, None], 0.0)
    return np.asarray(draws["rho_within"][:, None] ** lag)
