"""What a reader must know before any number: each thing once, with the results it concerns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bayesma.analysis import Analysis
from bayesma.counterparts import why_undefined
from bayesma.evidence.effects import Effects
from bayesma.notes import only_prior, prior_notes, prior_sentence
from bayesma.posterior.prior_share import DOMINATES, RULES
from bayesma.results import OneEffect, OverFollowUp, Result
from bayesma.words.numbers import share

LARGEST_Z = 5.0  # the two engines never differ by more by chance, in any number of comparisons here


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to know.

    Attributes
    ----------
    level
        ``"stop"``: do not use the numbers; ``"loud"``: the prior gave them, not the data; ``"caution"``:
        read them with it.
    text
        One sentence.
    places
        What it concerns; empty when everything.
    """

    level: Literal["stop", "loud", "caution"]
    text: str
    places: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.places})" if self.places else self.text


def alarms(analysis: Analysis) -> list[Alarm]:
    """Everything urgent, the worst first; the file's own cautions stand at the end, once."""
    common = [Alarm("caution", text) for text in analysis.spec.file.cautions]
    own = {text for r in analysis.results for text in r.job.cautions}
    notes = list(_notes(analysis))
    cautions = [alarm for alarm in notes if alarm.text in own]
    others = [alarm for alarm in notes if alarm.text not in own]
    return [
        *_stops(analysis),
        *_prior_answers(analysis),
        *_one_sided(analysis),
        *cautions,
        *_priors(analysis),
        *others,
        *common,
    ]


def own_notes(analysis: Analysis, result: Result) -> list[str]:
    """Notes of one result beyond those common to all, classical ones included."""
    common = set(analysis.spec.file.cautions)
    if len(analysis.results) > 1:
        common |= set.intersection(*(set(r.notes) for r in analysis.results))
    notes = dict.fromkeys((*result.notes, *result.classical_notes))
    return [note for note in notes if note not in common]


def places(analysis: Analysis, results: Sequence[Result]) -> str:
    """Which results: nothing when all, a variant by its name when all of it, else the list."""
    if len(results) == len(analysis.results):
        return "" if len(results) == 1 else "all results"
    relapses = [r for r in analysis.results if isinstance(r, OverFollowUp)]
    if len(results) > 1 and [r.job.name for r in results] == [r.job.name for r in relapses]:
        return f"relapse: all {len(relapses)} results"
    variants = {r.job.variant_label for r in results}
    if len(variants) == 1:
        (variant,) = variants
        labels = [r.job.label for r in results]
        if len(results) > 1 and len(results) == sum(r.job.variant_label == variant for r in analysis.results):
            return f"{variant}: all {len(results)} outcomes"
        if variant and len({r.job.label for r in analysis.results}) == 1:
            return variant
        return f"{variant}: {'; '.join(labels)}" if variant else "; ".join(labels)
    return "; ".join(dict.fromkeys(r.job.label for r in results))


def _stops(analysis: Analysis) -> Iterable[Alarm]:
    """No convergence, engines that disagree, references that were missed."""
    failed = [r for r in analysis.results if not r.fit.attrs["converged"]]
    if failed:
        text = "NOT CONVERGED: the computation did not reach its standard; do not use these numbers."
        yield Alarm("stop", text, "; ".join(r.job.name for r in failed))
    apart = [
        r for r in analysis.results if r.crosscheck is not None and r.crosscheck["z"].abs().max() > LARGEST_Z
    ]
    if apart:
        text = f"THE TWO ENGINES DISAGREE by more than {LARGEST_Z:g} Monte Carlo standard errors."
        yield Alarm("stop", text, "; ".join(r.job.name for r in apart))
    missed = [check for check in analysis.references if not check.met]
    if missed:
        names = dict.fromkeys(f"{check.analysis}, {check.quantity}" for check in missed)
        yield Alarm(
            "stop", "REFERENCE NOT MET: pinned external values were not reproduced.", "; ".join(names)
        )


def _prior_answers(analysis: Analysis) -> Iterable[Alarm]:
    """Results whose mean effect is more prior than data: the loudest thing to say of a probability."""
    ruled = [r for r in analysis.results if r.mean_share >= DOMINATES or r.mean_overlap >= RULES]
    if ruled:
        overlaps = sorted(r.mean_overlap for r in ruled)
        ends = " to ".join(dict.fromkeys(share(overlap) for overlap in (overlaps[0], overlaps[-1])))
        text = (
            "THE PRIOR SETS THE ANSWER, not the data: the posterior of the mean is mostly its prior (overlap "
            f"of the two densities {ends}). Read its probabilities as statements of the prior."
        )
        yield Alarm("loud", text, places(analysis, ruled))


def _one_sided(analysis: Analysis) -> Iterable[Alarm]:
    """Counts whose likelihood has no peak: one end of the answer is the prior's alone."""
    reasons: dict[str, list[Result]] = {}
    for result in analysis.results:
        if not isinstance(result, OneEffect) or isinstance(result.evidence, Effects):
            continue
        nearest = list(result.frequentist.values())[-1]
        if not math.isfinite(nearest.estimate) and result.mean_share < DOMINATES:
            reasons.setdefault(why_undefined(nearest, result.evidence), []).append(result)
    for reason, results in reasons.items():
        text = f"THE PRIOR SETS ONE END OF THE ANSWER: the likelihood of these counts has no peak. {reason}"
        yield Alarm("loud", text, places(analysis, results))


def _priors(analysis: Analysis) -> Iterable[Alarm]:
    """Parameters whose posterior is mostly prior, one line a parameter."""
    names = dict.fromkeys(name for r in analysis.results for name in r.prior_share.index)
    for name in names:
        ruled = [r for r in analysis.results if r.prior_share.get(name, 0.0) >= DOMINATES]
        for only in (True, False):
            alike = [r for r in ruled if (name in only_prior(r.prior_share, r.prior_overlap)) == only]
            if alike:
                parts = sorted(float(r.prior_share[name]) for r in alike)
                ends = list(dict.fromkeys(share(part) for part in (parts[0], parts[-1])))
                text = prior_sentence(str(name), " to ".join(ends), only=only)
                yield Alarm("caution", text, places(analysis, alike))


def _notes(analysis: Analysis) -> Iterable[Alarm]:
    """Warnings, corrections and cautions of single analyses, equal ones together."""
    concerned: dict[str, list[Result]] = {}
    common = set(analysis.spec.file.cautions)
    for result in analysis.results:
        for note in dict.fromkeys(result.notes):
            if note not in common and note not in prior_notes(result.prior_share, result.prior_overlap):
                concerned.setdefault(note, []).append(result)
    for note, results in concerned.items():
        yield Alarm("caution", note, places(analysis, results))
