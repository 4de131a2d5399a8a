"""Figure: what did each study see, what does the model make of it, and where is the mean effect?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import xarray as xr
from matplotlib.figure import Figure

from bayesma.classical.result import FrequentistFit
from bayesma.plots import caption, direction, forest_rows, scale, style
from bayesma.plots.forest_counts import Counts, counts_of
from bayesma.plots.forest_page import Words, draw_page
from bayesma.plots.forest_rows import Row, TextColumns
from bayesma.plots.forest_table import lay_out
from bayesma.plots.text import plain
from bayesma.posterior.benefit import decision
from bayesma.posterior.location import location_name
from bayesma.posterior.marginals import centre, marginal, moments_below, parameter_names
from bayesma.posterior.provenance import Provenance, provenance, require_one_effect
from bayesma.words.numbers import Interval, estimate_texts, percent, probability_claim


def forest(
    fit: xr.DataTree,
    *,
    ci_prob: float = 0.95,
    favours: str | None = None,
    treatment: str = "treatment",
    control: str = "control",
    columns: TextColumns | None = None,
    frequentist: Mapping[str, FrequentistFit] | None = None,
    xlabel: str | None = None,
    xlim: tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure:
    """Forest plot of a fit.

    Each study shows its observed estimate (square, area by weight) above the posterior of its own effect
    (circle); below stand the posterior of the mean effect and of the effect in a new study, each with its
    density. Under a common effect there is one posterior and no prediction. Fits of counts show them as
    events/patients; a study with no event in either arm has no estimate, and says so.

    Parameters
    ----------
    fit
        Result of `fit`.
    ci_prob
        Probability of every interval, equal-tailed for posteriors.
    favours
        ``"lower"`` or ``"higher"``: which values are good for patients. Writes on both sides of the null whom
        they favour, and the probability of benefit below. None: neither.
    treatment, control
        Names of the arms for those words.
    columns
        Text columns beside the labels, by header, one value a study in the order of the evidence: for example
        ``effects.table[["tpos", "tneg"]]``.
    frequentist
        Classical answers to show for comparison, by label; each keeps its own level.
    xlabel
        Words under the axis; the measure's printed name by default. The place for outcome and unit.
    xlim
        Ends of the axis on the printed scale, with the null between them. By default every interval is shown
        whole unless it would squeeze the others; what is cut ends in an arrowhead.
    title
        Words above the table.

    Returns
    -------
    matplotlib.figure.Figure
        As large as its text needs; `savefig` writes it, notebooks show it, pyplot does not know it. Its axes
        are labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: the analysis scale).

    Raises
    ------
    OptionError
        For a `ci_prob` outside (0, 1), an unknown direction, a column without one value a study, limits
        without the null between them.

    References
    ----------
    Lewis and Clarke 2001, doi 10.1136/bmj.322.7300.1479.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> posterior = bm.fit(effects, engine="exact", random_seed=1)
    >>> figure = bm.plots.forest(posterior, favours="lower", treatment="MSCT")
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    caption.check_ci_prob(ci_prob)
    origin = provenance(fit)
    sides = direction.sides(origin.measure, favours, treatment, control)
    require_one_effect(fit, "a forest plot")
    k = fit["log_likelihood"].sizes["study"]
    counts = counts_of(fit, origin, k, treatment, control)
    given = {} if columns is None else {str(name): list(values) for name, values in columns.items()}
    texts = counts.columns | given
    rows = forest_rows.build(fit, origin, texts, frequentist, ci_prob, counts.remarks)
    span = (
        scale.limits(origin.measure.null, forest_rows.core(rows), forest_rows.every(rows))
        if xlim is None
        else scale.given_limits(xlim, origin.measure)
    )
    words = Words(
        title=None if title is None else plain(title),
        xlabel=plain(origin.measure.display_label if xlabel is None else xlabel),
        sides=sides,
        caption=caption.assemble(
            origin,
            (*_sentences(fit, origin, rows, span, ci_prob, favours, treatment), *_about_counts(counts)),
        ),
    )
    with style.defaults():
        return draw_page(rows, lay_out(rows, list(texts), origin.measure, ci_prob), span, words, origin)


def _sentences(
    fit: xr.DataTree,
    origin: Provenance,
    rows: Sequence[Row],
    span: tuple[float, float],
    ci_prob: float,
    favours: str | None,
    treatment: str,
) -> Iterator[str]:
    """What the intervals are, how probable benefit is, tau, what was cut off."""
    level = percent(ci_prob)
    centre_name = (
        "mean" if moments_below(fit, location_name(origin)) > 1 else "median (its mean does not exist)"
    )
    yield (
        f"CI: {level} confidence interval. CrI: {level} equal-tailed credible interval around the posterior "
        f"{centre_name}."
    )
    if favours is not None:
        measure = origin.measure
        whom = f" (favours {plain(treatment)})" if measure.controlled else ""
        table, column = decision(fit, favours=favours), f"p_{measure.better}"
        errors = [table.attrs["mcse"][name][column] for name in table.index]
        told = ", in a new study ".join(map(probability_claim, table[column].tolist(), errors))
        yield f"Posterior probability {direction.better_words(measure)}{whom} {told}."
    if "tau" in parameter_names(fit):
        yield _tau(fit, origin, ci_prob)
    if cut := forest_rows.count_cut(rows, span):
        verb = "intervals reach" if cut > 1 else "interval reaches"
        yield f"{cut} {verb} beyond the axis (arrowheads)."


def _about_counts(counts: Counts) -> Iterator[str]:
    """How the estimate of a study by itself was drawn where its counts do not give one."""
    if counts.corrected:
        yield "Observed estimates of studies with a zero cell: 1/2 added to every cell, for display only."


def _tau(fit: xr.DataTree, origin: Provenance, ci_prob: float) -> str:
    """Between-study standard deviation on the analysis scale."""
    tail = 0.5 * (1.0 - ci_prob)
    low, high = marginal(fit, "tau").quantile([tail, 1.0 - tail])[0]
    text = estimate_texts([Interval(float(centre(fit, "tau")[0]), float(low), float(high))], None)[0]
    where = (
        f", on the scale of the {origin.measure.label.lower()}" if origin.measure.scale != "identity" else ""
    )
    return f"Between-study standard deviation tau: {text}{where}."
