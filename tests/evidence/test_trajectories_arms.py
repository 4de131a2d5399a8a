"""`Trajectories.from_arms`: changes and differences with the covariance that simulated patients have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bayesma.errors import DataError, DataWarning, OptionError, PriorError
from bayesma.evidence.readers import load_data
from bayesma.evidence.trajectories import Trajectories

Array = NDArray[np.float64]

MONTHS = np.array([0.0, 1.0, 3.0, 6.0])
SD = {"MSC": np.array([4.0, 3.0, 3.5, 5.0]), "usual": np.array([4.2, 4.0, 4.0, 3.8])}
N = {"MSC": np.array([30, 30, 24, 18]), "usual": np.array([28, 25, 25, 20])}
MEAN = {"MSC": np.array([12.0, 9.0, 7.0, 5.0]), "usual": np.array([11.5, 11.0, 10.0, 9.0])}
POWERS = {
    "ar1-visit": np.abs(np.subtract.outer(np.arange(4), np.arange(4))),
    "ar1-month": np.abs(np.subtract.outer(MONTHS, MONTHS)),
    "cs": 1.0 - np.eye(4),
}
CHANGE = np.array([[-1.0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
NAMES = {"study": "study", "month": "month", "mean": "mean", "sd": "sd", "n": "n"}
BOTH = {"arm": "arm", "treatment": "MSC", "control": "usual"}
DRAWS = (
    40_000  # repetitions of a trial: a covariance is then known to 2 % of its variances (4 standard errors)
)


def frame(arms: tuple[str, ...] = ("MSC", "usual"), **cells: tuple[int, object]) -> pd.DataFrame:
    """One trial as published, with single cells replaced: column=(row, value)."""
    rows = [
        ("Ash", arm, m, MEAN[arm][j], SD[arm][j], N[arm][j]) for arm in arms for j, m in enumerate(MONTHS)
    ]
    table = pd.DataFrame(rows, columns=["study", "arm", "month", "mean", "sd", "n"])
    for column, (row, value) in cells.items():
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
    table.attrs["source"] = "trees.csv"
    return table


def single(table: pd.DataFrame | None = None, **options: Any) -> Trajectories:
    """Changes from baseline in the treated arm."""
    stated = {"within_correlation": 0.5}
    return Trajectories.from_arms(frame(("MSC",)) if table is None else table, **(NAMES | stated | options))


def paired(table: pd.DataFrame | None = None, **options: Any) -> Trajectories:
    """Differences between the arms."""
    stated = {"within_correlation": 0.5}
    return Trajectories.from_arms(frame() if table is None else table, **(NAMES | BOTH | stated | options))


def of_means(arm: str, rho: float, structure: str) -> Array:
    """Covariance of the means of an arm, patient by patient: each mean is B' x, B the shares of patients.

    Patients leave from the end of the list, so that those seen at the later visit were seen at the earlier.
    """
    patients = N[arm].max()
    share = (np.arange(patients)[:, None] < N[arm]) / N[arm]
    values = np.outer(SD[arm], SD[arm]) * rho ** POWERS[structure]
    return np.asarray(np.einsum("ps,pt,st->st", share, share, values))


@pytest.mark.parametrize("structure", POWERS)
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_covariance_is_that_of_the_patients_behind_the_means(structure: str, rho: float) -> None:
    options: dict[str, Any] = {"within_correlation": rho, "within_structure": structure}
    treated, control = (of_means(arm, rho, structure) for arm in ("MSC", "usual"))
    change = single(**options)
    np.testing.assert_allclose(change.y[0], MEAN["MSC"][1:] - MEAN["MSC"][0])
    np.testing.assert_allclose(change.within[0, :, :, 0], CHANGE @ treated @ CHANGE.T, rtol=1e-12)
    both = paired(**options)
    np.testing.assert_allclose(both.y[0], CHANGE @ (MEAN["MSC"] - MEAN["usual"]))
    np.testing.assert_allclose(both.within[0, :, :, 0], CHANGE @ (treated + control) @ CHANGE.T, rtol=1e-12)
    final = paired(adjust="final", **options)
    np.testing.assert_allclose(final.y[0], (MEAN["MSC"] - MEAN["usual"])[1:])
    np.testing.assert_allclose(final.within[0, :, :, 0], (treated + control)[1:, 1:], rtol=1e-12)
    for got in (change, both, final):
        np.testing.assert_allclose(got.se[0], np.sqrt(np.diag(got.within[0, :, :, 0])), rtol=1e-12)
    assert [t.measure for t in (change, both, final)] == ["MC", "MD", "MD"]
    assert change.n is not None
    assert both.n is not None
    np.testing.assert_array_equal(change.n[0], N["MSC"][1:])
    np.testing.assert_array_equal(both.n[0], (N["MSC"] + N["usual"])[1:])


@pytest.mark.parametrize("structure", POWERS)
def test_a_prior_keeps_the_powers_apart(structure: str) -> None:
    at = {"within_distance": 1} if structure == "ar1-month" else {}
    apart = paired(within_correlation="Beta(2, 2)", within_structure=structure, **at)
    assert apart.lag.size > 1
    for rho in (0.0, 0.3, 0.95):
        fixed = paired(within_correlation=rho, within_structure=structure)
        assert fixed.lag.tolist() == [0]
        np.testing.assert_allclose(apart.within @ rho**apart.lag, fixed.within[..., 0], rtol=1e-10)
    middle = paired(within_correlation=0.5, within_structure=structure)
    np.testing.assert_allclose(apart.se, middle.se, rtol=1e-9)


def test_a_prior_of_arms_keeps_baseline_and_last_visit_together() -> None:
    """What it implies is told; under the default it is the prior itself, raised to no power."""
    default = paired(within_correlation="Beta(2, 2)")
    assert (default.within_structure, default.lag.tolist()) == ("cs", [0.0, 1.0])
    assert any(
        "prior Beta(2, 2) between any two visits: for baseline with the last visit (month 6) this implies a "
        "correlation of 0.50 on average, 95 % probable between 0.09 and 0.91" in note
        for note in default.notes
    )
    decaying = paired(within_correlation="Beta(2, 2)", within_structure="ar1-month")
    for rho in (0.3, 0.9):
        want = paired(within_correlation=rho ** (1 / 6), within_structure="ar1-month")
        np.testing.assert_allclose(decaying.within @ rho**decaying.lag, want.within[..., 0], rtol=1e-7)


def test_the_covariance_is_that_of_simulated_trials() -> None:
    rng = np.random.default_rng(20260)
    rho, changes = 0.7, np.zeros((DRAWS, 3))
    for arm, sign in (("MSC", 1.0), ("usual", -1.0)):
        factor = np.linalg.cholesky(np.outer(SD[arm], SD[arm]) * rho ** POWERS["ar1-month"])
        means = np.zeros((DRAWS, 4))
        for p in range(N[arm].max()):
            means += (p < N[arm]) / N[arm] * (rng.standard_normal((DRAWS, 4)) @ factor.T)
        changes += sign * (means[:, 1:] - means[:, :1])
    got = paired(within_correlation=rho).within[0, :, :, 0]
    sd = np.sqrt(np.diag(got))
    np.testing.assert_allclose(np.cov(changes.T) / np.outer(sd, sd), got / np.outer(sd, sd), atol=0.03)


def test_negative_correlations() -> None:
    for structure in ("ar1-visit", "ar1-month"):
        got = single(within_correlation=-0.4, within_structure=structure).within[0, :, :, 0]
        np.testing.assert_allclose(got, CHANGE @ of_means("MSC", -0.4, structure) @ CHANGE.T, rtol=1e-12)
    with pytest.raises(
        DataError, match=r"^trees\.csv, Ash: the covariance of its visits is not positive definite"
    ):
        single(frame(("MSC",)).assign(n=20), within_correlation=-0.5, within_structure="cs")


def test_se_and_interval_give_the_sd() -> None:
    table = frame(("MSC",))
    table["se"] = table["sd"] / np.sqrt(table["n"])
    table["low"], table["high"] = table["mean"] - 1.96 * table["se"], table["mean"] + 1.96 * table["se"]
    want = single().within
    np.testing.assert_allclose(single(table, sd=None, se="se").within, want, rtol=1e-12)
    got = single(table, sd=None, ci_low="low", ci_high="high")
    np.testing.assert_allclose(got.within, want, rtol=1e-4)  # 1.96 for the quantile
    table.loc[1, "high"] += 2.0
    with pytest.warns(
        DataWarning, match=r"trees\.csv, row 2 \(Ash\): the interval .* is not centred on its mean 9"
    ):
        single(table, sd=None, ci_low="low", ci_high="high")


def test_drop_out_is_said_to_be_nested() -> None:
    assert (
        "The number of patients differs between visits in Ash: drop-out is taken as nested"
        in single().notes[0]
    )
    assert single(frame(("MSC",)).assign(n=20)).notes == ()


def test_the_order_of_rows_does_not_matter_and_units_scale() -> None:
    table = frame()
    mixed = paired(table.sample(frac=1.0, random_state=3))
    np.testing.assert_allclose(mixed.within, paired(table).within)
    np.testing.assert_array_equal(mixed.y, paired(table).y)
    tenfold = paired(table.assign(mean=table["mean"] * 10, sd=table["sd"] * 10))
    np.testing.assert_allclose(tenfold.within, 100 * paired(table).within)
    exchanged = paired(table, treatment="usual", control="MSC")
    np.testing.assert_allclose(exchanged.y, -paired(table).y)
    np.testing.assert_allclose(exchanged.within, paired(table).within)
    weeks = table.assign(month=table["month"] * 30.4375 / 7)
    np.testing.assert_allclose(paired(weeks, time_unit="weeks").within, paired(table).within, rtol=1e-9)
    assert paired(weeks, time_unit="weeks").visit.tolist() == [1, 3, 6]


def test_missing_visits_keep_their_place() -> None:
    other = frame(("MSC",)).assign(study="Birch").drop(index=[1])
    other = pd.concat([frame(("MSC",)), other], ignore_index=True)
    other.loc[other.index[-1], ["mean", "sd"]] = np.nan
    got = single(other, within_structure="ar1-visit")
    assert got.study.tolist() == ["Ash", "Birch"]
    np.testing.assert_array_equal(np.isfinite(got.y), [[True, True, True], [False, True, False]])
    np.testing.assert_allclose(got.within[0], single(within_structure="ar1-visit").within[0])
    assert got.within[1, 1, 1, 0] == pytest.approx(got.within[0, 1, 1, 0])
    assert np.count_nonzero(got.within[1]) == 1
    assert any("were kept out: Birch (month 6)" in note for note in got.notes)


def test_a_visit_in_one_arm_only_is_kept_out() -> None:
    got = paired(frame().drop(index=[6]))
    assert got.visit.tolist() == [1, 6]
    assert any("one arm only was measured were kept out: Ash (month 3)" in note for note in got.notes)
    np.testing.assert_allclose(got.within[0, :, :, 0], paired().within[0][np.ix_([0, 2], [0, 2])][..., 0])


def test_a_single_arm_series_that_was_published() -> None:
    table = load_data("longitudinal_arm_means")
    table = table[table["study"] == "Li JX 2016"]
    months = Trajectories.from_arms(
        table,
        study="study",
        month="time",
        mean="mean",
        sd="spread",
        n="n",
        within_correlation="Uniform(0, 1)",
        within_structure="ar1-month",
        within_distance=1,
        time_unit_column="time_unit",
    )
    assert months.visit.round(3).tolist() == [0.92, 1.84, 3.68, 5.52]
    weeks = np.array([0, 4, 8, 12, 16, 20, 24]) * 7 / 30.4375  # one power for each distance, however reached
    np.testing.assert_allclose(months.lag, weeks, atol=1e-8)
    np.testing.assert_allclose(months.y[0], [-1.90, -3.70, -6.35, -6.95])
    rho = 0.4
    want = (3.97**2 + 1.36**2 - 2 * rho ** months.visit[-1] * 3.97 * 1.36) / 20
    assert (months.within @ rho**months.lag)[0, -1, -1] == pytest.approx(want, rel=1e-9)
    both = load_data("longitudinal_arm_means").query("outcome == 'SLEDAI'")
    with pytest.raises(
        DataError, match=r"row 6 \(Liang 2010\): .*'months'; row 1 counts in weeks; units of time"
    ):
        single(both, month="time", sd="spread", time_unit_column="time_unit")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"n": (1, 1)},
            r"^trees\.csv, row 2 \(Ash: MSC\): n is 1; one patient has no standard deviation; leave",
        ),
        ({"n": (1, 0)}, r"row 2 \(Ash: MSC\): n is 0; it must be a whole number of at least 2"),
        ({"n": (1, 2.5)}, r"row 2 \(Ash: MSC\): n is 2\.5; it must be a whole number"),
        ({"n": (1, np.nan)}, r"row 2 \(Ash: MSC\): n is empty; every visit needs its number of patients"),
        ({"sd": (1, np.nan)}, r"row 2 \(Ash: MSC\): sd is empty; a mean without its spread .*; give the SD"),
        ({"sd": (1, 0)}, r"row 2 \(Ash: MSC\): sd is 0; it must be above 0; correct it"),
        ({"sd": (1, -2)}, r"row 2 \(Ash: MSC\): sd is -2; it must be above 0"),
        ({"sd": (1, np.inf)}, r"row 2 \(Ash: MSC\): sd is inf; it must be a finite number"),
        ({"sd": (1, 1e70)}, r"row 2 \(Ash: MSC\): sd is 1e\+70; an SD from"),
        ({"mean": (1, np.nan)}, r"row 2 \(Ash: MSC\): mean is empty; it must be a finite number; fill it in"),
        ({"mean": (1, np.inf)}, r"row 2 \(Ash: MSC\): mean is inf; at most"),
        (
            {"month": (1, -1)},
            r"row 2 \(Ash: MSC\): month is -1; a visit cannot lie before the baseline, which is 0",
        ),
        (
            {"month": (1, 3)},
            r"row 3 \(Ash: MSC\): month is 3, which already stands in row 2; a study has one row",
        ),
        ({"arm": (1, "sham")}, r"row 2 \(Ash\): arm is 'sham'; it must be 'MSC' or 'usual'; correct it"),
        ({"arm": (1, None)}, r"row 2: arm is empty; every arm needs a label"),
        ({"month": (0, 0.5)}, r"^trees\.csv, Ash: the arm 'MSC' has no baseline \(month 0\).*adjust='final'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(cells: dict[str, tuple[int, object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        paired(frame(**cells))


def test_studies_that_cannot_be_used_are_named() -> None:
    alone = frame(("MSC",))
    with pytest.raises(DataError, match=r"^trees\.csv, Ash: the arm 'usual' has no visit; add its rows"):
        paired(alone)
    with pytest.raises(
        DataError, match=r"^trees\.csv, Ash: it has no baseline \(month 0\), and a change starts"
    ):
        single(alone.drop(index=[0]))
    with pytest.raises(DataError, match=r"^trees\.csv, Ash: it has no visit after the baseline \(month 0\)"):
        single(alone.iloc[:1])
    with pytest.raises(DataError, match=r"^trees\.csv, Ash: its two arms have no visit in common"):
        paired(frame().drop(index=[2, 3, 5]))
    with pytest.raises(
        DataError, match=r"row 5 \(Ash\): month is 0, which already .*, or name the column of arms"
    ):
        single(frame())
    with pytest.raises(DataError, match=r"^trees\.csv holds no mean; at least one visit is needed"):
        single(alone.assign(mean=np.nan, sd=np.nan))
    with pytest.raises(DataError, match=r"^the input holds no study"):
        single(pd.DataFrame(alone.iloc[:0].to_dict("list")))
    table = alone.assign(low=8.0, high=[14.0, 8.5, 9.0, 8.0])
    for row, message in (
        (1, r"row 2 \(Ash\): mean is 9; it must lie in its own interval"),
        (3, "swap or correct"),
    ):
        with pytest.raises(DataError, match=message):
            single(table.loc[[0, row]], sd=None, ci_low="low", ci_high="high")


@pytest.mark.parametrize(
    ("rho", "message"),
    [
        (
            None,
            r"^trees\.csv, Ash: it was measured 4 times, and the correlation between these must be stated",
        ),
        (1.0, "within_correlation is 1; a correlation lies between -1 and 1"),
        ({"Elm": 0.5}, "within_correlation names the study 'Elm', which is not there"),
    ],
)
def test_correlations_that_cannot_be(rho: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        single(within_correlation=rho)
    with pytest.raises(PriorError, match=r"Normal\(0, 1\) for within_correlation"):
        single(within_correlation="Normal(0, 1)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"arm": None, "treatment": None, "control": None, "adjust": "final"},
            "adjust='final' compares two arms",
        ),
        ({"adjust": "ancova"}, "adjust is 'ancova'; it must be one of: change, final"),
        ({"arm": None}, "treatment and control are values of the column of arms; name it with arm="),
        ({"control": None}, "arm='arm' needs treatment= and control=, two different values"),
        ({"control": "MSC"}, "arm='arm' needs treatment= and control=, two different values"),
        ({"sd": None}, "a mean needs exactly one of sd, se, ci_low with ci_high; none is given"),
        ({"se": "sd"}, "a mean needs exactly one of sd, se, ci_low with ci_high; sd and se are given"),
        ({"sd": None, "ci_low": "sd"}, "an interval has two ends: name the column of ci_high too"),
        ({"level": 95}, "level is 95; it must lie between 0 and 1"),
        ({"within_structure": "ou"}, "within_structure is 'ou'; it must be one of"),
        ({"time_unit": "y"}, "time_unit is 'y'; it must be one of"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        paired(**options)


def test_without_baseline_final_values_can_be_compared() -> None:
    table = frame().query("month > 0")
    np.testing.assert_allclose(paired(table, adjust="final").within, paired(adjust="final").within)
    one = paired(table.query("month == 6"), adjust="final", within_correlation=None)
    assert one.within[0, 0, 0, 0] == pytest.approx(5.0**2 / 18 + 3.8**2 / 20)
