"""Moderators of a study's effect: theta_i ~ N(mu + z_i' beta, tau^2), z centred over the studies.

mu is then the mean effect at the moderators' centre. Thompson & Higgins 2002, doi 10.1002/sim.1187.
The coefficients have a prior each, or together a regularised horseshoe, see `horseshoe`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.evidence.counts import TwoArmCounts
from bayesma.evidence.effects import Effects
from bayesma.evidence.moderators import Moderators, independent, read_moderators, warn_inseparable
from bayesma.families import horseshoe
from bayesma.families.base import Array, Arrays, Case, Option, Options, Parameter, Priors
from bayesma.priors import Prior
from bayesma.priors.defaults import DIGITS

MODERATORS, UNIT, COEFFICIENTS = "moderators", "moderator_unit", "coefficients"
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
    COEFFICIENTS: Option(
        ("independent", "horseshoe"),
        "independent",
        "prior of the coefficients: each by itself, or a regularised horseshoe: most of them near 0",
    ),
}
HORSESHOE = (
    "engine 'exact' has no integral for a horseshoe, whose every coefficient has a scale of its own; use "
    "engine='nuts', or coefficients='independent'"
)
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


def parameters(options: Options) -> tuple[Parameter, ...]:
    """What moderators add to a model: their coefficients, after what the prior of these depends on."""
    if not options.get(MODERATORS):
        return ()
    return horseshoe.PARAMETERS if shrunken(options) else (BETA,)


def shrunken(options: Options) -> bool:
    """Whether the coefficients have a horseshoe."""
    return bool(options.get(COEFFICIENTS) == "horseshoe")


def check(evidence: Effects | TwoArmCounts, options: Options) -> None:
    """Refuse moderators the evidence has not, and say where only their priors tell them apart.

    Raises
    ------
    OptionError, DataError
        As `read_moderators`; for a horseshoe without moderators, or with moderators in units of their own. A
        `DataWarning` for columns that say the same about these studies.
    """
    if shrunken(options) and not options.get(MODERATORS):
        raise OptionError("coefficients='horseshoe' needs moderators; name them, or leave the option out")
    if shrunken(options) and options[UNIT] == "own":
        raise OptionError(
            "coefficients='horseshoe' holds all moderators to one scale, which needs them in units of their "
            "sd; leave moderator_unit out"
        )
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


def default_priors(
    evidence: Effects | TwoArmCounts, options: Options, se: Array, mu: Prior, tau: Prior
) -> Priors:
    """Of the coefficients: normal, as wide as tau allows (`coefficient_sd`), or those of a horseshoe.

    Parameters
    ----------
    evidence, options
        Of the model.
    se
        Standard errors of the studies' effects, shape (k,).
    mu, tau
        Defaults of these.
    """
    columns, scale = read(evidence, options).values, tau.arguments[-1]
    if shrunken(options):
        return horseshoe.default_priors(columns.shape[1], se, mu.arguments[-1], scale)
    if not columns.size:
        return {BETA.name: mu}
    sd = coefficient_sd(columns, scale, unlike=options[UNIT] == "own")
    return {BETA.name: Prior("Normal", (0.0, float(f"{sd:.{DIGITS}g}")))}


def coefficient_sd(columns: Array, tau: float, *, unlike: bool) -> float:
    """Standard deviation of coefficients under which moderators explain about half of what there is.

    The variance that they add has the prior mean tau^2, whatever their number and unit: of one moderator and
    tau ~ HalfNormal R2 is then Beta(1/2, 1/2), which has its median at one half, where the unit-information
    prior of mu would put half of it above 0.98. The reasoning is that of the R2-D2 prior (Zhang, Naughton,
    Bondell and Reich 2022, doi 10.1080/01621459.2020.1825449): state what is believed of the variance.

    Parameters
    ----------
    columns
        Moderators, centred, shape (k, q).
    tau
        Scale of the prior of the between-study sd.
    unlike
        Whether the columns have units of their own: the one that varies least then sets the width of all, as
        no coefficient is to be held nearer to 0 than that.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.families.effect_moderators import coefficient_sd
    >>> coefficient_sd(np.array([[-1.0], [1.0]]), 0.5, unlike=False)
    0.5
    """
    variance = columns.var(axis=0)
    total = columns.shape[1] * float(variance.min()) if unlike else float(variance.sum())
    return tau / math.sqrt(total)


def prior_scale(parameter: Parameter, draws: Mapping[str, Array], options: Options) -> Array | None:
    """Scale of the coefficients under a horseshoe: draws (s,) to (s, q)."""
    return horseshoe.scales(draws) if parameter.name == BETA.name and shrunken(options) else None


def tail(priors: Priors) -> float:
    """Exponent of the heavier tail of the coefficients' prior: under a horseshoe that of its slab."""
    return priors[horseshoe.SLAB].tail if horseshoe.SLAB in priors else priors[BETA.name].tail


def flat_columns(case: Case) -> Array:
    """Design of the coefficients under a flat prior, (k, f): ones for mu, the moderators for beta."""
    k, priors = case.arrays["y"].size, case.priors
    columns = [np.ones((k, int(not priors["mu"].is_proper)))]
    if MODERATORS in case.arrays and BETA.name in priors and not priors[BETA.name].is_proper:
        columns.append(case.arrays[MODERATORS])
    return np.hstack(columns)


def identified(case: Case) -> bool:
    """Whether the studies alone determine the coefficients under a flat prior."""
    return MODERATORS not in case.arrays or independent(flat_columns(case))


def moments_below(priors: Priors) -> dict[str, float]:
    """Of the scales of a horseshoe, as far as their priors guarantee; see `Family.moments_below`."""
    return {name: priors[name].tail - 1.0 for name in horseshoe.SCALES if name in priors}


def shifts(case: Case, columns: Any, estimate: Any, variance: Any) -> Any:
    """What moderators add to each study's effect in the PyMC model on the context stack, shape (k,).

    Parameters
    ----------
    case
        The model.
    columns
        Moderators in the model, (k, q).
    estimate, variance
        Of the studies' effects around their means, nearly normal: shapes (k,).
    """
    import pytensor.tensor as pt

    from bayesma.priors.variables import variable

    size = case.arrays[MODERATORS].shape[1]
    if not shrunken(case.options):
        return pt.dot(columns, variable(case.priors[BETA.name], BETA.name, shape=(size,)))
    weight = 1 / variance
    share = weight / pt.sum(weight)
    away = columns - pt.dot(share, columns)  # from their weighted mean: whatever mu is
    weighted = away * weight[:, None]
    beta = horseshoe.variables(case.priors, size, pt.dot(weighted.T, away), pt.dot(weighted.T, estimate))
    return pt.dot(columns, beta)


def means(draws: Mapping[str, Array], arrays: Arrays) -> Array:
    """Mean effect of studies like each of these: draws (s,) to (s, k), or (s, 1) where all are alike."""
    mu = draws["mu"][:, None]
    return np.asarray(mu + draws["beta"] @ arrays[MODERATORS].T) if MODERATORS in arrays else mu
