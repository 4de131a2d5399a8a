"""Do NUTS and exact integration agree, for the shipped analyses, within Monte Carlo error?

Of the analyses of counts two stand for all: their models are compiled anew for every number of studies, a
quarter of a minute each. NUTS on the others' models is in `tests/engines/test_oracles_counts.py` and in the
contract; over several visits it is held to Stan in `tests/families/test_longitudinal.py`, of relapses in
`tests/engines/test_oracle_relapse.py`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.resources import MODELS

pytestmark = pytest.mark.long

# In Monte Carlo standard errors: 0.27 % of normal deviates lie beyond 3, one in 1.7 million beyond 5.
FAR, NEVER = 3.0, 5.0
SHARE_BEYOND_FAR = 0.01

# Ten of some two thousand effective draws: nearer to 0 or 1 a share of draws is judged by its size alone.
EXTREME = 0.01

NOT_HERE = {"bcg_counts", "crins2014_counts", "deng2017_safety", "msc_response", "msc_survival", "pritz1997"}
NOT_HERE |= {"ishak2007", "msc_sledai", "zhou2020_longitudinal", "msc_relapse", "wang2014"}
NAMES = [name for name in MODELS.names() if name not in NOT_HERE]

# Thousands of draws against exact probabilities: MCSE is at most 0.02.
NEAR = 0.1


@cache
def sampled(name: str) -> Analysis:
    """A shipped analysis by NUTS, once."""
    return bm.run(name, engine="nuts", progressbar=False)


def comparisons(analysis: Analysis) -> pd.DataFrame:
    """Every comparison of every fit."""
    tables = {}
    for result in analysis.results:
        assert result.crosscheck is not None, result.job.name
        tables[result.job.name] = result.crosscheck
    return pd.concat(tables)


@pytest.mark.parametrize("name", NAMES)
def test_none_is_far_off(name: str) -> None:
    table = comparisons(sampled(name))
    assert np.isfinite(table[["exact", "nuts", "difference"]]).all(axis=None)
    assert table[table["z"].abs() > NEVER].empty


@pytest.mark.parametrize("name", NAMES)
def test_every_comparison_can_fail(name: str) -> None:
    """Only a probability near 0 or 1 has no Monte Carlo error; its draws must be near 0 or 1 too."""
    table = comparisons(sampled(name))
    blind = table[table["z"].isna()]
    assert (blind["quantity"] == "P(< 0)").all()
    assert (np.minimum(blind["exact"], 1 - blind["exact"]) < EXTREME).all()
    assert (blind["difference"].abs() < EXTREME).all()


def test_few_are_beyond_three() -> None:
    z = pd.concat([comparisons(sampled(name)) for name in NAMES])["z"].dropna().abs()
    assert z.size > 300
    assert (z > FAR).mean() <= SHARE_BEYOND_FAR


@pytest.mark.parametrize("name", NAMES)
def test_all_converged_without_divergences(name: str) -> None:
    analysis = sampled(name)
    for result in analysis.results:
        assert result.fit.attrs["converged"] == 1, result.job.name
        assert result.fit.attrs["divergences"] == 0, result.job.name
        assert int(result.fit["sample_stats"]["diverging"].sum()) == 0, result.job.name
    assert analysis.table()["converged"].all()


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_the_same(name: str) -> None:
    """The table a reader takes away does not depend on the engine."""
    ours, exact = sampled(name).table(), bm.run(name, engine="exact").table()
    assert ours.columns.tolist() == exact.columns.tolist()
    for column in ("p_benefit", "p_mid", "p_harm", "p_benefit_new", "p_mid_new"):
        np.testing.assert_allclose(ours[column], exact[column], atol=NEAR, err_msg=column)
    frequentist = [column for column in ours.columns if column.startswith("frequentist")]
    pd.testing.assert_frame_equal(ours[frequentist], exact[frequentist])


@pytest.mark.parametrize("name", NAMES)
def test_references_are_met_under_nuts_too(name: str) -> None:
    assert [check for check in sampled(name).references if not check.met] == []


def test_what_is_left_out_exists() -> None:
    assert set(MODELS.names()) > NOT_HERE
