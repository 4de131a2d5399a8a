"""Are the cohorts of response, survival and relapse made of the printed counts they say they are of?"""

from __future__ import annotations

import pandas as pd
import pytest

from bayesma.evidence.readers import load_data

# Rows of response_relapse_survival_counts that make up a count: outcome (and month), by study.
RESPONSE = {
    "Wang 2014": [
        "major clinical response (during follow-up)",
        "partial clinical response (during follow-up)",
    ],
    "Deng 2017": ["remission of nephritis"],
    "Li JX 2016": ["complete remission", "partial remission"],
    "Kamen 2022": ["SRI-4 response"],
    "Ranjbar 2022": ["complete renal response within 3 months", "partial renal response within 3 months"],
    "Gu 2014": ["renal remission"],
    "Wang 2018": ["remission (complete+partial)"],
    "Wen 2019": ["low disease activity achieved"],
    "Bao 2023": ["sustained renal remission"],
    "Wang 2013": ["complete clinical remission"],
}
ALIVE = "alive (overall survival)"
DEATHS = ("Li JX 2016", "Li X 2013")


@pytest.fixture(scope="module")
def printed() -> pd.DataFrame:
    """Every printed count of treated patients."""
    counts = load_data("response_relapse_survival_counts")
    counts = counts[counts["arm"] != "placebo"]
    nested = (
        (counts["study"] == "Wang 2013") & ~counts["time_months"].isin([12]) & counts["time_months"].notna()
    )
    return counts[~nested]  # later years of the same patients


def test_responses_are_sums_of_printed_counts(printed: pd.DataFrame) -> None:
    table = load_data("msc_response").set_index("study")
    assert set(table.index) == set(RESPONSE)
    for study, outcomes in RESPONSE.items():
        rows = printed[(printed["study"] == study) & printed["outcome"].isin(outcomes)]
        assert len(rows) == len(outcomes), study
        assert rows["events"].sum() == table.loc[study, "events"], study
        assert (rows["n"] == table.loc[study, "n"]).all(), study


def test_the_living_are_those_printed_or_all_less_the_dead(printed: pd.DataFrame) -> None:
    table = load_data("msc_survival").set_index("study")
    alive = printed[printed["outcome"] == ALIVE].set_index("study")
    dead = printed[printed["outcome"] == "death"].set_index("study")
    assert set(table.index) == {*alive.index, *dead.index, "Deng 2017"}
    for study, row in table.drop(index="Deng 2017").iterrows():
        if study in DEATHS:
            assert row["events"] == dead.loc[study, "n"] - dead.loc[study, "events"]
            assert row["n"] == dead.loc[study, "n"]
        else:
            assert (row["events"], row["n"]) == (alive.loc[study, "events"], alive.loc[study, "n"])
    trial = load_data("deng2017_rct_binary").set_index("outcome").loc["death"]
    assert table.loc["Deng 2017", ["events", "n"]].tolist() == [
        trial["n_msc"] - trial["events_msc"],
        trial["n_msc"],
    ]


RELAPSES = ["Wang 2014", "Li JX 2016", "Wang 2013", "Gu 2014", "Wang 2018", "Liang 2010"]


def relapses(printed: pd.DataFrame, study: str) -> pd.DataFrame:
    """Printed counts of relapses by month."""
    rows = printed[(printed["study"] == study) & printed["outcome"].str.contains("relapse|flare")]
    return rows.dropna(subset="time_months").set_index("time_months")


@pytest.mark.parametrize("study", RELAPSES)
def test_relapses_are_the_printed_counts(study: str) -> None:
    printed = relapses(load_data("response_relapse_survival_counts"), study)
    table = load_data("msc_relapse")
    rows = table[table["study"] == study].set_index("stop")
    assert rows.index.tolist() == printed.index.tolist()
    assert rows["relapses"].tolist() == printed["events"].tolist()
    left = rows["relapses"].cumsum().shift(fill_value=0) if study == "Wang 2014" else 0  # new ones of 24
    assert (rows["at_risk"] + left).tolist() == printed["n"].tolist()
    assert rows["start"].tolist() == [0.0, *printed.index[:-1]]


def test_no_cohort_with_a_month_is_left_out() -> None:
    printed = load_data("response_relapse_survival_counts")
    with_month = {study for study in printed["study"] if not relapses(printed, study).empty}
    assert with_month == set(RELAPSES) == set(load_data("msc_relapse")["study"])


@pytest.mark.parametrize(
    "coding", ["primary", "after month 6", "entry at month 1", "entry at month 3", "entry at month 6"]
)
def test_every_coding_of_wang_is_the_same_seven_relapses(coding: str) -> None:
    table = load_data("wang2014_relapse")
    rows = table[table["coding"] == coding].set_index("stop")
    assert rows["relapses"].sum() == 7
    assert rows.loc[[9, 12], "relapses"].tolist() == [3, 4]
    assert rows["at_risk"].tolist() == [24] * (len(rows) - 1) + [21]
    entry = float(coding.rsplit(maxsplit=1)[-1]) if coding.startswith("entry") else 0.0
    assert rows["start"].tolist() == [entry, *rows.index[:-1]]


def test_outcomes_of_wang_are_the_printed_counts(printed: pd.DataFrame) -> None:
    rows = printed[printed["study"] == "Wang 2014"].set_index("outcome")["events"]
    major, partial = (rows[f"{kind} clinical response (during follow-up)"] for kind in ("major", "partial"))
    table = load_data("wang2014_outcomes").set_index("outcome")
    assert table["events"].to_dict() == {
        "any response": major + partial,
        "major response among responders": major,
        "alive": rows[ALIVE],
    }
    assert table["n"].tolist() == [40, major + partial, 40]


@pytest.mark.parametrize("name", ["msc_relapse", "msc_response", "msc_survival"])
def test_no_group_is_primary_twice(name: str) -> None:
    table = load_data(name)
    table = table.drop_duplicates("study") if name == "msc_relapse" else table  # several rows are one cohort
    primary = table[table["primary"] == "yes"]
    assert primary["group"].str.startswith("Nanjing").sum() <= 1
    assert (table.loc[table["group"] == "other", "primary"] == "yes").all()
    assert table["study"].is_unique
