"""Fits that several questions are asked of; all exact, so that they take milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import bayesma as bm
from bayesma.resources import DATA

Y, SE, STUDY = [-0.5, -0.2, 0.3], [0.2, 0.3, 0.25], ["Aronson 1948", "B [2]", "C"]


@pytest.fixture(scope="session")
def pinned() -> dict[str, Any]:
    """Answers of bayesmeta 3.4."""
    return dict(json.loads((DATA.folder() / "reference" / "bayesmeta.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def effects() -> bm.Effects:
    """Three studies on the log odds scale, labels with blanks and brackets."""
    return bm.Effects.from_estimates(Y, SE, STUDY, measure="OR")


@pytest.fixture(scope="session")
def fit(effects: bm.Effects) -> xr.DataTree:
    """Random effects, default priors."""
    return bm.fit(effects, engine="exact", random_seed=1)


@pytest.fixture(scope="session")
def common(effects: bm.Effects) -> xr.DataTree:
    """One common effect."""
    return bm.fit(effects, engine="exact", random_seed=1, random_effects="none")


@pytest.fixture(scope="session")
def heavy() -> xr.DataTree:
    """Two studies, flat mu, half-Cauchy tau: the means of mu, tau and theta_new exist, their sds do not."""
    two = bm.Effects.from_estimates([-0.5, 0.2], [0.2, 0.3], ["A", "B"])
    return bm.fit(two, priors={"mu": "Flat()", "tau": "HalfCauchy(0.5)"}, engine="exact", random_seed=1)


@pytest.fixture(scope="session")
def heaviest() -> xr.DataTree:
    """One study, flat mu, half-Cauchy tau: not even the means of mu, tau and theta_new exist."""
    one = bm.Effects.from_estimates([-0.5], [0.2], ["A"])
    return bm.fit(one, priors={"mu": "Flat()", "tau": "HalfCauchy(0.5)"}, engine="exact", random_seed=1)


@pytest.fixture
def reloaded(tmp_path: Path) -> Callable[[xr.DataTree], xr.DataTree]:
    """A fit written to netCDF and read back."""

    def through_file(fit: xr.DataTree) -> xr.DataTree:
        path = tmp_path / "fit.nc"
        fit.to_netcdf(path, engine="h5netcdf")
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree.load()

    return through_file


@pytest.fixture(scope="session")
def exactly() -> Callable[..., xr.DataTree]:
    """Exact fit of bare numbers."""

    def of(
        y: list[float],
        se: list[float],
        priors: Mapping[str, str],
        study: list[str] | None = None,
        **options: str,
    ) -> xr.DataTree:
        data = bm.Effects.from_estimates(y, se, study)
        return bm.fit(data, priors=priors, engine="exact", random_seed=1, draws=2, chains=1, **options)

    return of
