"""Fits of simulated follow-ups, for the figures of relapse."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

import bayesma as bm
from bayesma.errors import ConvergenceWarning

type Fitter = Callable[..., xr.DataTree]

YEAR = (0.0, 6.0, 12.0)
LONG = " of a multicentre cooperative group for lupus nephritis and its overlap syndromes"
COLUMNS = {"study": "study", "start": "start", "stop": "stop", "at_risk": "n", "relapses": "r"}


def simulated(k: int, ends: Sequence[float], *, deaths: bool = False, named: str = "") -> bm.FollowUp:
    """Reproducible follow-ups, some of which end early; the first has all intervals."""
    rng = np.random.default_rng(k)
    rows = []
    for i in range(k):
        n = int(rng.integers(12, 80))
        for start, stop in pairwise(ends):
            gone = rng.multinomial(n, (0.14, 0.03 if deaths else 0.0, 0.1, 0.76 if not deaths else 0.73))
            rows.append((f"Trial {i + 1} of {k}{named}", start, stop, n, *gone[:3]))
            n -= int(gone[:3].sum())
            if n == 0 or (i > 0 and rng.random() < 0.25):
                break
    frame = pd.DataFrame(rows, columns=["study", "start", "stop", "n", "r", "d", "c"])
    more = {"deaths": "d", "censored": "c"} if deaths else {"censored": "c"}
    return bm.FollowUp.from_frame(frame, **COLUMNS, **more)


@lru_cache
def _fit(k: int, ends: tuple[float, ...], hazard: str, deaths: bool, named: str, effects: str) -> xr.DataTree:
    """One exact fit with few draws; how accurate it is is no matter of a figure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return bm.fit(
            simulated(k, ends, deaths=deaths, named=named),
            engine="exact",
            random_seed=1,
            draws=100,
            hazard=hazard,
            random_effects=effects,
        )


def fitted(
    k: int = 3,
    ends: Sequence[float] = YEAR,
    *,
    hazard: str = "independent",
    deaths: bool = False,
    named: str = "",
    effects: str = "normal",
) -> xr.DataTree:
    """An exact fit of k simulated follow-ups, each computed once; said to have converged."""
    fit = _fit(k, tuple(ends), hazard, deaths, named, effects).copy()
    fit.attrs["converged"] = 1
    return fit
