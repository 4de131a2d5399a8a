"""What is asked of every posterior in a sensitivity analysis: one probability, with its words."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import logit

from bayesma.engines.tree import Setting
from bayesma.errors import OptionError
from bayesma.families.base import Parameter
from bayesma.measures import MEASURES
from bayesma.posterior.benefit import check_asked
from bayesma.posterior.marginals import label_text, probability_error
from bayesma.sensitivity.cells import Posterior

type Ask = str | Callable[[xr.DataTree], float] | None

WRITTEN = re.compile(r"\s*(\w+)\s*(?:\[(.+)\])?\s*([<>])\s*([-+0-9.eE]+)\s*")
PROPORTION = ("proportion", "risk")  # of single arms, on its own scale, and what it may be called
SIDES = {"lower": "<", "higher": ">"}  # of a threshold on which benefit lies
UNNAMED = "what was asked"  # words of a function that has none
HOW = "write it like 'mu < 0', 'm[6] < -0.5', 'proportion > 0.5' or 'tau > 1', or give a function of the fit"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One probability.

    Attributes
    ----------
    words
        As it is printed, for example ``mu < 0``.
    parameter, element
        The parameter whose estimate stands beside it, and the number of its element.
    threshold, above
        Where asked of this parameter.
    function
        A fit to the probability, where asked otherwise.
    mid
        Threshold of the minimal important difference; None without one.
    """

    words: str
    parameter: str
    element: int
    threshold: float
    above: bool
    function: Callable[[xr.DataTree], float] | None = None
    mid: float | None = None

    def ask(self, posterior: Posterior) -> float:
        """The probability."""
        if self.function is not None:
            return float(self.function(posterior.tree()))
        return self._beyond(posterior, self.threshold)

    def ask_mid(self, posterior: Posterior) -> float:
        """The probability of at least the minimal important difference; NaN without one."""
        return float("nan") if self.mid is None else self._beyond(posterior, self.mid)

    def errors(self, posterior: Posterior) -> dict[str, float]:
        """Monte Carlo standard errors of both probabilities; NaN for that of a function."""
        found = posterior.marginal(self.parameter)
        known = [math.nan if self.function is not None else self.threshold]
        known.append(math.nan if self.mid is None else self.mid)
        of = (
            math.nan if math.isnan(at) else probability_error(found, at, above=self.above)[self.element]
            for at in known
        )
        return dict(zip(("p_benefit", "p_mid"), map(float, of), strict=True))

    def _beyond(self, posterior: Posterior, threshold: float) -> float:
        """Of the parameter."""
        chances = posterior.marginal(self.parameter).probability(threshold, above=self.above)
        return float(chances[self.element])


def question_of(setting: Setting, question: Ask, favours: str | None, mid: float | None) -> Question:
    """What is asked, checked against the model.

    Parameters
    ----------
    setting
        The model.
    question
        Text, a function of the fit, or None for benefit: the mean effect on the side that `favours` names.
    favours, mid
        As in `benefit`.

    Raises
    ------
    OptionError
        For a question the model cannot answer, and for none without `favours`; for `mid` beside a function
        or a proportion, which it cannot be added to, and beside a question about the side that `favours` does
        not name.
    """
    if favours is not None or mid is not None:
        check_asked(favours, mid)
    location = setting.family.hyper(setting.options)[0]
    if callable(question):
        words = _words(question)
        _refuse_mid(
            mid, f"question is a function ({words})", "a function has no threshold that it could be added to"
        )
        return Question(words, location.name, 0, 0.0, above=False, function=question)
    if question is not None:
        return _written(setting, question, favours, mid)
    if favours is None:
        raise OptionError(f"nothing is asked: give favours='lower' or 'higher', or a question; {HOW}")
    measure = MEASURES[setting.evidence.measure]
    if measure.null is None or not measure.controlled:
        lacking = "null value" if measure.null is None else "control"
        raise OptionError(
            f"a {measure.name} has no {lacking}, so there is no benefit to ask for; give a question; {HOW}"
        )
    null = measure.null
    if location.dims or location.name != "mu":
        one = f"; {location.name} is one for each {' and '.join(location.dims)}" if location.dims else ""
        raise OptionError(f"this model has no single mean effect mu{one}; give a question; {HOW}")
    up = favours == "higher"
    beyond = None if mid is None else null + (mid if up else -mid)
    return Question(f"mu {'>' if up else '<'} {null:g}", "mu", 0, float(null), above=up, mid=beyond)


def _words(question: Callable[[xr.DataTree], float]) -> str:
    """The first line of a function's docstring; else its name, which a lambda has not."""
    name = str(getattr(question, "__name__", UNNAMED)).replace("<lambda>", UNNAMED)
    return str(question.__doc__ or name).strip().splitlines()[0].rstrip(".")


def _refuse_mid(mid: float | None, given: str, why: str) -> None:
    """Refuse a difference that matters where there is nothing it could be counted from."""
    if mid is not None:
        raise OptionError(
            f"mid is {mid!r} and {given}: {why}; leave mid out and ask for the difference that matters "
            "in the question itself, or leave the question out and give favours and mid"
        )


def _written(setting: Setting, question: str, favours: str | None, mid: float | None) -> Question:
    """From text."""
    found = WRITTEN.fullmatch(question) if isinstance(question, str) else None
    if found is None:
        raise OptionError(f"question {question!r} is not understood; {HOW}")
    name, label, sign, number = found.groups()
    parameters = {p.name: p for p in setting.family.parameters(setting.options)}
    if name in PROPORTION and getattr(setting.evidence, "measure", "") == "PLO":
        _refuse_mid(mid, f"question {question!r}", "mid is on the scale of log odds, and a proportion is not")
        return _of_proportion(setting, sign, number, question)
    if name not in parameters:
        raise OptionError(
            f"question {question!r} names {name!r}, which this model has not; it has: {', '.join(parameters)}"
        )
    try:
        threshold = float(number)
    except ValueError as error:
        raise OptionError(f"question {question!r}: {number!r} is not a number; {HOW}") from error
    above = sign == ">"
    beyond = None
    if mid is not None and favours is not None:
        if sign != SIDES[favours]:
            _refuse_mid(mid, f"question {question!r}", f"mid is counted to the side of favours={favours!r}")
        beyond = threshold + (mid if above else -mid)
    element = _element(setting, parameters[name], label, question)
    return Question(question.strip(), name, element, threshold, above=above, mid=beyond)


def _of_proportion(setting: Setting, sign: str, number: str, question: str) -> Question:
    """The proportion of single arms: the median over settings, or the mean of a beta-binomial model."""
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0.0 < value < 1.0:
        raise OptionError(
            f"question {question!r}: a proportion lies between 0 and 1, and {number!r} does not"
        )
    location = setting.family.hyper(setting.options)[0]
    on_line = location.upper != 1.0
    side = "above" if sign == ">" else "below"
    event = getattr(setting.evidence, "event", None)
    named = f" ({event})" if event else ""
    return Question(
        f"a {'median' if on_line else 'mean'} proportion{named} {side} {value:g}",
        location.name,
        0,
        float(logit(value)) if on_line else value,
        above=sign == ">",
    )


def _element(setting: Setting, parameter: Parameter, label: str | None, question: str) -> int:
    """Number of an element, by its label as `summary` prints it."""
    if not parameter.dims:
        if label is not None:
            raise OptionError(f"question {question!r}: {parameter.name} is one number; leave [{label}] out")
        return 0
    coords = setting.coords
    cells = itertools.product(*(np.asarray(coords[dim]).tolist() for dim in parameter.dims))
    labels = [", ".join(label_text(part) for part in cell) for cell in cells]
    if label is None or label.strip() not in labels:
        what = "needs one of" if label is None else f"has no {label!r}; it has"
        shown = ", ".join(f"{parameter.name}[{one}]" for one in labels[:12])
        raise OptionError(f"question {question!r}: {parameter.name} {what}: {shown}")
    return labels.index(label.strip())
