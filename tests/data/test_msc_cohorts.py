"""Are the cohorts of response and survival the sums of printed counts they say they are?"""

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


RELAPSE = ["relapse after response", "relapse", "renal flare after remission", "relapse after remission"]
RELAPSE += ["relapse of proteinuria", "relapse among responders"]


def test_relapses_are_the_printed_counts(printed: pd.DataFrame) -> None:
    """Every printed relapse with a month is a row; of Wang 2014 its new relapses among those left."""
    counts = load_data("response_relapse_survival_counts")
    counts = counts[counts["outcome"].isin(RELAPSE) & counts["time_months"].notna()]
    table = load_data("msc_relapse")
    assert table["relapses"].sum() == counts["events"].sum()
    for study, rows in counts.groupby("study"):
        own = table[table["study"] == study].sort_values("stop")
        assert own["stop"].tolist() == rows["time_months"].tolist(), study
        assert own["relapses"].tolist() == rows["events"].tolist(), study
        assert own["start"].tolist() == [0, *own["stop"].tolist()[:-1]], study
        left = own["relapses"].shift(fill_value=0).cumsum() if study == "Wang 2014" else 0
        assert own["at_risk"].tolist() == (rows["n"].to_numpy() - left).tolist(), study


def test_the_codings_of_wang_2014_count_the_same_relapses() -> None:
    table, primary = load_data("wang2014_relapse"), load_data("msc_relapse")
    primary = primary[primary["study"] == "Wang 2014"]
    columns = ["start", "stop", "at_risk", "relapses"]
    codings = {name: rows[columns] for name, rows in table.groupby("coding")}
    assert codings["primary"].to_numpy().tolist() == primary[columns].to_numpy().tolist()
    for name, rows in codings.items():
        assert rows["relapses"].sum() == 7, name
        assert (rows["at_risk"] - rows["relapses"]).iloc[-1] == 17, name
        if name.startswith("entry"):
            assert rows["start"].iloc[0] == int(name.split()[-1])


def test_the_outcomes_of_wang_2014_are_printed() -> None:
    counts = load_data("response_relapse_survival_counts")
    counts = counts[counts["study"] == "Wang 2014"].set_index("outcome")["events"]
    table = load_data("wang2014_outcomes").set_index("outcome")
    major, partial = counts[RESPONSE["Wang 2014"]]
    assert table.loc["any response", ["events", "n"]].tolist() == [major + partial, 40]
    assert table.loc["major response among responders", ["events", "n"]].tolist() == [major, major + partial]
    assert table.loc["alive", ["events", "n"]].tolist() == [counts[ALIVE], 40]


@pytest.mark.parametrize("name", ["msc_response", "msc_survival", "msc_relapse"])
def test_no_group_is_primary_twice(name: str) -> None:
    table = load_data(name)
    primary = table[table["primary"] == "yes"].drop_duplicates("study")
    assert primary["group"].str.startswith("Nanjing").sum() <= 1
    assert (table.loc[table["group"] == "other", "primary"] == "yes").all()
    assert name == "msc_relapse" or table["study"].is_unique
