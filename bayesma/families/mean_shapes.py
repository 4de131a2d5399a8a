"""Shapes of a mean over time, in NumPy: one entry each.

Mawdsley et al. 2016 (doi 10.1002/psp4.12091) for Emax curves in time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from bayesma.families.base import Array, Parameter
from bayesma.families.visit_covariances import VISIT, Draws
from bayesma.priors import Prior

KNOT = ("knot",)
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
                standard=Prior("Normal", (0.0, 1.0)),
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
