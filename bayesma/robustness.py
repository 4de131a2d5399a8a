"""The sensitivity section of an analysis: which question, which priors and paths, and how they are solved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from bayesma.families.base import Parameter
from bayesma.families.problems import GaussianProblem, TwoParameterProblem
from bayesma.measures import MEASURES
from bayesma.posterior.benefit import decision, null_of
from bayesma.posterior.hazard import hazard
from bayesma.posterior.location import location_name
from bayesma.posterior.marginals import labels_of
from bayesma.posterior.provenance import Provenance, case_of, provenance
from bayesma.results.base import Robustness
from bayesma.results.over_follow_up import windows_of
from bayesma.sensitivity import defaults
from bayesma.sensitivity.defaults import Path
from bayesma.sensitivity.prior_sensitivity import prior_sensitivity
from bayesma.sensitivity.question import Ask
from bayesma.sensitivity.tipping_point import tipping_point
from bayesma.spec import Job
from bayesma.spec.evidence_tables import FollowUpTable
from bayesma.spec.rows import Evidence

QUICK = (GaussianProblem, TwoParameterProblem)  # integrals solved anew for every prior


def robustness(evidence: Evidence, fit: xr.DataTree, job: Job, *, primary: bool) -> Robustness | None:
    """The answer under other priors, and where it flips; None where the spec does not ask.

    Of a model whose every fit takes long only the primary variant is tried.

    Parameters
    ----------
    evidence, fit, job
        What was analysed, the posterior, and what was asked.
    primary
        Whether this is the file's first variant.
    """
    asked = job.sensitivity
    origin = provenance(fit)
    if asked is None or not origin.converged or origin.options.get("hazard") == "constant":
        return None  # a constant intensity neither rises nor falls
    question, words = _question(fit, origin, job)
    location, *others = _movable(origin)
    favours = job.effects.favours if question is None else None
    slow = _slow(fit, origin)
    if slow and not primary:
        return None
    shared: dict[str, Any] = {
        "favours": favours,
        "question": question,
        "family": origin.family.name,
        "priors": origin.priors,
        "fit": fit if slow else None,
        "own_fit": fit,
        "engine": None if slow else "exact",
        "random_seed": int(fit.attrs["random_seed"]),
        **origin.options,
    }
    vary: Mapping[str, Any] = asked.vary or defaults.grid(origin.priors, [location.name, *others])
    grid = prior_sensitivity(evidence, vary, mid=_mid(job, question), **shared) if vary else None
    paths = [Path(*next(iter(p.prior.items())), (p.over[0], p.over[1])) for p in asked.tipping]
    found = tuple(
        tipping_point(
            evidence,
            {p.parameter: p.text},
            over=p.over,
            threshold=asked.threshold,
            words=words or None,
            **shared,
        )
        for p in paths or _paths(origin, location, others, job, slow=slow)
    )
    return Robustness(words or found[0].question if found else words, grid, found)


def _slow(fit: xr.DataTree, origin: Provenance) -> bool:
    """Whether solving anew for every prior takes too long."""
    return not isinstance(origin.family.problem(case_of(fit, origin)), QUICK)


def _movable(origin: Provenance) -> tuple[Parameter, *tuple[str, ...]]:
    """The location, and the names of the scales between studies."""
    hyper = origin.family.hyper(origin.options)
    scales = [p.name for p in hyper if p.name in {"tau", "s"}]
    return hyper[0] if hyper[0].name != "sigma_h" else hyper[1], *scales


def _paths(origin: Provenance, location: Parameter, scales: list[str], job: Job, *, slow: bool) -> list[Path]:
    """A sceptic's prior where there is a null value to be sceptical around, and wider or narrower scales."""
    effect = not isinstance(job.effects, FollowUpTable) and MEASURES[origin.measure.code].null is not None
    reach = defaults.NEAR if slow else defaults.FAR
    first = (defaults.sceptical if effect else defaults.wider)(origin.priors, location.name, reach)
    others = [defaults.wider(origin.priors, name, reach) for name in scales]
    return [path for path in (first, *others) if path is not None]


def _mid(job: Job, question: Ask) -> float | None:
    """The minimal important difference, where benefit is asked."""
    return job.questions.mid if question is None else None


def _question(fit: xr.DataTree, origin: Provenance, job: Job) -> tuple[Ask, str]:
    """What is asked, and its words."""
    if job.sensitivity is not None and (asked := job.sensitivity.question) is not None:
        return asked, ""
    if isinstance(job.effects, FollowUpTable):
        return _rises(job)
    if "visit" in fit["posterior"].dims:
        return _last_month(fit, origin, job)
    if not origin.measure.controlled and job.effects.favours is not None:
        null, side = null_of(origin.measure), "<" if job.effects.favours == "lower" else ">"
        return f"{location_name(origin)} {side} {null:g}", origin.measure.better
    return None, origin.measure.better


def _rises(job: Job) -> tuple[Callable[[xr.DataTree], float], str]:
    """The intensity of relapse rises."""
    early, late = windows_of(job.questions)
    words = (
        f"a higher monthly intensity of relapse in months {late[0]:g} to {late[1]:g} than in months "
        f"{early[0]:g} to {early[1]:g}"
    )

    def ask(fit: xr.DataTree) -> float:
        return float(hazard(fit, early=early, late=late).attrs["p_rises"])

    ask.__doc__ = words
    return ask, words


def _last_month(fit: xr.DataTree, origin: Provenance, job: Job) -> tuple[Ask, str]:
    """Benefit, or without a control improved, at the last month."""
    last = float(labels_of(fit, "visit")[-1])
    favours, better = job.effects.favours, origin.measure.better
    words = f"{better} at month {last:g}"
    assert favours is not None, "checked when the spec was read"
    if origin.options["trajectory"] == "visit":
        null = MEASURES[origin.measure.code].null
        return f"m[{last:g}] {'<' if favours == 'lower' else '>'} {null:g}", words

    def ask(fit: xr.DataTree) -> float:
        return float(decision(fit, favours=favours)[f"p_{better}"][("m", last)])

    ask.__doc__ = words
    return ask, words
