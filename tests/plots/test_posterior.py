"""`posterior`: the density of the fit, its prior, and the probabilities of `benefit` and `prob`."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError

from .conftest import Fitter, axes_of, collisions, points, text_boxes, words


def shaded(figure: Figure) -> dict[str, tuple[float, float]]:
    """Ends of each shaded part, by what it means."""
    parts = [c for c in axes_of(figure, "graph").collections if isinstance(c, PolyCollection)]
    xs = {str(part.get_label())[1:]: part.get_paths()[0].vertices[:, 0] for part in parts}
    return {label: (float(x.min()), float(x.max())) for label, x in xs.items()}


@pytest.mark.parametrize("parameter", ["mu", "theta_new", "tau"])
@pytest.mark.parametrize("k", [1, 2, 3, 13, 40])
def test_no_texts_collide(fitted: Fitter, k: int, parameter: str) -> None:
    figure = bm.plots.posterior(fitted(k, "OR"), parameter, favours="lower", mid=0.2, treatment="MSCT")
    assert collisions(figure) == []


def test_density_interval_and_point_are_the_fits(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.posterior(bcg_fit, ci_prob=0.9)
    table = bm.summary(bcg_fit, ci_prob=0.9).loc["mu"]
    assert points(figure, "_point")[0, 0] == table["mean"]
    np.testing.assert_allclose(points(figure, "_interval")[0], [table["ci_low"], table["ci_high"]])
    curve = next(a for a in axes_of(figure, "graph").lines if a.get_label() == "_posterior density")
    x, height = curve.get_data()
    below = np.trapezoid(np.where(x < table["median"], height, 0.0), x)
    assert below == pytest.approx(0.5, abs=0.005)  # one step of the curve's grid is 0.0025


def test_common_effect_density_is_the_conjugate_normal() -> None:
    effects = bm.Effects.from_estimates([-4.25], [1.29], measure="MD")
    fit = bm.fit(
        effects, priors={"mu": "Normal(0, 10)"}, engine="exact", random_seed=1, random_effects="none"
    )
    figure = bm.plots.posterior(fit, favours="lower")
    curve = next(a for a in axes_of(figure, "graph").lines if a.get_label() == "_posterior density")
    x, height = curve.get_data()
    variance = 1.0 / (1.29**-2 + 10.0**-2)
    expected = norm.pdf(x, -4.25 * variance / 1.29**2, variance**0.5)
    np.testing.assert_allclose(height, expected, rtol=1e-9)  # both are closed forms in float64
    prior = next(a for a in axes_of(figure, "graph").lines if a.get_label() == "_prior density")
    np.testing.assert_allclose(prior.get_ydata(), norm.pdf(prior.get_xdata(), 0, 10), rtol=1e-9)


@pytest.mark.parametrize("parameter", ["mu", "theta_new"])
def test_probabilities_are_those_of_benefit(parameter: str) -> None:
    effects = bm.Effects.from_estimates([-0.3, 0.1], [0.2, 0.3], measure="SMD")
    fit = bm.fit(effects, engine="exact", random_seed=1)
    for favours in ("lower", "higher"):
        figure = bm.plots.posterior(fit, parameter, favours=favours, mid=0.2, treatment="MSCT")
        row = bm.benefit(fit, favours=favours, mid=0.2).loc[parameter]
        said = words(figure)
        for name in ("p_benefit", "p_mid", "p_harm"):
            assert f"P = {row[name]:.3f}" in said
        boxes = dict(text_boxes(figure))
        good = f"P = {row['p_benefit']:.3f}"
        assert (boxes[good].x0 < 0.5 * figure.bbox.width) == (favours == "lower")
        parts = shaded(figure)
        sign = -1.0 if favours == "lower" else 1.0
        near = max if favours == "lower" else min
        assert near(parts["favours MSCT"]) == 0.0
        assert near(parts[next(key for key in parts if key.startswith("minimal"))]) == sign * 0.2


def test_without_a_direction_both_sides_are_named_by_value(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.posterior(bcg_fit, "theta_new")
    p = bm.prob(bcg_fit, "theta_new", below=0.0)
    said = words(figure)
    assert f"P = {p:.3f}" in said
    assert "below 1" in said
    assert "above 1" in said
    assert "favours" not in said


def test_null_is_on_the_axis_and_ratios_are_printed_as_ratios(bcg_fit: xr.DataTree) -> None:
    graph = axes_of(bm.plots.posterior(bcg_fit), "graph")
    low, high = graph.get_xlim()
    assert low < 0.0 < high
    labels = [float(label.get_text()) for label in graph.get_xticklabels()]
    np.testing.assert_allclose(np.log(labels), graph.get_xticks(), rtol=1e-9)
    assert 1.0 in labels


def test_tau_starts_at_zero_without_null_or_direction(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.posterior(bcg_fit, "tau", favours="lower")
    assert axes_of(figure, "graph").get_xlim()[0] == 0.0
    assert points(figure, "_null").size == 0
    assert "favours" not in words(figure)
    assert "log risk ratio" in words(figure)


def test_a_prior_that_cannot_be_drawn_is_named(fitted: Fitter) -> None:
    effects = bm.Effects.from_estimates([0.5, 1.0], [0.2, 0.3], measure="SMD")
    priors = {"mu": "Flat()", "tau": "HalfCauchy(0.5)"}
    figure = bm.plots.posterior(bm.fit(effects, priors=priors, engine="exact", random_seed=1))
    assert points(figure, "_prior density").size == 0
    assert "No prior density is drawn" in words(figure)
    assert "mu ~ Flat()" in words(figure)
    without = bm.plots.posterior(fitted(3), prior=False)
    assert points(without, "_prior density").size == 0
    assert "No prior density" not in words(without)


def test_unconverged_fit_is_loud(fitted: Fitter) -> None:
    fit = fitted(3)
    fit.attrs["converged"] = 0
    assert words(bm.plots.posterior(fit)).count("NOT CONVERGED") == 2


def test_names_are_text(fitted: Fitter) -> None:
    figure = bm.plots.posterior(
        fitted(3), favours="lower", treatment="$x_1$", control="<b>", title="$y$", xlabel="$z$"
    )
    assert "favours $x_1$" in words(figure)
    assert not any(a.get_parse_math() for axes in figure.axes for a in axes.texts)
    assert collisions(figure) == []


@pytest.mark.parametrize(
    "options",
    [
        {"parameter": "theta"},
        {"parameter": "nothing"},
        {"mid": 0.2},
        {"mid": -0.2, "favours": "lower"},
        {"favours": "up"},
        {"ci_prob": 0.0},
    ],
)
def test_wrong_options_are_refused(bcg_fit: xr.DataTree, options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        bm.plots.posterior(bcg_fit, **options)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    k=st.sampled_from([1, 2, 3, 13]),
    measure=st.sampled_from(["SMD", "OR", "RD"]),
    parameter=st.sampled_from(["mu", "theta_new", "tau"]),
    prior=st.booleans(),
    ci_prob=st.sampled_from([0.5, 0.95, 0.999]),
    direction=st.sampled_from([(None, None), ("lower", None), ("lower", 0.1), ("higher", 3.0)]),
    name=st.text(st.characters(codec="latin-1"), max_size=80),
)
def test_any_combination_draws(
    fitted: Fitter,
    k: int,
    measure: str,
    parameter: str,
    prior: bool,
    ci_prob: float,
    direction: tuple[str | None, float | None],
    name: str,
) -> None:
    figure = bm.plots.posterior(
        fitted(k, measure),
        parameter,
        prior=prior,
        ci_prob=ci_prob,
        favours=direction[0],
        mid=direction[1],
        treatment=name,
        title=name,
    )
    assert collisions(figure) == []
