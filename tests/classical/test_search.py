"""Is every peak found, and is a search that fails loud?"""

from __future__ import annotations

import numpy as np
import pytest

from bayesma.classical import search
from bayesma.classical.search import Tau2, crossing, local_maxima, upper_bound
from bayesma.errors import BayesmaError


def test_a_root_near_zero_keeps_its_digits():
    assert crossing(lambda t: 1e-9 - t, 0.0, 1.0) == pytest.approx(1e-9, rel=1e-12)


def test_an_end_on_the_root_up_to_rounding_is_the_root():
    assert crossing(lambda t: -1e-17 - t, 0.0, 1.0) == 0.0
    assert crossing(lambda t: 2.0 + 1e-15 - t, 0.0, 2.0) == 2.0


def test_a_search_that_does_not_end_is_an_error(monkeypatch):
    monkeypatch.setattr(search, "MAX_STEPS", 3)
    with pytest.raises(BayesmaError, match="not solved in 3 steps"):
        crossing(lambda t: 2.0 - t**3, 0.0, 1e6)


def test_the_boundary_counts_as_a_peak():
    assert local_maxima(lambda t: 3.0 - t, 9.0, k=2) == pytest.approx([3.0])
    assert local_maxima(lambda t: (t - 1.0) * (3.0 - t), 9.0, k=2) == pytest.approx([0.0, 3.0])
    assert local_maxima(lambda t: -1.0 - t, 9.0, k=2) == [0.0]


def test_blocks_change_nothing(monkeypatch):
    def slope(t):
        return -(t - 1.0) * (t - 3.0) * (t - 5.0)

    whole = local_maxima(slope, 9.0, k=2)
    monkeypatch.setattr(search, "BLOCK", 6)
    assert local_maxima(slope, 9.0, k=2) == whole


def test_no_spread_leaves_nothing_to_search():
    assert upper_bound(np.zeros(4)) == 0.0
    assert local_maxima(lambda t: -1.0 - t, 0.0, k=4) == [0.0]


def test_back_on_the_analysis_scale():
    assert Tau2(2.0, (3.0,)).in_unit(0.5) == Tau2(0.5, (0.75,))
