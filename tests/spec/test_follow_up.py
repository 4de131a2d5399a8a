"""Analysis files about relapses: what they may say, and what they are told when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesma.errors import BayesmaError, SpecError
from bayesma.evidence.follow_up import FollowUp
from bayesma.spec import load_spec
from bayesma.spec.rows import evidence_of

FILE = """
schema = 1
title = "Simulated follow-up"
data = "follow.csv"
[effects]
study = "study"
columns = { start = "from", stop = "to", at_risk = "n", relapses = "r" }
[model]
family = "relapse"
[questions]
early = [0, 6]
late = [6, 12]
"""
ROWS = "study,centre,from,to,n,r,d\nAsh,x,0,26,24,3,1\nAsh,x,26,52,20,4,0\nBirch,y,0,52,13,0,1\n"


def written(folder: Path, old: str = "", new: str = "") -> Path:
    """The file with a change, beside its rows."""
    assert old in FILE
    (folder / "follow.csv").write_text(ROWS, encoding="utf-8")
    path = folder / "x.toml"
    path.write_text(FILE.replace(old, new) if old else FILE + new, encoding="utf-8")
    return path


def test_rows_become_follow_up(tmp_path: Path) -> None:
    (job,) = load_spec(written(tmp_path, 'study = "study"', 'study = "study"\ntime_unit = "weeks"')).jobs
    evidence = evidence_of(job)
    assert isinstance(evidence, FollowUp)
    assert evidence.stop.round(1).tolist() == [6.0, 12.0, 12.0]
    assert evidence.deaths is None
    named = 'relapses = "r", deaths = "d" }\ncentre = "centre"'
    (job,) = load_spec(written(tmp_path, 'relapses = "r" }', named)).jobs
    evidence = evidence_of(job)
    assert isinstance(evidence, FollowUp)
    assert evidence.deaths is not None and evidence.deaths.tolist() == [1, 0, 1]
    assert evidence.groups.tolist() == ["Ash: x", "Birch: y"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('study = "study"\n', "", "[effects]: key 'study' is missing; several rows are one study"),
        (', relapses = "r"', "", "[effects]: key 'columns.relapses' is missing; name its column"),
        ('relapses = "r"', 'relapses = "r", dead = "d"', "'columns.dead' is no column of follow-up"),
        ('study = "study"', 'study = "study"\nfavours = "lower"', "key 'favours' compares two arms"),
        ("early = [0, 6]", "mid = 1", "[questions]: mid is not asked of relapses; leave it out"),
        ("early = [0, 6]", "early = [0]", "[questions]: key 'early' is [0]"),
        ("early = [0, 6]", "repeat = -1", "[questions]: key 'repeat' is -1; give a number above 0"),
        ('family = "relapse"', 'family = "relapse"\nhazrd = "weibull"', "'hazrd'; did you mean 'hazard'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(SpecError) as error:
        load_spec(written(tmp_path, old, new))
    assert words in str(error.value)


def test_relapses_are_asked_of_relapses(tmp_path: Path) -> None:
    counts = FILE.replace("columns = { start", "columns = { events = 'r', n = 'n' }\n#").replace(
        '"relapse"', '"proportion"'
    )
    path = written(tmp_path)
    path.write_text(counts, encoding="utf-8")
    with pytest.raises(
        SpecError, match=r"\[questions\]: early is asked of relapses \(family 'relapse'\); leave it out"
    ):
        load_spec(path)


def test_a_row_that_cannot_be_names_file_and_row(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / "follow.csv").write_text(ROWS.replace("24,3", "2,3"), encoding="utf-8")
    (job,) = load_spec(path).jobs
    with pytest.raises(BayesmaError, match=r"^follow\.csv, row 1 \(Ash\).*relapses"):
        evidence_of(job)
