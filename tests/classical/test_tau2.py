"""Does every registered estimator obey what any estimator of tau2 must?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.classical.standardise import standardise
from bayesma.classical.tau2 import METHODS
from bayesma.errors import OptionError


@pytest.mark.parametrize("name", METHODS)
@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-6, 6)), min_size=2, max_size=9))
def test_finite_and_not_negative(name, studies):
    y, log_se = np.array(studies).T
    unit = standardise(y, np.exp(log_se))
    tau2 = METHODS[name].estimate(unit.y, unit.v).value
    assert np.isfinite(tau2) and tau2 >= 0


@pytest.mark.parametrize("name", METHODS)
def test_zero_without_spread(name):
    assert METHODS[name].estimate(np.zeros(4), np.array([1.0, 2.0, 3.0, 4.0])).value == 0.0


def test_unknown_method_lists_the_known():
    with pytest.raises(OptionError, match="EE, DL, ML, REML, PM"):
        METHODS["reml"]
