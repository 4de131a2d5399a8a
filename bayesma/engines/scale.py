"""A scale parameter on a bounded grid: the map from z, and the window that holds its posterior.

Quadrature in z is accurate only if the posterior is smooth there and vanishes at both ends. Two maps do that:
``tau = lower + c sinh(z)`` for densities that are smooth at their lower end, and ``tau = exp(x0 + sinh(z))``
for those that are not (log-normal, gamma, log-t).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.numerics.jit import compiled
from bayesma.priors import Prior

Array = NDArray[np.float64]

SMALLEST, LARGEST = 1e-300, 1e300
LARGEST_LOG = 300.0  # log tau beyond this would overflow in tau^2
REACH = 46.0  # how far in log tau beyond every scale of the problem the upper tail is followed at least,
FARTHEST = 276.0  # and at most, when it falls slowly
NEGLIGIBLE = 43.0  # a tail is followed until it has fallen to exp(-43), if it does so in time
LOG_REACH = 1e9  # how far in log tau the lower tail is followed


@dataclass(frozen=True, slots=True)
class ScaleMap:
    """tau as a function of z.

    Attributes
    ----------
    logarithmic
        Which of the two maps.
    origin
        `lower` of the sinh map, or x0 of the logarithmic one.
    unit
        `c` of the sinh map; 1 for the logarithmic one.
    """

    logarithmic: bool
    origin: float
    unit: float

    @classmethod
    def for_prior(cls, prior: Prior, smallest_se: float) -> ScaleMap:
        """Map that suits a prior and data whose most precise study has `smallest_se`.

        The logarithmic map is finest at its origin: where the likelihood has its features, or as near to
        them as the prior has mass.
        """
        if not prior.smooth_at_zero:
            low, high = np.clip(prior.ppf([0.01, 0.99]), SMALLEST, LARGEST)
            return cls(True, math.log(min(max(smallest_se, low), high)), 1.0)
        low, high = prior.support
        spread = min(prior.median(), high) - low if prior.is_proper else math.inf
        return cls(False, max(low, 0.0), min(smallest_se, spread))

    def pack(self) -> Array:
        """Numbers for the kernels, shape (3,)."""
        return np.array([float(self.logarithmic), self.origin, self.unit])

    def tau(self, z: Array) -> Array:
        """The scale parameter at `z`, shape of `z`."""
        if self.logarithmic:
            return np.exp(self.origin + np.sinh(z))
        return self.origin + self.unit * np.sinh(z)

    def slope(self, z: Array) -> Array:
        """The derivative of tau with respect to z, shape of `z`."""
        return (self.tau(z) if self.logarithmic else self.unit) * np.cosh(z)

    def z(self, tau: float) -> float:
        """Inverse of `tau`."""
        if self.logarithmic:
            return math.asinh(math.log(tau) - self.origin) if tau > 0 else -math.inf
        return math.asinh((tau - self.origin) / self.unit)

    def reach(self, prior: Prior, largest: float, decay: float) -> tuple[float, float]:
        """Ends in z beyond which no posterior is followed.

        Parameters
        ----------
        prior
            Its support is never left.
        largest
            Largest scale of the data (spread of the estimates, largest standard error).
        decay
            Power of 1 / tau with which the slowest integrand falls in log tau.
        """
        low, high = prior.support
        if self.logarithmic:
            top = min(math.log(high) if math.isfinite(high) else math.inf, LARGEST_LOG)
            bottom = math.asinh(math.log(low) - self.origin) if low > 0 else -math.asinh(LOG_REACH)
            return bottom, math.asinh(top - self.origin)
        widest = prior.median() if prior.is_proper else largest
        far = max(REACH, min(NEGLIGIBLE / decay, FARTHEST)) if decay > 0 else FARTHEST
        return 0.0, self.z(min(high, math.exp(far) * max(largest, widest)))


@compiled
def scale_at(z: float, packed_map: Array) -> tuple[float, float, float]:
    """tau, log tau and log d tau / d z at `z`."""
    sinh = math.sinh(z)
    log_cosh = abs(z) + math.log1p(math.exp(-2.0 * abs(z))) - math.log(2.0)
    if packed_map[0] > 0.0:
        log_tau = packed_map[1] + sinh
        return math.exp(log_tau), log_tau, log_tau + log_cosh
    tau = packed_map[1] + packed_map[2] * sinh
    log_tau = math.log(tau) if tau > 0.0 else -np.inf
    return tau, log_tau, math.log(packed_map[2]) + log_cosh
