"""Does the table hold the fits it names, and what the choice of model did to them?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayesma as bm
from bayesma.errors import OptionError, PriorError
from bayesma.posterior.model_disagreement import COLUMNS, MODELS

EXACT = ["fixed, midpoint", "fixed, control", "conditional", "normal approximation"]


@pytest.fixture(scope="module")
def nielweise() -> bm.TwoArmCounts:
    return bm.TwoArmCounts.from_frame(
        bm.load_data("nielweise2007"),
        events_treat="ai", n_treat="n1i", events_ctrl="ci", n_ctrl="n2i", study=["author", "year"],
    )  # fmt: skip


def test_every_row_is_the_fit_it_names(nielweise: bm.TwoArmCounts) -> None:
    priors = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.5)", "alpha": "Normal(0, 5)"}
    table = bm.model_disagreement(nielweise, priors=priors, include=EXACT, random_seed=1)
    assert table.index.tolist() == EXACT
    assert table.columns.tolist() == COLUMNS
    fit = bm.fit(nielweise, priors=priors, coding="control", engine="exact", random_seed=1)
    row, mu = table.loc["fixed, control"], bm.summary(fit, parameters="mu").loc["mu"]
    for column, theirs in (("estimate", "mean"), ("ci_low", "ci_low"), ("ci_high", "ci_high")):
        assert row[column] == mu[theirs]
    assert row["tau"] == bm.summary(fit, parameters="tau").loc["tau", "mean"]
    assert row["p_benefit"] == bm.prob(fit, "mu", below=0.0)
    first = bm.summary(bm.fit(nielweise, priors=priors, engine="exact", random_seed=1)).loc["mu"]
    assert row["shift"] == pytest.approx((mu["mean"] - first["mean"]) / first["sd"])
    assert table.loc["fixed, midpoint", "shift"] == 0.0
    assert table["jackson"].tolist() == [4, 2, 7, 1]
    assert table["engine"].eq("exact").all() and table["converged"].all()


def test_the_correction_pulls_towards_no_effect(nielweise: bm.TwoArmCounts) -> None:
    """Zero cells in a third of the trials: adding a half to each makes the odds ratios less extreme."""
    table = bm.model_disagreement(nielweise, include=EXACT, random_seed=1)
    assert table.loc["normal approximation", "shift"] > 0.5
    assert table.loc[["fixed, control", "conditional"], "shift"].abs().max() < 0.25
    notes = " ".join(table.attrs["notes"])
    assert "0.5 was added to all four cells of" in notes
    assert "1 of 18 trials had the same outcome in every patient of both arms (Yucel 2004)" in notes
    assert "such a trial says nothing about the effect" in notes


def test_without_zeros_all_agree_and_nothing_is_noted() -> None:
    counts = bm.TwoArmCounts.from_counts([120, 80], [400, 300], [150, 95], [400, 300])
    table = bm.model_disagreement(
        counts, include=EXACT, random_effects="none", favours="higher", random_seed=1
    )
    assert table["shift"].abs().max() < 0.05
    assert (table["tau"] == 0.0).all()
    assert (table["p_benefit"] < 0.05).all()
    assert table.attrs["notes"] == []


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (
            {"include": ["bivariate"]},
            OptionError,
            "include names 'bivariate'; the models are: fixed, midpoint",
        ),
        ({"include": []}, OptionError, "include is empty"),
        ({"engine": "mcmc"}, OptionError, "engine is 'mcmc'"),
        ({"favours": "up", "include": ["conditional"]}, OptionError, "favours"),
        ({"priors": {"gamma": "Normal(0, 1)"}}, PriorError, "'gamma'"),
        ({"ci_prob": 95}, OptionError, "ci_prob"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], error: type[Exception], words: str) -> None:
    counts = bm.TwoArmCounts.from_counts([1, 2], [40, 30], [3, 4], [38, 31])
    with pytest.raises(error, match=words):
        bm.model_disagreement(counts, random_seed=1, **wrong)


def test_other_evidence_is_refused(effects: bm.Effects) -> None:
    with pytest.raises(OptionError, match="not for Effects; use TwoArmCounts"):
        bm.model_disagreement(effects)  # type: ignore[arg-type]


@pytest.mark.long
def test_all_models_on_a_small_data_set() -> None:
    counts = bm.TwoArmCounts.from_counts([2, 0, 4, 3], [60, 40, 55, 70], [6, 3, 4, 9], [58, 42, 50, 66])
    table = bm.model_disagreement(counts, random_seed=3, draws=500)
    assert table.index.tolist() == list(MODELS)
    assert table.loc[EXACT, "engine"].eq("exact").all()
    assert table.drop(index=EXACT)["engine"].eq("nuts").all()
    assert np.isfinite(table.drop(columns=["engine"]).to_numpy(dtype=float)).all()
    assert table["shift"].abs().max() < 1.5
    assert table["jackson"].tolist() == [4, 2, 5, 3, 6, 6, 7, 1]
    assert any("one model (number 6)" in note for note in table.attrs["notes"])
