"""Are Q, I2 and H2 what Higgins and Thompson define?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from bayesma.classical.heterogeneity import heterogeneity, typical_variance

# A few float64 operations, and chi-square tails by two routes.
ROUNDING = 1e-12


def test_equal_variances_by_hand():
    found = heterogeneity(np.array([0.0, 3.0, 6.0]), np.full(3, 2.0), 4.0)
    assert (found.q, found.df) == pytest.approx((9.0, 2))
    assert found.p == pytest.approx(chi2.sf(9.0, 2), rel=ROUNDING)
    assert found.i2_q == pytest.approx(100 * 7 / 9)
    assert (found.i2, found.h2) == pytest.approx((100 * 4 / 6, 3.0))


def test_from_q_h2_can_fall_below_one_and_i2_not_below_zero():
    found = heterogeneity(np.array([0.0, 1.0, 2.0]), np.full(3, 2.0), None)
    assert (found.i2, found.i2_q) == (0.0, 0.0)
    assert found.h2 == pytest.approx(0.5)


def test_identical_estimates_have_no_heterogeneity():
    found = heterogeneity(np.zeros(3), np.array([1.0, 2.0, 3.0]), 0.0)
    assert (found.q, found.p, found.i2, found.i2_q, found.h2) == (0.0, 1.0, 0.0, 0.0, 1.0)


def test_one_study_cannot_tell():
    found = heterogeneity(np.zeros(1), np.ones(1), 0.0)
    assert (found.q, found.df) == (0.0, 0)
    assert all(math.isnan(x) for x in (found.p, found.i2, found.i2_q, found.h2))


def test_typical_variance_of_a_dominating_study_keeps_its_digits():
    """For two studies it is (1 / w1 + 1 / w2) / 2, their mean variance, whatever the weights."""
    v = np.array([1.0, 3e24])
    assert typical_variance(v) == pytest.approx(v.mean(), rel=ROUNDING)
