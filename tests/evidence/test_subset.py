"""Is evidence cut to some of its studies the evidence of these studies, of every kind?"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import DataError, OptionError
from bayesma.evidence.subset import studies_of, study_column, subset

LABELS = ["Ash", "Birch", "Cedar", "Dogwood"]


def _table() -> pd.DataFrame:
    return pd.DataFrame({"year": [2001, 1999, 2010, 1999], "group": list("abab")}, index=[7, 3, 9, 4])


def effects() -> bm.Effects:
    return bm.Effects.from_estimates(
        [0.1, 0.2, 0.3, 0.4],
        [1.0, 2.0, 3.0, 4.0],
        LABELS,
        "SMD",
        n=[10, 20, 30, 40],
        table=_table(),
        source="four.csv",
        notes=["A note."],
    )


def two_arms() -> bm.TwoArmCounts:
    frame = _table().assign(a=[0, 2, 3, 0], n1=[10, 20, 30, 40], c=[0, 1, 4, 2], n2=[11, 21, 31, 41])
    frame["s"] = LABELS
    columns = {"events_treat": "a", "n_treat": "n1", "events_ctrl": "c", "n_ctrl": "n2"}
    return bm.TwoArmCounts.from_frame(frame, study="s", **columns)


def arms() -> bm.ArmCounts:
    study = ["Ash", "Ash", "Birch", "Cedar", "Cedar", "Dogwood"]
    frame = pd.DataFrame(
        {
            "s": study,
            "centre": list("xyxxyx"),
            "e": [1, 2, 3, 4, 5, 6],
            "n": 20,
            "year": [2001, 2001, 1999, 2010, 2010, 1999],
            "ward": range(6),
        }
    )
    return bm.ArmCounts.from_frame(frame, events="e", n="n", study="s", centre="centre")


def months() -> bm.Trajectories:
    rows = [("Ash", 1, 0.1), ("Ash", 6, 0.2), ("Birch", 6, 0.3), ("Cedar", 1, 0.4), ("Cedar", 12, 0.5)]
    frame = pd.DataFrame([*rows, ("Dogwood", 6, 0.6)], columns=["s", "t", "y"])
    frame["se"], frame["n"] = 0.1 + 0.1 * frame["y"], 12
    frame["year"] = frame["s"].map(dict(zip(LABELS, [2001, 1999, 2010, 1999], strict=True)))
    return bm.Trajectories.from_estimates(
        frame, study="s", month="t", estimate="y", se="se", n="n", within_correlation=0.5
    )


def follow() -> bm.FollowUp:
    rows = [
        ("Ash", "x", 0, 6, 20, 2, 0, 2001),
        ("Ash", "y", 0, 6, 30, 3, 1, 2001),
        ("Ash", "x", 6, 12, 18, 4, 0, 2001),
        ("Birch", "x", 0, 6, 10, 1, 0, 1999),
        ("Cedar", "x", 0, 12, 15, 5, 2, 2010),
        ("Dogwood", "x", 0, 6, 9, 0, 0, 1999),
    ]
    frame = pd.DataFrame(rows, columns=["s", "c", "a", "b", "n", "e", "d", "year"])
    columns = {"start": "a", "stop": "b", "at_risk": "n", "relapses": "e", "deaths": "d"}
    return bm.FollowUp.from_frame(frame, study="s", centre="c", **columns)


KINDS = (effects, two_arms, arms, months, follow)
every_kind = pytest.mark.parametrize("evidence", [make() for make in KINDS], ids=lambda e: type(e).__name__)
masks = st.lists(st.booleans(), min_size=4, max_size=4).filter(any)


def assert_same(one: Any, other: Any) -> None:
    """Every attribute, the table with its index."""
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype.kind == b.dtype.kind
            assert a.flags.writeable == b.flags.writeable
        else:
            assert a == b, field.name


@every_kind
def test_all_studies_are_the_evidence(evidence: Any) -> None:
    assert_same(subset(evidence, [True] * 4), evidence)


@every_kind
@given(first=masks, second=masks)
def test_a_part_of_a_part_is_the_part_in_both(evidence: Any, first: list[bool], second: list[bool]) -> None:
    both = np.array(first) & np.array(second)
    if both.any():
        assert_same(subset(subset(evidence, first), both[first]), subset(evidence, both))


@every_kind
def test_order_labels_source_and_notes(evidence: Any) -> None:
    part = subset(evidence, [False, True, False, True])
    assert studies_of(part).tolist() == ["Birch", "Dogwood"]
    assert (part.source, part.notes, part.measure) == (evidence.source, evidence.notes, evidence.measure)
    assert study_column(part, "year", "order") == [1999, 1999]


@every_kind
def test_the_rows_are_those_of_the_studies(evidence: Any) -> None:
    frame = evidence.to_frame()
    stay = frame["study"].isin(["Ash", "Cedar"])
    part = subset(evidence, [True, False, True, False]).to_frame()
    pd.testing.assert_frame_equal(part, frame[stay].reset_index(drop=True))


@pytest.mark.parametrize("make", [effects, two_arms, arms, follow], ids=lambda make: make.__name__)
def test_evidence_built_of_these_studies_alone_is_the_same(make: Any) -> None:
    """Another route: the frame without the other rows, read anew."""
    evidence = make()
    keep = np.array([True, False, True, True])
    part = subset(evidence, keep)
    if isinstance(evidence, bm.Effects):
        anew: Any = bm.Effects.from_estimates(
            evidence.y[keep], evidence.se[keep], np.array(LABELS)[keep].tolist(), "SMD", n=evidence.n[keep],
            table=evidence.table[keep], source="four.csv", notes=["A note."],
        )  # fmt: skip
    else:
        frame = part.to_frame()
        names = {c: c for c in frame if c not in {"study", "centre"}}
        centre = {"centre": "centre"} if "centre" in frame else {}
        anew = type(evidence).from_frame(frame, study="study", **centre, **names)
        anew = type(anew)(**{f.name: getattr(anew, f.name) for f in fields(anew)} | {"table": part.table})
    if not isinstance(evidence, bm.Effects):
        assert part.to_frame().equals(anew.to_frame())
    else:
        assert_same(part, anew)


def test_visits_stay_that_no_study_has() -> None:
    part = subset(months(), [True, True, False, True])
    assert part.visit.tolist() == [1.0, 6.0, 12.0]
    assert not np.isfinite(part.y[:, 2]).any()
    np.testing.assert_array_equal(part.within, months().within[[0, 1, 3]])


@every_kind
def test_none_left(evidence: Any) -> None:
    with pytest.raises(OptionError, match="keep leaves no study; keep one at least"):
        subset(evidence, [False] * 4)


@pytest.mark.parametrize("keep", [[True] * 3, [0, 1, 1, 1], [[True] * 4]])
def test_a_mask_of_another_shape_or_kind(keep: Any) -> None:
    with pytest.raises(OptionError, match="give 4 times True or False"):
        subset(effects(), keep)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(OptionError, match=r"by is 'yaer', .* no such column; columns are: year, group"):
        study_column(effects(), "yaer", "by")
    with pytest.raises(OptionError, match="there is no table"):
        study_column(bm.Effects.from_estimates([1.0], [1.0]), "year", "order")


def test_a_column_that_differs_within_a_study() -> None:
    with pytest.raises(DataError, match="Ash: ward is 0 and 1 in two of its rows"):
        study_column(arms(), "ward", "by")


def test_an_empty_cell() -> None:
    table = _table().assign(year=[2001, np.nan, 2010, 1999])
    one = bm.Effects.from_estimates([0.1] * 4, [1.0] * 4, LABELS, table=table)
    with pytest.raises(DataError, match="Birch: year is empty, and order needs it of every study"):
        study_column(one, "year", "order")
