"""The PyMC random variable of a prior, with its numbers as `pm.Data` so that they can be swapped.

With `packing`, `walk` and `scaled` all that imports PyMC in `priors`, and only when a model is built.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bayesma.priors.packing import data_variable
from bayesma.priors.prior import Prior

Builder = Callable[..., Any]


def structure(prior: Prior) -> tuple[str, bool, bool]:
    """What of a prior is compiled into a model: its distribution and which bounds are set."""
    return prior.distribution, math.isfinite(prior.lower), math.isfinite(prior.upper)


def data(prior: Prior, name: str) -> dict[str, np.ndarray]:
    """Numbers of a prior under the names its variable gives them: swap these to change the prior."""
    values = dict(zip(prior.declaration.parameters, prior.arguments, strict=True))
    values |= {
        key: bound for key, bound in (("from", prior.lower), ("to", prior.upper)) if math.isfinite(bound)
    }
    return {f"{name}_prior_{key}": np.asarray(value, dtype=np.float64) for key, value in values.items()}


def variable(
    prior: Prior,
    name: str,
    *,
    lower: float = -math.inf,
    normal: tuple[Any, Any] | None = None,
    shape: tuple[int, ...] | None = None,
    shift: np.ndarray | None = None,
) -> Any:
    """Add the prior's random variable to the PyMC model on the context stack.

    Parameters
    ----------
    prior
        Distribution and numbers.
    name
        Name of the parameter.
    lower
        0 for a scale parameter: an improper Flat then lives on the positive half-line.
    normal
        For a prior that is a normal mixture: precision, and precision times mean, of the likelihood of this
        parameter given the others, normal too. The parameter is then sampled in units of its conditional sd
        from its conditional mean (a Student-t or logistic prior taken as normal).
    shape
        Of a vector of parameters with independent priors; not together with `normal`.
    shift
        Added to the first number of an LKJ prior, element by element of a vector.
    """
    import pymc as pm

    prefix = f"{name}_prior_"
    own = {key.removeprefix(prefix): data_variable(key, value) for key, value in data(prior, name).items()}
    numbers = [own[parameter] for parameter in prior.declaration.parameters]
    if shift is not None and prior.distribution == "LKJ":
        numbers[0] = numbers[0] + shift
    bounds = {side: own[key] for side, key in (("lower", "from"), ("upper", "to")) if key in own}
    if normal is not None:
        return _whitened(prior, name, numbers, *normal)
    sized: dict[str, Any] = {} if shape is None else {"shape": shape}
    if prior.distribution == "Flat":
        return _flat(name, bounds, lower, sized)
    if prior.distribution == "NormalMixture":
        return _normal_mixture(name, numbers, bounds, sized)
    if not bounds:
        if prior.distribution in _SCALES:
            sized["default_transform"] = _scaled_softplus(_SCALES[prior.distribution](numbers[0]))
        return _BUILDERS[prior.distribution](name, *numbers, **sized)
    if prior.distribution == "Uniform":
        ends = [bounds.get(side, number) for side, number in zip(("lower", "upper"), numbers, strict=True)]
        inner = pm.math.maximum(numbers[0], ends[0]), pm.math.minimum(numbers[1], ends[1])
        return pm.Uniform(name, *inner, **sized)
    for side, end in zip(("lower", "upper"), prior.declaration.support(prior.arguments), strict=True):
        if math.isfinite(end):  # without it the sampler would wander out of the support
            bounds.setdefault(side, np.float64(end))
    with warnings.catch_warnings():  # PyMC derives an unused quantile function and warns about it
        warnings.filterwarnings("ignore", message="RandomVariables", category=UserWarning)
        if prior.distribution == "HalfStudentT":  # PyMC has no distribution function for it
            base = pm.StudentT.dist(nu=numbers[0], mu=np.float64(0.0), sigma=numbers[1])
        else:
            base = _BASES[prior.distribution](*numbers)
        return pm.Truncated(name, base, **bounds, **sized)


def data_of(prior: Prior, name: str) -> list[Any]:
    """The prior's numbers as `pm.Data`, in their order; registered once in a model."""
    return [data_variable(key, number) for key, number in data(prior, name).items()]


def log_density(prior: Prior, name: str, value: Any) -> Any:
    """Log prior density of an expression, for a parameter sampled in another form: shape of `value`.

    Takes Normal, StudentT, Cauchy and Logistic without bounds.
    """
    return density(prior, data_of(prior, name), value)


def density(prior: Prior, numbers: Sequence[Any], value: Any) -> Any:
    """As `log_density`, with the prior's numbers as expressions."""
    import pymc as pm

    return pm.logp(_BASES[prior.distribution](*numbers), value)


def _flat(name: str, bounds: dict[str, Any], lower: float, sized: dict[str, Any]) -> Any:
    """Improper flat prior on the line or half-line, or a uniform between two given bounds."""
    import pymc as pm

    if len(bounds) == 2:
        return pm.Uniform(name, bounds["lower"], bounds["upper"], **sized)
    if not bounds:
        return pm.HalfFlat(name, **sized) if lower == 0.0 else pm.Flat(name, **sized)
    shift, sign = (bounds["lower"], 1.0) if "lower" in bounds else (bounds["upper"], -1.0)
    distance = pm.HalfFlat(f"{name}_distance", **sized)
    return pm.Deterministic(name, shift + np.float64(sign) * distance)


def _whitened(prior: Prior, name: str, numbers: list[Any], precision: Any, weighted: Any) -> Any:
    """Variable with the prior's density, sampled as (value - mean) / sd of its conditional.

    Mean and sd are inputs of the variable that its density does not use: a transform sees nothing else.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    if prior.is_proper:
        centre, scale = _unit(prior, numbers)
        precision, weighted = precision + scale**-2, weighted + centre * scale**-2
    conditional = weighted / precision, precision**-0.5

    def logp(value: Any, *inputs: Any) -> Any:
        if prior.distribution == "Flat":
            return pt.zeros_like(value)
        return pm.logp(_BASES[prior.distribution](*inputs[:-2]), value)

    class Whitened(Transform):
        name = "whitened"
        ndim_supp = 0

        def backward(self, value: Any, *inputs: Any) -> Any:
            return inputs[-2] + inputs[-1] * value

        def forward(self, value: Any, *inputs: Any) -> Any:
            return (value - inputs[-2]) / inputs[-1]

        def log_jac_det(self, value: Any, *inputs: Any) -> Any:
            return pt.log(inputs[-1])

    return pm.CustomDist(name, *numbers, *conditional, logp=logp, default_transform=Whitened())


def _unit(prior: Prior, numbers: list[Any]) -> tuple[Any, Any]:
    """Centre and scale of a prior on the line, as expressions."""
    if prior.distribution == "Logistic":
        return numbers[0], numbers[1] * np.float64(np.pi / np.sqrt(3.0))
    if prior.distribution != "NormalMixture":
        return numbers[-2], numbers[-1]
    share, *parts = numbers
    rest = np.float64(1.0) - share
    centre = share * parts[0] + rest * parts[2]
    second = share * (parts[1] ** 2 + parts[0] ** 2) + rest * (parts[3] ** 2 + parts[2] ** 2)
    return centre, (second - centre**2) ** np.float64(0.5)


def _normal_mixture(
    name: str | None, numbers: list[Any], bounds: dict[str, Any], sized: dict[str, Any]
) -> Any:
    """Two normals, also between bounds, by their own formula: PyMC cannot truncate a mixture."""
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Interval

    one, half = np.float64(1.0), np.float64(0.5)
    sides, ends = list(bounds), list(bounds.values())

    def logp(value: Any, w: Any, m1: Any, s1: Any, m2: Any, s2: Any, *ends: Any) -> Any:
        parts = ((w, m1, s1), (one - w, m2, s2))
        terms = [pt.log(share) - half * ((value - m) / s) ** 2 - pt.log(s) for share, m, s in parts]
        density = pt.logaddexp(*terms) - np.float64(half * np.log(2.0 * np.pi))
        if not ends:
            return density
        own = dict(zip(sides, ends, strict=True))
        inside = pt.ge(value, own.get("lower", value)) & pt.le(value, own.get("upper", value))
        kept = sum(share * _mass(m, s, **own) for share, m, s in parts)
        return pt.switch(inside, density - pt.log(kept), np.float64(-np.inf))

    def between(*inputs: Any) -> tuple[Any, Any]:
        """The bounds, which the variable's inputs end with."""
        own = dict(zip(sides, inputs[-len(sides) :], strict=True))
        return own.get("lower"), own.get("upper")

    if name is None:
        return pm.CustomDist.dist(*numbers, logp=logp, class_name="NormalMixture")
    if bounds:
        sized = sized | {"default_transform": Interval(bounds_fn=between)}
    return pm.CustomDist(name, *numbers, *ends, logp=logp, class_name="NormalMixture", **sized)


def _mass(mu: Any, sigma: Any, lower: Any = None, upper: Any = None) -> Any:
    """Probability of a normal variable between bounds, from the side on which the tails keep their digits."""
    import pytensor.tensor as pt

    half, unit = np.float64(0.5), sigma * np.float64(np.sqrt(2.0))
    if lower is None:
        return half * pt.erfc((mu - upper) / unit)
    if upper is None:
        return half * pt.erfc((lower - mu) / unit)
    low, high = (lower - mu) / unit, (upper - mu) / unit
    sign = pt.switch(low + high > 0, np.float64(1.0), np.float64(-1.0))
    return half * sign * (pt.erfc(sign * low) - pt.erfc(sign * high))


_SCALES: dict[str, Callable[[Any], Any]] = {
    "HalfNormal": lambda sigma: sigma,
    "Exponential": lambda rate: 1 / rate,
}


def _scaled_softplus(scale: Any) -> Any:
    """Transform tau = scale softplus(x), for light-tailed priors on a scale.

    Like the logarithm near 0, but linear far out: under the logarithm a half-normal ends in a wall exp(2x)
    that makes trajectories diverge (one study: 22 of 30 runs at target_accept 0.9, none with this transform).
    The heavy-tailed priors keep the logarithm, which tames their tails.
    """
    import pytensor.tensor as pt
    from pymc.distributions.transforms import Transform

    class ScaledSoftplus(Transform):
        name = "scaled_softplus"
        ndim_supp = 0

        def backward(self, value: Any, *_: Any) -> Any:
            return scale * pt.softplus(value)

        def forward(self, value: Any, *_: Any) -> Any:
            return value / scale + pt.log(-pt.expm1(-value / scale))

        def log_jac_det(self, value: Any, *_: Any) -> Any:
            return pt.log(scale) - pt.softplus(-value)

    return ScaledSoftplus()


def _log_student_t(name: str | None, nu: Any, mu: Any, sigma: Any, **sized: Any) -> Any:
    """The exp of a Student-t variable, sampled on the log scale."""
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.transforms import log

    def exponential(nu: Any, mu: Any, sigma: Any, size: Any) -> Any:
        return pt.exp(pm.StudentT.dist(nu=nu, mu=mu, sigma=sigma, size=size))

    if name is None:
        return pm.CustomDist.dist(nu, mu, sigma, dist=exponential, class_name="LogStudentT")
    return pm.CustomDist(
        name, nu, mu, sigma, dist=exponential, class_name="LogStudentT", default_transform=log, **sized
    )


def _lkj(name: str | None, eta: Any, **sized: Any) -> Any:
    """One correlation with density proportional to (1 - rho^2)^(eta - 1)."""
    import pymc as pm
    from pymc.distributions.transforms import Interval

    def correlation(eta: Any, size: Any) -> Any:
        return np.float64(2.0) * pm.Beta.dist(eta, eta, size=size) - np.float64(1.0)

    if name is None:
        return pm.CustomDist.dist(eta, dist=correlation, class_name="LKJ")
    return pm.CustomDist(
        name, eta, dist=correlation, class_name="LKJ", default_transform=Interval(-1, 1), **sized
    )


def _named(distribution: str, *keywords: str) -> tuple[Builder, Builder]:
    """Named variable and unnamed base of a distribution that PyMC has."""

    def build(name: str, *numbers: Any, **settings: Any) -> Any:
        import pymc as pm

        return getattr(pm, distribution)(name, **dict(zip(keywords, numbers, strict=True)), **settings)

    def base(*numbers: Any) -> Any:
        import pymc as pm

        return getattr(pm, distribution).dist(**dict(zip(keywords, numbers, strict=True)))

    return build, base


_PAIRS: dict[str, tuple[Builder, Builder]] = {
    "Normal": _named("Normal", "mu", "sigma"),
    "StudentT": _named("StudentT", "nu", "mu", "sigma"),
    "Cauchy": _named("Cauchy", "alpha", "beta"),
    "Logistic": _named("Logistic", "mu", "s"),
    "NormalMixture": (_normal_mixture, lambda *numbers: _normal_mixture(None, list(numbers), {}, {})),
    "HalfNormal": _named("HalfNormal", "sigma"),
    "HalfCauchy": _named("HalfCauchy", "beta"),
    "HalfStudentT": _named("HalfStudentT", "nu", "sigma"),
    "Exponential": _named("Exponential", "lam"),
    "Uniform": _named("Uniform", "lower", "upper"),
    "LogNormal": _named("LogNormal", "mu", "sigma"),
    "LogStudentT": (_log_student_t, lambda *numbers: _log_student_t(None, *numbers)),
    "Gamma": _named("Gamma", "alpha", "beta"),
    "InverseGamma": _named("InverseGamma", "alpha", "beta"),
    "Beta": _named("Beta", "alpha", "beta"),
    "LKJ": (_lkj, lambda *numbers: _lkj(None, *numbers)),
}
_BUILDERS = {name: pair[0] for name, pair in _PAIRS.items()}
_BASES = {name: pair[1] for name, pair in _PAIRS.items()}
