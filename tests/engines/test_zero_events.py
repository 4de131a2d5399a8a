"""Does a fit itself say how far trials without events move mu, and warn where they make a direction?"""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.engines.zero_events import NAMED, zero_events
from bayesma.errors import DataWarning

THREE = ([3, 4, 2], [100, 120, 90], [3, 4, 2], [100, 120, 90])
NARROW = {"alpha": "Normal(0, 10)"}
SAME = 1e-8  # exact integrals of the same posterior


def with_silent(k: int, n_treat: int, n_ctrl: int, **columns: Any) -> bm.TwoArmCounts:
    """Three trials with as many events in either arm, and k trials without any."""
    nothing = ([0] * k, [n_treat] * k, [0] * k, [n_ctrl] * k)
    return bm.TwoArmCounts.from_counts(*(a + b for a, b in zip(THREE, nothing, strict=True)), **columns)


def exact(counts: Any, priors: dict[str, str] | None = None, **options: Any) -> xr.DataTree:
    """By the exact engine, without a word."""
    return bm.fit(counts, priors=priors, engine="exact", random_seed=1, draws=2, chains=1, **options)


def notes(fit: xr.DataTree) -> list[str]:
    """Those of trials without events, as stored."""
    return [note for note in json.loads(fit.attrs["notes"]) if note.startswith("Kept")]


def test_the_note_is_the_refit_it_names() -> None:
    counts = with_silent(2, 200, 100)
    fit, rest = exact(counts, NARROW), exact(bm.TwoArmCounts.from_counts(*THREE), NARROW)
    (note,) = notes(fit)
    found = zero_events(fit)
    assert found is not None and str(found) == note
    assert found.studies == ("study 4 (0/200 v 0/100)", "study 5 (0/200 v 0/100)")
    with_, without = (bm.summary(one, parameters="mu").loc["mu"] for one in (fit, rest))
    assert found.moved == pytest.approx((with_["mean"] - without["mean"]) / with_["sd"], abs=SAME)
    below = f"P(mu < 0) from {bm.prob(rest, 'mu', below=0.0):.3f} to {bm.prob(fit, 'mu', below=0.0):.3f}"
    assert below in note
    conditional = bm.prob(exact(counts, baseline="conditional"), "mu", below=0.0)
    assert f"it is {conditional:.3f} under the conditional likelihood" in note
    assert zero_events(rest) is None and notes(rest) == []


def test_trials_that_make_a_direction_are_loud() -> None:
    """Sixty of 0/200 v 0/100: silent under the defaults (0.517), loud under a narrower prior (0.694)."""
    counts = with_silent(60, 200, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (note,) = notes(exact(counts))
    assert f"; and {60 - NAMED} more" in note
    said = (
        r"60 of 63 studies have the same outcome .* from 0\.500 to 0\.694.*\(alpha ~ Normal\(0, 10\)\); use"
    )
    with pytest.warns(DataWarning, match=said):
        exact(counts, NARROW)


def test_the_control_arm_as_baseline_is_loud() -> None:
    thirty = bm.TwoArmCounts.from_counts([0] * 30, [50] * 30, [0] * 30, [50] * 30)
    with pytest.warns(DataWarning, match=r"30 of 30 studies .* move P\(mu < 0\) from 0\.500 to 0\.988"):
        fit = exact(thirty, NARROW, coding="control")
    found = zero_events(fit)
    assert found is not None and found.nothing
    assert "No study has a contrast between its arms: the data say nothing of the effect" in notes(fit)[0]


def test_the_conditional_likelihood_needs_no_refit() -> None:
    (note,) = notes(exact(with_silent(2, 200, 100), baseline="conditional"))
    assert "contribute nothing to mu and tau, exactly" in note


def test_with_moderators_it_is_compared_with_the_conditional_alone() -> None:
    """Without these trials the moderator would be centred elsewhere, and mu be another effect."""
    table = pd.DataFrame({"dose": np.arange(4.0)})
    (note,) = notes(exact(with_silent(1, 200, 100, table=table), moderators=["dose"]))
    assert "refitted without" not in note
    assert "under the conditional likelihood" in note


def test_single_arms_count_in_full() -> None:
    (note,) = notes(exact(bm.ArmCounts.from_counts([0, 3, 8], [40, 20, 8])))
    assert "study 1 (0/40); study 3 (8/8). They count in full (no event: " in note
    assert notes(exact(bm.ArmCounts.from_counts([1, 3], [40, 20]))) == []


@pytest.mark.long
def test_a_sampled_fit_says_the_same() -> None:
    """By NUTS: random baselines have no integral, so they are held against the conditional."""
    counts = with_silent(2, 200, 100)
    (note,) = notes(bm.fit(counts, baseline="random", random_seed=1, progressbar=False))
    assert "They inform the distribution of the baselines" in note
    assert "and 0.500 under the conditional likelihood" in note


@pytest.mark.long
def test_a_sampled_baseline_without_events_is_clean() -> None:
    """Its likelihood is a wall on one side and level on the other: 5 steps a draw, not 60."""
    counts = bm.TwoArmCounts.from_counts([0], [12], [0], [6])
    fit = bm.fit(counts, random_effects="none", random_seed=1, progressbar=False)
    assert [fit.attrs[name] for name in ("converged", "divergences", "attempts")] == [1, 0, 1]
    assert float(fit["sample_stats"]["n_steps"].mean()) < 15.0
    assert float(fit["crosscheck"]["z"].max()) < 5.0
