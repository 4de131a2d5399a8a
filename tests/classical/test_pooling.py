"""Is the pooled mean right, also when one study outweighs all others by 24 powers of ten?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bayesma.classical.pooling import contrast_precision, pool, weighted_squares

# A handful of float64 operations.
ROUNDING = 1e-14


def _exactly(y, v):
    """The same sums in rational arithmetic."""
    ys, ws = [Fraction(x) for x in y], [1 / Fraction(x) for x in v]
    total = sum(ws)
    mean = sum(w * x for w, x in zip(ws, ys, strict=True)) / total
    squares = sum(w * (x - mean) ** 2 for w, x in zip(ws, ys, strict=True))
    return float(mean), float(squares), float(total - sum(w * w for w in ws) / total)


@pytest.mark.parametrize(
    ("y", "v"),
    [
        ([0.0, 4.0, -2.0], [1.0, 3.0, 2.0]),
        ([0.0, 1e12, 3e11], [1.0, 1e24, 2e24]),
        ([0.0, 3.0, -1.0, 2.0], [1.0, 1e24, 1e24, 1.0]),
    ],
)
def test_sums_match_rational_arithmetic(y, v):
    pooled = pool(np.array(y), np.array(v), 0.0)
    ours = float(pooled.mean), float(weighted_squares(pooled)), float(contrast_precision(pooled))
    assert ours == pytest.approx(_exactly(y, v), rel=ROUNDING, abs=0)


def test_many_tau2_at_once_equal_one_at_a_time():
    y, v, tau2 = np.array([0.0, 4.0, -2.0]), np.array([1.0, 3.0, 2.0]), np.array([0.0, 0.5, 7.0])
    together = pool(y, v, tau2)
    for i, one in enumerate(tau2):
        alone = pool(y, v, one)
        assert together.mean[i] == pytest.approx(alone.mean, rel=ROUNDING)
        assert weighted_squares(together)[i] == pytest.approx(weighted_squares(alone), rel=ROUNDING)
        assert contrast_precision(together)[i] == pytest.approx(contrast_precision(alone), rel=ROUNDING)
