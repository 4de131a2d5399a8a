"""`Trajectories.from_patients`: sufficient statistics of the changes, as the route over arms has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bayesma.errors import DataError, OptionError
from bayesma.evidence.trajectories import Trajectories

Array = NDArray[np.float64]

MONTHS = np.array([0.0, 1.0, 3.0, 6.0])
NAMES = {"study": "study", "patient": "id", "month": "month", "value": "value"}
BOTH = {"arm": "arm", "treatment": "MSC", "control": "usual"}


def values(seed: int, patients: int) -> Array:
    """Values of patients at the four visits, correlated over months."""
    covariance = 9.0 * 0.8 ** np.abs(np.subtract.outer(MONTHS, MONTHS))
    rng = np.random.default_rng(seed)
    return np.asarray(rng.multivariate_normal([12.0, 9.0, 7.0, 6.0], covariance, patients))


def rows(table: Array, study: str = "Ash", arm: str = "MSC") -> pd.DataFrame:
    """Values (patients, visits) in long form; NaN stays an empty cell."""
    patient, visit = np.indices(table.shape)
    frame = pd.DataFrame(
        {
            "study": study,
            "arm": arm,
            "id": patient.ravel(),
            "month": MONTHS[visit.ravel()],
            "value": table.ravel(),
        }
    )
    frame.attrs["source"] = "trees.csv"
    return frame


def read(frame: pd.DataFrame, **options: Any) -> Trajectories:
    """Changes from baseline unless arms are named."""
    frame.attrs["source"] = "trees.csv"
    return Trajectories.from_patients(frame, **(NAMES | options))


def test_complete_patients_give_the_sample_covariance_of_their_changes() -> None:
    table = values(1, 25)
    changes = table[:, 1:] - table[:, :1]
    got = read(rows(table))
    np.testing.assert_allclose(got.y[0], changes.mean(axis=0))
    np.testing.assert_allclose(got.within[0, :, :, 0], np.cov(changes.T) / 25, rtol=1e-12)
    np.testing.assert_allclose(got.se[0], changes.std(axis=0, ddof=1) / 5, rtol=1e-12)
    assert (got.visit.tolist(), got.lag.tolist(), got.measure) == ([1, 3, 6], [0], "MC")
    assert (got.within_correlation, got.within_structure, got.notes) == (None, "given", ())
    assert got.n is not None
    assert got.n.tolist() == [[25, 25, 25]]


def test_two_arms() -> None:
    treated, control = values(2, 20), values(3, 16)
    both = pd.concat([rows(treated), rows(control, arm="usual")], ignore_index=True)
    changes = [a[:, 1:] - a[:, :1] for a in (treated, control)]
    got = read(both, **BOTH)
    np.testing.assert_allclose(got.y[0], changes[0].mean(axis=0) - changes[1].mean(axis=0))
    want = np.cov(changes[0].T) / 20 + np.cov(changes[1].T) / 16
    np.testing.assert_allclose(got.within[0, :, :, 0], want, rtol=1e-12)
    final = read(both, **BOTH, adjust="final")
    np.testing.assert_allclose(final.y[0], (treated.mean(axis=0) - control.mean(axis=0))[1:])
    want = (np.cov(treated.T) / 20 + np.cov(control.T) / 16)[1:, 1:]
    np.testing.assert_allclose(final.within[0, :, :, 0], want, rtol=1e-12)
    assert (got.measure, final.measure) == ("MD", "MD")
    assert got.n is not None
    assert got.n.tolist() == [[36, 36, 36]]


def test_pairs_of_visits_use_the_patients_seen_at_both() -> None:
    table = values(4, 30)
    table[20:, 3] = np.nan
    table[:4, 2] = np.nan
    table[29, 0] = np.nan  # no change without a baseline
    got = read(rows(table))
    used = table[:29, 1:] - table[:29, :1]
    seen = np.isfinite(used)
    n = seen.sum(axis=0)
    for s in range(3):
        for t in range(3):
            both = seen[:, s] & seen[:, t]
            pair = np.cov(used[both, s], used[both, t])[0, 1]
            assert got.within[0, s, t, 0] == pytest.approx(pair * both.sum() / (n[s] * n[t]), rel=1e-12)
    np.testing.assert_allclose(got.y[0], np.nanmean(used, axis=0))
    assert got.notes == ("Patients without a baseline value were kept out: Ash 1.",)


def test_many_patients_agree_with_their_arm_means() -> None:
    """The route over means, SDs and the true correlation, to the error of a sample of 4,000 (5 % at 3 sd)."""
    table = values(5, 4000)
    summary = pd.DataFrame(
        {
            "study": "Ash",
            "month": MONTHS,
            "mean": table.mean(axis=0),
            "sd": table.std(axis=0, ddof=1),
            "n": 4000,
        }
    )
    arms = Trajectories.from_arms(
        summary, study="study", month="month", mean="mean", sd="sd", n="n", within_correlation=0.8
    )
    got = read(rows(table))
    np.testing.assert_allclose(got.y, arms.y)
    np.testing.assert_allclose(got.within, arms.within, rtol=0.05)


def test_order_units_and_several_studies() -> None:
    frame = pd.concat([rows(values(6, 12)), rows(values(7, 15), "Birch")], ignore_index=True)
    frame = frame[~((frame["study"] == "Birch") & (frame["month"] == 3))]
    got = read(frame)
    assert got.study.tolist() == ["Ash", "Birch"]
    np.testing.assert_array_equal(np.isfinite(got.y), [[True, True, True], [True, False, True]])
    assert not got.within[1, 1].any()
    order = read(frame.sample(frac=1.0, random_state=1))
    back = [order.study.tolist().index(name) for name in got.study.tolist()]
    np.testing.assert_allclose(order.within[back], got.within, rtol=1e-12)
    frame["day"], frame["unit"] = frame["month"] * 30.4375, "day"
    np.testing.assert_array_equal(read(frame, month="day", time_unit_column="unit").visit, got.visit)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (
            "month",
            -1.0,
            r"^trees\.csv, row 2 \(Ash, patient 0\): month is -1; a visit cannot lie before the baseline",
        ),
        (
            "month",
            3.0,
            r"row 3 \(Ash, patient 0\): month is 3, which already stands in row 2; .* numbers of their own",
        ),
        ("value", np.inf, r"row 2 \(Ash, patient 0\): value is inf; finite numbers up to"),
        ("value", "high", r"row 2 \(Ash, patient 0\): value \(value\) is 'high'; it must be a number"),
        ("id", None, r"row 2: id is empty; every patient needs a label"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(column: str, value: object, message: str) -> None:
    frame = rows(values(8, 10)).astype({column: object})
    frame.loc[1, column] = value
    with pytest.raises(DataError, match=message):
        read(frame)


def test_studies_that_cannot_be_used_are_named() -> None:
    few = rows(values(9, 3))
    with pytest.raises(
        DataError, match=r"^trees\.csv, Ash: .* not positive definite .*; it needs more patients than"
    ):
        read(few)
    with pytest.raises(DataError, match=r"^trees\.csv, Ash: .* not positive definite"):
        read(rows(np.tile([9.0, 4.0, 3.0, 2.0], (12, 1))))
    table = values(10, 10)
    table[1:, 3] = np.nan
    with pytest.raises(
        DataError, match=r"^trees\.csv, Ash: one patient only was measured at month 6, and one"
    ):
        read(rows(table))
    table = values(11, 10)
    table[:5, 3] = np.nan
    table[6:, 2] = np.nan
    with pytest.raises(DataError, match=r"Ash: one patient only was measured at both month 3 and month 6"):
        read(rows(table))
    with pytest.raises(DataError, match=r"Ash: it has no baseline \(month 0\)"):
        read(rows(values(12, 10)).query("month > 0"))
    with pytest.raises(DataError, match=r"Ash: it has no visit after the baseline"):
        read(rows(values(12, 10)).query("month == 0"))
    with pytest.raises(DataError, match=r"^trees\.csv holds no value"):
        read(rows(np.full((2, 4), np.nan)))
    with pytest.raises(DataError, match=r"row 1 \(Ash\): arm is 'MSC'; it must be 'usual' or 'sham'"):
        read(few, arm="arm", treatment="usual", control="sham")
    alone = rows(values(13, 10))
    with pytest.raises(DataError, match=r"Ash: the arm 'usual' has no visit"):
        read(alone, **BOTH, adjust="final")
    with pytest.raises(DataError, match=r"Ash: the arm 'usual' has no baseline"):
        read(alone, **BOTH)


def test_months_mixed_with_weeks() -> None:
    frame = rows(values(14, 10))
    frame["unit"] = ["months"] * 39 + ["weeks"]
    with pytest.raises(DataError, match=r"^trees\.csv, row 40 \(Ash, patient 9\): unit .* cannot be mixed"):
        read(frame, time_unit_column="unit")


def test_visits_without_a_shared_patient_are_independent() -> None:
    table = values(15, 20)
    table[:10, 3] = np.nan
    table[10:, 1:3] = np.nan
    got = read(rows(table)).within[0, :, :, 0]
    assert got[0, 2] == got[1, 2] == 0
    assert got[0, 1] > 0


@pytest.mark.parametrize("options", [{"time_unit": "y"}, {"adjust": "final"}, {"arm": "arm"}])
def test_options(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        read(rows(values(16, 10)), **options)
