"""Question: what does the model make of each study?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.tree import SAMPLE
from bayesma.families.base import Case
from bayesma.posterior.marginals import labels_of, marginal
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import Provenance, case_of, provenance, require_effect


def shrinkage(fit: xr.DataTree, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Observed and posterior effect of each study, and its weight.

    Parameters
    ----------
    fit
        Result of `fit`.
    ci_prob
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Index study (study and visit, where there are several); columns observed, observed_se, mean, sd,
        ci_low, ci_high (analysis scale) and weight: the study's share in the mean effect, in per cent,
        averaged over the posterior of tau. Under a common effect every study has the posterior of that
        effect.

    Raises
    ------
    OptionError
        For a `ci_prob` outside (0, 1), and a fit of relapses over follow-up.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.shrinkage(fit).loc["B", ["observed", "mean", "weight"]].round(2).tolist()
    [-0.2, -0.34, 36.55]
    """
    ends = tails(ci_prob)
    origin = provenance(fit)
    require_effect(fit, "shrinkage")
    case = case_of(fit, origin)
    observed, observed_se = origin.family.crude(case.arrays)
    effect = next((p.name for p in origin.family.parameters(origin.options) if p.role == "effect"), "mu")
    posterior = marginal(fit, effect)
    low, high = posterior.quantile(ends).T
    k = observed.size
    columns = {"mean": posterior.mean(), "sd": posterior.sd(), "ci_low": low, "ci_high": high}
    index = pd.Index(fit["log_likelihood"].dataset["study"].values, name="study")
    weight = 100.0 * study_weights(fit, origin, case)
    if observed.ndim == 2:
        weight = np.repeat(weight, observed.shape[1])
        index = pd.MultiIndex.from_product([index, labels_of(fit, "visit")], names=["study", "visit"])
    return pd.DataFrame(
        {
            "observed": observed.reshape(-1),
            "observed_se": observed_se.reshape(-1),
            **{name: np.broadcast_to(values, (k,)) for name, values in columns.items()},
            "weight": weight,
        },
        index=index,
    )


def study_weights(fit: xr.DataTree, origin: Provenance, case: Case) -> NDArray[np.float64]:
    """Posterior mean of each study's share, shape (k,), from the grid where there is one."""
    hyper = [p.name for p in origin.family.hyper(origin.options)]
    exact = fit["exact"].dataset if "exact" in fit.children else xr.Dataset()
    stored = [exact.get(n, exact.get(f"{n}_mean", xr.DataArray())) for n in hyper]
    if all(nodes.dims == ("node",) for nodes in stored):
        nodes = {n: values.values for n, values in zip(hyper, stored, strict=True)}
        return np.asarray(exact["weight"].values @ origin.family.weights(nodes, case))
    draws = fit["posterior"].dataset.stack(sample=SAMPLE).transpose("sample", ...)
    known = {name: draws[name].values for name in hyper}
    return np.asarray(origin.family.weights(known, case).mean(axis=0))
