"""A trajectory averaged over shapes of its mean: weighted sums, weights, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import OptionError

LINEAR = ["mean", "P(> -1)", "p_benefit"]
# Quantiles of 4,000 draws against the exact ones.
DRAWS = 0.1


def evidence(shift: float = 0.0) -> bm.Trajectories:
    """Five simulated studies at three visits."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "study": np.repeat(list("ABCDE"), 3),
            "month": [1, 6, 12] * 5,
            "y": -1.0 + shift + rng.normal(0.0, 0.4, 15),
            "se": 0.3,
        }
    )
    return bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.4
    )


def fitted(shape: str, shift: float = 0.0) -> xr.DataTree:
    """An exact fit."""
    priors = dict.fromkeys(("m", "intercept", "coef"), "Normal(0, 5)") | {"slope": "Normal(0, 0.5)"}
    own = {"visit": ["m"], "linear": ["intercept", "slope"], "spline": ["coef"]}[shape]
    chosen = {name: priors[name] for name in own} | {"tau": "HalfNormal(0.5)"}
    return bm.fit(
        evidence(shift), priors=chosen, trajectory=shape, between="cs", engine="exact", random_seed=len(shape)
    )


@pytest.fixture(scope="module")
def fits() -> dict[str, xr.DataTree]:
    return {shape: fitted(shape) for shape in ("visit", "linear")}


def asked(fit: object, **keywords: object) -> pd.DataFrame:
    return bm.predict(fit, months=[1, 3, 12], rebound=(6, 12), favours="lower", above=-1.0, **keywords)


def test_means_and_probabilities_are_weighted_sums(fits: dict[str, xr.DataTree]) -> None:
    table = asked(fits, weights={"visit": 3, "linear": 1})
    assert table.attrs["weights"] == {"visit": 0.75, "linear": 0.25}
    one, other = asked(fits["visit"]), asked(fits["linear"])
    for row in (("average study", "month 12"), ("new study", "month 1")):
        expected = 0.75 * one.loc[row, LINEAR] + 0.25 * other.loc[row, LINEAR]
        assert table.loc[row, LINEAR].tolist() == pytest.approx(expected.tolist(), abs=1e-12)
    assert "averaged over mean shapes: visit 0.75, linear 0.25" in table.attrs["notes"]


def test_all_weight_on_one_fit_is_that_fit(fits: dict[str, xr.DataTree]) -> None:
    table, alone = asked(fits, weights={"visit": 0, "linear": 2}), asked(fits["linear"])
    assert list(table.index) == list(alone.index)
    rows = [row for row in table.index if row[1] != "month of the best effect"]
    assert table.loc[rows, LINEAR].to_numpy() == pytest.approx(
        alone.loc[rows, LINEAR].to_numpy(), nan_ok=True
    )
    spread = alone.loc[("average study", "month 12")]
    ours = table.loc[("average study", "month 12"), ["sd", "median", "ci_low", "ci_high"]]
    assert ours.tolist() == pytest.approx(
        spread[["sd", "median", "ci_low", "ci_high"]].tolist(), abs=DRAWS * spread["sd"]
    )


def test_the_variance_holds_what_the_fits_disagree_about(fits: dict[str, xr.DataTree]) -> None:
    row = ("average study", "month 3")
    table, one, other = (
        asked(fits, weights={"visit": 1, "linear": 1}),
        asked(fits["visit"]),
        asked(fits["linear"]),
    )
    means = np.array([one.loc[row, "mean"], other.loc[row, "mean"]])
    variances = np.array([one.loc[row, "sd"], other.loc[row, "sd"]]) ** 2
    assert table.loc[row, "sd"] ** 2 == pytest.approx(variances.mean() + means.var())


def test_weights_of_evidence_and_of_stacking(fits: dict[str, xr.DataTree]) -> None:
    import arviz

    levels = {label: float(bm.model_evidence(fit)["log_evidence"]) for label, fit in fits.items()}
    odds = np.exp(levels["linear"] - levels["visit"])
    assert asked(fits, weights="evidence").attrs["weights"]["linear"] == pytest.approx(odds / (1 + odds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stacked = arviz.compare(dict(fits), method="stacking", round_to="none")["weight"]
    assert asked(fits).attrs["weights"] == pytest.approx({name: float(stacked[name]) for name in fits})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("loo", "weights is 'loo'; give 'stacking', 'evidence', or a number for each fit: visit, linear"),
        ({"visit": 1}, "weights names visit; name each of: visit, linear"),
        ({"visit": 1, "linear": -1}, "weight of linear is -1; give a number of at least 0"),
        ({"visit": 0, "linear": 0}, "weights are all 0; give at least one above 0"),
    ],
)
def test_weights_that_are_none(weights: object, message: str, fits: dict[str, xr.DataTree]) -> None:
    with pytest.raises(OptionError) as raised:
        bm.predict(fits, weights=weights)
    assert str(raised.value) == message


def test_what_cannot_be_averaged(fits: dict[str, xr.DataTree]) -> None:
    with pytest.raises(OptionError, match="averaging needs at least two fits"):
        bm.predict({"visit": fits["visit"]})
    with pytest.raises(OptionError, match="fits 'visit' and 'moved' are of different data"):
        bm.predict({"visit": fits["visit"], "moved": fitted("linear", shift=0.1)})
    single = bm.fit(bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], measure="SMD"), engine="exact")
    with pytest.raises(OptionError, match="fit 'one' has no months"):
        bm.predict({"one": single, "visit": fits["visit"]})
    with pytest.raises(OptionError, match="leave baseline and studies out"):
        bm.predict(fits, baseline=0.1)
    with pytest.raises(OptionError, match="weights are for several fits"):
        bm.predict(fits["visit"], weights="evidence")
    with pytest.raises(OptionError, match="months holds 20, and the follow-up runs from 1 to 12"):
        bm.predict(fits, months=[20])


def test_one_visit_can_be_averaged_without_a_direction() -> None:
    frame = pd.DataFrame({"study": ["A", "B"], "month": 6, "y": [-0.5, -0.2], "se": 0.2})
    one = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.0
    )
    arguments = {"between": "diagonal", "engine": "exact"}
    pair = {
        str(scale): bm.fit(one, priors={"m": "Normal(0, 5)", "tau": f"HalfNormal({scale})"}, **arguments)
        for scale in (0.3, 1.0)
    }
    table = bm.predict(pair, weights={"0.3": 1, "1.0": 1})
    assert table.index.tolist() == [("average study", "month 6"), ("new study", "month 6")]
    assert table[["mean", "sd"]].notna().all(axis=None)


def test_a_study_that_stacking_cannot_judge_is_named() -> None:
    """One study that draws without it would not tell: the weights say so where they are read."""
    frame = evidence().to_frame()
    frame.loc[frame["study"] == "A", "y"] += 6.0
    frame.loc[frame["study"] == "A", "se"] = 0.05
    odd = bm.Trajectories.from_estimates(
        frame, study="study", month="month", estimate="y", se="se", within_correlation=0.4
    )
    pair = {
        shape: bm.fit(
            odd,
            priors=dict.fromkeys(names, "Normal(0, 5)") | {"tau": "HalfNormal(0.2)"},
            trajectory=shape,
            between="cs",
            engine="exact",
            random_seed=1,
        )
        for shape, names in (("visit", ["m"]), ("linear", ["intercept", "slope"]))
    }
    notes = bm.predict(pair).attrs["notes"]
    assert any("leave-one-out of fit 'visit' is unreliable for A (Pareto k above 0.7)" in n for n in notes)
    assert not any("unreliable" in n for n in bm.predict(pair, weights="evidence").attrs["notes"])
