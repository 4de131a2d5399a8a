"""Many fits at once: what they warn of is said once, and fits that did not converge are counted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bayesma.errors import ConvergenceWarning


@contextmanager
def gathered() -> Iterator[list[warnings.WarningMessage]]:
    """Hold warnings back, to be said by `say`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def say(caught: Sequence[warnings.WarningMessage], failed: int, total: int, what: str) -> None:
    """One warning for all fits that did not converge; every other kind once.

    Parameters
    ----------
    caught
        From `gathered`.
    failed, total
        How many fits did not converge, and of how many.
    what
        What a fit is called, in the plural.
    """
    said = set()
    for one in caught:
        if issubclass(one.category, ConvergenceWarning) and failed:
            continue
        if str(one.message) not in said:
            said.add(str(one.message))
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if failed:
        warnings.warn(
            f"{failed} of {total} {what} did not converge and must not be used (column converged); give more "
            "draws and tune, or engine='exact' where there is one",
            ConvergenceWarning,
            stacklevel=3,
        )
