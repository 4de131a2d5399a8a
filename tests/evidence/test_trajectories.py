"""`Trajectories.from_estimates`: what it holds, how its covariance is built, and which row it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import beta as beta_function
from scipy.stats import beta

from bayesma.errors import DataError, OptionError, PriorError
from bayesma.evidence.trajectories import Trajectories
from bayesma.evidence.within import lags
from bayesma.priors import Prior
from bayesma.resources import DATA

ROWS = [
    ("Ash", 1, -0.5, 0.2, 30),
    ("Ash", 3, -0.9, 0.3, 28),
    ("Ash", 6, -0.7, 0.25, 25),
    ("Birch", 6, -1.1, 0.3, 40),
    ("Birch", 1, 0.2, 0.4, 41),
    ("Cedar", 3, -0.2, 0.5, 12),
]
NAMES = {"study": "study", "month": "month", "estimate": "y", "se": "se"}
MATRIX = np.array([[0.04, 0.03, 0.01], [0.03, 0.09, 0.02], [0.01, 0.02, 0.0625]])


def frame(rows: list[Any] = ROWS, **cells: tuple[int, object]) -> pd.DataFrame:
    """The rows as a table read from a file, with single cells replaced: column=(row, value)."""
    table = pd.DataFrame(rows, columns=["study", "month", "y", "se", "n"])
    for column, (row, value) in cells.items():
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
    table.attrs["source"] = "trees.csv"
    return table


def read(table: pd.DataFrame, **options: Any) -> Trajectories:
    """From estimates, with independent visits unless something else is said."""
    stated = {"within_correlation": 0.0} if "covariance" not in options else {}
    return Trajectories.from_estimates(table, **(NAMES | stated | options))


def test_what_goes_in_comes_out() -> None:
    table = frame()
    table["dose"] = table["study"].map({"Ash": 1.0, "Birch": 2.0, "Cedar": 2.0})
    months = read(table, n="n", measure="MD")
    assert (months.k, months.study.tolist()) == (3, ["Ash", "Birch", "Cedar"])
    assert months.visit.tolist() == [1, 3, 6]
    nan = np.nan
    np.testing.assert_array_equal(months.y, [[-0.5, -0.9, -0.7], [0.2, nan, -1.1], [nan, -0.2, nan]])
    np.testing.assert_array_equal(months.se, [[0.2, 0.3, 0.25], [0.4, nan, 0.3], [nan, 0.5, nan]])
    assert months.n is not None
    np.testing.assert_array_equal(months.n, [[30, 28, 25], [41, nan, 40], [nan, 12, nan]])
    assert (months.measure, months.source, months.notes) == ("MD", "trees.csv", ())
    assert (months.within_correlation, months.within_structure) == (0.0, "ar1-visit")
    assert months.table is not None
    assert list(months.table.columns) == ["study", "dose"]
    assert months.table["dose"].tolist() == [1, 2, 2]
    back = months.to_frame()
    assert list(back.columns) == ["study", "month", "y", "se", "n"]
    want = table.sort_values(["study", "month"])[["study", "month", "y", "se", "n"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(back, want, check_dtype=False)
    for array in (months.y, months.se, months.within, months.lag, months.visit):
        assert not array.flags.writeable


def test_ishak_has_the_covariance_of_the_published_model() -> None:
    wide = pd.read_csv(DATA.path("ishak2007"))
    rows = [
        (r["study"], m, r[f"y{i}i"], r[f"v{i}i"] ** 0.5, 1)
        for _, r in wide.iterrows()
        for i, m in enumerate((3, 6, 12, 24), 1)
        if np.isfinite(r[f"y{i}i"])
    ]
    months = read(frame(rows), within_correlation=0.97)
    assert (months.k, months.visit.tolist(), np.isfinite(months.y).sum()) == (46, [3, 6, 12, 24], 82)
    v = wide[[f"v{i}i" for i in (1, 2, 3, 4)]].to_numpy(dtype=float)
    for i in range(46):
        for s in range(4):
            for t in range(4):
                want = np.sqrt(v[i, s] * v[i, t]) * 0.97 ** abs(s - t)
                assert months.within[i, s, t, 0] == pytest.approx(0.0 if np.isnan(want) else want, rel=1e-12)


@pytest.mark.parametrize(
    ("structure", "powers"),
    [
        ("ar1-visit", [[0, 1, 2], [1, 0, 1], [2, 1, 0]]),
        ("ar1-month", [[0, 2, 5], [2, 0, 3], [5, 3, 0]]),
        ("cs", [[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
    ],
)
def test_the_structures_by_hand(structure: str, powers: list[list[int]]) -> None:
    se = np.array([0.2, 0.3, 0.25])
    want = np.outer(se, se) * 0.6 ** np.array(powers)
    fixed = read(frame(), within_correlation=0.6, within_structure=structure)
    assert fixed.within.shape == (3, 3, 3, 1)
    np.testing.assert_allclose(fixed.within[0, :, :, 0], want, rtol=1e-12)
    assert fixed.within[1, 0, 2, 0] == pytest.approx(0.4 * 0.3 * 0.6 ** powers[0][2])  # missed visits count
    assert not fixed.within[1, 1].any()
    at = {"within_distance": 1} if structure == "ar1-month" else {}  # a prior on the correlation of one month
    prior = read(frame(), within_correlation="Uniform(0, 1)", within_structure=structure, **at)
    assert prior.within_correlation == Prior.parse("Uniform(0, 1)")
    assert prior.lag[0] == 0
    assert sorted(prior.lag.tolist()) == sorted({p for row in powers for p in row})
    np.testing.assert_allclose(prior.within @ 0.6**prior.lag, fixed.within[..., 0], rtol=1e-12)
    np.testing.assert_array_equal(prior.se, fixed.se)


def test_lags_are_those_of_points_on_a_line() -> None:
    assert lags(np.array([1.0, 2.5]), "ar1-month").tolist() == [[0, 1.5], [1.5, 0]]
    assert lags(np.array([1.0, 2.5]), "ar1-month", 6.0).tolist() == [[0, 0.25], [0.25, 0]]


def test_each_study_its_own_correlation() -> None:
    months = read(frame(), within_correlation={"Ash": 0.9, "Birch": -0.4})  # Cedar has one visit
    assert months.within_correlation is None
    assert months.within[0, 0, 1, 0] == pytest.approx(0.2 * 0.3 * 0.9)
    assert months.within[1, 0, 2, 0] == pytest.approx(0.4 * 0.3 * 0.16)
    assert "Ash 0.9, Birch -0.4" in months.notes[0]


def test_a_covariance_in_full() -> None:
    birch = [[0.16, -0.02], [-0.02, 0.09]]
    every = read(frame(), covariance={"Ash": MATRIX, "Birch": birch, "Cedar": [[0.25]]})
    assert (every.within_correlation, every.within_structure, every.lag.tolist()) == (None, "given", [0])
    np.testing.assert_allclose(every.within[0, :, :, 0], MATRIX)
    np.testing.assert_allclose(every.within[1][np.ix_([0, 2], [0, 2])][..., 0], birch)
    without = Trajectories.from_estimates(
        frame(),
        study="study",
        month="month",
        estimate="y",
        covariance={"Ash": MATRIX, "Birch": birch, "Cedar": [[0.25]]},
    )
    np.testing.assert_allclose(without.se, every.se)
    stated = {"within_correlation": "Beta(2, 2)", "within_structure": "ar1-visit"}
    part = read(frame(), covariance={"Ash": MATRIX}, **stated)
    np.testing.assert_allclose((part.within @ 0.3**part.lag)[0], MATRIX)
    assert (part.within @ 0.3**part.lag)[1, 0, 2] == pytest.approx(0.4 * 0.3 * 0.3**2)


def test_one_visit_a_study_needs_no_correlation() -> None:
    months = read(frame([ROWS[0], ROWS[3]]), within_correlation=None)
    assert (months.within_structure, months.within_correlation) == ("given", None)
    np.testing.assert_allclose(months.within[0, :, :, 0], [[0.04, 0], [0, 0]])


@pytest.mark.parametrize(("unit", "size"), [("days", 30.4375), ("weeks", 30.4375 / 7), ("months", 1.0)])
def test_units_of_time(unit: str, size: float) -> None:
    table = frame()
    table["time"], table["unit"] = table["month"] * size, unit
    want = read(frame(), within_correlation="Uniform(0, 1)", within_structure="ar1-month")
    for option in ({"time_unit": unit}, {"time_unit_column": "unit"}):
        got = read(
            table, month="time", within_correlation="Uniform(0, 1)", within_structure="ar1-month", **option
        )
        np.testing.assert_array_equal(got.visit, want.visit)
        np.testing.assert_array_equal(got.lag, want.lag)
        np.testing.assert_array_equal(got.within, want.within)


def test_a_row_without_numbers_is_a_missing_visit() -> None:
    rows = [*ROWS, ("Cedar", 6, np.nan, np.nan, 11), ("Dogwood", 0, np.nan, np.nan, 9)]
    months = read(frame(rows))
    np.testing.assert_array_equal(months.y, read(frame()).y)
    assert months.notes == (
        "Visits without numbers are missing, not zero, and were kept out: Cedar (month 6), "
        "Dogwood (month 0).",
        "Studies without any visit left were kept out: Dogwood.",
    )
    assert months.table is not None
    assert months.table["study"].tolist() == ["Ash", "Birch", "Cedar"]


def test_labels_from_several_columns() -> None:
    table = frame()
    table["year"] = table["study"].map({"Ash": 2001, "Birch": 2002, "Cedar": 2003})
    assert read(table, study=["study", "year"]).study.tolist() == ["Ash 2001", "Birch 2002", "Cedar 2003"]


@settings(max_examples=30)
@given(
    st.permutations(range(len(ROWS))), st.floats(0.0, 0.99), st.sampled_from(["ar1-visit", "ar1-month", "cs"])
)
def test_the_order_of_rows_does_not_matter(order: list[int], rho: float, structure: str) -> None:
    options: dict[str, Any] = {"within_correlation": rho, "within_structure": structure}
    one, other = read(frame(), **options), read(frame([ROWS[i] for i in order]), **options)
    back = [other.study.tolist().index(name) for name in one.study.tolist()]
    np.testing.assert_array_equal(one.y, other.y[back])
    np.testing.assert_array_equal(one.within, other.within[back])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"month": (1, 0)},
            r"^trees\.csv, row 2 \(Ash\): month is 0; a visit lies after the baseline, which is 0; count",
        ),
        ({"month": (1, -2)}, r"row 2 \(Ash\): month is -2; a visit lies after"),
        ({"month": (1, np.nan)}, r"row 2 \(Ash\): month is empty; every row needs its time; fill it in"),
        ({"month": (1, np.inf)}, r"row 2 \(Ash\): month is inf; it must be a finite number"),
        ({"month": (1, "six")}, r"row 2 \(Ash\): month \(month\) is 'six'; it must be a number"),
        (
            {"month": (1, 1)},
            r"^trees\.csv, row 2 \(Ash\): month is 1, which already stands in row 1; a study has one row a "
            "visit; keep one of them",
        ),
        ({"se": (3, 0.0)}, r"row 4 \(Birch\): se is 0; it must be finite and above 0; fill it in"),
        ({"se": (3, -0.1)}, r"row 4 \(Birch\): se is -0\.1; it must be finite and above 0"),
        ({"se": (3, np.nan)}, r"row 4 \(Birch\): se is empty; it must be finite and above 0"),
        ({"se": (3, np.inf)}, r"row 4 \(Birch\): se is inf; it must be finite and above 0"),
        ({"se": (3, 1e-90)}, r"row 4 \(Birch\): se is 1e-90; 1e-60 to 1e\+60 can be used"),
        (
            {"y": (3, np.nan)},
            r"row 4 \(Birch\): y \(estimate\) is empty; it must be a finite number; fill it in",
        ),
        (
            {"y": (3, np.inf)},
            r"row 4 \(Birch\): y \(estimate\) is inf; it must be a finite number; correct it",
        ),
        ({"y": (3, 1e80)}, r"row 4 \(Birch\): y \(estimate\) is 1e\+80; at most 1e\+60 can be used"),
        ({"n": (3, 0)}, r"row 4 \(Birch\): n is 0; it must be a whole number of at least 1; write"),
        ({"study": (3, None)}, r"row 4: study is empty; every study needs a label"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(cells: dict[str, tuple[int, object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(frame(**cells), n="n")


@pytest.mark.parametrize("mixed", [["months"] * 5 + ["weeks"], ["Weeks", *["month"] * 5]])
def test_months_mixed_with_weeks(mixed: list[str]) -> None:
    table = frame()
    table["unit"] = mixed
    with pytest.raises(
        DataError, match=r"^trees\.csv, row \d \(.*\): unit \(unit of time\) is .*; row 1 counts in"
    ):
        read(table, time_unit_column="unit")
    table["unit"] = "fortnights"
    with pytest.raises(
        DataError, match=r"row 1 \(Ash\): .* is 'fortnights'; it must be one of: days, weeks, months"
    ):
        read(table, time_unit_column="unit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within_correlation": None}, r"^trees\.csv, Ash: it was measured 3 times, .* must be stated; give"),
        (
            {"within_correlation": 1.0},
            r"^trees\.csv: within_correlation is 1; a correlation lies between -1 and 1",
        ),
        ({"within_correlation": -1.0}, "within_correlation is -1; a correlation lies"),
        ({"within_correlation": 1.2}, r"within_correlation is 1\.2; a correlation lies"),
        ({"within_correlation": np.nan}, "within_correlation is nan; a correlation lies"),
        (
            {"within_correlation": {"Ash": 0.5, "Birch": 1.5}},
            r"^trees\.csv, Birch: within_correlation is 1\.5",
        ),
        (
            {"within_correlation": {"Ash": 0.5}},
            "within_correlation has no value for Birch; give one to every",
        ),
        (
            {"within_correlation": {"Ahs": 0.5}},
            "within_correlation names the study 'Ahs', which is not there",
        ),
        (
            {"within_correlation": -0.6, "within_structure": "cs"},
            r"^trees\.csv, Ash: the covariance of its visits is not positive definite \(smallest .*-0\.2",
        ),
        (
            {
                "covariance": {"Ash": [[0.04, 0.07, 0], [0.07, 0.09, 0], [0, 0, 0.0625]]},
                "within_correlation": 0.1,
            },
            r"^trees\.csv, Ash: the covariance of its visits is not positive definite",
        ),
        (
            {"covariance": {"Ash": [[0.04, 0.01, 0], [0, 0.09, 0], [0, 0, 0.06]]}},
            "Ash: .* is not symmetric; give",
        ),
        (
            {"covariance": {"Ash": MATRIX[:2, :2]}},
            r"Ash: its covariance has the shape \(2, 2\); it has 3 visits",
        ),
        ({"covariance": {"Ash": MATRIX * np.nan}}, "Ash: its covariance holds a number that is not finite"),
        (
            {"covariance": {"Ash": -MATRIX}},
            r"Ash: its covariance is not positive definite: it has the variance -0\.09",
        ),
        ({"covariance": {"Ash": [["a"]]}}, "Ash: its covariance must be a matrix of numbers"),
        ({"covariance": {"Ash": 2 * MATRIX}}, r"row 1 \(Ash\): se is 0\.2, but its covariance has 0\.28"),
        ({"covariance": {"Elm": MATRIX}}, "covariance names the study 'Elm', which is not there"),
        ({"covariance": {"Ash": MATRIX}}, r"^trees\.csv, Birch: it was measured 2 times"),
    ],
)
def test_a_covariance_that_cannot_be_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(frame(), **options)


def test_a_negative_correlation_has_no_fractional_power() -> None:
    with pytest.raises(
        DataError, match=r"Ash: within_correlation is -0\.3 and visits are not whole months apart"
    ):
        read(frame(month=(1, 2.5)), within_correlation=-0.3, within_structure="ar1-month")


@pytest.mark.parametrize(
    "prior", ["Normal(0, 1)", "Uniform(-1, 1)", "HalfNormal(1)", Prior.parse("Uniform(0, 2)")]
)
def test_a_prior_stays_within_0_and_1(prior: str | Prior) -> None:
    with pytest.raises(
        PriorError, match=r"for within_correlation reaches from .* it must stay within 0 and 1"
    ):
        read(frame(), within_correlation=prior)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"within_structure": "ar2"},
            "within_structure is 'ar2'; it must be one of: ar1-visit, ar1-month, cs",
        ),
        ({"time_unit": "years"}, "time_unit is 'years'; it must be one of: days, weeks, months"),
        ({"se": None}, "se is missing; name its column, or give the covariance"),
        (
            {
                "covariance": {"Ash": MATRIX, "Birch": np.diag([0.16, 0.09]), "Cedar": [[0.25]]},
                "within_correlation": 0.5,
            },
            "covariance has every study, so within_correlation has no use; leave it out",
        ),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(frame(), **options)


def test_empty_tables() -> None:
    with pytest.raises(DataError, match=r"^the input holds no study; at least one is needed"):
        read(frame().iloc[:0].pipe(lambda t: pd.DataFrame(t.to_dict("list"))))
    with pytest.raises(DataError, match=r"^trees\.csv holds no estimate; at least one is needed"):
        read(frame([("Ash", 1, np.nan, np.nan, 3)]))
    with pytest.raises(DataError, match=r"has no column 'mnth'.*did you mean 'month'"):
        read(frame(), month="mnth")


def test_a_study_with_a_covariance_needs_no_se_and_the_others_do() -> None:
    with pytest.raises(
        DataError, match=r"row 5 \(Birch\): it has no covariance, and no column of standard errors"
    ):
        read(frame(), se=None, covariance={"Ash": MATRIX}, within_correlation=0.5)


MONTHLY = [("A", 1.0), ("A", 2.0), ("A", 4.0), ("A", 12.0)]


def decaying(
    decay: object,
    correlation: object = 0.6,
    structure: str | None = "ar1-month",
    distance: float | None = None,
) -> Trajectories:
    """One study at four visits with standard errors of 1."""
    frame = pd.DataFrame(MONTHLY, columns=["study", "month"]).assign(y=0.0, se=1.0)
    return Trajectories.from_estimates(
        frame,
        study="study",
        month="month",
        estimate="y",
        se="se",
        within_correlation=correlation,
        within_structure=structure,
        within_decay=decay,
        within_distance=distance,
    )


def test_a_decay_is_the_exponent_of_the_lags() -> None:
    apart = np.abs(np.subtract.outer([1.0, 2.0, 4.0, 12.0], [1.0, 2.0, 4.0, 12.0]))
    for decay in (0.5, 2.0):
        expected = np.where(apart > 0, 0.6 ** (apart**decay), 1.0)
        np.testing.assert_allclose(decaying(decay).within[0, :, :, 0], expected, atol=1e-12)
    np.testing.assert_array_equal(decaying(1).within, decaying(None).within)
    np.testing.assert_allclose(decaying(0).within[0, :, :, 0], np.where(apart > 0, 0.6, 1.0))


def test_a_prior_on_the_decay_keeps_the_lags() -> None:
    both = decaying("Uniform(0, 1)", "Beta(2, 2)")
    assert str(both.within_decay) == "Uniform(0, 1)"
    sixths = np.array([0.0, 1.0, 2.0, 3.0, 8.0, 10.0, 11.0]) / 6.0  # months in units of the prior's distance
    np.testing.assert_allclose(both.lag, sixths, atol=1e-9)
    known = decaying(0.5, "Beta(2, 2)")  # the median of that prior
    np.testing.assert_allclose(known.lag, np.sqrt(both.lag))
    one_month = decaying("Uniform(0, 1)", "Beta(2, 2)", distance=1)
    assert one_month.lag.tolist() == [0.0, 1.0, 2.0, 3.0, 8.0, 10.0, 11.0]
    np.testing.assert_allclose(both.se, known.se)


@pytest.mark.parametrize(
    ("decay", "correlation", "structure", "message"),
    [
        ("Uniform(0, 1)", 0.5, "ar1-month", "within_decay has a prior and within_correlation has none"),
        ("Uniform(0, 3)", "Beta(2, 2)", "ar1-month", "reaches from 0 to 3; it must stay within 0 and 2"),
        (0.5, 0.5, "cs", "within_decay has no use with within_structure='cs'"),
        (-0.1, 0.5, "ar1-month", r"within_decay is -0.1; give a number from 0 to 2"),
        (True, 0.5, "ar1-month", "within_decay is True; give a number from 0 to 2"),
    ],
)
def test_a_decay_that_is_none(decay: object, correlation: object, structure: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decaying(decay, correlation, structure)


def test_a_prior_over_months_is_stated_at_six_months() -> None:
    """Beta(2, 2) of values 6 months apart; of one month, to the twelfth power, near independence."""
    half_a_year = decaying(None, "Beta(2, 2)")
    assert half_a_year.within_distance == 6.0
    apart = np.abs(np.subtract.outer([1.0, 2.0, 4.0, 12.0], [1.0, 2.0, 4.0, 12.0]))
    for rho in (0.2, 0.7):
        np.testing.assert_allclose((half_a_year.within @ rho**half_a_year.lag)[0], rho ** (apart / 6.0))
    (note,) = half_a_year.notes
    assert "has the prior Beta(2, 2) of values 6 months apart" in note
    # E rho^(11 / 6) = B(2 + 11 / 6, 2) / B(2, 2)
    power = 11.0 / 6.0
    mean = beta_function(2.0 + power, 2.0) / beta_function(2.0, 2.0)
    low, high = beta(2, 2).ppf([0.025, 0.975]) ** power
    assert (
        f"the first visit (month 1) with the last visit (month 12) this implies a correlation of {mean:.2f}"
        in note
    )
    assert f"95 % probable between {low:.2f} and {high:.2f}" in note
    quarter = decaying(None, "Beta(2, 2)", distance=3)
    np.testing.assert_allclose(quarter.lag, 2 * half_a_year.lag)


def test_a_prior_without_a_structure_is_the_same_between_any_two_visits() -> None:
    """Numbers keep their structure and their meaning: from one visit, or month, to the next."""
    assert decaying(None, "Beta(2, 2)", None).within_structure == "cs"
    assert decaying(None, "Beta(2, 2)", None).lag.tolist() == [0.0, 1.0]
    assert decaying(None, 0.97, None).within_structure == "ar1-visit"
    monthly = decaying(None, 0.97).within[0, :, :, 0]
    assert monthly[0, 3] == pytest.approx(0.97**11)
    assert decaying(None, 0.97).notes == () and decaying(None, 0.97).within_distance is None
    assert decaying(0.5, "Beta(2, 2)", None).within_structure == "ar1-visit"  # what decays is not the same


@pytest.mark.parametrize(
    ("correlation", "structure", "distance", "message"),
    [
        (0.5, "ar1-month", 6, r"within_distance is 6, the months apart at which a prior .*; leave it out"),
        ("Beta(2, 2)", "cs", 6, "it goes with a prior and within_structure='ar1-month' only"),
        ("Beta(2, 2)", None, 6, "it goes with a prior and within_structure='ar1-month' only"),
        ("Beta(2, 2)", "ar1-month", 0, "within_distance is 0; give a number of months above 0"),
        ("Beta(2, 2)", "ar1-month", True, "within_distance is True; give a number of months above 0"),
    ],
)
def test_a_distance_that_is_none(
    correlation: object, structure: str | None, distance: Any, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        decaying(None, correlation, structure, distance)
