"""Mean and SD from medians: pinned values, what normal samples give back, shift and scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtri

from bayesma.evidence.five_numbers import from_five, from_quartiles, from_range, skewness

Array = NDArray[np.float64]
type Formula = Callable[..., tuple[Array, Array]]

FORMULAS: dict[str, tuple[Formula, tuple[int, ...]]] = {
    "range": (from_range, (0, 2, 4)),
    "quartiles": (from_quartiles, (1, 2, 3)),
    "five": (from_five, (0, 1, 2, 3, 4)),
}
DIGITS = 5e-7  # half a unit of the last printed digit


def applied(name: str, five: Array, n: Array) -> tuple[Array, Array]:
    """A formula on its numbers among (minimum, q1, median, q3, maximum), shape (5, rows)."""
    formula, used = FORMULAS[name]
    return formula(*five[list(used)], n)


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [("range", 6.594468, 3.211576), ("quartiles", 6.719500, 4.787076), ("five", 6.938841, 3.679435)],
)
def test_the_example_of_metafor(name: str, mean: float, sd: float) -> None:
    """Help page of conv.fivenum (metafor), first example: n = 20."""
    five = np.array([[2.0], [4.0], [6.0], [10.0], [14.0]])
    got = applied(name, five, np.array([20.0]))
    assert got[0] == pytest.approx([mean], abs=DIGITS)
    assert got[1] == pytest.approx([sd], abs=DIGITS)


def test_the_skewness_of_the_examples_of_metafor() -> None:
    """Help page of conv.fivenum (metafor), first and third example, to the three decimals printed there."""
    none = np.nan
    five = np.array(
        [[2.0, none, 2, 2], [none, 4, 4, 4], [6, 6, 6, 6], [none, 10, 10, 14], [14, none, 14, 20]]
    )
    found, limit = skewness(*five, np.full(4, 20.0))
    assert found == pytest.approx([0.333, 0.333, 0.491, 0.818], abs=5e-4)
    assert limit == pytest.approx([0.416, 0.578, 0.666, 0.666], abs=5e-4)


@pytest.mark.parametrize("shown", [(0, 2, 4), (1, 2, 3), (0, 1, 2, 3, 4)])
def test_five_percent_of_normal_samples_are_called_skewed(shown: tuple[int, ...]) -> None:
    rng, n = np.random.default_rng(8), 41
    values = np.sort(rng.standard_normal((20_000, n)), axis=1)
    five = np.full((5, 20_000), np.nan)
    five[list(shown)] = values[:, [0, 10, 20, 30, 40]].T[list(shown)]
    found, limit = skewness(*five, np.full(20_000, float(n)))
    assert np.mean(found >= limit) == pytest.approx(0.05, abs=0.01)  # the limits are fitted curves


def test_the_example_of_metablue() -> None:
    """Help page of Wan.std (metaBLUE): 1, 4, 10 and n = 30."""
    _, sd = from_range(*np.array([[1.0], [4.0], [10.0], [30.0]]))
    assert sd == pytest.approx([2.205578], abs=DIGITS)


@pytest.mark.parametrize("name", FORMULAS)
def test_normal_quantiles_of_a_large_sample_give_back_mean_and_sd(name: str) -> None:
    n = 1e8
    five = 50 + 7 * ndtri(np.array([[0.5 / n], [0.25], [0.5], [0.75], [1 - 0.5 / n]]))
    mean, sd = applied(name, five, np.array([n]))
    assert mean == pytest.approx([50.0])
    # the expected largest of n values is no quantile: 0.5 / n is right to 1 % at this n
    assert sd == pytest.approx([7.0], rel=1e-7 if name == "quartiles" else 0.01)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("n", [9, 25, 101])
def test_small_normal_samples_give_back_mean_and_sd_on_average(name: str, n: int) -> None:
    rng = np.random.default_rng(n)
    values = np.sort(3 + 2 * rng.standard_normal((20_000, n)), axis=1)
    five = values[:, [0, (n - 1) // 4, (n - 1) // 2, 3 * (n - 1) // 4, n - 1]].T
    mean, sd = applied(name, five, np.full(20_000, float(n)))
    assert mean.mean() == pytest.approx(3.0, abs=4 * mean.std() / np.sqrt(20_000))
    assert sd.mean() == pytest.approx(2.0, rel=0.03)  # Blom's approximation of the scores


@given(
    steps=st.lists(st.floats(0.0, 100.0), min_size=4, max_size=4),
    shift=st.floats(-100.0, 100.0),
    scale=st.floats(0.01, 100.0),
    n=st.integers(5, 10_000),
)
@pytest.mark.parametrize("name", FORMULAS)
def test_shift_scale_and_reflection(
    name: str, steps: list[float], shift: float, scale: float, n: int
) -> None:
    five, size = np.cumsum([0.0, *steps])[:, None], np.array([float(n)])
    mean, sd = applied(name, five, size)
    moved = applied(name, shift + scale * five, size)
    tiny = 1e-10 * (1 + abs(shift) + scale * five.max())
    assert moved[0] == pytest.approx(shift + scale * mean, abs=tiny)
    assert moved[1] == pytest.approx(scale * sd, abs=tiny)
    mirrored = applied(name, -five[::-1], size)
    assert mirrored[0] == pytest.approx(-mean, abs=tiny)
    assert mirrored[1] == pytest.approx(sd, abs=tiny)
