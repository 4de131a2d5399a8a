"""Question: what do several models of the same studies say together?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.benefit import DIRECTIONS, require_control
from bayesma.posterior.marginals import (
    Marginal,
    existing_moments,
    marginal,
    moments_below,
    parameter_names,
)
from bayesma.posterior.mean_shapes import STACKING, weights_of
from bayesma.posterior.mixed import Mixed
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import provenance

AVERAGED = "averaged"


def stacking(
    fits: Mapping[str, xr.DataTree],
    parameter: str = "mu",
    *,
    weights: str | Mapping[str, float] = STACKING,
    favours: str | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Several fits of the same studies, weighted, and the mixture of their posteriors.

    Parameters
    ----------
    fits
        Two or more fits by label: other effects' distributions, moderators, priors, likelihoods of the same
        outcome. That they are of the same studies is checked.
    parameter
        One number that all of them have and that means the same in each, ``"mu"`` or the effect in a new
        study.
    weights
        ``"stacking"``: those under which the mixture predicts left-out studies best, by PSIS-LOO of the
        marginal likelihood (Yao et al. 2018, doi 10.1214/17-BA1091); ``"evidence"``: posterior probabilities
        of the models, equal before the data (exact fits); or a number for each.
    favours
        ``"lower"`` or ``"higher"``: adds p_benefit.
    ci_prob
        Probability of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Index the labels and ``averaged``. Columns weight; mean, sd, median, ci_low, ci_high, analysis scale;
        with `favours` p_benefit. Moments that do not exist are as in `summary`. ``attrs["notes"]``: studies
        for which PSIS is unreliable.

    Raises
    ------
    OptionError
        For fewer than two fits, fits of other studies or measures, and a parameter that one of them lacks.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], measure="SMD")
    >>> kinds = ("normal", "none")
    >>> fits = {one: bm.fit(effects, random_effects=one, engine="exact", random_seed=1) for one in kinds}
    >>> bm.stacking(fits, weights="evidence")["weight"].round(2).tolist()
    [0.87, 0.13, 1.0]
    """
    ends = tails(ci_prob)
    if favours is not None and favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher'")
    _check(fits, parameter)
    if favours is not None:
        require_control(provenance(next(iter(fits.values()))).measure)
    share, notes = weights_of(fits, weights)
    posteriors = {label: marginal(fit, parameter) for label, fit in fits.items()}
    limits = {label: moments_below(fit, parameter) for label, fit in fits.items()}
    lines = {label: _line(one, limits[label], ends, favours) for label, one in posteriors.items()}
    weight = share.to_numpy(dtype=np.float64)
    limit = min(limits[label] for label in fits if share[label] > 0.0)
    lines[AVERAGED] = _line(Mixed(tuple(posteriors.values()), tuple(weight)), limit, ends, favours)
    columns = ["mean", "sd", "median", "ci_low", "ci_high", *(["p_benefit"] if favours else [])]
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    table.insert(0, "weight", [*weight, 1.0])
    table.index.name = "model"
    table.attrs = {"parameter": parameter, "notes": notes}
    return table


def _check(fits: Mapping[str, xr.DataTree], parameter: str) -> None:
    """Refuse what cannot be mixed."""
    if not isinstance(fits, Mapping) or isinstance(fits, xr.DataTree) or len(fits) < 2:
        raise OptionError("stacking takes two or more fits by label, {'normal': fit, 'student_t': other}")
    if AVERAGED in fits:
        raise OptionError(f"a fit is called {AVERAGED!r}, the name of their mixture; choose another label")
    first, *_ = fits
    reference = provenance(fits[first])
    studies = fits[first]["observed_data"].dataset["study"].values
    for label, fit in fits.items():
        own = provenance(fit)
        if own.measure.code != reference.measure.code or not np.array_equal(
            fit["observed_data"].dataset["study"].values, studies
        ):
            raise OptionError(
                f"fits {first!r} and {label!r} are of different studies or measures, and no weights compare "
                "them; fit the same evidence"
            )
        differing = _differing(fits[first], fit)
        if differing is not None:
            raise OptionError(
                f"fits {first!r} and {label!r} are of the same studies but other numbers: their {differing} "
                "differ, and no weights compare them; fit the same evidence"
            )
        if parameter not in parameter_names(fit) or marginal(fit, parameter).mean().size != 1:
            raise OptionError(
                f"fit {label!r} has no single number called {parameter!r}; name another parameter"
            )


def _differing(fit: xr.DataTree, other: xr.DataTree) -> str | None:
    """What was observed, or its standard error, that two fits of one family do not share; None if all is."""
    if fit.attrs["family"] != other.attrs["family"]:
        return None
    for group, names in (("observed_data", None), ("constant_data", ("se",))):
        one, two = (tree[group].dataset if group in tree.children else xr.Dataset() for tree in (fit, other))
        for name in names or map(str, one.data_vars):
            alike = name in one and name in two and one[name].sizes == two[name].sizes  # not by centre in one
            if alike and not one[name].equals(two[name]):
                return name
    return None


def _line(
    posterior: Marginal | Mixed, limit: float, ends: tuple[float, float], favours: str | None
) -> list[float]:
    """Moments that exist, quantiles and probability."""
    mean, sd = existing_moments(posterior, limit)
    line = [float(mean[0]), float(sd[0]), *map(float, posterior.quantile([0.5, *ends])[0])]
    if favours is not None:
        line.append(float(posterior.probability(0.0, above=favours == "higher")[0]))
    return line
