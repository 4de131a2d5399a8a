"""What is gained by repeating at each month, under each belief about restoration? From independent draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots.relapse_curves import Model, band_of
from bayesma.plots.retreatment_draw import MARKS, Gain
from bayesma.plots.text import plain
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance
from bayesma.priors import Prior

type Array = NDArray[np.float64]

BELIEFS = {"sceptical": "Beta(1, 4)", "neutral": "Beta(1, 1)", "trialists": "Beta(4, 1)"}
FIRST_YEAR = range(1, 13)  # months of the repeat where nothing else is said
STEP = 0.1  # months, over which a Weibull intensity is taken as level


def gains(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float] | None,
    to: float,
    restoration: Mapping[str, str | Prior] | None,
    ci_prob: float,
) -> list[Gain]:
    """One a belief, in the order given."""
    at = _checked(months, to)
    laws = {name: Prior.parse(law) for name, law in (restoration or BELIEFS).items()}
    _check_laws(laws)
    model = Model.of(fit, origin)
    n = len(next(iter(model.draws.values())))
    rng = np.random.default_rng([int(fit.attrs["random_seed"]), 3])
    uniform = rng.random(n)  # one rank of f a draw, so that beliefs differ by their laws only
    result = []
    for (name, law), mark in zip(laws.items(), MARKS, strict=False):
        gained = np.column_stack([_gained(model, m, to, law.ppf(uniform)) for m in at])
        above = np.mean(gained > 0.0, axis=0)
        band = replace(band_of(at, gained, ci_prob), middle=gained.mean(axis=0))
        result.append(Gain(plain(name), str(law), band, above, mark))
    return result


def _gained(model: Model, month: float, to: float, share: Array) -> Array:
    """Months free of relapse from the repeat to `to` that it adds, per patient at time 0, (n,)."""
    levels = np.arange(0.0, to, STEP) if model.hazard == "weibull" else np.array([0.0, *model.periods])
    edges = np.unique(np.round([*levels, *(levels + month), month, to], 9))
    edges = edges[edges <= to]
    start, stop = edges[:-1], edges[1:]
    once = model.mean(start, stop)
    after = start >= month - 1e-9
    anew = model.mean(start[after] - month, stop[after] - month)
    twice = once.copy()
    f = share[:, None]
    twice[:, after] = np.exp((1.0 - f) * np.log(once[:, after]) + f * np.log(anew))
    death = 0.0 if model.death is None else model.death
    return _free_months(twice + death, stop - start) - _free_months(once + death, stop - start)


def _free_months(intensity: Array, length: Array) -> Array:
    """Area under the curve of patients left, whose intensity is level over each step, (n,)."""
    lost = intensity * length
    begun = np.exp(-np.concatenate([np.zeros((len(lost), 1)), np.cumsum(lost, axis=1)[:, :-1]], axis=1))
    return np.sum(begun * -np.expm1(-lost) / intensity, axis=1)


def _checked(months: Sequence[float] | None, to: float) -> Array:
    """Months of the repeat."""
    if not (is_number(to) and 0.0 < to < np.inf):
        raise OptionError(f"to is {to!r}; give the month up to which months are counted, for example 12")
    given = [m for m in FIRST_YEAR if m < to] if months is None else list(months)
    rising = all(is_number(m) for m in given) and all(a < b for a, b in pairwise(given))
    if not (given and rising and 0.0 < given[0] and given[-1] < to):
        raise OptionError(
            f"months are {given!r}; give months of the repeat that rise from above 0 to below {to:g}"
        )
    return np.asarray(given, dtype=np.float64)


def _check_laws(laws: Mapping[str, Prior]) -> None:
    """Raise unless there are at most as many beliefs as can be drawn, each about a share."""
    if not 1 <= len(laws) <= len(MARKS):
        raise OptionError(f"restoration holds {len(laws)} beliefs; give one to {len(MARKS)}")
    for name, law in laws.items():
        if law.support[0] < 0.0 or law.support[1] > 1.0:
            raise OptionError(
                f"restoration {name!r} is {law}; give a law on (0, 1), for example 'Beta(1, 4)'"
            )
