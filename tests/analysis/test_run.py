"""Does a spec become every fit, every answer and every caution it asks for?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import BayesmaError, DataError, DataWarning, OptionError, PriorError
from bayesma.notes import prior_notes

type Analysed = Callable[..., Analysis]

COLUMNS = [
    "label", "model", "measure", "favours", "k", "estimate", "ci_low", "ci_high", "p_benefit", "p_mid",
    "p_harm", "p_benefit_new", "p_mid_new", "tau", "frequentist_estimate", "frequentist_ci_low",
    "frequentist_ci_high", "frequentist_p_value", "frequentist_method", "prior_share_mu", "prior_share_tau",
    "prior_overlap",     "converged",
]  # fmt: skip
PAIN = "[[analysis]]\nname = 'pain'\nlabel = 'Pain'\nwhere = { outcome = 'pain', month = 6 }\n"
SLEEP = "[[analysis]]\nname = 'sleep'\nwhere = { outcome = 'sleep' }\nfavours = 'higher'\n"
VARIANTS = (
    "[[variant]]\nname = 'common'\nlabel = 'one effect'\nmodel = { random_effects = 'none' }\n"
    "[[variant]]\nname = 'random'\nlabel = 'many effects'\n"
)
MID = "[questions]\nmid = 0.2\n"


def test_table(head: str, analysed: Analysed) -> None:
    analysis = analysed(head + MID + PAIN + VARIANTS)
    table = analysis.table()
    assert set(table.columns) == set(COLUMNS)
    assert table.index.tolist() == ["pain.common", "pain.random"]
    assert table.index.name == "name"
    assert table["label"].tolist() == ["Pain", "Pain"]
    assert table["model"].tolist() == ["one effect", "many effects"]
    assert table["k"].tolist() == [3, 3]
    assert table["converged"].all()
    for result, (_, row) in zip(analysis.results, table.iterrows(), strict=True):
        mu = bm.summary(result.fit).loc["mu"]
        assert row[["estimate", "ci_low", "ci_high"]].tolist() == mu[["mean", "ci_low", "ci_high"]].tolist()
        assert result.benefit is not None
        assert row[["p_benefit", "p_mid", "p_harm"]].tolist() == result.benefit.loc["mu"].tolist()
    common, random = (row for _, row in table.iterrows())
    assert math.isnan(common["p_benefit_new"])
    assert common["tau"] == 0.0
    assert random["p_benefit_new"] == bm.prob(analysis.results[1].fit, "theta_new", below=0.0)
    assert random["p_mid_new"] == bm.prob(analysis.results[1].fit, "theta_new", below=-0.2)
    assert random["tau"] == bm.summary(analysis.results[1].fit).loc["tau", "mean"]


def test_frequentist_answers(head: str, analysed: Analysed) -> None:
    """The common effect always; DL and REML only where there is heterogeneity to estimate."""
    analysis = analysed(head + PAIN + SLEEP + VARIANTS)
    labels = {result.job.name: list(result.frequentist) for result in analysis.results}
    common = ["common effect, Wald"]
    every = [*common, "DerSimonian-Laird, Wald", "REML, Knapp-Hartung"]
    assert labels == {
        "pain.common": common,
        "pain.random": every,
        "sleep.common": common,
        "sleep.random": common,
    }
    pain = analysis.results[1]
    reml = bm.frequentist(pain.evidence, method="REML", ci="hksj")
    assert pain.frequentist["REML, Knapp-Hartung"] == reml
    row = analysis.table().loc["pain.random"]
    assert row["frequentist_method"] == "REML, Knapp-Hartung"
    assert (row["frequentist_estimate"], row["frequentist_p_value"]) == (reml.estimate, reml.p_value)
    assert pain.compare.index.tolist() == ["Bayesian (exact)", *every]


def test_each_answer_is_that_of_its_question(head: str, analysed: Analysed) -> None:
    (result,) = analysed(head + MID + PAIN).results
    pd.testing.assert_frame_equal(result.summary, bm.summary(result.fit))
    pd.testing.assert_frame_equal(result.shrinkage, bm.shrinkage(result.fit))
    assert result.benefit is not None
    pd.testing.assert_frame_equal(result.benefit, bm.benefit(result.fit, favours="lower", mid=0.2))
    assert result.crosscheck is None
    assert result.evidence.study.tolist() == ["A", "B", "C"]


def test_each_analysis_has_its_own_direction(head: str, analysed: Analysed) -> None:
    pain, sleep = analysed(head + PAIN + SLEEP).results
    assert pain.benefit is not None
    assert sleep.benefit is not None
    assert pain.benefit.loc["mu", "p_benefit"] == bm.prob(pain.fit, "mu", below=0.0)
    assert sleep.benefit.loc["mu", "p_benefit"] == bm.prob(sleep.fit, "mu", above=0.0)


def test_without_a_direction_there_is_no_decision(head: str, analysed: Analysed) -> None:
    analysis = analysed(head.replace('favours = "lower"\n', "") + PAIN)
    assert analysis.results[0].benefit is None
    columns = ["p_benefit", "p_mid", "p_harm", "p_benefit_new", "p_mid_new"]
    assert analysis.table()[columns].isna().all(axis=None)


def test_further_probabilities(head: str, analysed: Analysed) -> None:
    asked = (
        "[questions]\nprobabilities = [{ parameter = 'mu', below = -0.1 }, "
        "{ parameter = 'tau', above = 0.3, label = 'much heterogeneity' }, { parameter = 'theta', "
        "below = 0 }]\n"
    )
    common, random = analysed(head + asked + PAIN + VARIANTS).results
    assert common.probabilities.index.tolist() == ["P(mu < -0.1)"]
    theta = ["P(theta < 0): A", "P(theta < 0): B", "P(theta < 0): C"]
    assert random.probabilities.index.tolist() == ["P(mu < -0.1)", "much heterogeneity", *theta]
    assert random.probabilities["P(mu < -0.1)"] == bm.prob(random.fit, "mu", below=-0.1)
    assert random.probabilities["much heterogeneity"] == bm.prob(random.fit, "tau", above=0.3)
    below = bm.prob(random.fit, "theta", below=0.0)
    assert random.probabilities[theta].tolist() == list(below)  # type: ignore[arg-type]
    assert analysed(head + PAIN).results[0].probabilities.empty


def test_a_dominating_prior_is_noted(head: str, analysed: Analysed) -> None:
    pain, sleep = analysed(head + PAIN + SLEEP).results
    for result in (pain, sleep):
        noted = [note for note in result.notes if note.startswith("The prior of ")]
        loud = result.prior_share[result.prior_share >= 0.5]
        assert [note.split()[3] for note in noted] == loud.index.tolist()
    assert "tau" in sleep.prior_share.index
    assert sleep.prior_share["tau"] > 0.9
    assert "mu" not in sleep.prior_share[sleep.prior_share >= 0.5].index


def test_the_note_on_the_prior_states_its_share() -> None:
    share = pd.Series({"mu": 0.4999, "tau": 0.987, "rho": 0.998})
    assert prior_notes(share, pd.Series({"mu": 0.3, "tau": 0.9499, "rho": 0.95})) == [
        "The prior of tau supplies 99 % of its posterior: the data say little about it, "
        "and another prior would give another answer.",
        "The prior of rho supplies 100 % of its posterior, and the two are the same: what is listed of rho "
        "is only its prior and no result of these data.",
    ]


def test_default_priors_are_told_from_given_ones(head: str, analysed: Analysed) -> None:
    (result,) = analysed(head + PAIN + "model = { priors = { mu = 'Normal(0, 1)' } }\n").results
    assert result.fit.attrs["default_priors"] == '["tau"]'
    assert result.fit.attrs["priors"] == '{"mu": "Normal(0, 1)", "tau": "HalfNormal(0.25)"}'


def test_cautions_and_corrections_are_noted(head: str, analysed: Analysed) -> None:
    counts = "study,et,nt,ec,nc\nA,0,10,2,10\nB,3,20,5,20\n"
    text = head.replace('title = "T"', 'title = "T"\ncautions = ["Of all."]').replace('"SMD"', '"OR"')
    text = text.replace(
        '{ estimate = "d", se = "se" }',
        '{ events_treat = "et", n_treat = "nt", events_ctrl = "ec", n_ctrl = "nc" }',
    )
    (result,) = analysed(text + "[[analysis]]\nname = 'a'\ncautions = ['Of one.']\n", counts).results
    assert result.notes[-2:] == ("Of all.", "Of one.")
    corrected = [note for note in result.notes if "0.5" in note]
    assert len(corrected) == 1
    assert "A" in corrected[0]
    assert corrected[0] in result.evidence.notes


def test_warnings_are_recorded_and_raised_again(head: str, analysed: Analysed) -> None:
    studies = "study,outcome,month,d,se\nA,pain,6,-5,0.2\n"
    with pytest.warns(DataWarning, match="an SMD of -5 is hardly ever real") as raised:
        analysis = analysed(head + PAIN, studies)
    assert len(raised) == 1
    assert analysis.results[0].notes[0] == str(raised[0].message)


def test_results_do_not_depend_on_the_order(head: str, analysed: Analysed) -> None:
    first = {result.job.name: result for result in analysed(head + PAIN + SLEEP).results}
    second = {result.job.name: result for result in analysed(head + SLEEP + PAIN).results}
    assert list(first) == ["pain", "sleep"]
    assert list(second) == ["sleep", "pain"]
    for name, result in first.items():
        pd.testing.assert_frame_equal(result.summary, second[name].summary)
        draws = result.fit["posterior"].dataset
        assert draws.identical(second[name].fit["posterior"].dataset)


def test_seed(head: str, analysed: Analysed) -> None:
    seeds = {
        "spec": analysed(head + PAIN).seed,
        "call": analysed(head + PAIN, random_seed=11).seed,
        "zero": analysed(head + PAIN, random_seed=0).seed,
    }
    assert seeds == {"spec": 3, "call": 11, "zero": 0}
    drawn = [analysed(head.replace("random_seed = 3", "") + PAIN) for _ in range(2)]
    assert drawn[0].seed != drawn[1].seed


def test_fits_have_seeds_of_their_own_that_do_not_depend_on_the_others(head: str, analysed: Analysed) -> None:
    both, alone = analysed(head + SLEEP + PAIN), analysed(head + PAIN)
    seeds = {result.job.name: result.fit.attrs["random_seed"] for result in both.results}
    assert len(set(seeds.values())) == len(both.results)
    assert alone.results[0].fit.attrs["random_seed"] == seeds[alone.results[0].job.name]


def test_engine_of_the_file_and_in_its_place(head: str, analysed: Analysed) -> None:
    text = head + "engine = 'exact'\ndraws = 5\nchains = 2\n" + PAIN
    (result,) = analysed(text, engine=None).results
    assert result.fit.attrs["engine"] == "exact"
    assert dict(result.fit["posterior"].sizes) == {"chain": 2, "draw": 5, "study": 3}
    with pytest.raises(OptionError, match=r"^engine is 'stan'; it must be one of 'nuts', 'exact'$"):
        analysed(text, engine="stan")


def test_progress_is_told_before_each_fit(head: str, analysed: Analysed) -> None:
    told: list[tuple[int, int, str]] = []
    analysed(head + PAIN + SLEEP, progress=lambda *step: told.append(step))
    assert told == [(0, 2, "pain"), (1, 2, "sleep")]


def test_a_loaded_spec_runs_as_its_file() -> None:
    one, other = bm.run(bm.load_spec("bcg"), engine="exact"), bm.run("bcg", engine="exact")
    pd.testing.assert_frame_equal(one.table(), other.table())
    assert one.title == other.title == bm.load_spec("bcg").title


def test_arms_in_rows_are_paired(head: str, analysed: Analysed) -> None:
    arms = "study,arm,m,s,n\nA,cells,1,2,10\nA,placebo,3,2,12\n"
    columns = ", ".join(
        f'{role}_{side} = "{column}_{side}"'
        for role, column in (("mean", "m"), ("sd", "s"), ("n", "n"))
        for side in ("treat", "ctrl")
    )
    text = head.replace('"SMD"', '"MD"').replace('{ estimate = "d", se = "se" }', f"{{ {columns} }}")
    text = text.replace(
        "[fit]", 'arms = { column = "arm", treatment = "cells", control = "placebo", by = "study" }\n[fit]'
    )
    (result,) = analysed(text, arms).results
    assert result.evidence.y.tolist() == [-2.0]
    assert result.evidence.n is not None
    assert result.evidence.n.tolist() == [22.0]


MISTAKES = {
    "where a column": (
        "where = { month = 6, outcom = 'pain' }",
        DataError,
        "x.toml, analysis 'a': studies.csv has no column 'outcom', named by where; it has: study, "
        "outcome, month",
    ),
    "where a value": (
        "where = { month = 6, outcome = 'pian' }",
        DataError,
        "x.toml, analysis 'a': studies.csv: no row is left where outcome = 'pian'; outcome holds "
        "'pain', 'sleep'; "
        "correct the value (text and numbers differ)",
    ),
    "where text for a number": (
        "where = { month = '6' }",
        DataError,
        "x.toml, analysis 'a': studies.csv: no row is left where month = '6'; month holds 6, 12; "
        "correct the value (text and numbers differ)",
    ),
    "a study twice": (
        "where = { outcome = 'pain' }",
        DataError,
        "x.toml, analysis 'a': studies.csv, row 4 (A): the study label 'A' already stands in row 1",
    ),
    "a column": (
        "where = { month = 12 }\neffects = { columns = { estimate = 'd', se = 'sd' } }",
        DataError,
        "x.toml, analysis 'a': studies.csv has no column 'sd'",
    ),
    "a prior with mass where there can be none": (
        "where = { month = 12 }\nmodel = { priors = { tau = 'Normal(0, 1)' } }",
        PriorError,
        "x.toml, analysis 'a': prior Normal(0, 1) for tau has mass below 0",
    ),
    "an improper posterior": (
        "where = { month = 12 }\nmodel = { priors = { tau = 'Flat()' } }",
        PriorError,
        "x.toml, analysis 'a': the posterior is improper",
    ),
    "an option of another kind of data": (
        "where = { month = 12 }\neffects = { correction = 1 }",
        OptionError,
        "x.toml, analysis 'a': correction and to apply to counts, and none are given; leave them out",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_name_file_and_analysis(case: str, head: str, analysed: Analysed) -> None:
    text, kind, message = MISTAKES[case]
    with pytest.raises(BayesmaError) as raised:
        analysed(head + f"[[analysis]]\nname = 'a'\n{text}\n")
    assert str(raised.value).startswith(message)
    assert type(raised.value) is kind
    assert "\n" not in str(raised.value)


def test_a_mistake_in_a_file_of_one_analysis_names_the_file(head: str, analysed: Analysed) -> None:
    with pytest.raises(
        DataError, match=r"^x\.toml: studies\.csv, row 4 \(A\): the study label 'A' already stands"
    ):
        analysed(head)


def test_nothing_else_is_caught(head: str, analysed: Analysed, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        """A fault of ours, not of the user's."""
        raise ZeroDivisionError

    monkeypatch.setattr("bayesma.analysis.fit", broken)
    with pytest.raises(ZeroDivisionError):
        analysed(head + PAIN)


def test_filters_of_the_caller_are_left_alone(head: str, analysed: Analysed) -> None:
    before = list(warnings.filters)
    analysed(head + PAIN)
    assert warnings.filters == before


@pytest.mark.slow
def test_nuts_carries_the_comparison(head: str, analysed: Analysed) -> None:
    (result,) = analysed(head + PAIN, engine="nuts", progressbar=False).results
    assert result.fit.attrs["engine"] == "nuts"
    assert result.crosscheck is not None
    assert np.isfinite(result.crosscheck["z"]).all()
    assert result.compare.index[0] == "Bayesian (nuts)"
