"""Numbers that users hand to the questions, checked in one place."""

from __future__ import annotations

from numbers import Real

from bayesma.errors import OptionError


def is_number(value: object) -> bool:
    """Whether a value is a real number, which True is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def tails(ci_prob: float) -> tuple[float, float]:
    """Probabilities of the two ends of an equal-tailed interval.

    Raises
    ------
    OptionError
        For anything but a number between 0 and 1 (most often 95 where 0.95 is meant).
    """
    if not (is_number(ci_prob) and 0.0 < ci_prob < 1.0):
        raise OptionError(f"ci_prob is {ci_prob!r}; it must lie between 0 and 1, for example 0.95")
    return 0.5 * (1.0 - ci_prob), 0.5 * (1.0 + ci_prob)
