"""Numbers that users hand to the questions, checked in one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

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


def limits_of(above: float | Sequence[float]) -> list[float]:
    """Thresholds as a list.

    Raises
    ------
    OptionError
        For what is no finite number.
    """
    given: list[Any] = [above] if is_number(above) or isinstance(above, str) else list(above)  # type: ignore[arg-type]
    for value in given:
        if not (is_number(value) and math.isfinite(value)):
            raise OptionError(f"above holds {value!r}; give numbers, for example above=[0.01, 0.05]")
    return [float(value) for value in given]
