"""Analysis files written for one test, and how to run them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from bayesma.analysis import Analysis, run
from bayesma.results import OverMonths

HEAD = """
schema = 1
title = "T"
data = "studies.csv"
[effects]
measure = "SMD"
study = "study"
columns = { estimate = "d", se = "se" }
favours = "lower"
[fit]
random_seed = 3
"""
STUDIES = """study,outcome,month,d,se
A,pain,6,-0.5,0.2
B,pain,6,-0.2,0.3
C,pain,6,0.1,0.25
A,pain,12,-0.4,0.3
A,sleep,6,0.3,0.2
"""


@lru_cache(maxsize=4)  # the largest hold 200 MB
def exactly(name: str) -> Analysis:
    """A shipped analysis by exact integration, once."""
    return run(name, engine="exact", progressbar=False)


@pytest.fixture
def head() -> str:
    """The beginning of a file; its [fit] is open."""
    return HEAD


@pytest.fixture
def analysed(tmp_path: Path) -> Callable[..., Analysis]:
    """Run a file with this content beside the studies, with the exact engine unless asked."""

    def of(text: str, studies: str = STUDIES, **keywords: object) -> Analysis:
        (tmp_path / "studies.csv").write_text(studies, encoding="utf-8")
        path = tmp_path / "x.toml"
        path.write_text(text, encoding="utf-8")
        return run(path, **{"engine": "exact", **keywords})  # type: ignore[arg-type]

    return of


def only_over_months(analysis: Analysis) -> OverMonths:
    """The one result of an analysis over several visits."""
    (result,) = analysis.results
    assert isinstance(result, OverMonths)
    return result


def months_file(columns: str, measure: str, correlation: str, priors: str) -> str:
    """An analysis file over several visits; its [model] is open."""
    return f"""
schema = 1
title = "T"
data = "studies.csv"
[effects]
measure = "{measure}"
study = "study"
columns = {{ {columns} }}
within_correlation = {correlation}
favours = "lower"
unit = "points"
treatment = "MSC"
[fit]
random_seed = 3
[model]
family = "longitudinal"
between = "cs"
priors = {{ {priors} }}
"""
