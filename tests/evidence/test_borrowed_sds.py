"""`Trajectories.from_arms` where SDs were not printed: refused, or borrowed with their uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bayesma.errors import DataError, DataWarning, OptionError
from bayesma.evidence.log_sds import lend
from bayesma.evidence.trajectories import Trajectories

Array = NDArray[np.float64]

MONTHS = np.array([0.0, 1.0, 3.0, 6.0])
SDS = {"Ash": [4.0, 3.0, 3.5, 5.0], "Birch": [2.0, 2.6, 2.4, 2.1], "Cedar": [6.0, 5.0, 7.0, 5.5]}
N = {"Ash": 30, "Birch": 12, "Cedar": 20}
NAMES = {"study": "study", "month": "month", "mean": "mean", "sd": "sd", "n": "n"}
BOTH = {"arm": "arm", "treatment": "MSC", "control": "usual"}
CHANGE = np.array([[-1.0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
DRAWS = 200_000  # of log SDs: their mean products are then known to 0.4 %, differences of these to 2 %


def frame(*missing: int, arms: tuple[str, ...] = ("MSC",)) -> pd.DataFrame:
    """Three studies, without the SD in some rows."""
    rows = [
        (study, arm, month, 12 - month, sd * (1 if arm == "MSC" else 1.1), N[study])
        for study, sds in SDS.items()
        for arm in arms
        for month, sd in zip(MONTHS, sds, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["study", "arm", "month", "mean", "sd", "n"])
    table.loc[list(missing), "sd"] = np.nan
    table.attrs["source"] = "trees.csv"
    return table


def read(table: pd.DataFrame, **options: Any) -> Trajectories:
    """Changes from baseline."""
    stated: dict[str, Any] = {"within_correlation": 0.5, "missing_sd": "borrow"}
    return Trajectories.from_arms(table, **(NAMES | stated | options))


def borrowed(table: pd.DataFrame, **options: Any) -> Trajectories:
    """The same, with the warning that SDs were borrowed."""
    with pytest.warns(DataWarning, match="the SD was not printed, and was borrowed from"):
        return read(table, **options)


def test_nothing_changes_where_every_sd_is_printed() -> None:
    for arms, options in ((("MSC",), {}), (("MSC", "usual"), BOTH)):
        table = frame(arms=arms)
        plain, asked = (read(table, missing_sd=said, **options) for said in ("refuse", "borrow"))
        np.testing.assert_array_equal(plain.within, asked.within)
        assert plain.notes == asked.notes == ()


def test_the_covariance_is_the_expectation_over_what_is_uncertain() -> None:
    """Ash misses the SDs of months 1 and 6: they are drawn, and the covariances averaged."""
    table, rho = frame(1, 3), 0.9
    table["sd"] *= [1, 1, 2.5, 1, 1, 2, 0.5, 1, 0.4, 1, 1.5, 1]  # much to be unsure of
    known = table["sd"].notna().to_numpy()
    sd, n = table["sd"].to_numpy()[known], table["n"].to_numpy(dtype=np.float64)[known]
    loan = lend(sd, n, table["study"].to_numpy(dtype=np.str_)[known], np.array(["Ash"]))
    assert loan.variance[0] > loan.between_visits > 0.1
    rng = np.random.default_rng(20261)
    shared = np.sqrt(loan.variance[0] - loan.between_visits) * rng.standard_normal(DRAWS)
    own = np.sqrt(loan.between_visits) * rng.standard_normal((DRAWS, 2))
    drawn = np.full((DRAWS, 4), table["sd"][:4].to_numpy())
    drawn[:, [1, 3]] = np.exp(loan.mean[0] + shared[:, None] + own)
    values = np.einsum("ds,dt->st", drawn, drawn) / DRAWS
    values *= rho ** (1 - np.eye(4))
    got = borrowed(table, within_correlation=rho, within_structure="cs")
    np.testing.assert_allclose(got.within[0, :, :, 0], CHANGE @ values @ CHANGE.T / N["Ash"], rtol=0.02)
    printed = read(table.query("study != 'Ash'"), within_correlation=rho, within_structure="cs")
    np.testing.assert_array_equal(got.within[1:], printed.within)
    np.testing.assert_array_equal(got.y, read(frame()).y)


def test_the_uncertainty_widens() -> None:
    table = frame(5)
    known = table["sd"].notna().to_numpy()
    study = table["study"].to_numpy(dtype=np.str_)
    n = table["n"].to_numpy(dtype=np.float64)
    loan = lend(table["sd"].to_numpy()[known], n[known], study[known], np.array(["Birch"]))
    table.loc[5, "sd"] = float(np.exp(loan.mean[0]))
    middle = read(table, within_correlation=0.0)
    wide = borrowed(frame(5), within_correlation=0.0)
    assert wide.se[1, 0] > middle.se[1, 0]
    want = (2.0**2 + loan.root_mean_square()[0] ** 2) / 12
    assert wide.se[1, 0] == pytest.approx(np.sqrt(want))


def test_each_loan_is_noted_and_warned_of() -> None:
    with pytest.warns(DataWarning) as caught:
        got = read(frame(1, 6))
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message).startswith(
        "trees.csv, row 2 (Ash), trees.csv, row 7 (Birch): the SD was not printed, and was borrowed from 10 "
    )
    first, second, model = got.notes
    assert first.startswith("Ash (month 1): the SD was not printed; ")
    assert second.startswith("Birch (month 3): the SD was not printed; ")
    assert "95 % predictive range" in first
    assert first.endswith("from 10 printed SDs in 3 studies.")
    assert "between studies and" in model
    table = frame(1, 6)
    known = table["sd"].notna().to_numpy()
    sd, n = table["sd"].to_numpy()[known], table["n"].to_numpy(dtype=np.float64)[known]
    loan = lend(sd, n, table["study"].to_numpy(dtype=np.str_)[known], np.array(["Ash"]))
    low, high = loan.interval()
    assert f"; {loan.root_mean_square()[0]:.3g} was borrowed (95 % pred" in first
    assert f"range {low[0]:.3g} to {high[0]:.3g})" in first


def test_one_study_lends_to_itself() -> None:
    table = frame(2).query("study == 'Ash'")
    table.attrs["source"] = "trees.csv"
    got = borrowed(table)
    assert "from 3 printed SDs in 1 study." in got.notes[0]
    assert "in all, between studies or visits" in got.notes[1]
    assert np.isfinite(got.se).all()


def test_units_scale_and_priors_on_the_correlation_keep_powers_apart() -> None:
    table = frame(1, 6)
    got, tenfold = borrowed(table), borrowed(table.assign(mean=table["mean"] * 10, sd=table["sd"] * 10))
    np.testing.assert_allclose(tenfold.within, 100 * got.within, rtol=1e-5)
    monthly = {"within_structure": "ar1-month", "within_distance": 1}
    apart = borrowed(table, within_correlation="Beta(2, 2)", **monthly)
    np.testing.assert_allclose(apart.within @ 0.5**apart.lag, got.within[..., 0], rtol=1e-6)


def test_ses_and_intervals_lend_too() -> None:
    table = frame(1)
    table["se"] = table["sd"] / np.sqrt(table["n"])
    table["low"], table["high"] = (
        table["mean"] - 1.959963984540054 * table["se"],
        table["mean"] + 1.959963984540054 * table["se"],
    )
    want = borrowed(table).within
    np.testing.assert_allclose(borrowed(table, sd=None, se="se").within, want, rtol=1e-6)
    got = borrowed(table, sd=None, ci_low="low", ci_high="high")
    np.testing.assert_allclose(got.within, want, rtol=1e-6)
    table.loc[1, "low"] = 10.0
    with pytest.raises(
        DataError, match=r"row 2 \(Ash\): high \(ci_high\) is empty; a mean without its spread"
    ):
        read(table, sd=None, ci_low="low", ci_high="high")


def test_arms_of_a_study_lend_to_each_other() -> None:
    table = frame(*range(4), arms=("MSC", "usual"))
    got = borrowed(table, within_correlation=0.0, **BOTH)
    assert got.notes[1].startswith("Ash: MSC (month 1): the SD was not printed")
    rest = table.loc[4:]
    loan = lend(
        rest["sd"].to_numpy(),
        rest["n"].to_numpy(dtype=np.float64),
        rest["study"].to_numpy(dtype=np.str_),
        np.array(["Ash"]),
    )
    printed = 1.1**2 * (np.array(SDS["Ash"][1:]) ** 2 + SDS["Ash"][0] ** 2)
    want = (2 * loan.root_mean_square()[0] ** 2 + printed) / N["Ash"]
    np.testing.assert_allclose(got.se[0] ** 2, want)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (
            frame(1),
            {"missing_sd": "refuse"},
            r"^trees\.csv, row 2 \(Ash\): sd is empty; a mean without its spread .*; give the SD .*borrow'$",
        ),
        (
            frame(1, 2).iloc[:4],
            {},
            r"^trees\.csv, row 2 \(Ash\): sd is empty; an SD is borrowed from at least 3 printed ones, and "
            "there are 2; give the SD, or leave the visit out$",
        ),
        (
            frame(5, 6, 4, 7).iloc[:8],
            {},
            r"^trees\.csv, row 5 \(Birch\): sd is empty; one study prints SDs, Ash, and does not tell how "
            "SDs differ between studies; give the SD",
        ),
        (frame(*range(12)), {}, "at least 3 printed ones, and there are 0"),
        (frame(1).assign(n=1), {}, r"row 1 \(Ash\): n is 1; one patient has no standard deviation"),
        (frame(1).assign(mean=np.nan), {}, r"row 1 \(Ash\): mean is empty; it must be a finite number"),
    ],
)
def test_loans_that_cannot_be(table: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    table.attrs["source"] = "trees.csv"
    with pytest.raises(DataError, match=message):
        read(table, **options)


def test_the_option_is_one_of_two() -> None:
    with pytest.raises(OptionError, match="missing_sd is 'mean'; it must be one of: refuse, borrow"):
        read(frame(), missing_sd="mean")
