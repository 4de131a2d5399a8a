"""Does NUTS give the exact answer, for every pinned posterior and on hard data, and say when not?"""

from __future__ import annotations

import json
import os
import signal
import threading

import numpy as np
import nutpie
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import BayesmaError, ConvergenceWarning
from bayesma.resources import DATA

pytestmark = pytest.mark.slow

FAR, IMPOSSIBLE = 3.0, 5.0  # MCSE; a share of SHARE may lie beyond the first, none beyond the second
SHARE = 0.01
PINNED = json.loads((DATA.folder() / "reference" / "bayesmeta.json").read_text("utf-8"))
TAU_PRIORS = {
    "halfnormal": "HalfNormal({})",
    "halfcauchy": "HalfCauchy({})",
    "uniform": "Uniform(0, {})",
    "halft4": "HalfStudentT(4, {})",
    "exponential": "Exponential({})",
}
RNG = np.random.default_rng(20261123)
HARD = {
    "k = 1": ([0.5], [0.2]),
    "k = 2": ([0.5, 0.1], [0.2, 0.3]),
    "tau near 0": ([0.1] * 10, [0.2] * 10),
    "one precise, many vague": ([0.3, *RNG.normal(0, 3, 20)], [1e-6] + [5.0] * 20),
    "k = 1000": (RNG.normal(0, 0.5, 1000), RNG.uniform(0.1, 1, 1000)),
}


def agreement(fits: list) -> pd.DataFrame:
    """All comparisons with the exact engine; every fit must have converged without a divergence."""
    for fit in fits:
        assert (fit.attrs["converged"], fit.attrs["divergences"]) == (1, 0)
    return pd.concat([bm.crosscheck(fit) for fit in fits])


@pytest.mark.long
def test_every_pinned_posterior() -> None:
    fits = []
    for name, data in PINNED.items():
        for kind, theirs in data.get("fits", {}).items() if isinstance(data, dict) else ():
            priors = {
                "mu": "Normal({}, {})".format(*theirs["mu_prior"]),
                "tau": TAU_PRIORS[kind].format(theirs["tau_prior_parameter"]),
            }
            effects = bm.Effects.from_estimates(data["y"], data["sigma"])
            seed = len(name) * 100 + len(fits)
            fits.append(bm.fit(effects, priors=priors, random_seed=seed, progressbar=False))
    assert len(fits) == 25
    z = agreement(fits)["z"].abs()
    assert (z > FAR).mean() <= SHARE
    assert z.max() < IMPOSSIBLE


@pytest.mark.parametrize("tau", ["HalfNormal(0.5)", "HalfCauchy(0.5)", "Uniform(0, 10)"])
@pytest.mark.parametrize("data", [*list(HARD)[:-1], pytest.param("k = 1000", marks=pytest.mark.long)])
def test_hard_data(data: str, tau: str) -> None:
    y, se = HARD[data]
    priors = {"mu": "Normal(0, 4)", "tau": tau}
    fit = bm.fit(bm.Effects.from_estimates(y, se), priors=priors, random_seed=3, progressbar=False)
    assert agreement([fit])["z"].abs().max() < IMPOSSIBLE


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_far_from_1(unit: float) -> None:
    effects = bm.Effects.from_estimates(np.array([1.0, 2.0, -1.0]) * unit, np.ones(3) * unit)
    priors = {"mu": f"Normal(0, {4 * unit})", "tau": f"HalfNormal({0.5 * unit})"}
    fit = bm.fit(effects, priors=priors, random_seed=3, progressbar=False)
    assert agreement([fit])["z"].abs().max() < IMPOSSIBLE


def test_a_fit_that_did_not_converge_is_loud() -> None:
    effects = bm.Effects.from_estimates([0.5, 0.1], [0.2, 0.3], measure="SMD")
    with pytest.warns(ConvergenceWarning, match=r"did not converge after 3 attempts \(r_hat .*; do not use"):
        fit = bm.fit(effects, random_seed=1, draws=4, tune=4, progressbar=False)
    assert (fit.attrs["converged"], fit.attrs["attempts"]) == (0, 3)


def test_the_same_seed_gives_the_same_draws_and_another_gives_others() -> None:
    effects = bm.Effects.from_estimates([0.5, 0.1], [0.2, 0.3], measure="SMD")
    a, b, c = (bm.fit(effects, random_seed=s, progressbar=False)["posterior"]["mu"] for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("after", [0.05, 0.3])
def test_an_interrupt_ends_the_fit(cores: int, after: float) -> None:
    """It was taken for slow convergence: twice the draws, and no word of the interrupt."""
    effects = bm.Effects.from_estimates([0.5, 0.1], [0.2, 0.3], measure="SMD")
    bm.fit(effects, random_seed=1, progressbar=False)  # compiled: what is interrupted is the sampling
    hit = threading.Timer(after, os.kill, [os.getpid(), signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):  # a slow machine is interrupted in the line before the fit
        hit.start()
        bm.fit(effects, random_seed=1, draws=2_000_000, cores=cores, progressbar=False)
    hit.join()
    again = bm.fit(effects, random_seed=1, progressbar=False)
    assert (again.attrs["converged"], again.attrs["attempts"]) == (1, 1)


def test_a_run_that_ends_early_is_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    effects = bm.Effects.from_estimates([0.5, 0.1], [0.2, 0.3], measure="SMD")

    class Short:
        """A run that somebody else ended."""

        def wait(self) -> xr.DataTree:
            """Return half of the draws."""
            return xr.DataTree.from_dict(
                {"/posterior": xr.Dataset({"mu": (("chain", "draw"), np.zeros((4, 500)))})}
            )

    monkeypatch.setattr(nutpie, "sample", lambda *_, **__: Short())
    with pytest.raises(
        BayesmaError, match="ended early: 4 chains of 500 draws are there, and 4 of 1000 were"
    ):
        bm.fit(effects, random_seed=1, progressbar=False)
