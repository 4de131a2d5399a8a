"""The posterior from some of the studies, all else as in the analysis of all of them.

Priors, options, visits and the centre and scale of moderators are those of the whole analysis: defaults that
follow the data would otherwise move with every study left out, and the parameters change their meaning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.frequentist import frequentist
from bayesma.engines.fit import make_setting
from bayesma.engines.tree import Setting
from bayesma.errors import DataWarning, OptionError, PriorError
from bayesma.evidence.effects import Effects
from bayesma.evidence.moderators import independent
from bayesma.evidence.subset import Mask, row_mask, studies_of, subset
from bayesma.evidence.trajectories import Trajectories
from bayesma.families.base import Arrays, Case, Options
from bayesma.posterior.numbers import tails
from bayesma.priors import Prior
from bayesma.sensitivity.cells import Posterior, engine_for, posterior_of, quantities
from bayesma.sensitivity.prior_sensitivity import SAMPLER, described
from bayesma.sensitivity.question import Ask, Question, question_of

OF_STUDIES = frozenset(
    {"study", "arm", "interval", "centre"}
)  # dimensions that studies leave with their rows
CLASSICAL = ("frequentist_estimate", "frequentist_ci_low", "frequentist_ci_high")
NORMAL_WIDTH = 2.0 * 1.959963984540054  # of a 95 % interval, in sds


@dataclass(frozen=True)
class Part(Setting):
    """Some of the studies of an analysis.

    Attributes
    ----------
    whole
        The analysis of all of them.
    keep
        True for the studies that stay, shape (k,).
    """

    whole: Setting
    keep: Mask

    @cached_property
    def case(self) -> Case:
        """The numbers of these studies; moderators are rows of those of all studies."""
        arrays: Arrays = dict(self.family.arrays(self.evidence, self._without_columns()))
        whole = self.whole.case.arrays
        for name in whole.keys() - arrays.keys():
            arrays[name] = self._rows(whole[name], self.family.dims(name)[0])
        return Case({name: arrays[name] for name in whole}, self.priors, self.options)

    @cached_property
    def coords(self) -> dict[str, NDArray[Any]]:
        """Labels; only those of studies and their rows are fewer."""
        labels = self.whole.coords
        return {dim: labels[dim] if dim not in OF_STUDIES else self._labels(dim) for dim in labels}

    def _rows(self, values: NDArray[Any], dim: str) -> NDArray[Any]:
        """The part of an array of the whole."""
        if dim not in OF_STUDIES:
            return values
        return values[self.keep if dim == "study" else row_mask(self.whole.evidence, self.keep)]

    def _labels(self, dim: str) -> NDArray[Any]:
        """Labels of these studies and of what belongs to them."""
        return self.family.coords(self.evidence, self._without_columns())[dim]

    def _without_columns(self) -> Options:
        """The options without the names of columns, which fewer studies would centre and scale anew."""
        known = self.family.options
        return {name: () if known[name].names else value for name, value in self.options.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """The analysis of all studies, and how its parts are solved.

    Attributes
    ----------
    setting
        Model, data and priors.
    asked
        The probability asked for, and the parameter whose estimate stands beside it.
    has_question
        Whether anything was asked.
    ends
        Probabilities of the ends of the intervals.
    engine, sampling
        As in `cells.Solver`.
    automatic
        Whether nobody asked for the engine.
    """

    setting: Setting
    asked: Question
    has_question: bool
    ends: tuple[float, float]
    engine: str
    sampling: Mapping[str, Any]
    automatic: bool

    @classmethod
    def read(
        cls,
        evidence: Any,
        *,
        question: Ask,
        favours: str | None,
        mid: float | None,
        family: str | None,
        priors: Mapping[str, str | Prior] | None,
        engine: str | None,
        random_seed: int | None,
        ci_prob: float,
        options: Mapping[str, Any],
    ) -> Whole:
        """Check everything before anything is computed; arguments of `leave_one_out`."""
        ends = tails(ci_prob)
        sampling = {name: value for name, value in options.items() if name in SAMPLER}
        own = {name: value for name, value in options.items() if name not in SAMPLER}
        setting = make_setting(evidence, family, priors, 0 if random_seed is None else random_seed, own)
        has_question = question is not None or favours is not None or mid is not None
        asked = question_of(setting, question, favours, mid) if has_question else _location(setting)
        if question is not None:
            _refuse_studies(setting, asked)
        return cls(
            setting, asked, has_question, ends, engine_for([setting], engine), sampling, engine is None
        )

    @property
    def studies(self) -> NDArray[np.str_]:
        """Labels of the studies, shape (k,)."""
        return studies_of(self.setting.evidence)

    def part(self, keep: Mask) -> Setting:
        """The setting of some studies."""
        whole = self.setting
        if keep.all():
            return whole
        evidence = subset(whole.evidence, keep)
        return Part(
            whole.family, evidence, whole.priors, whole.options, whole.defaults, whole.seed, whole, keep
        )

    def solve(self, keep: Mask, what: str) -> Posterior:
        """The posterior of some studies; `what` names the cut, for messages."""
        setting = self.part(keep)
        _warn_of_visits(setting.evidence, what)
        _warn_of_moderators(setting, what)
        try:
            setting.family.moments_below(setting.case)
            return posterior_of(setting, self._engine(setting), self.sampling)
        except PriorError as error:
            raise PriorError(f"{what}: {error}") from error

    def _engine(self, setting: Setting) -> str:
        """NUTS where fewer studies have no integral, as with a visit that none of them has."""
        if not (self.automatic and self.engine == "exact" and isinstance(setting.evidence, Trajectories)):
            return self.engine
        return engine_for([setting], None)

    def row(self, posterior: Posterior) -> dict[str, Any]:
        """The columns of one fit."""
        setting, asked = posterior.setting, self.asked
        names = {p.name for p in setting.family.hyper(setting.options)}
        mean, low, high = quantities(posterior, asked.parameter, self.ends, asked.element)
        found: dict[str, Any] = {"estimate": float(mean), "ci_low": float(low), "ci_high": float(high)}
        if "tau" in names:
            found["tau"] = float(quantities(posterior, "tau", self.ends)[0])
        if self.has_question:
            found["p_benefit"] = asked.ask(posterior)
        if asked.mid is not None:
            found["p_mid"] = asked.ask_mid(posterior)
        found |= {"k": int(setting.study.size), "converged": posterior.converged}
        return found | self._classical(setting)

    def _classical(self, setting: Setting) -> dict[str, float]:
        """The classical answer for the same studies, for effects without moderators, where it is quick."""
        evidence, options = setting.evidence, setting.options
        if not isinstance(evidence, Effects) or options.get("moderators"):
            return {}
        plain = "tau" not in setting.priors or evidence.k == 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            found = frequentist(evidence, method="EE", ci="wald") if plain else frequentist(evidence)
        return dict(zip(CLASSICAL, (found.estimate, found.ci_low, found.ci_high), strict=True))

    def attrs(self, full: Mapping[str, Any], favours: str | None, mid: float | None) -> dict[str, Any]:
        """What tables and figures need to know beside the numbers."""
        said = described(self.setting, self.asked, favours, mid, self.engine)
        return said | {
            "question": self.asked.words if self.has_question else None,
            "family": self.setting.family.name,
            "defaults": list(self.setting.defaults),
            "ci_prob": self.ends[1] - self.ends[0],
            "full": dict(full),
        }


def spread(posterior: Posterior, parameter: str, element: int = 0) -> float:
    """Posterior sd; where that does not exist, the sd of the normal with the same 95 % interval."""
    found = posterior.marginal(parameter)
    limits = posterior.setting.family.moments_below(posterior.setting.case)
    if limits.get(parameter, np.inf) > 2.0:
        return float(found.sd()[element])
    low, high = found.quantile([0.025, 0.975])[element]
    return float(high - low) / NORMAL_WIDTH


def check_something_stays(studies: Sequence[str] | NDArray[np.str_], question: str) -> None:
    """Refuse an analysis of one study, without which nothing is left.

    Raises
    ------
    OptionError
        For one study.
    """
    if len(studies) < 2:
        raise OptionError(
            f"{question} leaves studies out, and there is only {str(studies[0])!r}; it needs two studies. "
            "prior_sensitivity(evidence, ...) asks what the prior contributes to the answer of one study"
        )


def _location(setting: Setting) -> Question:
    """Nothing asked: the estimate is that of the first parameter, which must be one number."""
    location = setting.family.hyper(setting.options)[0]
    if location.dims:
        raise OptionError(
            f"this model has no single mean: {location.name} is one for each {' and '.join(location.dims)}; "
            f"say which with a question such as '{location.name}[...] < 0'"
        )
    return Question(location.name, location.name, 0, 0.0, above=False)


def _refuse_studies(setting: Setting, asked: Question) -> None:
    """Refuse a question about what belongs to a study.

    Raises
    ------
    OptionError
        When the study may be left out.
    """
    dims = {p.name: p.dims for p in setting.family.parameters(setting.options)}
    if OF_STUDIES & set(dims[asked.parameter]):
        raise OptionError(
            f"question {asked.words!r} is about one study, which may be left out; ask about a parameter that "
            "all studies share"
        )


def _warn_of_visits(evidence: Any, what: str) -> None:
    """Say where no study is left to have a visit.

    Warns
    -----
    DataWarning
        With the visits.
    """
    if not isinstance(evidence, Trajectories):
        return
    empty = evidence.visit[~np.isfinite(evidence.y).any(axis=0)]
    if empty.size:
        months = ", ".join(f"{month:g}" for month in empty)
        warnings.warn(
            f"{what}: no study is left with an estimate at month {months}; what is said of it comes from "
            "other months and the priors",
            DataWarning,
            stacklevel=4,
        )


def _warn_of_moderators(setting: Setting, what: str) -> None:
    """Say where the studies left cannot tell moderators apart, as without the only one of a category.

    Warns
    -----
    DataWarning
        With the moderators that are the same in all of them, if that is why.
    """
    columns = setting.case.arrays.get("moderators")
    if columns is None or independent(np.column_stack([np.ones(len(columns)), columns])):
        return
    alike = [str(label) for label in setting.coords["moderator"][np.ptp(columns, axis=0) == 0.0]]
    why = (
        f"{', '.join(alike)} is the same in all studies left" if alike else "moderators cannot be told apart"
    )
    warnings.warn(
        f"{what}: {why}; what is said of their coefficients comes from the priors", DataWarning, stacklevel=4
    )
