"""What goes wrong, by kind: every mistake a user can mend is a `BayesmaError` with one plain sentence."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """Write a number with its noun in the right form; without `several` an s is added.

    Examples
    --------
    >>> from bayesma.errors import counted
    >>> counted(1, "study", "studies"), counted(3, "row")
    ('1 study', '3 rows')
    """
    return f"{count} {one if count == 1 else several or f'{one}s'}"


class BayesmaError(ValueError):
    """A mistake in what was given; the message names where it is and how to mend it (CLI exit code 2)."""


class DataError(BayesmaError):
    """The study data cannot be used as they stand."""


class PriorError(BayesmaError):
    """A prior does not parse, or cannot serve the parameter it was given to."""


class OptionError(BayesmaError):
    """An option of a public function is unknown or outside its list."""


class SpecError(BayesmaError):
    """An analysis file (TOML) has a wrong key, type or reference."""


class BayesmaWarning(UserWarning):
    """Something the reader of the result must know."""


class DataWarning(BayesmaWarning):
    """The data are usable but suspicious; the reason is given."""


class ConflictWarning(DataWarning):
    """Prior and data contradict each other: the notes of the fit say where."""


class ConvergenceWarning(BayesmaWarning):
    """The sampler did not reach the standard set for it, or an integral its accuracy."""
