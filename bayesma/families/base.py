"""The contract of a family: a statistical model written down once, for every engine and every question."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError, PriorError
from bayesma.priors import Prior
from bayesma.registry import Registry

type Array = NDArray[np.float64]
type Arrays = dict[str, Array]
type Options = dict[str, Any]
type Priors = dict[str, Prior]
type Role = Literal["hyper", "effect", "new"]


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword of `fit` that a family understands.

    Attributes
    ----------
    allowed
        Its possible values.
    default
        The one used when nothing is said.
    meaning
        One line for documentation and messages.
    """

    allowed: tuple[str, ...]
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A quantity of the model that users address by name.

    Attributes
    ----------
    name
        The one spelling used in priors, summaries, groups of the tree and documentation.
    role
        ``"hyper"`` is sampled and has a prior; ``"effect"`` belongs to a study; ``"new"`` is a new study's.
    dims
        Dimensions beyond chain and draw.
    lower
        0 for a scale parameter, else minus infinity.
    meaning
        One line for reports.
    """

    name: str
    role: Role
    dims: tuple[str, ...] = ()
    lower: float = -math.inf
    meaning: str = ""


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
        """Default prior of every hyper-parameter."""

    @abstractmethod
    def arrays(self, evidence: Evidence) -> Arrays:
        """The numbers that enter the likelihood, by name."""

    @abstractmethod
    def coords(self, evidence: Evidence) -> dict[str, NDArray[Any]]:
        """Labels of the dimensions, for example ``study``."""

    @abstractmethod
    def moments_below(self, evidence: Evidence, priors: Priors, options: Options) -> dict[str, float]:
        """For each parameter, e such that its q-th posterior moment exists exactly when q < e.

        Raises
        ------
        PriorError
            When the posterior is improper.
        """

    # the two routes to the density

    @abstractmethod
    def model(self, arrays: Arrays, priors: Priors, options: Options) -> Any:
        """The PyMC model, study effects integrated out, every number a `pm.Data`."""

    @abstractmethod
    def log_likelihood(self, draws: Mapping[str, Array], arrays: Arrays, options: Options) -> Array:
        """Marginal log likelihood of each study in NumPy: draws (s,) in, (s, k) out."""

    # what follows from the hyper-parameters

    @abstractmethod
    def complete(
        self, draws: Mapping[str, Array], arrays: Arrays, options: Options, rng: np.random.Generator
    ) -> Arrays:
        """Study effects and new-study effects drawn given hyper-parameters of shape (s,)."""

    @abstractmethod
    def replicate(
        self, draws: Mapping[str, Array], arrays: Arrays, options: Options, rng: np.random.Generator
    ) -> Arrays:
        """Observations a new run of every study would give, by the names of `observed`: each (s, k)."""

    @abstractmethod
    def weights(self, draws: Mapping[str, Array], arrays: Arrays, options: Options) -> Array:
        """Share each study has in the mean effect: draws (s,) in, (s, k) out, rows summing to 1."""

    @abstractmethod
    def simulate(
        self, parameters: Mapping[str, float], design: Evidence, options: Options, rng: np.random.Generator
    ) -> Evidence:
        """Simulated evidence with the design's sizes and labels, from known parameters."""

    @abstractmethod
    def problem(self, arrays: Arrays, priors: Priors, options: Options) -> object:
        """The integral for the exact engine, or `NoIntegral` with the reason why there is none."""

    # shared by all families

    @property
    @abstractmethod
    def observed(self) -> tuple[str, ...]:
        """Names among `arrays` that are outcomes; the others are constants."""

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
            if value not in self.options[name].allowed:
                allowed = ", ".join(repr(v) for v in self.options[name].allowed)
                raise OptionError(
                    f"option {name} of family {self.name!r} is {value!r}; it must be one of {allowed}"
                )
        return {name: given.get(name, option.default) for name, option in self.options.items()}

    def hyper(self, options: Options) -> tuple[Parameter, ...]:
        """The parameters that have priors."""
        return tuple(p for p in self.parameters(options) if p.role == "hyper")

    def all_hyper(self) -> set[str]:
        """Names of the hyper-parameters under any of the options."""
        values = [option.allowed for option in self.options.values()]
        every = [dict(zip(self.options, choice, strict=True)) for choice in itertools.product(*values)]
        return {p.name for options in every for p in self.hyper(options)}

    def checked_priors(
        self, evidence: Evidence, given: Mapping[str, str | Prior] | None, options: Options
    ) -> Priors:
        """A prior for every hyper-parameter: those given, defaults for the rest.

        Raises
        ------
        PriorError
            For a parameter the model has not, a prior that does not parse, or one that reaches below 0 for a
            scale parameter.
        """
        parameters = {p.name: p for p in self.hyper(options)}
        named = {} if given is None else {name: Prior.parse(prior) for name, prior in given.items()}
        for name, prior in named.items():
            if name not in parameters:
                known = ", ".join(parameters)
                raise PriorError(
                    f"priors names {name!r}, which this model has not; its parameters are: {known}"
                )
            named[name] = _within(parameters[name], prior)
        missing = [name for name in parameters if name not in named]
        defaults = self.default_priors(evidence, options) if missing else {}
        return {name: named.get(name) or defaults[name] for name in parameters}

    def log_prior(self, draws: Mapping[str, Array], priors: Priors) -> Arrays:
        """Log prior density of each hyper-parameter at its draws, shapes as the draws."""
        return {name: prior.logpdf(draws[name]) for name, prior in priors.items()}

    def structure(self, priors: Priors, options: Options) -> Hashable:
        """What is compiled: two fits with equal structures share one compiled model."""
        from bayesma.priors.variables import structure

        fixed = tuple(sorted(options.items()))
        return self.name, fixed, tuple((name, structure(prior)) for name, prior in priors.items())


def _within(parameter: Parameter, prior: Prior) -> Prior:
    """The prior, refused where it has mass where the parameter cannot be; Flat adapts to the parameter."""
    if prior.distribution == "Flat":
        return prior.truncate(lower=parameter.lower) if prior.truncated else prior
    if prior.support[0] < parameter.lower:
        raise PriorError(
            f"prior {prior} for {parameter.name} has mass below {parameter.lower:g}, where {parameter.name} "
            f"cannot be; use a half distribution or Truncated({prior}, lower={parameter.lower:g})"
        )
    return prior


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
