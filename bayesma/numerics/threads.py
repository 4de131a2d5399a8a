"""Threads: rows shared out to compiled functions that let go of the interpreter's lock, and BLAS kept out."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 4  # threads
NAME = "bayesma-rows"


def by_rows(function: Callable[[slice], Array], rows: int, fewest: int) -> Array:
    """What `function` returns for all rows, one below the other: the same with any number of threads.

    Below `fewest` rows for each a thread costs more than it saves; a call from within such a thread runs
    there, since it would wait for threads that wait for it.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    threads = min(cores, MOST, rows // max(fewest, 1))
    if threads < 2 or threading.current_thread().name.startswith(NAME):
        return function(slice(0, rows))
    ends = np.linspace(0, rows, threads + 1).astype(int)
    parts = [slice(int(first), int(last)) for first, last in itertools.pairwise(ends)]
    others = [_pool().submit(function, part) for part in parts[1:]]
    return np.concatenate([function(parts[0]), *(other.result() for other in others)])


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for the next call: starting them anew costs half a millisecond."""
    return ThreadPoolExecutor(MOST - 1, NAME)


if hasattr(os, "register_at_fork"):  # a forked process has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


_counting = threading.Lock()
_limits: list[Any] = []  # one a fit under way, the first of which knows what to return to


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Matrix products in one thread meanwhile.

    Small ones gain little from a second, which then spins for some 20 ms and takes a core from `by_rows`.
    """
    with _counting:
        _limits.append(None if _limits else _libraries().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _counting:
            if len(_limits) == 1:
                _limits[0].restore_original_limits()
            _limits.pop()


@cache
def _libraries() -> Any:
    """The BLAS libraries loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
