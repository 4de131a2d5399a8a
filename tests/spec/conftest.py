"""Analysis files written for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bayesma.spec import Spec, load_spec

BASE = """
schema = 1
title = "BCG"
data = "bcg"
[effects]
measure = "RR"
study = ["author", "year"]
columns = { events_treat = "tpos", nonevents_treat = "tneg", events_ctrl = "cpos", nonevents_ctrl = "cneg" }
favours = "lower"
"""


@pytest.fixture
def base() -> str:
    """A file that is valid, and ends inside its [effects]."""
    return BASE


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Spec]:
    """Load a file with this content."""

    def from_text(text: str) -> Spec:
        path = tmp_path / "x.toml"
        path.write_text(text, encoding="utf-8")
        return load_spec(path)

    return from_text
