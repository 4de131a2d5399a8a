"""Are the quantiles and p-values those of SciPy's distributions?"""

from __future__ import annotations

import math

import pytest
from scipy import stats

from bayesma.classical.intervals import knapp_hartung, wald

# Two implementations of the same tails.
TAIL = 1e-10


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
def test_wald(level):
    inference = wald(-0.7, 0.3, q=9.0, k=4, level=level)
    assert inference.se == 0.3
    assert inference.quantile == pytest.approx(stats.norm.isf((1 - level) / 2), rel=TAIL)
    assert inference.p_value == pytest.approx(2 * stats.norm.sf(0.7 / 0.3), rel=TAIL)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("k", [2, 3, 13, 3000])
def test_knapp_hartung(level, k):
    inference = knapp_hartung(-0.7, 0.3, q=2.25 * (k - 1), k=k, level=level)
    assert inference.se == pytest.approx(0.45)
    assert inference.quantile == pytest.approx(stats.t.isf((1 - level) / 2, k - 1), rel=TAIL)
    assert inference.p_value == pytest.approx(2 * stats.t.sf(0.7 / 0.45, k - 1), rel=TAIL)
    assert inference.notes == ()


def test_one_study_has_no_knapp_hartung_interval():
    inference = knapp_hartung(-0.7, 0.3, q=0.0, k=1, level=0.95)
    assert inference.se == 0.3
    assert math.isnan(inference.quantile) and math.isnan(inference.p_value)
    assert "at least 2 studies" in inference.notes[0]


def test_identical_estimates_are_said_to_leave_no_width():
    inference = knapp_hartung(-0.7, 0.3, q=0.0, k=3, level=0.95)
    assert inference.se == 0.0 and math.isnan(inference.p_value)
    assert "no width" in inference.notes[0]


def test_a_standard_error_below_walds_is_said():
    assert "0.5 times" in knapp_hartung(-0.7, 0.3, q=0.5, k=3, level=0.95).notes[0]
