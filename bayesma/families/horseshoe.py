"""The regularised horseshoe: many coefficients of which few are expected to matter.

beta_j = s_j z_j, z_j ~ N(0, 1), 1 / s_j^2 = 1 / slab^2 + 1 / (scale local_j)^2, local_j ~ half-Cauchy(1).
The common scale pulls all coefficients towards 0, local scales let some escape, the slab bounds how far.
Piironen & Vehtari 2017, doi 10.1214/17-EJS1337SI.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesma.families.base import Array, Parameter, Priors
from bayesma.priors import Prior

SCALE, SLAB, LOCAL, BETA = "beta_scale", "beta_slab", "beta_local", "beta"
SCALES = (SCALE, SLAB, LOCAL)
PARAMETERS = (
    Parameter(
        SCALE,
        "hyper",
        lower=0.0,
        meaning="scale of the horseshoe: how near 0 coefficients of moderators are held that do not matter",
    ),
    Parameter(
        SLAB, "hyper", lower=0.0, meaning="sd of the coefficients of moderators that matter (the slab)"
    ),
    Parameter(
        LOCAL,
        "hyper",
        ("moderator",),
        lower=0.0,
        meaning="how far each coefficient is let go, in units of the scale",
        standard=Prior("HalfCauchy", (1.0,)),
    ),
    Parameter(
        BETA,
        "hyper",
        ("moderator",),
        meaning="change of the effect with one sd more of a moderator, or with its category",
        standard=Prior("Normal", (0.0, 1.0)),
    ),
)
MATTER = 1.0  # moderators expected to matter, where nothing else is said
SLAB_SPREAD = 0.5  # sd of the log of the slab: a factor of 2.7 either way with 95 %
DIGITS = 3


def default_priors(columns: int, se: Array, unit_sd: float, tau: float) -> Priors:
    """Priors of a horseshoe of which one moderator is expected to matter.

    The scale is half-Cauchy of scale p0 / (q - p0) sigma / sqrt(k) (Piironen & Vehtari 2017, eq. 3.12), where
    sigma / sqrt(k) is the standard error that the studies together leave to the coefficient of a moderator in
    units of its sd.

    Parameters
    ----------
    columns
        Number of coefficients, q.
    se
        Standard errors of the studies' effects, shape (k,).
    unit_sd
        Around which the slab lies: the unit-information sd of the effect.
    tau
        Sd between studies that is expected.
    """
    information = float(np.sum(1.0 / (se**2 + tau**2)))
    scale = MATTER / max(columns - MATTER, 1.0) / math.sqrt(information)
    return {p.name: p.standard for p in PARAMETERS if p.standard is not None} | {
        SCALE: Prior("HalfCauchy", (float(f"{scale:.{DIGITS}g}"),)),
        SLAB: Prior("LogNormal", (float(f"{math.log(unit_sd):.{DIGITS}g}"), SLAB_SPREAD)),
    }


def scales(draws: Mapping[str, Array]) -> Array:
    """Sd of each coefficient: draws (s,) and (s, q) to (s, q)."""
    free = draws[SCALE][..., None] * draws[LOCAL]
    with np.errstate(divide="ignore", over="ignore"):  # a scale of 0 or beyond all numbers has its limit
        return np.asarray(1.0 / np.sqrt(draws[SLAB][..., None] ** -2.0 + free**-2.0))


def variables(priors: Priors, size: int, precision: Any, weighted: Any) -> Any:
    """The coefficients in the PyMC model on the context stack, shape (q,).

    `precision` (q, q) and `weighted` (q,) are those of their likelihood, nearly; see `scaled`.
    """
    from bayesma.priors.scaled import scaled
    from bayesma.priors.variables import variable

    scale = variable(priors[SCALE], SCALE, lower=0.0)
    slab = variable(priors[SLAB], SLAB, lower=0.0)
    local = variable(priors[LOCAL], LOCAL, lower=0.0, shape=(size,))
    sd = (slab**-2 + (scale * local) ** -2) ** np.float64(-0.5)
    return scaled(priors[BETA], BETA, sd, precision, weighted, size)
