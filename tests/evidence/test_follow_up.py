"""`FollowUp` holds intervals that can be, whatever way papers print them, and names the rows that cannot."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import DataError, OptionError
from bayesma.evidence.follow_up import FollowUp

SOUND: dict[str, list[object]] = {
    "study": ["Ash 2001", "Ash 2001", "Birch 2002"],
    "from": [0, 6, 0],
    "to": [6, 12, 12],
    "n": [24, 21, 13],
    "relapse": [3, 4, 2],
    "dead": [0, 1, 0],
    "left": [0, 2, 1],
}
ROLES = {"study": "study", "start": "from", "stop": "to", "at_risk": "n", "relapses": "relapse"}
ALL = ROLES | {"deaths": "dead", "censored": "left"}


def frame(**columns: object) -> pd.DataFrame:
    """Two sound studies, with whatever column is put in their place."""
    table = pd.DataFrame({**SOUND, **columns})
    table.attrs["source"] = "trees.csv"
    return table


def test_what_goes_in_comes_out() -> None:
    follow = FollowUp.from_frame(frame(), **ALL)
    assert follow.label.tolist() == ["Ash 2001 (0, 6]", "Ash 2001 (6, 12]", "Birch 2002 (0, 12]"]
    assert (follow.k, follow.studies.tolist(), follow.cluster.tolist()) == (
        2,
        ["Ash 2001", "Birch 2002"],
        [0, 0, 1],
    )
    assert follow.deaths is not None
    back = follow.to_frame().rename(columns={v: k for k, v in ALL.items()})
    assert back[["start", "stop", "at_risk", "relapses", "deaths", "censored"]].to_numpy().tolist() == [
        [0, 6, 24, 3, 0, 0],
        [6, 12, 21, 4, 1, 2],
        [0, 12, 13, 2, 0, 1],
    ]
    assert (follow.source, follow.notes) == ("trees.csv", ())
    again = FollowUp.from_frame(follow.to_frame(), **{r: r for r in ALL})
    assert again.to_frame().equals(follow.to_frame())


def test_it_cannot_be_changed() -> None:
    follow = FollowUp.from_frame(frame(), **ALL)
    for name in ("start", "stop", "at_risk", "relapses", "deaths", "censored"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(follow, name)[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        follow.start = follow.stop  # type: ignore[misc]


def test_unknown_deaths_and_silent_leavers_are_said() -> None:
    notes = FollowUp.from_frame(frame(n=[24, 19, 13]), **ROLES).notes
    assert "Ash 2001: 2 at month 6" in notes[0]
    assert "Deaths are not given" in notes[1]
    assert FollowUp.from_frame(frame(), **ROLES).deaths is None


def test_weeks_become_months() -> None:
    weeks = frame(**{"from": [0, 26, 0], "to": [26, 52, 52]})
    follow = FollowUp.from_frame(weeks, **ROLES, time_unit="weeks")
    assert follow.stop == pytest.approx(np.array([26, 52, 52]) * 7 / 30.4375, abs=1e-11)
    with pytest.raises(OptionError, match="time_unit is 'years'"):
        FollowUp.from_frame(frame(), **ROLES, time_unit="years")


WRONG = {
    "relapses": ({"relapse": [25, 4, 2]}, r"row 1 \(Ash 2001\): relapse \(relapses\) is 25; there cannot be"),
    "deaths": (
        {"dead": [0, 18, 0]},
        r"row 2 .*dead \(deaths\) is 18; there cannot be more relapses \+ deaths",
    ),
    "censored": (
        {"left": [0, 2, 12]},
        r"row 3 .*left \(censored\) is 12; there cannot be .* \+ censored than",
    ),
    "backwards": ({"to": [6, 6, 12]}, r"row 2 .*to \(stop\) is 6; an interval ends after it starts"),
    "negative time": ({"from": [-1, 6, 0]}, r"row 1 .*from \(start\) is -1; time runs from"),
    "overlap": (
        {"from": [0, 3, 0]},
        r"row 2 .*interval \(3, 12\] overlaps \(0, 6\] of row 1.*from_cumulative",
    ),
    "same": ({"from": [0, 0, 0], "to": [6, 6, 12]}, r"row 2 .*\(0, 6\] overlaps \(0, 6\]"),
    "gap": ({"from": [0, 7, 0]}, r"row 2 .*interval \(7, 12\] starts after \(0, 6\] of row 1.*gaps=True"),
    "growth": ({"n": [24, 22, 13]}, r"row 2 .*n \(at_risk\) is 22, but only 21 were left.*entry=True"),
    "nobody": ({"n": [24, 21, 0], "relapse": [3, 4, 0]}, r"row 3 .*is 0; somebody must be at risk"),
    "fraction": ({"relapse": [3.5, 4, 2]}, r"row 1 .*is 3.5; a count must be a whole number"),
    "minus": ({"relapse": [3, -4, 2]}, r"row 2 .*is -4; a count cannot be negative"),
    "blank": ({"n": [24, None, 13]}, r"row 2 .*n \(at_risk\) is empty"),
    "infinite": ({"to": [6, 12, np.inf]}, r"row 3 .*is inf; it must be a finite number"),
    "text": ({"n": ["24", "many", "13"]}, r"row 2 .*'many'; it must be a number"),
    "label": ({"study": ["Ash 2001", "", "Birch 2002"]}, r"row 2: study is empty; every study needs a label"),
}


@pytest.mark.parametrize("name", WRONG)
def test_rows_that_cannot_be(name: str) -> None:
    columns, words = WRONG[name]
    with pytest.raises(DataError, match=rf"^trees\.csv, {words}"):
        FollowUp.from_frame(frame(**columns), **ALL)


def test_gaps_and_entries_that_are_said() -> None:
    gap = FollowUp.from_frame(frame(**{"from": [0, 7, 0]}), **ALL, gaps=True)
    assert gap.start.tolist() == [0, 7, 0]
    grown = FollowUp.from_frame(frame(n=[24, 40, 13]), **ALL, entry=True)
    assert grown.at_risk.tolist() == [24, 40, 13]
    with pytest.raises(DataError, match="only 21 were left"):
        FollowUp.from_frame(frame(n=[24, 22, 13], **{"from": [0, 7, 0]}), **ALL, gaps=True)


def test_no_rows_and_missing_columns() -> None:
    with pytest.raises(DataError, match="holds no study"):
        FollowUp.from_frame(frame().iloc[:0], **ROLES)
    with pytest.raises(DataError, match=r"trees.csv has no column 'nn'; .*did you mean 'n'\?"):
        FollowUp.from_frame(frame(), **{**ROLES, "at_risk": "nn"})


def test_centres_are_followed_apart() -> None:
    rows = frame(study=["Ash 2001"] * 3, place=["Bern", "Bern", "Ulm"])
    follow = FollowUp.from_frame(rows, **ALL, centre="place")
    assert (follow.k, follow.label[2].item()) == (1, "Ash 2001: Ulm (0, 12]")
    with pytest.raises(DataError, match=r"overlaps"):
        FollowUp.from_frame(rows, **ALL)


def test_the_order_of_rows_does_not_matter() -> None:
    turned = FollowUp.from_frame(frame().iloc[::-1], **ALL)
    assert turned.label.tolist() == FollowUp.from_frame(frame(), **ALL).label.tolist()[::-1]
    with pytest.raises(DataError, match=r"row 1 \(Ash 2001\).*22"):
        FollowUp.from_frame(frame(**{"from": [6, 0, 0], "to": [12, 6, 12], "n": [22, 24, 13]}), **ROLES)


CUMULATIVE = {"study": "study", "month": "month", "n": "n"}


def cumulative(**columns: object) -> pd.DataFrame:
    """Wang 2014 (doi 10.1186/ar4520) as cumulative counts: 3 of 24 responders by month 9, 7 by month 12."""
    table = pd.DataFrame(
        {"study": ["Wang 2014"] * 2, "month": [9, 12], "k": [3, 7], "n": [24, 24], **columns}
    )
    table.attrs["source"] = "wang.csv"
    return table


def test_cumulative_counts() -> None:
    follow = FollowUp.from_cumulative(cumulative(), **CUMULATIVE, relapses="k")
    assert follow.to_frame().to_numpy().tolist() == [
        ["Wang 2014", 0, 9, 24, 3, 0],
        ["Wang 2014", 9, 12, 21, 4, 0],
    ]
    turned = FollowUp.from_cumulative(cumulative().iloc[::-1], **CUMULATIVE, relapses="k")
    assert turned.to_frame().equals(follow.to_frame())
    one = FollowUp.from_cumulative(cumulative().iloc[1:], **CUMULATIVE, relapses="k")
    assert one.label.tolist() == ["Wang 2014 (0, 12]"]
    dead = FollowUp.from_cumulative(cumulative(dead=[1, 1]), **CUMULATIVE, relapses="k", deaths="dead")
    assert dead.deaths is not None
    assert (dead.at_risk.tolist(), dead.deaths.tolist()) == ([24, 20], [1, 0])


def test_percentages() -> None:
    """12.5 % and 29.2 % of 24."""
    follow = FollowUp.from_cumulative(cumulative(p=[12.5, 29.2]), **CUMULATIVE, percent="p")
    assert follow.relapses.tolist() == [3, 4]
    with pytest.raises(
        DataError, match=r"^wang.csv, row 2 .*p \(percent\) is 31; no whole number of the patients"
    ):
        FollowUp.from_cumulative(cumulative(p=[12.5, 31]), **CUMULATIVE, percent="p")
    with pytest.raises(DataError, match=r"is 120; it lies between 0 and 100"):
        FollowUp.from_cumulative(cumulative(p=[12.5, 120]), **CUMULATIVE, percent="p")
    with pytest.raises(OptionError, match="give exactly one of relapses and percent; 2 were given"):
        FollowUp.from_cumulative(cumulative(p=[12.5, 29.2]), **CUMULATIVE, percent="p", relapses="k")


FALLING = {
    "falls": (
        {"k": [7, 3]},
        r"row 2 .*k \(relapses\) is 3, fewer than the 7 by month 9; cumulative .* cannot fall",
    ),
    "denominator": ({"n": [24, 21]}, r"row 2 .*n \(n\) is 21|row 2 .*n is 21, and 24 in row 1; .*from_frame"),
    "twice": ({"month": [9, 9]}, r"row 2 .*month 9 already stands in row 1"),
    "start": ({"month": [0, 9]}, r"row 1 .*month is 0; relapses are counted after month 0"),
    "too many": (
        {"k": [3, 30]},
        r"row 2 .*relapses is 27; there cannot be more relapses than patients at risk",
    ),
    "blank": ({"k": [3, None]}, r"row 2 .*k \(relapses\) is empty"),
}


@pytest.mark.parametrize("name", FALLING)
def test_cumulative_counts_that_cannot_be(name: str) -> None:
    columns, words = FALLING[name]
    with pytest.raises(DataError, match=rf"^wang\.csv, ({words})"):
        FollowUp.from_cumulative(cumulative(**columns), **CUMULATIVE, relapses="k")


SURVIVAL = {"study": "study", "month": "t", "survival": "s", "at_risk": "n"}


def curve(**columns: object) -> pd.DataFrame:
    """A simulated curve of freedom from relapse."""
    table = pd.DataFrame(
        {"study": ["Ash"] * 3, "t": [0, 6, 12], "s": [1, 0.9, 0.75], "n": [20, 17, 12], **columns}
    )
    table.attrs["source"] = "curve.csv"
    return table


def test_a_kaplan_meier_curve_without_censoring_is_its_counts() -> None:
    """20 patients, 2 relapses by 6 and 5 more by 12: S = 0.9 and 0.65, nobody censored."""
    follow = FollowUp.from_survival(curve(s=[1, 0.9, 0.65], n=[20, 18, 13]), **SURVIVAL)
    assert (follow.at_risk.tolist(), follow.relapses.tolist()) == ([20, 18], [2, 5])
    assert follow.censored.tolist() == [0, 0]
    assert "derived from a Kaplan-Meier curve" in follow.notes[0]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"s": [1, 0.9, 0.95]}, r"row 3 .*s \(survival\) is 0.95, above the 0.9 before; .*cannot rise"),
        ({"s": [100, 90, 75]}, r"row 1 .*is 100; a curve lies between 0 and 1; divide per cent by 100"),
        ({"t": [1, 6, 12]}, r"row 1 .*starts with 1 at month 1; it must start with 1 at month 0"),
        ({"s": [1, 0.5, 0.4]}, r"row 2 .*falls to 0.5, which takes 12.3 relapses, but only 3 patients fewer"),
    ],
)
def test_curves_that_cannot_be(columns: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=rf"^curve\.csv, {words}"):
        FollowUp.from_survival(curve(**columns), **SURVIVAL)


def test_a_curve_that_falls_more_than_patients_left_says_so() -> None:
    follow = FollowUp.from_survival(curve(s=[1, 0.95, 0.9], n=[20, 20, 19]), **SURVIVAL)
    assert follow.relapses.tolist() == [0, 1]
    assert any("row 2: 1, and 0 left" in note for note in follow.notes)


def test_nobody_left_is_said_in_the_words_of_the_table() -> None:
    table = pd.DataFrame({"study": "Ash", "month": [6, 12], "n": 5, "r": [5, 5]})
    with pytest.raises(
        DataError, match=r"row 2 .*all 5 patients had relapsed or died by month 6.*leave this row out"
    ):
        FollowUp.from_cumulative(table, study="study", month="month", n="n", relapses="r")
    with pytest.raises(
        DataError, match=r"row 2 .*n \(at_risk\) is 22, above the 20 before; nobody enters a curve"
    ):
        FollowUp.from_survival(curve(n=[20, 22, 12]), **SURVIVAL)


def test_roles_are_no_moderators() -> None:
    table = pd.DataFrame(
        {"study": ["Ash", "Birch"], "month": 6, "n": [5, 9], "r": [1, 2], "dose": [1.0, 2.0]}
    )
    follow = FollowUp.from_cumulative(table, study="study", month="month", n="n", relapses="r")
    assert follow.table is not None
    assert list(follow.table) == ["study", "dose"]


def test_shares_are_no_percentages() -> None:
    table = pd.DataFrame({"study": "Ash", "month": [6, 12], "n": 24, "share": [0.125, 0.292]})
    with pytest.raises(DataError, match=r"row 1 .*no percentage here is above 1.*multiply them by 100"):
        FollowUp.from_cumulative(table, study="study", month="month", n="n", percent="share")


PATIENTS = {"study": "study", "time": "time", "event": "event"}


def patients(**columns: object) -> pd.DataFrame:
    """Simulated patients."""
    rows = {"study": ["Ash"] * 5, "time": [4, 6, 8, 11, 14], "event": [1, 0, 2, 0, 1]}
    table = pd.DataFrame({**rows, **columns})
    table.attrs["source"] = "patients.csv"
    return table


def test_patients() -> None:
    follow = FollowUp.from_patients(patients(), **PATIENTS, months=[6, 12])
    assert follow.to_frame().drop(columns="study").to_numpy().tolist() == [
        [0, 6, 5, 1, 0, 0],
        [6, 12, 3, 0, 1, 1],
    ]
    assert "beyond month 12" in follow.notes[0]
    with pytest.raises(DataError, match=r"^patients.csv, row 2 .*event is 3; it must be 1 \(relapse\)"):
        FollowUp.from_patients(patients(event=[1, 3, 2, 0, 1]), **PATIENTS, months=[6])
    with pytest.raises(DataError, match=r"row 1 .*is 0; follow-up must be longer than 0"):
        FollowUp.from_patients(patients(time=[0, 6, 8, 11, 14]), **PATIENTS, months=[6])
    with pytest.raises(OptionError, match=r"months is \[6, 6\]; it must be rising"):
        FollowUp.from_patients(patients(), **PATIENTS, months=[6, 6])


@given(
    st.lists(st.tuples(st.floats(0.01, 40.0), st.sampled_from([0, 1, 2])), min_size=1, max_size=30),
    st.lists(st.floats(0.5, 50.0), min_size=1, max_size=5, unique_by=lambda month: round(month, 12)),
)
@example([(1.3902146043575474, 1)], [1.3902146043575474])  # more digits than a month has
def test_every_patient_is_counted_once(rows: list[tuple[float, int]], months: list[float]) -> None:
    table = pd.DataFrame({"study": "Ash", "time": [t for t, _ in rows], "event": [e for _, e in rows]})
    ends = sorted(months)
    follow = FollowUp.from_patients(table, **PATIENTS, months=ends)
    within = table["time"].round(12) <= round(ends[-1], 12)
    assert follow.deaths is not None
    assert follow.relapses.sum() == (within & (table["event"] == 1)).sum()
    assert follow.deaths.sum() == (within & (table["event"] == 2)).sum()
    assert follow.at_risk[0] == len(rows)


def test_the_public_name() -> None:
    assert bm.FollowUp is FollowUp
