"""What goes wrong, by kind: every mistake a user can mend is a `BayesmaError` with one plain sentence."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


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


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what runs inside with KeyboardInterrupt, whatever compiled code makes of it.

    An interrupt that falls into nutpie while it sets up, or into numba on the way into a compiled function,
    comes back as RuntimeError or SystemError; one in a destructor is lost, after a traceback on stderr which
    is left out here. Where the user's program handles the signal in its
    own way, or ignores it, that is left alone.
    """
    usual = signal.getsignal(signal.SIGINT)
    ordinary = usual is signal.default_int_handler or isinstance(usual, _Noting)
    if not ordinary or not callable(usual) or threading.current_thread() is not threading.main_thread():
        yield
        return
    noting, shown = _Noting(usual), sys.unraisablehook

    def lost(what: Any) -> None:
        """Show what a destructor raised, unless it is the interrupt that is raised again below."""
        if not issubclass(what.exc_type, KeyboardInterrupt):
            shown(what)

    signal.signal(signal.SIGINT, noting)
    sys.unraisablehook = lost
    try:
        yield
    except Exception as error:
        if noting.came:
            raise KeyboardInterrupt from error
        raise
    finally:
        sys.unraisablehook = shown
        signal.signal(signal.SIGINT, usual)
    if noting.came:
        raise KeyboardInterrupt


class _Noting:
    """The usual handler of a signal, which also remembers that the signal came."""

    def __init__(self, usual: Callable[[int, FrameType | None], Any]) -> None:
        self.usual = usual
        self.came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Remember, then do what is usual: raise KeyboardInterrupt."""
        self.came = True
        self.usual(number, frame)
