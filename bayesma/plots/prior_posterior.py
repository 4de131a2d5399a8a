"""What did the data add? Prior and posterior density of every hyper-parameter, one over the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bayesma.errors import OptionError
from bayesma.families.base import Parameter
from bayesma.plots import style
from bayesma.plots.caption import UNCONVERGED, assemble
from bayesma.plots.naming import is_location
from bayesma.plots.scale import dress
from bayesma.plots.style import Picture
from bayesma.plots.text import wrap
from bayesma.posterior.marginals import Marginal, marginal, row_labels
from bayesma.posterior.nodes import merged, row
from bayesma.posterior.prior_share import prior_share
from bayesma.posterior.provenance import Provenance, provenance
from bayesma.priors import Prior
from bayesma.words.numbers import share

WIDTH, TALL, TEXT = 7.2, 2.3, 7.5  # inches, inches of a row of panels, points
UNDER = 0.65  # inches of ticks and words under a panel
ACROSS, MOST = 3, 24  # panels side by side, and in all
COEFFICIENTS = frozenset({"beta", "beta_slope"})  # of moderators
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
        A panel a quantity: posterior filled, prior dashed, analysis scale, a line at no effect. Above it the
        share of the posterior that the prior supplied, see `prior_share`.

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
    hyper = [p.name for p in origin.family.hyper(origin.options) if p.standard is None]
    names = hyper if parameters is None else list(parameters)
    if unknown := [name for name in names if name not in hyper]:
        raise OptionError(
            f"plots.prior_posterior: {unknown[0]!r} is no hyper-parameter with a prior of its own; there are "
            f"{', '.join(hyper)}"
        )
    declared = {p.name: p for p in origin.family.hyper(origin.options)}
    panels = [
        (label, origin.priors[name], row(marginal(fit, name), i), declared[name])
        for name in names
        for i, label in enumerate(row_labels(fit, name))
    ]
    if len(panels) > MOST:
        raise OptionError(f"plots.prior_posterior has {len(panels)} panels, at most {MOST}; name parameters")
    shares = prior_share(fit)
    with style.defaults():
        across, down = min(len(panels), ACROSS), math.ceil(len(panels) / ACROSS)
        height = TALL * down + 1.15
        texts = [_axis_words(parameter, origin, label) for label, _, _, parameter in panels]
        figure = style.picture(WIDTH, height)
        for i, (label, prior, posterior, parameter) in enumerate(panels):
            at_row, at_column = divmod(i, ACROSS)
            width = (WIDTH - 0.3) / across
            place = (
                (0.15 + at_column * width + 0.08) / WIDTH,
                1.0 - (0.55 + (at_row + 1) * TALL - UNDER) / height,
                (width - 0.16) / WIDTH,
                (TALL - 0.5 - UNDER) / height,
            )
            axes = figure.add_axes(place, label=label)
            _panel(axes, prior, merged(posterior), _null(parameter, origin), width - 0.16)
            axes.set_xlabel("\n".join(wrap(texts[i], width - 0.1, TEXT - 0.5)[:3]), fontsize=TEXT - 0.5)
            lines = wrap(label, width - 0.16, TEXT)[:2]
            axes.set_title("\n".join([*lines, f"prior's share {share(float(shares[label]))}"]), fontsize=TEXT)
        words = ["Filled: posterior; dashed: prior."]
        if any(_null(parameter, origin) is not None for *_, parameter in panels):
            words.append("Vertical line: no effect, or no change of it.")
        caption = "\n".join(wrap(assemble(origin, words), WIDTH - 0.3, style.CAPTION))
        colour = style.MUTED if origin.converged else style.ALARM
        figure.text(0.15 / WIDTH, 0.015, caption, fontsize=style.CAPTION, color=colour, va="bottom")
        if title is not None:
            figure.text(0.15 / WIDTH, 0.985, title, fontsize=style.TITLE, va="top")
        if not origin.converged:
            figure.text(0.99, 0.985, UNCONVERGED, color=style.ALARM, ha="right", va="top", fontsize=8)
    return figure


def _null(parameter: Parameter, origin: Provenance) -> float | None:
    """No effect, of a mean effect; no change of it, of coefficients of moderators; else None."""
    if parameter.name in COEFFICIENTS:
        return 0.0
    effect = is_location(parameter) or parameter.name == "m"
    return origin.measure.null if effect else None


def _axis_words(parameter: Parameter, origin: Provenance, label: str) -> str:
    """What the axis of a panel shows, and on which scale."""
    measure = origin.measure.label
    lower = measure[:1].lower() + measure[1:]
    if parameter.name in {"mu", "m"}:
        return measure
    if parameter.name == "beta" and "moderator_unit" in origin.options:
        number = "unit" if origin.options["moderator_unit"] == "own" else "sd"
        change = "with this category" if ": " in label else f"with one {number} more"
        return f"change of the {lower} {change}"
    if parameter.name == "tau":
        return f"sd between studies, {lower}"
    return parameter.meaning or parameter.name


def _panel(axes: Axes, prior: Prior, posterior: Marginal, null: float | None, width: float) -> None:
    """Both densities where the posterior lies, and as much again of the prior; `width` in inches."""
    low, high = (float(end) for end in posterior.quantile(ENDS)[0])
    if null is not None and low - (high - low) < null < high + (high - low):  # else too far to show
        low, high = min(low, null), max(high, null)
    margin = 0.5 * (WIDER - 1.0) * (high - low)
    begin, end = prior.support
    x = np.linspace(max(low - margin, begin), min(high + margin, end), POINTS)
    inside = np.clip(x, x[0] + 1e-4 * (x[-1] - x[0]), x[-1] - 1e-4 * (x[-1] - x[0]))
    axes.fill_between(x, posterior.density(inside), color=style.POSTERIOR_FILL, lw=0, label="posterior")
    if prior.is_proper:
        axes.plot(x, np.exp(prior.logpdf(inside)), color=style.INK, lw=1.1, ls="--", label="prior")
    if null is not None and x[0] <= null <= x[-1]:
        axes.axvline(null, color=style.RULE, lw=0.9, zorder=0.5, label="null")
    dress(axes, (float(x[0]), float(x[-1])), width, None, TEXT - 0.5)
    axes.set_ylim(0.0, None)
    axes.set_yticks([])
    axes.spines[["left", "top", "right"]].set_visible(False)
