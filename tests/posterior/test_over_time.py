"""What several months say together: nobody's selection passes for an effect, and no change for a benefit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError

# Independent draws of an exact fit, 4,000: three standard errors of a probability of one half.
DRAWN = 0.025
# 2**14 draws of the priors, three standard errors of a probability of one half.
PRIOR_DRAWN = 0.012

MONTHS = (1.0, 3.0, 6.0, 12.0)


def followed(
    measure: str = "MD", *, y: float = 0.0, months: tuple[float, ...] = MONTHS, **options: Any
) -> xr.DataTree:
    """One study with the same estimate at every month, errors independent."""
    frame = pd.DataFrame({"study": "Ash", "month": months, "y": y, "se": 5.0})
    evidence = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.0, measure=measure
    )
    given: dict[str, Any] = {"between": "cs", "engine": "exact", "random_seed": 1}
    given |= {"priors": {"m": "Normal(0, 10)", "tau": "HalfNormal(0.5)"}}
    return bm.fit(evidence, **(given | options))


def test_the_best_of_four_months_is_no_evidence() -> None:
    """Four visits of 0 tell nothing: benefit at some month is as probable as before the data, 1 - 1 / 2^4."""
    course = bm.predict(followed(), favours="lower").loc["average study"]
    assert np.isnan(course.loc["best effect", "p_benefit"])
    some, every = course.loc["benefit at some month"], course.loc["benefit at every month"]
    assert some["p_prior"] == pytest.approx(1.0 - 0.5**4, abs=1e-15)
    assert every["p_prior"] == pytest.approx(0.5**4, abs=1e-15)
    assert some["p_benefit"] == pytest.approx(some["p_prior"], abs=DRAWN)
    assert every["p_benefit"] == pytest.approx(every["p_prior"], abs=DRAWN)
    others = course.drop(["benefit at some month", "benefit at every month"])
    assert others["p_prior"].isna().all()


def test_a_new_study_has_its_own_prior_value() -> None:
    """Under a large tau with a correlation near 1 its months rise and fall together."""
    priors = {"m": "Normal(0, 1)", "tau": "HalfNormal(100)", "rho": "Beta(200, 1)"}
    course = bm.predict(followed(priors=priors), favours="lower").loc["new study"]
    assert 0.5 < course.loc["benefit at some month", "p_prior"] < 0.65


def test_the_prior_value_of_a_line() -> None:
    """Of intercept and slope, two months: an orthant of a bivariate normal, 1 / 4 + arcsin(r) / (2 pi)."""
    fit = followed(
        months=(1.0, 12.0),
        trajectory="linear",
        priors={"intercept": "Normal(0, 3)", "slope": "Normal(0, 1)", "tau": "HalfNormal(0.5)"},
    )
    course = bm.predict(fit, favours="higher").loc["average study"]
    r = (9.0 + 12.0) / math.sqrt((9.0 + 1.0) * (9.0 + 144.0))
    every = 0.25 + math.asin(r) / (2.0 * math.pi)
    assert course.loc["benefit at every month", "p_prior"] == pytest.approx(every, abs=PRIOR_DRAWN)
    assert course.loc["benefit at some month", "p_prior"] == pytest.approx(1.0 - every, abs=PRIOR_DRAWN)


def test_some_month_is_as_likely_as_the_likeliest() -> None:
    course = bm.predict(followed(y=-4.0), favours="lower")["p_benefit"].loc["average study"]
    each = course[[f"month {month:g}" for month in MONTHS]]
    assert course["benefit at some month"] >= each.max()
    assert course["benefit at every month"] <= each.min()


def test_one_month_is_no_selection() -> None:
    table = bm.predict(followed(months=(6.0,)), favours="lower")
    assert "benefit at some month" not in table.loc["average study"].index
    assert not any("by chance" in note for note in table.attrs["notes"])


def test_changes_without_a_control_improve() -> None:
    """The same numbers as of a difference, by the name of what they are; `benefit` is not asked of them."""
    changed, compared = followed("MC", y=-4.0), followed("MD", y=-4.0)
    table, effect = bm.predict(changed, favours="lower"), bm.predict(compared, favours="lower")
    assert "p_benefit" not in table and "p_improved" not in effect
    assert {"improved at some month", "improved at every month"} <= set(table.loc["average study"].index)
    np.testing.assert_array_equal(table["p_improved"], effect["p_benefit"])
    with pytest.raises(
        OptionError, match=r"mean change from baseline has no control, so there is no benefit"
    ):
        bm.benefit(changed, favours="lower")


def test_no_question_calls_a_change_a_benefit() -> None:
    """What refuses a risk of single arms refuses their change; what is asked of it by its number is told."""
    table = pd.DataFrame({"cells": ["UC", "BM", "UC", "BM"]})
    changes = bm.Effects.from_estimates([-4.0, -2.0, -3.0, -1.0], [1.0] * 4, measure="MC", table=table)
    priors = {"mu": "Normal(0, 10)", "tau": "HalfNormal(2)"}
    asked: dict[str, Any] = {"favours": "lower", "priors": priors}
    fit = bm.fit(changes, priors=priors, engine="exact", random_seed=1)
    refused = [
        lambda: bm.benefit(fit, favours="lower"),
        lambda: bm.prior_sensitivity(changes, {"tau": ["HalfNormal(1)"]}, **asked),
        lambda: bm.leave_one_out(changes, **asked),
        lambda: bm.model_average(changes, **asked),
        lambda: bm.subgroups(changes, "cells", tau="separate", **asked),
        lambda: bm.stacking({"one": fit, "other": fit}, weights="evidence", favours="lower"),
    ]
    for ask in refused:
        with pytest.raises(OptionError, match="has no control"):
            ask()
    grid = bm.prior_sensitivity(changes, {"tau": ["HalfNormal(1)"]}, question="mu < 0", priors=priors)
    assert grid["p_benefit"].iloc[0] > 0.9


def test_predict_at_a_moderator_says_improved() -> None:
    table = pd.DataFrame({"dose": [1.0, 2.0, 3.0, 4.0]})
    changes = bm.Effects.from_estimates([-4.0, -2.0, -3.0, -1.0], [1.0] * 4, measure="MC", table=table)
    priors = {"mu": "Normal(0, 10)", "tau": "HalfNormal(2)", "beta": "Normal(0, 5)"}
    fit = bm.fit(changes, priors=priors, moderators=["dose"], engine="exact", random_seed=1)
    assert "p_improved" in bm.predict(fit, at={"dose": 2}, favours="lower")


@pytest.mark.parametrize(("code", "controlled"), [("MC", False), ("PLO", False), ("MD", True), ("OR", True)])
def test_a_measure_knows_its_control(code: str, controlled: bool) -> None:
    from bayesma.measures import MEASURES

    assert MEASURES[code].controlled is controlled


def test_figures_of_changes_speak_of_changes() -> None:
    """Better and worse, no change; nobody is favoured, and nothing is called an effect or a benefit."""
    effects = bm.Effects.from_estimates([-4.0, -3.0, 1.0], [0.8] * 3, measure="MC")
    fit = bm.fit(
        effects, priors={"mu": "Normal(0, 10)", "tau": "HalfNormal(2)"}, engine="exact", random_seed=1
    )
    for draw in (
        lambda: bm.plots.posterior(fit, "mu", favours="lower", mid=2),
        lambda: bm.plots.forest(fit, favours="lower"),
    ):
        figure = draw()
        said = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
        assert "better" in said and "worse" in said
        assert not {"favours", "effect", "benefit"} & set(said.lower().replace("'", " ").split())
