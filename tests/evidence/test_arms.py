"""pair_arms: one row an arm becomes one row a comparison, and nothing is lost or invented."""

from __future__ import annotations

import pandas as pd
import pytest

from bayesma.errors import DataError
from bayesma.evidence.arms import pair_arms
from bayesma.evidence.readers import load_data

ARMS = {"arm": "arm", "treatment": "cells", "control": "placebo", "by": ["study", "outcome"]}


def table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "study": ["A", "A", "B", "B"],
            "outcome": ["x", "x", "x", "x"],
            "arm": ["placebo", "cells", "cells", "placebo"],
            "mean": [1.0, 2.0, 3.0, 4.0],
        }
    )
    frame.attrs["source"] = "arms.csv"
    return frame


def test_each_comparison_is_one_row_whatever_the_order_of_its_arms() -> None:
    paired = pair_arms(table(), **ARMS)
    assert list(paired.columns) == ["study", "outcome", "mean_treat", "mean_ctrl"]
    assert paired["mean_treat"].tolist() == [2.0, 3.0]
    assert paired["mean_ctrl"].tolist() == [1.0, 4.0]
    assert paired.index.tolist() == [1, 2]
    assert paired.attrs["source"] == "arms.csv"


def test_deng_pairs_every_measurement() -> None:
    frame = load_data("deng2017_rct_continuous")
    paired = pair_arms(
        frame, arm="arm", treatment="hUC-MSC", control="placebo", by=["study", "outcome", "measure"]
    )
    assert len(paired) == len(frame) / 2
    sledai = paired[paired["outcome"] == "SLEDAI"].iloc[0]
    assert (sledai["mean_treat"], sledai["mean_ctrl"]) == (-8, -5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(index=3), "arms.csv, row 3 .*B, x.*the arm 'placebo' is missing"),
        (lambda f: f.assign(arm=["placebo", "cells", "cells", "cells"]), "row 4 .*'cells' stands twice"),
        (lambda f: f.assign(arm=["placebo", "cells", "cells", "sham"]), "row 4 .*arm is 'sham'"),
        (lambda f: f.rename(columns={"arm": "group"}), "no column 'arm'"),
    ],
)
def test_what_cannot_be_paired_is_named(change, message: str) -> None:
    frame = change(table())
    frame.attrs["source"] = "arms.csv"
    with pytest.raises(DataError, match=message):
        pair_arms(frame, **ARMS)
