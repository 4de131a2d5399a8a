"""The model of log SDs: closed forms, the same formulas by Bayes's theorem, and what it cannot tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bayesma.evidence.log_sds import Loan, lend, reml

Array = NDArray[np.float64]

SEARCH = 1e-6  # of a variance: where the search for the REML maximum stops
FLAT = 1e6  # prior variance of the grand mean that stands for a flat prior, against 0.05 for log SDs


def labels(counts: list[int]) -> NDArray[np.str_]:
    """Studies A, B, ... with so many SDs each."""
    return np.repeat(np.array(list("ABCDEFGHIJ")[: len(counts)]), counts)


def simulated(counts: list[int], seed: int, omega: float = 0.4, sigma: float = 0.2) -> tuple[Array, Array]:
    """SDs and patients, drawn from the model."""
    rng = np.random.default_rng(seed)
    log_sd = np.repeat(rng.normal(1.0, omega, len(counts)), counts) + rng.normal(0, sigma, sum(counts))
    n = rng.integers(8, 60, sum(counts)).astype(np.float64)
    return np.exp(log_sd) * np.sqrt(rng.chisquare(n - 1) / (n - 1)), n


def test_one_study_has_a_closed_form() -> None:
    sd, n = np.array([2.0, 3.0, 4.5, 2.4]), 21.0
    got = lend(sd, np.full(4, n), labels([4]), np.array(["A"]))
    y, sampling = np.log(sd) + 1 / 40, 1 / 40
    between = np.var(y, ddof=1) - sampling
    assert between > 0
    assert got.between_studies is None
    assert got.between_visits == pytest.approx(between, rel=SEARCH)
    assert got.mean == pytest.approx(np.mean(y))
    assert got.variance == pytest.approx((between + sampling) / 4 + between, rel=SEARCH)
    assert got.root_mean_square() == pytest.approx(np.exp(got.mean + got.variance))
    low, high = got.interval()
    # t(0.975) with 3 degrees of freedom, from tables
    assert np.log(high / low) == pytest.approx(2 * 3.182446 * np.sqrt(got.variance), rel=1e-6)


def test_equal_sds_leave_the_sampling_error() -> None:
    got = lend(np.full(5, 3.0), np.full(5, 11.0), labels([2, 3]), np.array(["A", "Z"]))
    assert (got.between_studies, got.between_visits) == (0.0, 0.0)
    assert got.mean == pytest.approx([np.log(3.0) + 1 / 20] * 2)
    assert got.variance == pytest.approx([1 / 20 / 5] * 2)


def test_balanced_studies_have_the_variances_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(5)
    y = rng.normal(0, 0.3, (6, 1)) + rng.normal(0, 0.2, (6, 4))
    same = (labels([4] * 6)[:, None] == labels([4] * 6)).astype(np.float64)
    sampling = 1 / 58
    inside = np.var(y, axis=1, ddof=1).mean()
    outside = 4 * np.var(y.mean(axis=1), ddof=1)
    visits, studies = reml(y.ravel(), np.full(24, sampling), same)
    assert visits == pytest.approx(inside - sampling, rel=SEARCH)
    assert studies == pytest.approx((outside - inside) / 4, rel=SEARCH)


def conditional(sd: Array, n: Array, study: NDArray[np.str_], wanted: NDArray[np.str_], got: Loan) -> Array:
    """Mean and variance of the wanted log SDs by conditioning one joint normal on the printed ones."""
    everyone = np.concatenate([study, wanted])
    omega2 = got.between_studies or 0.0
    joint = FLAT + omega2 * (everyone[:, None] == everyone) + got.between_visits * np.eye(everyone.size)
    k = study.size
    printed = joint[:k, :k] + np.diag(1 / (2 * (n - 1)))
    gain = np.linalg.solve(printed, joint[:k, k:]).T
    mean = gain @ (np.log(sd) + 1 / (2 * (n - 1)))
    return np.stack([mean, np.diag(joint[k:, k:] - gain @ joint[:k, k:])])


@pytest.mark.parametrize("counts", [[3, 2, 4], [1, 5, 1], [2, 2], [4]])
def test_predictions_are_those_of_a_joint_normal(counts: list[int]) -> None:
    sd, n = simulated(counts, seed=11)
    study, wanted = labels(counts), np.array(["A", "Z"] if len(counts) > 1 else ["A"])
    got = lend(sd, n, study, wanted)
    want = conditional(sd, n, study, wanted, got)
    # a flat prior of variance 1e6 costs 1e6 of the 1e16 that float64 resolves
    np.testing.assert_allclose(np.stack([got.mean, got.variance]), want, atol=1e-7)


def test_few_sds_leave_wide_intervals() -> None:
    (sd, n), wanted = simulated([3, 2, 4], seed=11), np.array(["A", "Z"])
    assert lend(sd, n, labels([3, 2, 4]), wanted).freedom.tolist() == [6, 2]
    assert lend(sd, n, labels([9]), np.array(["A"])).freedom.tolist() == [8]


@settings(max_examples=8)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 50))
def test_units_scale_and_the_order_of_rows_does_not_matter(factor: float, seed: int) -> None:
    counts = [3, 2, 4]
    (sd, n), study, wanted = simulated(counts, seed), labels(counts), np.array(["A", "Z"])
    got, scaled = lend(sd, n, study, wanted), lend(factor * sd, n, study, wanted)
    order = np.random.default_rng(seed).permutation(sd.size)
    mixed = lend(sd[order], n[order], study[order], wanted)
    np.testing.assert_allclose(scaled.root_mean_square(), factor * got.root_mean_square(), rtol=SEARCH)
    np.testing.assert_allclose(mixed.root_mean_square(), got.root_mean_square(), rtol=SEARCH)
    assert np.all(got.root_mean_square() >= np.exp(got.mean))
    assert got.variance[1] >= got.variance[0]


def test_what_cannot_be_told_apart_is_between_visits() -> None:
    sd, n = simulated([1, 1, 1, 1], seed=3)
    got = lend(sd, n, labels([1, 1, 1, 1]), np.array(["A", "Z"]))
    assert got.between_studies is None
    assert got.mean[0] == got.mean[1]
    assert got.variance[0] == got.variance[1] > got.between_visits


def test_more_patients_lend_more() -> None:
    sd, study = np.array([2.0, 3.0, 5.0]), labels([3])
    few, many = (lend(sd, np.full(3, n), study, np.array(["A"])) for n in (6.0, 6000.0))
    assert many.between_visits > few.between_visits
    lone = lend(sd, np.array([1e12, 6.0, 6.0]), study, np.array(["A"]))
    assert np.isfinite(lone.variance).all()
