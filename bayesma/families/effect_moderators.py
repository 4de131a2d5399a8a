"""Moderators of a study's effect: theta_i ~ N(mu + z_i' beta, tau^2), z centred over the studies.

mu is then the mean effect at the moderators' centre. Thompson & Higgins 2002, doi 10.1002/sim.1187.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.moderators import Moderators, read_moderators, warn_inseparable
from bayesma.families.base import Array, Arrays, Option, Options, Parameter

MODERATORS, UNIT = "moderators", "moderator_unit"
BETA = Parameter(
    "beta",
    "hyper",
    ("moderator",),
    meaning="change of the effect with one unit more of a moderator (one sd unless asked otherwise), or with "
    "its category",
)
OPTIONS = {
    MODERATORS: Option((), (), "columns of study characteristics that shift the effect", names=True),
    UNIT: Option(
        ("sd", "own"), "sd", "unit of moderators that are numbers: their sd over the studies, or their own"
    ),
}
DIMS = {
    MODERATORS: ("study", "moderator"),
    "moderator_centre": ("moderator",),
    "moderator_scale": ("moderator",),
}


def read(evidence: Effects | TwoArmCounts, options: Options) -> Moderators:
    """One row a study."""
    return read_moderators(
        evidence.table, options[MODERATORS], evidence.study.tolist(), evidence.source, unit=options[UNIT]
    )


def check(evidence: Effects | TwoArmCounts, options: Options) -> None:
    """Refuse moderators the evidence has not, and say where only their priors tell them apart.

    Raises
    ------
    OptionError, DataError
        As `read_moderators`. A `DataWarning` for columns that say the same about these studies.
    """
    if options.get(MODERATORS):
        warn_inseparable(read(evidence, options), evidence.source)


def arrays_of(evidence: Effects | TwoArmCounts, options: Options) -> Arrays:
    """`moderators` (k, q), with their centres and scales (q,); none without moderators."""
    if not options.get(MODERATORS):
        return {}
    found = read(evidence, options)
    return dict(zip(DIMS.keys(), (found.values, found.centre, found.scale), strict=True))


def coords_of(evidence: Effects | TwoArmCounts, options: Options) -> dict[str, NDArray[Any]]:
    """Labels of the columns; none without moderators."""
    return {"moderator": read(evidence, options).labels} if options.get(MODERATORS) else {}


def means(draws: Mapping[str, Array], arrays: Arrays) -> Array:
    """Mean effect of studies like each of these: draws (s,) to (s, k), or (s, 1) where all are alike."""
    mu = draws["mu"][:, None]
    return np.asarray(mu + draws["beta"] @ arrays[MODERATORS].T) if MODERATORS in arrays else mu
