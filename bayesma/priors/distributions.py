"""The distributions a prior may name: arguments, support, tails, and their scipy and kernel forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy import stats

from bayesma.priors import kernels
from bayesma.priors.transformed import ExpOf, HalfOf, MixtureOf
from bayesma.registry import Registry

Arguments = tuple[float, ...]

LINE = (-math.inf, math.inf)
HALF_LINE = (0.0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What bayesma knows of one distribution.

    Attributes
    ----------
    parameters
        Names of the arguments, in the order of the text form.
    positive, shares
        Those that must be above 0, and of them those that must be below 1.
    scipy
        Frozen distribution, given the arguments; None for the improper flat prior.
    code, kernel_arguments
        How `kernels.log_density` evaluates it.
    support
        Lower and upper end, given the arguments.
    tail
        Exponent a of the tails that do not end, density ~ abs(x)^-a; infinite when lighter than any power.
    smooth_at_zero
        Whether the density is smooth and finite at 0 from above; if not, quadrature works in log x.
    """

    parameters: tuple[str, ...]
    positive: tuple[str, ...]
    scipy: Callable[[Arguments], Any] | None
    code: int
    shares: tuple[str, ...] = ()
    kernel_arguments: Callable[[Arguments], Arguments] = lambda arguments: arguments
    support: Callable[[Arguments], tuple[float, float]] = lambda _: LINE
    tail: Callable[[Arguments], float] = lambda _: math.inf
    smooth_at_zero: bool = True


DISTRIBUTIONS: Registry[Distribution] = Registry("prior distribution")


def _register(name: str, **declaration: Any) -> None:
    """Declare one distribution in the registry."""
    DISTRIBUTIONS.register(name, Distribution(**declaration))


_register("Flat", parameters=(), positive=(), scipy=None, code=kernels.FLAT, tail=lambda _: 0.0)
_register(
    "Normal",
    parameters=("mu", "sigma"),
    positive=("sigma",),
    scipy=lambda a: stats.norm(loc=a[0], scale=a[1]),
    code=kernels.NORMAL,
)
_register(
    "StudentT",
    parameters=("nu", "mu", "sigma"),
    positive=("nu", "sigma"),
    scipy=lambda a: stats.t(a[0], loc=a[1], scale=a[2]),
    code=kernels.STUDENT_T,
    tail=lambda a: a[0] + 1.0,
)
_register(
    "Cauchy",
    parameters=("mu", "sigma"),
    positive=("sigma",),
    scipy=lambda a: stats.cauchy(loc=a[0], scale=a[1]),
    code=kernels.STUDENT_T,
    kernel_arguments=lambda a: (1.0, a[0], a[1]),
    tail=lambda _: 2.0,
)
_register(
    "Logistic",  # of location 0 and scale 1 on a logit: every risk equally likely
    parameters=("location", "scale"),
    positive=("scale",),
    scipy=lambda a: stats.logistic(loc=a[0], scale=a[1]),
    code=kernels.LOGISTIC,
)
_register(
    "NormalMixture",  # weight is that of the first
    parameters=("weight", "mu1", "sigma1", "mu2", "sigma2"),
    positive=("weight", "sigma1", "sigma2"),
    shares=("weight",),
    scipy=lambda a: MixtureOf(a[0], stats.norm(a[1], a[2]), stats.norm(a[3], a[4])),
    code=kernels.NORMAL_MIXTURE,
)
_register(
    "HalfNormal",
    parameters=("sigma",),
    positive=("sigma",),
    scipy=lambda a: stats.halfnorm(scale=a[0]),
    code=kernels.HALF_NORMAL,
    support=lambda _: HALF_LINE,
)
_register(
    "HalfCauchy",
    parameters=("sigma",),
    positive=("sigma",),
    scipy=lambda a: stats.halfcauchy(scale=a[0]),
    code=kernels.HALF_STUDENT_T,
    kernel_arguments=lambda a: (1.0, a[0]),
    support=lambda _: HALF_LINE,
    tail=lambda _: 2.0,
)
_register(
    "HalfStudentT",
    parameters=("nu", "sigma"),
    positive=("nu", "sigma"),
    scipy=lambda a: HalfOf(stats.t(a[0], scale=a[1])),
    code=kernels.HALF_STUDENT_T,
    support=lambda _: HALF_LINE,
    tail=lambda a: a[0] + 1.0,
)
_register(
    "Exponential",
    parameters=("rate",),
    positive=("rate",),
    scipy=lambda a: stats.expon(scale=1.0 / a[0]),
    code=kernels.EXPONENTIAL,
    support=lambda _: HALF_LINE,
)
_register(
    "Uniform",
    parameters=("lower", "upper"),
    positive=(),
    scipy=lambda a: stats.uniform(loc=a[0], scale=a[1] - a[0]),
    code=kernels.UNIFORM,
    support=lambda a: (a[0], a[1]),
)
_register(
    "LogNormal",
    parameters=("mu", "sigma"),
    positive=("sigma",),
    scipy=lambda a: stats.lognorm(a[1], scale=math.exp(a[0])),
    code=kernels.LOG_NORMAL,
    support=lambda _: HALF_LINE,
    smooth_at_zero=False,
)
_register(
    "LogStudentT",
    parameters=("nu", "mu", "sigma"),
    positive=("nu", "sigma"),
    scipy=lambda a: ExpOf(stats.t(a[0], loc=a[1], scale=a[2])),
    code=kernels.LOG_STUDENT_T,
    support=lambda _: HALF_LINE,
    tail=lambda _: 1.0,
    smooth_at_zero=False,
)
_register(
    "Gamma",
    parameters=("shape", "rate"),
    positive=("shape", "rate"),
    scipy=lambda a: stats.gamma(a[0], scale=1.0 / a[1]),
    code=kernels.GAMMA,
    support=lambda _: HALF_LINE,
    smooth_at_zero=False,
)
_register(
    "InverseGamma",
    parameters=("shape", "scale"),
    positive=("shape", "scale"),
    scipy=lambda a: stats.invgamma(a[0], scale=a[1]),
    code=kernels.INVERSE_GAMMA,
    support=lambda _: HALF_LINE,
    tail=lambda a: a[0] + 1.0,
    smooth_at_zero=False,
)
_register(
    "Beta",
    parameters=("alpha", "beta"),
    positive=("alpha", "beta"),
    scipy=lambda a: stats.beta(a[0], a[1]),
    code=kernels.BETA,
    support=lambda _: (0.0, 1.0),
    smooth_at_zero=False,
)
_register(
    "LKJ",  # of one correlation: the density is proportional to (1 - rho^2)^(eta - 1)
    parameters=("eta",),
    positive=("eta",),
    scipy=lambda a: stats.beta(a[0], a[0], loc=-1.0, scale=2.0),
    code=kernels.LKJ,
    support=lambda _: (-1.0, 1.0),
)
