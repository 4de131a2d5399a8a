"""Figures of counts: events beside each study, no square without an estimate, no null for single arms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesma as bm
from bayesma.errors import OptionError
from bayesma.measures import MEASURES
from bayesma.plots.scale import given_limits, ticks
from bayesma.words.numbers import Interval, estimate_texts

from .conftest import axes_of, collisions, points, words

PLO = MEASURES["PLO"]


@pytest.fixture(scope="module")
def trials() -> xr.DataTree:
    """Four trials, one of them without any event."""
    counts = bm.TwoArmCounts.from_counts(
        [1, 0, 4, 0], [40, 22, 61, 30], [5, 3, 9, 0], [41, 20, 60, 31], list("ABCD")
    )
    return bm.fit(counts, engine="exact", random_seed=1, draws=50)


@pytest.fixture(scope="module")
def arms() -> xr.DataTree:
    """Three single arms, one without events."""
    counts = bm.ArmCounts.from_counts([3, 5, 0], [20, 31, 12], ["A", "B", "C"])
    return bm.fit(counts, engine="exact", random_seed=1, draws=50)


def test_counts_stand_beside_the_studies(trials: xr.DataTree) -> None:
    figure = bm.plots.forest(trials, favours="lower", treatment="MSCT", control="placebo")
    said = words(figure)
    for text in ("1/40", "5/41", "0/30", "0/31", "events/patients", "MSCT", "1/2 added"):
        assert text in said
    assert collisions(figure) == []


def test_a_trial_without_events_has_no_square_and_says_why(trials: xr.DataTree) -> None:
    figure = bm.plots.forest(trials, favours="lower")
    assert len(points(figure, "_observed point")) == 3
    assert len(points(figure, "_posterior point")) == 4
    assert "no estimate: no event in" in words(figure)


def test_alone_it_still_draws() -> None:
    counts = bm.TwoArmCounts.from_counts([0], [12], [0], [6])
    fit = bm.fit(counts, engine="exact", random_effects="none", random_seed=1, draws=50)
    answers = {"MH": bm.mantel_haenszel(counts)}
    figure = bm.plots.forest(fit, favours="lower", frequentist=answers)
    assert "not defined" in words(figure)
    assert collisions(figure) == []


def test_a_ratio_is_never_printed_as_nought() -> None:
    rows = [Interval(math.log(0.41), -20.0, 6.2), Interval(math.log(9.02), -2.4, 7.9)]
    assert [text.split(" ")[0] for text in estimate_texts(rows, MEASURES["OR"])] == ["0.41", "9.0"]


def test_single_arms_have_no_null_and_no_effect(arms: xr.DataTree) -> None:
    for figure in (bm.plots.forest(arms), bm.plots.posterior(arms), bm.plots.posterior(arms, "theta_new")):
        assert points(figure, "_null").size == 0
        assert "effect" not in words(figure)
        assert "above 0.5" not in words(figure)
        assert collisions(figure) == []
    assert "Median proportion over settings" in words(bm.plots.forest(arms))
    assert "logit" in words(bm.plots.posterior(arms))


def test_ticks_of_proportions_stand_at_their_logits(arms: xr.DataTree) -> None:
    graph = axes_of(bm.plots.forest(arms), "graph")
    shares = np.array([float(label.get_text()) for label in graph.get_xticklabels()])
    np.testing.assert_allclose(np.log(shares / (1 - shares)), graph.get_xticks(), rtol=1e-9, atol=1e-9)


def test_limits_are_proportions(arms: xr.DataTree) -> None:
    graph = axes_of(bm.plots.forest(arms, xlim=(0.01, 0.9)), "graph")
    np.testing.assert_allclose(graph.get_xlim(), [math.log(0.01 / 0.99), math.log(9.0)], rtol=1e-12)
    for xlim in ((0.0, 0.5), (0.5, 1.0), (0.5, 0.2)):
        with pytest.raises(OptionError, match="xlim"):
            given_limits(xlim, PLO)


@pytest.mark.parametrize("options", [{"favours": "lower"}, {"favours": "lower", "mid": 0.2}])
def test_single_arms_favour_nobody(arms: xr.DataTree, options: dict[str, object]) -> None:
    for plot in (bm.plots.posterior, bm.plots.forest) if "mid" not in options else (bm.plots.posterior,):
        with pytest.raises(OptionError):
            plot(arms, **options)


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ((0.5, 0.2, 0.8), "0.50 [0.20, 0.80]"),
        ((0.019, 0.0019, 0.084), "0.019 [0.002, 0.084]"),
        ((0.0001, 0.00001, 0.3), "<0.001 [<0.001, 0.30]"),
        ((0.9, 0.6, 0.9999), "0.90 [0.60, >0.999]"),
    ],
)
def test_proportions_never_round_to_0_or_1(shares: tuple[float, float, float], text: str) -> None:
    logits = [math.log(share / (1 - share)) for share in shares]
    assert estimate_texts([Interval(*logits)], PLO) == [text]


@given(st.floats(-30, 30), st.floats(0.1, 40))
def test_ticks_of_proportions_are_inside_and_differ(low: float, width: float) -> None:
    span = (low, low + width)
    places, labels = ticks(span, 3.4, 9.0, "logit")
    assert all(span[0] <= place <= span[1] for place in places)
    assert len(set(labels)) == len(labels)
    assert all(0.0 < float(label.replace("\u2212", "-")) < 1.0 for label in labels)


def test_a_beta_binomial_draws() -> None:
    counts = bm.ArmCounts.from_counts([3, 5, 0], [20, 31, 12], ["A", "B", "C"])
    fit = bm.fit(counts, engine="exact", distribution="beta-binomial", random_seed=1, draws=50)
    assert "Mean proportion over settings" in words(bm.plots.forest(fit))
    assert collisions(bm.plots.posterior(fit, "mean")) == []
