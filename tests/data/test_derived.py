"""Data sets that were put together here from others: every number is that of its source."""

import pandas as pd
import pytest

from bayesma.evidence.readers import load_data

DAYS_OF_A_MONTH = 30.4375


def test_ishak_in_rows_is_ishak_in_columns() -> None:
    wide = load_data("ishak2007")
    rows = [
        (row["study"], visit, month, row[f"y{visit}i"], row[f"v{visit}i"])
        for _, row in wide.iterrows()
        for visit, month in zip((1, 2, 3, 4), (3, 6, 12, 24), strict=True)
        if pd.notna(row[f"y{visit}i"])
    ]
    long = load_data("ishak2007_visits")
    assert list(long.itertuples(index=False, name=None)) == rows


def test_the_series_of_sledai_are_those_of_the_arm_means() -> None:
    means = load_data("longitudinal_arm_means")
    means = means[means["outcome"] == "SLEDAI"].reset_index(drop=True)
    series = load_data("msc_sledai_series")
    same = {
        "study": "study",
        "arm": "arm",
        "time": "time",
        "time_unit": "time_unit",
        "n": "n",
        "mean": "mean",
    }
    same |= {"spread": "sd_ASSUMED"}
    for theirs, ours in same.items():
        assert series[ours].tolist() == means[theirs].tolist()
    weeks = means["time_unit"] == "weeks"
    months = means["time"].where(~weeks, means["time"] * 7.0 / DAYS_OF_A_MONTH)
    assert series["month_DERIVED"].tolist() == pytest.approx(months.tolist(), abs=5e-3)
