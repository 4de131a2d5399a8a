"""What `effect_sizes` returns beside the numbers, and how it leaves studies out."""

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError, OptionError
from bayesma.measures import effect_sizes, list_measures

COUNTS = {"events_treat": "a", "n_treat": "n1", "events_ctrl": "c", "n_ctrl": "n2"}
MEANS = {
    "mean_treat": "m1",
    "sd_treat": "s1",
    "n_treat": "n1",
    "mean_ctrl": "m2",
    "sd_ctrl": "s2",
    "n_ctrl": "n2",
}


def counts(**columns: object) -> pd.DataFrame:
    """Three sound trials, with whatever column is put in their place."""
    frame = pd.DataFrame(
        {
            "study": ["Ash 2001", "Birch 2002", "Cedar 2003"],
            "a": [4, 7, 2],
            "n1": [20, 31, 12],
            "c": [9, 8, 5],
            "n2": [22, 30, 11],
        }
    ).assign(**columns)
    frame.attrs["source"] = "trees.csv"
    return frame


def means(**columns: object) -> pd.DataFrame:
    """Two sound trials, with whatever column is put in their place."""
    frame = pd.DataFrame(
        {
            "study": ["Ash 2001", "Birch 2002"],
            "m1": [3.1, 2.0],
            "s1": [2.7, 1.0],
            "n1": [6, 12],
            "m2": [1.0, 1.5],
            "s2": [1.0, 1.3],
            "n2": [12, 15],
        }
    ).assign(**columns)
    frame.attrs["source"] = "trees.csv"
    return frame


def test_effects_carry_their_rows_sizes_and_source() -> None:
    frame = counts().iloc[[2, 0]]
    effects = effect_sizes(frame, "OR", study="study", **COUNTS)
    assert effects.study.tolist() == ["Cedar 2003", "Ash 2001"]
    assert effects.table is not None
    assert effects.table.index.tolist() == [2, 0]
    assert effects.table["a"].tolist() == [2, 4]
    assert effects.n is not None
    assert effects.n.tolist() == [23, 42]
    assert effects.source == "trees.csv"
    assert effects.notes == ()


def test_row_numbers_survive_a_selection() -> None:
    frame = counts(c=[9, 8, 50]).iloc[[1, 2]]
    with pytest.raises(DataError, match=r"^trees\.csv, row 3 \(Cedar 2003\): c \(events_ctrl\) is 50; "):
        effect_sizes(frame, "OR", study="study", **COUNTS)


def test_a_year_column_with_gaps_elsewhere_stays_a_whole_number() -> None:
    frame = counts(year=[1999.0, np.nan, 2003.0]).iloc[[0, 2]]
    effects = effect_sizes(frame, "OR", study=["study", "year"], **COUNTS)
    assert effects.study.tolist() == ["Ash 2001 1999", "Cedar 2003 2003"]


def test_corrected_studies_are_named() -> None:
    frame = counts(a=[0, 7, 2])
    effects = effect_sizes(frame, "RR", study="study", **COUNTS)
    assert effects.notes == ('0.5 was added to all four cells of 1 of 3 studies (to="only0"): Ash 2001.',)
    assert effects.y[0] == pytest.approx(np.log((0.5 / 21) / (9.5 / 23)), rel=1e-14)
    everything = effect_sizes(frame, "RR", study="study", correction=0.25, to="if0all", **COUNTS)
    assert everything.notes[0].startswith("0.25 was added to all four cells of 3 of 3 studies")
    assert everything.y[1] == pytest.approx(np.log((7.25 / 31.5) / (8.25 / 30.5)), rel=1e-14)


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_double_zero_studies_need_the_correction(measure: str) -> None:
    frame = counts(a=[0, 7, 2], c=[0, 8, 5])
    assert effect_sizes(frame, measure, study="study", **COUNTS).k == 3
    with pytest.raises(
        DataError, match=r"row 1 \(Ash 2001\): the .* cannot be computed from a .* 0, .*drop_unusable"
    ):
        effect_sizes(frame, measure, study="study", correction=0, **COUNTS)
    with pytest.raises(DataError, match="cannot be computed"):
        effect_sizes(frame, measure, study="study", to="none", **COUNTS)
    effects = effect_sizes(frame, measure, study="study", to="none", drop_unusable=True, **COUNTS)
    assert effects.study.tolist() == ["Birch 2002", "Cedar 2003"]
    assert len(effects.notes) == 1
    assert effects.notes[0].startswith("Left out because")
    assert effects.notes[0].endswith(": Ash 2001.")
    assert effects.table is not None
    assert effects.table.index.tolist() == [1, 2]


def test_risk_ratio_of_everyone_in_both_arms_has_no_variance() -> None:
    frame = counts(a=[20, 7, 2], c=[22, 8, 5])
    with pytest.raises(DataError, match="the risk ratio cannot be computed"):
        effect_sizes(frame, "RR", study="study", to="none", **COUNTS)


@pytest.mark.parametrize("measure", ["MD", "SMD"])
@pytest.mark.parametrize("sds", [{"s1": [0, 1.0]}, {"s1": [0, 1.0], "s2": [0, 1.3]}])
def test_an_sd_of_zero_is_an_error_unless_dropped(measure: str, sds: dict[str, list[float]]) -> None:
    frame = means(**sds)
    with pytest.raises(DataError, match=r"row 1 \(Ash 2001\): .* s1 \(sd_treat\) 0, .* above 0 in both arms"):
        effect_sizes(frame, measure, study="study", **MEANS)
    effects = effect_sizes(frame, measure, study="study", drop_unusable=True, **MEANS)
    assert effects.study.tolist() == ["Birch 2002"]


def test_empty_cells_are_an_error_unless_dropped() -> None:
    frame = counts(c=[np.nan, 8, 5])
    with pytest.raises(
        DataError, match=r"row 1 \(Ash 2001\): c \(events_ctrl\) is empty; .*drop_unusable=True"
    ):
        effect_sizes(frame, "OR", study="study", **COUNTS)
    effects = effect_sizes(frame, "OR", study="study", drop_unusable=True, **COUNTS)
    assert effects.notes == ("Left out for an empty cell: Ash 2001.",)
    assert effects.k == 2
    with pytest.raises(DataError, match="no study is left"):
        effect_sizes(frame.iloc[:1], "OR", study="study", drop_unusable=True, **COUNTS)


def test_impossible_numbers_are_never_dropped() -> None:
    with pytest.raises(DataError, match="cannot be negative"):
        effect_sizes(counts(c=[-1, 8, 5]), "OR", study="study", drop_unusable=True, **COUNTS)


def test_the_frame_is_left_alone() -> None:
    frame = counts(a=[0, 7, 2])
    before = frame.copy(deep=True)
    effect_sizes(frame, "OR", study="study", **COUNTS)
    pd.testing.assert_frame_equal(frame, before)


def test_text_that_is_a_number_counts_as_one() -> None:
    frame = counts(a=["4", "7 ", "2"])
    np.testing.assert_array_equal(
        effect_sizes(frame, "OR", **COUNTS).y, effect_sizes(counts(), "OR", **COUNTS).y
    )


def test_nullable_integers_work() -> None:
    frame = counts().astype({"a": "Int64"})
    assert effect_sizes(frame, "OR", **COUNTS).k == 3
    frame.loc[1, "a"] = pd.NA
    with pytest.raises(DataError, match=r"row 2 \(study 2\): a \(events_treat\) is empty"):
        effect_sizes(frame, "OR", **COUNTS)


def test_list_measures_names_every_role() -> None:
    table = list_measures()
    assert list(table.index) == ["OR", "RR", "RD", "MD", "SMD", "GEN", "MC", "PLO"]
    assert table.loc["SMD", "columns"] == "mean_treat sd_treat n_treat mean_ctrl sd_ctrl n_ctrl"
    assert table.loc["SMD", "doi"] == "10.3102/10769986006002107"


OPTION_ERRORS = [
    ("XYZ", COUNTS, {}, "unknown measure 'XYZ'; known are: OR, RR, RD, MD, SMD, GEN, MC, PLO"),
    (
        "OR",
        {**COUNTS, "event_ctrl": "c"},
        {},
        "no role or option 'event_ctrl'; did you mean events_ctrl.*n_treat, events",
    ),
    ("OR", MEANS, {}, "OR has no role or option 'mean_treat'"),
    ("SMD", COUNTS, {}, "SMD has no role or option 'events_treat'"),
    (
        "OR",
        {k: v for k, v in COUNTS.items() if k != "n_ctrl"},
        {},
        r"also needs n_ctrl \(or nonevents_ctrl\)",
    ),
    ("OR", {"events_treat": "a", "n_treat": "n1"}, {}, "also needs events_ctrl"),
    ("OR", {}, {}, "also needs events_treat"),
    ("OR", {**COUNTS, "nonevents_ctrl": "c"}, {}, "n_ctrl and nonevents_ctrl say the same"),
    ("OR", {**COUNTS, "se": "c"}, {}, "se does not go with events_treat.*name the column of estimate too"),
    ("OR", {**COUNTS, "estimate": "c"}, {}, "events_treat does not go with estimate"),
    ("OR", {**COUNTS, "n_ctrl": 30}, {}, "n_ctrl must be the name of a column, not int"),
    ("OR", COUNTS, {"to": "some"}, "to is 'some'; it must be one of only0, all, if0all, none"),
    ("OR", COUNTS, {"correction": -1}, "correction is -1"),
    ("OR", COUNTS, {"correction": float("nan")}, "correction is nan"),
    ("OR", COUNTS, {"level": 0.9}, "level is the level of ci_low and ci_high"),
    ("OR", COUNTS, {"ratio": True}, "OR is computed from raw data"),
    ("GEN", {"se": "c"}, {}, "GEN needs the column of estimate"),
    ("GEN", {"estimate": "a"}, {}, "exactly one of se, variance, .* none is given"),
    ("GEN", {"estimate": "a", "se": "c", "p_value": "c"}, {}, "se and p_value are given"),
    ("GEN", {"estimate": "a", "ci_low": "c"}, {}, "name the column of ci_high too"),
    ("GEN", {"estimate": "a", "se": "c", "n_treat": "n1"}, {}, "both n_treat and n_ctrl"),
    ("GEN", {"estimate": "a", "se": "c"}, {"correction": 1.0}, "correction and to apply to counts"),
    ("GEN", {"estimate": "a", "se": "c"}, {"level": 0.9}, "level is the level of ci_low and ci_high"),
    (
        "GEN",
        {"estimate": "a", "ci_low": "c", "ci_high": "n1"},
        {"level": 95},
        "level is 95; .* write 0.95 for 95 %",
    ),
    ("SMD", {"estimate": "a", "ci_low": "c", "ci_high": "n1"}, {"ratio": True}, "SMD is not a ratio"),
    ("OR", {"estimate": "a", "se": "c"}, {"ratio": True}, "se is ambiguous"),
]


@pytest.mark.parametrize(("measure", "roles", "options", "message"), OPTION_ERRORS)
def test_roles_and_options_are_checked(measure, roles, options, message) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        effect_sizes(counts(), measure, **options, **roles)
    assert "\n" not in str(caught.value)
