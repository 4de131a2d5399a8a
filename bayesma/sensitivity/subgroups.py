"""Question: does the effect differ between kinds of studies?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.engines.fit import fit as fit_model
from bayesma.engines.fit import make_setting
from bayesma.engines.tree import SAMPLE
from bayesma.errors import OptionError
from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.subset import study_column, subset
from bayesma.measures import MEASURES
from bayesma.posterior.benefit import DIRECTIONS, require_control
from bayesma.posterior.estimands import chains_of
from bayesma.posterior.marginals import existing_moments, marginal, moments_below
from bayesma.posterior.nodes import nodes_of, row
from bayesma.posterior.numbers import tails
from bayesma.posterior.predict import predict
from bayesma.posterior.regression import NOT_CAUSES
from bayesma.posterior.spread import Law, Spread, table_of
from bayesma.priors import Prior
from bayesma.sensitivity.cells import engine_for

COMMON, SEPARATE = "common", "separate"
ESTIMATE = ["mean", "sd", "median", "ci_low", "ci_high"]
HOW = {
    COMMON: "one model of all studies: the groups share tau, their difference is a moderator",
    SEPARATE: "a model for each group by itself, each with its own tau under the same prior",
}


def subgroups(
    evidence: Effects | TwoArmCounts,
    by: str,
    *,
    tau: str = COMMON,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    favours: str | None = None,
    engine: str | None = None,
    ci_prob: float = 0.95,
    random_seed: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Mean effects by kind of study, and their differences.

    Parameters
    ----------
    evidence
        One effect a study: estimates, or counts in two arms.
    by
        Column of the studies' table that says which group a study is in.
    tau
        ``"common"``: one model, a group a category of a moderator, one tau for all. ``"separate"``: a fit for
        each group, which shares nothing with the others but the priors.
    family
        As in `fit`.
    priors
        As in `fit`; ``beta``, the prior of differences, goes with a common tau only.
    favours
        ``"lower"`` or ``"higher"``: adds p_benefit.
    engine
        As in `fit`; without one ``"exact"`` where the model has an integral, else ``"nuts"``.
    ci_prob
        Probability of the equal-tailed intervals.
    random_seed, **options
        As in `fit`.

    Returns
    -------
    pandas.DataFrame
        Index group, in the order of a pandas categorical, else of the alphabet. Columns k; mean, sd, median,
        ci_low, ci_high of the group's mean effect, analysis scale; new_low, new_high, the interval of the
        effect in a new study of the group; tau, tau_low, tau_high (median and interval; 0 under a common
        effect); with `favours` p_benefit. Moments that do not exist are as in `summary`.

        ``attrs["differences"]``: groups against the first, columns mean, sd, median, ci_low, ci_high and
        p_above.
        ``attrs``: tau, how, notes, engine, and fits by label.

    Raises
    ------
    OptionError
        For a column the table has not, fewer than two groups, an unknown `tau`, and moderators besides.

    Examples
    --------
    >>> import bayesma as bm
    >>> import pandas as pd
    >>> table = pd.DataFrame({"cells": ["BM", "BM", "UC", "UC"]})
    >>> effects = bm.Effects.from_estimates([0.1, 0.3, 0.8, 0.9], [0.2] * 4, measure="SMD", table=table)
    >>> groups = bm.subgroups(effects, "cells", tau="separate", favours="higher", random_seed=1)
    >>> groups["median"].round(1).tolist(), groups.attrs["differences"].index.tolist()
    ([0.2, 0.8], ['UC v BM'])
    """
    if tau not in HOW:
        raise OptionError(f"tau is {tau!r}; it must be 'common' or 'separate'")
    if favours is not None and favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher'")
    if not isinstance(evidence, Effects | TwoArmCounts) or "moderators" in options:
        raise OptionError(
            "subgroups takes one effect a study (Effects or TwoArmCounts) and no moderators besides; for "
            "visits, relapses, and several moderators give fit(evidence, moderators=[...])"
        )
    if favours is not None:
        require_control(MEASURES[evidence.measure])
    groups = _groups(evidence, by)
    ends = tails(ci_prob)
    arguments = {"family": family, "priors": priors, "engine": engine, "random_seed": random_seed, **options}
    table = (
        _common(evidence, by, groups, ends, favours, arguments)
        if tau == COMMON
        else _separate(evidence, groups, ends, favours, arguments)
    )
    table.index.name = by
    table.attrs |= {"tau": tau, "how": HOW[tau], "notes": [NOT_CAUSES, *evidence.notes]}
    return table


def _groups(evidence: Effects | TwoArmCounts, by: str) -> dict[str, np.ndarray]:
    """Which studies are in each group, (k,) by its name."""
    column = pd.Series(study_column(evidence, by, "by"))
    kept = evidence.table[by] if evidence.table is not None else column
    order = (
        kept.cat.categories if isinstance(kept.dtype, pd.CategoricalDtype) else sorted(set(column), key=str)
    )
    names = [one for one in order if (column == one).any()]
    if len(names) < 2:
        raise OptionError(f"{by} is {names[0]!r} in every study; subgroups need two at least")
    return {str(one): (column == one).to_numpy() for one in names}


def _fit(
    evidence: Any,
    family: str | None,
    priors: Any,
    engine: str | None,
    random_seed: int | None,
    **options: Any,
) -> xr.DataTree:
    """By the engine asked for, or the one that has it exactly."""
    shape = {n: v for n, v in options.items() if n not in {"draws", "tune", "chains", "cores", "progressbar"}}
    setting = make_setting(evidence, family, priors, random_seed, shape)
    chosen = engine_for([setting], engine)
    return fit_model(
        evidence, family=family, priors=priors, engine=chosen, random_seed=random_seed, **options
    )


def _common(
    evidence: Any,
    by: str,
    groups: dict[str, np.ndarray],
    ends: tuple[float, float],
    favours: str | None,
    arguments: dict[str, Any],
) -> pd.DataFrame:
    """One model, the groups' difference a moderator."""
    names = list(groups)
    as_text = evidence.table.assign(**{by: pd.Categorical(evidence.table[by].astype(str), names)})
    fit = _fit(replace(evidence, table=as_text), moderators=[by], **arguments)
    places = predict(fit, at={by: names}, ci_prob=ends[1] - ends[0], favours=favours)
    columns = [*ESTIMATE, *(["p_benefit"] if favours else [])]
    table = pd.DataFrame(places.loc["average study", columns].to_numpy(), names, columns)
    table.insert(0, "k", [int(kept.sum()) for kept in groups.values()])
    single = "tau" not in fit["posterior"]
    new = places.loc["average study" if single else "new study", ["ci_low", "ci_high"]].to_numpy()
    table["new_low"], table["new_high"] = new.T
    table["tau"], table["tau_low"], table["tau_high"] = _tau(fit, ends)
    posterior = marginal(fit, "beta")
    rows = {
        f"{name} v {names[0]}": _of_one(row(posterior, i), chains_of(fit)) for i, name in enumerate(names[1:])
    }
    table.attrs = {
        "differences": _differences(rows, ends),
        "engine": fit.attrs["engine"],
        "fits": {"all": fit},
    }
    return table


def _separate(
    evidence: Any,
    groups: dict[str, np.ndarray],
    ends: tuple[float, float],
    favours: str | None,
    arguments: dict[str, Any],
) -> pd.DataFrame:
    """A fit for each group."""
    fits = {name: _fit(subset(evidence, kept), **arguments) for name, kept in groups.items()}
    lines = {}
    limits = {name: moments_below(fit, "mu") for name, fit in fits.items()}
    for name, fit in fits.items():
        posterior = marginal(fit, "mu")
        mean, sd = existing_moments(posterior, limits[name])
        new_name = next((n for n in ("theta_new", "delta_new") if n in fit["posterior"]), "mu")
        median, low, high = posterior.quantile([0.5, *ends])[0]
        line = [int(groups[name].sum()), mean[0], sd[0], median, low, high]
        line += [*marginal(fit, new_name).quantile(ends)[0], *_tau(fit, ends)]
        if favours is not None:
            line.append(posterior.probability(0.0, above=favours == "higher")[0])
        lines[name] = line
    columns = ["k", *ESTIMATE, "new_low", "new_high", "tau", "tau_low", "tau_high"]
    columns += ["p_benefit"] if favours is not None else []
    table = pd.DataFrame.from_dict(lines, orient="index", columns=columns)
    first, *others = fits
    rows = {f"{name} v {first}": _apart(fits[name], fits[first]) for name in others}
    engines = sorted({str(fit.attrs["engine"]) for fit in fits.values()})
    differences = _differences(rows, ends)
    shared = np.array([min(limits[name], limits[first]) for name in others])  # moments that both means have
    differences.loc[shared <= 1.0, "mean"] = np.nan
    differences.loc[shared <= 2.0, "sd"] = np.inf
    table.attrs = {"differences": differences, "engine": " and ".join(engines), "fits": fits}
    return table


def _tau(fit: xr.DataTree, ends: tuple[float, float]) -> tuple[float, float, float]:
    """Median and interval; zeros under a common effect."""
    if "tau" not in fit["posterior"]:
        return 0.0, 0.0, 0.0
    median, low, high = marginal(fit, "tau").quantile([0.5, *ends])[0]
    return float(median), float(low), float(high)


def _of_one(posterior: Any, chains: int) -> Spread:
    """A difference that is a parameter."""
    nodes = nodes_of(posterior)
    one = np.zeros(nodes.values.size, dtype=np.int64)
    return Spread(
        nodes.values[:, None], nodes.weight[:, None], Law(posterior, lambda value: value), chains, one
    )


def _apart(fit: xr.DataTree, reference: xr.DataTree) -> Spread:
    """The difference of two means that share nothing: every value of the one with each of the other."""
    if "exact" not in fit.children or "exact" not in reference.children:
        drawn, beside = (f["posterior"].dataset["mu"].transpose(*SAMPLE).values for f in (fit, reference))
        size = min(drawn.shape[1], beside.shape[1])
        rng = np.random.default_rng(int(fit.attrs["random_seed"]))  # one seed may have served both
        shuffled = rng.permuted(beside[:, :size], axis=1)
        return Spread.of_draws(drawn[: len(shuffled), :size] - shuffled, len(shuffled))
    one, other = (nodes_of(marginal(f, "mu")) for f in (fit, reference))
    values = one.values[:, None] - other.values
    return Spread(values, one.weight[:, None] * other.weight, None, 0, np.zeros(len(values), dtype=np.int64))


def _differences(rows: dict[str, Spread], ends: tuple[float, float]) -> pd.DataFrame:
    """One line a group but the first."""
    table = table_of(rows, ends, ()).drop(columns="mcse_mean")
    table["p_above"] = [spread.above(0.0) for spread in rows.values()]
    return table
