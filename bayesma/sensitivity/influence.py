"""Question: which studies carry the answer, and which does the model not expect?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.fit import fit_setting
from bayesma.engines.marginals import Marginal
from bayesma.engines.tree import SAMPLE, Setting
from bayesma.posterior.nodes import row as row_of
from bayesma.posterior.provenance import case_of, provenance
from bayesma.posterior.shrinkage import study_weights
from bayesma.priors import Prior
from bayesma.sensitivity.cells import GOOD_K, FittedPosterior, Posterior, ReweightedPosterior, quantities
from bayesma.sensitivity.gathered import gathered, say
from bayesma.sensitivity.parts import Whole, check_something_stays, spread

type Array = NDArray[np.float64]

LEVELS = (np.arange(200) + 0.5) / 200  # quantiles at which two densities are compared
LARGE_SHIFT = 1.0  # sds, as of DFBETAS in small samples: Viechtbauer & Cheung 2010, doi 10.1002/jrsm.11
LARGE_SHARE = 3.0  # times an equal share of the weight: there


def influence(
    evidence: Any,
    *,
    parameter: str | None = None,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    engine: str | None = None,
    random_seed: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """What each study does to the posterior.

    By the exact engine the analysis is repeated without every study. By NUTS the draws are weighted instead
    (Pareto-smoothed importance sampling, Vehtari, Gelman & Gabry 2017, doi 10.1007/s11222-016-9696-4), and
    the analysis is repeated where these weights cannot be relied upon (k above 0.7). Priors are those of the
    analysis of all studies throughout.

    Parameters
    ----------
    evidence
        As in `fit`; two studies at least.
    parameter
        Whose shift is asked for, such as ``"m[6]"``; the mean effect when not given.
    family, priors, engine, random_seed, **options
        As in `leave_one_out`.

    Returns
    -------
    pandas.DataFrame
        Index study. Columns shift and, where the model has tau, shift_tau (posterior mean without the study
        less that of all studies, in posterior sds of the latter; as in `leave_one_out` where there is no mean
        or sd), hellinger (distance of the two posteriors of the parameter, 0 to 1), elpd_loo (log predictive
        density of the study given the others), pareto_k (of the weights that take the study out of the draws;
        above 0.7 they cannot), weight (share in the mean effect in per cent, see `shrinkage`; NaN for
        intensities over follow-up), route (``"exact"``, ``"weights"``, ``"refit"``), converged. ``attrs``:
        limits beyond which a column is remarkable, base (the priors), defaults, parameter, engine, measure,
        k.

    Raises
    ------
    OptionError
        For one study, and a parameter the model has not.
    PriorError
        As `leave_one_out`.

    Warns
    -----
    ConvergenceWarning
        With the number of fits that did not converge.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> bm.influence(effects, random_seed=1)[["shift", "shift_tau", "elpd_loo"]].round(2).loc["C"].tolist()
    [-1.28, -0.9, -2.3]
    """
    whole = Whole.read(
        evidence,
        question=None if parameter is None else f"{parameter} < 0",
        favours=None,
        mid=None,
        family=family,
        priors=priors,
        engine=engine,
        random_seed=random_seed,
        ci_prob=0.95,
        options=options,
    )
    studies = whole.studies
    check_something_stays(studies, "influence")
    with gathered() as caught:
        tree = fit_setting(whole.setting, whole.engine, **whole.sampling)
        full = _Full(whole, tree)
        rows = [full.without(i) for i in range(studies.size)]
    table = pd.DataFrame(rows, index=pd.Index(studies.astype(object), name="study"))
    table.insert(list(table).index("route"), "weight", 100.0 * _weights(tree, studies.size))
    failed = int((~table["converged"]).sum()) + int(not tree.attrs["converged"])
    say(caught, failed, len(table) + 1, "fits")
    limits = {
        "shift": LARGE_SHIFT,
        "shift_tau": LARGE_SHIFT,
        "pareto_k": GOOD_K,
        "weight": min(100.0, LARGE_SHARE * 100.0 / studies.size),
    }
    table.attrs.update(whole.attrs({}, None, None) | {"limits": limits})
    return table


class _Full:
    """The posterior of all studies, and what it says without one."""

    def __init__(self, whole: Whole, tree: xr.DataTree) -> None:
        self.whole, self.tree = whole, tree
        self.posterior = FittedPosterior(whole.setting, tree)
        draws = tree["log_likelihood"].dataset.stack(sample=SAMPLE)
        self.log_likelihood: Array = next(iter(draws.values())).transpose("sample", "study").values
        self.names = [whole.asked.parameter]
        if any(p.name == "tau" for p in whole.setting.family.hyper(whole.setting.options)):
            self.names.append("tau")
        self.middle = {name: self._middle(self.posterior, name) for name in self.names}
        self.spread = {name: spread(self.posterior, name, self._element(name)) for name in self.names}

    def without(self, i: int) -> dict[str, Any]:
        """The row of a study."""
        log_weight, k = _smoothed(self.log_likelihood[:, i], self._efficiency())
        posterior, route = self._posterior(i, log_weight, k)
        row = {
            column: (self._middle(posterior, name) - self.middle[name]) / self.spread[name]
            for column, name in zip(("shift", "shift_tau"), self.names, strict=False)
        }
        element = self.whole.asked.element
        both = (found.marginal(self.names[0]) for found in (self.posterior, posterior))
        row["hellinger"] = hellinger(*(row_of(found, element) for found in both))
        row["elpd_loo"] = self._predictive(i, posterior, log_weight, route)
        return row | {"pareto_k": k, "route": route, "converged": posterior.converged}

    def _posterior(self, i: int, log_weight: Array, k: float) -> tuple[Posterior, str]:
        """The posterior without a study, and how it was found."""
        if self.whole.engine == "nuts" and k < GOOD_K:
            weight = np.exp(log_weight)
            return ReweightedPosterior(self.whole.setting, self.tree, weight, k), "weights"
        keep = np.arange(self.whole.studies.size) != i
        label = f"without {self.whole.studies[i]}"
        return self.whole.solve(keep, label), "exact" if self.whole.engine == "exact" else "refit"

    def _predictive(self, i: int, posterior: Posterior, log_weight: Array, route: str) -> float:
        """Log density of a study given the others: by evidences, by weights, or by draws of the refit."""
        if route == "weights":
            return _log_sum(log_weight + self.log_likelihood[:, i])
        if route == "exact":
            with_all = float(self.tree["exact"].dataset.attrs.get("log_evidence", math.nan))
            without = float(posterior.evidence().get("log_evidence", math.nan))
            if math.isfinite(with_all - without):
                return with_all - without
        return _of_draws(posterior.tree(), self.whole.setting, i)

    def _middle(self, posterior: Posterior, name: str) -> float:
        """Mean, or median where there is none."""
        return float(quantities(posterior, name, self.whole.ends, self._element(name))[0])

    def _element(self, name: str) -> int:
        """Of the parameter asked about, and of tau the same where it has the same dimensions."""
        dims = {p.name: p.dims for p in self.whole.setting.family.parameters(self.whole.setting.options)}
        asked = self.whole.asked
        return asked.element if dims[name] == dims[asked.parameter] else 0

    def _efficiency(self) -> float:
        """Effective draws per draw."""
        return min(1.0, self.posterior.effective_draws / len(self.log_likelihood))


def hellinger(one: Marginal, other: Marginal) -> float:
    """Hellinger distance of two posteriors of one number, 0 to 1.

    H^2 = 1 - E[sqrt(p q) / m] under m = (p + q) / 2, whose mean is taken over quantiles of both: what is
    averaged lies between 0 and 1 wherever the two densities are.
    """
    places = np.concatenate([found.quantile(LEVELS)[0] for found in (one, other)])
    p, q = (np.maximum(found.density(places), 0.0) for found in (one, other))
    middle = 0.5 * (p + q)
    overlap = np.sqrt(p * q)[middle > 0.0] / middle[middle > 0.0]
    return math.sqrt(max(0.0, 1.0 - float(overlap.mean()))) if overlap.size else math.nan


def _smoothed(log_likelihood: Array, efficiency: float) -> tuple[Array, float]:
    """Log weights (sum of weights 1) that take a study out of the draws, and the shape k of their tail."""
    from arviz_stats.base import array_stats

    log_weight, k = array_stats.psislw(log_likelihood, r_eff=efficiency)
    return np.asarray(log_weight - _log_sum(log_weight)), float(k)


def _of_draws(tree: xr.DataTree, setting: Setting, i: int) -> float:
    """Log of the mean density of a study over the draws of a fit without it."""
    draws = tree["posterior"].dataset.stack(sample=SAMPLE).transpose("sample", ...)
    hyper = {p.name: draws[p.name].values for p in setting.family.hyper(setting.options)}
    density = setting.family.log_likelihood(hyper, setting.case)[:, i]
    return _log_sum(density) - math.log(density.size)


def _weights(tree: xr.DataTree, k: int) -> Array:
    """Share of each study in the mean effect; NaN where there is no effect."""
    if "interval" in tree["posterior_predictive"].dims:
        return np.full(k, np.nan)
    origin = provenance(tree)
    return study_weights(tree, origin, case_of(tree, origin))


def _log_sum(logs: Array) -> float:
    """Log of the sum."""
    return float(np.logaddexp.reduce(logs))
