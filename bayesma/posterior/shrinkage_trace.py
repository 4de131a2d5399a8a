"""Question: what would each study's effect be, were the heterogeneity known?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from bayesma.errors import OptionError
from bayesma.posterior.marginals import marginal
from bayesma.posterior.nodes import draws_of
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import case_of, provenance, require_one_effect

type Array = NDArray[np.float64]

POINTS = 101
NEAREST = 1e-4  # of the grid, from 0
FARTHEST = 0.99  # the grid ends where tau is this probably below


def shrinkage_trace(fit: xr.DataTree, *, tau: ArrayLike | None = None, ci_prob: float = 0.95) -> pd.DataFrame:
    """Effects of the studies given tau, from complete pooling at 0 to none as tau grows.

    Rubin 1981, doi 10.3102/10769986006004377, figure 2; Röver 2020, doi 10.18637/jss.v093.i06.

    Parameters
    ----------
    fit
        Family `normal` with normal effects, no moderators, and a normal or flat prior of mu.
    tau
        Values to condition on, 0 or above, analysis scale; from 0 to the 99 % point of tau when not given.
    ci_prob
        Probability of the intervals.

    Returns
    -------
    pandas.DataFrame
        Index (tau, effect), where effect is ``mu`` or a study. Columns mean, sd, ci_low, ci_high of the
        effect given tau and the data: with w_i = 1 / (se_i^2 + tau^2) and a normal prior of mu with mean m
        and sd s, mu is normal with precision 1 / s^2 + sum w_i, and theta_i with mean
        (1 - b_i) y_i + b_i E(mu), b_i = se_i^2 w_i. ``attrs``: density, the posterior density of tau on the
        same values.

    Raises
    ------
    OptionError
        For another model, and values of tau below 0.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, priors={"mu": "Flat()"}, engine="exact", random_seed=1)
    >>> bm.shrinkage_trace(fit, tau=[0, 1])["mean"].round(2).tolist()
    [-0.41, -0.41, -0.41, -0.35, -0.49, -0.21]
    """
    ends = tails(ci_prob)
    origin = provenance(fit)
    require_one_effect(fit, "shrinkage_trace")
    prior, effects = origin.priors.get("mu"), origin.family.effects(draws_of(fit), origin.options)
    if (
        effects is None
        or "se" not in fit["constant_data"]
        or not effects.is_normal
        or "beta" in origin.priors
        or prior is None
        or prior.truncated
        or prior.distribution not in {"Normal", "Flat"}
    ):
        raise OptionError(
            "shrinkage_trace is for family 'normal' with normal random effects, without moderators, and with "
            "a Normal or Flat prior of mu; this fit has another model"
        )
    if tau is None:
        grid = np.linspace(0.0, float(marginal(fit, "tau").quantile([FARTHEST])[0, 0]), POINTS)
    else:
        grid = np.atleast_1d(np.asarray(tau, dtype=np.float64))
    if not np.all(np.isfinite(grid)) or np.any(grid < 0.0) or grid.ndim != 1:
        raise OptionError(f"tau is {tau!r}; give finite values, 0 or above")
    arrays = case_of(fit, origin).arrays
    centre, precision = (0.0, 0.0) if prior.distribution == "Flat" else _normal(prior.arguments)
    mean, sd = _given(grid, arrays["y"], arrays["se"], centre, precision)
    names = ["mu", *map(str, fit["observed_data"].dataset["study"].values)]
    index = pd.MultiIndex.from_product([grid, names], names=["tau", "effect"])
    table = pd.DataFrame({"mean": mean.ravel(), "sd": sd.ravel()}, index)
    for name, end in zip(("ci_low", "ci_high"), ends, strict=True):
        table[name] = table["mean"] + float(ndtri(end)) * table["sd"]
    inside = np.maximum(grid, NEAREST * grid.max())  # at the end of its support a density is its limit
    table.attrs = {
        "density": pd.Series(
            marginal(fit, "tau").density(inside), pd.Index(grid, name="tau"), name="density"
        ),
        "measure": origin.measure.code,
        "event": origin.event,
        "ci_prob": ci_prob,
    }
    return table


def _normal(numbers: tuple[float, ...]) -> tuple[float, float]:
    """Mean and precision."""
    return numbers[0], numbers[1] ** -2.0


def _given(tau: Array, y: Array, se: Array, centre: float, precision: float) -> tuple[Array, Array]:
    """Means and sds of mu and every theta given tau, shapes (g, 1 + k)."""
    total = se**2 + tau[:, None] ** 2
    known = precision + (1.0 / total).sum(axis=1)
    mu = (precision * centre + (y / total).sum(axis=1)) / known
    b = se**2 / total
    theta = (1.0 - b) * y + b * mu[:, None]
    spread = np.sqrt(b * tau[:, None] ** 2 + b**2 / known[:, None])
    return np.column_stack([mu, theta]), np.column_stack([known**-0.5, spread])
