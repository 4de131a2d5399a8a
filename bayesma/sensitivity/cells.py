"""The posterior of one cell of a sensitivity analysis, with as little computed as its questions need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.exact import exact_group
from bayesma.engines.fit import fit_setting
from bayesma.engines.marginals import Marginal, marginal, stored
from bayesma.engines.tree import Setting
from bayesma.errors import OptionError
from bayesma.families.problems import NoIntegral
from bayesma.numerics.threads import one_blas_thread

ENGINES = (None, "exact", "nuts")


class Posterior(Protocol):
    """What a question is asked of."""

    @property
    def setting(self) -> Setting:
        """Model, data and priors."""

    @property
    def converged(self) -> bool:
        """Whether its numbers may be used."""

    def evidence(self) -> Mapping[str, Any]:
        """Log p(y), log Bayes factors and reasons, as `/exact` has them; log_evidence NaN where not known."""

    def marginal(self, parameter: str) -> Marginal:
        """Marginal posterior of a parameter."""

    def tree(self) -> xr.DataTree:
        """The whole fit, for questions about more than one parameter."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactPosterior:
    """The grid alone: neither draws nor predictions are made of it unless a question needs the tree."""

    setting: Setting
    grid: xr.Dataset

    @property
    def converged(self) -> bool:
        """The integral warns by itself where it is not accurate."""
        return True

    def evidence(self) -> Mapping[str, Any]:
        """From the integral."""
        return self.grid.attrs

    def marginal(self, parameter: str) -> Marginal:
        """From the grid; from the tree where the grid leaves a parameter to draws."""
        found = stored(self.grid, parameter)
        return marginal(self.tree(), parameter) if found is None else found

    def tree(self) -> xr.DataTree:
        """A fit by the exact engine."""
        return fit_setting(self.setting, "exact")


@dataclass(frozen=True, slots=True, eq=False)
class FittedPosterior:
    """A whole fit."""

    setting: Setting
    fitted: xr.DataTree

    @property
    def converged(self) -> bool:
        """As the fit says."""
        return bool(self.fitted.attrs["converged"])

    def evidence(self) -> Mapping[str, Any]:
        """Draws do not give it."""
        return {"log_evidence": float("nan")}

    def marginal(self, parameter: str) -> Marginal:
        """From the draws."""
        return marginal(self.fitted, parameter)

    def tree(self) -> xr.DataTree:
        """The fit."""
        return self.fitted


def engine_for(settings: list[Setting], engine: str | None) -> str:
    """The engine asked for; without one ``"exact"`` where every cell has an integral, else ``"nuts"``.

    Raises
    ------
    OptionError
        For an engine that does not exist.
    """
    if engine not in ENGINES:
        raise OptionError(f"engine is {engine!r}; it must be 'exact', 'nuts', or None to choose")
    if engine is not None:
        return engine
    without = any(isinstance(one.family.problem(one.case), NoIntegral) for one in settings)
    return "nuts" if without else "exact"


def posterior_of(setting: Setting, engine: str, sampling: Mapping[str, Any]) -> Posterior:
    """Solve one cell.

    Parameters
    ----------
    setting
        Model, data and priors.
    engine
        ``"exact"`` or ``"nuts"``.
    sampling
        Arguments of `fit` for the sampler: draws, tune, chains, cores, target_accept.
    """
    if engine == "nuts":
        return FittedPosterior(setting, fit_setting(setting, "nuts", **sampling))
    with one_blas_thread():
        grid = exact_group(setting)
    if grid is None:  # says why, and what to do
        return FittedPosterior(setting, fit_setting(setting, "exact"))
    return ExactPosterior(setting, grid)


def quantities(
    posterior: Posterior, parameter: str, ends: tuple[float, float], element: int = 0
) -> NDArray[np.float64]:
    """Mean, or median where there is no mean, and two quantiles of one element of a parameter."""
    found = posterior.marginal(parameter)
    limits = posterior.setting.family.moments_below(posterior.setting.case)
    low, middle, high = found.quantile([ends[0], 0.5, ends[1]])[element]
    mean = float(found.mean()[element]) if limits.get(parameter, np.inf) > 1.0 else float(middle)
    return np.array([mean, low, high], dtype=np.float64)
