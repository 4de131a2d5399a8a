"""Question: what goes with the effect, and what is the effect where studies are of another kind?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.marginals import NormalMixture
from bayesma.engines.tree import SAMPLE
from bayesma.errors import OptionError
from bayesma.evidence.moderators import at_values, main_labels, require_moderators
from bayesma.posterior.benefit import null_of
from bayesma.posterior.curves import AVERAGE, NEW
from bayesma.posterior.marginals import existing_moments, labels_of, marginal, moments_below
from bayesma.posterior.nodes import nodes_of
from bayesma.posterior.numbers import tails
from bayesma.posterior.provenance import Provenance, case_of, provenance, require_one_effect
from bayesma.posterior.spread import Law, Spread, table_of

type Array = NDArray[np.float64]

R2 = "R2"
PRIOR_COLUMNS = ("prior_median", "prior_low", "prior_high", "prior_overlap")
PIECES = 20
PRIOR_DRAWS = 65_536  # quantiles of R2's prior to 0.005, the two digits that are printed
MEANINGS = {
    AVERAGE: "the mean effect of studies with these moderators",
    NEW: "the effect in one new study with these moderators",
}
NOT_CAUSES = (
    "studies were not randomised to their moderators: what goes with a difference between them need not "
    "cause it"
)


def meta_regression(fit: xr.DataTree, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Coefficients of the moderators, the heterogeneity they leave, and the share they go with.

    Parameters
    ----------
    fit
        A fit of one effect a study with ``moderators`` (families `normal` and `binomial`).
    ci_prob
        Probability of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Index ``term``: ``mu`` (the mean effect at the moderators' centre), one row a coefficient, and with
        random effects ``tau`` (what the moderators leave) and ``R2``. Columns mean, sd, median, ci_low,
        ci_high, mcse_mean (NaN where exact), p_above (the probability that it is above 0), and per_unit,
        per_unit_low, per_unit_high: median and interval per unit of a moderator that is a number. Moments
        that do not exist are as in `summary`.

        R2 is the variance over the studies of what the moderators add, as a share of it and tau^2 together
        (Gelman, Goodrich, Gabry and Vehtari 2019, doi 10.1080/00031305.2018.1549100, with study effects for
        outcomes): a posterior, between 0 and 1 in every draw, where the classical difference of two
        estimates of tau^2 may be negative. Its prior follows from those of beta and tau, and few studies
        change it little: prior_median, prior_low, prior_high are its median and interval (by 65,536 draws,
        so good to 0.005), and prior_overlap is the share of its posterior that the prior alone would give:
        the area that the two densities have in common (over 20 intervals of one probability in the prior),
        1 where the studies changed nothing. NaN for the other terms, whose priors stand in the fit, and under
        an improper prior, which leaves R2 none.

        ``attrs``: centre and scale by moderator, notes.

    Raises
    ------
    OptionError
        For a fit without moderators, and one of visits or of follow-up.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> table = pd.DataFrame({"dose": [1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> effects = bm.Effects.from_estimates([0.1, 0.2, 0.3, 0.4, 0.5], [0.1] * 5, measure="SMD", table=table)
    >>> fit = bm.fit(effects, engine="exact", moderators=["dose"], random_seed=1)
    >>> table = bm.meta_regression(fit)
    >>> table.loc["dose", ["median", "per_unit"]].round(2).tolist()
    [0.15, 0.1]
    >>> table.loc["R2", ["median", "prior_median", "prior_overlap"]].round(1).tolist()
    [0.9, 0.5, 0.7]
    """
    ends = tails(ci_prob)
    origin = _of_moderators(fit, "meta_regression")
    data = fit["constant_data"].dataset
    centre, scale = data["moderator_centre"].values, data["moderator_scale"].values
    labels = [str(label) for label in labels_of(fit, "moderator")]
    lines = {"mu": _line(fit, "mu", ends)[0]}
    lines |= dict(zip(labels, _line(fit, "beta", ends), strict=True))
    if "tau" in fit["posterior"]:
        lines["tau"] = _line(fit, "tau", ends)[0]
    table = pd.DataFrame.from_dict(lines, orient="index")
    if "tau" in fit["posterior"]:
        share = table_of({R2: _explained(fit)}, ends, ())
        table = pd.concat([table, share.assign(p_above=np.nan)])
    before = _prior_of_explained(fit, origin, ends) if R2 in table.index else {}
    per_unit = pd.Series(math.nan, index=table.index)
    for label, unit in zip(labels, scale, strict=True):
        per_unit[label] = math.nan if ": " in label else unit
    for name, column in (("per_unit", "median"), ("per_unit_low", "ci_low"), ("per_unit_high", "ci_high")):
        table[name] = table[column] / per_unit
    for name in PRIOR_COLUMNS:
        table[name] = math.nan
        if name in before:
            table.loc[R2, name] = before[name]
    table.index.name = "term"
    table.loc[[name for name in ("tau",) if name in table.index], "p_above"] = np.nan
    table.attrs = {
        "centre": dict(zip(labels, centre.tolist(), strict=True)),
        "scale": dict(zip(labels, scale.tolist(), strict=True)),
        "notes": [
            "numbers are centred at their mean over the studies and divided by `scale`; a category is "
            "compared with another, after the 'v'; mu is the mean effect at the centre",
            *_said_of_r2(table),
            NOT_CAUSES,
            *origin.notes,
        ],
    }
    return table


def _said_of_r2(table: pd.DataFrame) -> list[str]:
    """One sentence about the prior of R2, where it has one."""
    if R2 not in table.index:
        return []
    median, low, high, part = table.loc[R2, list(PRIOR_COLUMNS)].to_numpy(dtype=np.float64)
    if math.isnan(median):
        return []
    return [
        f"R2 has a prior, which follows from those of beta and tau: its median is {median:.2f} "
        f"[{low:.2f}, {high:.2f}], and {100.0 * part:.0f} % of the posterior of R2 is what the "
        "prior alone would give"
    ]


def effects_at(
    fit: xr.DataTree,
    origin: Provenance,
    at: Mapping[str, object],
    ends: tuple[float, float],
    limits: Sequence[float],
    favours: str | None,
) -> pd.DataFrame:
    """The effect where moderators have stated values: of the average study, and of a new one.

    Raises
    ------
    OptionError
        For a moderator or a category the model has not, and numbers of values that differ.
    """
    _of_moderators(fit, "predict with at")
    places = stated(at)
    data = fit["constant_data"].dataset
    labels = [str(label) for label in labels_of(fit, "moderator")]
    require_moderators(at, list(dict.fromkeys(label.split(": ")[0] for label in main_labels(labels))))
    scaled = [
        at_values(place, labels, data["moderator_centre"].values, data["moderator_scale"].values)
        for place in places
    ]
    names = [", ".join(f"{name} = {_plain(value)}" for name, value in place.items()) for place in places]
    parts = {}
    for estimand in (AVERAGE, NEW) if "tau" in fit["posterior"] else (AVERAGE,):
        rows = {
            f"effect at {name}": _effect(fit, place, new=estimand == NEW)
            for name, place in zip(names, scaled, strict=True)
        }
        part = table_of(rows, ends, limits)
        if favours is not None:
            null = null_of(origin.measure)
            above = np.array([spread.above(null) for spread in rows.values()])
            part[f"p_{origin.measure.better}"] = above if favours == "higher" else 1.0 - above
        parts[estimand] = part
    table = pd.concat(parts, names=["estimand", "quantity"])
    scale = "log " if origin.measure.code in {"OR", "RR", "HR"} else ""
    table.attrs = {
        "estimands": {name: f"{MEANINGS[name]} ({scale}{origin.measure.name})" for name in parts},
        "notes": [NOT_CAUSES, *origin.notes],
    }
    return table


def stated(at: Mapping[str, object]) -> list[dict[str, object]]:
    """Places one by one: a value alone goes with every value of the others.

    Raises
    ------
    OptionError
        When lists have different lengths.

    Examples
    --------
    >>> from bayesma.posterior.regression import stated
    >>> stated({"dose": [1, 2], "cells": "UC"})
    [{'dose': 1, 'cells': 'UC'}, {'dose': 2, 'cells': 'UC'}]
    """
    lists = {
        name: list(values)
        for name, values in at.items()
        if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    }
    sizes = {len(values) for values in lists.values()}
    if len(sizes) > 1 or sizes == {0} or not at:
        raise OptionError(f"at holds {dict(at)!r}; give one value of each moderator, or equally many")
    count = next(iter(sizes), 1)
    return [
        {name: lists[name][i] if name in lists else value for name, value in at.items()} for i in range(count)
    ]


def mean_at(fit: xr.DataTree, place: Array) -> NormalMixture | None:
    """The exact mean effect at a place (q,), centred and scaled; None where only draws know it."""
    return _mixture(fit, place, new=False)


def _mixture(fit: xr.DataTree, place: Array, *, new: bool) -> NormalMixture | None:
    """A mixture over tau of normals: what the exact engine has where coefficients are normal given tau."""
    if "exact" not in fit.children or "mean_covariance" not in fit["exact"]:
        return None
    exact = fit["exact"].dataset
    covariance = exact["mean_covariance"].values
    x = np.concatenate([[1.0], place])
    mean = exact["mu_mean"].values + place @ exact["beta_mean"].transpose("moderator", "node").values
    variance = np.einsum("p,npq,q->n", x, covariance, x)
    if new:
        variance = variance + exact["theta_new_sd"].values ** 2 - covariance[:, 0, 0]
    sd = np.sqrt(np.maximum(variance, 0.0))
    return NormalMixture(exact["weight"].values, mean[None], sd[None])


def _effect(fit: xr.DataTree, place: Array, *, new: bool) -> Spread:
    """The effect at a place, in the mean or in a new study."""
    mixture = _mixture(fit, place, new=new)
    if mixture is not None:
        nodes = nodes_of(mixture)
        one = np.zeros(nodes.values.size, dtype=np.int64)
        return Spread(nodes.values[:, None], nodes.weight[:, None], Law(mixture, lambda x: x), 0, one)
    draws = fit["posterior"].dataset
    effect = draws["mu"] + draws["beta"] @ xr.DataArray(place, dims="moderator")
    if new:
        effect = effect + draws["theta_new" if "theta_new" in draws else "delta_new"] - draws["mu"]
    values = effect.transpose(*SAMPLE).values
    return Spread.of_draws(values, values.shape[0])


def _explained(fit: xr.DataTree) -> Spread:
    """Draws of R2."""
    draws = fit["posterior"].dataset
    beta = draws["beta"].transpose(*SAMPLE, "moderator").values
    values = _share(fit, beta, draws["tau"].transpose(*SAMPLE).values)
    return Spread.of_draws(values, values.shape[0])


def _share(fit: xr.DataTree, beta: Array, tau: Array) -> Array:
    """R2 at draws: beta (..., q), tau (...)."""
    columns = fit["constant_data"].dataset["moderators"].transpose("study", "moderator").values
    variance = (beta @ columns.T).var(axis=-1)
    return np.asarray(variance / (variance + tau**2))


def _prior_of_explained(fit: xr.DataTree, origin: Provenance, ends: tuple[float, float]) -> dict[str, float]:
    """Prior median, interval and overlap of R2 by column; none under an improper prior."""
    if not all(origin.priors[p.name].is_proper for p in origin.family.hyper(origin.options)):
        return {}
    case, rng = (
        case_of(fit, origin),
        np.random.default_rng(0),
    )  # one prior, one value, whatever the fit's seed
    drawn: dict[str, Array] = {}
    for p in origin.family.hyper(origin.options):
        shape = (PRIOR_DRAWS, *(labels_of(fit, dim).size for dim in p.dims))
        drawn[p.name] = origin.family.draw_prior(p, case, shape, rng, drawn)
    values = _share(fit, drawn["beta"], drawn["tau"])
    before = np.quantile(values, [0.5, *ends])
    return dict(zip(PRIOR_COLUMNS, [*before, _overlap(values, _explained(fit).values)], strict=True))


def _overlap(before: Array, after: Array) -> float:
    """Area that two densities of draws have in common, by intervals of equal probability in the first."""
    ends = np.quantile(before, np.linspace(0.0, 1.0, PIECES + 1)[1:-1])
    after_share = np.bincount(np.searchsorted(ends, after.ravel()), minlength=PIECES) / after.size
    return float(np.minimum(after_share, 1.0 / PIECES).sum())


def _line(fit: xr.DataTree, parameter: str, ends: tuple[float, float]) -> list[dict[str, float]]:
    """Columns of a parameter, one line for each of its quantities."""
    posterior = marginal(fit, parameter)
    quantiles, above = posterior.quantile([0.5, *ends]), posterior.probability(0.0, above=True)
    limit = moments_below(fit, parameter)
    mean, sd = existing_moments(posterior, limit)
    mcse = np.full(mean.shape, math.nan)
    if "exact" not in fit.children and limit > 2:
        from arviz_stats.base import array_stats

        values = fit["posterior"].dataset[parameter].transpose(*SAMPLE, ...).values
        flat = values.reshape(*values.shape[:2], -1)
        mcse = np.array([float(array_stats.mcse(flat[..., i], method="mean")) for i in range(flat.shape[2])])
    names = ("mean", "sd", "median", "ci_low", "ci_high", "mcse_mean", "p_above")
    columns = (mean, sd, *quantiles.T, mcse, above)
    return [dict(zip(names, map(float, row), strict=True)) for row in zip(*columns, strict=True)]


def _of_moderators(fit: xr.DataTree, question: str) -> Provenance:
    """What a fit says of itself, if it has one effect a study and moderators of it.

    Raises
    ------
    OptionError
        When it has not.
    """
    origin = provenance(fit)
    require_one_effect(fit, question)
    if not origin.options.get("moderators"):
        raise OptionError(f"{question}: this fit has no moderators; give fit(evidence, moderators=[...])")
    return origin


def _plain(value: object) -> str:
    """A number without needless digits, a category as it is."""
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)
