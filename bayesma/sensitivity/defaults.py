"""Which priors to try beside an analysis's own, when nobody names them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bayesma.priors import Prior
from bayesma.sensitivity.tipping_point import MOVED

FACTORS = (0.5, 1.0, 2.0)  # of the scale of each prior
ALONE = (0.25, 0.5, 1.0, 2.0, 4.0)  # where only one parameter has a prior to vary
FAR = 20.0  # up and down by this factor a scale is followed, and a sceptical prior's sd down
NEAR = 3.0  # ... where every fit takes long: so far the draws of one fit can be weighted
WIDE = 4.0
SCALE = {  # place of the argument that the width of a distribution is proportional to
    "Normal": 1,
    "StudentT": 2,
    "Cauchy": 1,
    "Logistic": 1,
    "HalfNormal": 0,
    "HalfCauchy": 0,
    "HalfStudentT": 1,
    "InverseGamma": 1,
}
ON_LOGS = {"LogNormal": 0, "LogStudentT": 1}  # place of the argument that a factor is added to as its log


@dataclass(frozen=True, slots=True)
class Path:
    """A path of priors: parameter, text with ``?`` for the number that moves, and its two ends."""

    parameter: str
    text: str
    over: tuple[float, float]


def grid(priors: Mapping[str, Prior], names: Sequence[str]) -> dict[str, list[str]]:
    """Priors to try: those of `names` with their widths halved and doubled, each with its own among them."""
    movable = {name: priors[name] for name in names if name in priors and widened(priors[name], 1.0)}
    return {
        name: [str(one) for factor in factors(len(movable)) if (one := widened(prior, factor)) is not None]
        for name, prior in movable.items()
    }


def factors(parameters: int) -> tuple[float, ...]:
    """Of the width of each prior, when those of so many parameters are varied together."""
    return ALONE if parameters == 1 else FACTORS


def widened(prior: Prior, factor: float, digits: int = 6) -> Prior | None:
    """The prior with its width multiplied, itself at 1; None where it has no number that this is."""
    arguments = list(prior.arguments)
    if prior.distribution in SCALE:
        arguments[SCALE[prior.distribution]] *= factor
    elif prior.distribution in ON_LOGS:
        arguments[ON_LOGS[prior.distribution]] += math.log(factor)
    elif prior.distribution == "Exponential":
        arguments[0] /= factor
    else:
        return None
    if factor == 1.0:
        return prior
    rounded = tuple(float(f"{value:.{digits}g}") for value in arguments)
    return replace(prior, arguments=rounded)


def sceptical(priors: Mapping[str, Prior], name: str, reach: float = FAR) -> Path | None:
    """Normal priors around no effect, ever narrower; None where the analysis has none to start from."""
    prior = priors.get(name)
    symmetric = {"Normal", "StudentT", "Cauchy", "Logistic"}
    if prior is None or prior.distribution not in symmetric or prior.truncated:
        return None
    centre, widest = prior.arguments[-2:]
    if centre != 0.0:  # an enthusiast's own sd is not yet a wide one
        widest *= WIDE
    return Path(name, f"Normal(0, {MOVED})", (widest / reach, widest))


def wider(priors: Mapping[str, Prior], name: str, reach: float = FAR) -> Path | None:
    """The same distribution, narrower and wider; None where it has no width."""
    prior = priors.get(name)
    if prior is None or prior.distribution not in SCALE:
        return None
    at = SCALE[prior.distribution]
    middle = prior.arguments[at]
    numbers = [MOVED if i == at else f"{value:g}" for i, value in enumerate(prior.arguments)]
    text = f"{prior.distribution}({', '.join(numbers)})"
    if prior.truncated:
        bounds = [
            f"{n}={v:g}" for n, v in (("lower", prior.lower), ("upper", prior.upper)) if math.isfinite(v)
        ]
        text = f"Truncated({text}, {', '.join(bounds)})"
    return Path(name, text, (middle / reach, middle * reach))
