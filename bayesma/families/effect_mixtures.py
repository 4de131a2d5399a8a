"""Distributions of study effects that leave room for outliers, as mixtures of normals given the draws.

Student-t effects: theta_i ~ t_nu(mean_i, tau), tau the scale. Contaminated normal effects: theta_i ~
(1 - p) N(mean_i, tau^2) + p N(mean_i, (inflation tau)^2), Tukey's; p the share of outlying studies. Baker &
Jackson 2008, doi 10.1007/s10729-007-9041-8, and Beath 2014, doi 10.1002/jrsm.1114, for meta-analysis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesma.errors import OptionError
from bayesma.families.base import PRIOR, Array, Option, Options, Parameter
from bayesma.families.effects import NU, RANDOM_EFFECTS, common, shape_of
from bayesma.families.mixture_kernels import choose, log_marginals
from bayesma.numerics.effect_table import Shape
from bayesma.numerics.threads import by_rows

CONTAMINATION, INFLATION = "contamination", "inflation"
STUDENT_T, CONTAMINATED = "student_t", "contaminated"
OPTIONS = {
    RANDOM_EFFECTS: Option(
        ("normal", STUDENT_T, CONTAMINATED, "none"),
        "normal",
        "distribution of study effects; 'none' is one common effect",
    ),
    NU: Option((), 4.0, "degrees of freedom of Student-t effects", estimable=True),
    CONTAMINATION: Option((), 0.1, "share of outlying studies", estimable=True, below=1.0),
    INFLATION: Option((), 5.0, "sd of outlying studies in units of tau", above=1.0),
}
BELONGS = {NU: STUDENT_T, CONTAMINATION: CONTAMINATED, INFLATION: CONTAMINATED}
SHAPES = {
    NU: Parameter(NU, "hyper", lower=0.0, meaning="degrees of freedom of the study effects"),
    CONTAMINATION: Parameter(
        CONTAMINATION, "hyper", lower=0.0, upper=1.0, meaning="share of outlying studies"
    ),
}
NODES = 96  # of the mixture that a Student-t with unknown degrees of freedom is
DROP = 27.6  # the density of its log precision is followed down to exp(-27.6) = 1e-12 of the peak
OMEGA = 0.5671432904097838  # where t = exp(-t)
FEWEST = 20_000  # normal densities for which a thread is worth starting


def check(family: str, given: Mapping[str, object], checked: Options) -> Options:
    """Options without those that belong to another distribution of effects.

    Raises
    ------
    OptionError
        When one was given all the same.
    """
    kept = dict(checked)
    for name, effects in BELONGS.items():
        if checked[RANDOM_EFFECTS] == effects:
            kept[name] = checked[name] if checked[name] == PRIOR else float(checked[name])
            continue
        if name in given:
            raise OptionError(
                f"option {name} of family {family!r} goes with random_effects={effects!r}; "
                f"random_effects is {checked[RANDOM_EFFECTS]!r}; leave {name} out"
            )
        del kept[name]
    return kept


def estimated(options: Options) -> Parameter | None:
    """The number of the distribution that has a prior of its own."""
    return next((p for name, p in SHAPES.items() if options.get(name) == PRIOR), None)


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Effects around their mean in units of tau: normals of mean 0, the same at all draws or one row each.

    Attributes
    ----------
    scales, log_weights
        Shapes (1, c) or (s, c).
    """

    scales: Array
    log_weights: Array

    @property
    def is_normal(self) -> bool:
        """Whether they are the one normal whose sd is tau."""
        return self.scales.shape == (1, 1) and bool(self.scales[0, 0] == 1.0)

    def log_marginal(self, residual: Array, se: Array, tau: Array) -> Array:
        """Log density of estimates (s, k), less their mean, with standard errors (k,), at tau (s,)."""

        def some(part: slice) -> Array:
            scales, log_weights = self._rows(part)
            return log_marginals(residual[part], se, tau[part], scales, log_weights)

        return by_rows(some, tau.size, FEWEST // (se.size * self.scales.shape[1]) + 1)

    def chosen(self, residual: Array, se: Array, tau: Array, rng: np.random.Generator) -> Array:
        """Scale of each study's effect, drawn given its estimate: (s, k)."""
        return choose(rng.uniform(size=residual.shape), residual, se, tau, self.scales, self.log_weights)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Standardised effects, draws first."""
        share = np.cumsum(np.exp(self.log_weights), axis=1)
        rows = np.broadcast_to(share, (shape[0], share.shape[1]))
        uniform = rng.uniform(size=(shape[0], math.prod(shape[1:]))) * rows[:, -1:]
        index = (uniform[:, :, None] > rows[:, None, :]).sum(axis=-1)
        scales = np.broadcast_to(self.scales, (shape[0], share.shape[1]))
        return np.asarray(np.take_along_axis(scales, index, axis=1).reshape(shape)) * rng.standard_normal(
            shape
        )

    def _rows(self, part: slice) -> tuple[Array, Array]:
        """Those of some draws."""
        if len(self.scales) == 1:
            return self.scales, self.log_weights
        return self.scales[part], self.log_weights[part]


def mixture(options: Options, draws: Mapping[str, Array]) -> Mixture:
    """The mixture of a model; with a row a draw where its number is a parameter."""
    name = options[RANDOM_EFFECTS]
    if name == STUDENT_T and options[NU] == PRIOR:
        return student_t(draws[NU])
    if name == CONTAMINATED:
        if options[CONTAMINATION] == PRIOR:
            return contaminated(draws[CONTAMINATION], options[INFLATION])
    shape = shape_of_effects(options)
    with np.errstate(divide="ignore"):  # a share of 0
        return Mixture(shape.scales[None], np.log(shape.weights)[None])


def shape_of_effects(options: Options) -> Shape:
    """The distribution of effects in units of tau, where its number is fixed."""
    if options[RANDOM_EFFECTS] == CONTAMINATED:
        share = options[CONTAMINATION]
        return Shape(np.array([1.0, options[INFLATION]]), np.array([1.0 - share, share]))
    return shape_of(options)


def contaminated(share: Array, inflation: float) -> Mixture:
    """Two normals, the second of weight `share` (m,) and `inflation` times as wide."""
    share = np.asarray(share, dtype=np.float64)
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.stack([1.0 - share, share], axis=1))
    return Mixture(np.tile([1.0, inflation], (share.size, 1)), log_weights)


def student_t(nu: Array) -> Mixture:
    """Precision Gamma(nu / 2, nu / 2), by the trapezoid in t where the log precision is t - exp(-t).

    The log precision falls off exponentially to the left, slowly when nu is small: the map brings that tail
    near. Below 1e-9 of the log density from nu = 0.1 to 10,000.
    """
    half = 0.5 * np.asarray(nu, dtype=np.float64)[:, None]
    drop = DROP / half
    far = drop + np.sqrt(2.0 * drop)
    low = np.maximum(OMEGA - far / (1.0 + OMEGA), -np.log(np.maximum(far, 1.0)))
    high = OMEGA + np.log1p(far)
    t = low + (high - low) * np.linspace(0.0, 1.0, NODES)
    v = t - np.exp(-t)
    log_weights = half * (v - np.exp(v)) + np.log1p(np.exp(-t))
    log_weights -= log_weights.max(axis=1, keepdims=True)
    log_weights -= np.log(np.exp(log_weights).sum(axis=1, keepdims=True))
    return Mixture(np.exp(-0.5 * np.maximum(v, -600.0)), log_weights)


def has_outliers(options: Options) -> bool:
    """Whether effects are other than normal."""
    return not common(options) and options[RANDOM_EFFECTS] != "normal"
