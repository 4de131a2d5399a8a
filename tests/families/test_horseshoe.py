"""The regularised horseshoe: its prior, its limits, NUTS against importance sampling, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

import bayesma as bm
from bayesma.engines.fit import make_setting
from bayesma.errors import OptionError, PriorError
from bayesma.families import horseshoe

Array = NDArray[np.float64]

COLUMNS = ["dose", "age", "months", "year"]
RANDOM = np.random.default_rng(5)
X = RANDOM.standard_normal((12, 4)) @ np.array(
    [[1, 0.7, 0, 0], [0, 0.7, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]
)  # dose and age go together
SE = np.linspace(0.15, 0.35, 12)
EFFECTS = bm.Effects.from_estimates(
    -0.2 + 0.5 * X[:, 0] + SE * RANDOM.standard_normal(12),
    SE,
    measure="SMD",
    table=pd.DataFrame(X, columns=COLUMNS),
)
MODEL = {"moderators": COLUMNS, "coefficients": "horseshoe"}
PRIORS = {
    "mu": "Normal(0, 2)",
    "tau": "HalfNormal(0.25)",
    "beta_scale": "HalfCauchy(0.05)",
    "beta_slab": "LogNormal(0, 0.5)",
}
SETS = 200_000  # of hyper-parameters drawn from their priors
MCSE = 5.0
SDS = 0.1  # of sds: four Monte Carlo errors of 1 / sqrt(2 n), n = 850 being the least ESS seen


def test_the_scales_of_coefficients() -> None:
    """Piironen & Vehtari 2017, eq. 2.8: c^2 l^2 / (c^2 + s^2 l^2), times s^2; its two limits."""
    draws = {
        "beta_scale": np.array([0.1, 1e-9, 1e9]),
        "beta_slab": np.array([2.0, 2.0, 2.0]),
        "beta_local": np.array([[3.0, 0.5]] * 3),
    }
    found = horseshoe.scales(draws)
    s, c, local = 0.1, 2.0, np.array([3.0, 0.5])
    assert found[0] == pytest.approx(s * np.sqrt(c**2 * local**2 / (c**2 + s**2 * local**2)), rel=1e-12)
    assert found[1] == pytest.approx(1e-9 * local, rel=1e-9)
    assert found[2] == pytest.approx([2.0, 2.0], rel=1e-9)


def test_the_default_scale_expects_one_moderator_to_matter() -> None:
    """Eq. 3.12 of the paper, p0 = 1 of D = 4: s / sqrt(n) is the standard error of an even design."""
    priors = make_setting(EFFECTS, None, None, 1, MODEL).priors
    per_study = SE**2 + 0.25**2
    expected = 1 / 3 / math.sqrt(np.sum(1 / per_study))
    assert priors["beta_scale"].distribution == "HalfCauchy"
    assert priors["beta_scale"].arguments[0] == pytest.approx(expected, rel=5e-3)  # three digits
    assert math.exp(priors["beta_slab"].arguments[0]) == pytest.approx(2.0, rel=5e-3)  # UISD of an SMD


def test_draws_and_density_of_the_prior_agree() -> None:
    """Mass of beta within given scales: the stored log prior is that of N(0, s_j)."""
    setting = make_setting(EFFECTS, None, PRIORS, 1, MODEL)
    rng = np.random.default_rng(2)
    drawn: dict[str, Array] = {}
    for p in setting.family.hyper(setting.options):
        shape = (4000, 4) if p.dims else (4000,)
        drawn[p.name] = setting.family.draw_prior(p, setting.case, shape, rng, drawn)
    sd = horseshoe.scales(drawn)
    assert stats.kstest((drawn["beta"] / sd).ravel(), "norm").pvalue > 1e-3
    stored = setting.family.log_prior(drawn, setting.case)["beta"]
    assert stored == pytest.approx(stats.norm.logpdf(drawn["beta"], 0, sd), abs=1e-9)


def by_importance(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Mean, sd and Monte Carlo error of mu and beta: scales from their priors, the rest integrated out."""
    standardised = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    design = np.column_stack([np.ones(12), standardised])
    tau = np.abs(0.25 * rng.standard_normal(SETS))
    scale = np.abs(0.05 * rng.standard_cauchy(SETS))
    slab = np.exp(0.5 * rng.standard_normal(SETS))
    local = np.abs(rng.standard_cauchy((SETS, 4)))
    sd = 1 / np.sqrt(slab[:, None] ** -2 + (scale[:, None] * local) ** -2)
    prior = np.column_stack([np.full(SETS, 0.25), sd**-2])  # precisions
    weight = 1 / (SE**2 + tau[:, None] ** 2)
    information = np.einsum("ip,si,iq->spq", design, weight, design)
    precision = information + prior[:, :, None] * np.eye(5)
    known = np.einsum("ip,si,i->sp", design, weight, EFFECTS.y)
    mean = np.linalg.solve(precision, known[..., None])[..., 0]
    _, log_det = np.linalg.slogdet(precision)
    log_evidence = 0.5 * (
        np.log(weight).sum(axis=1)
        + np.log(prior).sum(axis=1)
        - log_det
        - weight @ EFFECTS.y**2
        + np.sum(known * mean, axis=1)
    )
    share = np.exp(log_evidence - log_evidence.max())
    share /= share.sum()
    variance = np.diagonal(np.linalg.inv(precision), axis1=1, axis2=2)
    centre = share @ mean
    spread = np.sqrt(share @ (variance + mean**2) - centre**2)
    error = np.sqrt(share**2 @ (mean - centre) ** 2)
    return centre, spread, error


@pytest.mark.long
def test_nuts_meets_importance_sampling_and_swaps_its_priors() -> None:
    fit = bm.fit(EFFECTS, priors=PRIORS, random_seed=1, progressbar=False, **MODEL)
    assert (fit.attrs["converged"], fit.attrs["attempts"]) == (1, 1)
    mean, sd, error = by_importance(np.random.default_rng(1))
    found = bm.summary(fit, parameters=["mu", "beta"])
    distance = np.abs(found["mean"] - mean) / np.hypot(found["mcse_mean"], error)
    assert distance.max() < MCSE
    assert found["sd"].to_numpy() == pytest.approx(sd, rel=SDS)
    assert "crosscheck" not in fit.children
    assert bm.meta_regression(fit).index.tolist() == ["mu", *COLUMNS, "tau", "R2"]
    opinions = ["mu", "beta_scale", "beta_slab", "tau"]  # beta and its local scales are standardised
    assert bm.power_scaling(fit).index.tolist() == opinions
    assert [axes.get_label() for axes in bm.plots.prior_posterior(fit).axes] == opinions
    # one scale from the horseshoe's to all at once: the independent prior's answer, which is exact
    wide = PRIORS | {"beta_scale": "HalfNormal(1000)", "beta_slab": "LogNormal(0, 0.001)"}
    freed = bm.fit(EFFECTS, priors=wide, random_seed=1, progressbar=False, **MODEL)
    held = {"mu": "Normal(0, 2)", "tau": "HalfNormal(0.25)", "beta": "Normal(0, 1)"}
    exact = bm.fit(EFFECTS, priors=held, moderators=COLUMNS, engine="exact", random_seed=1)
    expected = bm.summary(exact, parameters=["mu", "beta"])
    loose = bm.summary(freed, parameters=["mu", "beta"])
    # a local scale below 0.01 still shrinks: 1 in 150 draws
    assert (np.abs(loose["mean"] - expected["mean"]) < 5 * loose["mcse_mean"] + 0.01 * expected["sd"]).all()
    assert found.loc["beta[months]", "sd"] < 0.7 * expected.loc["beta[months]", "sd"]


def test_what_is_refused() -> None:
    with pytest.raises(PriorError, match=r"no integral for a horseshoe, .*; use engine='nuts', or "):
        bm.fit(EFFECTS, engine="exact", **MODEL)
    with pytest.raises(OptionError, match="coefficients='horseshoe' needs moderators; name them"):
        bm.fit(EFFECTS, coefficients="horseshoe")
    with pytest.raises(OptionError, match="needs them in units of their sd; leave moderator_unit out"):
        bm.fit(EFFECTS, moderator_unit="own", **MODEL)
    with pytest.raises(
        PriorError, match=r"beta is standardised, and Normal\(0, 1\) is part of the model; give"
    ):
        bm.fit(EFFECTS, priors={"beta": "Normal(0, 2)"}, **MODEL)
    with pytest.raises(PriorError, match="priors names 'beta_scale', which this model has not"):
        bm.fit(EFFECTS, priors={"beta_scale": "HalfNormal(1)"}, moderators=["dose"])
