"""Pinned external answers: does this analysis reproduce numbers that others computed?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import xarray as xr

from bayesma.classical.frequentist import frequentist
from bayesma.engines.fit import fit
from bayesma.errors import SpecError
from bayesma.evidence.effects import Effects
from bayesma.posterior.model_evidence import QUANTITIES
from bayesma.posterior.prob import prob
from bayesma.posterior.summary import summary
from bayesma.spec import ReferenceTable, Spec, matching

type Answers = tuple[xr.DataTree, Effects]

STATISTICS = ("mean", "sd", "median", "ci_low", "ci_high")
PATTERN = re.compile(r"(posterior|frequentist|effect)\.(.+)\.([A-Za-z0-9_]+)$")


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """One pinned number beside ours.

    Attributes
    ----------
    analysis, quantity, source
        What it is, and who computed it.
    expected, found, tolerance
        On the analysis scale; `tolerance` is absolute.
    """

    analysis: str
    quantity: str
    source: str
    expected: float
    found: float
    tolerance: float

    @property
    def met(self) -> bool:
        """Whether the difference is within the tolerance."""
        return abs(self.found - self.expected) <= self.tolerance


def check_references(spec: Spec, answers: Mapping[str, Answers]) -> tuple[ReferenceCheck, ...]:
    """Every reference of a spec beside the answer found.

    Posterior references are held to deterministic integration, whatever engine the analysis used: the pinned
    digits are finer than Monte Carlo error, and the cross-check says how far NUTS is from integration.

    A quantity is written ``posterior.mu.mean`` (or sd, median, ci_low, ci_high, p_below_0; any row of the
    summary, such as ``posterior.theta[A].mean``), ``posterior.model.log_evidence`` (exact engine),
    ``frequentist.REML+hksj.estimate`` (any attribute of `FrequentistFit`), or ``effect.<study>.y`` (or se).

    Raises
    ------
    SpecError
        When a quantity is written otherwise.
    """
    checks = []
    for reference in spec.file.reference:
        for job in matching(reference, spec.jobs):
            found = _find(reference, answers[job.name], spec.path.name)
            pinned = (reference.source, reference.value, found, reference.tolerance)
            checks.append(ReferenceCheck(job.name, reference.quantity, *pinned))
    return tuple(checks)


def _find(reference: ReferenceTable, answers: Answers, file: str) -> float:
    """Our value of a quantity."""
    parts = PATTERN.fullmatch(reference.quantity)
    if parts is None:
        raise SpecError(f"{file}: reference quantity {reference.quantity!r} is not of a known form")
    kind, subject, statistic = parts.groups()
    try:
        return _FINDERS[kind](answers, subject, statistic)
    except (KeyError, AttributeError, ValueError) as error:
        raise SpecError(
            f"{file}: reference quantity {reference.quantity!r} does not exist: {error}"
        ) from error


def _posterior(answers: Answers, subject: str, statistic: str) -> float:
    """A row of the summary, a probability, or the evidence."""
    tree = _deterministic(*answers)
    if statistic in QUANTITIES:
        return float(tree["exact"].attrs[statistic])
    if statistic == "p_below_0":
        return float(prob(tree, subject, below=0.0))  # type: ignore[arg-type]
    if statistic not in STATISTICS:
        raise KeyError(statistic)
    parameter = subject.split("[", maxsplit=1)[0]
    return float(summary(tree, parameters=[parameter])[statistic][subject])


def _deterministic(tree: xr.DataTree, effects: Effects) -> xr.DataTree:
    """The fit itself if it is exact, else the exact fit of the same model."""
    if tree.attrs["engine"] == "exact":
        return tree
    priors, options = json.loads(tree.attrs["priors"]), json.loads(tree.attrs["options"])
    return fit(effects, priors=priors, engine="exact", random_seed=tree.attrs["random_seed"], **options)


def _frequentist(answers: Answers, subject: str, statistic: str) -> float:
    """An attribute of a classical fit, written ``METHOD+ci``."""
    method, ci = subject.split("+")
    return float(getattr(frequentist(answers[1], method=method, ci=ci), statistic))


def _effect(answers: Answers, subject: str, statistic: str) -> float:
    """An estimate or standard error of one study."""
    effects = answers[1]
    return float(effects.to_frame().set_index("study")[statistic][subject])


_FINDERS: dict[str, Callable[[Answers, str, str], float]] = {
    "posterior": _posterior,
    "frequentist": _frequentist,
    "effect": _effect,
}
