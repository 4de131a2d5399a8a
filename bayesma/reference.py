"""Pinned external answers: does this analysis reproduce numbers that others computed?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import xarray as xr

from bayesma.classical.frequentist import frequentist
from bayesma.classical.glmm import glmm
from bayesma.classical.mantel_haenszel import mantel_haenszel
from bayesma.classical.multivariate import multivariate
from bayesma.classical.peto import peto
from bayesma.classical.result import FrequentistFit
from bayesma.engines.fit import fit
from bayesma.errors import BayesmaError, OptionError, SpecError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.trajectories import Trajectories
from bayesma.posterior.marginals import parameter_names
from bayesma.posterior.model_evidence import model_evidence
from bayesma.posterior.prob import prob
from bayesma.posterior.summary import summary
from bayesma.spec import QUANTITY, ReferenceTable, Spec, matching
from bayesma.spec.rows import Evidence

STATISTICS = ("mean", "sd", "median", "ci_low", "ci_high")
MANTEL_HAENSZEL = "MH "
BELOW_0 = "p_below_0"
MODEL = "model"


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


class _Answers:
    """One job's fit and data, with what is asked of them more than once."""

    def __init__(self, tree: xr.DataTree, evidence: Evidence) -> None:
        self.tree, self.evidence = tree, evidence
        self.rows: dict[str, pd.DataFrame] = {}

    @cached_property
    def exact(self) -> xr.DataTree:
        """The fit itself if it is exact, else the exact fit of the same model."""
        tree = self.tree
        if tree.attrs["engine"] == "exact":
            return tree
        priors, options = json.loads(tree.attrs["priors"]), json.loads(tree.attrs["options"])
        seed = tree.attrs["random_seed"]
        return fit(self.evidence, priors=priors, engine="exact", random_seed=seed, **options)

    def summary(self, parameter: str) -> pd.DataFrame:
        """Rows of one parameter."""
        _one_of(parameter, parameter_names(self.exact), "parameter")
        if parameter not in self.rows:
            self.rows[parameter] = summary(self.exact, parameters=parameter)
        return self.rows[parameter]


def check_references(
    spec: Spec, answers: Mapping[str, tuple[xr.DataTree, Evidence]]
) -> tuple[ReferenceCheck, ...]:
    """Every reference of a spec beside the answer found.

    Posterior references are held to deterministic integration, whatever engine the analysis used: the pinned
    digits are finer than Monte Carlo error, and the cross-check says how far NUTS is from integration.

    A quantity is written ``posterior.mu.mean`` (or sd, median, ci_low, ci_high, p_below_0; any row of the
    summary, such as ``posterior.theta[A].mean``), ``posterior.model.log_evidence`` (or a log Bayes factor),
    ``frequentist.REML+hksj.estimate`` (any number of `FrequentistFit`; for counts ``MH OR+wald``,
    ``Peto+wald``, ``UM.FS+wald`` or another mixed model; over several visits the covariance stands in the
    place of the interval, ``REML+har.m[6]``, with the numbers of `MultivariateFit.to_series`), or
    ``effect.<study>.y`` (or se, or a count; over several visits the label is ``<study> <month>``).

    Raises
    ------
    SpecError
        When a quantity does not exist in these answers.
    """
    checks = []
    asked = {name: _Answers(*answer) for name, answer in answers.items()}
    for reference in spec.file.reference:
        for job in matching(reference, spec.jobs):
            found = _find(reference, asked[job.name], spec.path.name)
            pinned = (reference.source, reference.value, found, reference.tolerance)
            checks.append(ReferenceCheck(job.name, reference.quantity, *pinned))
    return tuple(checks)


def _find(reference: ReferenceTable, answers: _Answers, file: str) -> float:
    """Our value of a quantity."""
    parts = QUANTITY.fullmatch(reference.quantity)
    assert parts is not None, "the file was validated"
    kind, subject, statistic = parts.groups()
    try:
        return _FINDERS[kind](answers, subject, statistic)
    except BayesmaError as error:
        raise SpecError(f"{file}: reference quantity {reference.quantity!r}: {error}") from error


def _one_of(name: str, known: Iterable[str], kind: str) -> str:
    """The name, if it is known."""
    if name not in known:
        raise OptionError(f"there is no {kind} {name!r}; there are: {', '.join(known)}")
    return name


def _posterior(answers: _Answers, subject: str, statistic: str) -> float:
    """A row of the summary, a probability, or the evidence."""
    if subject == MODEL:
        evidence = model_evidence(answers.exact)
        return float(evidence[_one_of(statistic, evidence.index, "quantity of the model")])
    parameter = subject.partition("[")[0]
    rows = answers.summary(parameter)
    _one_of(subject, rows.index, "row of the summary")
    if _one_of(statistic, (*STATISTICS, BELOW_0), "statistic") != BELOW_0:
        return float(rows[statistic][subject])
    below = prob(answers.exact, parameter, below=0.0)
    return float(below.iloc[list(rows.index).index(subject)] if isinstance(below, pd.Series) else below)


def _frequentist(answers: _Answers, subject: str, statistic: str) -> float:
    """A number of a classical fit, written ``METHOD+ci``."""
    method, plus, ci = subject.partition("+")
    if not plus:
        raise OptionError(f"{subject!r} names no interval; write the method and the interval, as in DL+wald")
    evidence = answers.evidence
    if isinstance(evidence, FollowUp):
        raise OptionError("relapses have no frequentist answer to hold them to")
    if isinstance(evidence, Trajectories):
        numbers = multivariate(evidence, method=method, between=ci).to_series()
    else:
        numbers = _classical(evidence, method, ci).to_series()
    return float(numbers[_one_of(statistic, numbers.index, "number of a frequentist fit")])


def _classical(evidence: Effects | TwoArmCounts | ArmCounts, method: str, ci: str) -> FrequentistFit:
    """The classical answer of a name: for counts ``MH OR``, ``MH RR``, ``MH RD``, ``Peto``, or a GLMM."""
    if isinstance(evidence, Effects):
        return frequentist(evidence, method=method, ci=ci)
    _one_of(ci, ("wald",), "interval of counts")
    if isinstance(evidence, TwoArmCounts) and method == "Peto":
        return peto(evidence)
    if isinstance(evidence, TwoArmCounts) and method.startswith(MANTEL_HAENSZEL):
        return mantel_haenszel(evidence, method.removeprefix(MANTEL_HAENSZEL))
    return glmm(evidence, method)


def _effect(answers: _Answers, subject: str, statistic: str) -> float:
    """A number of one study."""
    studies = answers.evidence.to_frame()
    labels = studies["study"]
    if isinstance(answers.evidence, FollowUp):
        labels = pd.Series(answers.evidence.label)
    elif "month" in studies:  # several rows are one study
        labels = labels + " " + studies["month"].map("{:g}".format)
    studies = studies.drop(columns="study").set_index(labels)
    _one_of(subject, studies.index, "study")
    return float(studies[_one_of(statistic, studies.columns, "number of a study")][subject])


_FINDERS: dict[str, Callable[[_Answers, str, str], float]] = {
    "posterior": _posterior,
    "frequentist": _frequentist,
    "effect": _effect,
}
