"""Effects given tau: closed forms at both ends, and together with tau's posterior the fit itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid

import bayesma as bm
from bayesma.errors import OptionError

SCHOOLS = bm.load_data("eight_schools")
EFFECTS = bm.Effects.from_estimates(
    SCHOOLS["effect"], SCHOOLS["stderr"], SCHOOLS["school"], "MD", n=SCHOOLS["n"]
)


@pytest.fixture(scope="module")
def fit():
    return bm.fit(EFFECTS, priors={"mu": "Flat()", "tau": "Uniform(0, 100)"}, engine="exact", random_seed=1)


def test_complete_pooling_and_none(fit) -> None:
    table = bm.shrinkage_trace(fit, tau=[0.0, 1e6])
    w = EFFECTS.se**-2.0
    pooled = table.loc[0.0]
    np.testing.assert_allclose(pooled["mean"], np.average(EFFECTS.y, weights=w), rtol=1e-12)
    np.testing.assert_allclose(pooled["sd"], w.sum() ** -0.5, rtol=1e-12)
    assert pooled.loc["mu", "mean"] == pytest.approx(7.9, abs=0.05)  # Rubin 1981: 7.9, standard error 4.2
    assert pooled.loc["mu", "sd"] == pytest.approx(4.2, abs=0.05)
    apart = table.loc[1e6].drop("mu")
    np.testing.assert_allclose(apart["mean"], EFFECTS.y, rtol=1e-6)
    np.testing.assert_allclose(apart["sd"], EFFECTS.se, rtol=1e-6)


def test_averaged_over_tau_it_is_the_posterior(fit) -> None:
    grid = np.linspace(0.0, 100.0, 4001)
    table = bm.shrinkage_trace(fit, tau=grid)
    density = table.attrs["density"].to_numpy()
    assert trapezoid(density, grid) == pytest.approx(1.0, abs=1e-4)
    means = table["mean"].unstack("effect", sort=False)
    shrunk = bm.shrinkage(fit)
    for school in SCHOOLS["school"]:
        mean = trapezoid(density * means[school].to_numpy(), grid)
        assert mean == pytest.approx(shrunk.loc[school, "mean"], abs=2e-3)
    assert trapezoid(density * means["mu"].to_numpy(), grid) == pytest.approx(
        bm.summary(fit, parameters=["mu"]).loc["mu", "mean"], abs=2e-3
    )


def test_a_normal_prior_of_mu_is_another_study_of_mu() -> None:
    fit = bm.fit(EFFECTS, priors={"mu": "Normal(1, 2)"}, engine="exact", random_seed=1)
    table = bm.shrinkage_trace(fit, tau=3.0)
    w = 1.0 / (EFFECTS.se**2 + 9.0)
    precision = w.sum() + 0.25
    assert table.loc[(3.0, "mu"), "mean"] == pytest.approx((w @ EFFECTS.y + 0.25) / precision, rel=1e-12)
    assert table.loc[(3.0, "mu"), "sd"] == pytest.approx(precision**-0.5, rel=1e-12)


def test_the_figure_has_the_lines(fit) -> None:
    table = bm.shrinkage_trace(fit)
    axes, below = bm.plots.shrinkage_trace(table, title="Eight schools").axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    for name in ("mu", *SCHOOLS["school"]):
        np.testing.assert_allclose(lines[name], table["mean"].xs(name, level="effect"))
    assert {t.get_text() for t in axes.texts} == set(SCHOOLS["school"])
    heights = sorted(t.xy[1] for t in axes.texts)
    assert min(np.diff(heights)) > 0.0
    (density,) = [c for c in below.collections if c.get_label() == "density of tau"]
    assert density.get_paths()[0].vertices[:, 1].max() == pytest.approx(table.attrs["density"].max())
    with pytest.raises(
        OptionError, match=r"plots\.shrinkage_trace draws the table that shrinkage_trace returns"
    ):
        bm.plots.shrinkage_trace(pd.DataFrame())


@pytest.mark.parametrize(
    "options",
    [{"random_effects": "none"}, {"random_effects": "student_t"}, {"priors": {"mu": "Cauchy(0, 1)"}}],
)
def test_other_models_are_refused(options) -> None:
    with pytest.raises(
        OptionError, match="shrinkage_trace is for family 'normal' with normal random effects"
    ):
        bm.shrinkage_trace(bm.fit(EFFECTS, engine="exact", random_seed=1, **options))


def test_negative_heterogeneity_is_refused(fit) -> None:
    with pytest.raises(OptionError, match="give finite values, 0 or above"):
        bm.shrinkage_trace(fit, tau=[-1.0])
