"""`Effects` holds only numbers that an analysis can use, and says which row of which file is at fault."""

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError, DataWarning
from bayesma.evidence.effects import Effects

Y, SE, STUDY = [-0.5, -0.2, 0.1], [0.2, 0.3, 0.4], ["Ash 2001", "Birch 2002", "Cedar 2003"]


def test_what_goes_in_comes_out() -> None:
    table = pd.DataFrame({"dose": [1, 2, 3]}, index=[4, 7, 9])
    effects = Effects.from_estimates(
        Y, SE, STUDY, "SMD", n=[20, 30, 40], table=table, source="trees.csv", notes=["a"]
    )
    assert effects.k == 3
    assert (effects.y.tolist(), effects.se.tolist(), effects.study.tolist()) == (Y, SE, STUDY)
    assert (effects.measure, effects.source, effects.notes) == ("SMD", "trees.csv", ("a",))
    frame = effects.to_frame()
    assert list(frame.columns) == ["study", "y", "se", "n"]
    assert frame["n"].tolist() == [20, 30, 40]


def test_numbers_cannot_be_changed_from_outside() -> None:
    y, table = np.array(Y), pd.DataFrame({"dose": [1, 2, 3]})
    effects = Effects.from_estimates(y, SE, STUDY, table=table)
    y[0], table.loc[0, "dose"] = 99.0, 99
    assert effects.y[0] == -0.5
    assert effects.table is not None
    assert effects.table["dose"].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        effects.y[0] = 99.0


def test_studies_without_labels_are_numbered() -> None:
    effects = Effects.from_estimates(Y, SE)
    assert effects.study.tolist() == ["study 1", "study 2", "study 3"]
    assert effects.measure == "GEN"
    assert Effects.from_estimates(0.3, 0.1).k == 1


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("se", 0.0, r"the standard error \(se\) is 0; it must be finite and above 0; correct it"),
        ("se", -0.1, r"the standard error \(se\) is -0\.1; it must"),
        ("se", np.nan, r"the standard error \(se\) is nan; it must"),
        ("se", np.inf, r"the standard error \(se\) is inf; it must"),
        ("y", np.nan, "the estimate is nan; it must be a finite number; fill it in or leave the study out"),
        ("y", np.inf, "the estimate is inf; it must"),
        ("y", None, "the estimate is nan; it must"),
        ("n", 0.0, r"the sample size \(n\) is 0; it must be a whole number of at least 1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(argument: str, value: float, message: str) -> None:
    numbers: dict[str, list[object]] = {"y": [*Y], "se": [*SE], "n": [20.0, 30.0, 40.0]}
    numbers[argument][1] = value
    table = pd.DataFrame({"dose": [1, 2, 3]}, index=[4, 7, 9])
    with pytest.raises(DataError, match=rf"^trees\.csv, row 8 \(Birch 2002\): {message}"):
        Effects.from_estimates(study=STUDY, table=table, source="trees.csv", **numbers)


def test_shapes_and_labels() -> None:
    with pytest.raises(DataError, match="lengths differ: y 3, se 2, study 3"):
        Effects.from_estimates(Y, SE[:2], STUDY)
    with pytest.raises(DataError, match=r"lengths differ: .*table 1"):
        Effects.from_estimates(Y, SE, STUDY, table=pd.DataFrame({"dose": [1]}))
    with pytest.raises(DataError, match=r"row 3 .*the study label 'Ash 2001' already stands in row 1"):
        Effects.from_estimates(Y, SE, [*STUDY[:2], "Ash 2001"])
    with pytest.raises(DataError, match="holds no study"):
        Effects.from_estimates([], [])
    with pytest.raises(DataError, match="y must be numbers, one a study"):
        Effects.from_estimates(["low", "high"], [0.1, 0.2])


def test_an_smd_beyond_three_is_a_suspicion() -> None:
    with pytest.warns(DataWarning, match=r"trees\.csv, row 1 \(Ash 2001\): an SMD of -4 is hardly ever real"):
        Effects.from_estimates([-4.0], [0.3], STUDY[:1], "SMD", source="trees.csv")
    Effects.from_estimates([-4.0], [0.3], STUDY[:1], "MD")


@pytest.mark.parametrize("label", [None, "", "  ", float("nan")])
def test_a_missing_label_is_refused(label: object) -> None:
    with pytest.raises(DataError, match=r"row 2: the label is .*; every study needs one; name the study"):
        Effects.from_estimates([0.1, 0.2], [0.1, 0.2], ["A", label])


@pytest.mark.parametrize(("y", "se"), [(1e300, 1.0), (1.0, 1e200), (1.0, 1e-160)])
def test_numbers_beyond_double_precision_are_refused(y: float, se: float) -> None:
    with pytest.raises(DataError, match=r"row 1 \(A\): .*1e-60 to 1e\+60|at most 1e\+60"):
        Effects.from_estimates([y], [se], ["A"])
