"""Does a fit say what it is: model, priors with their origin, measure, engine, and what must be known?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.posterior.prior_share import prior_conflict, prior_overlap, prior_share
from bayesma.posterior.provenance import provenance


def test_defaults_are_told_from_what_was_given(effects: bm.Effects) -> None:
    fit = bm.fit(effects, priors={"tau": "HalfCauchy(1)"}, engine="exact", random_seed=1)
    origin = provenance(fit)
    assert {name: str(prior) for name, prior in origin.priors.items()} == {
        "mu": "Normal(0, 4)",
        "tau": "HalfCauchy(1)",
    }
    assert origin.default_priors == ("mu",)
    assert origin.family.name == "normal"
    assert origin.options == {
        "random_effects": "normal",
        "moderators": (),
        "moderator_unit": "sd",
        "coefficients": "independent",
    }
    assert origin.measure.code == "OR"
    assert origin.engine == "exact"
    assert origin.converged is True


def test_notes_of_the_data_travel_with_the_fit() -> None:
    effects = bm.Effects.from_estimates([0.1], [0.2], measure="SMD", notes=["Something was corrected."])
    fit = bm.fit(effects, engine="exact", random_seed=1)
    assert provenance(fit).notes == ("Something was corrected.",)


@pytest.mark.parametrize("name", ["fit", "common", "heavy"])
def test_reloaded_from_netcdf(
    name: str, reloaded: Callable[[xr.DataTree], xr.DataTree], request: pytest.FixtureRequest
) -> None:
    tree = request.getfixturevalue(name)
    assert provenance(reloaded(tree)) == provenance(tree)


QUESTIONS: dict[str, Callable[[object], object]] = {
    "summary": bm.summary,  # type: ignore[arg-type]
    "prob": lambda it: bm.prob(it, "mu", below=0.0),  # type: ignore[arg-type]
    "benefit": lambda it: bm.benefit(it, favours="lower"),  # type: ignore[arg-type]
    "shrinkage": bm.shrinkage,  # type: ignore[arg-type]
    "model_evidence": bm.model_evidence,  # type: ignore[arg-type]
    "prior_share": prior_share,  # type: ignore[arg-type]
    "prior_overlap": prior_overlap,
    "predict": bm.predict,
    "prior_conflict": prior_conflict,  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_no_fit_is_refused_by_its_kind(name: str) -> None:
    with pytest.raises(OptionError, match="a DataFrame was given; give the DataTree that fit"):
        QUESTIONS[name](pd.DataFrame({"mu": [0.1]}))


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_tree_from_elsewhere_is_refused(name: str, fit: xr.DataTree) -> None:
    bare = xr.DataTree.from_dict({"/posterior": fit["posterior"].to_dataset()})
    with pytest.raises(OptionError, match="no result of fit: it lacks the attribute 'family'"):
        QUESTIONS[name](bare)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_draws_that_are_no_numbers_are_refused(name: str, broken: float, fit: xr.DataTree) -> None:
    """Below a threshold 30 % of NaN would count as lying above it: 0.70 where 0.9995 is true."""
    spoilt = fit.copy(deep=True)
    spoilt["posterior"]["mu"].values[:, ::3] = broken
    with pytest.raises(
        OptionError, match=r"\d+ of 4000 draws 'mu' in this fit are not finite numbers .* fit again"
    ):
        QUESTIONS[name](spoilt)


@pytest.mark.parametrize("name", QUESTIONS)
def test_weights_that_are_no_numbers_are_refused(name: str, fit: xr.DataTree) -> None:
    spoilt = fit.copy(deep=True)
    spoilt["exact"]["weight"].values[0] = np.nan
    with pytest.raises(OptionError, match=r"1 of \d+ weights 'weight' in this fit are not finite numbers"):
        QUESTIONS[name](spoilt)
