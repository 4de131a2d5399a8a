"""What did the data add? Prior and posterior density of every hyper-parameter, one over the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.caption import UNCONVERGED, assemble
from bayesma.plots.style import Picture
from bayesma.plots.text import wrap
from bayesma.posterior.marginals import Marginal, marginal
from bayesma.posterior.nodes import merged, row
from bayesma.posterior.prior_share import prior_share
from bayesma.posterior.provenance import provenance
from bayesma.posterior.summary import row_labels
from bayesma.posterior.texts import share
from bayesma.priors import Prior

WIDTH, TALL, TEXT = 7.2, 2.0, 7.5  # inches, inches of a row of panels, points
ACROSS, MOST = 3, 24  # panels side by side, and in all
POINTS = 401
ENDS = (0.0005, 0.9995)  # of the posterior, that a panel shows at least
WIDER = 1.6  # times the posterior's width: so much of the prior is shown


def prior_posterior(
    fit: xr.DataTree, parameters: Sequence[str] | None = None, *, title: str | None = None
) -> Picture:
    """Draw prior and posterior densities of hyper-parameters.

    Parameters
    ----------
    fit
        Result of `fit`.
    parameters
        Which hyper-parameters; all that have a prior when not given.
    title
        Above the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a quantity: posterior filled, prior dashed, analysis scale. Above it the share of the
        posterior that the prior supplied, see `prior_share`.

    Raises
    ------
    OptionError
        For a parameter the fit has no prior of, and more than 24 panels.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> figure = bm.plots.prior_posterior(fit)
    """
    origin = provenance(fit)
    hyper = [p.name for p in origin.family.hyper(origin.options) if p.name in origin.priors]
    names = hyper if parameters is None else list(parameters)
    if unknown := [name for name in names if name not in hyper]:
        raise OptionError(
            f"plots.prior_posterior: {unknown[0]!r} is no hyper-parameter with a prior; there are "
            f"{', '.join(hyper)}"
        )
    panels = [
        (label, origin.priors[name], row(marginal(fit, name), i))
        for name in names
        for i, label in enumerate(row_labels(fit, name))
    ]
    if len(panels) > MOST:
        raise OptionError(f"plots.prior_posterior has {len(panels)} panels, at most {MOST}; name parameters")
    shares = prior_share(fit)
    with style.defaults():
        across, down = min(len(panels), ACROSS), math.ceil(len(panels) / ACROSS)
        height = TALL * down + 1.15
        figure = style.picture(WIDTH, height)
        for i, (label, prior, posterior) in enumerate(panels):
            at_row, at_column = divmod(i, ACROSS)
            width = (WIDTH - 0.3) / across
            place = (
                (0.15 + at_column * width + 0.08) / WIDTH,
                1.0 - (0.55 + (at_row + 1) * TALL - 0.42) / height,
                (width - 0.16) / WIDTH,
                (TALL - 0.95) / height,
            )
            axes = figure.add_axes(place, label=label)
            _panel(axes, prior, merged(posterior))
            lines = wrap(label, width - 0.16, TEXT)[:2]
            axes.set_title("\n".join([*lines, f"prior's share {share(float(shares[label]))}"]), fontsize=TEXT)
        words = ["Filled: posterior; dashed: prior, analysis scale."]
        caption = "\n".join(wrap(assemble(origin, words), WIDTH - 0.3, style.CAPTION))
        colour = style.MUTED if origin.converged else style.ALARM
        figure.text(0.15 / WIDTH, 0.015, caption, fontsize=style.CAPTION, color=colour, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
        if not origin.converged:
            figure.text(0.99, 0.985, UNCONVERGED, color=style.ALARM, ha="right", va="top", fontsize=8)
    return figure


def _panel(axes: Axes, prior: Prior, posterior: Marginal) -> None:
    """Both densities where the posterior lies, and as much again of the prior."""
    low, high = (float(end) for end in posterior.quantile(ENDS)[0])
    margin = 0.5 * (WIDER - 1.0) * (high - low)
    begin, end = prior.support
    x = np.linspace(max(low - margin, begin), min(high + margin, end), POINTS)
    inside = np.clip(x, x[0] + 1e-4 * (x[-1] - x[0]), x[-1] - 1e-4 * (x[-1] - x[0]))
    axes.fill_between(x, posterior.density(inside), color=style.POSTERIOR_FILL, lw=0, label="posterior")
    if prior.is_proper:
        axes.plot(x, np.exp(prior.logpdf(inside)), color=style.INK, lw=1.1, ls="--", label="prior")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(0.0, None)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=TEXT - 0.5)
    axes.spines[["left", "top", "right"]].set_visible(False)
