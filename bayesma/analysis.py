"""`run`: a spec becomes an analysis: every fit, every question answered, every caution collected."""

from __future__ import annotations

import math
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
from bayesma.classical.result import FrequentistFit
from bayesma.counterparts import counterparts, nearest
from bayesma.engines.fit import ENGINES, SEED_BITS, fit
from bayesma.errors import BayesmaError, BayesmaWarning, OptionError
from bayesma.measures import MEASURES
from bayesma.notes import conflict_notes, prior_notes, size_notes
from bayesma.posterior.benefit import benefit
from bayesma.posterior.compare import compare
from bayesma.posterior.location import location, location_name
from bayesma.posterior.marginals import centre
from bayesma.posterior.numbers import tails
from bayesma.posterior.predict import predict
from bayesma.posterior.prior_share import CONFLICT, prior_conflict, prior_overlap, prior_share
from bayesma.posterior.prob import prob
from bayesma.posterior.provenance import provenance
from bayesma.posterior.shrinkage import shrinkage
from bayesma.posterior.summary import summary
from bayesma.reference import ReferenceCheck, check_references
from bayesma.spec import Job, Spec, load_spec
from bayesma.spec.rows import Evidence, evidence_of
from bayesma.spec.tables import EffectsTable
from bayesma.zero_events import ZeroEvents, zero_events

type Progress = Callable[[int, int, str], None]

DECISION = ["p_benefit", "p_mid", "p_harm"]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One fit with every question the spec asks of it.

    Attributes
    ----------
    job, evidence, fit
        What was asked, of which data, and the posterior.
    summary, shrinkage, compare
        Tables on the analysis scale.
    benefit
        The decision table; None when the spec states no direction of benefit, and for single arms.
    risks
        Absolute risks, as `predict` gives them: for counts, and where the spec names a baseline; else None.
    probabilities
        Further probabilities the spec asks for, by label; those of parameters the model has not are left out.
    frequentist
        Classical answers by label.
    prior_share
        Share of each hyper-parameter's posterior that the prior supplied; NaN where prior and data conflict.
    prior_overlap
        Overlap of prior and posterior of the mean effect, from 0 to 1; 0 where the prior is improper.
    zero_events
        What studies without events contribute; None where there are none.
    crosscheck
        NUTS against exact integration; None under engine ``exact`` or without an integral.
    notes
        Sentences that must stand beside the result, the most urgent first.
    """

    job: Job
    evidence: Evidence
    fit: xr.DataTree
    summary: pd.DataFrame
    shrinkage: pd.DataFrame
    compare: pd.DataFrame
    benefit: pd.DataFrame | None
    risks: pd.DataFrame | None
    probabilities: pd.Series
    frequentist: dict[str, FrequentistFit]
    prior_share: pd.Series
    prior_overlap: float
    zero_events: ZeroEvents | None
    crosscheck: pd.DataFrame | None
    notes: tuple[str, ...]

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.shrinkage)

    @property
    def estimate(self) -> tuple[float, float, float]:
        """Mean effect (for single arms the logit of the risk) with its 95 % interval, analysis scale."""
        return location(self.fit, provenance(self.fit), tails(0.95))

    @property
    def classical(self) -> tuple[str, FrequentistFit]:
        """Label and numbers of the classical answer nearest to the model."""
        return nearest(self.frequentist)


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
    checks = check_references(loaded, {r.job.name: (r.fit, r.evidence) for r in results})
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
        evidence = evidence_of(job)
        tree = fit(
            evidence,
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
        origin = provenance(tree)
        classical = counterparts(evidence, origin.options)
        zeros = zero_events(evidence, tree)
    for warning in caught:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    favours = job.effects.favours
    conflict = prior_conflict(tree)
    share = prior_share(tree).where(conflict >= CONFLICT)
    label = f"Bayesian ({tree.attrs['engine']})"
    said = [str(w.message) for w in caught if issubclass(w.category, BayesmaWarning)]
    return Result(
        job=job,
        evidence=evidence,
        fit=tree,
        summary=summary(tree),
        shrinkage=shrinkage(tree),
        compare=compare({label: tree, **classical}),
        benefit=None if favours is None else benefit(tree, favours=favours, mid=job.questions.mid),
        risks=_risks(tree, job),
        probabilities=_probabilities(tree, job),
        frequentist=classical,
        prior_share=share,
        prior_overlap=float(prior_overlap(tree)[location_name(origin)]),
        zero_events=zeros,
        crosscheck=crosscheck(tree) if "crosscheck" in tree.children else None,
        notes=(
            *said,
            *conflict_notes(tree, conflict),
            *prior_notes(share),
            *([] if zeros is None else [str(zeros)]),
            *size_notes(evidence, job),
            *evidence.notes,
            *job.cautions,
        ),
    )


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


def _risks(tree: xr.DataTree, job: Job) -> pd.DataFrame | None:
    """Absolute risks of a fit of counts, and of ratios where the spec names a baseline."""
    asked = job.questions
    if isinstance(job.effects, EffectsTable) and asked.baseline is None:
        return None
    return predict(tree, baseline=asked.baseline, above=asked.above, favours=job.effects.favours)


def _row(result: Result) -> dict[str, Any]:
    """One line of the answer table."""
    job, rows = result.job, result.summary
    label, classical = result.classical
    estimate, low, high = result.estimate
    row: dict[str, Any] = {
        "name": job.name,
        "label": job.label,
        "model": job.variant_label,
        "measure": result.evidence.measure,
        "favours": job.effects.favours,
        "k": result.k,
        "estimate": estimate,
        "ci_low": low,
        "ci_high": high,
    }
    mean, new = _chances(result.benefit)
    row |= {name: mean[name] for name in DECISION} | {f"{name}_new": new[name] for name in DECISION[:2]}
    row["tau"] = float(centre(result.fit, "tau")[0]) if "tau" in rows.index else 0.0
    row |= {f"frequentist_{n}": getattr(classical, n) for n in ("estimate", "ci_low", "ci_high", "p_value")}
    if (
        MEASURES[result.evidence.measure].null is None
    ):  # the p of a risk of one half answers nobody's question
        row["frequentist_p_value"] = math.nan
    row["frequentist_method"] = label
    row |= {f"prior_share_{name}": value for name, value in result.prior_share.items()}
    row["prior_overlap"] = result.prior_overlap
    row["converged"] = bool(result.fit.attrs["converged"])
    return row


def _chances(decision: pd.DataFrame | None) -> tuple[dict[str, float], dict[str, float]]:
    """Probabilities of the mean effect and of a new study's, NaN where not asked or not defined."""
    rows = [] if decision is None else [decision.loc[name].to_dict() for name in decision.index]
    nothing = dict.fromkeys(DECISION, math.nan)
    mean, new = (*rows, nothing, nothing)[:2]
    return mean, new
