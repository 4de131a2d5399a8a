"""The likelihood of a multivariate random-effects model over visits, and its maximum.

Studies are padded to all visits: where one is missing, the covariance has a row of the identity, and estimate
and design are 0 there, which adds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from bayesma.errors import BayesmaError

type Array = NDArray[np.float64]

MEANS = ("visit", "linear")
STARTS = (-0.3, 0.0, 0.4, 0.8)  # of the correlation, as a share of the way from its middle to its limits
NEAR = 1e-6  # relative: a variance below this share of the unit, or a correlation this near a limit
LIMIT = 1.0 - 1e-9
LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Between:
    """A structure: whether every visit has a variance, limits of the correlation, and the correlations."""

    each: bool
    limits: Callable[[int], tuple[float, float]] | None
    correlation: Callable[[float, Array], Array]

    def correlated(self, visits: int) -> bool:
        """Whether there is a correlation to estimate: one visit has none."""
        return self.limits is not None and visits > 1

    def free(self, visits: int) -> int:
        """Number of parameters."""
        return (visits if self.each else 1) + self.correlated(visits)


def _positions(month: Array) -> Array:
    """Distances in visits."""
    at = np.arange(month.size)
    return np.abs(at[:, None] - at).astype(np.float64)


BETWEEN: dict[str, Between] = {
    "diagonal": Between(True, None, lambda _, month: np.eye(month.size)),
    "cs": Between(
        False,
        lambda visits: (-1.0 / max(visits - 1, 1), 1.0),
        lambda rho, month: np.where(np.eye(month.size) > 0, 1.0, rho),
    ),
    "har": Between(True, lambda _: (-1.0, 1.0), lambda rho, month: rho ** _positions(month)),
    "ou": Between(False, lambda _: (0.0, 1.0), lambda rho, month: rho ** np.abs(month[:, None] - month)),
}


def design_of(trajectory: str, month: Array) -> Array:
    """Columns of the mean at all visits, (t, p).

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.multivariate_fit import design_of
    >>> design_of("linear", np.array([3.0, 6.0])).tolist()
    [[1.0, 3.0], [1.0, 6.0]]
    """
    return np.eye(month.size) if trajectory == "visit" else np.column_stack([np.ones_like(month), month])


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Padded studies: estimates (k, t), design (k, t, p), seen (k, t), within (k, t, t), months (t,)."""

    y: Array
    design: Array
    seen: Array
    within: Array
    month: Array

    @classmethod
    def padded(cls, y: Array, within: Array, month: Array, design: Array) -> Data:
        """Zeros where a visit is missing, and ones on the diagonal of its covariance."""
        seen = np.isfinite(y).astype(np.float64)
        fill = (1.0 - seen)[:, :, None] * np.eye(month.size)
        return cls(np.nan_to_num(y), seen[:, :, None] * design, seen, np.nan_to_num(within) + fill, month)

    @property
    def size(self) -> int:
        """Number of estimates."""
        return int(self.seen.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the likelihood is highest."""

    coefficients: Array
    information: Array
    tau2: Array
    rho: float
    between: Array
    log_likelihood: float
    smallest: float
    rho_at_limit: bool


def _profile(data: Data, between: Array, *, restricted: bool) -> tuple[float, Array, Array]:
    """Log likelihood at its best coefficients, these, and their information X'V^-1 X."""
    both = data.seen[:, :, None] * data.seen[:, None, :]
    try:
        factor = np.linalg.cholesky(data.within + both * between)
    except np.linalg.LinAlgError:  # outside the parameter space
        return -math.inf, np.zeros(0), np.zeros((0, 0))
    white = np.linalg.solve(factor, np.concatenate([data.design, data.y[:, :, None]], axis=2))
    x, y = white[:, :, :-1].reshape(-1, white.shape[2] - 1), white[:, :, -1].reshape(-1)
    information = x.T @ x
    coefficients = np.linalg.solve(information, x.T @ y)
    p = coefficients.size
    log_det = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum()
    value = -0.5 * (data.size * LOG_2PI + log_det + np.sum((y - x @ coefficients) ** 2))
    if restricted:
        flat = data.design.reshape(-1, p)
        value += 0.5 * (p * LOG_2PI + np.linalg.slogdet(flat.T @ flat)[1] - np.linalg.slogdet(information)[1])
    return float(value), coefficients, information


def optimise(data: Data, structure: Between, *, restricted: bool) -> Optimum:
    """The highest likelihood over variances (0 or more) and the correlation.

    Quasi-Newton from several starts on variances in the unit of the estimates' spread about the mean, then a
    simplex from the best, so that the answer does not hang on numerical derivatives. Least squares comes off
    the estimates first: how far apart the visits are says nothing about how studies differ.

    Raises
    ------
    BayesmaError
        When no start reaches an optimum.
    """
    visits = data.month.size
    count = visits if structure.each else 1
    observed = data.seen > 0
    flat = data.design.reshape(-1, data.design.shape[2])
    origin = np.linalg.lstsq(flat, data.y.reshape(-1))[0]
    data = replace(data, y=data.y - data.design @ origin)
    spread = float(np.mean(data.y[observed] ** 2))
    unit = max(spread, float(np.min(np.diagonal(data.within, axis1=1, axis2=2)[observed])))
    correlated = structure.correlated(visits)
    low, high = structure.limits(visits) if structure.limits is not None else (0.0, 0.0)

    def unpacked(packed: Array) -> tuple[Array, float, Array]:
        """Variances, correlation, covariance."""
        tau2 = unit * packed[:count]
        share = float(packed[count]) if packed.size > count else 0.0
        rho = 0.5 * (low + high) + 0.5 * (high - low) * share
        tau = np.broadcast_to(np.sqrt(tau2), (visits,))
        return tau2, rho, tau[:, None] * structure.correlation(rho, data.month) * tau

    def loss(packed: Array) -> float:
        """Minus the log likelihood, large outside the parameter space."""
        value = _profile(data, unpacked(packed)[2], restricted=restricted)[0]
        return -value if math.isfinite(value) else 1e10

    bounds = [(0.0, None)] * count + [(-LIMIT, LIMIT)] * correlated
    shares = STARTS if correlated else (0.0,)
    starts = [[level] * count + [share] * (len(bounds) - count) for level in (0.1, 1.0) for share in shares]
    found = [optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(found, key=lambda one: float(one.fun))
    for _ in range(3):  # a simplex started afresh leaves a corner it collapsed into
        best = optimize.minimize(
            loss,
            best.x,
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000, "maxfev": 20_000, "adaptive": True},
        )
    if not best.success or best.fun >= 1e10:
        raise BayesmaError(f"multivariate: no maximum of the likelihood was found ({best.message})")
    tau2, rho, between = unpacked(best.x)
    value, coefficients, information = _profile(data, between, restricted=restricted)
    smallest = NEAR * unit
    # Studies seen at two visits that vary tell the correlation; without them the likelihood is flat in it.
    varies = np.broadcast_to(tau2, (visits,)) > smallest
    told = correlated and bool(np.any(np.sum(data.seen * varies, axis=1) > 1))
    if correlated and not told:
        between = np.where(np.outer(varies, varies) & ~np.eye(visits, dtype=bool), np.nan, between)
    at_limit = told and abs(float(best.x[count])) > 1.0 - NEAR
    rho = rho if told else math.nan
    return Optimum(origin + coefficients, information, tau2, rho, between, value, smallest, at_limit)
