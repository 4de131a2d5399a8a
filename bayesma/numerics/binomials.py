"""Binomial numbers, the same with any number of threads."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.numerics.threads import by_rows

type Array = NDArray[np.float64]

PARTS = 4  # each with random numbers of its own
FEWEST = 10_000  # numbers for which threads pay


def binomials(n: Array, logit: Array, rng: np.random.Generator) -> Array:
    """Events among n (k,) patients with these logits of a risk (s, k): (s, k)."""
    patients = n.astype(np.int64)
    generators = rng.spawn(PARTS)
    edges = itertools.pairwise(np.linspace(0, len(logit), PARTS + 1).astype(int).tolist())
    parts = [slice(first, last) for first, last in edges]

    def drawn(some: slice) -> Array:
        """Those of some parts."""
        pairs = zip(generators[some], parts[some], strict=True)
        events = [one.binomial(patients, expit(logit[rows])) for one, rows in pairs]
        return np.concatenate(events).astype(np.float64)

    return by_rows(drawn, PARTS, 1 if logit.size >= FEWEST else PARTS)
