"""Do the panels hold the densities of prior and posterior?"""

from __future__ import annotations

import itertools

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

import bayesma as bm
from bayesma.errors import OptionError

EFFECTS = bm.Effects.from_estimates([-0.5, -0.2, 0.1], [0.2, 0.3, 0.25], ["A", "B", "C"], measure="SMD")


def test_a_normal_mean_under_a_normal_prior() -> None:
    """One common effect: both densities are known."""
    fit = bm.fit(
        EFFECTS, priors={"mu": "Normal(0, 0.3)"}, random_effects="none", engine="exact", random_seed=1
    )
    (axes,) = bm.plots.prior_posterior(fit, title="Simulated").axes
    (line,) = [one for one in axes.lines if one.get_label() == "prior"]
    x, y = line.get_data()
    np.testing.assert_allclose(y[1:-1], norm(0, 0.3).pdf(x[1:-1]), rtol=1e-9)
    (filled,) = [one for one in axes.collections if one.get_label() == "posterior"]
    path = filled.get_paths()[0].vertices
    upper = path[path[:, 1] > 0.0]
    precision = 0.3**-2 + (EFFECTS.se**-2.0).sum()
    exactly = norm((EFFECTS.y / EFFECTS.se**2).sum() / precision, precision**-0.5)
    inside = upper[(upper[:, 0] > exactly.ppf(0.01)) & (upper[:, 0] < exactly.ppf(0.99))]
    np.testing.assert_allclose(inside[:, 1], exactly.pdf(inside[:, 0]), rtol=1e-8)
    share = (1 / 0.3**2) / precision
    assert f"prior's share {100 * share:.0f} %" in axes.get_title()


def test_every_hyper_parameter_has_a_panel_and_a_flat_prior_no_line() -> None:
    fit = bm.fit(EFFECTS, priors={"mu": "Flat()"}, engine="exact", random_seed=1)
    figure = bm.plots.prior_posterior(fit)
    assert [axes.get_label() for axes in figure.axes] == ["mu", "tau"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["null"]
    (line,) = figure.axes[1].lines
    x, y = line.get_data()
    assert x[0] == 0.0 and trapezoid(y, x) <= 1.0
    (only,) = bm.plots.prior_posterior(fit, ["tau"]).axes
    assert only.get_label() == "tau"
    with pytest.raises(
        OptionError, match="'theta' is no hyper-parameter with a prior of its own; there are mu, tau"
    ):
        bm.plots.prior_posterior(fit, ["theta"])


def test_three_panels_have_words_of_scale_null_lines_and_ticks_apart() -> None:
    ratios = bm.Effects.from_estimates(
        [-1.2, -0.8, -0.4, -0.1],
        [0.2, 0.3, 0.25, 0.2],
        ["A", "B", "C", "D"],
        measure="OR",
        table=pd.DataFrame({"dose": [1.0, 2.0, 3.0, 5.0]}),
    )
    fit = bm.fit(ratios, engine="exact", moderators=["dose"], random_seed=1)
    figure = bm.plots.prior_posterior(fit)
    figure.canvas.draw()
    words = {axes.get_label(): axes.get_xlabel().replace("\n", " ") for axes in figure.axes}
    assert words == {
        "mu": "Log odds ratio",
        "beta[dose]": "change of the log odds ratio with one sd more",
        "tau": "sd between studies, log odds ratio",
    }
    for axes in figure.axes:
        null = [line.get_xdata()[0] for line in axes.lines if line.get_label() == "null"]
        assert null == ([] if axes.get_label() == "tau" else [0.0])
        ends = [tuple(tick.get_window_extent().intervalx) for tick in axes.get_xticklabels()]
        assert len(ends) >= 2 and all(a[1] < b[0] for a, b in itertools.pairwise(ends))
    everywhere = [t.get_window_extent() for axes in figure.axes for t in axes.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(everywhere, 2))


@pytest.mark.slow
def test_draws_are_smoothed() -> None:
    fit = bm.fit(EFFECTS, random_seed=1, progressbar=False)
    figure = bm.plots.prior_posterior(fit)
    for axes in figure.axes:
        path = next(c for c in axes.collections if c.get_label() == "posterior").get_paths()[0].vertices
        top = path[path[:, 1] > 0.0]
        order = np.argsort(top[:, 0])
        assert trapezoid(top[order, 1], top[order, 0]) == pytest.approx(1.0, abs=0.03)
    assert "Computed by NUTS" in "".join(t.get_text() for t in figure.findobj(matplotlib.text.Text)).replace(
        "\n", " "
    )
