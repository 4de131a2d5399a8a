"""The command line: what it writes, and one sentence with exit code 2 for every mistake."""

import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bayesma.cli import app

SPEC = """
schema = 1
title = "Two studies"
data = "studies.csv"
[effects]
measure = "SMD"
study = "name"
columns = { estimate = "y", se = "se" }
favours = "lower"
[fit]
engine = "exact"
draws = 100
"""
DATA = "name,y,se\nA,-0.5,0.2\nB,4.5,0.3\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "studies.csv").write_text(DATA, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80", "NO_COLOR": "1"})


def test_run_writes_by_default_to_out_and_ends_with_the_report(place):
    result = call("run", "mine.toml")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "out/mine/report.html"
    assert (place / "out" / "mine" / "report.html").is_file()
    assert max(map(len, result.stdout.splitlines()[:-1])) <= 80


def test_warnings_are_notes_and_nothing_is_lost(place):
    result = call("run", "mine.toml")
    shown = " ".join(result.stdout.split())
    assert "an SMD of 4.5 is hardly ever real" in shown
    assert "Warning" not in result.output
    assert ".py" not in result.output


def test_options_replace_those_of_the_file(place):
    result = call("run", "mine.toml", "--out", "here", "--seed", "5")
    assert result.exit_code == 0, result.output
    assert "Random seed 5." in (place / "here" / "methods.md").read_text(encoding="utf-8")


CHANGES = {
    "unknown key": (("[fit]", "[fit]\ndrows = 5"), "drows"),
    "missing column": (('se = "se"', 'se = "sigma"'), "sigma"),
    "missing data file": (("studies.csv", "absent.csv"), "absent.csv"),
    "bad prior": (("[fit]", '[model]\npriors = { mu = "Normol(0, 1)" }\n[fit]'), "Normol"),
    "bad TOML": (("schema = 1", "schema = "), "mine.toml"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_mistake_in_the_file_is_one_sentence(place, change):
    (old, new), word = CHANGES[change]
    (place / "mine.toml").write_text(SPEC.replace(old, new), encoding="utf-8")
    assert_refused(call("run", "mine.toml"), word)
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nowhere",), "nowhere"),
        (("nowhere.toml",), "nowhere.toml"),
        (("mine.toml", "--engine", "stan"), "stan"),
        (("mine.toml", "--seed", "-1"), "-1"),
        (("mine.toml", "--out", "studies.csv"), "studies.csv"),
        (("mine.toml", "--out", "studies.csv/deeper"), "studies.csv"),
    ],
)
def test_a_mistake_on_the_line_is_one_sentence(place, arguments, word):
    assert_refused(call("run", *arguments), word)
    assert sorted(path.name for path in place.iterdir()) == ["mine.toml", "studies.csv"]


def test_bad_data_is_one_sentence(place):
    (place / "studies.csv").write_text(DATA.replace("0.3", "-0.3"), encoding="utf-8")
    assert_refused(call("run", "mine.toml"), "row 2 (B)")
    assert not (place / "out").exists()


def assert_refused(result, word):
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert word in lines[0]
    assert result.stdout == ""


def test_usage_errors_exit_with_2():
    assert call("run").exit_code == 2
    assert call("list", "nothing").exit_code == 2
    assert call("no-such-command").exit_code == 2


@pytest.mark.parametrize(
    ("what", "word"),
    [("families", "normal"), ("measures", "SMD"), ("priors", "HalfNormal"), ("models", "bcg")],
)
def test_list(what, word):
    result = call("list", what)
    assert result.exit_code == 0, result.output
    assert word in result.stdout


def test_an_unexpected_exception_is_not_swallowed(place, monkeypatch):
    monkeypatch.setattr("bayesma.reporting.outputs.report_html", lambda *_: 1 / 0)
    result = call("run", "mine.toml")
    assert isinstance(result.exception, ZeroDivisionError)
    assert not (place / "out").exists()


@pytest.mark.parametrize("of_it", [KeyboardInterrupt, SystemError])
def test_an_interrupt_is_one_line_and_a_code_of_its_own(place, monkeypatch, of_it):
    """Also where compiled code makes another error of it."""

    def interrupted(*_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise of_it from error

    monkeypatch.setattr("bayesma.reporting.outputs.report_html", interrupted)
    result = call("run", "mine.toml")
    assert result.exit_code == 130
    assert result.stderr.strip() == "interrupted; results are written as a whole or not at all"
    assert not (place / "out").exists()


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom bayesma.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'numpy', 'pandas', 'pymc', 'matplotlib', 'pydantic', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "bayesma", "--help"], capture_output=True, text=True, check=True
    )
    assert "run" in done.stdout


def test_priors_are_searched_and_nothing_else():
    found = call("list", "priors", "friede")
    assert found.exit_code == 0
    assert found.output.count("Friede 2017") == 2 and "Turner" not in found.output
    refused = call("list", "models", "friede")
    assert refused.exit_code == 2
    assert "only priors can be searched; leave 'friede' out" in " ".join(refused.output.split())
