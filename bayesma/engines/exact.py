"""Engine `exact`: deterministic integration, delivered as the same tree NUTS delivers, plus the grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.exact_gaussian import GaussianIntegral
from bayesma.engines.exact_mean import MeanIntegral
from bayesma.engines.exact_outer import OuterIntegral
from bayesma.engines.exact_slices import SliceIntegral
from bayesma.engines.exact_standard import StandardIntegral
from bayesma.engines.exact_visits import VisitIntegral
from bayesma.engines.tree import Setting, build
from bayesma.errors import PriorError
from bayesma.families.base import Arrays
from bayesma.families.problems import (
    GaussianMeanProblem,
    GaussianProblem,
    IndependentVisits,
    NoIntegral,
    OuterProblem,
    StandardProblem,
    TwoParameterProblem,
)


class Integral(Protocol):
    """A solved problem, whatever its kind."""

    @property
    def error(self) -> float:
        """Estimated accuracy."""

    @property
    def sound(self) -> bool:
        """Whether that meets the standard of its kind."""

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """The `/exact` group."""

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Independent draws of the hyper-parameters, each of shape (size,), or (size, t) of one a visit."""


_SOLVERS: dict[type, Callable[[Any, dict[str, float]], Integral]] = {
    GaussianProblem: GaussianIntegral.solve,
    TwoParameterProblem: SliceIntegral.solve,
    IndependentVisits: VisitIntegral.solve,
    GaussianMeanProblem: MeanIntegral.solve,
    OuterProblem: OuterIntegral.solve,
    StandardProblem: StandardIntegral.solve,
}


def fit_exact(setting: Setting, *, draws: int, chains: int) -> xr.DataTree:
    """Integrate, and add independent draws so that every function of a fit works.

    Parameters
    ----------
    setting
        Model, data and priors.
    draws, chains
        Shape of the independent draws; the summaries use the grid, not these.

    Raises
    ------
    PriorError
        When the family has no deterministic integral for these priors and options.
    """
    integral = integrate(setting)
    rng = np.random.default_rng([setting.seed, 0])
    hyper = integral.draw(chains * draws, rng)
    shaped = {name: values.reshape(chains, draws, *values.shape[1:]) for name, values in hyper.items()}
    attrs = {"converged": int(integral.sound), "draws": draws, "chains": chains}
    return build(setting, "exact", shaped, {"exact": integral.grid(setting.study)}, attrs)


def integrate(setting: Setting) -> Integral:
    """The family's integral, solved.

    Raises
    ------
    PriorError
        As in `fit_exact`.
    """
    problem = setting.family.problem(setting.case)
    if isinstance(problem, NoIntegral):
        raise PriorError(problem.reason)
    return _SOLVERS[type(problem)](problem, setting.family.moments_below(setting.case))


def exact_group(setting: Setting) -> xr.Dataset | None:
    """The `/exact` group of a setting, or None where its family has no integral for it."""
    if isinstance(setting.family.problem(setting.case), NoIntegral):
        return None
    return integrate(setting).grid(setting.study)
