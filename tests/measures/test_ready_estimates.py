"""Estimates that were published ready: what the standard errors come from."""

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError
from bayesma.evidence.readers import load_data
from bayesma.measures import effect_sizes

CI = {"estimate": "estimate", "ci_low": "ci_low", "ci_high": "ci_high"}
PUBLISHED_DECIMALS = 0.5e-4  # se_DERIVED_from_ci is printed to four decimals


def test_single_trial_rows_of_zhou2020() -> None:
    frame = load_data("zhou2020_single_study_rct_effects")
    effects = effect_sizes(
        frame, "MD", study=["outcome", "timepoint_months"], estimate="md", ci_low="ci_low", ci_high="ci_high"
    )
    np.testing.assert_allclose(effects.se, frame["se_DERIVED_from_ci"], rtol=0, atol=PUBLISHED_DECIMALS)
    assert effects.notes == ("Standard errors were derived from 95 % confidence intervals.",)
    assert effects.study[0] == "Proteinuria 2"


def test_published_smds_of_the_secretome_review() -> None:
    frame = load_data("published_pooled_results").query("source == 'Kusuma & Kurniati 2025'")
    effects = effect_sizes(frame, "SMD", study="outcome", **CI)
    assert effects.measure == "SMD"
    assert effects.table is not None
    assert effects.table.index.tolist() == [21, 22, 23]
    np.testing.assert_allclose(
        effects.se, [0.94 / 3.91992797, 0.78 / 3.91992797, 0.68 / 3.91992797], rtol=1e-8
    )


def test_a_published_ratio_is_logged() -> None:
    frame = load_data("published_pooled_results").query("estimator == 'OR'")
    effects = effect_sizes(frame, "OR", ratio=True, **CI)
    assert effects.y[0] == pytest.approx(np.log(0.26), rel=1e-14)
    assert effects.se[0] == pytest.approx(np.log(0.89 / 0.07) / 3.919927969080108, rel=1e-14)
    logged = pd.DataFrame(np.log(frame[["estimate", "ci_low", "ci_high"]]))
    again = effect_sizes(logged, "OR", **CI)
    np.testing.assert_allclose([again.y, again.se], [effects.y, effects.se], rtol=1e-14)


def test_another_level_and_a_ratio_with_p() -> None:
    frame = pd.DataFrame({"estimate": [0.5], "ci_low": [0.25], "ci_high": [1.0], "p": [0.05]})
    at_90 = effect_sizes(frame, "RR", ratio=True, level=0.9, **CI)
    assert at_90.se[0] == pytest.approx(np.log(4) / (2 * 1.6448536269514722), rel=1e-12)
    assert at_90.notes == ("Standard errors were derived from 90 % confidence intervals.",)
    from_p = effect_sizes(frame, "RR", ratio=True, estimate="estimate", p_value="p")
    assert from_p.se[0] == pytest.approx(np.log(2) / 1.959963984540054, rel=1e-12)
    assert from_p.notes == ("Standard errors were derived from two-sided p-values.",)


@pytest.mark.parametrize(("column", "value"), [("estimate", -0.5), ("estimate", 0.0), ("ci_low", 0.0)])
def test_ratios_are_above_zero(column: str, value: float) -> None:
    frame = pd.DataFrame({"estimate": [0.5], "ci_low": [-1.0], "ci_high": [1.0]}).assign(**{column: value})
    with pytest.raises(DataError, match="a ratio must be above 0"):
        effect_sizes(frame, "RR", ratio=True, **CI)


def test_sizes_where_known() -> None:
    frame = pd.DataFrame(
        {"y": [0.1, 0.2], "se": [0.3, 0.4], "n1": [20, 30], "n2": [25, np.nan], "n": [45, 60]}
    )
    ready = {"estimate": "y", "se": "se"}
    assert effect_sizes(frame, "MD", **ready).n is None
    whole = effect_sizes(frame, "MD", n="n", **ready)
    assert whole.n is not None
    assert whole.n.tolist() == [45, 60]
    partly = effect_sizes(frame, "MD", n_treat="n1", n_ctrl="n2", **ready)
    assert partly.n is None
    assert partly.notes == ("The sample size is not known for: study 2.",)
    assert partly.k == 2


def test_a_blank_estimate_can_be_dropped_and_a_blank_size_need_not() -> None:
    frame = pd.DataFrame({"y": [0.1, np.nan, 0.3], "se": [0.3, 0.4, 0.2], "n": [40, 30, np.nan]})
    effects = effect_sizes(frame, "MD", estimate="y", se="se", n="n", drop_unusable=True)
    assert effects.study.tolist() == ["study 1", "study 3"]
    assert effects.notes == (
        "Left out for an empty cell: study 2.",
        "The sample size is not known for: study 3.",
    )


def test_extreme_standard_errors_come_through_exactly() -> None:
    frame = pd.DataFrame({"y": [1e-6, 1e6, 0.0], "se": [1e-60, 1e60, 1e-6]})
    np.testing.assert_array_equal(effect_sizes(frame, "GEN", estimate="y", se="se").se, frame["se"])
