"""The contract of a family: a statistical model written down once, for every engine and every question."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bayesma.errors import OptionError, PriorError
from bayesma.families.conditionals import Conditional
from bayesma.priors import Prior
from bayesma.registry import Registry

if TYPE_CHECKING:
    from bayesma.families.effect_mixtures import Mixture
    from bayesma.families.effects import RisksOverSettings
    from bayesma.families.settings import Settings

type Array = NDArray[np.float64]
type Arrays = dict[str, Array]
type Options = dict[str, Any]
type Priors = dict[str, Prior]
PRIOR = "prior"  # as an option's value: a number of the model is a parameter, with a prior of its own
LOG_LIKELIHOOD = "log_likelihood"  # the name by which `complete` may give it
type Role = Literal["hyper", "effect", "new", "baseline", "baseline_new"]


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword of `fit` that a family understands.

    Attributes
    ----------
    allowed
        Its possible values; empty for a number, and for a list of numbers or names.
    default
        The one used when nothing is said; an empty tuple for a list that then follows from the evidence.
    meaning
        One line for documentation and messages.
    names
        Whether it is a list of names, of columns for example.
    estimable
        Whether a number may be a parameter instead, under a prior of its own.
    above, below
        Between which a number must lie, itself neither of them.
    """

    allowed: tuple[str, ...]
    default: str | float | tuple[float, ...] | tuple[str, ...]
    meaning: str
    names: bool = False
    estimable: bool = False
    above: float = 0.0
    below: float = math.inf

    @property
    def choices(self) -> tuple[Any, ...]:
        """Values that between them show every parameter a model can have."""
        if self.names:
            return (), ("",)
        return self.allowed or ((self.default, PRIOR) if self.estimable else (self.default,))

    @property
    def several(self) -> bool:
        """Whether it takes a list."""
        return isinstance(self.default, tuple)

    def value(self, given: Any) -> Any:
        """A value without a problem, as options hold it: a list as a tuple, one name as a list of it."""
        if self.several:
            named = (given,) if isinstance(given, str) else tuple(given)
            return named if self.names else tuple(float(number) for number in given)
        return given

    @property
    def takes(self) -> str:
        """What it may be, in words."""
        if self.names:
            return "a name or a list of names"
        if self.allowed:
            return f"one of {', '.join(repr(v) for v in self.allowed)}"
        if self.several:
            return "a list of rising finite numbers above 0"
        number = (
            f"a finite number above {self.above:g}"
            if math.isinf(self.below)
            else f"a number above {self.above:g} and below {self.below:g}"
        )
        return f"{number}, or {PRIOR!r}" if self.estimable else number

    def problem(self, value: object) -> str | None:
        """What is wrong with a value, as the end of a sentence; None when nothing is."""
        return None if self._accepts(value) else f"it must be {self.takes}"

    def _accepts(self, value: object) -> bool:
        """Whether it may be this."""
        if self.allowed:
            return value in self.allowed
        if not self.several:
            return (self.estimable and value == PRIOR) or _between(value, self.above, self.below)
        if self.names and isinstance(value, str):
            return bool(value)
        if not isinstance(value, list | tuple | np.ndarray):
            return False
        if self.names:
            return all(isinstance(one, str) and one for one in value)
        return all(map(_between, value)) and all(a < b for a, b in itertools.pairwise(value))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A quantity of the model that users address by name.

    Attributes
    ----------
    name
        The one spelling used in priors, summaries, groups of the tree and documentation.
    role
        ``"hyper"`` is common to all studies and has a prior; ``"effect"`` is a study's effect and ``"new"``
        that of a new study; ``"baseline"`` and ``"baseline_new"`` are what the effects are measured from.
    dims
        Dimensions beyond chain and draw.
    lower
        0 for a scale parameter, else minus infinity.
    meaning
        One line for reports.
    upper
        1 for a correlation or a probability, else infinity.
    has_prior
        Whether a baseline of each study has a prior of its own, the same for all; hyper-parameters do.
    standard
        Of a standardised deviate its prior, which is part of the model and nobody's opinion; else None.
    """

    name: str
    role: Role
    dims: tuple[str, ...] = ()
    lower: float = -math.inf
    meaning: str = ""
    upper: float = math.inf
    has_prior: bool = False
    standard: Prior | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One model with its numbers: what a family computes with.

    Attributes
    ----------
    arrays
        The numbers that enter the likelihood, by name.
    priors, options
        Checked.
    memo
        What the family has computed from these and may need again; lives as long as the case.
    """

    arrays: Arrays
    priors: Priors
    options: Options
    memo: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Silent:
    """Studies in which every patient had the same outcome, and how to find out what they do to an answer.

    Attributes
    ----------
    studies
        Each with its counts in words.
    mask
        Which of the studies they are, shape (k,).
    options
        Options of the family under whose likelihood they say nothing of the effect, exactly.
    named
        That likelihood in words.
    nothing
        Whether the others say nothing of the effect either.
    separable
        Whether an integral without them is of the same effect.
    words
        What they contribute, where that needs no computing; else empty.
    """

    studies: tuple[str, ...]
    mask: NDArray[np.bool_]
    options: Options
    named: str = ""
    nothing: bool = False
    separable: bool = True
    words: str = ""


class Family[Evidence](ABC):
    """One model. Arrays carry draws first, then named dimensions: ``mu`` (s,), ``theta`` (s, k)."""

    name: ClassVar[str]
    title: ClassVar[str]
    options: ClassVar[Mapping[str, Option]]
    evidence_type: ClassVar[type]

    # what the model consists of

    @abstractmethod
    def parameters(self, options: Options) -> tuple[Parameter, ...]:
        """Parameters of the model with these options, hyper-parameters first."""

    @abstractmethod
    def default_priors(self, evidence: Evidence, options: Options) -> Priors:
        """Default prior of every parameter that has one."""

    @abstractmethod
    def arrays(self, evidence: Evidence, options: Options) -> Arrays:
        """The numbers that enter the likelihood, by name."""

    @abstractmethod
    def coords(self, evidence: Evidence, options: Options) -> dict[str, NDArray[Any]]:
        """Labels of the dimensions, for example ``study``."""

    @abstractmethod
    def crude(self, arrays: Arrays) -> tuple[Array, Array]:
        """Estimate and standard error of each study by itself, for display only, shapes (k,)."""

    def prior_effects(self, case: Case) -> tuple[Array, Array] | str:
        """What the priors expect of `crude`: means and variances between studies, equally likely.

        Shapes (n,) each; (n, t) of estimates at t visits. A sentence where they expect nothing of it: why.
        """
        from bayesma.families.prior_effects import of_one_effect  # it is built on what is here

        return of_one_effect(case)

    @abstractmethod
    def moments_below(self, case: Case) -> dict[str, float]:
        """For each parameter, e such that its q-th posterior moment exists exactly when q < e.

        Raises
        ------
        PriorError
            When the posterior is improper.
        """

    # the two routes to the density

    @abstractmethod
    def model(self, case: Case) -> Any:
        """The PyMC model, every number a `pm.Data`."""

    @abstractmethod
    def log_likelihood(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Log likelihood of each study in NumPy, all of its own integrated out: draws (s,) in, (s, k) out."""

    # what follows from the hyper-parameters

    @abstractmethod
    def complete(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """What the draws lack: study effects, baselines and new-study effects given the hyper-parameters.

        Where drawing yields `log_likelihood` too, that is named `LOG_LIKELIHOOD`.
        """

    @abstractmethod
    def new_study(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Parameters of a new study given the hyper-parameters; none under a common effect."""

    @abstractmethod
    def replicate(self, draws: Mapping[str, Array], case: Case, rng: np.random.Generator) -> Arrays:
        """Observations a new run of every study would give, by the names of `observed`: each (s, k)."""

    @abstractmethod
    def simulate(
        self, parameters: Mapping[str, Any], design: Evidence, options: Options, rng: np.random.Generator
    ) -> Evidence:
        """Simulated evidence with the design's sizes and labels, from known parameters."""

    @abstractmethod
    def problem(self, case: Case) -> object:
        """The integral for the exact engine, or `NoIntegral` with the reason why there is none."""

    @property
    @abstractmethod
    def observed(self) -> tuple[str, ...]:
        """Names among `arrays` that are outcomes; the others are constants."""

    def sampled(self, options: Options) -> tuple[str, ...]:
        """Parameters the PyMC model holds: the hyper-parameters where all else is integrated out."""
        return tuple(p.name for p in self.hyper(options))

    def model_data(self, case: Case) -> Arrays:
        """Numbers the PyMC model holds as `pm.Data`, those of the priors aside."""
        return case.arrays

    def sizes(self, case: Case) -> Hashable:
        """Sizes that are compiled into the PyMC model: none where it holds no study's parameter."""
        del case
        return ()

    def dims(self, array: str) -> tuple[str, ...]:
        """The dimensions of one of the arrays, or of the model's data."""
        del array
        return ("study",)

    def weights(self, draws: Mapping[str, Array], case: Case) -> Array:
        """Share each study has in the mean effect: draws (s,) in, (s, k) out, rows summing to 1.

        The share in the information on the location, the first hyper-parameter: minus the second derivative
        of each log likelihood, here by differences over a tenth of the spread of effects.
        """
        location = self.hyper(case.options)[0]
        _, se = self.crude(case.arrays)
        known = se[np.isfinite(se)]
        scale = 1.0 / np.sqrt(np.sum(known**-2.0)) if known.size else 1.0
        here = draws[location.name]
        step = 0.1 * np.hypot(draws.get("tau", np.zeros_like(here)), scale)
        moved = [
            expit(logit(here) + s * step) if location.upper == 1.0 else here + s * step for s in (-1, 0, 1)
        ]
        return shares(*(self.log_likelihood({**draws, location.name: at}, case) for at in moved))

    # what questions are answered from

    def effects(self, draws: Mapping[str, Array], options: Options) -> Mixture | None:
        """Distribution of study effects about their mean in units of `tau`, at draws of the hyper-parameters.

        None where all studies share one effect, or differ in another way than by a location and a scale.
        """
        del draws, options
        return None

    def conditional(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Conditional | None:
        """Distribution of a parameter given all others at draws (s,) of them; None where it is not closed.

        Here of the effect in a new study, where effects differ by a location and a scale.
        """
        effects = None if parameter.dims or parameter.role != "new" else self.effects(draws, case.options)
        if effects is None:
            return None
        sds = draws["tau"][:, None] * effects.scales
        return Conditional(draws["mu"], sds, np.exp(effects.log_weights))

    def risks(self, options: Options) -> RisksOverSettings | None:
        """How proportions differ between settings of single arms; None where effects are no logits."""
        del options
        return None

    def settings(
        self, draws: Mapping[str, Array], case: Case, stated: Collection[str], rng: np.random.Generator
    ) -> Settings | None:
        """Risks in both arms of the settings analysed, a typical and a new one; None without control arms.

        `draws` are of every parameter, `stated` the parameters whose prior somebody chose.
        """
        del draws, case, stated, rng
        return None

    # shared by all families

    def checked_options(self, given: Mapping[str, Any]) -> Options:
        """Options with defaults filled in.

        Raises
        ------
        OptionError
            For a name or value that is not on the family's list.
        """
        for name, value in given.items():
            if name not in self.options:
                raise OptionError(
                    f"family {self.name!r} has no option {name!r}; its options are: {', '.join(self.options)}"
                )
            if (wrong := self.options[name].problem(value)) is not None:
                raise OptionError(f"option {name} of family {self.name!r} is {value!r}; {wrong}")
        return {name: option.value(given.get(name, option.default)) for name, option in self.options.items()}

    def estimated(self, checked: Options, given: Iterable[str], priors: Iterable[str]) -> Options:
        """Checked options, in which numbers that were given a prior, and no value, are parameters."""
        named = {name for name in priors if name in checked and self.options[name].estimable}
        return checked | dict.fromkeys(named - set(given), PRIOR)

    def resolved(self, options: Options, evidence: Evidence) -> Options:
        """Checked options, completed by what the evidence decides."""
        del evidence
        return options

    def hyper(self, options: Options) -> tuple[Parameter, ...]:
        """The parameters that all studies share."""
        return tuple(p for p in self.parameters(options) if p.role == "hyper")

    def with_priors(self, options: Options) -> tuple[Parameter, ...]:
        """The parameters that have priors: those all studies share, and baselines with one of their own."""
        return tuple(p for p in self.parameters(options) if p.role == "hyper" or p.has_prior)

    def all_with_priors(self) -> set[str]:
        """Names of the parameters with priors under any of the options."""
        values = [option.choices for option in self.options.values()]
        every = [dict(zip(self.options, choice, strict=True)) for choice in itertools.product(*values)]
        return {p.name for options in every for p in self.with_priors(options)}

    def checked_priors(
        self, evidence: Evidence, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """A prior for every parameter that has one: those given, defaults for the rest.

        Raises
        ------
        PriorError
            For a parameter the model has not, a prior that does not parse, or one that reaches where the
            parameter cannot be.
        """
        parameters = {p.name: p for p in self.with_priors(options)}
        named = {} if given is None else {name: Prior.parse(prior) for name, prior in given.items()}
        for name, prior in named.items():
            if name not in parameters:
                known = ", ".join(parameters)
                raise PriorError(
                    f"priors names {name!r}, which this model has not; its parameters are: {known}"
                )
            named[name] = _within(parameters[name], prior)
        for name, prior in named.items():
            if (own := parameters[name].standard) is not None and prior != own:
                others = ", ".join(p.name for p in parameters.values() if p.standard is None)
                raise PriorError(
                    f"prior {prior} for {name}: {name} is standardised, and {own} is part of the model; give "
                    f"priors of {others}"
                )
        missing = [name for name in parameters if name not in named]
        defaults = self.default_priors(evidence, options) if missing else {}
        return {name: named.get(name) or defaults[name] for name in parameters}

    def stated_priors(self, evidence: Evidence) -> Priors:
        """Priors that came with the evidence: chosen, not defaults."""
        del evidence
        return {}

    def log_prior(self, draws: Mapping[str, Array], case: Case) -> Arrays:
        """Log prior density of each hyper-parameter at its draws, shapes as the draws."""
        return {p.name: self._log_prior(p, draws, case) for p in self.hyper(case.options)}

    def silent(self, evidence: Evidence, options: Options) -> Silent | None:
        """Studies in which every patient had the same outcome; None where there are none to speak of."""
        del evidence, options
        return None

    def elements(self, parameter: Parameter, case: Case) -> tuple[Prior, ...] | None:
        """Priors of the elements of a vector parameter, where they are not all as its own prior says."""
        del parameter, case
        return None

    def prior_scale(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Array | None:
        """Scale of a parameter that other parameters give, its prior being that of the standardised one."""
        del parameter, draws, case
        return None

    def draw_prior(
        self,
        parameter: Parameter,
        case: Case,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        drawn: Mapping[str, Array],
    ) -> Array:
        """Draws of a hyper-parameter from its prior; `shape` ends with that of the parameter.

        `drawn` are the parameters before it, on which a prior may depend.
        """
        each, scale = self.elements(parameter, case), self.prior_scale(parameter, drawn, case)
        if each is None:
            values = case.priors[parameter.name].draw(shape, rng)
            return values if scale is None else scale * values
        return np.stack([prior.draw(shape[:-1], rng) for prior in each], axis=-1)

    def _log_prior(self, parameter: Parameter, draws: Mapping[str, Array], case: Case) -> Array:
        """Log prior density at draws."""
        each, scale = self.elements(parameter, case), self.prior_scale(parameter, draws, case)
        prior, values = case.priors[parameter.name], draws[parameter.name]
        if scale is not None:
            return np.asarray(prior.logpdf(values / scale) - np.log(scale))
        if each is None:
            return prior.logpdf(values)
        return np.stack([prior.logpdf(values[..., i]) for i, prior in enumerate(each)], axis=-1)

    def structure(self, case: Case) -> Hashable:
        """What is compiled: two fits with equal structures share one compiled model."""
        from bayesma.priors.variables import structure

        fixed = tuple(sorted(case.options.items()))
        priors = tuple((name, structure(prior)) for name, prior in case.priors.items())
        return self.name, fixed, priors, self.sizes(case)


def shares(left: Array, here: Array, right: Array) -> Array:
    """Share of each study in the bend of log likelihoods (s, k) at three even steps; alike without any."""
    information = np.maximum(2.0 * here - left - right, 0.0)
    total = information.sum(axis=1, keepdims=True)
    even = np.full_like(information, 1.0 / information.shape[1])
    return np.where(total > 0.0, information / np.where(total > 0.0, total, 1.0), even)


def _within(parameter: Parameter, prior: Prior) -> Prior:
    """The prior, refused where it has mass where the parameter cannot be; Flat adapts to the parameter."""
    if prior.distribution == "Flat":
        return prior.truncate(lower=parameter.lower) if prior.truncated else prior
    if prior.support[0] < parameter.lower:
        if math.isfinite(parameter.upper):
            mend = f"use a distribution on ({parameter.lower:g}, {parameter.upper:g})"
        else:
            mend = f"use a half distribution or Truncated({prior.form}, lower={parameter.lower:g})"
        raise PriorError(
            f"prior {prior} for {parameter.name} has mass below {parameter.lower:g}, where {parameter.name} "
            f"cannot be; {mend}"
        )
    if prior.support[1] > parameter.upper:
        raise PriorError(
            f"prior {prior} for {parameter.name} has mass above {parameter.upper:g}, where {parameter.name} "
            f"cannot be; use a distribution on ({parameter.lower:g}, {parameter.upper:g})"
        )
    return prior


def _between(value: object, above: float = 0.0, below: float = math.inf) -> bool:
    """Whether a value is a number between two others, none of them."""
    return isinstance(value, Real) and not isinstance(value, bool) and above < float(value) < below


FAMILIES: Registry[Family[Any]] = Registry("family")


def register[F: type[Family[Any]]](family: F) -> F:
    """Class decorator: add one instance to the registry under the family's name."""
    FAMILIES.register(family.name, family())
    return family


def family_of(evidence: object) -> Family[Any]:
    """The family that analyses this kind of evidence.

    Raises
    ------
    OptionError
        When no family does.
    """
    for _, family in FAMILIES.items():
        if isinstance(evidence, family.evidence_type):
            return family
    known = ", ".join(f"{family.evidence_type.__name__} ({name})" for name, family in FAMILIES.items())
    raise OptionError(f"no family analyses a {type(evidence).__name__}; evidence is one of: {known}")
