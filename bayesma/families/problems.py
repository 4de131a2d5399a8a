"""What a family hands the exact engine: the integral to be done, in numbers, without the family's name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.effect_table import EffectTable, Shape
from bayesma.priors import Prior

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoIntegral:
    """Why a model has no deterministic integral with these priors: a sentence that says what to do."""

    reason: str


NORMAL_MIXTURES = ("Normal", "StudentT", "Cauchy", "Logistic", "NormalMixture", "Flat")
LEAST_DF = 0.2  # below, the variances of a Student-t's mixture leave the range of double precision


def is_normal_mixture(prior: Prior) -> bool:
    """Whether a prior on a mean is a mixture of normals, so that the mean integrates analytically."""
    if prior.distribution == "StudentT" and prior.arguments[0] < LEAST_DF:
        return False
    return prior.distribution in NORMAL_MIXTURES and not prior.truncated


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProblem:
    """y_i ~ N(mu, se_i^2 + tau^2) with priors on mu and tau: mu integrates analytically.

    Attributes
    ----------
    y, se
        Estimates and standard errors, shape (k,), analysis scale.
    mu
        Prior of the mean: one of `NORMAL_MIXTURES`, not truncated.
    tau
        Prior of the between-study sd, or None for tau = 0 (common effect).
    """

    y: Array
    se: Array
    mu: Prior
    tau: Prior | None


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A study's second parameter, integrated out of its effect's likelihood.

    Attributes
    ----------
    name
        As users write it.
    quantiles
        Effects (k, g) and levels (q,) to quantiles of the baseline given data and effect, (k, g, q).
    log_mixture
        Studies (q,), effects and their weights (q, g) and baselines (q, a) to the log density of the baseline
        given data, over these effects, (q, a).
    """

    name: str
    quantiles: Callable[[Array, Array], Array]
    log_mixture: Callable[[NDArray[np.intp], Array, Array, Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class LocationScaleEffects:
    """Each study's effect is location plus scale times a standardised effect.

    Attributes
    ----------
    name, new
        The effects of the studies and of a new study, as users write them.
    table
        Likelihood of each study in its effect.
    shape
        Distribution of the standardised effects.
    """

    name: str
    new: str
    table: EffectTable
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalEffects:
    """Study effects whose density given the two parameters is known in closed form.

    Attributes
    ----------
    name, new
        As in `LocationScaleEffects`.
    k
        Number of studies.
    log_density
        Number of a study (k for the new one), effects (g,), location (n,) on the line and scale (n,) to log
        densities (g, n).
    """

    name: str
    new: str
    k: int
    log_density: Callable[[int, Array, Array, Array], Array]


@dataclass(frozen=True, slots=True, eq=False)
class DrawnEffects:
    """Study effects whose densities have no series, as where they are infinite at 0: known by draws.

    Attributes
    ----------
    draw
        The two parameters, each (n,), and a generator to draws of the effects by name.
    """

    draw: Callable[[dict[str, Array], np.random.Generator], dict[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class TwoParameterProblem:
    """Studies independent given a location and a scale: a two-dimensional integral.

    Attributes
    ----------
    location, scale
        Names of the two parameters.
    location_prior, scale_prior
        Their priors; no `scale_prior` where the scale is fixed at 0 (common effect).
    link
        The location is integrated on the line; ``"expit"`` maps it to the parameter, a probability.
    null
        Whether a location of 0 says that there is no effect.
    log_likelihood
        Location on the line (n,) and scale (n,) to the log likelihood of each study, (n, k).
    start
        A place on the line and an sd of the right order for the location.
    scales
        Smallest and largest scale at which the data have features.
    scale_moments
        The q-th moment of the scale exists exactly when q is below this.
    effects
        The study effects, None where they all are the location.
    baseline
        What was integrated out of each study's likelihood, if users may ask for it.
    coarser
        The log likelihood from half of its table's points, where it comes from a table: the difference tells
        the table's error.
    location_moments
        As `scale_moments`, of the location.
    without_scale
        Location (n,) to the log likelihood of each study at scale 0, (n, k), exact however far studies
        contradict each other; None where scale 0 is no model.
    """

    location: str
    scale: str
    location_prior: Prior
    scale_prior: Prior | None
    link: Literal["identity", "expit"]
    null: bool
    log_likelihood: Callable[[Array, Array], Array]
    start: tuple[float, float]
    scales: tuple[float, float]
    scale_moments: float
    effects: LocationScaleEffects | ConditionalEffects | DrawnEffects | None
    baseline: Baseline | None = None
    coarser: Callable[[Array, Array], Array] | None = None
    location_moments: float = math.inf
    without_scale: Callable[[Array], Array] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class IndependentVisits:
    """A posterior that factorises over visits: each visit is an integral of its own.

    Attributes
    ----------
    visits
        One problem a visit, of the studies seen there.
    studies
        Numbers of those studies, one array a visit.
    k
        Number of studies in all.
    """

    visits: tuple[GaussianProblem, ...]
    studies: tuple[NDArray[np.intp], ...]
    k: int


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Coefficients that users address by one name.

    Attributes
    ----------
    name
        As users write it.
    dimension
        That of a vector; None for a number.
    size
        How many columns of X it has.
    """

    name: str
    dimension: str | None
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class OuterProblem:
    """A third parameter around a two-dimensional integral: given it, the studies have a location and a scale.

    Attributes
    ----------
    name, dimension
        As users write it; its dimension, of size 1, or None for a number.
    prior, bounds
        Its prior and where it can be.
    start
        A place and an sd of the right order.
    at
        Its value to the integral that is left.
    null
        Whether 0 says that it has no effect.
    draw
        The parameters, each (n,) or (n, 1), and a generator to draws of the study effects, by name.
    """

    name: str
    dimension: str | None
    prior: Prior
    bounds: tuple[float, float]
    start: tuple[float, float]
    at: Callable[[float], TwoParameterProblem]
    null: bool
    draw: Callable[[dict[str, Array], np.random.Generator], dict[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMeanProblem:
    """y_i ~ N(X_i b, V_i(phi)) with b normal a priori: at most three parameters phi are left to integrate.

    Attributes
    ----------
    names, priors, bounds, scales
        The parameters phi, at most three: as users write them, their priors, where they can be (no prior has
        mass outside), and the size at which the data have features.
    coefficients
        What b consists of, in the order of the columns of X.
    prior_mean, prior_sd
        Of b, shapes (p,); an infinite sd is a flat prior.
    pieces
        Phi (g, d) to the log likelihood with b integrated out (g,), the mean of b (g, p) and its covariance
        (g, p, p).
    at_visits
        Phi (g, d) to X of the average study at every visit, (g, t, p).
    between
        Phi (g, d) to the covariance of effects between studies, (g, t, t).
    effects
        Phi (g, d) to mean and sd of the study effects, b integrated out, both (g, k, t).
    breaks
        For each phi the values at which the likelihood has a kink.
    over
        What studies have several effects over; None where each has one, and t = 1.
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    bounds: tuple[tuple[float, float], ...]
    scales: tuple[float, ...]
    coefficients: tuple[Coefficient, ...]
    prior_mean: Array
    prior_sd: Array
    pieces: Callable[[Array], tuple[Array, Array, Array]]
    at_visits: Callable[[Array], Array]
    between: Callable[[Array], Array]
    effects: Callable[[Array], tuple[Array, Array]]
    breaks: tuple[tuple[float, ...], ...]
    over: str | None = "visit"


@dataclass(frozen=True, slots=True, eq=False)
class StandardProblem:
    """A handful of parameters, functions of deviates that are independent standard normal a priori.

    Attributes
    ----------
    size
        Number of deviates d.
    effect_size
        Number of uniforms e that decide the effects of the studies and of a new one.
    dims
        Dimensions of each parameter and effect.
    parameters
        Deviates (n, d) to parameters, each (n, ...).
    log_likelihood
        Parameters to the log likelihood of all studies, (n,).
    effects
        Parameters and uniforms (n, e) to draws of the effects given data and parameters; none where all
        studies are alike.
    effect_names
        Names of those.
    led
        Whether the spread of the other parameters follows the first deviate.
    order
        Parameters to the quantity (n,) that is asked first: draws are spread evenly along it. None where no
        quantity stands out.
    """

    size: int
    effect_size: int
    dims: dict[str, tuple[str, ...]]
    parameters: Callable[[Array], dict[str, Array]]
    log_likelihood: Callable[[dict[str, Array]], Array]
    effects: Callable[[dict[str, Array], Array], dict[str, Array]]
    effect_names: tuple[str, ...]
    led: bool = False
    order: Callable[[dict[str, Array]], Array] | None = None
