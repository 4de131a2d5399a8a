"""`TwoArmCounts` and `ArmCounts` hold possible counts only, as they were published, and name what is not."""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import DataError, DataWarning, OptionError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.measures import effect_sizes

SOUND: dict[str, list[object]] = {
    "study": ["Ash 2001", "Birch 2002", "Cedar 2003"],
    "a": [4, 7, 2],
    "n1": [20, 31, 12],
    "c": [9, 8, 5],
    "n2": [22, 30, 11],
}
COUNTS = {"events_treat": "a", "n_treat": "n1", "events_ctrl": "c", "n_ctrl": "n2"}
CELLS = {"events_treat": "a", "nonevents_treat": "n1", "events_ctrl": "c", "nonevents_ctrl": "n2"}
ARM = {"events": "a", "n": "n1"}
ARM_CELLS = {"events": "a", "nonevents": "n1"}
ARRAYS = {
    "events_treat": [4, 7, 2],
    "n_treat": [20, 31, 12],
    "events_ctrl": [9, 8, 5],
    "n_ctrl": [22, 30, 11],
}


def frame(**columns: object) -> pd.DataFrame:
    """Three sound trials, with whatever column is put in their place."""
    table = pd.DataFrame({**SOUND, **columns})
    table.attrs["source"] = "trees.csv"
    return table


def centres(**columns: object) -> pd.DataFrame:
    """Two studies, one of them with two centres."""
    rows = {
        "study": ["Ash", "Birch", "Ash"],
        "place": ["Bern", "Bern", "Ulm"],
        "a": [7, 4, 9],
        "n1": [10, 8, 12],
    }
    table = pd.DataFrame({**rows, **columns})
    table.attrs["source"] = "trees.csv"
    return table


def test_what_goes_in_comes_out() -> None:
    rows = frame(dose=[1, 2, 3]).iloc[[2, 0]]
    counts = TwoArmCounts.from_frame(rows, study="study", **COUNTS)
    assert counts.k == 2
    assert counts.study.tolist() == ["Cedar 2003", "Ash 2001"]
    assert (counts.events_treat.tolist(), counts.n_treat.tolist()) == ([2, 4], [12, 20])
    assert (counts.events_ctrl.tolist(), counts.n_ctrl.tolist()) == ([5, 9], [11, 22])
    assert (counts.measure, counts.source, counts.notes) == ("OR", "trees.csv", ())
    assert counts.n.tolist() == [23.0, 42.0]
    assert counts.n.dtype == np.float64
    assert counts.table is not None
    assert counts.table["dose"].tolist() == [3, 1]
    assert counts.table.index.tolist() == [2, 0]


def test_arrays_by_hand() -> None:
    table = pd.DataFrame({"dose": [1, 2, 3]})
    counts = TwoArmCounts.from_counts(**ARRAYS, table=table, source="trees.csv", notes=["typed from table 2"])
    assert counts.study.tolist() == ["study 1", "study 2", "study 3"]
    assert (counts.source, counts.notes) == ("trees.csv", ("typed from table 2",))
    named = TwoArmCounts.from_counts(**ARRAYS, study=["A ", "B", 3])
    assert named.study.tolist() == ["A", "B", "3"]
    arms = ArmCounts.from_counts([4, 7], [20, 31], source="trees.csv", notes=["a"])
    assert (arms.label.tolist(), arms.source, arms.notes) == (["study 1", "study 2"], "trees.csv", ("a",))


@pytest.mark.parametrize("name", ["events_treat", "n_treat", "events_ctrl", "n_ctrl"])
def test_two_arm_counts_are_whole_and_cannot_be_changed(name: str) -> None:
    counts = TwoArmCounts.from_frame(frame(a=[4.0, 7.0, 2.0]), **COUNTS)
    array = getattr(counts, name)
    assert array.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 99
    with pytest.raises(dataclasses.FrozenInstanceError):
        counts.source = "other.csv"


@pytest.mark.parametrize("name", ["events", "n"])
def test_arm_counts_are_whole_and_cannot_be_changed(name: str) -> None:
    array = getattr(ArmCounts.from_frame(frame(), **ARM), name)
    assert array.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 99


def test_neither_array_nor_table_is_shared_with_the_caller() -> None:
    events, table = np.array([4, 7, 2]), frame()
    counts = TwoArmCounts.from_counts(**{**ARRAYS, "events_treat": events}, table=table)
    arms = ArmCounts.from_counts(events, ARRAYS["n_treat"], table=table)
    events[0], table.loc[0, "a"] = 19, 19
    assert counts.events_treat[0] == arms.events[0] == 4
    for held in (counts.table, arms.table):
        assert held is not None
        assert held["a"].tolist() == [4, 7, 2]


def test_bcg_through_its_nonevents() -> None:
    bcg = bm.load_data("bcg")
    roles = {
        "events_treat": "tpos",
        "nonevents_treat": "tneg",
        "events_ctrl": "cpos",
        "nonevents_ctrl": "cneg",
    }
    counts = TwoArmCounts.from_frame(bcg, study=["author", "year"], **roles)
    assert counts.k == 13
    assert (counts.study[0], counts.source) == ("Aronson 1948", "bcg.csv")
    # Colditz 1994, table 1: Aronson 1948 had 4 cases among 123 vaccinated and 11 among 139 controls.
    first = [int(getattr(counts, name)[0]) for name in COUNTS]
    assert first == [4, 123, 11, 139]
    np.testing.assert_array_equal(counts.n_ctrl, bcg["cpos"] + bcg["cneg"])
    np.testing.assert_array_equal(counts.n, effect_sizes(bcg, "OR", **roles).n)


def test_double_zero_is_where_all_patients_had_one_outcome() -> None:
    counts = TwoArmCounts.from_counts([0, 20, 0, 20, 0, 1], [20] * 6, [0, 10, 10, 0, 1, 0], [10] * 6)
    assert counts.double_zero.tolist() == [True, True, False, False, False, False]
    assert counts.double_zero.dtype == np.bool_


def test_swapping_exchanges_the_arms_and_nothing_else() -> None:
    counts = TwoArmCounts.from_frame(frame(), study="study", **COUNTS)
    other = counts.swapped()
    assert (other.events_treat.tolist(), other.n_treat.tolist()) == ([9, 8, 5], [22, 30, 11])
    assert (other.events_ctrl.tolist(), other.n_ctrl.tolist()) == ([4, 7, 2], [20, 31, 12])
    assert other.study.tolist() == counts.study.tolist()
    assert (other.source, other.notes, other.table) == (counts.source, counts.notes, counts.table)
    pd.testing.assert_frame_equal(other.swapped().to_frame(), counts.to_frame())


pair = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n + 1), st.just(n + 1)))


@pytest.mark.filterwarnings("ignore::bayesma.errors.DataWarning")
@given(arms=st.lists(st.tuples(pair, pair), min_size=1, max_size=8))
def test_a_frame_of_counts_gives_the_counts_back(arms) -> None:
    columns = np.array(arms).reshape(-1, 4).T
    counts = TwoArmCounts.from_counts(*columns)
    again = TwoArmCounts.from_frame(counts.to_frame(), study="study", **{name: name for name in COUNTS})
    pd.testing.assert_frame_equal(again.to_frame(), counts.to_frame())
    np.testing.assert_array_equal(counts.swapped().double_zero, counts.double_zero)
    single = ArmCounts.from_counts(*columns[:2])
    once_more = ArmCounts.from_frame(single.to_frame(), study="study", events="events", n="n")
    pd.testing.assert_frame_equal(once_more.to_frame(), single.to_frame())


def test_frames_have_the_columns_that_are_promised() -> None:
    counts = TwoArmCounts.from_frame(frame(), study="study", **COUNTS)
    assert list(counts.to_frame().columns) == ["study", "events_treat", "n_treat", "events_ctrl", "n_ctrl"]
    assert list(ArmCounts.from_frame(frame(), study="study", **ARM).to_frame().columns) == [
        "study",
        "events",
        "n",
    ]
    arms = ArmCounts.from_frame(centres(), study="study", centre="place", **ARM)
    assert list(arms.to_frame().columns) == ["study", "centre", "events", "n"]
    again = ArmCounts.from_frame(arms.to_frame(), study="study", centre="centre", events="events", n="n")
    pd.testing.assert_frame_equal(again.to_frame(), arms.to_frame())


def test_single_arms() -> None:
    arms = ArmCounts.from_frame(frame(), study="study", **ARM)
    assert (arms.k, arms.measure, arms.centre) == (3, "PLO", None)
    assert arms.label.tolist() == arms.study.tolist() == arms.studies.tolist() == SOUND["study"]
    assert arms.cluster.tolist() == [0, 1, 2]
    cells = ArmCounts.from_frame(frame(), study=["study", "c"], **ARM_CELLS)
    assert cells.n.tolist() == [24, 38, 14]
    assert cells.label[0] == "Ash 2001 9"


def test_several_centres_of_a_study() -> None:
    arms = ArmCounts.from_frame(centres(), study="study", centre="place", **ARM)
    assert arms.k == 3
    assert arms.label.tolist() == ["Ash: Bern", "Birch: Bern", "Ash: Ulm"]
    assert arms.studies.tolist() == ["Ash", "Birch"]
    assert arms.cluster.tolist() == [0, 1, 0]
    assert arms.cluster.dtype == np.int64
    assert arms.centre is not None
    assert arms.centre.tolist() == ["Bern", "Bern", "Ulm"]
    by_hand = ArmCounts.from_counts(arms.events, arms.n, arms.study.tolist(), [" Bern", "Bern", "Ulm"])
    assert by_hand.label.tolist() == arms.label.tolist()


def test_a_study_twice_needs_its_centres() -> None:
    with pytest.raises(
        DataError,
        match=r"^trees\.csv, row 3 \(Ash\): the study label 'Ash' already stands in row 1; "
        r"labels must be unique; add the year to one of them, or name the centre of each row with centre=$",
    ):
        ArmCounts.from_frame(centres(), study="study", **ARM)
    with pytest.raises(DataError, match=r"^row 2 \(Ash\): the study label 'Ash' already stands in row 1"):
        ArmCounts.from_counts([1, 2], [5, 6], ["Ash", "Ash"])
    with pytest.raises(
        DataError,
        match=r"row 3 \(Ash: Bern\): the label of study and centre 'Ash: Bern' already stands in row 1",
    ):
        ArmCounts.from_frame(centres(place=["Bern", "Bern", "Bern"]), study="study", centre="place", **ARM)
    with pytest.raises(DataError, match=r"row 2 \(Ash: Bern\): the label of study and centre"):
        ArmCounts.from_counts([1, 2], [5, 6], ["Ash", "Ash"], ["Bern", "Bern"])


def test_centres_need_studies_and_names() -> None:
    with pytest.raises(OptionError, match="centre tells the rows of one study apart; give study too"):
        ArmCounts.from_frame(centres(), centre="place", **ARM)
    with pytest.raises(OptionError, match="centre tells the rows of one study apart"):
        ArmCounts.from_counts([1, 2], [5, 6], centre=["Bern", "Ulm"])
    with pytest.raises(
        DataError, match="row 2: place is empty; every centre needs a label; fill in the name"
    ):
        ArmCounts.from_frame(centres(place=["Bern", None, "Ulm"]), study="study", centre="place", **ARM)
    with pytest.raises(DataError, match="row 2: the label is ''; every centre needs one; name the centre"):
        ArmCounts.from_counts([1, 2], [5, 6], ["Ash", "Ash"], ["Bern", " "])
    with pytest.raises(DataError, match=r"trees\.csv has no column 'plac'; .*did you mean 'place'\?"):
        ArmCounts.from_frame(centres(), study="study", centre="plac", **ARM)


# column, value put into row 2, roles, what the message must say; `a` and `n1` are also those of single arms
BAD = [
    (
        "n1",
        0,
        COUNTS,
        "n1 (n_treat) is 0; an arm must have patients; fill in the number or leave the study out",
    ),
    ("n2", 0, COUNTS, "n2 (n_ctrl) is 0; an arm must have patients"),
    (
        "a",
        40,
        COUNTS,
        "a (events_treat) is 40; there cannot be more events than patients (n1 (n_treat)); "
        "correct one of the two",
    ),
    ("c", 31, COUNTS, "c (events_ctrl) is 31; there cannot be more events than patients (n2 (n_ctrl))"),
    ("a", -1, COUNTS, "a (events_treat) is -1; a count cannot be negative; correct it"),
    ("n2", -30, COUNTS, "n2 (n_ctrl) is -30; a count cannot be negative"),
    ("n1", -3, CELLS, "n1 (nonevents_treat) is -3; a count cannot be negative"),
    ("a", 7.5, COUNTS, "a (events_treat) is 7.5; a count must be a whole number; correct it"),
    ("n2", 30.5, CELLS, "n2 (nonevents_ctrl) is 30.5; a count must be a whole number"),
    ("n1", 1e300, COUNTS, "n1 (n_treat) is 1e+300; at most 9.0072e+15 can be used; correct it"),
    ("n1", np.inf, COUNTS, "n1 (n_treat) is inf; it must be a finite number; correct it"),
    ("c", -np.inf, CELLS, "c (events_ctrl) is -inf; it must be a finite number"),
    (
        "a",
        np.nan,
        COUNTS,
        "a (events_treat) is empty; every study needs it; fill it in or leave the study out",
    ),
    ("n2", None, CELLS, "n2 (nonevents_ctrl) is empty; every study needs it"),
    ("a", "seven", COUNTS, "a (events_treat) is 'seven'; it must be a number; write digits only"),
    ("c", "1,5", COUNTS, "c (events_ctrl) is '1,5'; it must be a number"),
    (
        "a",
        40,
        ARM,
        "a (events) is 40; there cannot be more events than patients (n1 (n)); correct one of the two",
    ),
    ("n1", 0, ARM, "n1 (n) is 0; an arm must have patients"),
    ("a", -1, ARM, "a (events) is -1; a count cannot be negative"),
    ("n1", -1, ARM_CELLS, "n1 (nonevents) is -1; a count cannot be negative"),
    ("a", 0.5, ARM, "a (events) is 0.5; a count must be a whole number"),
    ("n1", np.inf, ARM, "n1 (n) is inf; it must be a finite number"),
    ("n1", 1e16, ARM, "n1 (n) is 1e+16; at most 9.0072e+15 can be used"),
    ("n1", np.nan, ARM_CELLS, "n1 (nonevents) is empty; every study needs it"),
    ("n1", "thirty", ARM, "n1 (n) is 'thirty'; it must be a number"),
]


def from_frame(table: pd.DataFrame, roles: dict[str, str]) -> TwoArmCounts | ArmCounts:
    """Evidence of the kind that the roles belong to."""
    kind = ArmCounts if "events" in roles else TwoArmCounts
    return kind.from_frame(table, study="study", **roles)


@pytest.mark.parametrize(("column", "value", "roles", "message"), BAD)
def test_bad_cells(column: str, value: object, roles: dict[str, str], message: str) -> None:
    table = frame(**{column: [SOUND[column][0], value, SOUND[column][2]]})
    with pytest.raises(DataError) as caught:
        from_frame(table, roles)
    text = str(caught.value)
    assert text.startswith(f"trees.csv, row 2 (Birch 2002): {message}")
    assert text.count("; ") >= 2
    assert "\n" not in text


@pytest.mark.parametrize("roles", [COUNTS, CELLS, ARM, ARM_CELLS])
def test_sound_cells_raise_nothing(roles: dict[str, str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_frame(frame(), roles).k == 3


@pytest.mark.parametrize(
    ("role", "value", "message"),
    [
        ("n_treat", 0, "n_treat is 0; an arm must have patients"),
        ("events_ctrl", 31, r"events_ctrl is 31; there cannot be more events than patients \(n_ctrl\)"),
        ("events_treat", -2, "events_treat is -2; a count cannot be negative"),
        ("events_treat", 7.5, "events_treat is 7.5; a count must be a whole number"),
        ("n_ctrl", np.inf, "n_ctrl is inf; it must be a finite number"),
        ("n_ctrl", None, "n_ctrl is empty; every study needs it; fill it in or leave the study out"),
    ],
)
def test_bad_values_in_arrays(role: str, value: object, message: str) -> None:
    arrays = {**ARRAYS, role: [ARRAYS[role][0], value, ARRAYS[role][2]]}
    table = frame().set_axis([4, 7, 9])
    with pytest.raises(DataError, match=rf"^trees\.csv, row 8 \(Birch\): {message}"):
        TwoArmCounts.from_counts(**arrays, study=["Ash", "Birch", "Cedar"], table=table, source="trees.csv")


def test_bad_values_in_arrays_of_single_arms() -> None:
    with pytest.raises(DataError, match=r"^row 2 \(Ash: Ulm\): events is 9; .* patients \(n\)"):
        ArmCounts.from_counts([1, 9], [5, 6], ["Ash", "Ash"], ["Bern", "Ulm"])
    with pytest.raises(DataError, match="events must be numbers, one a study"):
        ArmCounts.from_counts(["few", "many"], [5, 6])


@pytest.mark.parametrize(
    ("roles", "empty", "message"),
    [
        (
            COUNTS,
            ["c", "n2"],
            r"c \(events_ctrl\) and n2 \(n_ctrl\) are empty; .* fill in the control arm or leave",
        ),
        (CELLS, ["a", "n1"], r"a \(events_treat\) and n1 \(nonevents_treat\) are empty; .* the treated arm"),
    ],
)
def test_a_missing_arm(roles: dict[str, str], empty: list[str], message: str) -> None:
    table = frame(**{name: [SOUND[name][0], np.nan, SOUND[name][2]] for name in empty})
    with pytest.raises(DataError, match=rf"^trees\.csv, row 2 \(Birch 2002\): {message}"):
        TwoArmCounts.from_frame(table, study="study", **roles)


@pytest.mark.parametrize("roles", [CELLS, ARM_CELLS])
def test_an_arm_without_patients_by_its_cells(roles: dict[str, str]) -> None:
    with pytest.raises(
        DataError, match=r"row 2 .*nonevents\w*\) is 0; with events\w* 0 the arm has no patients"
    ):
        from_frame(frame(a=[4, 0, 2], n1=[20, 0, 12]), roles)


def test_shapes_and_labels() -> None:
    with pytest.raises(
        DataError, match="lengths differ: events_treat 2, n_treat 3, events_ctrl 3, n_ctrl 3; give"
    ):
        TwoArmCounts.from_counts(**{**ARRAYS, "events_treat": [4, 7]})
    with pytest.raises(DataError, match=r"lengths differ: .*study 1"):
        TwoArmCounts.from_counts(**ARRAYS, study=["Ash"])
    with pytest.raises(DataError, match=r"lengths differ: .*table 1"):
        TwoArmCounts.from_counts(**ARRAYS, table=pd.DataFrame({"dose": [1]}))
    with pytest.raises(DataError, match=r"lengths differ: events 2, n 2, study 2, centre 1"):
        ArmCounts.from_counts([1, 2], [5, 6], ["Ash", "Ash"], ["Bern"])
    with pytest.raises(DataError, match=r"row 3 \(Ash\): the study label 'Ash' already stands in row 1"):
        TwoArmCounts.from_counts(**ARRAYS, study=["Ash", "Birch", "Ash "])
    with pytest.raises(DataError, match="row 2: the label is ''; every study needs one; name the study"):
        TwoArmCounts.from_counts(**ARRAYS, study=["Ash", "", "Cedar"])
    with pytest.raises(
        DataError, match=r"trees\.csv, row 3 \(Ash\): the study label 'Ash' already .* add the year"
    ):
        TwoArmCounts.from_frame(frame(study=["Ash", "Birch", "Ash"]), study="study", **COUNTS)
    with pytest.raises(DataError, match=r"trees\.csv, row 2: study is empty; every study needs a label"):
        ArmCounts.from_frame(frame(study=["Ash", None, "Cedar"]), study="study", **ARM)
    with pytest.raises(DataError, match="events_treat must be numbers, one a study"):
        TwoArmCounts.from_counts(**{**ARRAYS, "events_treat": ["few", "some", "many"]})


@pytest.mark.parametrize("roles", [COUNTS, ARM])
def test_no_study(roles: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"^trees\.csv holds no study; at least one is needed"):
        from_frame(frame().iloc[:0], roles)
    with pytest.raises(DataError, match="the input holds no study"):
        ArmCounts.from_counts([], []) if "events" in roles else TwoArmCounts.from_counts([], [], [], [])


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({**COUNTS, "nonevents_ctrl": "c"}, "n_ctrl and nonevents_ctrl say the same; give one of them"),
        (
            {"events_treat": "a", "events_ctrl": "c", "n_ctrl": "n2"},
            r"n_treat \(or nonevents_treat\) is missing",
        ),
        ({**COUNTS, "events_ctrl": 3}, "events_ctrl must be the name of a column, not int"),
        ({**ARM, "nonevents": "c"}, "n and nonevents say the same"),
        ({"events": "a"}, r"n \(or nonevents\) is missing; name its column"),
        ({**ARM, "n": 31}, "n must be the name of a column, not int"),
    ],
)
def test_roles_are_checked(roles, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        from_frame(frame(), roles)


@pytest.mark.parametrize("roles", [COUNTS, ARM])
def test_missing_columns_come_with_the_nearest_name(roles: dict[str, str]) -> None:
    with pytest.raises(DataError, match=r"trees\.csv has no column 'a'; .*did you mean 'ab'\?"):
        from_frame(frame().rename(columns={"a": "ab"}), roles)


def test_the_same_table_in_two_rows() -> None:
    twice = frame(a=[7, 7, 2], n1=[31, 31, 12], c=[8, 8, 5], n2=[30, 30, 11])
    with pytest.warns(
        DataWarning, match=r"^trees\.csv, row 2 \(Birch 2002\): the four counts are those of Ash 2001; check"
    ) as caught:
        TwoArmCounts.from_frame(twice, study="study", **COUNTS)
    assert caught[0].filename == __file__
    with pytest.warns(DataWarning, match="row 3 .*study 1") as caught:
        TwoArmCounts.from_counts([4, 7, 4], [20, 31, 20], [9, 8, 9], [22, 30, 22])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TwoArmCounts.from_frame(twice.assign(a=0, c=1), study="study", **COUNTS)
