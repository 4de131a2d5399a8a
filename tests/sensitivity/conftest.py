"""Evidence to ask questions of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bayesma as bm

REFERENCE = Path(__file__).parents[2] / "data" / "reference" / "metafor.json"


@pytest.fixture(scope="session")
def metafor() -> dict[str, Any]:
    """Pinned answers of metafor 3.8-1, see data/reference/metafor.md."""
    found: dict[str, Any] = json.loads(REFERENCE.read_text())
    return found


@pytest.fixture(scope="session")
def bcg() -> bm.Effects:
    """Thirteen trials of the BCG vaccine, risk ratios."""
    return bm.effect_sizes(
        bm.load_data("bcg"),
        "RR",
        events_treat="tpos",
        nonevents_treat="tneg",
        events_ctrl="cpos",
        nonevents_ctrl="cneg",
        study=["author", "year"],
    )
