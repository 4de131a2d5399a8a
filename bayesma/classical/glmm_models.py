"""Which mixed models of counts are there? A later one is a likelihood and a registration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bayesma.classical.count_likelihoods import (
    binomial,
    conditional_approximate,
    conditional_exact,
    two_binomials,
)
from bayesma.classical.integration import integrated, laplace
from bayesma.classical.jets import FloatArray, Likelihood
from bayesma.classical.optimum import profiled
from bayesma.classical.tables import Mask, Tables
from bayesma.registry import Registry

type Integrate = Callable[[Likelihood, Sequence[int]], Likelihood]
"""Turns coordinates of a likelihood into normal random effects, whose scales become the last coordinates."""
type Edges = tuple[Mask, Mask]


@dataclass(frozen=True, slots=True)
class Model:
    """A mixed model of counts.

    Attributes
    ----------
    build
        Log likelihood of each study from the data and a way to integrate; coordinates as in `names`.
    names
        Coordinates shared by all studies: mu and tau always, alpha and sigma for random intercepts.
    edges
        Studies that alone would have the effect at minus and at plus infinity, shape (k,) each.
    information
        An upper bound of what each study can say about mu, inverse variance on the logit scale.
    keeps_double_zero
        Whether studies in which all had the same outcome contribute.
    """

    build: Callable[[Tables, Integrate], Likelihood]
    names: tuple[str, ...]
    edges: Callable[[Tables], Edges]
    information: Callable[[Tables], FloatArray]
    keeps_double_zero: bool = False


TWO_ARM: Registry[Model] = Registry("model of counts in two arms")
ONE_ARM: Registry[Model] = Registry("model of counts in single arms")


def exact(nodes: int) -> Integrate:
    """Integrals by the trapezoid rule with so many nodes in each direction.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.classical.count_likelihoods import binomial
    >>> from bayesma.classical.glmm_models import exact
    >>> one_of_two = exact(64)(binomial(np.array([1.0]), np.array([2.0])), [0])
    >>> one_of_two(np.array([[0.0, 1.0]])).gradient.shape
    (1, 2)
    """

    def integrate(likelihood: Likelihood, axes: Sequence[int]) -> Likelihood:
        for axis in axes:
            likelihood = integrated(likelihood, axis, nodes)
        return likelihood

    return integrate


QUADRATURES: Registry[Callable[[int], Integrate]] = Registry("quadrature")
QUADRATURES.register("exact", exact)
QUADRATURES.register("laplace", lambda nodes: laplace)


def _fixed_intercepts(tables: Tables, integrate: Integrate) -> Likelihood:
    """UM.FS: an intercept of its own for each study, at its best value."""
    start = np.log((tables.events + 0.5) / (tables.total - tables.events + 0.5))
    return profiled(integrate(two_binomials(tables), [1]), start)


def _random_intercepts(tables: Tables, integrate: Integrate) -> Likelihood:
    """UM.RS: normal intercepts (the mean of both logits), independent of the effects."""
    return integrate(two_binomials(tables), [1, 0])


def _conditional_edges(tables: Tables) -> Edges:
    """As few or as many events in the treated arm as the margins of the table allow."""
    low, high = np.maximum(0.0, tables.events - tables.n2), np.minimum(tables.events, tables.n1)
    return np.asarray(tables.a == low), np.asarray(tables.a == high)


def _shared_edges(tables: Tables) -> Edges:
    """With intercepts from one distribution only an outcome that an arm lacks in all studies is an edge."""
    a, b, c, d = (cell.sum() == 0 for cell in (tables.a, tables.b, tables.c, tables.d))
    return np.full(tables.a.size, bool(a or d)), np.full(tables.a.size, bool(b or c))


TWO_ARM.register(
    "UM.FS",
    Model(_fixed_intercepts, ("mu", "tau"), _conditional_edges, lambda tables: tables.total / 16),
)
TWO_ARM.register(
    "UM.RS",
    Model(
        _random_intercepts,
        ("alpha", "mu", "tau", "sigma"),
        _shared_edges,
        lambda tables: tables.total / 16,
        keeps_double_zero=True,
    ),
)
TWO_ARM.register(
    "CM.EL",
    Model(
        lambda tables, integrate: integrate(conditional_exact(tables), [0]),
        ("mu", "tau"),
        _conditional_edges,
        lambda tables: tables.total / 16,
    ),
)
TWO_ARM.register(
    "CM.AL",
    Model(
        lambda tables, integrate: integrate(conditional_approximate(tables), [0]),
        ("mu", "tau"),
        lambda tables: (np.asarray(tables.a == 0), np.asarray(tables.c == 0)),
        lambda tables: tables.events / 4,
    ),
)
ONE_ARM.register(
    "logit-normal",
    Model(
        lambda tables, integrate: integrate(binomial(tables.a, tables.n1), [0]),
        ("mu", "tau"),
        lambda tables: (np.asarray(tables.a == 0), np.asarray(tables.b == 0)),
        lambda tables: tables.n1 / 4,
        keeps_double_zero=True,
    ),
)
