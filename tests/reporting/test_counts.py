"""Reports of counts: models named, risks by name, zero events and undefined answers in words."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.reporting.absolute import absolute_effects, findings
from bayesma.reporting.alarms import alarms
from bayesma.reporting.methods import methods_markdown
from bayesma.reporting.outputs import write_outputs
from bayesma.reporting.terminal import show
from bayesma.reporting.words import measure_of, prior_rows, unit_information
from bayesma.words.numbers import with_interval


def text_of(analysis: Analysis, folder: Path) -> str:
    """The words of the report."""
    page = bm.report(analysis, folder / "r.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


@pytest.fixture(scope="module")
def catheters() -> Analysis:
    """Eighteen trials, three models."""
    return bm.run("nielweise2007", engine="exact")


@pytest.fixture(scope="module")
def deng() -> Analysis:
    """Ten outcomes of one trial."""
    return bm.run("deng2017_safety", engine="exact")


@pytest.fixture(scope="module")
def safety() -> Analysis:
    """0 of 40."""
    return bm.run("wang2014_safety", engine="exact")


def test_two_arms(catheters: Analysis, tmp_path: Path) -> None:
    text = text_of(catheters, tmp_path)
    for part in (
        "no estimate: no event in",
        "Yucel 2004 (0/118 v 0/105)",
        "contribute nothing to mu and tau, exactly",
        "Summary of findings",
        "Absolute effects",
        "Baselines",
        "Mantel-Haenszel",
        "GLMM, CM.EL",
        "model 7 (hypergeometric-normal) of Jackson et al. 2018 (doi 10.1002/sim.7588)",
        "model 4 (modified Simmonds and Higgins)",
        "alpha: baseline logit of each study",
    ):
        assert part in text, part
    assert "alpha[" not in text


def test_the_methods_name_the_model(catheters: Analysis) -> None:
    text = methods_markdown(catheters)
    assert "model 2" in text
    assert "10.1002/sim.4040" in text  # of the hypergeometric model
    assert "normal-normal" not in text.lower()


def test_the_default_spread_says_at_which_risk(deng: Analysis, tmp_path: Path) -> None:
    """2/12 v 2/6: se^2 1/2 + 1/10 + 1/2 + 1/4 = 1.35, sqrt(18 x 1.35) = 4.93."""
    text = text_of(deng, tmp_path)
    assert "4 is the information of one patient at a risk of 50 % in equal arms" in text
    (first, *_) = deng.results
    assert unit_information(first) == pytest.approx(math.sqrt(18 * 1.35), rel=1e-12)
    assert any("that of a patient of these studies is 4.93" in row[2] for row in prior_rows(first))


def test_undefined_answers_say_why(deng: Analysis, tmp_path: Path) -> None:
    text = text_of(deng, tmp_path)
    assert "Mantel-Haenszel is not defined: " in text
    assert "the Mantel-Haenszel OR does not exist" in text
    assert "Frequentist: GLMM, UM.FS; Peto (Death)" in text


def test_a_prior_that_sets_the_answer_is_loud(deng: Analysis, safety: Analysis, catheters: Analysis) -> None:
    loud = {a.text.partition(":")[0]: a.places for a in alarms(deng) if a.level == "loud"}
    assert (
        loud["THE PRIOR SETS THE ANSWER, not the data"] == "Permanent dialysis; Renal impairment at 6 months"
    )
    assert loud["THE PRIOR SETS ONE END OF THE ANSWER"] == "Death"
    assert any("the proportion is 0" in alarm.text for alarm in alarms(safety) if alarm.level == "loud")
    assert not any(alarm.level == "loud" for alarm in alarms(catheters))


def test_single_arms_speak_of_proportions(safety: Analysis, tmp_path: Path) -> None:
    text = text_of(safety, tmp_path)
    for part in (
        "Adverse event: proportion 0.017 [0.0006, 0.086]",
        "P(&gt; 1 %)",
        "0.122",
        "GLMM, logit-normal is not defined",
    ):
        assert part in text, part
    for absent in ("P(benefit)", "favours", "MID", "in no effect"):
        assert absent not in text.partition("How to reproduce")[0].replace("Minimal", ""), absent


def test_several_arms_name_both_proportions(tmp_path: Path) -> None:
    text = text_of(bm.run("pritz1997", engine="exact"), tmp_path)
    for part in (
        "Improved: median proportion 0.79",
        "mean proportion 0.76",
        "proportion in a new study 0.79",
        "beta-binomial",
        "16/17",
    ):
        assert part in text, part


@pytest.mark.parametrize("width", [80, 120, 160])
def test_the_terminal_prints_risks(safety: Analysis, width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    show(safety, [], console)
    text = console.export_text()
    assert "0.017 [0.0006, 0.086]" in text  # median and 95 % of Beta(1, 41)
    assert "P(> 5 %)" in text
    assert max(map(len, text.splitlines())) <= width


def test_everything_is_written(safety: Analysis, tmp_path: Path) -> None:
    assert write_outputs(safety, tmp_path / "out").is_file()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"summary.csv", "methods.md", "reproduce.py", "data"} <= names


def test_one_number_has_one_value_and_one_rounding(deng: Analysis, catheters: Analysis) -> None:
    """The odds ratio of the summary of findings is that of the answers; patients are rounded alike."""
    compared = 0
    for analysis in (deng, catheters):
        for result in analysis.results:
            found, absolute = findings(result), absolute_effects(result)
            if found is None or absolute is None:
                continue
            line = [str(cell) for cell in found.rows[0].cells]
            headline = with_interval(measure_of(result), *result.estimate)
            assert headline in line or any("the data say nothing" in cell for cell in line)
            typical = [str(cell) for cell in absolute.rows[0].cells]
            assert typical[0].startswith("typical setting")
            shown = [text for text in line if re.fullmatch(r"\S+ \[\S+, \S+\]", text) and text != headline]
            assert set(shown) <= set(typical)
            compared += headline in line
    assert compared >= 8
