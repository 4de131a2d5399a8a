"""Do the moment estimators solve their equations?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.classical.moments import dersimonian_laird, equal_effects, paule_mandel
from bayesma.classical.pooling import pool, weighted_squares
from bayesma.classical.standardise import standardise

# Q at the root against k - 1; the root is found to rounding.
BALANCE = 1e-10

STUDIES = st.lists(st.tuples(st.floats(-50, 50), st.floats(-3, 3)), min_size=2, max_size=10)


@given(STUDIES)
def test_paule_mandel_balances_q(studies):
    y, log_se = np.array(studies).T
    unit = standardise(y, np.exp(log_se))
    tau2 = paule_mandel(unit.y, unit.v).value
    q = float(weighted_squares(pool(unit.y, unit.v, tau2)))
    if tau2 == 0:
        assert q <= y.size - 1
    else:
        assert q == pytest.approx(y.size - 1, rel=BALANCE)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=10))
def test_with_equal_variances_both_are_the_excess_variance(y):
    """Paule-Mandel and DerSimonian-Laird have one closed form then: the sample variance less v, cut at 0."""
    unit = standardise(np.array(y), np.ones(len(y)))
    expected = max(0.0, np.var(y, ddof=1) - 1.0)
    assert dersimonian_laird(unit.y, unit.v).value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert paule_mandel(unit.y, unit.v).value == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_equal_effects_is_zero_whatever_the_data():
    assert equal_effects(np.array([0.0, 90.0]), np.array([1.0, 1.0])).value == 0.0
