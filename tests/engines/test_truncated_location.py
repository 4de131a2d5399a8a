"""Exact engine, counts: a bound on the prior of mu that the data push against."""

from __future__ import annotations

import numpy as np
import pytest

import bayesma as bm
from bayesma.posterior.marginals import marginal

PRIORS = {"mu": "Normal(0, 2)", "tau": "HalfNormal(1)", "alpha": "Normal(0, 10)"}
QUANTILES = np.array([0.1, 0.5, 0.9])


# Densities of study effects have a kink here: an estimated error of 2e-3 in the first, which warns.
@pytest.mark.filterwarnings("ignore::bayesma.errors.ConvergenceWarning")
@pytest.mark.parametrize(
    ("bounds", "low", "high"),
    [
        ("lower=-1", -1.0, np.inf),
        ("lower=0.5", 0.5, np.inf),
        ("upper=-2", -np.inf, -2.0),
        ("lower=-1.2, upper=-1.1", -1.2, -1.1),
    ],
)
def test_a_bound_leaves_the_free_posterior_given_that_it_holds(bounds: str, low: float, high: float) -> None:
    """A truncated prior is the free one on its range, so the posterior is the free one given the range."""
    rows = bm.load_data("nielweise2007")
    counts = bm.TwoArmCounts.from_counts(
        rows["ai"], rows["n1i"], rows["ci"], rows["n2i"], rows["study"].astype(str)
    )
    free, held = (
        bm.fit(counts, engine="exact", random_seed=1, draws=10, priors=PRIORS | {"mu": mu})
        for mu in (PRIORS["mu"], f"Truncated({PRIORS['mu']}, {bounds})")
    )

    def below(value: float) -> float:
        return float(bm.prob(free, "mu", below=value))

    left = below(low) if np.isfinite(low) else 0.0
    mass = (below(high) if np.isfinite(high) else 1.0) - left
    found = [(below(value) - left) / mass for value in marginal(held, "mu").quantile(QUANTILES)[0]]
    np.testing.assert_allclose(found, QUANTILES, atol=1e-8)
    assert held.attrs["converged"]
