"""`Trajectories.from_arms` on medians: alone, among means, beside borrowed SDs, and where they fall short."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from bayesma.errors import DataError, DataWarning, OptionError
from bayesma.evidence.five_numbers import average, from_five
from bayesma.evidence.trajectories import Trajectories

FIVE = ["minimum", "q1", "median", "q3", "maximum"]
NAMES = {"study": "study", "month": "month", "n": "n"}
MEANS = {"mean": "mean", "sd": "sd"}
QUANTILES = {role: role for role in FIVE}


def frame(**cells: tuple[int, object]) -> pd.DataFrame:
    """One study: mean and SD, quartiles, extremes, and all five, in this order; single cells replaced."""
    rows = [
        ("Ash", 0, 25, 12.0, 3.0, *[np.nan] * 5),
        ("Ash", 1, 24, np.nan, np.nan, np.nan, 8.0, 9.0, 12.0, np.nan),
        ("Ash", 3, 22, np.nan, np.nan, 2.0, np.nan, 6.0, np.nan, 14.0),
        ("Ash", 6, 20, np.nan, np.nan, 2.0, 4.0, 6.0, 10.0, 14.0),
    ]
    table = pd.DataFrame(rows, columns=["study", "month", "n", "mean", "sd", *FIVE])
    for column, (row, value) in cells.items():
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
    table.attrs["source"] = "trees.csv"
    return table


def read(table: pd.DataFrame, **options: Any) -> Trajectories:
    """Changes from baseline of independent visits."""
    stated: dict[str, Any] = {"within_correlation": 0.0}
    return Trajectories.from_arms(table, **(NAMES | MEANS | QUANTILES | stated | options))


def arrays(*numbers: float) -> list[Any]:
    """Numbers as arrays of one row."""
    return [np.array([number]) for number in numbers]


def converted(*five: float | None, n: float) -> Any:
    """The conversion of one row, None where a number is not given."""
    return average(np.array([np.nan if value is None else value for value in five]), n)


def test_each_row_takes_what_it_has() -> None:
    got = read(frame())
    at = [
        converted(None, 8, 9, 12, None, n=24),
        converted(2, None, 6, None, 14, n=22),
        converted(2, 4, 6, 10, 14, n=20),
    ]
    np.testing.assert_allclose(got.y[0], [one.mean - 12.0 for one in at])
    np.testing.assert_allclose(got.se[0] ** 2, [one.variance + 9 / 25 for one in at])
    (note,) = [note for note in got.notes if "median" in note]
    assert note.startswith("Mean and SD were computed from the median")
    assert "log-normal values of the patients: Ash (month 1), Ash (month 3), Ash (month 6)." in note


def test_numbers_that_are_not_positive_are_those_of_normal_values() -> None:
    """The published formulas, and a variance that is never below SD^2 / n."""
    table = frame(minimum=(3, -2.0))
    got = read(table)
    mean, sd = from_five(*arrays(-2, 4, 6, 10, 14, 20))
    np.testing.assert_allclose(got.y[0, 2], mean[0] - 12.0)
    assert got.se[0, 2] ** 2 >= sd[0] ** 2 / 20 + 9 / 25


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e6])
def test_the_unit_of_the_values_changes_nothing(factor: float) -> None:
    one, other = (converted(2 * f, 4 * f, 6 * f, 10 * f, 14 * f, n=20) for f in (1.0, factor))
    assert (other.mean / factor, other.sd / factor) == pytest.approx((one.mean, one.sd), rel=1e-12)
    assert (other.variance / factor**2, other.log_normal) == pytest.approx((one.variance, one.log_normal))


def test_many_patients_tell_the_shape() -> None:
    """Quantiles of the shapes themselves, so that mean and SD are known."""
    z = ndtri([0.25, 0.5, 0.75])
    log_normal = converted(None, *np.exp(0.8 * z), None, n=1e4)
    assert log_normal.log_normal > 0.999
    assert (log_normal.mean, log_normal.sd) == pytest.approx((1.377, 1.305), rel=2e-3)  # exp(0.32) and so on
    normal = converted(None, *(3.0 + z), None, n=1e4)
    assert normal.log_normal < 0.001
    assert (normal.mean, normal.sd) == pytest.approx((3.0, 1.0), rel=2e-3)


def test_skewed_numbers_are_warned_of() -> None:
    table = frame(q3=(3, 14.0), maximum=(3, 30.0), minimum=(3, 0.0))
    with pytest.warns(DataWarning) as caught:
        got = read(table)
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message).startswith(
        r"trees.csv, row 4 (Ash): the numbers around the median are more skewed (0.88) than 95 % of normal "
        "samples of this size (up to 0.67)"
    )
    assert np.isfinite(got.y).all()


def test_what_is_skewed_as_logs_are_not_is_no_reason_to_warn() -> None:
    """As of log-normal values: the logs are as symmetric as those of normal ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(frame(q3=(3, 14.0), maximum=(3, 20.0)))


def test_medians_alone_need_no_column_of_means() -> None:
    table = frame(q1=(0, 10.0), median=(0, 12.0), q3=(0, 14.0))
    got = read(table.assign(mean=np.nan, sd=np.nan))
    none: dict[str, Any] = {"mean": None, "sd": None}
    np.testing.assert_array_equal(read(table, **none).y, got.y)
    quartiles = read(table.drop(index=2), **none, minimum=None, maximum=None)
    assert quartiles.visit.tolist() == [1, 6]
    ends = converted(None, 4, 6, 10, None, n=20), converted(None, 10, 12, 14, None, n=25)
    assert quartiles.y[0, 1] == ends[0].mean - ends[1].mean


def test_a_printed_mean_is_kept() -> None:
    got = read(frame(mean=(1, 9.4)))
    assert got.y[0, 0] == pytest.approx(9.4 - 12)
    assert got.se[0, 0] ** 2 == pytest.approx(9 / 25 + converted(None, 8, 9, 12, None, n=24).sd ** 2 / 24)
    assert "Ash (month 1, the SD only), Ash (month 3)" in got.notes[0]


def test_rows_of_means_are_as_without_medians() -> None:
    table = frame(mean=(1, 9.0), sd=(1, 2.0)).iloc[:2].astype({"mean": float, "sd": float})
    without = dict.fromkeys(QUANTILES)
    np.testing.assert_array_equal(read(table).within, read(table, **without).within)
    assert not any("median" in note for note in read(table).notes)


def test_sds_from_medians_are_not_lent() -> None:
    table = frame()
    later = pd.DataFrame(
        {"study": "Ash", "month": [9, 12, 15], "n": 20, "mean": 6.0, "sd": [2.0, 3.0, np.nan]}
    )
    both = pd.concat([table, later], ignore_index=True)
    with pytest.warns(DataWarning, match=r"row 7 \(Ash\): the SD was not printed"):
        got = read(both, missing_sd="borrow")
    assert any("from 3 printed SDs in 1 study" in note for note in got.notes)
    assert any("Ash (month 6)" in note for note in got.notes)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"q1": (1, 9.5)},
            r"^trees\.csv, row 2 \(Ash\): q1 is 9\.5, above median, which is 9; correct one of them$",
        ),
        ({"q3": (1, 7.0)}, r"row 2 \(Ash\): q1 is 8, above q3, which is 7"),
        ({"maximum": (3, 9.0)}, r"row 4 \(Ash\): q3 is 10, above maximum, which is 9"),
        ({"minimum": (2, 15.0)}, r"row 3 \(Ash\): minimum is 15, above median, which is 6"),
        (
            {"q3": (1, None)},
            r"^trees\.csv, row 2 \(Ash\): there is no mean with its spread, and no number in minimum, q3, "
            "maximum; a median needs q1 and q3, minimum and maximum, or all four; fill them in, or leave",
        ),
        (
            {"median": (1, None)},
            r"row 2 \(Ash\): there is no mean with its spread, and no number in minimum, med",
        ),
        (
            {"n": (1, 4)},
            r"row 2 \(Ash\): n is 4; a mean from a median needs at least 5 patients; give mean and SD",
        ),
        ({"n": (1, 1)}, r"row 2 \(Ash\): n is 1; one patient has no standard deviation"),
        ({"q1": (1, -np.inf)}, r"row 2 \(Ash\): q1 is -inf; at most"),
        ({"sd": (1, 3.0)}, r"row 2 \(Ash\): mean is empty; it must be a finite number; fill it in"),
        ({"mean": (0, np.inf)}, r"row 1 \(Ash\): mean is inf; at most"),
        ({"sd": (0, None)}, r"row 1 \(Ash\): sd is empty; a mean without its spread"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(cells: dict[str, tuple[int, object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(frame(**cells))


def test_equal_quartiles_have_no_sd() -> None:
    table = frame(q1=(1, 9.0), q3=(1, 9.0))
    with pytest.raises(
        DataError, match=r"row 2 \(Ash\): median is 9; the numbers around it are equal, and no SD"
    ):
        read(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q3": None}, "q1 is half of a pair: name the column of q3 too"),
        ({"minimum": None}, "maximum is half of a pair: name the column of minimum too"),
        ({"median": None}, "q1 and q3 lie around a median; name its column: median="),
        (dict.fromkeys(["q1", "q3", "minimum", "maximum"]), "a median gives no SD alone; name q1 and q3"),
        ({"mean": None}, "sd is the spread of a mean; name its column: mean="),
        ({"sd": None}, "a mean needs exactly one of sd, se, ci_low with ci_high; none is given"),
        (
            dict.fromkeys(["mean", *FIVE]),
            "no column of means is named; give mean=, or median= with q1= and q3=",
        ),
        ({"q1": 3}, "q1 must be the name of a column, not int"),
    ],
)
def test_columns_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(frame(), **options)
