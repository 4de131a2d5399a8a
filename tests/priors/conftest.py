"""One written example of every registered distribution, bare and truncated on each side and both."""

import pytest

from bayesma.priors import Prior
from bayesma.priors.distributions import DISTRIBUTIONS

EXAMPLES = {
    "Flat": "Flat()",
    "Normal": "Normal(0.5, 2)",
    "StudentT": "StudentT(3, 0.5, 2)",
    "Cauchy": "Cauchy(0.5, 2)",
    "Logistic": "Logistic(0.5, 2)",
    "NormalMixture": "NormalMixture(0.7, 0.5, 0.4, -1, 2)",
    "HalfNormal": "HalfNormal(0.7)",
    "HalfCauchy": "HalfCauchy(0.7)",
    "HalfStudentT": "HalfStudentT(4, 0.7)",
    "Exponential": "Exponential(2)",
    "Uniform": "Uniform(0.1, 3)",
    "LogNormal": "LogNormal(-1, 0.8)",
    "LogStudentT": "LogStudentT(5, -1, 0.8)",
    "Gamma": "Gamma(0.5, 1)",
    "InverseGamma": "InverseGamma(1.5, 0.3)",
    "Beta": "Beta(2, 3)",
    "LKJ": "LKJ(2)",
}
BOUNDS = {
    "bare": {},
    "above": {"lower": 0.2},
    "below": {"upper": 0.9},
    "between": {"lower": 0.2, "upper": 0.9},
}


@pytest.fixture(scope="session")
def examples() -> dict[str, Prior]:
    """Every distribution with every kind of truncation, by a name that PyMC accepts."""
    assert set(EXAMPLES) == set(DISTRIBUTIONS), "a distribution was registered without an example here"
    return {
        f"{name}_{kind}": Prior.parse(text).truncate(**bounds)
        for name, text in EXAMPLES.items()
        for kind, bounds in BOUNDS.items()
    }


@pytest.fixture(scope="session")
def proper(examples) -> dict[str, Prior]:
    """Those that are distributions."""
    return {name: prior for name, prior in examples.items() if prior.is_proper}
