"""Rows shared out to threads, for compiled functions that let go of the interpreter's lock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST = 4  # threads


def by_rows(function: Callable[[slice], Array], rows: int, fewest: int) -> Array:
    """What `function` returns for all rows, one below the other: the same with any number of threads.

    Below `fewest` rows for each a thread costs more than it saves.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    threads = min(cores, MOST, rows // max(fewest, 1))
    if threads < 2:
        return function(slice(0, rows))
    ends = np.linspace(0, rows, threads + 1).astype(int)
    parts = [slice(int(first), int(last)) for first, last in itertools.pairwise(ends)]
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(function, parts)))
