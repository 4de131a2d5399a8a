"""What goes wrong, by kind: every mistake a user can mend is a `BayesmaError` with one plain sentence."""

from __future__ import annotations


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
