"""Reports of relapses: answers in words, what few patients cannot tell, readings side by side, alarms."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.reporting.alarms import places
from bayesma.reporting.answers import PROPORTIONS, RELAPSES, answers
from bayesma.reporting.methods import methods_markdown
from bayesma.reporting.outputs import write_outputs
from bayesma.reporting.relapse_tables import change, decision, spread, times
from bayesma.reporting.terminal import show
from bayesma.results import OverFollowUp
from bayesma.words.numbers import probability_text

SPEC = """
schema = 1
title = "Simulated"
data = "followed.csv"
[effects]
study = "study"
columns = { start = "start", stop = "stop", at_risk = "n", relapses = "r", deaths = "d" }
treatment = "<b>cells</b>"
[fit]
engine = "exact"
random_seed = 7

[[analysis]]
name = "alive"
label = "Alive"
data = "alive.csv"
effects = { columns = { events = "alive", n = "n" } }
model = { family = "proportion", random_effects = "none" }
questions = { above = [0.8] }

[[analysis]]
name = "primary"
label = "Relapse"
model = { family = "relapse", periods = [6, 12], hazard = "independent" }
questions = { restoration = ["sceptical", "neutral", 1], gain = 0.5 }
cautions = ["Only here."]

[[analysis]]
name = "constant"
label = "No change"
model = { family = "relapse", hazard = "constant" }
"""
FOLLOWED = "study,start,stop,n,r,d\n<i>A</i>,0,6,24,1,1\n<i>A</i>,6,12,22,5,0\n"


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Relapses with and without a change, and a risk beside them."""
    folder = tmp_path_factory.mktemp("relapse")
    (folder / "followed.csv").write_text(FOLLOWED, "utf-8")
    (folder / "alive.csv").write_text("study,alive,n\nA,37,40\n", "utf-8")
    (folder / "relapse.toml").write_text(SPEC, "utf-8")
    return bm.run(folder / "relapse.toml")


@pytest.fixture(scope="module")
def text(analysis: Analysis, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The words of the report, its figures included."""
    page = bm.report(analysis, tmp_path_factory.mktemp("report") / "r.html").read_text("utf-8")
    assert "<i>A" not in page
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def relapses(analysis: Analysis, name: str) -> OverFollowUp:
    """One result."""
    (found,) = [r for r in analysis.results if r.job.name == name]
    assert isinstance(found, OverFollowUp)
    return found


def test_the_answer_is_in_words(analysis: Analysis, text: str) -> None:
    result = relapses(analysis, "primary")
    assert result.hazard is not None
    rises = probability_text(result.hazard.attrs["p_rises"], result.hazard.attrs["mcse_p_rises"])
    gain = result.gains()["gain"]["typical study", "neutral", 6.0, 24.0]
    for part in (
        "Free of relapse at month 12: ",
        f"Probability of relapse accelerating after month 6 {rises} (before the data 0.5",
        "Months free of relapse to month 24 that a second transplantation at month 6 adds on average",
        f"{gain:.1f} (neutral; P(gain > 0.5) ",
        "(f = 1; P(gain",
    ):
        assert part in text, part


def test_what_few_patients_cannot_tell_is_said(text: str) -> None:
    for part in (
        "What 24 patients with 6 relapses cannot tell: by how much relapse accelerates",
        "before the data 0.00",
        "s, on which a new study rests, ",
        "Without a model: 6 relapses in 255 patient-months",
        "an assumption; nobody here was transplanted twice on purpose",
        "harms and costs of a second transplantation are not weighed",
        "To know intensity and restoration before choosing would be worth",
    ):
        assert part in text, part


def test_every_kind_has_its_own_table(analysis: Analysis, text: str) -> None:
    shown = answers(analysis)
    assert [one.kind for one in shown] == [PROPORTIONS, RELAPSES]
    assert [len(one.table.rows) for one in shown] == [1, 2]
    assert shown[0].words == ()
    assert "From line to line: P(rises) from" in shown[1].table.note
    assert "P(rises) the probability that the monthly intensity" in text
    assert "P(> x) the posterior probability that the median proportion exceeds x" in text


def test_a_model_without_change_has_neither_rise_nor_its_figure(analysis: Analysis, text: str) -> None:
    result = relapses(analysis, "constant")
    assert change(result) is None
    assert text.count("Intensity of relapse Months Median") == 1
    rises = answers(analysis)[1].table.rows[1].cells[5:7]
    assert rises == ("–", "–")


def test_the_decision_has_a_line_for_belief_horizon_and_study(analysis: Analysis) -> None:
    result = relapses(analysis, "primary")
    made = decision(result)
    names = [str(row.cells[0]) for row in made.rows]
    assert len(names) == 3 * 2 * len(result.course.index.unique("estimand"))
    assert "sceptical, Beta(1, 4)" in names[0]
    assert "f = 1" in names[4]
    assert "Under every belief the chance of any gain is the chance of a rise" in made.note
    assert [column.label for column in made.columns][-2:] == ["P(gain > 0)", "P(gain > 0.5)"]


def test_the_methods_name_model_beliefs_and_papers(analysis: Analysis) -> None:
    methods = methods_markdown(analysis)
    for part in (
        "constant within each period (ends at months 6, 12), its log independent of the others a priori",
        "the same at all times",
        "death is a competing cause with a constant intensity",
        "sceptical Beta(1, 4), neutral Beta(1, 1), f = 1, trialists Beta(4, 1)",
        "10.2307/2529588",
        "10.2307/2530374",
        "10.1093/biomet/28.3-4.437",
        "relapses a month in 100",
    ):
        assert part in methods.replace("\\", ""), part
    assert "Normal(theta" not in methods


@pytest.mark.parametrize("width", [80, 110, 150])
def test_the_terminal_reads_aloud(analysis: Analysis, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    show(analysis, [], console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    said = " ".join(" ".join(lines).split())
    assert "Probability of relapse accelerating after month 6" in said
    assert "Only here. (Relapse)" in said
    assert ("P(gain > x)" in said) == (width >= 100)


def test_all_relapses_are_one_place(analysis: Analysis) -> None:
    assert places(analysis, analysis.results[1:]) == "relapse: all 2 results"
    assert places(analysis, analysis.results[1:2]) == "Relapse"


def test_how_far_readings_are_apart_stands_before_the_answer_of_one(analysis: Analysis) -> None:
    apart, own = answers(analysis)[1].words[:2]
    assert apart.startswith("From line to line: P(rises) from ")
    assert "free of relapse at month" in own.lower()


def test_no_convergence_is_loud(analysis: Analysis) -> None:
    result = relapses(analysis, "primary")
    result.fit.attrs["converged"] = 0
    try:
        row = answers(analysis)[1].table.rows[0]
        assert row.kind == "alarm"
        assert "NOT CONVERGED" in str(row.cells[3])
        assert answers(analysis)[1].words[0].startswith("NOT CONVERGED, do not use: ")
    finally:
        result.fit.attrs["converged"] = 1


def test_everything_is_written(analysis: Analysis, tmp_path: Path) -> None:
    write_outputs(analysis, tmp_path / "out")
    assert {"primary.nc", "constant.nc", "summary.csv", "report.html", "reproduce.py"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.588, -0.334, 2.84), "0.59 [−0.33, 2.84]"),
        ((17.6, 11.0, 22.0), "17.60 [11.00, 22.00]"),
        ((0.081, -0.028, 0.51), "0.08 [−0.03, 0.51]"),
        ((0.0, 0.0, 0.0), "0.00 [0.00, 0.00]"),
    ],
)
def test_as_many_digits_as_the_interval_deserves(values: tuple[float, float, float], text: str) -> None:
    assert spread(dict(zip(("median", "ci_low", "ci_high"), values, strict=True))) == text


def test_a_ratio_keeps_the_digits_of_both_ends() -> None:
    assert times({"median": 10.04, "ci_low": 0.842, "ci_high": 276.9}) == "10 [0.84, 277]"
