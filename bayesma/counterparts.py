"""Which frequentist answers belong beside a model?"""

from __future__ import annotations

import math

from bayesma.classical.frequentist import frequentist
from bayesma.classical.glmm import glmm
from bayesma.classical.mantel_haenszel import mantel_haenszel
from bayesma.classical.peto import peto
from bayesma.classical.result import FrequentistFit
from bayesma.evidence.counts import ArmCounts
from bayesma.evidence.effects import Effects
from bayesma.families.base import Options
from bayesma.spec.rows import Evidence

COMMON, DL, REML = "common effect, Wald", "DerSimonian-Laird, Wald", "REML, Knapp-Hartung"
MANTEL_HAENSZEL, PETO = "Mantel-Haenszel", "Peto"
GLMM = {"fixed": "UM.FS", "random": "UM.RS", "correlated": "UM.RS", "conditional": "CM.EL"}


def counterparts(evidence: Evidence, options: Options) -> dict[str, FrequentistFit]:
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
        return _of_effects(evidence, single=single)
    several = not single and evidence.k > 1
    if isinstance(evidence, ArmCounts):
        return {"GLMM, logit-normal": glmm(evidence, random_effects=several)}
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


def _of_effects(effects: Effects, *, single: bool) -> dict[str, FrequentistFit]:
    """Inverse variance; random effects where there is heterogeneity to estimate."""
    answers = {COMMON: frequentist(effects, method="EE", ci="wald")}
    if not single and effects.k > 1:
        answers[DL] = frequentist(effects, method="DL", ci="wald")
        answers[REML] = frequentist(effects, method="REML", ci="hksj")
    return answers
