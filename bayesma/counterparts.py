"""Which frequentist answers belong beside a model?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd

from bayesma.classical.frequentist import frequentist
from bayesma.classical.glmm import glmm
from bayesma.classical.mantel_haenszel import mantel_haenszel
from bayesma.classical.multivariate import MultivariateFit, multivariate
from bayesma.classical.per_visit import per_visit
from bayesma.classical.peto import peto
from bayesma.classical.result import FrequentistFit
from bayesma.errors import DataError, OptionError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.trajectories import Trajectories
from bayesma.families.base import Options
from bayesma.measures.approximation import log_odds_ratios
from bayesma.spec.rows import Evidence

COMMON, DL, REML = "common effect, Wald", "DerSimonian-Laird, Wald", "REML, Knapp-Hartung"
MANTEL_HAENSZEL, PETO = "Mantel-Haenszel", "Peto"
GLMM = {"fixed": "UM.FS", "random": "UM.RS", "correlated": "UM.RS", "conditional": "CM.EL"}
STRUCTURES = {"diagonal": "independent visits", "cs": "compound symmetry", "har": "HAR(1)", "ou": "OU"}
ALONE = "each month by itself, REML"
SHAPES = ("visit", "linear")  # of the mean, with a classical answer


@dataclass(frozen=True, slots=True, eq=False)
class OverVisits:
    """The classical answers over several visits.

    Attributes
    ----------
    joint
        Multivariate REML, all visits together; None where it is not defined.
    reason
        Why it is not; empty where it is.
    each
        Every visit pooled by itself, index visit.
    free
        Whether the joint answer has a mean at every visit where the model has a curve.
    """

    joint: MultivariateFit | None
    reason: str
    each: pd.DataFrame
    free: bool = False

    @property
    def label(self) -> str:
        """Name of the answer shown first."""
        if self.joint is None:
            return ALONE
        means = ", a mean at every visit" if self.free else ""
        return f"multivariate REML, {STRUCTURES[self.joint.between]}{means}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be read with them."""
        return (self.reason,) if self.joint is None else self.joint.notes

    @property
    def methods(self) -> tuple[tuple[str, str], ...]:
        """Method and interval of each."""
        single = self.each["k"] == 1
        found = [] if self.joint is None else [("multivariate", "wald")]
        found += [("REML", "hksj")] * (not single.all()) + [("EE", "wald")] * bool(single.any())
        return tuple(found)

    def at_visits(self) -> pd.DataFrame:
        """Estimate, ci_low, ci_high and p_value at every visit: the joint answer, or else each by itself."""
        columns = ["estimate", "ci_low", "ci_high", "p_value"]
        if self.joint is None:
            return self.each[columns]
        if self.joint.trajectory == "visit":
            return self.joint.table[columns].iloc[: len(self.each)].set_axis(self.each.index)
        centre = [0.0] * (len(self.joint.table) - 2)  # of the moderators
        rows = [self.joint.contrast([1.0, month, *centre]) for month in self.each.index]
        return pd.DataFrame(rows)[columns].set_axis(self.each.index)


def over_visits(trajectories: Trajectories, options: Options) -> OverVisits:
    """Classical answers with the covariance and, where there is one, the mean of the model."""
    shape = options["trajectory"] if options["trajectory"] in SHAPES else "visit"
    if options["between"] not in STRUCTURES:
        reason = (
            f"multivariate REML here has no {options['between']} covariance; diagonal, cs, har and ou it has"
        )
        return OverVisits(None, f"No joint classical answer: {reason}.", _each(trajectories))
    each = _each(trajectories)
    try:
        joint = multivariate(
            trajectories,
            between=options["between"],
            trajectory=shape,
            moderators=options["moderators"],
            slope_moderators=options["slope_moderators"],
        )
    except OptionError as refusal:  # said beside the result
        return OverVisits(None, f"No joint classical answer: {refusal}.", each)
    return OverVisits(joint, "", each, free=shape != options["trajectory"])


def _each(trajectories: Trajectories) -> pd.DataFrame:
    """Every visit by itself; of one study its own Wald interval."""
    each = per_visit(trajectories)
    each[each["k"] == 1] = per_visit(trajectories, ci="wald")
    return each


def counterparts(evidence: Effects | TwoArmCounts | ArmCounts, options: Options) -> dict[str, FrequentistFit]:
    """Frequentist answers by label, the one nearest to the model last.

    Parameters
    ----------
    evidence
        What was analysed.
    options
        Of the family: a common effect has a common effect beside it, a model of baselines the mixed model
        with baselines of that kind.
    """
    single = options.get("random_effects") == "none"
    if isinstance(evidence, Effects):
        moderators = options.get("moderators") or ()
        if moderators:
            return _of_regression(evidence, list(moderators), options["moderator_unit"], single=single)
        return _of_effects(evidence, single=single)
    several = not single and evidence.k > 1
    if isinstance(evidence, ArmCounts):
        return {"GLMM, logit-normal": glmm(evidence, random_effects=several)}
    if moderators := options.get("moderators"):
        return _of_regression(
            log_odds_ratios(evidence), list(moderators), options["moderator_unit"], single=single
        )
    model = GLMM[options.get("baseline", "fixed")]
    return {
        MANTEL_HAENSZEL: mantel_haenszel(evidence),
        PETO: peto(evidence),
        f"GLMM, {model}": glmm(evidence, model, random_effects=several),
    }


def defined(answer: FrequentistFit) -> bool:
    """Whether there is a number with an interval."""
    return math.isfinite(answer.estimate) and math.isfinite(answer.ci_high - answer.ci_low)


def nearest(answers: dict[str, FrequentistFit]) -> tuple[str, FrequentistFit]:
    """The last answer that is defined; the last one when none is."""
    labels = list(answers)
    label = next((one for one in reversed(labels) if defined(answers[one])), labels[-1])
    return label, answers[label]


def why_undefined(answer: FrequentistFit, evidence: Evidence) -> str:
    """The reasons a method gives for having no answer, in its own words."""
    return " ".join(note for note in answer.notes if note not in evidence.notes)


def _of_regression(
    effects: Effects, moderators: list[str], unit: str, *, single: bool
) -> dict[str, FrequentistFit]:
    """The same at the moderators' centre, by meta-regression; without them where studies are too few."""
    try:
        answers: dict[str, FrequentistFit] = {
            COMMON: frequentist(effects, method="EE", ci="wald", moderators=moderators, unit=unit)
        }
        if not single:
            answers[REML] = frequentist(effects, method="REML", ci="hksj", moderators=moderators, unit=unit)
    except (DataError, OptionError) as refusal:  # said beside the result
        alone = _of_effects(effects, single=single)
        said = f"No classical meta-regression, this is without moderators: {refusal}."
        return {label: replace(answer, notes=(*answer.notes, said)) for label, answer in alone.items()}
    return answers


def _of_effects(effects: Effects, *, single: bool) -> dict[str, FrequentistFit]:
    """Inverse variance; random effects where there is heterogeneity to estimate."""
    answers = {COMMON: frequentist(effects, method="EE", ci="wald")}
    if not single and effects.k > 1:
        answers[DL] = frequentist(effects, method="DL", ci="wald")
        answers[REML] = frequentist(effects, method="REML", ci="hksj")
    return answers
