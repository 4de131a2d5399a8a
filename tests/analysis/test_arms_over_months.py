"""Analysis files on rows of arms by month: SDs that were not printed, and medians."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import BayesmaWarning, DataError, DataWarning, OptionError, SpecError

from .conftest import months_file, only_over_months

type Analysed = Callable[..., Analysis]

MEANS = 'columns = { month = "month", mean = "mean", sd = "sd", n = "n" }'
QUARTILES = 'columns = { month = "month", median = "mid", q1 = "low", q3 = "high", n = "n" }'
BOTH = QUARTILES.replace("{ ", '{ mean = "mean", sd = "sd", ')
HEAD = months_file(
    'month = "month", mean = "mean", sd = "sd", n = "n"',
    "MC",
    "0.5",
    'm = "Normal(0, 10)", tau = "HalfNormal(2)"',
)
BORROW = HEAD.replace("favours", 'missing_sd = "borrow"\nfavours')
ROWS = """study,month,n,mean,sd,low,mid,high
A,0,20,12,3,10,12,14
A,6,20,7,4,4,7,10
B,0,12,10,3,8,10,12
B,6,12,6,,4,6,9
"""


def test_an_sd_that_was_not_printed_is_refused_unless_the_file_lends_it(analysed: Analysed) -> None:
    with pytest.raises(DataError, match=r"studies\.csv, row 4 \(B\): sd is empty; a mean without its spread"):
        analysed(HEAD, ROWS)
    with pytest.warns(DataWarning, match=r"^studies\.csv, row 4 \(B\): the SD was not printed"):
        result = only_over_months(analysed(BORROW, ROWS))
    (note,) = [note for note in result.evidence.notes if note.startswith("B (month 6)")]
    assert note.endswith("from 3 printed SDs in 2 studies.")
    assert note in result.notes
    full = only_over_months(analysed(HEAD, ROWS.replace("6,,4", "6,3,4")))
    assert result.evidence.y.tolist() == full.evidence.y.tolist()
    assert result.summary.loc["m[6]", "sd"] > full.summary.loc["m[6]", "sd"]


def test_rows_of_medians_and_of_both(analysed: Analysed) -> None:
    medians = only_over_months(analysed(HEAD.replace(MEANS, QUARTILES), ROWS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesmaWarning)
        direct = bm.Trajectories.from_arms(
            pd.read_csv(io.StringIO(ROWS)),
            **{"study": "study", "month": "month", "n": "n", "median": "mid", "q1": "low", "q3": "high"},
            within_correlation=0.5,
        )
    assert medians.evidence.y[:, 0].tolist() == direct.y[:, 0].tolist()
    (note,) = [note for note in medians.notes if "median" in note]
    assert "A (month 0), A (month 6), B (month 0), B (month 6)" in note
    both = only_over_months(analysed(HEAD.replace(MEANS, BOTH), ROWS))
    assert both.evidence.y[:, 0].tolist() == [-5.0, -4.0]
    assert any("B (month 6, the SD only)." in note for note in both.notes)
    assert both.evidence.measure == "MC"
    assert bm.prob(both.fit, "m", below=0.0)[6] > 0.9


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', n = "n" }', " }", "key 'columns.n' is missing; rows of arms need it; name its column"),
        (MEANS, QUARTILES.replace('q1 = "low"', 'q2 = "low"'), "key 'columns.q2' is no column of arms; they"),
        (
            "favours",
            'missing_sd = "mean"\nfavours',
            "key 'missing_sd'",
        ),
        (
            MEANS,
            'columns = { month = "month", estimate = "mean", se = "sd" }\nmissing_sd = "borrow"',
            "key 'missing_sd' does not go with rows of estimates; leave it out",
        ),
        (
            MEANS,
            'columns = { month = "month", patient = "mean", value = "sd" }\nmissing_sd = "borrow"',
            "key 'within_correlation' does not go with rows of patients",
        ),
        (
            MEANS,
            'columns = { month = "month", patient = "mean" }',
            "key 'columns.value' is missing; rows of patients need it",
        ),
    ],
)
def test_mistakes_in_a_file(old: str, new: str, message: str, analysed: Analysed) -> None:
    with pytest.raises(SpecError) as raised:
        analysed(HEAD.replace(old, new, 1), ROWS)
    assert message in str(raised.value)


def test_half_a_pair_is_refused(analysed: Analysed) -> None:
    with pytest.raises(OptionError, match="q1 is half of a pair: name the column of q3 too"):
        analysed(HEAD.replace(MEANS, QUARTILES.replace(', q3 = "high"', "")), ROWS)


def test_without_a_control_the_report_says_improved(analysed: Analysed, tmp_path: Path) -> None:
    """In the table, the page, the methods and and other priors; never a benefit or a harm."""
    rows = ROWS.replace("B,6,12,6,,", "B,6,12,6,3,")
    analysis = analysed(HEAD + "[questions]\nmid = 2\nmid_source = 'x'\n[sensitivity]\n", rows)
    table = analysis.table()
    assert table["p_improved"].between(0.5, 1.0).all()
    assert "p_benefit" not in table and "p_harm" not in table
    page = bm.report(analysis, tmp_path / "page.html").read_text(encoding="utf-8")
    shown = re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    assert "P(improved)" in shown
    assert not re.findall(r"[^.>]*\bbenefit\b[^.<]*", shown)
    assert not re.findall(r"[^.>]*\bharm\b[^.<]*", shown)
