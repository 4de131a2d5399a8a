"""Are r_hat and the effective sample sizes ArviZ's?"""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base import array_stats

from bayesma.engines.convergence import mean_ess, r_hat_and_ess

TAILS = (0.05, 0.95)
SAME = 1e-10  # rounding of a Fourier transform


def chains(shape: tuple[int, int, int], persistence: float) -> np.ndarray:
    """Autoregressive draws; the first parameter has ties, the second a chain of its own."""
    values = np.random.default_rng(1).normal(size=shape)
    for t in range(1, shape[2]):
        values[:, :, t] += persistence * values[:, :, t - 1]
    values[0] = np.round(values[0])
    values[1, 0] += 2.0
    return values


@pytest.mark.parametrize("persistence", [-0.6, 0.0, 0.9])
@pytest.mark.parametrize("shape", [(6, 4, 1000), (3, 2, 501), (3, 2, 40)])
def test_the_numbers_are_arviz_s(shape: tuple[int, int, int], persistence: float) -> None:
    values = chains(shape, persistence)
    r_hat, bulk, tail = r_hat_and_ess(values, TAILS)
    np.testing.assert_allclose(r_hat, array_stats.rhat(values), rtol=SAME)
    np.testing.assert_allclose(bulk, array_stats.ess(values, method="bulk"), rtol=SAME)
    np.testing.assert_allclose(tail, array_stats.ess(values, method="tail", prob=TAILS), rtol=SAME)
    np.testing.assert_allclose(mean_ess(values), array_stats.ess(values, method="mean"), rtol=SAME)


def test_one_chain_has_sizes_but_no_r_hat() -> None:
    values = chains((2, 1, 200), 0.3)
    r_hat, bulk, _ = r_hat_and_ess(values, TAILS)
    assert np.isnan(r_hat).all()
    np.testing.assert_allclose(bulk, array_stats.ess(values, method="bulk"), rtol=SAME)


def test_too_few_draws_are_unknown() -> None:
    assert np.isnan(np.concatenate(r_hat_and_ess(np.zeros((2, 4, 3)), TAILS))).all()
