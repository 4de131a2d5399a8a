"""Identities that the formulas must obey whatever the numbers, and hand-computed values."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bayesma.measures import MEASURES, effect_sizes
from bayesma.measures.binary import log_odds_ratio, log_risk_ratio, risk_difference
from bayesma.measures.continuous import hedges_correction, mean_difference, standardised_mean_difference
from bayesma.measures.intervals import se_from_ci, se_from_p
from bayesma.measures.zero_cells import ZeroCells, corrected_tables

type Array = NDArray[np.float64]

EXACT = 1e-12  # room for rounding in a handful of operations, cancellation apart

cells = st.tuples(*[st.integers(1, 10**6)] * 4).map(lambda t: tuple(np.array([float(x)]) for x in t))
arm = st.tuples(st.floats(-1e3, 1e3), st.floats(0.01, 1e3), st.integers(2, 10**5)).map(
    lambda t: tuple(np.array([float(x)]) for x in t)
)
BINARY = [log_odds_ratio, log_risk_ratio, risk_difference]
CONTINUOUS = [mean_difference, standardised_mean_difference]


@pytest.mark.parametrize("formula", BINARY)
@given(table=cells)
def test_arm_swap_flips_the_sign_of_binary_measures(formula, table) -> None:
    a, b, c, d = table
    y, v = formula(a, b, c, d)
    flipped, same = formula(c, d, a, b)
    np.testing.assert_allclose(flipped, -y, rtol=EXACT, atol=1e-14)
    np.testing.assert_allclose(same, v, rtol=EXACT)
    assert v[0] > 0


@given(table=cells)
def test_odds_ratio_does_not_care_which_outcome_is_the_event(table) -> None:
    a, b, c, d = table
    y, v = log_odds_ratio(a, b, c, d)
    flipped, same = log_odds_ratio(b, a, d, c)
    np.testing.assert_allclose(flipped, -y, rtol=EXACT, atol=1e-14)
    np.testing.assert_allclose(same, v, rtol=EXACT)


@given(table=cells)
def test_risk_difference_only_changes_its_sign_with_the_event(table) -> None:
    a, b, c, d = table
    y, v = risk_difference(a, b, c, d)
    flipped, same = risk_difference(b, a, d, c)
    np.testing.assert_allclose(flipped, -y, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(same, v, rtol=EXACT)


@given(table=cells)
def test_a_table_ten_times_as_large_has_a_tenth_of_the_variance(table) -> None:
    for formula in BINARY:
        y, v = formula(*table)
        larger_y, larger_v = formula(*[10 * cell for cell in table])
        np.testing.assert_allclose(larger_y, y, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(larger_v, v / 10, rtol=1e-7)


@pytest.mark.parametrize("formula", CONTINUOUS)
@given(treat=arm, ctrl=arm)
def test_arm_swap_flips_the_sign_of_differences(formula, treat, ctrl) -> None:
    y, v = formula(*treat, *ctrl)
    flipped, same = formula(*ctrl, *treat)
    np.testing.assert_allclose(flipped, -y, rtol=EXACT)
    np.testing.assert_allclose(same, v, rtol=EXACT)


@given(treat=arm, ctrl=arm, factor=st.sampled_from([0.5, 4.0, 1024.0]))
def test_another_unit_scales_md_and_leaves_smd(treat, ctrl, factor) -> None:
    scaled = [(m * factor, s * factor, n) for m, s, n in (treat, ctrl)]
    y, v = mean_difference(*treat, *ctrl)
    scaled_y, scaled_v = mean_difference(*scaled[0], *scaled[1])
    np.testing.assert_allclose(scaled_y, factor * y, rtol=EXACT)
    np.testing.assert_allclose(scaled_v, factor**2 * v, rtol=EXACT)
    for before, after in zip(
        standardised_mean_difference(*treat, *ctrl),
        standardised_mean_difference(*scaled[0], *scaled[1]),
        strict=True,
    ):
        np.testing.assert_allclose(after, before, rtol=EXACT)


@given(treat=arm, ctrl=arm, shift=st.floats(-100, 100))
def test_a_shift_of_both_means_changes_nothing(treat, ctrl, shift) -> None:
    for formula in CONTINUOUS:
        y, v = formula(*treat, *ctrl)
        moved_y, moved_v = formula(treat[0] + shift, *treat[1:], ctrl[0] + shift, *ctrl[1:])
        sd = min(treat[1][0], ctrl[1][0]) if formula is standardised_mean_difference else 1.0
        np.testing.assert_allclose(moved_y, y, rtol=1e-9, atol=1e-9 / sd)
        np.testing.assert_allclose(moved_v, v, rtol=1e-6)


@pytest.mark.parametrize("df", [2, 3, 10, 58, 250])
def test_hedges_correction_is_the_ratio_of_gamma_functions(df: int) -> None:
    expected = math.gamma(df / 2) / (math.sqrt(df / 2) * math.gamma((df - 1) / 2))
    assert float(hedges_correction(np.array(float(df)))) == pytest.approx(expected, rel=EXACT)


@given(df=st.integers(2, 10**8))
def test_hedges_correction_of_neighbours_multiplies_to_a_square_root(df: int) -> None:
    # The Gamma functions cancel in J(m) J(m + 1); the worst of scipy's `poch` (df near 1e4) is about 1e-11.
    pair = hedges_correction(np.array([df, df + 1.0]))
    assert pair[0] * pair[1] == pytest.approx((df - 1) / math.sqrt(df * (df + 1)), rel=1e-10)


@given(y=st.floats(-50, 50), se=st.floats(1e-3, 1e3), level=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_gives_back_its_standard_error(y: float, se: float, level: float) -> None:
    z = {0.5: 0.674489750196082, 0.9: 1.64485362695147, 0.95: 1.95996398454005, 0.99: 2.5758293035489}[level]
    found = se_from_ci(np.array([y - z * se]), np.array([y + z * se]), level)
    np.testing.assert_allclose(found, se, rtol=1e-10, atol=1e-13 * abs(y))


@given(y=st.floats(0.1, 50), z=st.floats(0.05, 30))
def test_the_p_value_gives_back_its_standard_error(y: float, z: float) -> None:
    p = math.erfc(z / math.sqrt(2))
    np.testing.assert_allclose(se_from_p(np.array([-y]), np.array([p])), y / z, rtol=1e-9)


def test_corrections_go_where_they_are_sent() -> None:
    tables = np.array([[0.0, 2.0], [5.0, 3.0], [1.0, 4.0], [4.0, 1.0]])
    expected = {"only0": [True, False], "all": [True, True], "if0all": [True, True], "none": [False, False]}
    for to, which in expected.items():
        corrected, changed = corrected_tables(tables, ZeroCells(0.25, to))
        assert changed.tolist() == which
        np.testing.assert_array_equal(corrected, tables + 0.25 * np.array(which))
    untouched, changed = corrected_tables(tables[:, 1:], ZeroCells(0.25, "if0all"))
    np.testing.assert_array_equal(untouched, tables[:, 1:])
    assert not changed.any()


@pytest.mark.parametrize("code", list(MEASURES))
def test_every_measure_is_declared_in_full(code: str) -> None:
    measure = MEASURES[code]
    assert measure.code == code
    assert measure.label
    assert measure.display_label
    assert (measure.design is None) == (measure.formula is None) == (measure.needs == "")
    assert (measure.null is None) == (measure.display_null is None) == (measure.scale == "logit")
    back = measure.back(np.array([0.0 if measure.null is None else measure.null, 1.0]))
    assert back[0] == (0.5 if measure.display_null is None else measure.display_null)
    expected = {"log": math.e, "logit": 1 / (1 + math.exp(-1)), "identity": 1.0}
    assert back[1] == pytest.approx(expected[measure.scale], rel=1e-15)


@pytest.mark.parametrize("code", list(MEASURES))
def test_every_measure_takes_ready_estimates(code: str) -> None:
    frame = pd.DataFrame({"y": [0.5, -0.25], "se": [0.2, 0.3]})
    effects = effect_sizes(frame, code, estimate="y", se="se")
    assert effects.measure == code
    np.testing.assert_array_equal(effects.y, frame["y"])
    np.testing.assert_array_equal(effects.se, frame["se"])
