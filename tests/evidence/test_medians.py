"""`Trajectories.from_arms` on medians: alone, among means, beside borrowed SDs, and where they fall short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError, DataWarning, OptionError
from bayesma.evidence.five_numbers import from_five, from_quartiles, from_range
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


def test_each_row_takes_what_it_has() -> None:
    got = read(frame())
    at = [
        from_quartiles(*arrays(8, 9, 12, 24)),
        from_range(*arrays(2, 6, 14, 22)),
        from_five(*arrays(2, 4, 6, 10, 14, 20)),
    ]
    np.testing.assert_allclose(got.y[0], [mean[0] - 12.0 for mean, _ in at])
    variance = [sd[0] ** 2 / n + 9 / 25 for (_, sd), n in zip(at, (24, 22, 20), strict=True)]
    np.testing.assert_allclose(got.se[0] ** 2, variance)
    (note,) = [note for note in got.notes if "median" in note]
    assert note.startswith("Mean and SD were computed from the median")
    assert (
        "as if the values of the patients were normal: Ash (month 1), Ash (month 3), Ash (month 6)." in note
    )


def test_skewed_numbers_are_warned_of() -> None:
    table = frame(q3=(3, 14.0), maximum=(3, 20.0))
    with pytest.warns(DataWarning) as caught:
        got = read(table)
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message).startswith(
        r"trees.csv, row 4 (Ash): the numbers around the median are more skewed (0.82) than 95 % of normal "
        "samples of this size (up to 0.67)"
    )
    assert np.isfinite(got.y).all()


def test_they_equal_means_and_sds_computed_before() -> None:
    table, by_hand = frame(), frame()
    mean, sd = from_five(*arrays(2, 4, 6, 10, 14, 20))
    by_hand.loc[3, ["mean", "sd"]] = mean[0], sd[0]
    np.testing.assert_array_equal(read(table).within, read(by_hand).within)
    np.testing.assert_array_equal(read(table).y, read(by_hand).y)
    assert "month 6" not in read(by_hand).notes[0]


def test_medians_alone_need_no_column_of_means() -> None:
    table = frame(q1=(0, 10.0), median=(0, 12.0), q3=(0, 14.0))
    got = read(table.assign(mean=np.nan, sd=np.nan))
    none: dict[str, Any] = {"mean": None, "sd": None}
    np.testing.assert_array_equal(read(table, **none).y, got.y)
    quartiles = read(table.drop(index=2), **none, minimum=None, maximum=None)
    assert quartiles.visit.tolist() == [1, 6]
    assert quartiles.y[0, 1] == from_quartiles(*arrays(4, 6, 10, 20))[0][0] - 12


def test_a_printed_mean_is_kept() -> None:
    got = read(frame(mean=(1, 9.4)))
    assert got.y[0, 0] == pytest.approx(9.4 - 12)
    assert got.se[0, 0] ** 2 == pytest.approx(9 / 25 + from_quartiles(*arrays(8, 9, 12, 24))[1][0] ** 2 / 24)
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
