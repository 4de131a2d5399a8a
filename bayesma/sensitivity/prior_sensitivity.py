"""Question: what would the answer be under other priors?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from bayesma.engines.fit import make_setting
from bayesma.engines.tree import Setting
from bayesma.errors import OptionError
from bayesma.posterior.numbers import tails
from bayesma.priors import Prior
from bayesma.priors.catalogue import check_use
from bayesma.sensitivity.cells import Posterior, Solver, check_fit, engine_for, quantities
from bayesma.sensitivity.gathered import gathered, say
from bayesma.sensitivity.question import Ask, Question, question_of

ANSWERS = ["estimate", "ci_low", "ci_high", "p_benefit", "p_mid", "tau", "log_evidence", "converged"]
EXAMPLE = "as in {'tau': ['HalfNormal(0.5)', 'HalfCauchy(0.5)']}"
SAMPLER = ("draws", "tune", "chains", "cores", "target_accept")


def prior_sensitivity(
    evidence: Any,
    vary: Mapping[str, Sequence[str | Prior]],
    *,
    favours: str | None = None,
    mid: float | None = None,
    question: Ask = None,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    fit: xr.DataTree | None = None,
    own_fit: xr.DataTree | None = None,
    engine: str | None = None,
    random_seed: int | None = None,
    ci_prob: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """The answer under every combination of priors.

    Parameters
    ----------
    evidence
        As in `fit`.
    vary
        Priors to try, by parameter: ``{"tau": ["HalfNormal(0.5)", "HalfCauchy(0.5)"], "mu": [...]}``; every
        combination is a cell. Also parameters of which the model has several, such as baselines.
    favours, mid
        Which direction is benefit and, above 0, how much matters: as in `benefit`.
    question
        In place of benefit: ``"m[6] < 0"``, ``"tau > 0.5"``, of single arms ``"proportion > 0.5"``, or a
        function of a fit that returns a probability. With `mid` only a question about the side that `favours`
        names, from whose threshold it is counted.
    family
        As in `fit`.
    priors
        Of the other parameters, and the base of those that vary, which is marked in the result: as in `fit`.
    fit
        Of this evidence under these priors: its draws are weighted by the ratio of the priors (importance
        sampling) as far as that is reliable, in place of solving every cell; for models that take long.
    own_fit
        Of this evidence under these priors: the row of the analysis itself is this fit's answer, by whichever
        engine, so that it is the number printed elsewhere. Every other cell is solved.
    engine
        ``"exact"``, ``"nuts"``, or None: exact where every cell has an integral. NUTS compiles once for each
        kind of distribution, and all cells share a seed.
    random_seed
        Of NUTS.
    ci_prob
        Probability of the equal-tailed intervals.
    **options
        Options of the family, and draws, tune, chains, cores and target_accept of NUTS.

    Returns
    -------
    pandas.DataFrame
        One row a cell, the last parameter of `vary` moving first: a column of text for each of these, then
        estimate (posterior mean of the parameter asked about, its median where it has no mean), ci_low,
        ci_high, p_benefit (the probability asked for), p_mid, tau (posterior mean), log_evidence (exact; NaN
        where a prior is improper) and converged. Analysis scale. ``attrs``: parameter, question, favours,
        mid, base (priors not in `vary`, and the base of those that are), vary, engine, measure, k.

    Raises
    ------
    OptionError
        For nothing to vary, and a question the model cannot answer.
    PriorError
        As `fit`, the prior and its parameter named.

    Warns
    -----
    ConvergenceWarning
        With the number of cells that did not converge.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> grid = bm.prior_sensitivity(effects, {"tau": ["HalfNormal(0.1)", "HalfNormal(1)"]}, favours="lower")
    >>> grid.set_index("tau_prior")["p_benefit"].round(2).to_dict()
    {'HalfNormal(0.1)': 0.99, 'HalfNormal(1)': 0.85}
    """
    ends = tails(ci_prob)
    sampling = {name: options.pop(name) for name in SAMPLER if name in options}
    base = make_setting(evidence, family, priors, 0 if random_seed is None else random_seed, options)
    check_fit(fit, base)
    check_fit(own_fit, base)
    asked = question_of(base, question, favours, mid)
    tried = _tried(base, vary)
    settings = [
        changed(base, dict(zip(tried, cell, strict=True))) for cell in itertools.product(*tried.values())
    ]
    solve = Solver(engine_for(settings, engine), sampling, base, fit, own_fit)
    rows, errors = [], []
    with gathered() as caught:
        for setting in settings:
            posterior = solve(setting)
            texts = {column(name): str(setting.priors[name]) for name in tried}
            rows.append(texts | answers(posterior, asked, ends))
            errors.append(asked.errors(posterior))
    grid = pd.DataFrame(rows)
    say(caught, int((~grid["converged"]).sum()), len(grid), "cells")
    attrs: dict[str, Any] = described(base, asked, favours, mid, solve.words) | {
        "vary": {name: [str(prior) for prior in priors] for name, priors in tried.items()},
        "ci_prob": ci_prob,
        "mcse": errors,
    }
    grid.attrs.update(attrs)
    return grid


def column(parameter: str) -> str:
    """Name of the column that holds a parameter's prior."""
    return f"{parameter}_prior"


def changed(base: Setting, priors: Mapping[str, Prior]) -> Setting:
    """The same model under other priors of some parameters, checked as those of a fit are."""
    given = {name: str(prior) for name, prior in base.priors.items()} | dict(priors)
    checked = base.family.checked_priors(base.evidence, given, base.options)
    setting = replace(base, priors=checked)
    base.family.moments_below(setting.case)  # refuses an improper posterior
    return setting


def answers(posterior: Posterior, asked: Question, ends: tuple[float, float]) -> dict[str, Any]:
    """The columns of one cell."""
    names = {p.name for p in posterior.setting.family.hyper(posterior.setting.options)}
    mean, low, high = quantities(posterior, asked.parameter, ends, asked.element)
    return {
        "estimate": mean,
        "ci_low": low,
        "ci_high": high,
        "p_benefit": asked.ask(posterior),
        "p_mid": asked.ask_mid(posterior),
        "tau": float(quantities(posterior, "tau", ends)[0]) if "tau" in names else math.nan,
        "log_evidence": float(posterior.evidence()["log_evidence"]),
        "converged": posterior.converged,
    }


def described(
    base: Setting, asked: Question, favours: str | None, mid: float | None, engine: str
) -> dict[str, Any]:
    """What tables, figures and sentences need to know beside the numbers."""
    return {
        "parameter": asked.parameter,
        "question": asked.words,
        "favours": favours,
        "mid": mid,
        "base": {name: str(prior) for name, prior in base.priors.items()},
        "engine": engine,
        "measure": str(getattr(base.evidence, "measure", "")),
        "k": int(base.study.size),
    }


def _tried(base: Setting, vary: Mapping[str, Sequence[str | Prior]]) -> dict[str, list[Prior]]:
    """Priors by parameter, parsed."""
    if not isinstance(vary, Mapping):
        raise OptionError(f"vary is {vary!r}; give priors to try by parameter, {EXAMPLE}")
    if not vary:
        raise OptionError(f"vary names no parameter; give priors to try, {EXAMPLE}")
    tried = {}
    for name, given in vary.items():
        if isinstance(given, str | Prior) or not isinstance(given, Iterable) or not list(given):
            raise OptionError(f"vary[{name!r}] is {given!r}; give a list of priors to try")
        if name not in base.priors:
            raise OptionError(
                f"vary names {name!r}, which has no prior in this model; it has: {', '.join(base.priors)}"
            )
        for prior in given:
            check_use(prior, name, str(getattr(base.evidence, "measure", "")))
        tried[name] = [Prior.parse(prior) for prior in given]
    return tried


def own_rows(grid: pd.DataFrame) -> list[bool]:
    """Which rows are under the priors of the analysis itself, however these are written."""
    base = {name: Prior.parse(grid.attrs["base"][name]) for name in grid.attrs["vary"]}
    return [
        all(Prior.parse(row[f"{name}_prior"]) == prior for name, prior in base.items())
        for _, row in grid.iterrows()
    ]
