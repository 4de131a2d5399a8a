"""The folder of results is complete, safe to open anywhere, all there or not there at all."""

import csv
import io
import re
import resource
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import BayesmaError
from bayesma.reporting import outputs
from bayesma.reporting.markdown import escaped
from bayesma.reporting.outputs import file_names, write_outputs
from bayesma.reporting.spreadsheets import FORMULA_STARTS, csv_text

EXPECTED = {
    "report.html",
    "summary.csv",
    "parameters.csv",
    "methods.md",
    "spec.toml",
    "data",
    "reproduce.py",
    "manifest.json",
}


@pytest.fixture(scope="module")
def folder(hostile, tmp_path_factory):
    target = tmp_path_factory.mktemp("out") / "deeper" / "results"
    assert write_outputs(hostile, target) == target / "report.html"
    return target


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_everything_is_there(folder, hostile):
    fits = {path.name for path in folder.glob("*.nc")}
    assert {path.name for path in folder.iterdir()} == EXPECTED | fits
    assert len(fits) == len(hostile.results)
    assert (folder / "spec.toml").read_bytes() == hostile.spec.path.read_bytes()
    assert (folder / "data" / "studies.csv").read_bytes() == (
        hostile.spec.path.parent / "studies.csv"
    ).read_bytes()


def test_nothing_is_left_beside_it(folder):
    assert [path.name for path in folder.parent.iterdir()] == ["results"]


@pytest.mark.parametrize("name", ["summary.csv", "parameters.csv"])
def test_no_cell_is_a_formula(folder, name):
    dangerous = [c for c in cells(folder / name) if c.startswith(FORMULA_STARTS) and not is_number(c)]
    assert dangerous == []
    assert any(c.startswith("'=First") for c in cells(folder / name))


def test_the_summary_holds_every_digit(folder, hostile):
    stored = pd.read_csv(folder / "summary.csv", na_values=["NaN"])
    for column in ("estimate", "p_benefit", "frequentist_p_value"):
        np.testing.assert_array_equal(stored[column], hostile.table()[column])


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_text_that_a_spreadsheet_would_run_is_marked(start):
    frame = pd.DataFrame(
        {"x": [f"{start}cmd()", "plain"], "y": [-1.5, 2.0]}, index=pd.Index(["a", "b"], name="i")
    )
    lines = list(csv.reader(io.StringIO(csv_text(frame), newline="")))
    assert lines[1][1] == f"'{start}cmd()"
    assert lines[1][2] == "-1.5"


def test_fits_come_back_from_their_files(folder, hostile):
    first = hostile.results[1]
    stored = next(folder.glob("first*random.nc"))
    with xr.open_datatree(stored, engine="h5netcdf") as tree:
        pd.testing.assert_frame_equal(bm.summary(tree), first.summary)


def test_methods_hold_no_markup_of_others(folder, hostile_names):
    text = (folder / "methods.md").read_text(encoding="utf-8")
    assert "<" not in text
    assert not re.search(r"(?<!\\)\*stars", text)
    for part in ("Normal(0, 2)", "Random seed 7", "reproduced", "doi", "P(benefit)"):
        assert part in text, part
    assert escaped(hostile_names[2]).count("<") == 0


def test_file_names_are_safe_and_different():
    names = file_names(["../a/b", "A_b", "a_b", "", "é", "x" * 300, "ok-1.2"])
    assert len({name.lower() for name in names.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) and not name.startswith(".") for name in names.values())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failure_in_the_middle_leaves_nothing(hostile, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(outputs, "report_html", fail)
    with pytest.raises(error):
        write_outputs(hostile, tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_failure_leaves_an_existing_folder_as_it_was(hostile, tmp_path, monkeypatch):
    write_outputs(hostile, tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    monkeypatch.setattr(outputs, "report_html", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_outputs(hostile, tmp_path / "out")
    assert bytes_of(tmp_path / "out") == before


def test_the_files_of_another_analysis_go_and_others_stay(hostile, bcg, tmp_path):
    write_outputs(bcg, tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    assert (tmp_path / "bcg.nc").exists()
    write_outputs(hostile, tmp_path)
    assert not (tmp_path / "bcg.nc").exists()
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"studies.csv"}
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_where_a_file_must_go_is_refused_before_anything_moves(hostile, tmp_path):
    write_outputs(hostile, tmp_path)
    (tmp_path / "summary.csv").unlink()
    (tmp_path / "summary.csv").mkdir()
    before = bytes_of(tmp_path)
    with pytest.raises(BayesmaError, match=r"summary\.csv"):
        write_outputs(hostile, tmp_path)
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("what", ["a fit", "the report"])
def test_a_disk_that_fills_is_one_sentence_that_names_the_folder(hostile, tmp_path, monkeypatch, what):
    """The system refuses larger files; HDF5 with an open file would end the process."""
    largest = 100_000 if what == "a fit" else 10_000_000
    monkeypatch.setattr(outputs, "report_html", lambda _: "x" * (largest + 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        with pytest.raises(BayesmaError, match=r"^'\S+/out' cannot be written \(File too large\)"):
            write_outputs(hostile, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(hostile, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BayesmaError, match="is a file"):
        write_outputs(hostile, tmp_path / "file" / "results")


def reproduce(folder, elsewhere):
    return subprocess.run(
        [sys.executable, folder / "reproduce.py"], cwd=elsewhere, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_script_reproduces_from_another_folder(folder, tmp_path):
    done = reproduce(folder, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduced: all" in done.stdout


@pytest.mark.slow
def test_the_script_notices_a_changed_number(hostile, tmp_path):
    write_outputs(hostile, tmp_path / "changed")
    summary = tmp_path / "changed" / "summary.csv"
    digits = repr(float(hostile.table()["estimate"].iloc[0]))
    assert digits in summary.read_text(encoding="utf-8")
    summary.write_text(
        summary.read_text(encoding="utf-8").replace(digits, repr(float(digits) + 1e-6)), encoding="utf-8"
    )
    done = reproduce(tmp_path / "changed", tmp_path)
    assert done.returncode == 1
    assert "estimate" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("change", ["gone", "a label", "a column"])
def test_the_script_notices_other_data(folder, tmp_path, change):
    """Without its file it took the shipped data of that name, and names of studies change no number."""
    shutil.copytree(folder, tmp_path / "copy")
    data = tmp_path / "copy" / "data" / "studies.csv"
    text = data.read_text(encoding="utf-8")
    if change == "gone":
        data.unlink()
    elif change == "a label":
        data.write_text(text.replace("=cmd()", "Smith"), encoding="utf-8")
    else:
        data.write_text("\n".join(f"{row},7" if row else row for row in text.split("\n")), encoding="utf-8")
    done = reproduce(tmp_path / "copy", tmp_path)
    assert done.returncode == 1
    assert "reproduced: all" not in done.stdout
    missing, edited = (
        "data/studies.csv is missing",
        "data/studies.csv is not the file that the analysis was run on",
    )
    assert (missing if change == "gone" else edited) in done.stdout + done.stderr


@pytest.mark.slow
def test_nuts_on_bcg_is_reported_and_reproduced(tmp_path):
    analysis = bm.run("bcg", engine="nuts", progressbar=False)
    write_outputs(analysis, tmp_path / "bcg")
    text = (tmp_path / "bcg" / "report.html").read_text(encoding="utf-8")
    assert "NUTS v exact integration" in text
    methods = (tmp_path / "bcg" / "methods.md").read_text(encoding="utf-8")
    assert "Agreement of the two engines" in methods
    done = reproduce(tmp_path / "bcg", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
