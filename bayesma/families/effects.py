"""What families with one scalar effect a study share: the effects' distribution, and which moments exist."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.errors import OptionError, PriorError
from bayesma.families.base import Array, Case, Options, Priors
from bayesma.measures.base import Measure
from bayesma.numerics.effect_table import Shape
from bayesma.priors import Prior
from bayesma.priors.defaults import SINGLE_ARMS, change_priors, default_priors

type Average = Callable[[Callable[[Array], Array], Array, Array], Array]

RANDOM_EFFECTS, NU = "random_effects", "nu"


@dataclass(frozen=True, slots=True, eq=False)
class RisksOverSettings:
    """How the proportion of single arms differs between settings, as functions of two parameters.

    Attributes
    ----------
    location, scale
        Names of the parameters; no scale where one proportion is common to all.
    median, mean
        Location and scale to the median and the mean proportion over settings, all of one shape. `mean` is
        also given a function that averages over the family's `effects`.
    follows
        Which of both is a function of the location alone.
    meanings
        What the median and the mean are, in words.
    """

    location: str
    scale: str | None
    median: Callable[[Array, Array], Array]
    mean: Callable[[Array, Array, Average], Array]
    follows: Literal["median", "mean"]
    meanings: tuple[str, str]


def logits(options: Options) -> RisksOverSettings:
    """Proportions whose logits are mu plus study effects."""
    return RisksOverSettings(
        "mu",
        None if common(options) else "tau",
        lambda mu, _: np.asarray(expit(mu)),
        lambda mu, tau, average: average(expit, mu, tau),
        "median",
        (
            "expit(mu): half of all settings have a higher proportion",
            "E expit(theta_new): the proportion averaged over settings",
        ),
    )


def common(options: Options) -> bool:
    """Whether all studies share one effect."""
    return bool(options[RANDOM_EFFECTS] == "none")


def check_nu(family: str, given: Mapping[str, Any], checked: Options) -> Options:
    """Options without `nu` where effects are not Student-t.

    Raises
    ------
    OptionError
        When it was given all the same.
    """
    if checked[RANDOM_EFFECTS] == "student_t":
        return checked | {NU: float(checked[NU])}
    if NU in given:
        raise OptionError(
            f"option nu of family {family!r} goes with random_effects='student_t'; "
            f"random_effects is {checked[RANDOM_EFFECTS]!r}; leave nu out"
        )
    return {name: value for name, value in checked.items() if name != NU}


def shape_of(options: Options) -> Shape:
    """Distribution of effects around their mean, in units of tau."""
    return _student_t(options[NU]) if options[RANDOM_EFFECTS] == "student_t" else _NORMAL


_NORMAL = Shape.normal()


@lru_cache(maxsize=16)
def _student_t(nu: float) -> Shape:
    """`Shape.student_t`, remembered."""
    return Shape.student_t(nu)


def tau_of(draws: Mapping[str, Array]) -> Array:
    """Draws of tau, zeros under a common effect."""
    return draws.get("tau", np.zeros_like(draws["mu"]))


def same_for_all(log_likelihood: Callable[[Array], Array], mu: Array, k: int) -> Array:
    """Log likelihood of k studies at an effect common to them all, or (s, k) one each: (s,) to (s, k)."""
    effects = np.broadcast_to(mu.T, (k, len(mu)))
    return np.ascontiguousarray(log_likelihood(np.ascontiguousarray(effects)).T)


def measure_priors(measure: Measure, y: Array, se: Array, n: Array | None) -> dict[str, Prior]:
    """Priors of ``mu`` and ``tau`` of effects of a measure, where none are given.

    Parameters
    ----------
    measure
        Of the effects.
    y, se, n
        Estimates and standard errors (analysis scale) and, where they are known, numbers of patients: shapes
        (m,).

    Raises
    ------
    PriorError
        When the unit of the outcome decides, and sample sizes are not known.
    """
    if measure.null is None:
        return dict(SINGLE_ARMS)
    if measure.changes:
        return change_priors(y, se)
    return default_priors(measure.code, measure.unit_sd, se, n)


def linear_prior(measure: Measure, mu: Prior) -> Prior:
    """The default of a mean that is integrated together with other coefficients: of unit information."""
    if mu.distribution == "Normal" or measure.unit_sd is None:
        return mu
    return Prior("Normal", (0.0, measure.unit_sd))


def require_proper(priors: Priors) -> None:
    """Refuse flat priors: counts can leave a direction open, and then the posterior is improper.

    Raises
    ------
    PriorError
        For the first improper prior.
    """
    for name, prior in priors.items():
        if not prior.is_proper:
            raise PriorError(
                f"prior {prior} for {name} is improper; with zero events counts may leave {name} without a "
                "limit, so the models for counts take proper priors only: for example Normal(0, 10) for an "
                "effect, HalfNormal(1) for a standard deviation"
            )


def moments_of(
    case: Case, left: NDArray[np.bool_], right: NDArray[np.bool_], effect: str, new: str
) -> dict[str, float]:
    """For mu, tau, effects and a new effect: the q-th posterior moment exists exactly when q is below these.

    Far out in tau the likelihood of a study that vanishes on both sides falls like 1 / tau, any other stays
    level. mu can only go far where tau follows, or where no study speaks against it.

    Parameters
    ----------
    case
        With proper priors of ``mu`` and, unless there is one common effect, ``tau``.
    left, right
        Whether each study's likelihood vanishes as its effect goes to minus and plus infinity, shapes (k,).
    effect, new
        Names of the effects.
    """
    prior = case.priors["mu"].tail - 1.0
    bounded = bool(np.any(left)) and bool(np.any(right))
    if common(case.options):
        return {"mu": math.inf if bounded else prior}
    tau = float(np.sum(left & right)) + case.priors["tau"].tail - 1.0
    mu = prior + tau if bounded else prior
    spread = float(case.options[NU]) if NU in case.options else math.inf
    farthest = min(mu, tau, spread)
    return {"mu": mu, "tau": tau, effect: math.inf if np.all(left & right) else farthest, new: farthest}
