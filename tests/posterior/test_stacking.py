"""Weights of several models, and the mixture they make."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import bayesma as bm
from bayesma.errors import OptionError

EFFECTS = bm.Effects.from_estimates(
    [-0.5, -0.2, 0.1, 1.4, -0.3], [0.2, 0.3, 0.25, 0.1, 0.2], ["A", "B", "C", "D", "E"], measure="SMD"
)


@pytest.fixture(scope="module")
def fits():
    kinds = ("normal", "student_t", "none")
    return {one: bm.fit(EFFECTS, random_effects=one, engine="exact", random_seed=1) for one in kinds}


def test_evidence_weights_are_the_posterior_probabilities(fits) -> None:
    table = bm.stacking(fits, weights="evidence", favours="lower")
    levels = np.array([bm.model_evidence(fit)["log_evidence"] for fit in fits.values()])
    share = np.exp(levels - levels.max()) / np.exp(levels - levels.max()).sum()
    np.testing.assert_allclose(table["weight"], [*share, 1.0], rtol=1e-12)
    for label, fit in fits.items():
        row = bm.summary(fit, parameters=["mu"]).loc["mu"]
        for name in ("mean", "sd", "median", "ci_low", "ci_high"):
            assert table.loc[label, name] == pytest.approx(row[name], rel=1e-9)
    mixed = table.loc["averaged"]
    assert mixed["mean"] == pytest.approx(share @ table["mean"].iloc[:3], rel=1e-12)
    assert mixed["p_benefit"] == pytest.approx(share @ table["p_benefit"].iloc[:3], rel=1e-12)
    for q, name in ((0.5, "median"), (0.025, "ci_low"), (0.975, "ci_high")):
        below = sum(
            w * bm.prob(fit, "mu", below=mixed[name]) for w, fit in zip(share, fits.values(), strict=True)
        )
        assert below == pytest.approx(q, abs=1e-9)


def test_stacking_maximises_the_log_score_of_left_out_studies(fits) -> None:
    """Two models: the weight is the root of a one-dimensional problem, from `influence` here."""
    two = {name: fits[name] for name in ("normal", "none")}
    weight = bm.stacking(two)["weight"]
    each = {
        name: np.exp(bm.influence(EFFECTS, random_effects=name, random_seed=1)["elpd_loo"].to_numpy())
        for name in two
    }

    def score(w):
        return -np.log(w * each["normal"] + (1 - w) * each["none"]).sum()

    best = minimize_scalar(score, bounds=(0.0, 1.0), method="bounded").x
    assert weight["normal"] == pytest.approx(best, abs=0.02)
    assert weight.iloc[:2].sum() == pytest.approx(1.0) and weight["averaged"] == 1.0


def test_own_weights_and_a_mixture_of_one_model_is_that_model(fits) -> None:
    table = bm.stacking(fits, weights={"normal": 1.0, "student_t": 0.0, "none": 0.0})
    columns = ["mean", "sd", "median", "ci_low", "ci_high"]
    np.testing.assert_allclose(table.loc["averaged", columns], table.loc["normal", columns], rtol=1e-7)


def test_what_cannot_be_mixed_is_refused(fits) -> None:
    other = bm.Effects.from_estimates([0.1, 0.2], [0.1, 0.2], ["X", "Y"], measure="SMD")
    with pytest.raises(OptionError, match="fits 'normal' and 'other' are of different studies or measures"):
        bm.stacking({"normal": fits["normal"], "other": bm.fit(other, engine="exact", random_seed=1)})
    with pytest.raises(OptionError, match="stacking takes two or more fits by label"):
        bm.stacking({"normal": fits["normal"]})
    with pytest.raises(OptionError, match="fit 'none' has no single number called 'tau'"):
        bm.stacking(fits, "tau")
    with pytest.raises(OptionError, match="a fit is called 'averaged'"):
        bm.stacking({"averaged": fits["normal"], "none": fits["none"]})


@pytest.mark.parametrize("weights", ["evidence", {"normal": 0.5, "none": 0.5}])
@pytest.mark.parametrize(("y", "se", "name"), [(-1.0, 1.0, "y"), (1.0, 2.0, "se")])
def test_other_numbers_under_the_same_labels_are_refused(fits, weights, y, se, name) -> None:
    other = bm.Effects.from_estimates(y * EFFECTS.y, se * EFFECTS.se, list(EFFECTS.study), measure="SMD")
    mixed = {
        "normal": fits["normal"],
        "none": bm.fit(other, random_effects="none", engine="exact", random_seed=1),
    }
    with pytest.raises(OptionError, match=f"'normal' and 'none' are of the same .* their {name} differ"):
        bm.stacking(mixed, weights=weights)


def test_evidence_needs_proper_priors(fits) -> None:
    flat = bm.fit(EFFECTS, priors={"mu": "Flat()"}, engine="exact", random_seed=1)
    with pytest.raises(OptionError, match=r"fit 'flat' has no evidence: .*improper.*; give it proper priors"):
        bm.stacking({"flat": flat, "normal": fits["normal"]}, weights="evidence")


def test_moments_that_do_not_exist_are_not_printed() -> None:
    """Two studies, mu flat, tau half-Cauchy: a mean without an sd, as in `summary`; weight 0 adds none."""
    two = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    wide, tight = {"mu": "Flat()", "tau": "HalfCauchy(0.5)"}, {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}
    both = {
        name: bm.fit(two, priors=priors, engine="exact", random_seed=1)
        for name, priors in (("wide", wide), ("tight", tight))
    }
    table = bm.stacking(both, weights={"wide": 0.5, "tight": 0.5})
    assert np.isinf(table["sd"]).tolist() == [True, False, True] and np.isfinite(table["mean"]).all()
    assert table.loc["wide", "sd"] == bm.summary(both["wide"]).loc["mu", "sd"]
    without = bm.stacking(both, weights={"wide": 0.0, "tight": 1.0})
    # sums with a weight of 0 in them
    assert without.loc["averaged", "sd"] == pytest.approx(without.loc["tight", "sd"], rel=1e-12)
