"""Is a density carried by its log what it was, and is a log that cannot be followed left alone?"""

from __future__ import annotations

import numpy as np

from bayesma.numerics import legendre
from bayesma.numerics.log_series import through_logs

FOLLOWED = 1e-7  # of the mass: what the last terms of 24 may leave
DROP = 38.0


def test_a_bell_is_right_where_its_own_polynomial_is_not() -> None:
    u, _ = legendre.rule(24)
    spread = 2.0 * DROP

    def height(x: np.ndarray) -> np.ndarray:
        return -0.5 * spread * x**2 - 0.5 * np.log1p(x**2)

    found = through_logs(height(u)[None])
    fine, weight = legendre.rule(found.values.shape[1])
    right = np.exp(height(fine))
    assert found.of_logs.all()
    assert np.abs(found.values[0] - right) @ weight < FOLLOWED * (right @ weight)
    plain = legendre.carry(24, fine.size) @ np.exp(height(u))
    assert np.abs(plain - right) @ weight > 10.0 * FOLLOWED * (right @ weight)


def test_a_log_with_a_step_far_out_does_not_spoil_the_middle() -> None:
    u, _ = legendre.rule(60)
    height = -DROP * u**2 - 20.0 * (u > 0.9)
    found = through_logs(height[None])
    fine, weight = legendre.rule(found.values.shape[1])
    right = np.exp(-DROP * fine**2)
    assert not found.of_logs.any()
    assert np.abs(found.values[0] - right) @ weight < FOLLOWED * (right @ weight)


def test_a_density_that_vanishes_at_a_node_has_no_log() -> None:
    u, _ = legendre.rule(60)
    with np.errstate(divide="ignore"):
        found = through_logs(np.log(np.maximum(np.exp(-DROP * u**2) * (u < 0.95), 0.0))[None])
    assert not found.of_logs.any()
    assert np.isfinite(found.values).all()
