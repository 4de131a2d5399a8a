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
from bayesma.classical.crude_rate import crude_rate
from bayesma.counterparts import counterparts, over_visits
from bayesma.engines.fit import ENGINES, SEED_BITS, fit
from bayesma.engines.zero_events import zero_events
from bayesma.errors import BayesmaError, BayesmaWarning, ConflictWarning, OptionError
from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.trajectories import Trajectories
from bayesma.notes import impossible, prior_notes
from bayesma.posterior.benefit import decision
from bayesma.posterior.compare import compare
from bayesma.posterior.hazard import hazard
from bayesma.posterior.marginals import label_text, marginal, probability_error
from bayesma.posterior.predict import predict
from bayesma.posterior.prior_share import CONFLICT, prior_conflict, prior_overlap, prior_share
from bayesma.posterior.prob import prob
from bayesma.posterior.provenance import provenance
from bayesma.posterior.relapse_months import HORIZONS
from bayesma.posterior.retreatment import retreatment
from bayesma.posterior.shrinkage import shrinkage
from bayesma.posterior.summary import summary
from bayesma.reference import ReferenceCheck, check_references
from bayesma.results import OneEffect, OverFollowUp, OverMonths, Result, windows_of
from bayesma.robustness import robustness
from bayesma.spec import Job, Spec, load_spec
from bayesma.spec.evidence_tables import EffectsTable
from bayesma.spec.rows import Evidence, evidence_of

type Progress = Callable[[int, int, str], None]

_KINDS: dict[type, type[Result]] = {Trajectories: OverMonths, FollowUp: OverFollowUp}


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
            One row a fit, or a fit and visit (``sledai[6]``, with a column month), indexed by its name:
            label, model, measure, k, estimate (posterior mean), ci_low, ci_high (95 %), p_benefit, p_mid,
            p_harm of the mean effect, p_benefit_new, p_mid_new of a new study's (without a control
            p_improved, p_mid, p_worse, p_improved_new), tau (posterior mean),
            frequentist estimate, interval and p, share of the prior in each parameter, and whether the
            engine converged. Estimates on the analysis scale. Of relapses: measure and estimate are freedom
            from relapse at the end of the late window in a typical study, elsewhere and its interval that in
            a new centre or study, p_rises, ``gain_<belief>_<horizon>`` in months, and the frequentist
            columns relapses per patient-month.
        """
        return pd.DataFrame([row for result in self.results for row in result.rows()]).set_index("name")


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
        All fits and answers. Warnings are recorded in the results' notes and raised again as warnings, but
        for conflicts of prior and data, which stand at the head of notes and report.

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
    """File, analysis and variant, for the beginning of a message."""
    if spec.file.analysis:
        return f"{spec.path.name}, analysis {job.name!r}"
    return f"{spec.path.name}, variant {job.variant!r}" if job.variant else spec.path.name


def _run_job(spec: Spec, job: Job, engine: str | None, seed: int, progressbar: bool | None) -> Result:
    """Fit one job and ask every question."""
    table = spec.file.fit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BayesmaWarning)
        evidence = evidence_of(job)

        def fitted(of: Evidence) -> xr.DataTree:
            """The model of this job, fitted to these numbers."""
            return fit(
                of,
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

        tree = fitted(evidence)
        answers = _answers(evidence, tree, job)
        primary = not spec.file.variant or job.variant == spec.file.variant[0].name
        wrong = impossible(evidence, job)
        asked = tree if wrong is None else fitted(wrong.evidence)
        if wrong is not None and answers["benefit"] is not None:
            answers["benefit"] = decision(asked, favours=str(job.effects.favours), mid=job.questions.mid)
        robust = robustness(evidence if wrong is None else wrong.evidence, asked, job, primary=primary)
    for warning in caught:
        if not issubclass(
            warning.category, ConflictWarning
        ):  # stands in the notes, at the head of the report
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    conflict = prior_conflict(tree)
    share = prior_share(tree).where(conflict >= CONFLICT)
    overlap = prior_overlap(tree)
    said = [str(w.message) for w in caught if issubclass(w.category, BayesmaWarning)]
    zeros = answers.get("zero_events")
    return _KINDS.get(type(evidence), OneEffect)(
        job=job,
        evidence=evidence,
        fit=tree,
        summary=summary(tree),
        probabilities=_probabilities(asked, job),
        prior_share=share,
        prior_overlap=overlap,
        crosscheck=crosscheck(tree) if "crosscheck" in tree.children else None,
        robustness=robust,
        impossible=wrong,
        asked=asked,
        notes=(
            *said,
            *prior_notes(share, overlap),
            *([] if zeros is None else [str(zeros)]),
            *([] if wrong is None else wrong.notes()),
            *evidence.notes,
            *job.cautions,
        ),
        **answers,
    )


def _answers(evidence: Evidence, tree: xr.DataTree, job: Job) -> dict[str, Any]:
    """What only one kind of result has: answers about one effect, over the months, or over follow-up."""
    options, favours = provenance(tree).options, job.effects.favours
    if isinstance(evidence, FollowUp):
        return _of_relapse(evidence, tree, job)
    effect = {
        "shrinkage": shrinkage(tree),
        "benefit": None if favours is None else decision(tree, favours=favours, mid=job.questions.mid),
    }
    if isinstance(evidence, Trajectories):
        asked = job.questions.rebound
        months = None if asked is None else (asked[0], asked[1])
        course = predict(tree, favours=favours, rebound=months)
        return effect | {"course": course, "classical": over_visits(evidence, options)}
    classical = counterparts(evidence, options)
    return effect | {
        "compare": compare({f"Bayesian ({tree.attrs['engine']})": tree, **classical}),
        "risks": _risks(tree, job),
        "frequentist": classical,
        "zero_events": zero_events(tree),
    }


def _of_relapse(evidence: FollowUp, tree: xr.DataTree, job: Job) -> dict[str, Any]:
    """The change of the intensity, the course, the decision; and relapses per patient-month."""
    asked = job.questions
    early, late = windows_of(asked)
    to = asked.to or HORIZONS
    months = sorted({*(asked.at_months or (early[1], late[1])), late[1]})
    changes = provenance(tree).options["hazard"] != "constant"
    return {
        "hazard": hazard(tree, early=early, late=late) if changes else None,
        "course": predict(tree, months=months, to=to),
        "decision": retreatment(
            tree,
            month=asked.repeat or early[1],
            restoration=asked.restoration,
            to=to,
            gain=1.0 if asked.gain is None else asked.gain,
        ),
        "crude": crude_rate(evidence),
    }


def _probabilities(tree: xr.DataTree, job: Job) -> pd.Series:
    """Further probabilities, by label."""
    values: dict[str, float] = {}
    errors: dict[str, float] = {}
    for asked in job.questions.probabilities:
        found = prob(tree, asked.parameter, below=asked.below, above=asked.above)
        own = (
            {f"{asked.name}: {label_text(label)}": float(p) for label, p in found.items()}
            if isinstance(found, pd.Series)
            else {asked.name: found}
        )
        (limit,) = (limit for limit in (asked.below, asked.above) if limit is not None)
        posterior = marginal(tree, asked.parameter)
        known = probability_error(posterior, limit, above=asked.above is not None)
        values |= own
        errors |= dict(zip(own, known.tolist(), strict=True))
    result = pd.Series(values, name="probability", dtype=float)
    result.attrs["mcse"] = errors
    return result


def _risks(tree: xr.DataTree, job: Job) -> pd.DataFrame | None:
    """Absolute risks of a fit of counts or single arms, and of ratios where the spec names a baseline."""
    asked = job.questions
    compared = provenance(tree).measure.null is not None
    if compared and isinstance(job.effects, EffectsTable) and asked.baseline is None:
        return None
    return predict(tree, baseline=asked.baseline, above=asked.above, favours=job.effects.favours)
