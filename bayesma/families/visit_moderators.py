"""Moderators of a course over visits, in NumPy: what they add to a study's mean.

theta_i(t) ~ m(t) + z_i' beta + t w_i' beta_slope, with z_i and w_i centred over the studies, so that m is the
mean at their centre; at month 0 only z counts. Thompson & Higgins 2002, doi 10.1002/sim.1187.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayesma.evidence.moderators import Moderators, read_moderators, warn_inseparable
from bayesma.evidence.trajectories import Trajectories
from bayesma.families.base import Array, Arrays, Option, Options, Parameter
from bayesma.families.visit_covariances import Draws

BETA = Parameter(
    "beta",
    "hyper",
    ("moderator",),
    meaning="change of the effect at every month with one sd more of a moderator, or with its category",
)
BETA_SLOPE = Parameter(
    "beta_slope",
    "hyper",
    ("slope_moderator",),
    meaning="change of the effect a month with one sd more of a moderator, or with its category",
)
KINDS = {"moderators": BETA, "slope_moderators": BETA_SLOPE}
OPTIONS = {
    "moderators": Option((), (), "columns of study characteristics that shift the effect", names=True),
    "slope_moderators": Option(
        (), (), "columns of study characteristics that change its course a month", names=True
    ),
}
DIMS = {
    **{name: ("study", *p.dims) for name, p in KINDS.items()},
    **{f"{p.dims[0]}_{part}": p.dims for p in KINDS.values() for part in ("centre", "scale")},
}


def parameters_of(options: Options) -> tuple[Parameter, ...]:
    """The coefficients a model has."""
    return tuple(p for option, p in KINDS.items() if options[option])


def check(evidence: Trajectories, options: Options) -> None:
    """Refuse moderators the evidence has not, and say where only their priors tell them apart.

    Raises
    ------
    OptionError, DataError
        As `read_moderators`. A `DataWarning` for columns that say the same about these studies.
    """
    for read in _read(evidence, options).values():
        warn_inseparable(read, evidence.source)


def arrays_of(evidence: Trajectories, options: Options) -> Arrays:
    """`moderators` and `slope_moderators` (k, q), with their centres and scales (q,); those there are."""
    found: Arrays = {}
    for option, read in _read(evidence, options).items():
        dim = KINDS[option].dims[0]
        found |= {option: read.values, f"{dim}_centre": read.centre, f"{dim}_scale": read.scale}
    return found


def labels_of(evidence: Trajectories, options: Options) -> dict[str, NDArray[np.str_]]:
    """Labels of the columns by dimension."""
    return {KINDS[option].dims[0]: read.labels for option, read in _read(evidence, options).items()}


def _read(evidence: Trajectories, options: Options) -> dict[str, Moderators]:
    """Those there are, by option."""
    return {
        option: read_moderators(evidence.table, options[option], evidence.study.tolist(), evidence.source)
        for option in KINDS
        if options[option]
    }


def columns_of(arrays: Arrays, month: Array) -> Array:
    """Each study's own columns at the months, (k, t, q): those of `beta`, then those of `beta_slope`."""
    size = (len(arrays["y"]), month.size)
    parts = [np.empty((*size, 0))]
    for name, at in zip(KINDS, (np.ones_like(month), month), strict=True):
        if name in arrays:
            parts.append(arrays[name][:, None, :] * at[:, None])
    return np.ascontiguousarray(np.concatenate(parts, axis=-1))


def coefficients_of(draws: Draws, size: int) -> Array:
    """Draws of the coefficients in the order of `columns_of`, (s, q)."""
    return np.concatenate(
        [np.empty((size, 0)), *(draws[p.name] for p in KINDS.values() if p.name in draws)], axis=1
    )
