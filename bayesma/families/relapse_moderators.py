"""Moderators of the intensity of relapse: log lambda_ij(t) = log lambda(t) + u_i + z_ij' beta.

z is centred over the studies (over all centres, where studies have several), so that the intensity without it
is the one at their centre.
"""

from __future__ import annotations

import numpy as np

from bayesma.evidence.follow_up import FollowUp
from bayesma.evidence.moderators import Moderators, read_moderators, warn_inseparable
from bayesma.families.base import Array, Arrays, Option, Options, Parameter

MODERATORS = "moderators"
BETA = Parameter(
    "beta",
    "hyper",
    ("moderator",),
    meaning="change of the log intensity of relapse with one sd more of a moderator, or with its category",
)
OPTION = Option((), (), "columns of study characteristics that shift the intensity", names=True)
DIMS = {
    MODERATORS: ("interval", "moderator"),
    "moderator_centre": ("moderator",),
    "moderator_scale": ("moderator",),
}


def read(evidence: FollowUp, options: Options) -> Moderators:
    """One row a study, or centre."""
    groups = evidence.groups.tolist()
    return read_moderators(evidence.table, options[MODERATORS], groups, evidence.source)


def check(evidence: FollowUp, options: Options) -> None:
    """Refuse moderators the evidence has not, and say where only their priors tell them apart.

    Raises
    ------
    OptionError, DataError
        As `read_moderators`. A `DataWarning` for columns that say the same about these studies.
    """
    warn_inseparable(read(evidence, options), evidence.source)


def arrays_of(evidence: FollowUp, options: Options) -> Arrays:
    """`moderators` by interval (rows, q), with their centres and scales (q,); none without moderators."""
    if not options[MODERATORS]:
        return {}
    found = read(evidence, options)
    names = DIMS.keys()
    return dict(zip(names, (found.values[evidence.group], found.centre, found.scale), strict=True))


def factor(arrays: Arrays, beta: Array) -> Array:
    """By what they multiply the intensity of each interval: draws (s, q) to (s, rows)."""
    return np.asarray(np.exp(beta @ arrays[MODERATORS].T))
