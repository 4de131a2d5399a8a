"""What a family hands the exact engine: the integral to be done, in numbers, without the family's name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.priors import Prior


@dataclass(frozen=True, slots=True)
class NoIntegral:
    """Why a model has no deterministic integral with these priors: a sentence that says what to do."""

    reason: str


NORMAL_MIXTURES = ("Normal", "StudentT", "Cauchy", "Flat")
LEAST_DF = 0.2  # below, the variances of a Student-t's mixture leave the range of double precision


def is_normal_mixture(prior: Prior) -> bool:
    """Whether a prior on a mean is a scale mixture of normals, so that the mean integrates analytically."""
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
        Prior of the mean: Normal, StudentT, Cauchy or Flat.
    tau
        Prior of the between-study sd, or None for tau = 0 (common effect).
    """

    y: NDArray[np.float64]
    se: NDArray[np.float64]
    mu: Prior
    tau: Prior | None
