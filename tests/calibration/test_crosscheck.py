"""Does `crosscheck` hold the comparison it promises, and see an engine that is wrong?"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError

COLUMNS = ["quantity", "exact", "nuts", "difference", "mcse", "z"]
WRONG = 5.0  # |z| of which one in a million is chance


@pytest.fixture(scope="module")
def effects() -> bm.Effects:
    """Three studies."""
    return bm.Effects.from_estimates([-0.5, -0.2, 0.3], [0.2, 0.3, 0.25], ["A", "B", "C"], measure="OR")


@pytest.fixture(scope="module")
def sampled(effects: bm.Effects) -> xr.DataTree:
    """A fit by NUTS."""
    return bm.fit(effects, random_seed=1)


def test_an_exact_fit_holds_none(effects: bm.Effects) -> None:
    fit = bm.fit(effects, engine="exact", random_seed=1)
    with pytest.raises(OptionError) as raised:
        bm.crosscheck(fit)
    assert str(raised.value) == (
        "this fit holds no comparison of engines: it came from engine='exact'; fit with engine='nuts'"
    )


@pytest.mark.slow
def test_shape(sampled: xr.DataTree) -> None:
    table = bm.crosscheck(sampled)
    assert table.columns.tolist() == COLUMNS
    assert table.index.name == "parameter"
    assert set(table.index) == set(bm.summary(sampled).index)
    assert set(table["quantity"]) == {"mean", "P(< 0)"}
    both = {"mu", "theta[A]", "theta[B]", "theta[C]", "theta_new"}
    assert set(table.index[table["quantity"] == "P(< 0)"]) == both


@pytest.mark.slow
def test_meaning(effects: bm.Effects, sampled: xr.DataTree) -> None:
    table = bm.crosscheck(sampled)
    means = table[table["quantity"] == "mean"]
    exact = bm.fit(effects, engine="exact", random_seed=2)
    np.testing.assert_allclose(means["exact"], bm.summary(exact).loc[means.index, "mean"], rtol=1e-12)
    ours = bm.summary(sampled).loc[means.index]
    np.testing.assert_allclose(means["nuts"], ours["mean"], rtol=1e-12)
    widened = ours["mcse_mean"] * bm.summary(exact).loc[means.index, "sd"] / ours["sd"]  # with the exact sd
    np.testing.assert_allclose(means["mcse"], widened, rtol=1e-9)
    np.testing.assert_allclose(table["difference"], table["nuts"] - table["exact"], rtol=1e-12)
    np.testing.assert_allclose(table["z"], table["difference"] / table["mcse"], rtol=1e-12)
    assert table["z"].abs().max() < WRONG


@pytest.mark.slow
def test_quartiles_where_the_variance_is_infinite() -> None:
    two = bm.Effects.from_estimates([-0.5, 0.2], [0.2, 0.3], ["A", "B"])
    priors = {"mu": "Flat()", "tau": "HalfCauchy(0.5)"}
    table = bm.crosscheck(bm.fit(two, priors=priors, random_seed=1, target_accept=0.99))
    assert "mean" not in set(table.loc["mu", "quantity"])
    assert (table.loc["tau", "quantity"].str.contains("quantile")).all()
    assert table.loc["theta[A]", "quantity"].tolist() == ["mean", "P(< 0)"]
    assert table["z"].abs().max() < WRONG


@pytest.mark.slow
def test_a_wrong_integral_is_seen(effects: bm.Effects, monkeypatch: pytest.MonkeyPatch) -> None:
    """The integral of data half an sd away must not pass as agreement."""
    from bayesma.engines import nuts

    right = nuts.exact_group

    def wrong(setting: object) -> object:
        """The exact answer, with mu moved by half its sd."""
        grid = right(setting)  # type: ignore[arg-type]
        assert grid is not None
        return grid.assign(mu_mean=grid["mu_mean"] + 0.5 * grid["mu_sd"])

    monkeypatch.setattr(nuts, "exact_group", wrong)
    assert bm.crosscheck(bm.fit(effects, random_seed=1))["z"].abs().max() > WRONG


@pytest.mark.long
def test_no_integral_no_comparison(effects: bm.Effects) -> None:
    # no grid follows degrees of freedom near 0
    fit = bm.fit(effects, random_effects="student_t", priors={"nu": "Gamma(2, 0.1)"}, random_seed=1)
    with pytest.raises(OptionError, match=r"the exact engine cannot integrate this model with these priors$"):
        bm.crosscheck(fit)
