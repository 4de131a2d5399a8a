"""A prior distribution as one object: text, density, quantiles, draws, and the numbers a kernel needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesma.errors import PriorError
from bayesma.priors import kernels
from bayesma.priors.distributions import DISTRIBUTIONS, Distribution

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prior:
    """A distribution with its numbers, truncated to [lower, upper] where asked.

    Attributes
    ----------
    distribution
        Name in the registry, for example ``"HalfNormal"``.
    arguments
        Its numbers in the documented order.
    lower, upper
        Truncation; infinite when there is none, or when the support ends there or before anyway. A truncated
        prior is renormalised.
    name
        As it was asked for, where that is not its distribution: a published prior, or a construction. Its
        text then; two priors are equal when their distributions are.

    Raises
    ------
    PriorError
        When a number is missing or not finite, a scale is not above 0, Uniform's ends are not in order, or
        a truncation keeps no mass.

    Examples
    --------
    >>> from bayesma.priors import Prior
    >>> str(Prior.parse("Truncated(Normal(0, 1), lower=0)"))
    'Truncated(Normal(0, 1), lower=0)'
    >>> round(float(Prior.parse("HalfNormal(0.5)").ppf(0.5)), 4)
    0.3372
    """

    distribution: str
    arguments: tuple[float, ...]
    lower: float = -math.inf
    upper: float = math.inf
    name: str = field(
        init=False, default="", compare=False, repr=False
    )  # and not inherited by a changed copy

    def __post_init__(self) -> None:
        declared = self.declaration
        if len(self.arguments) != len(declared.parameters):
            signature = f"{self.distribution}({', '.join(declared.parameters)})"
            raise PriorError(f"prior {self} has {len(self.arguments)} numbers; it is written {signature}")
        for name, value in zip(declared.parameters, self.arguments, strict=True):
            if not math.isfinite(value):
                raise PriorError(f"prior {self}: {name} is {value}; it must be a finite number")
            if name in declared.positive and value <= 0:
                raise PriorError(f"prior {self}: {name} is {value:g}; it must be above 0")
            if name in declared.shares and value >= 1:
                raise PriorError(f"prior {self}: {name} is {value:g}; it must be below 1")
        if self.distribution == "Uniform" and self.arguments[0] >= self.arguments[1]:
            raise PriorError(f"prior {self}: lower must be below upper; swap or correct them")
        if math.isnan(self.lower) or math.isnan(self.upper):
            raise PriorError(f"prior {self}: a bound is not a number; give finite bounds")
        begin, end = declared.support(self.arguments)
        if -math.inf < self.lower <= begin:
            object.__setattr__(self, "lower", -math.inf)
        if end <= self.upper < math.inf:
            object.__setattr__(self, "upper", math.inf)
        if self.lower == math.inf or self.upper == -math.inf or self.truncated:
            low, high = self.support
            if low >= high or (self.is_proper and not self._log_kept() > -math.inf):
                raise PriorError(f"prior {self}: the truncation keeps no mass; widen the bounds")

    @classmethod
    def parse(cls, text: str | Prior) -> Prior:
        """Read the text form, for example ``"StudentT(3, 0, 2.5)"`` (a Prior is returned as it is)."""
        from bayesma.priors.parse import parse_prior

        return text if isinstance(text, Prior) else parse_prior(text)

    def called(self, name: str) -> Prior:
        """The same distribution under the name by which it was asked for."""
        copy = Prior(self.distribution, self.arguments, self.lower, self.upper)
        object.__setattr__(copy, "name", name)
        return copy

    @property
    def declaration(self) -> Distribution:
        """The registry's entry for this distribution."""
        return DISTRIBUTIONS[self.distribution]

    @property
    def truncated(self) -> bool:
        """Whether a bound was given."""
        return math.isfinite(self.lower) or math.isfinite(self.upper)

    @property
    def support(self) -> tuple[float, float]:
        """Lower and upper end, after truncation."""
        low, high = self.declaration.support(self.arguments)
        return max(low, self.lower), min(high, self.upper)

    @property
    def is_proper(self) -> bool:
        """Whether it integrates to 1: all but `Flat`, which may be truncated to a finite interval."""
        return self.declaration.scipy is not None or all(math.isfinite(end) for end in self.support)

    @property
    def tail(self) -> float:
        """Exponent a of the tail, density ~ abs(x)^-a; 0 for Flat, infinite when lighter than any power.

        Distributions on the line have two equal tails: truncation removes both or leaves one.
        """
        if all(math.isfinite(end) for end in self.support):
            return math.inf
        return float(self.declaration.tail(self.arguments))

    @property
    def smooth_at_zero(self) -> bool:
        """Whether the density is smooth and finite where its support begins."""
        return self.declaration.smooth_at_zero or self.lower > 0

    def truncate(self, lower: float = -math.inf, upper: float = math.inf) -> Prior:
        """The same distribution on [lower, upper], renormalised; bounds given before are kept."""
        return Prior(self.distribution, self.arguments, max(self.lower, lower), min(self.upper, upper))

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density at `x`, any shape; ``-inf`` outside the support, 0 for an improper Flat."""
        value = np.asarray(x, dtype=np.float64)
        low, high = self.support
        inside = (value >= low) & (value <= high)
        if self.declaration.scipy is None:
            level = -math.log(high - low) if self.is_proper else 0.0
            return np.where(inside, level, -np.inf)
        kept = self._log_kept() if self.truncated else 0.0
        with np.errstate(over="ignore"):  # x^2 beyond the largest number: the density is 0 there
            return np.where(inside, self._base().logpdf(value) - kept, -np.inf)

    def cdf(self, x: ArrayLike) -> Array:
        """Distribution function at `x`, any shape."""
        value = np.clip(np.asarray(x, dtype=np.float64), *self.support)
        base, low, high = self._base(), *self.support
        if not self.truncated:
            return np.asarray(base.cdf(value))
        if self._upper_half():
            return np.asarray(
                (base.sf(low) - base.sf(value)) / (base.sf(low) - base.sf(high)), dtype=np.float64
            )
        return np.asarray(
            (base.cdf(value) - base.cdf(low)) / (base.cdf(high) - base.cdf(low)), dtype=np.float64
        )

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile at probability `q`, any shape; infinite where it is too large for a number."""
        p = np.asarray(q, dtype=np.float64)
        base, low, high = self._base(), *self.support
        with np.errstate(divide="ignore", over="ignore"):
            if not self.truncated:
                return np.asarray(base.ppf(p))
            if self._upper_half():
                value = base.isf(base.sf(low) - p * (base.sf(low) - base.sf(high)))
            else:
                value = base.ppf(base.cdf(low) + p * (base.cdf(high) - base.cdf(low)))
        return np.asarray(np.clip(value, low, high), dtype=np.float64)

    def draw(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Independent draws of the given shape."""
        return self.ppf(rng.uniform(size=size))

    def median(self) -> float:
        """The 50 % quantile, remembered."""
        return _median(self)

    def pack(self) -> Array:
        """Numbers for `kernels.log_density`, shape (9,), see `kernels.PACKED`."""
        return _packed(self)

    def _base(self) -> Any:
        """Frozen distribution before truncation."""
        if self.declaration.scipy is not None:
            return _frozen(self.distribution, self.arguments)
        if self.is_proper:
            return _frozen("Uniform", self.support)
        raise PriorError(f"prior {self} is improper: it has no distribution function and no draws")

    def _upper_half(self) -> bool:
        """Whether the kept mass lies above the median, where upper tails keep the digits."""
        return bool(self._base().cdf(self.support[0]) > 0.5)

    def _log_kept(self) -> float:
        """Log of the mass that truncation keeps."""
        base, low, high = self._base(), *self.support
        with np.errstate(over="ignore", divide="ignore"):  # 1 / x of the smallest numbers
            kept = base.sf(low) - base.sf(high) if self._upper_half() else base.cdf(high) - base.cdf(low)
        return math.log(kept) if kept > 0 else -math.inf

    def __str__(self) -> str:
        return self.name or self.form

    @property
    def form(self) -> str:
        """Distribution and numbers as text, also of a prior with a name."""
        text = f"{self.distribution}({', '.join(number_text(value) for value in self.arguments)})"
        if not self.truncated:
            return text
        bounds = [
            f"{name}={number_text(value)}"
            for name, value in (("lower", self.lower), ("upper", self.upper))
            if math.isfinite(value)
        ]
        return f"Truncated({text}, {', '.join(bounds)})"


REMEMBERED = 4096  # priors whose scipy object, median and packed numbers are kept: building them costs 0.3 ms


@lru_cache(maxsize=REMEMBERED)
def _frozen(distribution: str, arguments: tuple[float, ...]) -> Any:
    """The frozen scipy distribution."""
    build = DISTRIBUTIONS[distribution].scipy
    assert build is not None
    return build(arguments)


@lru_cache(maxsize=REMEMBERED)
def _median(prior: Prior) -> float:
    """See `Prior.median`."""
    return float(prior.ppf(0.5))


@lru_cache(maxsize=REMEMBERED)
def _packed(prior: Prior) -> Array:
    """See `Prior.pack`."""
    packed = np.zeros(kernels.PACKED)
    packed[0] = prior.declaration.code
    arguments = prior.declaration.kernel_arguments(prior.arguments)
    packed[1 : 1 + len(arguments[:3])] = arguments[:3]
    packed[7 : 7 + len(arguments[3:])] = arguments[3:]
    packed[4:6] = prior.support
    if prior.declaration.scipy is None and prior.is_proper:
        packed[6] = math.log(prior.support[1] - prior.support[0])
    elif prior.truncated and prior.is_proper:
        packed[6] = prior._log_kept()
    packed.setflags(write=False)
    return packed


def number_text(value: float) -> str:
    """Shortest text that reads back as the same number."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
