"""Does a spec of counts get every answer: posterior, classical counterparts, absolute risks, zero events?"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import bayesma as bm
from bayesma.analysis import Analysis, Result
from bayesma.counterparts import counterparts, defined, nearest, why_undefined
from bayesma.reporting.outputs import write_outputs
from bayesma.reporting.terminal import show

type Analysed = Callable[..., Analysis]

HEAD = """schema = 1
title = "T"
data = "studies.csv"
[effects]
study = "study"
columns = { events_treat = "a", n_treat = "n1", events_ctrl = "c", n_ctrl = "n2" }
favours = "lower"
[fit]
random_seed = 3
[model]
family = "binomial"
"""
STUDIES = "study,a,n1,c,n2\nA,1,40,5,41\nB,0,22,3,20\nC,4,61,9,60\nD,0,30,0,31\n"
SINGLE = """schema = 1
title = "T"
data = "studies.csv"
[effects]
study = "study"
columns = { events = "a", n = "n1" }
[fit]
random_seed = 3
[questions]
above = [0.05]
[model]
family = "proportion"
"""


def only(analysis: Analysis) -> Result:
    """The one result."""
    (result,) = analysis.results
    return result


@pytest.mark.parametrize(
    ("baseline", "model"),
    [("fixed", "UM.FS"), ("conditional", "CM.EL")],
)
def test_counterparts_of_two_arms(baseline: str, model: str, analysed: Analysed) -> None:
    result = only(analysed(HEAD + f'baseline = "{baseline}"\n', STUDIES))
    labels = [f"Bayesian ({result.fit.attrs['engine']})", "Mantel-Haenszel", "Peto", f"GLMM, {model}"]
    assert result.compare.index.tolist() == labels
    assert result.frequentist["Mantel-Haenszel"] == bm.mantel_haenszel(result.evidence)
    assert result.classical[0] == f"GLMM, {model}"
    assert result.fit.attrs["family"] == "binomial"


def test_an_undefined_counterpart_gives_way_and_says_why() -> None:
    counts = bm.TwoArmCounts.from_counts([0, 0], [40, 22], [5, 3], [41, 20])
    answers = counterparts(counts, {"baseline": "fixed"})
    glmm = answers["GLMM, UM.FS"]
    assert not defined(glmm)
    assert "Separation" in why_undefined(glmm, counts)
    label, answer = nearest(answers)
    assert label == "Peto"
    assert math.isfinite(answer.estimate)


def test_what_a_double_zero_trial_moves_is_measured(analysed: Analysed) -> None:
    result = only(analysed(HEAD, STUDIES))
    without = only(analysed(HEAD, STUDIES.replace("D,0,30,0,31\n", "")))
    with_, rest = (r.summary.loc["mu"] for r in (result, without))
    assert result.zero_events is not None
    assert result.zero_events.studies == ("D (0/30 v 0/31)",)
    assert result.zero_events.moved == pytest.approx((with_["mean"] - rest["mean"]) / with_["sd"], abs=1e-9)
    assert without.zero_events is None
    (said,) = (note for note in result.notes if "They move the posterior mean of mu by" in note)
    assert said in json.loads(result.fit.attrs["notes"])  # the fit itself says so


def test_it_shrinks_as_the_baseline_prior_widens(analysed: Analysed) -> None:
    narrow, wide = (
        only(analysed(HEAD + f'priors = {{ alpha = "Normal(0, {sd})" }}\n', STUDIES)).zero_events
        for sd in (3, 30)
    )
    assert narrow is not None and narrow.moved is not None
    assert wide is not None and wide.moved is not None
    assert abs(wide.moved) < abs(narrow.moved)


def test_a_conditional_model_gets_nothing_from_it(analysed: Analysed) -> None:
    conditional = HEAD + 'baseline = "conditional"\n'
    result = only(analysed(conditional, STUDIES))
    without = only(analysed(conditional, STUDIES.replace("D,0,30,0,31\n", "")))
    assert result.zero_events is not None
    assert "contribute nothing" in result.zero_events.contribution
    np.testing.assert_allclose(
        result.summary.loc[["mu", "tau"], "mean"], without.summary.loc[["mu", "tau"], "mean"], atol=1e-8
    )


def test_all_zero_is_the_prior_and_says_so(analysed: Analysed) -> None:
    result = only(analysed(HEAD + 'random_effects = "none"\n', "study,a,n1,c,n2\nA,0,12,0,6\n"))
    assert result.zero_events is not None
    assert "No study has a contrast" in result.zero_events.contribution
    assert result.prior_share["mu"] > 0.5
    assert result.mean_overlap > 0.7
    assert not any(defined(fit) for fit in result.frequentist.values())
    row = analysed(HEAD + 'random_effects = "none"\n', "study,a,n1,c,n2\nA,0,12,0,6\n").table().iloc[0]
    assert math.isnan(row["frequentist_estimate"])
    assert row["p_benefit"] + row["p_harm"] == pytest.approx(1.0)


def test_a_double_zero_trial_and_a_moderator(analysed: Analysed, tmp_path: Path) -> None:
    """Leaving such a trial out would centre the moderator elsewhere: it is compared with the conditional."""
    table = "study,a,n1,c,n2,dose\nA,1,40,5,41,1\nB,0,22,3,20,4\nC,4,61,9,60,2\nD,0,30,0,31,3\n"
    analysis = analysed(HEAD + 'moderators = ["dose"]\n', table)
    zeros = only(analysis).zero_events
    assert zeros is not None and zeros.moved is None
    assert "under the conditional likelihood" in zeros.contribution
    assert write_outputs(analysis, tmp_path / "out").is_file()


def test_proportions_as_estimates(analysed: Analysed, tmp_path: Path) -> None:
    """`measure = "PLO"` without a family: logits with standard errors, and the same risks by name."""
    text = SINGLE.replace('[model]\nfamily = "proportion"\n', "").replace(
        'study = "study"\n', 'study = "study"\nmeasure = "PLO"\n'
    )
    analysis = analysed(text, "study,a,n1\nA,3,20\nB,5,31\nC,2,12\n")
    result = only(analysis)
    assert result.fit.attrs["family"] == "normal"
    assert result.risks is not None
    assert result.risks.index.tolist() == [
        "median proportion",
        "mean proportion",
        "proportion in a new study",
    ]
    expected = bm.prob(result.fit, "mu", above=math.log(0.05 / 0.95))
    assert result.risks.loc["median proportion", "P(> 0.05)"] == pytest.approx(expected)
    show(analysis, [], Console(file=io.StringIO()))
    assert write_outputs(analysis, tmp_path / "out").is_file()


def test_single_arms(analysed: Analysed) -> None:
    analysis = analysed(SINGLE, "study,a,n1\nA,3,20\nB,5,31\nC,0,12\n")
    result = only(analysis)
    assert result.benefit is None
    assert result.risks is not None
    assert result.risks.index.tolist() == [
        "median proportion",
        "mean proportion",
        "proportion in a new study",
    ]
    expected = bm.prob(result.fit, "mu", above=math.log(0.05 / 0.95))
    assert result.risks.loc["median proportion", "P(> 0.05)"] == pytest.approx(expected)
    assert list(result.frequentist) == ["GLMM, logit-normal"]
    row = analysis.table().iloc[0]
    assert math.isnan(row["p_benefit"])
    assert math.isnan(row["frequentist_p_value"])  # of a risk of one half, which nobody asked
    assert result.zero_events is not None
    assert result.zero_events.studies == ("C (0/12)",)


def test_a_beta_binomial_has_its_mean_for_mu(analysed: Analysed) -> None:
    analysis = analysed(SINGLE + 'distribution = "beta-binomial"\n', "study,a,n1\nA,3,20\nB,5,31\nC,0,12\n")
    row, result = analysis.table().iloc[0], only(analysis)
    assert 1 / (1 + math.exp(-row["estimate"])) == pytest.approx(result.summary.loc["mean", "mean"])


def test_pinned_numbers_of_counts_are_found(analysed: Analysed) -> None:
    text = "".join(
        f"[[reference]]\nquantity = '{quantity}'\nvalue = 0\ntolerance = 1e-9\nsource = 'test'\n"
        for quantity in (
            "frequentist.MH OR+wald.estimate",
            "frequentist.MH RD+wald.se",
            "frequentist.Peto+wald.estimate",
            "frequentist.UM.FS+wald.tau2",
            "effect.B.events_ctrl",
            "posterior.delta[A].mean",
        )
    )
    analysis = analysed(HEAD + text, STUDIES)
    counts = only(analysis).evidence
    found = [check.found for check in analysis.references]
    assert found == [
        bm.mantel_haenszel(counts).estimate,
        bm.mantel_haenszel(counts, "RD").se,
        bm.peto(counts).estimate,
        bm.glmm(counts).tau2,
        3.0,
        only(analysis).summary.loc["delta[A]", "mean"],
    ]


@pytest.mark.long
@pytest.mark.parametrize("text", [HEAD, SINGLE])
def test_nuts_gives_the_same_tables(text: str, analysed: Analysed) -> None:
    exact, nuts = (analysed(text, STUDIES, engine=engine, progressbar=False) for engine in ("exact", "nuts"))
    assert exact.table().columns.tolist() == nuts.table().columns.tolist()
    ours, theirs = (only(analysis) for analysis in (nuts, exact))
    assert ours.crosscheck is not None
    assert ours.fit.attrs["converged"] == 1
    assert ours.estimate[0] == pytest.approx(theirs.estimate[0], abs=0.1)  # MCSE is near 0.01
    assert ours.risks is not None and theirs.risks is not None
    assert ours.risks.index.tolist() == theirs.risks.index.tolist()
    if (
        ours.zero_events is not None
        and theirs.zero_events is not None
        and theirs.zero_events.moved is not None
    ):
        assert ours.zero_events.moved == pytest.approx(theirs.zero_events.moved, abs=1e-9)  # exact either way
