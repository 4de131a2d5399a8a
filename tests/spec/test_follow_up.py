"""Do specs of relapses load, and are their mistakes one sentence?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bayesma.errors import SpecError
from bayesma.evidence.follow_up import FollowUp
from bayesma.spec import Spec
from bayesma.spec.rows import evidence_of

type Load = Callable[[str], Spec]

RELAPSES = """schema = 1
title = "Relapse"
data = "msc_relapse"
[effects]
study = "study"
columns = { start = "start", stop = "stop", at_risk = "at_risk", relapses = "relapses" }
[model]
family = "relapse"
"""
WITH_CENTRE = RELAPSES.replace("[model]", 'centre = "group"\n[model]')


def test_intervals(load: Load) -> None:
    (job,) = load(RELAPSES + 'hazard = "independent"\nperiods = [6, 12]\n').jobs
    assert job.model.options() == {"hazard": "independent", "periods": [6, 12]}
    evidence = evidence_of(job)
    assert isinstance(evidence, FollowUp)
    assert evidence.k == 6
    assert evidence.relapses.sum() == 52


def test_centres_and_units_of_time(load: Load) -> None:
    evidence = evidence_of(load(WITH_CENTRE.replace("[model]", 'time_unit = "weeks"\n[model]')).jobs[0])
    assert isinstance(evidence, FollowUp)
    assert "Nanjing" in evidence.to_frame()["centre"].tolist()
    assert evidence.stop.max() == pytest.approx(60 * 7 / 30.4375)


def test_questions_of_relapses(load: Load) -> None:
    asked = "early = [0, 6]\nlate = [6, 12]\nat_months = [6]\nto = [24]\nrepeat = 6\ngain = 1\n"
    (job,) = load(f'{RELAPSES}[questions]\n{asked}restoration = ["neutral", "Beta(2, 2)", 0.5]\n').jobs
    assert job.questions.of_relapse == ["early", "late", "at_months", "to", "repeat", "restoration", "gain"]
    assert job.questions.restoration == ["neutral", "Beta(2, 2)", 0.5]


MISTAKES = {  # what to replace, by what, message
    "no study": ('study = "study"\n', "", "[effects]: key 'study' is missing; several rows are one study"),
    "no start": ('start = "start", ', "", "[effects]: key 'columns.start' is missing; name its column"),
    "misspelled": ('relapses = "', 'relapsed = "', "[effects]: key 'columns.relapses' is missing; name its"),
    "no such role": (
        'stop = "stop"',
        'stop = "stop", dead = "x"',
        "[effects]: key 'columns.dead' is no column of follow-up; it has: start, stop, at_risk, relapses, "
        "deaths, censored",
    ),
    "favours": ("[model]", 'favours = "lower"\n[model]', "[effects]: key 'favours' compares two arms, and"),
    "unknown key": ("[model]", "gap = true\n[model]", "[effects]: unknown key 'gap'; did you mean 'gaps'?"),
    "mid": ("[model]", "[questions]\nmid = 1\n[model]", "[questions]: mid is not asked of relapses; leave"),
    "half a window": ("[model]", "[questions]\nearly = [6]\n[model]", "[questions]: key 'early' is [6]; "),
    "month 0": ("[model]", "[questions]\nrepeat = 0\n[model]", "[questions]: key 'repeat' is 0; give a"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(case: str, load: Load) -> None:
    old, new, message = MISTAKES[case]
    with pytest.raises(SpecError) as raised:
        load(RELAPSES.replace(old, new, 1))
    assert str(raised.value).startswith(f"x.toml, {message}")
    assert "\n" not in str(raised.value)
