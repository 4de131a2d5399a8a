"""Analyses of relapses: what each line holds, what is asked of the posterior, and against plain grids."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import OptionError, SpecError
from bayesma.reporting.over_follow_up import answer
from bayesma.resources import DATA
from bayesma.results import OverFollowUp

from .conftest import exactly

type Analysed = Callable[..., Analysis]

HEAD = """
schema = 1
title = "T"
data = "studies.csv"
[effects]
study = "study"
columns = { start = "start", stop = "stop", at_risk = "n", relapses = "r" }
[fit]
random_seed = 3
"""
MODEL = '[model]\nfamily = "relapse"\nhazard = "independent"\nperiods = [6, 12]\n'
ROWS = "study,start,stop,n,r,d\nA,0,9,24,3,1\nA,9,12,20,4,0\nB,0,12,15,3,2\n"
ASKED = "[questions]\nearly = [0, 4]\nlate = [6, 10]\nat_months = [3, 6]\nto = [18]\nrepeat = 5\ngain = 0.5\n"

# Of 4,000 independent draws: five standard errors of a share, of a mean in standard deviations.
FIVE = 5.0 / math.sqrt(4000.0)


def only(analysis: Analysis) -> OverFollowUp:
    """The one result."""
    (result,) = analysis.results
    assert isinstance(result, OverFollowUp)
    return result


def test_a_line_holds_what_the_questions_answer(analysed: Analysed) -> None:
    analysis = analysed(HEAD + MODEL + ASKED + 'restoration = ["neutral", 1]\n', ROWS)
    result, line = only(analysis), analysis.table().iloc[0]
    assert (result.k, result.patients, result.month) == (2, 39, 10.0)
    assert result.hazard is not None
    assert result.hazard.equals(bm.hazard(result.fit, early=(0, 4), late=(6, 10)))
    assert result.course.equals(bm.predict(result.fit, months=[3, 6, 10], to=18))
    gains = bm.retreatment(result.fit, month=5, restoration=["neutral", 1], to=18, gain=0.5)
    assert result.decision.equals(gains)
    assert line["measure"] == "relapse-free at month 10"
    assert line["estimate"] == result.course["mean"]["typical study", "relapse-free at month 10"]
    new = result.course.loc[("new study", "relapse-free at month 10")]
    assert line[["elsewhere", "elsewhere_ci_low", "elsewhere_ci_high"]].tolist() == [
        *new[["mean", "ci_low", "ci_high"]]
    ]
    assert line["p_rises"] == result.hazard.attrs["p_rises"]
    assert line["gain_neutral_18"] == gains["gain"]["typical study", "neutral", 5.0, 18.0]
    assert line["gain_f = 1_18"] == gains["gain"]["typical study", "f = 1", 5.0, 18.0]
    assert line["frequentist_estimate"] == pytest.approx(10 / (9 * 22 + 3 * 18 + 12 * 13.5), rel=0.05)
    assert line["prior_share_h[(0, 6]]"] == result.prior_share["h[(0, 6]]"]


def test_what_is_asked_where_the_file_asks_nothing(analysed: Analysed) -> None:
    result = only(analysed(HEAD + MODEL, ROWS))
    assert result.hazard is not None
    assert result.hazard.equals(bm.hazard(result.fit))
    assert result.decision.equals(bm.retreatment(result.fit))
    assert result.beliefs == ["sceptical", "neutral", "trialists"]
    assert result.mean_names == ["h[(0, 6]]", "h[(6, 12]]"]


def test_an_intensity_that_never_changes_has_no_rise(analysed: Analysed) -> None:
    analysis = analysed(HEAD + '[model]\nfamily = "relapse"\nhazard = "constant"\n', ROWS)
    result = only(analysis)
    assert result.hazard is None
    assert math.isnan(analysis.table()["p_rises"].iloc[0])
    assert result.decision["gain"].abs().max() < 1e-9
    assert result.mean_names == ["h"]


def test_where_all_studies_are_alike_nothing_is_said_of_others(analysed: Analysed) -> None:
    analysis = analysed(HEAD + MODEL + 'random_effects = "none"\n', ROWS)
    assert only(analysis).newcomer is None
    assert math.isnan(analysis.table()["elsewhere"].iloc[0])
    assert "new study" not in answer(only(analysis))


def test_deaths_compete_where_their_column_is_named(analysed: Analysed) -> None:
    text = HEAD.replace('r = "r" }', 'r = "r" }').replace('relapses = "r"', 'relapses = "r", deaths = "d"')
    result = only(analysed(text + MODEL, ROWS))
    assert ("typical study", "died free of relapse by month 12") in result.course.index
    assert "h_death" in result.prior_share


def test_patients_of_every_centre_count(analysed: Analysed) -> None:
    rows = "study,centre,start,stop,n,r\nA,x,0,6,20,3\nA,x,6,12,17,2\nA,y,0,12,14,2\nB,z,0,6,15,3\n"
    text = HEAD.replace("[fit]", 'centre = "centre"\n[fit]') + MODEL
    result = only(analysed(text + 'centres = "none"\n', rows))
    assert (result.k, result.patients) == (2, 49)


def test_windows_that_are_one_period_are_refused_with_their_place(analysed: Analysed) -> None:
    with pytest.raises(OptionError, match=r"^x\.toml: hazard: \(0, 3\] and \(3, 6\] lie in one period"):
        analysed(HEAD + MODEL + "[questions]\nearly = [0, 3]\nlate = [3, 6]\n", ROWS)


def test_references_of_relapses(analysed: Analysed) -> None:
    def reference(quantity: str) -> str:
        return f"[[reference]]\nquantity = '{quantity}'\nvalue = 0\ntolerance = 1\nsource = 'x'\n"

    analysis = analysed(
        HEAD + MODEL + reference("posterior.h[(0, 6]].mean") + reference("effect.A (0, 9].relapses"), ROWS
    )
    found = {check.quantity: check.found for check in analysis.references}
    assert found["effect.A (0, 9].relapses"] == 3.0
    assert found["posterior.h[(0, 6]].mean"] == only(analysis).summary.loc["h[(0, 6]]", "mean"]
    with pytest.raises(SpecError, match="relapses have no frequentist answer to hold them to"):
        analysed(HEAD + MODEL + reference("frequentist.DL+wald.estimate"), ROWS)


GRID = json.loads((DATA.folder() / "reference" / "relapse_grid.json").read_text("utf-8"))


@pytest.fixture(scope="module", params=["wang2014", "msc_relapse"])
def shipped(request: pytest.FixtureRequest) -> Analysis:
    """The shipped analyses of relapses."""
    return exactly(request.param)


@pytest.mark.long
def test_answers_are_those_of_plain_grids(shipped: Analysis) -> None:
    """Chances and freedom from relapse have no place in [[reference]]."""
    checked = 0
    for result in shipped.results:
        numbers = GRID.get(f"{shipped.spec.name}.{result.job.name}")
        if not isinstance(result, OverFollowUp) or numbers is None:
            continue
        assert result.hazard is not None
        assert result.hazard.attrs["p_rises"] == pytest.approx(numbers["p_rises"], abs=0.5 * FIVE)
        free = result.of("relapse-free at month 12")
        assert free["mean"] == pytest.approx(numbers["free12.mean"], abs=FIVE * free["sd"])
        checked += 1
    assert checked >= 2


@pytest.mark.long
def test_what_the_sources_demand_is_said(shipped: Analysis) -> None:
    said = " ".join([*shipped.spec.file.cautions, *(note for r in shipped.results for note in r.notes)])
    demanded = {
        "wang2014": ["Nanjing", "implied by the printed percentages", "3 new relapses by month 9 and 4 more"],
        "msc_relapse": ["overlap", "nested", "misprint|\\(1/15\\)", "34 %", "68 survivors", "erratum"],
    }
    for part in (*demanded[shipped.spec.name], "not from response|immortal", "control arm", "Deaths are not"):
        assert any(one in said for one in part.replace("\\", "").split("|")), part
