"""Tables come in as they were written, and files that are no tables say why."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError
from bayesma.evidence.readers import list_data, load_data, read_studies
from bayesma.measures import effect_sizes

PLAIN = "study,y,se\nAsh 2001,0.5,0.2\nBirch 2002,-1.25,0.3\n"


def write(folder: Path, content: str | bytes, name: str = "trees.csv") -> Path:
    """A file with this content."""
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return file


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        "\N{ZERO WIDTH NO-BREAK SPACE}" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.strip(),
        PLAIN.replace("study,y,se", '"study", "y", "se"').replace('", "', '","'),
        PLAIN + "\n\n,,\n",
        PLAIN.replace("\n", ",\n"),
        "\n" + PLAIN,
    ],
)
def test_delimiters_marks_and_margins(tmp_path: Path, content: str) -> None:
    frame = read_studies(write(tmp_path, content))
    expected = pd.DataFrame({"study": ["Ash 2001", "Birch 2002"], "y": [0.5, -1.25], "se": [0.2, 0.3]})
    pd.testing.assert_frame_equal(frame, expected)
    assert frame.attrs["source"] == "trees.csv"


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    text = ["0.1", "1e-300", "-2.675", "0.30000000000000004", "123456789.123456789", "+7", ".5", "5.", "1E3"]
    frame = read_studies(write(tmp_path, "study,y\n" + "".join(f"s{i},{t}\n" for i, t in enumerate(text))))
    assert frame["y"].tolist() == [float(t) for t in text]
    assert frame["y"].dtype == np.float64


def test_missing_values_belong_to_numeric_columns(tmp_path: Path) -> None:
    file = write(tmp_path, "study,y,n,note\nNA,1.5,10,\nNone,NA,,.\nnan,.,NaN,NA\n")
    frame = read_studies(file)
    assert frame["study"].tolist() == ["NA", "None", "nan"]
    assert frame["y"].isna().tolist() == [False, True, True]
    assert frame["n"].isna().tolist() == [False, True, True]
    assert frame["note"].isna().tolist() == [True, False, False]
    assert frame["note"].tolist()[1:] == [".", "NA"]


def test_whole_numbers_and_numbers_and_text(tmp_path: Path) -> None:
    frame = read_studies(write(tmp_path, "n,x,id,mixed\n1,1.0,12345678901234567890,3\n-2,2,7,three\n"))
    assert [str(t) for t in frame.dtypes] == ["int64", "float64", "float64", "str"]
    assert frame["mixed"].tolist() == ["3", "three"]


def test_formulas_and_markup_are_text(tmp_path: Path) -> None:
    names = ["=cmd()|' /C calc'!A0", "<script>alert(1)</script>", "+1+1", "@SUM(A1)", "1_000", "0x10", "1,5"]
    file = write(tmp_path, "study,y\n" + "".join(f'"{name}",1\n' for name in names))
    assert read_studies(file)["study"].tolist() == names


def test_a_cell_may_hold_the_separator_or_a_line_break(tmp_path: Path) -> None:
    frame = read_studies(write(tmp_path, 'study;y\n"Ash; 2001";1\n"Bi\nrch";2\n'))
    assert frame["study"].tolist() == ["Ash; 2001", "Bi\nrch"]


def test_a_bad_number_is_named_where_it_is_used(tmp_path: Path) -> None:
    frame = read_studies(write(tmp_path, "study,y,se\nAsh,NA,0.1\nBirch,0.3 (0.1),0.2\n"))
    with pytest.raises(
        DataError, match=r"^trees\.csv, row 2 \(Birch\): y \(estimate\) is '0\.3 \(0\.1\)'; it must"
    ):
        effect_sizes(frame, "MD", study="study", estimate="y", se="se")
    with pytest.raises(DataError, match=r"^trees\.csv, row 1 \(Ash\): y \(estimate\) is empty"):
        effect_sizes(frame.iloc[:1], "MD", study="study", estimate="y", se="se")


BAD = [
    ("", "is empty; give a header line and one row a study"),
    ("\n \n", "is empty"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}", "is empty"),
    ("study,y,se\n", "holds a header and no rows; add one row a study"),
    ("study\nAsh\n", "has one column only and is not a table of studies"),
    ("<html><body>no</body></html>", "has one column only"),
    (PLAIN + "Cedar,1\n", "row 3: it has 2 cells where the header has 3; check for a separator"),
    (PLAIN + "Cedar, 2003,1,2\n", "row 3: it has 4 cells where the header has 3"),
    ("y,y\n1,2\n", "the column name 'y' stands twice in the header; rename one"),
    ("study,,y\nAsh,3,1\n", "column 2 has no name; write one in the header"),
    ('study,y\n"Ash,1\n', "is not a table: .*every quotation mark is closed"),
    (b"study,y\nM\xfcller,1\n", r"is not UTF-8 text \(byte 10\); save it as CSV \(UTF-8\)"),
    (b"\x89PNG\r\n\x1a\n\0\0\0", "is not a text table"),
    (b"PK\x03\x04rest", "is not a text table"),
    (PLAIN.encode("utf-16"), "is not a text table|is not UTF-8"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_files_that_are_no_tables(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_studies(write(tmp_path, content))
    assert str(caught.value).startswith("trees.csv")
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file '.*absent\.csv'; check the name"):
        read_studies(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="is a folder, not a table"):
        read_studies(tmp_path)


def workbook(rows: list[tuple[object, ...]]) -> SimpleNamespace:
    """As much of openpyxl as the reader uses, over one sheet with these rows."""
    sheet = SimpleNamespace(iter_rows=lambda values_only: iter(rows))
    book = SimpleNamespace(worksheets=[sheet], close=lambda: None)
    return SimpleNamespace(load_workbook=lambda file, read_only, data_only: book)


def test_a_workbook_without_openpyxl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        DataError, match=r"trees\.xlsx is an Excel workbook, .*pip install openpyxl.*save .* as CSV"
    ):
        read_studies(write(tmp_path, b"PK", "trees.xlsx"))


def test_a_workbook_reads_like_the_same_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("study", "y", "n", None), ("Ash", 0.1, 10.0, None), ("=cmd()", None, 12.0, None), (None,) * 4]
    monkeypatch.setitem(sys.modules, "openpyxl", workbook(rows))
    frame = read_studies(write(tmp_path, b"PK", "trees.XLSX"))
    monkeypatch.undo()
    expected = read_studies(write(tmp_path, "study,y,n\nAsh,0.1,10\n=cmd(),,12\n"))
    pd.testing.assert_frame_equal(frame, expected)
    assert frame["n"].dtype == np.int64
    assert frame.attrs["source"] == "trees.XLSX"


def test_a_real_workbook(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["study", "y"], ["Ash", 0.5], ["Birch", 2]):
        book.active.append(row)
    book.save(tmp_path / "trees.xlsx")
    assert read_studies(tmp_path / "trees.xlsx")["y"].tolist() == [0.5, 2.0]


def test_load_data_and_its_list() -> None:
    table = list_data()
    assert "bcg" in table.index
    assert table.loc["bcg", "title"] == "BCG vaccine against tuberculosis"
    assert load_data("bcg").shape == (13, 9)
    with pytest.raises(
        DataError, match=r"unknown data set 'bgc'; did you mean 'bcg'\?; known are: bcg, cdp, "
    ):
        load_data("bgc")
    with pytest.raises(DataError, match="unknown data set"):
        load_data("../data/bcg")
