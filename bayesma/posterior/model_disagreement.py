"""Question: how much of the answer is the choice of model for the counts?"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from bayesma.engines.fit import ENGINES, SEED_BITS, make_setting
from bayesma.engines.fit import fit as fit_model
from bayesma.errors import OptionError, PriorError
from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.families.binomial import JACKSON
from bayesma.families.problems import NoIntegral
from bayesma.measures.approximation import HALF, log_odds_ratios
from bayesma.posterior.benefit import benefit
from bayesma.posterior.marginals import centre, marginal, parameter_names
from bayesma.posterior.numbers import tails
from bayesma.priors import Prior

COLUMNS = ["estimate", "ci_low", "ci_high", "tau", "p_benefit", "shift", "engine", "jackson", "converged"]


# label: options of family `binomial`; None for the normal approximation
MODELS: Mapping[str, Mapping[str, str] | None] = {
    "fixed, midpoint": {"baseline": "fixed", "coding": "midpoint"},
    "fixed, control": {"baseline": "fixed", "coding": "control"},
    "random, midpoint": {"baseline": "random", "coding": "midpoint"},
    "random, control": {"baseline": "random", "coding": "control"},
    "correlated, midpoint": {"baseline": "correlated", "coding": "midpoint"},
    "correlated, control": {"baseline": "correlated", "coding": "control"},
    "conditional": {"baseline": "conditional"},
    "normal approximation": None,
}
CONVENTIONAL = 1


def model_disagreement(
    counts: TwoArmCounts,
    *,
    priors: Mapping[str, str | Prior] | None = None,
    include: Sequence[str] | None = None,
    favours: str = "lower",
    engine: str = "exact",
    random_effects: str = "normal",
    ci_prob: float = 0.95,
    random_seed: int | None = None,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
) -> pd.DataFrame:
    """Fit the seven models for two-arm counts and the normal approximation, and show what the choice does.

    Parameters
    ----------
    counts
        Events and patients of two arms.
    priors
        As in `fit`; every model takes those of its own parameters, and the same for mu and tau.
    include
        Labels of the models to fit, in this order; by default all of `MODELS`, the default of `fit` first:
        ``"fixed, midpoint"``, ``"fixed, control"``, ``"random, midpoint"``, ``"random, control"``,
        ``"correlated, midpoint"``, ``"correlated, control"``, ``"conditional"``, ``"normal approximation"``.
    favours
        ``"lower"`` when events harm: benefit is an odds ratio below 1; ``"higher"`` when they are hoped for.
    engine
        ``"exact"``: exact integration where a model has one, NUTS for random and correlated baselines, each
        of which compiles for some 15 s. ``"nuts"`` for all.
    random_effects
        ``"normal"`` or ``"none"`` (one common effect).
    ci_prob
        Probability of the equal-tailed intervals.
    random_seed, draws, tune, chains
        As in `fit`.

    Returns
    -------
    pandas.DataFrame
        Index model. Columns estimate (posterior mean of mu, log odds ratio), ci_low, ci_high, tau (posterior
        mean; 0 under a common effect), p_benefit, shift (of the estimate from the first row's, in that row's
        posterior sds), engine, jackson (the model's number in Jackson, Law, Stijnen, Viechtbauer and White
        2018, doi 10.1002/sim.7588) and converged. ``attrs["notes"]`` says what the normal approximation did
        to tables with zeros.

    Raises
    ------
    OptionError
        For evidence of another kind, an unknown model, engine or direction.
    PriorError
        For a prior that no model included has a parameter for, and as in `fit`.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([2, 0, 1], [60, 40, 55], [6, 3, 4], [58, 42, 50])
    >>> table = bm.model_disagreement(
    ...     counts, include=["fixed, midpoint", "conditional", "normal approximation"], random_seed=1
    ... )
    >>> table["estimate"].round(1).to_dict()
    {'fixed, midpoint': -1.7, 'conditional': -1.7, 'normal approximation': -1.4}
    """
    labels = _checked(counts, include, engine)
    ends = tails(ci_prob)
    seed = secrets.randbits(SEED_BITS) if random_seed is None else random_seed
    sampling = {"random_seed": seed, "draws": draws, "tune": tune, "chains": chains}
    approximate = log_odds_ratios(counts)
    fits: dict[str, xr.DataTree] = {}
    for label in labels:
        options = MODELS[label]
        evidence: Any = approximate if options is None else counts
        chosen = {"random_effects": random_effects, **(options or {})}
        own = _own_priors(evidence, priors, chosen)
        fits[label] = _fit(evidence, own, engine, chosen, sampling)
    rows = {label: _row(fit, favours, ends) for label, fit in fits.items()}
    first, sd = rows[labels[0]]["estimate"], float(marginal(fits[labels[0]], "mu").sd()[0])
    for label, row in rows.items():
        row |= {"shift": (row["estimate"] - first) / sd, "jackson": _number(label)}
    table = pd.DataFrame.from_dict(rows, orient="index")[COLUMNS].rename_axis("model")
    table.attrs["notes"] = _notes(counts, approximate, labels)
    table.attrs["random_seed"] = seed
    return table


def _number(label: str) -> int:
    """The model's number in Jackson et al. 2018."""
    options = MODELS[label]
    if options is None:
        return CONVENTIONAL
    return JACKSON[options["baseline"], options.get("coding", "midpoint")]


def _checked(counts: object, include: Sequence[str] | None, engine: str) -> list[str]:
    """Labels of the models to fit."""
    if not isinstance(counts, TwoArmCounts):
        raise OptionError(
            f"model_disagreement compares models for TwoArmCounts, not for {type(counts).__name__}; use "
            "TwoArmCounts.from_frame or .from_counts"
        )
    if engine not in ENGINES:
        raise OptionError(f"engine is {engine!r}; it must be one of {', '.join(map(repr, ENGINES))}")
    labels = list(MODELS) if include is None else [include] if isinstance(include, str) else list(include)
    for label in labels:
        if label not in MODELS:
            raise OptionError(f"include names {label!r}; the models are: {'; '.join(MODELS)}")
    if not labels:
        raise OptionError(f"include is empty; name one or more of: {'; '.join(MODELS)}")
    return labels


def _own_priors(
    evidence: Any, priors: Mapping[str, str | Prior] | None, options: Mapping[str, str]
) -> dict[str, str | Prior]:
    """The priors given for parameters that this model has."""
    setting = make_setting(evidence, None, None, 0, options)
    names = {p.name for p in setting.family.with_priors(setting.options)}
    everywhere = setting.family.all_with_priors() | {"alpha", "alpha_mean", "alpha_sd", "rho"}
    for name in priors or {}:
        if name not in everywhere:
            raise PriorError(f"priors names {name!r}, which no model for two-arm counts has")
    return {name: prior for name, prior in (priors or {}).items() if name in names}


def _fit(
    evidence: Any,
    priors: Mapping[str, str | Prior],
    engine: str,
    options: Mapping[str, str],
    sampling: Mapping[str, int],
) -> xr.DataTree:
    """One model, integrated where it can be and should."""
    setting = make_setting(evidence, None, priors, sampling["random_seed"], options)
    exact = engine == "exact" and not isinstance(setting.family.problem(setting.case), NoIntegral)
    chosen: Any = (
        {"engine": "exact" if exact else "nuts", "progressbar": False} | dict(sampling) | dict(options)
    )
    return fit_model(evidence, priors=priors, **chosen)


def _row(fit: xr.DataTree, favours: str, ends: tuple[float, float]) -> dict[str, Any]:
    """Columns of one model, but for those that compare."""
    low, high = marginal(fit, "mu").quantile(ends)[0]
    return {
        "estimate": float(centre(fit, "mu")[0]),
        "ci_low": float(low),
        "ci_high": float(high),
        "tau": float(centre(fit, "tau")[0]) if "tau" in parameter_names(fit) else 0.0,
        "p_benefit": float(benefit(fit, favours=favours)["p_benefit"]["mu"]),
        "engine": str(fit.attrs["engine"]),
        "converged": bool(fit.attrs["converged"]),
    }


def _notes(counts: TwoArmCounts, approximate: Effects, labels: Sequence[str]) -> list[str]:
    """What every reader of the table must know."""
    notes: list[str] = []
    double = counts.study[counts.double_zero].tolist()
    if "normal approximation" in labels:
        notes += [f"Normal approximation: {note}" for note in approximate.notes]
        if double:
            notes.append(
                f"Normal approximation: {len(double)} of {counts.k} trials had the same outcome in every "
                f"patient of both arms ({', '.join(double)}); with {HALF:g} added such a trial enters as an "
                "odds ratio near 1 with a large standard error, which no count supports."
            )
    if double and any(MODELS[label] is not None for label in labels):
        notes.append(
            f"Models of the counts: {len(double)} of {counts.k} trials had the same outcome in every patient "
            f"of both arms ({', '.join(double)}) and stay in; under baseline='conditional' such a trial says "
            "nothing about the effect, otherwise only what the prior of its baseline lets it say."
        )
    if {"correlated, control", "correlated, midpoint"} <= set(labels):
        notes.append(
            "The two codings of correlated baselines are one model (number 6) with its priors on different "
            "baselines."
        )
    return notes
