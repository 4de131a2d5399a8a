"""A cell that cannot be right is an error of one sentence: file, row, study, value, rule and mend."""

import warnings

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError, DataWarning
from bayesma.evidence.readers import list_data, load_data
from bayesma.measures import effect_sizes

COUNTS = {"events_treat": "a", "n_treat": "n1", "events_ctrl": "c", "n_ctrl": "n2"}
CELLS = {"events_treat": "a", "nonevents_treat": "n1", "events_ctrl": "c", "nonevents_ctrl": "n2"}
MEANS = {
    "mean_treat": "m1",
    "sd_treat": "s1",
    "n_treat": "n1",
    "mean_ctrl": "m2",
    "sd_ctrl": "s2",
    "n_ctrl": "n2",
}
SE = {"estimate": "y", "se": "se"}
VARIANCE = {"estimate": "y", "variance": "se"}
CI = {"estimate": "y", "ci_low": "low", "ci_high": "high"}
P = {"estimate": "y", "p_value": "p"}

SOUND: dict[str, list[object]] = {
    "study": ["Ash 2001", "Birch 2002", "Cedar 2003"],
    "a": [4, 7, 2],
    "n1": [20, 31, 12],
    "c": [9, 8, 5],
    "n2": [22, 30, 11],
    "m1": [3.1, 2.0, 1.7],
    "s1": [2.7, 1.0, 1.1],
    "m2": [1.0, 1.5, 1.2],
    "s2": [1.0, 1.3, 0.9],
    "y": [-0.5, 0.25, 0.1],
    "se": [0.2, 0.3, 0.25],
    "low": [-0.9, -0.35, -0.4],
    "high": [-0.1, 0.85, 0.6],
    "p": [0.01, 0.4, 0.7],
}

# column, value put into row 2, measure, roles, what the message must say
BAD = [
    ("n1", 0, "OR", COUNTS, r"n1 (n_treat) is 0; an arm must have patients"),
    ("n2", 0, "RD", COUNTS, r"n2 (n_ctrl) is 0; an arm must have patients"),
    (
        "a",
        40,
        "OR",
        COUNTS,
        r"a (events_treat) is 40; there cannot be more events than patients (n1 (n_treat))",
    ),
    ("c", 31, "RR", COUNTS, r"c (events_ctrl) is 31; there cannot be more events"),
    ("a", -1, "OR", COUNTS, r"a (events_treat) is -1; a count cannot be negative"),
    ("n2", -30, "OR", COUNTS, r"n2 (n_ctrl) is -30; a count cannot be negative"),
    ("a", 7.5, "OR", COUNTS, r"a (events_treat) is 7.5; a count must be a whole number"),
    ("n1", 31.2, "OR", COUNTS, r"n1 (n_treat) is 31.2; a count must be a whole number"),
    ("a", np.nan, "OR", COUNTS, r"a (events_treat) is empty; every study needs it"),
    ("c", None, "OR", COUNTS, r"c (events_ctrl) is empty; every study needs it"),
    ("n1", np.inf, "OR", COUNTS, r"n1 (n_treat) is inf; it must be a finite number"),
    ("a", "seven", "OR", COUNTS, r"a (events_treat) is 'seven'; it must be a number"),
    ("a", "1,5", "OR", COUNTS, r"a (events_treat) is '1,5'; it must be a number; write digits only"),
    ("n1", -3, "OR", CELLS, r"n1 (nonevents_treat) is -3; a count cannot be negative"),
    ("s1", -1, "SMD", MEANS, r"s1 (sd_treat) is -1; a standard deviation cannot be negative"),
    ("s2", -1, "MD", MEANS, r"s2 (sd_ctrl) is -1; a standard deviation cannot be negative"),
    ("s2", np.nan, "MD", MEANS, r"s2 (sd_ctrl) is empty; every study needs it"),
    ("m1", np.inf, "MD", MEANS, r"m1 (mean_treat) is inf; it must be a finite number"),
    ("n1", 1, "SMD", MEANS, r"n1 (n_treat) is 1; an arm needs at least 2 patients"),
    ("n2", 0, "MD", MEANS, r"n2 (n_ctrl) is 0; an arm needs at least 2 patients"),
    ("n2", 12.5, "MD", MEANS, r"n2 (n_ctrl) is 12.5; a sample size must be a whole number"),
    ("se", 0, "GEN", SE, r"se is 0; it must be above 0"),
    ("se", -0.3, "SMD", SE, r"se is -0.3; it must be above 0"),
    ("se", np.nan, "GEN", SE, r"se is empty; every study needs it"),
    ("se", np.inf, "GEN", SE, r"se is inf; it must be a finite number"),
    ("y", np.nan, "GEN", SE, r"y (estimate) is empty"),
    ("y", -np.inf, "GEN", SE, r"y (estimate) is -inf; it must be a finite number"),
    ("se", 0, "GEN", VARIANCE, r"se (variance) is 0; it must be above 0"),
    ("y", 2, "MD", CI, r"y (estimate) is 2; it must lie in its own interval, -0.35 to 0.85; correct one"),
    ("y", -2, "MD", CI, r"y (estimate) is -2; it must lie in its own interval"),
    ("low", 0.85, "MD", CI, r"low (ci_low) is 0.85; it must lie below ci_high in high"),
    ("high", -5, "MD", CI, r"low (ci_low) is -0.35; it must lie below ci_high"),
    ("p", 0, "MD", P, r"p (p_value) is 0; it must lie between 0 and 1, both excluded"),
    ("p", 1, "MD", P, r"p (p_value) is 1; it must lie between 0 and 1, both excluded"),
    ("p", 1.2, "MD", P, r"p (p_value) is 1.2; it must lie between 0 and 1"),
    (
        "p",
        "<0.001",
        "MD",
        P,
        r"p (p_value) is '<0.001'; a bound gives no standard error; take the confidence interval",
    ),
    ("p", "n.s.", "MD", P, r"p (p_value) is 'n.s.'; it must be a number"),
    ("y", 0, "MD", P, r"y (estimate) is 0; a p-value gives no standard error for an estimate of no effect"),
    ("n1", -4, "MD", {**SE, "n": "n1"}, r"n1 (n) is -4; it must be a whole number of at least 1"),
]


@pytest.mark.parametrize(("column", "value", "measure", "roles", "message"), BAD)
def test_bad_cells(column: str, value: object, measure: str, roles: dict[str, str], message: str) -> None:
    frame = pd.DataFrame({**SOUND, column: [SOUND[column][0], value, SOUND[column][2]]})
    frame.attrs["source"] = "trees.csv"
    with pytest.raises(DataError) as caught:
        effect_sizes(frame, measure, study="study", **roles)
    text = str(caught.value)
    assert text.startswith("trees.csv, row 2 (")
    assert message in text
    assert text.count("; ") >= 2 or "interval" in text
    assert "\n" not in text


@pytest.mark.parametrize(("measure", "roles"), sorted({(b[2], tuple(b[3].items())) for b in BAD}))
def test_sound_cells_raise_nothing(measure: str, roles: tuple[tuple[str, str], ...]) -> None:
    assert effect_sizes(pd.DataFrame(SOUND), measure, study="study", **dict(roles)).k == 3


def test_an_arm_without_patients_by_its_cells() -> None:
    frame = pd.DataFrame({**SOUND, "a": [4, 0, 2], "n1": [20, 0, 12]})
    with pytest.raises(
        DataError, match=r"row 2 .*nonevents_treat\) is 0; with events_treat 0 the arm has no pat"
    ):
        effect_sizes(frame, "OR", **CELLS)


def test_missing_columns_come_with_the_nearest_name() -> None:
    frame = pd.DataFrame(SOUND).rename(columns={"a": "events"})
    frame.attrs["source"] = "trees.csv"
    with pytest.raises(DataError, match=r"trees\.csv has no column 'event'; .*did you mean 'events'\?"):
        effect_sizes(frame, "OR", **{**COUNTS, "events_treat": "event"})
    with pytest.raises(
        DataError, match=r"no column 'zzz'; its columns are: study, events, .*; correct the name"
    ):
        effect_sizes(frame, "OR", study="zzz", **{**COUNTS, "events_treat": "events"})


def test_a_column_name_given_twice() -> None:
    frame = pd.DataFrame(SOUND).rename(columns={"s1": "a"})
    with pytest.raises(DataError, match="the table has two columns called 'a'; rename one"):
        effect_sizes(frame, "OR", **COUNTS)


def test_labels_must_be_there_and_unique() -> None:
    twice = pd.DataFrame({**SOUND, "study": ["Ash 2001", "Birch 2002", "Ash 2001 "]})
    with pytest.raises(
        DataError, match=r"row 3 \(Ash 2001\): the study label 'Ash 2001' already stands in row 1"
    ):
        effect_sizes(twice, "OR", study="study", **COUNTS)
    for blank in (None, "", "  "):
        frame = pd.DataFrame({**SOUND, "study": ["Ash 2001", blank, "Cedar 2003"]})
        with pytest.raises(DataError, match="row 2: study is empty; every study needs a label"):
            effect_sizes(frame, "OR", study="study", **COUNTS)


def test_a_table_without_rows() -> None:
    with pytest.raises(DataError, match="holds no study"):
        effect_sizes(pd.DataFrame(SOUND).iloc[:0], "OR", **COUNTS)


# Suspicions: the numbers are used, and the reader is told.


def test_standard_errors_given_as_sds() -> None:
    frame = pd.DataFrame({**SOUND, "s1": [0.1, 1.0, 1.1], "s2": [0.1, 1.3, 0.9]})
    with pytest.warns(DataWarning, match=r"row 1 \(Ash 2001\): the arms lie 21\.0 standard deviations apart"):
        effect_sizes(frame, "MD", study="study", **MEANS)


def test_an_smd_beyond_three() -> None:
    frame = pd.DataFrame({"y": [4.0, 0.1], "se": [0.2, 0.2]})
    with pytest.warns(DataWarning, match="an SMD of 4 is hardly ever real"):
        effect_sizes(frame, "SMD", **SE)


@pytest.mark.parametrize(("se", "slip"), [(0.04, "a variance"), (1.0, "a standard deviation")])
def test_an_se_that_no_smd_can_have(se: float, slip: str) -> None:
    frame = pd.DataFrame({"y": [0.3], "se": [se], "n": [100]})
    with pytest.warns(DataWarning, match=f"does not fit an SMD from 100 patients .* not {slip}"):
        effect_sizes(frame, "SMD", n="n", **SE)
    effect_sizes(frame.assign(se=0.2), "SMD", n="n", **SE)


def test_the_same_table_in_two_rows() -> None:
    frame = pd.DataFrame({**SOUND, "a": [7, 7, 2], "n1": [31, 31, 12], "c": [8, 8, 5], "n2": [30, 30, 11]})
    with pytest.warns(DataWarning, match=r"row 2 \(Birch 2002\): the four counts are those of Ash 2001"):
        effect_sizes(frame, "OR", study="study", **COUNTS)
    rare = frame.assign(a=0, c=1)
    effect_sizes(rare, "OR", study="study", **COUNTS)


def test_the_same_control_arm_in_two_rows() -> None:
    shared = {"m2": [1.5, 1.5, 1.2], "s2": [1.3, 1.3, 0.9], "n2": [30, 30, 11]}
    with pytest.warns(DataWarning, match="the numbers of the control arm are those of Ash 2001"):
        effect_sizes(pd.DataFrame({**SOUND, **shared}), "MD", study="study", **MEANS)
    round_numbers = {"m2": [2, 2, 1], "s2": [1, 1, 2], "n2": [30, 30, 11]}
    effect_sizes(pd.DataFrame({**SOUND, **round_numbers}), "MD", study="study", **MEANS)


SYMMETRIC = [
    (-0.78, -1.25, -0.31),
    (-1.0, -3.13, 1.14),
    (0.94, -0.53, 2.4),
    (1 / 3, 0.1, 0.57),
    (0.5, 0.0, 1.0),
    (12.0, 8.0, 17.0),
]


@pytest.mark.parametrize("row", SYMMETRIC)
def test_rounding_is_no_suspicion(row: tuple[float, float, float]) -> None:
    frame = pd.DataFrame([row], columns=["y", "low", "high"])
    assert effect_sizes(frame, "MD", **CI).se[0] == pytest.approx((row[2] - row[1]) / 3.919927969, rel=1e-9)


@pytest.mark.parametrize("row", [(0.26, 0.07, 0.89), (-0.78, -1.25, -0.41), (0.8, 0.7, 0.914)])
def test_a_lopsided_interval_is_one(row: tuple[float, float, float]) -> None:
    frame = pd.DataFrame([row], columns=["y", "low", "high"])
    with pytest.warns(DataWarning, match="row 1 .*is not centred on its estimate .*say ratio=True"):
        effect_sizes(frame, "OR", **CI)
    with pytest.warns(DataWarning, match="may be wrong$"):
        effect_sizes(frame, "MD", **CI)


def test_no_shipped_table_raises_a_suspicion() -> None:
    calls = {
        "bcg": (
            "OR",
            {
                "events_treat": "tpos",
                "nonevents_treat": "tneg",
                "events_ctrl": "cpos",
                "nonevents_ctrl": "cneg",
            },
        ),
        "hine1989": ("RD", {"events_treat": "ai", "n_treat": "n1i", "events_ctrl": "ci", "n_ctrl": "n2i"}),
        "nielweise2007": (
            "OR",
            {"events_treat": "ai", "n_treat": "n1i", "events_ctrl": "ci", "n_ctrl": "n2i"},
        ),
        "raudenbush1985": ("SMD", {"estimate": "yi", "variance": "vi", "n_treat": "n1i", "n_ctrl": "n2i"}),
        "poulsen2006": ("SMD", {"estimate": "d", "se": "se"}),
        "cdp": ("GEN", {"estimate": "yi", "se": "sei"}),
    }
    assert set(calls) < set(list_data().index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, (measure, roles) in calls.items():
            effect_sizes(load_data(name), measure, **roles)
