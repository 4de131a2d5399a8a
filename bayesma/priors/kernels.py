"""Log densities of the priors as compiled scalar functions, for the integration kernels.

A third, separate route beside scipy (`distributions.py`) and PyMC (`variables.py`); a contract test holds
the three together for every registered distribution.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

PACKED = 9  # code, three arguments, lower, upper, log of the mass kept by truncation, two more arguments

FLAT, NORMAL, STUDENT_T, HALF_NORMAL, HALF_STUDENT_T, EXPONENTIAL, UNIFORM = range(7)
LOG_NORMAL, LOG_STUDENT_T, GAMMA, INVERSE_GAMMA, BETA, LKJ, NORMAL_MIXTURE, LOGISTIC = range(7, 15)

_LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)
_LOG_2 = math.log(2.0)


@compiled
def _log_normal_density(x: float, mu: float, sigma: float) -> float:
    z = (x - mu) / sigma
    return -0.5 * z * z - math.log(sigma) - _LOG_SQRT_2PI


@compiled
def _log_t_density(x: float, nu: float, mu: float, sigma: float) -> float:
    z = (x - mu) / sigma
    constant = math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu) - 0.5 * math.log(nu * math.pi)
    return constant - math.log(sigma) - 0.5 * (nu + 1.0) * math.log1p(z * z / nu)


@compiled
def log_density(packed: Array, x: float, log_x: float) -> float:  # noqa: PLR0911, PLR0912 - a line each
    """Log density at `x` of a prior packed by `Prior.pack`; ``-inf`` outside its support.

    `log_x` is log(x), or any number for a distribution on the whole line. It is an argument of its own
    because a heavy log tail matters where `x` itself has already underflowed to 0.
    """
    code = int(packed[0])
    a: float = packed[1]
    b: float = packed[2]
    c: float = packed[3]
    if x < packed[4] or x > packed[5]:
        return -np.inf
    kept: float = packed[6]
    if code == FLAT:
        return -kept
    if code == NORMAL:
        return _log_normal_density(x, a, b) - kept
    if code == STUDENT_T:
        return _log_t_density(x, a, b, c) - kept
    if code == HALF_NORMAL:
        return _LOG_2 + _log_normal_density(x, 0.0, a) - kept
    if code == HALF_STUDENT_T:
        return _LOG_2 + _log_t_density(x, a, 0.0, b) - kept
    if code == EXPONENTIAL:
        return math.log(a) - a * x - kept
    if code == UNIFORM:
        return -math.log(b - a) - kept
    if code == NORMAL_MIXTURE:
        first = math.log(a) + _log_normal_density(x, b, c)
        second = math.log1p(-a) + _log_normal_density(x, packed[7], packed[8])
        larger, smaller = max(first, second), min(first, second)
        return larger if larger == -np.inf else larger + math.log1p(math.exp(smaller - larger)) - kept
    if code == LOGISTIC:
        far = abs((x - a) / b)
        return -far - 2.0 * math.log1p(math.exp(-far)) - math.log(b) - kept
    if code == LKJ:
        if abs(x) >= 1.0:
            return -np.inf
        shape = math.lgamma(2.0 * a) - 2.0 * math.lgamma(a) - (2.0 * a - 1.0) * _LOG_2
        return shape + (a - 1.0) * (math.log1p(-x) + math.log1p(x)) - kept
    if log_x == -np.inf:
        return -np.inf
    if code == LOG_NORMAL:
        return _log_normal_density(log_x, a, b) - log_x - kept
    if code == LOG_STUDENT_T:
        return _log_t_density(log_x, a, b, c) - log_x - kept
    if code == GAMMA:
        return a * math.log(b) - math.lgamma(a) + (a - 1.0) * log_x - b * x - kept
    if code == INVERSE_GAMMA:
        if x <= 0.0:
            return -np.inf
        return a * math.log(b) - math.lgamma(a) - (a + 1.0) * log_x - b / x - kept
    if x >= 1.0:
        return -np.inf
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return (a - 1.0) * log_x + (b - 1.0) * math.log1p(-x) - beta - kept


@compiled
def log_densities(packed: Array, x: Array) -> Array:
    """`log_density` at several points, shape (n,)."""
    result = np.empty(x.size)
    for i in range(x.size):
        result[i] = log_density(packed, x[i], math.log(x[i]) if x[i] > 0.0 else -np.inf)
    return result
