"""Which prior says what an expert says? From a stated probability to a distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from bayesma.errors import OptionError, PriorError
from bayesma.priors.distributions import DISTRIBUTIONS
from bayesma.priors.prior import Prior

ONE_SCALE = ("HalfNormal", "HalfCauchy", "HalfStudentT", "Exponential")  # one number decides the width
TWO_NUMBERS = ("Normal", "LogNormal", "Gamma", "InverseGamma", "Beta")  # by maximum entropy, from PreliZ
CLOSE = 0.005  # of the stated probability
DIGITS = 6


def elicit_prior(
    family: str = "HalfNormal",
    *,
    below: float | None = None,
    above: float | None = None,
    between: tuple[float, float] | None = None,
    prob: float = 0.9,
    nu: float | None = None,
) -> Prior:
    """The prior under which something is below, above or between stated values with a stated probability.

    Parameters
    ----------
    family
        With `below` or `above`: ``HalfNormal``, ``HalfCauchy``, ``HalfStudentT`` (with `nu`) or
        ``Exponential``, whose scale one statement decides. With `between`: ``Normal``, ``LogNormal``,
        ``Gamma``, ``InverseGamma`` or ``Beta``: of all that fit the statement the one of maximum entropy,
        found by PreliZ (Icazatti et al. 2023, doi 10.21105/joss.05499; the extra
        ``bayesma[elicitation]``).
    below, above, between
        One statement, on the scale of the parameter.
    prob
        Its probability, between 0 and 1.
    nu
        Degrees of freedom of a ``HalfStudentT``.

    Returns
    -------
    Prior
        Its numbers rounded to six digits.

    Raises
    ------
    OptionError
        For none or several statements, and a family that does not go with the one given.
    PriorError
        For a probability or value that no such distribution has, and where PreliZ is not installed.

    Examples
    --------
    "I am 90 % sure that tau is below 0.5":

    >>> import bayesma as bm
    >>> prior = bm.elicit_prior(below=0.5, prob=0.9)
    >>> str(prior), round(float(prior.cdf(0.5)), 3)
    ('HalfNormal(0.303978)', 0.9)
    """
    if (below is None) + (above is None) + (between is None) != 2:
        raise OptionError("give one statement: below=, above= or between=(low, high)")
    if not (_is_number(prob) and 0.0 < prob < 1.0):
        raise PriorError(f"prob is {prob!r}; it must be a number between 0 and 1, for example 0.9")
    allowed = ONE_SCALE if between is None else TWO_NUMBERS
    if family not in allowed:
        what = "below= or above=" if between is None else "between="
        raise OptionError(f"family is {family!r}; {what} goes with {', '.join(allowed)}")
    if (nu is None) == (family == "HalfStudentT"):
        raise OptionError("HalfStudentT needs nu, its degrees of freedom, and no other family has it")
    if between is not None:
        return _of_two(family, between, prob)
    value, mass = (above, 1.0 - prob) if below is None else (below, prob)
    assert value is not None
    if not (_is_number(value) and value > 0.0):
        raise PriorError(
            f"{family} lies above 0, and the statement is about {value!r}; give a number above 0"
        )
    if nu is not None and not _is_number(nu):
        raise PriorError(f"nu is {nu!r}; give degrees of freedom, a number above 0")
    held = () if nu is None else (float(nu),)
    unit = float(Prior(family, (*held, 1.0)).ppf(mass))
    scale = unit / value if DISTRIBUTIONS[family].parameters[-1] == "rate" else value / unit
    return Prior(family, (*held, _rounded(scale)))


def _is_number(value: object) -> bool:
    """Whether a statement can be about it."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _of_two(family: str, between: tuple[float, float], prob: float) -> Prior:
    """Maximum entropy, and a look at whether it fits."""
    if not isinstance(between, Sequence) or len(between) != 2 or not all(map(_is_number, between)):
        raise PriorError(f"between is {between!r}; give two numbers, as in between=(0.1, 0.6)")
    low, high = map(float, between)
    if not low < high:
        raise PriorError(f"between is {between!r}; its first number must be below its second")
    least, most = DISTRIBUTIONS[family].support((1.0, 1.0))
    if low < least or high > most:
        raise PriorError(
            f"between is {between!r}, and {family} lies between {least:g} and {most:g}; state values there, "
            "or choose another family"
        )
    preliz = _preliz()
    distribution: Any = getattr(preliz, family)()
    preliz.maxent(distribution, low, high, prob, plot=False)
    prior = Prior(family, tuple(_rounded(float(number)) for number in distribution.params))
    mass = float(prior.cdf(high) - prior.cdf(low))
    if abs(mass - prob) > CLOSE:
        raise PriorError(
            f"no {family} found with probability {prob:g} between {low:g} and {high:g}: the nearest, "
            f"{prior}, has {mass:.3g}; state other values, or choose another family"
        )
    return prior


def _preliz() -> Any:
    """The optional package."""
    try:
        import preliz
    except ImportError:
        raise PriorError(
            "a statement with between= is turned into a prior by the package PreliZ, which is not installed: "
            "pip install 'bayesma[elicitation]'"
        ) from None
    return preliz


def _rounded(number: float) -> float:
    """To as many digits as a prior is written with."""
    return float(f"{number:.{DIGITS}g}")
