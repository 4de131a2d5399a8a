"""One decorator for compiled functions: typed, and cached on disk so that a new process does not compile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from numba import njit


def compiled_sum[F: Callable[..., Any]](function: F) -> F:
    """As `compiled`, for loops that add up: terms may be added in any order, several at a time."""
    return cast(F, njit(cache=True, fastmath={"reassoc", "contract", "arcp"})(function))


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile with numba at first call; the result is kept beside the module for later processes."""
    return cast(F, njit(cache=True)(function))


def unlocked[F: Callable[..., Any]](function: F) -> F:
    """As `compiled`, for long loops that several threads may run at once."""
    return cast(F, njit(cache=True, nogil=True)(function))
