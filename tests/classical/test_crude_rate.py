"""Relapses per patient-month: exact Poisson limits, and half an interval for who leaves inside it."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy.stats import poisson

from bayesma.classical.crude_rate import CrudeRate, crude_rate
from bayesma.evidence.follow_up import FollowUp

COLUMNS = {name: name for name in ("study", "start", "stop", "at_risk", "relapses", "censored")}


def of(rows: list[tuple[object, ...]]) -> CrudeRate:
    """Rate of intervals without deaths."""
    return crude_rate(FollowUp.from_frame(pd.DataFrame(rows, columns=list(COLUMNS)), **COLUMNS))


@pytest.mark.parametrize(
    ("relapses", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.025, 5.572), (7, 2.814, 14.423), (10, 4.795, 18.390)],
)
def test_limits_are_those_of_the_tables(relapses: int, low: float, high: float) -> None:
    """Garwood 1936, three printed decimals."""
    found = of([("A", 0, 12, 40, relapses, 0)])
    assert found.ci_low * found.months == pytest.approx(low, abs=5e-4)
    assert found.ci_high * found.months == pytest.approx(high, abs=5e-4)


def test_the_tails_beyond_the_limits() -> None:
    found = of([("A", 0, 9, 24, 3, 0), ("A", 9, 12, 21, 4, 0)])
    assert poisson.sf(6, found.ci_low * found.months) == pytest.approx(0.025)
    assert poisson.cdf(7, found.ci_high * found.months) == pytest.approx(0.025)


def test_who_leaves_counts_half() -> None:
    found = of([("A", 0, 12, 20, 3, 5), ("B", 2, 6, 10, 1, 0)])
    assert found.relapses == 4
    assert found.months == 12 * (20 - 0.5 * 8) + 4 * (10 - 0.5)
    assert found.rate == found.relapses / found.months


def test_splitting_an_interval_without_events_changes_nothing() -> None:
    whole, split = of([("A", 0, 12, 20, 0, 0)]), of([("A", 0, 5, 20, 0, 0), ("A", 5, 12, 20, 0, 0)])
    assert whole == split
    assert math.isfinite(whole.ci_high)
