"""How do labels stand near their places without touching? By the least displacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

type Array = NDArray[np.float64]


def spread(
    places: Sequence[float] | Array, sizes: Sequence[float] | Array, ends: tuple[float, float]
) -> Array:
    """Centres of labels in the order of their places, none touching the next, all between two ends.

    Parameters
    ----------
    places
        Where each label would stand by itself, rising, (n,).
    sizes
        Room each takes along the line, (n,), gaps included; together at most the line's length.
    ends
        Of the line.

    Returns
    -------
    numpy.ndarray
        (n,), with the least sum of squared displacements.
    """
    size = np.asarray(sizes, dtype=np.float64)
    if size.size == 0:
        return size
    needed = np.concatenate([[0.0], np.cumsum(0.5 * (size[1:] + size[:-1]))])
    free = isotonic_regression(np.asarray(places, dtype=np.float64) - needed).x
    low, high = ends[0] + 0.5 * size[0], ends[1] - 0.5 * size[-1] - needed[-1]
    return np.asarray(np.clip(free, low, max(low, high)) + needed)


def stride(sizes: Sequence[float] | Array, room: float) -> int:
    """Every how-manieth label to keep so that what is left fits in the room."""
    size = np.asarray(sizes, dtype=np.float64)
    step = 1
    while step < size.size and size[::step].sum() > room:
        step += 1
    return step
