"""The posterior of one cell of a sensitivity analysis, with as little computed as its questions need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.exact import exact_group
from bayesma.engines.fit import fit_setting
from bayesma.engines.marginals import Marginal, WeightedPoints, stored
from bayesma.engines.tree import SAMPLE, Setting
from bayesma.errors import OptionError
from bayesma.families.problems import NoIntegral
from bayesma.numerics.threads import one_blas_thread
from bayesma.posterior.marginals import marginal
from bayesma.posterior.provenance import provenance
from bayesma.sensitivity.quick import GaussianPosterior

type Array = NDArray[np.float64]

ENGINES = (None, "exact", "nuts")
GOOD_K = 0.7  # Pareto k up to which smoothed weights are reliable


class Posterior(Protocol):
    """What a question is asked of."""

    @property
    def setting(self) -> Setting:
        """Model, data and priors."""

    @property
    def converged(self) -> bool:
        """Whether its numbers may be used."""

    @property
    def effective_draws(self) -> float:
        """What its probabilities are known from; infinite by integration."""

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

    @property
    def effective_draws(self) -> float:
        """No draws are needed."""
        return math.inf

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

    @property
    def effective_draws(self) -> float:
        """Of the least well known parameter."""
        attrs = self.fitted.attrs
        return float(attrs.get("min_ess", attrs["draws"] * attrs["chains"]))

    def evidence(self) -> Mapping[str, Any]:
        """Draws do not give it."""
        return {"log_evidence": float("nan")}

    def marginal(self, parameter: str) -> Marginal:
        """From the draws."""
        return marginal(self.fitted, parameter)

    def tree(self) -> xr.DataTree:
        """The fit."""
        return self.fitted


@dataclass(frozen=True, slots=True, eq=False)
class ReweightedPosterior:
    """The draws of a fit under other priors, weighted by the ratio of the two."""

    setting: Setting
    fitted: xr.DataTree
    weight: Array
    pareto_k: float

    @property
    def converged(self) -> bool:
        """Whether the fit's numbers may be used; weights were found good before."""
        return bool(self.fitted.attrs["converged"])

    @property
    def effective_draws(self) -> float:
        """Those of the fit, less what the weights cost."""
        attrs = self.fitted.attrs
        own = float(attrs.get("min_ess", self.weight.size))
        return own / (self.weight.size * float(np.sum(self.weight**2)))

    def evidence(self) -> Mapping[str, Any]:
        """Not followed."""
        return {"log_evidence": float("nan")}

    def marginal(self, parameter: str) -> Marginal:
        """Weighted draws."""
        values = self.fitted["posterior"][parameter].transpose(*SAMPLE, ...).values
        flat = values.reshape(self.weight.size, -1)
        return WeightedPoints(flat, self.weight, float(np.sum(self.weight**2)) ** 0.5)

    def tree(self) -> xr.DataTree:
        """The fit, its draws taken anew in proportion to their weights, without its grid."""
        posterior = self.fitted["posterior"].dataset
        places = (np.arange(self.weight.size) + 0.5) / self.weight.size
        taken = np.searchsorted(np.cumsum(self.weight), places).clip(max=self.weight.size - 1)
        taken = np.random.default_rng(0).permutation(taken)  # chains are compared with each other
        drawn = {}
        for name, values in posterior.data_vars.items():
            ordered = values.transpose(*SAMPLE, ...)
            flat = ordered.values.reshape(self.weight.size, *ordered.shape[2:])
            drawn[name] = (ordered.dims, flat[taken].reshape(ordered.shape), values.attrs)
        groups: dict[str, Any] = {
            f"/{name}": group.dataset for name, group in self.fitted.children.items() if name != "exact"
        }
        groups["/posterior"] = xr.Dataset(drawn, posterior.coords)
        tree = xr.DataTree.from_dict(groups)
        tree.attrs.update(self.fitted.attrs)
        return tree


def reweighted(setting: Setting, base: Setting, fitted: xr.DataTree) -> ReweightedPosterior | None:
    """The posterior under the priors of `setting` from a fit under those of `base`.

    By Pareto-smoothed importance sampling (Vehtari et al. 2024, doi 10.48550/arXiv.1507.02646). None where
    its weights cannot be relied upon (k above 0.7), or another prior than that of a hyper-parameter moved.
    """
    from arviz_stats.base import array_stats

    family = setting.family
    moved = {name for name, prior in setting.priors.items() if prior != base.priors[name]}
    if not moved <= {p.name for p in family.hyper(setting.options)}:
        return None
    posterior = fitted["posterior"].dataset
    draws = {}
    for p in family.hyper(setting.options):
        values = posterior[p.name].transpose(*SAMPLE, ...).values
        draws[p.name] = values.reshape(-1, *values.shape[2:])
    ratio = np.zeros(len(next(iter(draws.values()))))
    after, before = family.log_prior(draws, setting.case), family.log_prior(draws, base.case)
    for name in after:
        ratio += (after[name] - before[name]).reshape(ratio.size, -1).sum(axis=1)
    if not moved:
        return ReweightedPosterior(setting, fitted, np.full(ratio.size, 1.0 / ratio.size), 0.0)
    log_weight, k = array_stats.psislw(-ratio)  # takes the log likelihood to be left out
    if not float(k) < GOOD_K:
        return None
    weight = np.exp(log_weight - np.max(log_weight))
    return ReweightedPosterior(setting, fitted, weight / weight.sum(), float(k))


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


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """How the cells of one analysis are solved.

    Attributes
    ----------
    engine
        ``"exact"`` or ``"nuts"``.
    sampling
        Arguments of `fit` for the sampler: draws, tune, chains, cores, target_accept.
    base
        The analysis itself.
    fitted
        A fit of it, whose draws are weighted where that is reliable; None to solve every cell.
    own
        A fit of it, which answers for the priors of the analysis itself: what is printed twice comes from one
        fit.
    """

    engine: str
    sampling: Mapping[str, Any]
    base: Setting
    fitted: xr.DataTree | None = None
    own: xr.DataTree | None = None

    def __call__(self, setting: Setting) -> Posterior:
        """The posterior of a cell."""
        sampled = (
            self.own is not None and "exact" not in self.own.children
        )  # else the cell is the same integral
        if self.own is not None and sampled and setting.priors == self.base.priors:
            return FittedPosterior(self.base, self.own)
        if self.fitted is not None:
            weighted = reweighted(setting, self.base, self.fitted)
            if weighted is not None:
                return weighted
        return posterior_of(setting, self.engine, self.sampling)

    @property
    def words(self) -> str:
        """Name of the engine, and whether draws are weighted."""
        return self.engine if self.fitted is None else f"draws of one fit, weighted, or {self.engine}"


def check_fit(fitted: xr.DataTree | None, base: Setting) -> None:
    """Refuse a fit of another model, or under other priors.

    Raises
    ------
    OptionError
        When priors or family differ.
    """
    if fitted is None:
        return
    origin = provenance(fitted)
    if origin.family is not base.family or origin.priors != base.priors or origin.options != base.options:
        said = ", ".join(f"{name} ~ {prior}" for name, prior in origin.priors.items())
        raise OptionError(
            f"fit is of family {origin.family.name!r} with {said}, and the analysis is another; give the fit "
            "of this evidence under the same priors and options, or leave fit out"
        )


def posterior_of(setting: Setting, engine: str, sampling: Mapping[str, Any]) -> Posterior:
    """Solve one cell.

    Parameters
    ----------
    setting
        Model, data and priors.
    engine, sampling
        As in `Solver`.
    """
    if engine == "nuts":
        return FittedPosterior(setting, fit_setting(setting, "nuts", **sampling))
    quick = GaussianPosterior.solve(setting)
    return with_bayes_factors(setting) if quick is None else quick


def with_bayes_factors(setting: Setting) -> Posterior:
    """Solve one cell by the exact engine, study effects and Bayes factors against null values included."""
    with one_blas_thread():
        grid = exact_group(setting)
    if grid is None:  # says why, and what to do
        return FittedPosterior(setting, fit_setting(setting, "exact"))
    return ExactPosterior(setting, grid)


def quantities(posterior: Posterior, parameter: str, ends: tuple[float, float], element: int = 0) -> Array:
    """Mean, or median where there is no mean, and two quantiles of one element of a parameter."""
    found = posterior.marginal(parameter)
    limits = posterior.setting.family.moments_below(posterior.setting.case)
    low, middle, high = found.quantile([ends[0], 0.5, ends[1]])[element]
    mean = float(found.mean()[element]) if limits.get(parameter, np.inf) > 1.0 else float(middle)
    return np.array([mean, low, high], dtype=np.float64)
