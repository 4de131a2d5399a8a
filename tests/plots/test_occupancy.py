"""`occupancy`: areas that add up to all patients, named where they have room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import bayesma as bm
from bayesma.errors import OptionError

from .conftest import axes_of, collisions, words

STATES = ("active", "partial", "major", "relapsed", "dead")


def cohort(months: np.ndarray, states: tuple[str, ...] = STATES) -> pd.DataFrame:
    """Simulated shares: all active at first, then as a random walk has it."""
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(0.0, 1.0, (len(states), months.size)), axis=1)
    level[0, 0] += 40.0
    share = np.exp(level) / np.exp(level).sum(axis=0)
    rows = pd.MultiIndex.from_product([states, months], names=["state", "month"])
    mean = share.reshape(-1)
    return pd.DataFrame({"mean": mean, "ci_low": 0.8 * mean, "ci_high": np.sqrt(mean)}, rows)


@pytest.mark.parametrize("width", [4.0, 7.2, 14.0])
@pytest.mark.parametrize("months", [np.arange(13.0), np.arange(61.0), np.array([0.0, 6.0])], ids=len)
@pytest.mark.parametrize("states", [STATES, ("active", "partial")], ids=len)
def test_no_texts_collide(states: tuple[str, ...], months: np.ndarray, width: float) -> None:
    assert collisions(bm.plots.occupancy(cohort(months, states), width=width, title="Cohort")) == []


def test_areas_are_the_means_one_on_another() -> None:
    months = np.arange(13.0)
    table = cohort(months)
    figure = bm.plots.occupancy(table)
    areas = {c.get_label(): c.get_paths()[0].vertices for c in axes_of(figure, "graph").collections}
    below = np.zeros(13)
    for state in ("major", "partial", "active", "relapsed", "dead"):
        mean = table.loc[state, "mean"].to_numpy()
        ends = [areas[f"_{state}"][areas[f"_{state}"][:, 0] == month, 1] for month in months]
        np.testing.assert_allclose([end.max() for end in ends], below + mean, atol=1e-12)
        np.testing.assert_allclose([end.min() for end in ends], below, atol=1e-12)
        below = below + mean
    assert "At month 12 (posterior mean [credible interval]): dead" in words(figure)


def test_the_order_of_rows_is_of_no_account() -> None:
    table = cohort(np.arange(13.0))
    shuffled = table.sample(frac=1.0, random_state=1).swaplevel()
    assert words(bm.plots.occupancy(shuffled)) == words(bm.plots.occupancy(table))


def test_what_the_table_says_of_itself_is_told() -> None:
    table = cohort(np.arange(13.0))
    table.attrs = {"notes": ["responses come at month 3"], "converged": False}
    said = words(bm.plots.occupancy(table))
    assert "Responses come at month 3." in said
    assert said.count("NOT CONVERGED") == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table["mean"], "a Series was given"),
        (lambda table: table.reset_index(), "it needs rows by state and month"),
        (lambda table: table.drop(columns="ci_low"), "it needs rows by state and month"),
        (lambda table: table.rename(index={"major": "cured"}), "a state 'cured'"),
        (lambda table: table[table.index.get_level_values("state") != "dead"], "add up to"),
        (lambda table: table.iloc[:-1], "same months"),
        (lambda table: table.xs(3.0, level="month", drop_level=False), "two at least"),
    ],
)
def test_other_tables_are_refused(change: Callable[[pd.DataFrame], object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        bm.plots.occupancy(change(cohort(np.arange(13.0))))  # type: ignore[arg-type]
