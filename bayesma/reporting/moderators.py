"""The table of moderators over months: what each adds to the effect, or to its change a month."""

from __future__ import annotations

import math

from bayesma.families.visit_moderators import KINDS
from bayesma.posterior.marginals import centre, labels_of, marginal
from bayesma.posterior.provenance import provenance
from bayesma.reporting.numbers import MISSING, general, rounded
from bayesma.reporting.tables import Cell, Chance, Column, Table, table, words
from bayesma.results import CLASSICAL, OverMonths

ON = {"moderators": "the effect", "slope_moderators": "its change a month"}
TAILS = [0.025, 0.975]


def moderators(result: OverMonths) -> Table | None:
    """One row a coefficient, with the classical answer beside it; None where there are no moderators."""
    options = provenance(result.fit).options
    data = result.fit["constant_data"].dataset
    joint = result.classical.joint
    rows: list[list[Cell]] = []
    for option, parameter in KINDS.items():
        if not options[option]:
            continue
        dim, posterior = parameter.dims[0], marginal(result.fit, parameter.name)
        columns = zip(
            labels_of(result.fit, dim),
            data[f"{dim}_centre"].values,
            data[f"{dim}_scale"].values,
            centre(result.fit, parameter.name),
            posterior.quantile(TAILS),
            posterior.probability(0.0, above=True),
            strict=True,
        )
        for label, middle, scale, mean, (low, high), above in columns:
            category = ": " in str(label)
            classical = (
                MISSING
                if joint is None
                else _estimate(*joint.table.loc[f"{parameter.name}[{label}]", list(CLASSICAL[:3])])
            )
            rows.append(
                [
                    str(label),
                    ON[option],
                    f"{100.0 * middle:.0f} %" if category else general(middle),
                    MISSING if category else general(scale),
                    _estimate(mean, low, high),
                    MISSING if category else _estimate(mean / scale, low / scale, high / scale),
                    Chance(float(above)),
                    classical,
                ]
            )
    if not rows:
        return None
    heads = (
        "Moderator",
        words("adds to"),
        Column("Mean", "of the studies"),
        Column("SD", "of the studies"),
        Column("Per SD, or category", "95 % interval"),
        Column("Per unit", "95 % interval"),
        Column("P(above 0)"),
        Column("Frequentist", "per SD, or category"),
    )
    note = (
        "Moderators are centred at their mean over the studies, numbers divided by their standard deviation; "
        "a category is compared with another, after the 'v'. The months above are those of studies at these "
        "means. Studies were not randomised to their moderators: what goes with a difference between them "
        "need not cause it."
    )
    return table("Moderators", heads, rows, note)


def _estimate(estimate: float, low: float, high: float) -> str:
    """With its interval, by as many digits as this deserves."""
    if math.isnan(estimate):
        return MISSING
    width = (high - low) / 4.0
    return f"{rounded(estimate, width)} [{rounded(low, width)}, {rounded(high, width)}]"
