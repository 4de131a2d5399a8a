"""Question: at which prior does the conclusion flip?"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import brentq

from bayesma.engines.fit import make_setting
from bayesma.engines.tree import Setting
from bayesma.errors import ConvergenceWarning, OptionError
from bayesma.measures import MEASURES
from bayesma.posterior.numbers import is_number
from bayesma.priors import Prior
from bayesma.sensitivity.cells import Solver, check_fit, engine_for
from bayesma.sensitivity.prior_sensitivity import SAMPLER, changed
from bayesma.sensitivity.question import Ask, Question, question_of
from bayesma.sensitivity.sentences import tipping_sentence

MOVED = "?"  # the number of a prior that moves
POINTS = {"exact": 25, "nuts": 7}  # of the scan
CLOSE = {"exact": 1e-6, "nuts": 0.01}  # to which a crossing is followed, in parts of its place
WIDE = 20.0  # a path over more than this ratio is scanned evenly in its log


@dataclass(frozen=True, slots=True, eq=False)
class TippingPoint:
    """Where along a path of priors a probability crosses a decision threshold.

    Attributes
    ----------
    parameter, path
        Whose prior moves, and how: its text with ``?`` for the number.
    over
        The two ends of the path.
    threshold
        Of the probability.
    flips
        Numbers at which it is crossed, rising; empty when no prior on the path crosses it.
    at_base
        The probability under the priors of the analysis.
    curve
        The probability along the path: index the number.
    mcse
        Largest Monte Carlo standard error on the curve; 0 where all of it is by integration.
    base
        Priors of the analysis.
    question
        What was asked, in words.
    engine
        How it was computed.
    sentence
        All this in words that can be quoted.
    """

    parameter: str
    path: str
    over: tuple[float, float]
    threshold: float
    flips: tuple[float, ...]
    at_base: float
    curve: pd.Series
    mcse: float
    base: dict[str, str]
    question: str
    engine: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def tipping_point(
    evidence: Any,
    path: Mapping[str, str],
    *,
    over: tuple[float, float],
    favours: str | None = None,
    threshold: float = 0.95,
    mid: float | None = None,
    question: Ask = None,
    words: str | None = None,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    fit: xr.DataTree | None = None,
    own_fit: xr.DataTree | None = None,
    engine: str | None = None,
    random_seed: int | None = None,
    **options: Any,
) -> TippingPoint:
    """Where along a path of priors the probability of benefit crosses a threshold.

    The path is scanned, and every crossing followed by root-finding (Brent's method).

    Parameters
    ----------
    evidence
        As in `fit`.
    path
        One parameter and its prior with ``?`` for the number that moves: ``{"tau": "HalfNormal(?)"}`` for the
        scale of tau, ``{"mu": "Normal(0, ?)"}`` for the sd of a sceptical prior, ``{"mu": "Normal(?, 0.5)"}``
        for its centre, ``{"alpha": "Normal(?, 1)"}`` for the prior of baselines.
    over
        The two ends, rising.
    favours, mid, question
        As in `prior_sensitivity`; with `mid` the probability is that of at least the minimal important
        difference.
    threshold
        Of the probability, between 0 and 1.
    words
        What has the probability, for the sentence; from the question when not given.
    family, priors, fit, own_fit, engine, random_seed, **options
        As in `prior_sensitivity`. Under NUTS all fits share a seed, and crossings are followed to 1 %.

    Returns
    -------
    TippingPoint
        The crossings, the curve, and a sentence. That there is no crossing is an answer.

    Raises
    ------
    OptionError
        For a path without exactly one ``?``, ends that do not rise, and what `prior_sensitivity` refuses.
    PriorError
        When the text is no prior at an end of the path.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.4], [0.2, 0.2], ["A", "B"], measure="SMD")
    >>> found = bm.tipping_point(effects, {"tau": "HalfNormal(?)"}, over=(0.01, 2), favours="lower")
    >>> [round(value, 2) for value in found.flips]
    [0.5]
    >>> print(found)
    The probability of benefit falls below 95 % when the prior on the between-study standard deviation is \
HalfNormal(s) with scale s of 0.498 or more; under the priors of this analysis, HalfNormal(0.25), it is 98 %.
    """
    parameter, text = _checked_path(path)
    low, high = _checked_ends(over)
    if not (is_number(threshold) and 0.0 < threshold < 1.0):
        raise OptionError(f"threshold is {threshold!r}; it must lie between 0 and 1, for example 0.95")
    sampling = {name: options.pop(name) for name in SAMPLER if name in options}
    base = make_setting(evidence, family, priors, 0 if random_seed is None else random_seed, options)
    if parameter not in base.priors:
        raise OptionError(
            f"path names {parameter!r}, which has no prior in this model; it has: {', '.join(base.priors)}"
        )
    asked = question_of(base, question, favours, mid)
    ends = [changed(base, {parameter: at(text, value)}) for value in (low, high)]
    check_fit(fit, base)
    check_fit(own_fit, base)
    chosen = engine_for([base, *ends], engine)
    solve = Solver(chosen, sampling, base, fit, own_fit)
    chance = _Chance(solve, asked, parameter, text, at_mid=mid is not None)
    effort = "exact" if chosen == "exact" and fit is None else "nuts"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        at_base = chance.of(base)
        places = _places(low, high, POINTS[effort])
        curve = pd.Series([chance(value) for value in places], index=places, name="probability")
        curve.index.name = f"{parameter}: {text}"
        flips = _crossings(chance, curve, threshold, CLOSE[effort])
    _report(caught)
    mcse = float(np.sqrt(curve * (1.0 - curve) / chance.fewest).max())
    return TippingPoint(
        parameter=parameter,
        path=text,
        over=(low, high),
        threshold=threshold,
        flips=flips,
        at_base=at_base,
        curve=curve,
        mcse=mcse,
        base={name: str(prior) for name, prior in base.priors.items()},
        question=asked.words,
        engine=solve.words,
        sentence=tipping_sentence(
            _meaning(base, parameter),
            text,
            flips,
            curve,
            threshold,
            at_base,
            str(base.priors[parameter]),
            words or _what(asked, question, mid),
        ),
    )


def at(text: str, value: float) -> Prior:
    """The prior at one number of a path."""
    return Prior.parse(text.replace(MOVED, repr(float(value))))


class _Chance:
    """The probability asked for, at a number of the path; remembers what it has computed."""

    def __init__(
        self,
        solve: Solver,
        asked: Question,
        parameter: str,
        text: str,
        *,
        at_mid: bool,
    ) -> None:
        self._solve, self._asked, self._at_mid = solve, asked, at_mid
        self._parameter, self._text = parameter, text
        self._known: dict[float, float] = {}
        self.fewest = math.inf  # effective draws of the least precise fit

    def __call__(self, value: float) -> float:
        """At one number."""
        if value not in self._known:
            moved = changed(self._solve.base, {self._parameter: at(self._text, value)})
            self._known[value] = self.of(moved)
        return self._known[value]

    def of(self, setting: Setting) -> float:
        """Under the priors of a setting."""
        posterior = self._solve(setting)
        self.fewest = min(self.fewest, posterior.effective_draws)
        return self._asked.ask_mid(posterior) if self._at_mid else self._asked.ask(posterior)


def _places(low: float, high: float, points: int) -> list[float]:
    """Numbers of the scan, even, in their logs where the path is wide."""
    wide = low > 0.0 and high / low > WIDE
    return (np.geomspace if wide else np.linspace)(low, high, points).tolist()


def _crossings(
    chance: Callable[[float], float], curve: pd.Series, threshold: float, close: float
) -> tuple[float, ...]:
    """Every number at which the curve passes the threshold."""
    found = []
    values = list(zip(curve.index.tolist(), (curve - threshold).tolist(), strict=True))
    for (left, before), (right, after) in itertools.pairwise(values):
        if before * after < 0.0:
            size = max(abs(left), abs(right))
            found.append(float(brentq(lambda x: chance(x) - threshold, left, right, xtol=close * size)))
        elif before == 0.0:
            found.append(float(left))
    return tuple(found)


def _checked_path(path: Mapping[str, str]) -> tuple[str, str]:
    """Parameter and text."""
    if not isinstance(path, Mapping) or len(path) != 1:
        raise OptionError(f"path is {path!r}; give one parameter, as in {{'tau': 'HalfNormal(?)'}}")
    parameter, text = next(iter(path.items()))
    if not isinstance(text, str) or text.count(MOVED) != 1:
        raise OptionError(
            f"path of {parameter} is {text!r}; write its prior with one ? for the number that moves, as in "
            "'Normal(0, ?)'"
        )
    return parameter, text


def _checked_ends(over: tuple[float, float]) -> tuple[float, float]:
    """Two rising finite numbers."""
    ends = list(over) if isinstance(over, tuple | list) else []
    if len(ends) != 2 or not all(is_number(x) and math.isfinite(x) for x in ends) or not ends[0] < ends[1]:
        raise OptionError(f"over is {over!r}; give the two ends of the path, rising, as in (0.05, 2)")
    return float(ends[0]), float(ends[1])


def _meaning(setting: Setting, parameter: str) -> str:
    """What a parameter is, in words."""
    every = setting.family.with_priors(setting.options)
    meaning = next(p.meaning for p in every if p.name == parameter) or parameter
    measure = getattr(setting.evidence, "measure", "GEN")
    on_logs = measure in MEASURES and MEASURES[measure].scale == "log"
    meaning = meaning.partition(";")[0].removeprefix("the ")
    return f"{meaning} (log scale)" if on_logs and "log" not in meaning else meaning


def _what(asked: Question, question: Ask, mid: float | None) -> str:
    """What has the probability, in words."""
    if question is None:
        return "benefit" if mid is None else f"a benefit of at least {mid:g}"
    return f"{asked.words}" if mid is None else f"{asked.words} by at least {mid:g}"


def _report(caught: list[warnings.WarningMessage]) -> None:
    """Every message once; of fits that did not converge their number."""
    messages = {str(one.message): one for one in caught}
    failed = [one for one in messages.values() if issubclass(one.category, ConvergenceWarning)]
    for one in messages.values():
        if one not in failed:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if failed:
        warnings.warn(
            f"{len(failed)} fits along the path did not reach their accuracy, so that the crossing may be "
            f"off: {failed[0].message}",
            ConvergenceWarning,
            stacklevel=3,
        )
