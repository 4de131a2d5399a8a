"""`run`: a spec becomes an analysis: every fit, every question answered, every caution collected."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.calibration.crosscheck import crosscheck
from bayesma.classical.frequentist import frequentist
from bayesma.classical.result import FrequentistFit
from bayesma.engines.fit import ENGINES, SEED_BITS, fit
from bayesma.errors import BayesmaError, BayesmaWarning, DataError, OptionError
from bayesma.evidence.arms import pair_arms
from bayesma.evidence.effects import Effects
from bayesma.evidence.readers import read_studies
from bayesma.measures.effect_sizes import effect_sizes
from bayesma.posterior.benefit import benefit
from bayesma.posterior.compare import compare
from bayesma.posterior.marginals import centre
from bayesma.posterior.prior_share import CONFLICT, DOMINATES, prior_conflict, prior_share
from bayesma.posterior.prob import prob
from bayesma.posterior.provenance import provenance
from bayesma.posterior.shrinkage import shrinkage
from bayesma.posterior.summary import summary
from bayesma.reference import ReferenceCheck, check_references
from bayesma.spec import Job, Spec, load_spec

type Progress = Callable[[int, int, str], None]

COMMON, DL, REML = "common effect, Wald", "DerSimonian-Laird, Wald", "REML, Knapp-Hartung"
DECISION = ["p_benefit", "p_mid", "p_harm"]
SHOWN = 8  # values of a column that a message lists


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One fit with every question the spec asks of it.

    Attributes
    ----------
    job, effects, fit
        What was asked, of which data, and the posterior.
    summary, shrinkage, compare
        Tables on the analysis scale.
    benefit
        The decision table; None when the spec states no direction of benefit.
    probabilities
        Further probabilities the spec asks for, by label; those of parameters the model has not are left out.
    frequentist
        Classical answers by label.
    prior_share
        Share of each hyper-parameter's posterior that the prior supplied; NaN where prior and data conflict.
    crosscheck
        NUTS against exact integration; None under engine ``exact`` or without an integral.
    notes
        Sentences that must stand beside the result, the most urgent first.
    """

    job: Job
    effects: Effects
    fit: xr.DataTree
    summary: pd.DataFrame
    shrinkage: pd.DataFrame
    compare: pd.DataFrame
    benefit: pd.DataFrame | None
    probabilities: pd.Series
    frequentist: dict[str, FrequentistFit]
    prior_share: pd.Series
    crosscheck: pd.DataFrame | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A spec with all its results.

    Attributes
    ----------
    spec, results
        One result per job, in the spec's order.
    seed
        From which the seed of every fit follows.
    references
        Pinned external answers and whether they were reproduced.
    """

    spec: Spec
    results: tuple[Result, ...]
    seed: int
    references: tuple[ReferenceCheck, ...]

    @property
    def title(self) -> str:
        """Title of the analysis."""
        return self.spec.title

    def table(self) -> pd.DataFrame:
        """The answer in one table.

        Returns
        -------
        pandas.DataFrame
            One row a fit, indexed by its name: label, model, measure, k, estimate (posterior mean), ci_low,
            ci_high (95 %), p_benefit, p_mid, p_harm of mu, p_benefit_new, p_mid_new of a new study's effect,
            tau (posterior mean), frequentist estimate, interval and p, share of the prior in mu and tau,
            and whether the engine converged. Estimates on the analysis scale.
        """
        return pd.DataFrame([_row(result) for result in self.results]).set_index("name")


def run(
    spec: str | Path | Spec,
    *,
    engine: str | None = None,
    random_seed: int | None = None,
    progressbar: bool | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Run every analysis of a spec.

    Parameters
    ----------
    spec
        A shipped name, the path of a TOML file, or a loaded spec.
    engine, random_seed
        In place of the spec's own. Where neither gives a seed, one is drawn for all fits, and recorded.
    progressbar
        The sampler's bar; by default only on a terminal.
    progress
        Called before each fit with its number, the number of fits, and its name.

    Returns
    -------
    Analysis
        All fits and answers. Warnings are recorded in the results' notes and raised again as warnings.

    Raises
    ------
    BayesmaError
        From reading the spec or the data, or from a prior or option that cannot be used; the message names
        the file and the analysis.

    Examples
    --------
    >>> import bayesma as bm
    >>> analysis = bm.run("bcg", engine="exact")
    >>> analysis.table()[["k", "p_benefit"]].round(4).to_dict("index")
    {'bcg': {'k': 13, 'p_benefit': 0.9996}}
    >>> all(check.met for check in analysis.references)
    True
    """
    if engine is not None and engine not in ENGINES:
        raise OptionError(f"engine is {engine!r}; it must be one of {', '.join(map(repr, ENGINES))}")
    loaded = spec if isinstance(spec, Spec) else load_spec(spec)
    given = [s for s in (random_seed, loaded.file.fit.random_seed) if s is not None]
    seed = given[0] if given else secrets.randbits(SEED_BITS)
    if seed < 0:
        raise OptionError(f"random_seed is {seed}; it must be 0 or above")
    results = []
    for number, job in enumerate(loaded.jobs):
        if progress is not None:
            progress(number, len(loaded.jobs), job.name)
        try:
            results.append(_run_job(loaded, job, engine, seed, progressbar))
        except BayesmaError as error:
            raise type(error)(f"{_place(loaded, job)}: {error}") from error
    checks = check_references(loaded, {r.job.name: (r.fit, r.effects) for r in results})
    return Analysis(loaded, tuple(results), seed, checks)


def job_seed(seed: int, name: str) -> int:
    """Seed of one fit, from the analysis's seed and the fit's name.

    Fits that shared a seed would share their Monte Carlo errors; one that depended on its position would
    change when another is added, one that depended on the file's name when the file is copied.
    """
    return int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0] >> (32 - SEED_BITS))


def _place(spec: Spec, job: Job) -> str:
    """File and analysis, for the beginning of a message."""
    return f"{spec.path.name}, analysis {job.name!r}" if spec.file.analysis else spec.path.name


def _run_job(spec: Spec, job: Job, engine: str | None, seed: int, progressbar: bool | None) -> Result:
    """Fit one job and ask every question."""
    table = spec.file.fit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BayesmaWarning)
        effects = job_effects(job)
        tree = fit(
            effects,
            family=job.model.family,
            priors=job.model.priors,
            engine=engine or table.engine,
            draws=table.draws,
            tune=table.tune,
            chains=table.chains,
            target_accept=table.target_accept,
            random_seed=job_seed(seed, job.name if spec.file.analysis else job.variant),
            progressbar=progressbar,
            **job.model.options(),
        )
        classical = _classical(effects, job)
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    favours = job.effects.favours
    conflict = prior_conflict(tree)
    share = prior_share(tree).where(conflict >= CONFLICT)
    label = f"Bayesian ({tree.attrs['engine']})"
    said = [str(w.message) for w in caught if issubclass(w.category, BayesmaWarning)]
    return Result(
        job=job,
        effects=effects,
        fit=tree,
        summary=summary(tree),
        shrinkage=shrinkage(tree),
        compare=compare({label: tree, **classical}),
        benefit=None if favours is None else benefit(tree, favours=favours, mid=job.questions.mid),
        probabilities=_probabilities(tree, job),
        frequentist=classical,
        prior_share=share,
        crosscheck=crosscheck(tree) if "crosscheck" in tree.children else None,
        notes=(
            *said,
            *_conflict_notes(tree, conflict),
            *prior_notes(share),
            *_size_notes(effects, job),
            *effects.notes,
            *job.cautions,
        ),
    )


def job_effects(job: Job) -> Effects:
    """Effects of the rows a job picks.

    Raises
    ------
    DataError
        When a column of `where` is missing or no row matches.
    """
    frame = read_studies(job.data)
    source = dict(frame.attrs)
    for column, value in job.where.items():
        if column not in frame.columns:
            known = ", ".join(map(str, frame.columns))
            raise DataError(f"{job.data.name} has no column {column!r}, named by where; it has: {known}")
        picked = frame[frame[column] == value]
        if picked.empty:
            present = ", ".join(map(repr, frame[column].drop_duplicates().tolist()[:SHOWN]))
            raise DataError(
                f"{job.data.name}: no row is left where {column} = {value!r}; {column} holds {present}; "
                "correct the value (text and numbers differ)"
            )
        frame = picked
    frame.attrs.update(source)
    effects = job.effects
    if effects.arms is not None:
        arms = effects.arms
        frame = pair_arms(frame, arm=arms.column, treatment=arms.treatment, control=arms.control, by=arms.by)
    keywords: dict[str, Any] = {**effects.options(), **effects.columns}
    return effect_sizes(frame, effects.measure, study=effects.study, **keywords)


def _classical(effects: Effects, job: Job) -> dict[str, FrequentistFit]:
    """The frequentist answers that belong beside a model."""
    answers = {COMMON: frequentist(effects, method="EE", ci="wald")}
    if job.model.options().get("random_effects") != "none" and effects.k > 1:
        answers[DL] = frequentist(effects, method="DL", ci="wald")
        answers[REML] = frequentist(effects, method="REML", ci="hksj")
    return answers


def _probabilities(tree: xr.DataTree, job: Job) -> pd.Series:
    """Further probabilities, by label."""
    values: dict[str, float] = {}
    for asked in job.questions.probabilities:
        found = prob(tree, asked.parameter, below=asked.below, above=asked.above)
        if isinstance(found, pd.Series):
            values |= {f"{asked.name}: {label}": p for label, p in found.items()}
        else:
            values[asked.name] = found
    return pd.Series(values, name="probability", dtype=float)


def prior_notes(share: pd.Series) -> list[str]:
    """Say so where the prior sets the answer; a share is NaN where prior and data contradict each other."""
    return [
        f"The prior of {name} supplies {100 * value:.0f} % of its posterior: the data say little about it, "
        "and another prior would give another answer."
        for name, value in share.items()
        if value >= DOMINATES
    ]


def _size_notes(effects: Effects, job: Job) -> list[str]:
    """Say so where a standard error is smaller than the largest plausible trial could give.

    A difference of two means in equal arms has the variance 4 SD^2 / n, so an SE implies n = 4 SD^2 / SE^2.
    """
    sd, plausible = job.effects.reference_sd, job.effects.plausible_n
    if sd is None or plausible is None:
        return []
    implied = {str(s): 4.0 * (sd / se) ** 2 for s, se in zip(effects.study, effects.se, strict=True)}
    return [
        f"The standard error of {study} would need about {float(f'{n:.2g}'):.0f} patients at a standard "
        f"deviation of {sd:g} {job.effects.unit or ''} (plausible: up to {plausible:g}): the published "
        "interval, or the standard deviation behind prior and MID, does not fit this row; its probabilities "
        "may be far too certain."
        for study, n in implied.items()
        if n > plausible
    ]


def _conflict_notes(tree: xr.DataTree, conflict: pd.Series) -> list[str]:
    """Say so where the data have put a parameter where its prior all but excluded it."""
    priors = provenance(tree).priors
    return [
        f"PRIOR AND DATA CONFLICT: the posterior of {name} lies where its prior {priors[str(name)]} has less "
        "than 1 % of its mass; check the data, then the prior, before using this result."
        for name in conflict.index[conflict < CONFLICT]
    ]


def _row(result: Result) -> dict[str, Any]:
    """One line of the answer table."""
    job, rows = result.job, result.summary
    classical = list(result.frequentist.values())[-1]
    row: dict[str, Any] = {
        "name": job.name,
        "label": job.label,
        "model": job.variant_label,
        "measure": result.effects.measure,
        "favours": job.effects.favours,
        "k": result.effects.k,
        "estimate": float(centre(result.fit, "mu")[0]),
        "ci_low": rows.loc["mu", "ci_low"],
        "ci_high": rows.loc["mu", "ci_high"],
    }
    decision = result.benefit
    for name in DECISION:
        row[name] = float("nan") if decision is None else decision.loc["mu", name]
    for name in DECISION[:2]:
        new = decision is not None and "theta_new" in decision.index
        row[f"{name}_new"] = decision.loc["theta_new", name] if new and decision is not None else float("nan")
    row["tau"] = float(centre(result.fit, "tau")[0]) if "tau" in rows.index else 0.0
    row |= {f"frequentist_{n}": getattr(classical, n) for n in ("estimate", "ci_low", "ci_high", "p_value")}
    row["frequentist_method"] = list(result.frequentist)[-1]
    row |= {f"prior_share_{name}": value for name, value in result.prior_share.items()}
    row["converged"] = bool(result.fit.attrs["converged"])
    return row
