"""Do specs of counts load, and are their mistakes one sentence?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bayesma.errors import SpecError
from bayesma.spec import Spec
from bayesma.spec.rows import evidence_of

type Load = Callable[[str], Spec]

TWO_ARMS = """schema = 1
title = "Catheters"
data = "nielweise2007"
[effects]
study = ["author", "year"]
columns = { events_treat = "ai", n_treat = "n1i", events_ctrl = "ci", n_ctrl = "n2i" }
favours = "lower"
"""
SINGLE = """schema = 1
title = "Aneurysms"
data = "pritz1997"
[effects]
study = "authors"
columns = { events = "xi", n = "ni" }
"""
BINOMIAL, PROPORTION = '[model]\nfamily = "binomial"\n', '[model]\nfamily = "proportion"\n'


def test_two_arms(load: Load) -> None:
    (job,) = load(
        TWO_ARMS + BINOMIAL + 'baseline = "conditional"\nrandom_effects = "student_t"\nnu = 3\n'
    ).jobs
    assert job.effects.measure == "OR"
    assert job.model.options() == {"baseline": "conditional", "random_effects": "student_t", "nu": 3}
    evidence = evidence_of(job)
    assert evidence.measure == "OR"
    assert evidence.k == 18


def test_single_arms(load: Load) -> None:
    (job,) = load(SINGLE + PROPORTION + "[questions]\nabove = [0.5, 0.8]\n").jobs
    assert job.effects.measure == "PLO"
    assert job.questions.above == [0.5, 0.8]
    assert evidence_of(job).k == 14


def test_priors_of_baselines_are_known(load: Load) -> None:
    (job,) = load(TWO_ARMS + BINOMIAL + 'priors = { alpha = "Normal(0, 5)" }\n').jobs
    assert job.model.priors == {"alpha": "Normal(0, 5)"}


def test_a_variant_may_have_another_family(load: Load) -> None:
    text = TWO_ARMS + 'measure = "OR"\n' + BINOMIAL
    text += '[[variant]]\nname = "counts"\nlabel = "counts"\n'
    text += '[[variant]]\nname = "corrected"\nlabel = "1/2 added"\nmodel = { family = "normal" }\n'
    counts, corrected = load(text).jobs
    assert type(evidence_of(counts)).__name__ == "TwoArmCounts"
    assert type(evidence_of(corrected)).__name__ == "Effects"


MISTAKES = {
    "another measure": (
        TWO_ARMS + 'measure = "RR"\n' + BINOMIAL,
        "[effects]: key 'measure' is 'RR'; give 'OR'",
    ),
    "role misspelled": (
        TWO_ARMS.replace("n_ctrl =", "m_ctrl =") + BINOMIAL,
        "[effects]: OR has no role or option 'm_ctrl'; did you mean n_ctrl?",
    ),
    "an estimate": (
        SINGLE.replace("xi", "x").replace("events =", "estimate =") + PROPORTION,
        "[effects]: estimate does not go with n",
    ),
    "an option of estimates": (
        TWO_ARMS + "correction = 0.5\n" + BINOMIAL,
        "[effects]: unknown key 'correction'",
    ),
    "a direction of single arms": (
        SINGLE + 'favours = "lower"\n' + PROPORTION,
        "[effects]: key 'favours' compares two arms, and these are single arms; leave it out",
    ),
    "a mid of single arms": (
        SINGLE + PROPORTION + "[questions]\nmid = 0.1\n",
        "[questions]: mid is a difference between arms, and these are single arms; ask above or below",
    ),
    "a rate of two arms": (
        TWO_ARMS + BINOMIAL + "[questions]\nabove = [0.05]\n",
        "[questions]: above asks for proportions in single arms; write [[questions.probabilities]]",
    ),
    "a rate in per cent": (
        SINGLE + PROPORTION + "[questions]\nabove = [5]\n",
        "[questions]: key 'above.0' is 5; give a number below 1",
    ),
    "nu without Student": (
        TWO_ARMS + BINOMIAL + "nu = 4\n",
        "[model]: option nu of family 'binomial' goes with random_effects='student_t'",
    ),
    "nu below 0": (
        TWO_ARMS + BINOMIAL + "random_effects = 'student_t'\nnu = -1\n",
        "[model]: option nu of family 'binomial' is -1; it must be a finite number above 0",
    ),
    "baseline unknown": (
        TWO_ARMS + BINOMIAL + "baseline = 'none'\n",
        "[model]: option baseline of family 'binomial' is 'none'; it must be one of 'fixed', 'random'",
    ),
    "prior of a conditional baseline": (
        TWO_ARMS + BINOMIAL + "baseline = 'conditional'\npriors = { alpha = 'Normal(0, 5)' }\n",
        "[model]: priors names 'alpha', which this model has not; its parameters are: mu, tau",
    ),
    "a baseline risk of single arms": (
        SINGLE + PROPORTION + "[questions]\nbaseline = 0.1\n",
        "[questions]: baseline is the control risk behind an odds ratio or risk ratio; leave it out",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_sentence(case: str, load: Load) -> None:
    text, message = MISTAKES[case]
    with pytest.raises(SpecError) as raised:
        load(text)
    assert str(raised.value).startswith(f"x.toml, {message}")
    assert "\n" not in str(raised.value)
