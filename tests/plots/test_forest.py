"""`forest`: every row there, every marker at its number, no two texts in one place."""

from __future__ import annotations

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError

from .conftest import Fitter, axes_of, collisions, points, text_boxes, words

PRIORS = {"mu": "Normal(0, 4)", "tau": "HalfNormal(0.5)"}
LONG = (
    "A very long label of a trial of mesenchymal stem cell transplantation in lupus nephritis, Nanjing " * 3
)


def exact(effects: bm.Effects, **options: object) -> xr.DataTree:
    return bm.fit(effects, engine="exact", random_seed=1, draws=50, **{"priors": PRIORS, **options})


@pytest.mark.parametrize("k", [1, 2, 3, 13, 40])
@pytest.mark.parametrize("measure", ["SMD", "OR"])
def test_no_texts_collide(fitted: Fitter, k: int, measure: str) -> None:
    reml = bm.frequentist(bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3]))
    figure = bm.plots.forest(
        fitted(k, measure),
        favours="lower",
        treatment="MSCT",
        columns={"MSCT\nn/N": ["12/120"] * k, "Allocation": ["alternate"] * k},
        frequentist={"REML, Knapp-Hartung": reml},
        title="A title",
    )
    assert collisions(figure) == []


@pytest.mark.parametrize("k", [1, 2, 3, 13, 40])
def test_one_row_a_study(fitted: Fitter, k: int) -> None:
    figure = bm.plots.forest(fitted(k))
    assert len(points(figure, "_observed point")) == k
    assert len(points(figure, "_posterior point")) == k
    texts = [text for text, _ in text_boxes(figure)]
    for label in fitted(k)["observed_data"]["study"].values:
        assert texts.count(label) == 1
    for label in ("Mean effect over settings", "Effect in a new study", "Observed", "Weight"):
        assert label in texts


def test_markers_stand_at_the_numbers(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.forest(bcg_fit, ci_prob=0.9)
    studies = bm.shrinkage(bcg_fit, ci_prob=0.9)
    np.testing.assert_array_equal(points(figure, "_observed point")[:, 0], studies["observed"])
    np.testing.assert_array_equal(points(figure, "_posterior point")[:, 0], studies["mean"])
    np.testing.assert_allclose(
        points(figure, "_posterior interval"), studies[["ci_low", "ci_high"]], rtol=1e-12
    )
    reach = norm.ppf(0.95) * studies["observed_se"].to_numpy()
    expected = studies["observed"].to_numpy()[:, None] + np.outer(reach, [-1, 1])
    np.testing.assert_allclose(points(figure, "_observed interval"), expected, rtol=1e-12)
    table = bm.summary(bcg_fit, ci_prob=0.9)
    for name, kind in (("mu", "mean"), ("theta_new", "new")):
        assert points(figure, f"_{kind} point")[0, 0] == table.loc[name, "mean"]
        interval = table.loc[name, ["ci_low", "ci_high"]].to_numpy(dtype=float)
        np.testing.assert_allclose(points(figure, f"_{kind} interval")[0], interval, rtol=1e-12)


def test_numbers_are_printed_on_the_printed_scale(bcg_fit: xr.DataTree) -> None:
    said = words(bm.plots.forest(bcg_fit))
    assert "0.41 [0.13, 1.26]" in said  # Aronson 1948, as in Colditz 1994
    low, high = np.exp(bm.summary(bcg_fit).loc["mu", ["ci_low", "ci_high"]].to_numpy(dtype=float))
    assert f"[{low:.2f}, {high:.2f}]" in said


def test_square_areas_are_the_weights(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.forest(bcg_fit)
    lines = [a for a in axes_of(figure, "graph").lines if a.get_label() == "_observed point"]
    area = np.square([line.get_markersize() for line in lines])
    weight = bm.shrinkage(bcg_fit)["weight"].to_numpy()
    np.testing.assert_allclose(area / area.max(), weight / weight.max(), rtol=1e-9)


def test_axis_is_log_with_ratio_ticks(bcg_fit: xr.DataTree) -> None:
    graph = axes_of(bm.plots.forest(bcg_fit), "graph")
    labels = [label.get_text() for label in graph.get_xticklabels()]
    assert labels == ["0.1", "0.25", "0.5", "1", "2", "4"]
    np.testing.assert_allclose(graph.get_xticks(), np.log([float(label) for label in labels]))


@pytest.mark.parametrize("shift", [-1e5, -3.0, 0.0, 3.0, 1e5])
def test_limits_hold_the_null(shift: float) -> None:
    effects = bm.Effects.from_estimates([shift, shift + 0.3, shift - 0.2], [0.2, 0.3, 0.1], measure="GEN")
    fit = exact(effects, priors={"mu": "Normal(0, 1e6)", "tau": "HalfNormal(0.5)"})
    figure = bm.plots.forest(fit)
    low, high = axes_of(figure, "graph").get_xlim()
    assert low < 0 < high
    assert points(figure, "_null").max() == 0
    assert collisions(figure) == []


@pytest.mark.parametrize(
    ("y", "se", "tau"), [([-2e-6, 1e-6, 3e-6], [1e-6, 1e-6, 2e-6], 1e-5), ([1e5, 1.2e5], [1e-6, 1e4], 1e4)]
)
def test_extreme_scales(y: list[float], se: list[float], tau: float) -> None:
    effects = bm.Effects.from_estimates(y, se, measure="GEN")
    fit = exact(effects, priors={"mu": "Normal(0, 1e6)", "tau": f"HalfNormal({tau})"})
    assert collisions(bm.plots.forest(fit, favours="higher")) == []


def test_wide_intervals_end_in_arrowheads_and_the_caption_says_so() -> None:
    effects = bm.Effects.from_estimates([-0.5, 0.2, 0.1, 8.0], [0.25, 0.4, 0.3, 400.0], measure="OR")
    figure = bm.plots.forest(exact(effects))
    heads = points(figure, "_observed arrowhead")[:, 0]
    assert tuple(heads) == axes_of(figure, "graph").get_xlim()
    assert len(points(figure, "_observed point")) == 3  # the fourth lies beyond the axis
    assert "1 interval reaches beyond the axis (arrowheads)." in words_of_lines(figure)
    assert ">99999" in words(figure)
    assert collisions(figure) == []


def test_nothing_is_said_of_cuts_when_nothing_is_cut(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.forest(bcg_fit)
    assert "beyond the axis" not in words(figure)
    assert points(figure, "_observed arrowhead").size == 0


def test_own_limits_cut(bcg_fit: xr.DataTree) -> None:
    figure = bm.plots.forest(bcg_fit, xlim=(0.5, 2.0))
    np.testing.assert_allclose(axes_of(figure, "graph").get_xlim(), np.log([0.5, 2.0]))
    assert points(figure, "_observed arrowhead").size > 5


def test_common_effect_has_neither_shrinkage_nor_prediction(fitted: Fitter) -> None:
    figure = bm.plots.forest(fitted(3, "SMD", "none"))
    assert points(figure, "_posterior point").size == 0
    assert points(figure, "_new point").size == 0
    assert len(points(figure, "_mean point")) == 1
    assert "new study" not in words(figure)
    assert "tau" not in words(figure)


def test_direction_words_stand_on_their_sides(fitted: Fitter) -> None:
    for favours, left in (("lower", "MSCT"), ("higher", "usual care")):
        figure = bm.plots.forest(fitted(3), favours=favours, treatment="MSCT", control="usual care")
        right = "usual care" if left == "MSCT" else "MSCT"
        boxes = dict(text_boxes(figure))
        graph = axes_of(figure, "graph")
        null = graph.transData.transform((0.0, 0.0))[0]
        assert boxes[f"◄ favours {left}"].x1 < null < boxes[f"favours {right} ►"].x0
        p = bm.benefit(fitted(3), favours=favours).loc["mu", "p_benefit"]
        assert f"(favours MSCT) = {p:.3f}" in words_of_lines(figure)
    assert "favours" not in words(bm.plots.forest(fitted(3)))


@pytest.mark.parametrize(
    "label", ["<script>alert(1)</script>", "$x_1$", r"\frac{1}{2}$", "=cmd()", "a\nb\tc"]
)
def test_labels_are_text(label: str) -> None:
    effects = bm.Effects.from_estimates([0.1, 0.2], [0.1, 0.2], [label, "other"])
    figure = bm.plots.forest(exact(effects), columns={label: [label, "$y^2$"]}, title=label, xlabel=label)
    shown = " ".join(label.split())
    artists = [a for axes in figure.axes for a in axes.texts if shown in a.get_text()]
    assert len(artists) >= 4
    assert not any(artist.get_parse_math() for axes in figure.axes for artist in axes.texts)
    figure.savefig(io.BytesIO(), format="svg")


def test_long_labels_are_wrapped_whole() -> None:
    effects = bm.Effects.from_estimates([0.1, 0.2], [0.1, 0.2], [LONG + "1", LONG + "2"])
    figure = bm.plots.forest(
        exact(effects), favours="lower", treatment=LONG, control=LONG, columns={LONG: [LONG, LONG]}
    )
    assert collisions(figure) == []
    assert (LONG + "2").strip() in words(figure)


def test_unconverged_fit_is_loud(fitted: Fitter) -> None:
    fit = fitted(3)
    fit.attrs["converged"] = 0
    figure = bm.plots.forest(fit, title="A title")
    assert words_of_lines(figure).count("NOT CONVERGED: these numbers must not be used") == 2
    assert collisions(figure) == []
    assert "NOT CONVERGED" not in words(bm.plots.forest(fitted(3)))


def test_caption_names_level_priors_and_engine(bcg_fit: xr.DataTree) -> None:
    said = words_of_lines(bm.plots.forest(bcg_fit, ci_prob=0.89))
    for part in (
        "89%",
        "mu ~ Normal(0, 4) (default)",
        "tau ~ HalfNormal(0.5) (default)",
        "exact integration",
    ):
        assert part in said


def test_median_where_no_mean_exists() -> None:
    effects = bm.Effects.from_estimates([0.5, 1.0], [0.2, 0.3], measure="SMD")
    fit = exact(effects, priors={"mu": "Flat()", "tau": "HalfCauchy(0.5)"})
    fit["posterior"]["mu"].attrs["moments_below"] = 1.0
    figure = bm.plots.forest(fit)
    assert points(figure, "_mean point")[0, 0] == bm.summary(fit).loc["mu", "median"]
    assert "median (its mean does not exist)" in words_of_lines(figure)


def test_classical_rows(bcg: bm.Effects, bcg_fit: xr.DataTree) -> None:
    reml = bm.frequentist(bcg)
    figure = bm.plots.forest(bcg_fit, frequentist={"REML": reml})
    diamond = next(p for p in axes_of(figure, "graph").patches if p.get_label() == "_classical")
    np.testing.assert_allclose(
        diamond.get_xy()[:4, 0], [reml.ci_low, reml.estimate, reml.ci_high, reml.estimate]
    )
    np.testing.assert_allclose(
        points(figure, "_classical prediction interval")[0], [reml.pi_low, reml.pi_high]
    )
    assert "REML (95% CI)" in words(figure)
    one = bm.frequentist(bm.Effects.from_estimates([-0.5], [0.2]))
    assert "[not available]" in words(bm.plots.forest(bcg_fit, frequentist={"k = 1": one}))


def test_the_same_figure_twice(bcg_fit: xr.DataTree) -> None:
    images = [np.asarray(drawn(bm.plots.forest(bcg_fit))) for _ in range(2)]
    np.testing.assert_array_equal(images[0], images[1])


def test_style_sheets_do_not_leak(bcg_fit: xr.DataTree) -> None:
    plain = np.asarray(drawn(bm.plots.forest(bcg_fit)))
    own = {"xtick.direction": "in", "xtick.top": True, "figure.constrained_layout.use": True}
    with matplotlib.rc_context({**own, "text.color": "white", "axes.facecolor": "black"}):
        dark = np.asarray(drawn(bm.plots.forest(bcg_fit)))
    np.testing.assert_array_equal(plain, dark)


def test_pyplot_is_never_touched() -> None:
    code = (
        "import sys, bayesma as bm\n"
        "effects = bm.Effects.from_estimates([0.1], [0.2], measure='SMD')\n"
        "fit = bm.fit(effects, engine='exact', random_seed=1)\n"
        "png = bm.plots.forest(fit)._repr_png_(); bm.plots.posterior(fit)\n"
        "assert png.startswith(b'\\x89PNG')\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'pymc' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.parametrize(
    "options",
    [
        {"ci_prob": 1.0},
        {"favours": "left"},
        {"columns": {"n": [1, 2]}},
        {"xlim": (2.0, 4.0)},
        {"xlim": (-1.0, 4.0)},
        {"frequentist": {"REML": 0.5}},
    ],
)
def test_wrong_options_are_refused(bcg_fit: xr.DataTree, options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        bm.plots.forest(bcg_fit, **options)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    k=st.sampled_from([1, 2, 3, 13]),
    measure=st.sampled_from(["SMD", "OR", "RD"]),
    effects=st.sampled_from(["normal", "none"]),
    ci_prob=st.sampled_from([0.5, 0.9, 0.95, 0.999]),
    favours=st.sampled_from([None, "lower", "higher"]),
    treatment=st.text(st.characters(codec="latin-1"), max_size=60),
    title=st.none() | st.text(st.characters(codec="latin-1"), max_size=200),
)
def test_any_combination_draws(
    fitted: Fitter,
    k: int,
    measure: str,
    effects: str,
    ci_prob: float,
    favours: str | None,
    treatment: str,
    title: str | None,
) -> None:
    figure = bm.plots.forest(
        fitted(k, measure, effects), ci_prob=ci_prob, favours=favours, treatment=treatment, title=title
    )
    assert collisions(figure) == []
    low, high = axes_of(figure, "graph").get_xlim()
    assert low < 0.0 < high


def drawn(figure: object) -> object:
    """Pixels."""
    figure.canvas.draw()
    return figure.canvas.buffer_rgba()


def words_of_lines(figure: object) -> str:
    """All texts, wrapped lines joined."""
    return " ".join(words(figure).split())
