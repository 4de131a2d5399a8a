"""Does every question that fits a model itself fit the family that was asked for?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.families import FAMILIES  # a second family for estimates, as an extension would add it
from bayesma.families.normal import Normal
from bayesma.priors import Prior

SCEPTIC = Prior("Normal", (0.0, 0.05))  # nothing else in this model has a prior that near to 0
SAME = 1e-12  # the same numbers by the same route


class Sceptical(Normal):
    """The normal family under another name, whose default of mu tells the two apart."""

    name: ClassVar[str] = "sceptical"

    def default_priors(self, evidence: Any, options: Any) -> Any:
        """Those of the normal family, but for mu."""
        return super().default_priors(evidence, options) | {"mu": SCEPTIC}


@pytest.fixture
def sceptical(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A second family for estimates, for one test."""
    monkeypatch.setattr(FAMILIES, "_members", {**FAMILIES._members, "sceptical": Sceptical()})
    yield "sceptical"


TABLE = pd.DataFrame({"cells": ["BM", "UC", "BM", "UC"]})
EFFECTS = bm.Effects.from_estimates(
    [-0.9, -0.2, -0.4, -0.6], [0.2, 0.3, 0.2, 0.25], ["A", "B", "C", "D"], "SMD", table=TABLE
)
ASKED: dict[str, Callable[..., Any]] = {
    "prior_sensitivity": lambda **given: bm.prior_sensitivity(
        EFFECTS, {"tau": ["HalfNormal(0.5)"]}, favours="lower", **given
    )["estimate"],
    "tipping_point": lambda **given: (
        bm.tipping_point(EFFECTS, {"tau": "HalfNormal(?)"}, over=(0.1, 1.0), favours="lower", **given).at_base
    ),
    "model_average": lambda **given: bm.model_average(EFFECTS, **given).estimate["mean"],
    "leave_one_out": lambda **given: bm.leave_one_out(EFFECTS, **given)["estimate"],
    "cumulative": lambda **given: bm.cumulative(EFFECTS, **given)["estimate"],
    "influence": lambda **given: bm.influence(EFFECTS, random_seed=1, **given)["shift"],
    "subsets": lambda **given: bm.subsets(EFFECTS, **given)["estimate"],
    "subgroups": lambda **given: bm.subgroups(EFFECTS, "cells", random_seed=1, **given)["mean"],
    "subgroups apart": lambda **given: bm.subgroups(EFFECTS, "cells", tau="separate", random_seed=1, **given)[
        "mean"
    ],
    "fit": lambda **given: bm.summary(bm.fit(EFFECTS, engine="exact", random_seed=1, **given))["mean"],
}


def test_every_question_that_takes_priors_and_options_takes_a_family() -> None:
    fitting = {
        name
        for name in bm.__all__
        if callable(found := getattr(bm, name))
        and not inspect.isclass(found)
        and {"priors", "options"} <= set(parameters := inspect.signature(found).parameters)
        and "evidence" in parameters
    }
    assert fitting == {name.split()[0] for name in ASKED}
    for name in fitting:
        assert "family" in inspect.signature(getattr(bm, name)).parameters, name


@pytest.mark.parametrize("name", ASKED)
def test_the_family_asked_for_is_the_one_fitted(name: str, sceptical: str) -> None:
    ask = ASKED[name]
    beta = {} if name != "subgroups" else {"beta": "Normal(0, 1)"}  # its default is that of mu
    expected = np.asarray(ask(priors={"mu": str(SCEPTIC), **beta}))
    found = np.asarray(ask(family=sceptical, priors=beta))
    np.testing.assert_allclose(found, expected, rtol=0, atol=SAME)
    usual = np.asarray(ask(priors=beta))
    assert not np.allclose(usual, expected, atol=1e-3)


@pytest.mark.parametrize("name", ASKED)
def test_a_family_for_other_evidence_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="family 'binomial' analyses TwoArmCounts, not Effects"):
        ASKED[name](family="binomial")
