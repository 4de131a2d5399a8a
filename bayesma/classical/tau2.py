"""Which estimators of tau2 are there? A later one is a function and a registration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.likelihood import maximum_likelihood, restricted_maximum_likelihood
from bayesma.classical.moments import dersimonian_laird, equal_effects, paule_mandel
from bayesma.classical.search import Tau2
from bayesma.registry import Registry

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pool: its estimator of tau2, and whether study effects are taken to vary at all.

    Attributes
    ----------
    estimate
        Function of estimates and sampling variances, shape (k,), k >= 2, standardised, and of the columns of
        moderators, shape (k, q), or None.
    random_effects
        False if tau2 is 0 by assumption: I2 and H2 then come from Q, and nothing is predicted.
    """

    estimate: Callable[[FloatArray, FloatArray, FloatArray | None], Tau2]
    random_effects: bool = True


METHODS: Registry[Method] = Registry("frequentist method")
METHODS.register("EE", Method(equal_effects, random_effects=False))
METHODS.register("DL", Method(dersimonian_laird))
METHODS.register("ML", Method(maximum_likelihood))
METHODS.register("REML", Method(restricted_maximum_likelihood))
METHODS.register("PM", Method(paule_mandel))
