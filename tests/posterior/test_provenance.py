"""Does a fit say what it is: model, priors with their origin, measure, engine, and what must be known?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xarray as xr

import bayesma as bm
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
    assert origin.options == {"random_effects": "normal"}
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
