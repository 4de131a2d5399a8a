"""The tables of moderators: what each adds to the effect, or over months to its change a month."""

from __future__ import annotations

import math

from bayesma.classical.regression_fit import RegressionFit
from bayesma.families.visit_moderators import KINDS
from bayesma.posterior.marginals import centre, error_of_share, labels_of, marginal, probability_error
from bayesma.posterior.provenance import provenance
from bayesma.posterior.regression import meta_regression
from bayesma.reporting.tables import Cell, Chance, Column, Table, table, words
from bayesma.results import CLASSICAL, OneEffect, OverMonths
from bayesma.words.numbers import MISSING, general, rounded
from bayesma.words.numbers import share as percent

BAYESIAN = ["median", "ci_low", "ci_high"]
BEFORE = ["prior_median", "prior_low", "prior_high"]
HEADS = (
    Column("Mean", "of the studies"),
    Column("SD", "of the studies"),
    Column("Per SD, or category", "95 % interval"),
    Column("Per unit", "95 % interval"),
    Column("P(above 0)"),
    Column("Frequentist", "per SD, or category"),
)
NOTE = (
    "Moderators are centred at their mean over the studies, numbers divided by their standard deviation; "
    "a category is compared with another, after the 'v'. {above} of studies at these "
    "means. Studies were not randomised to their moderators: what goes with a difference between them "
    "need not cause it."
)
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
            probability_error(posterior, 0.0, above=True),
            strict=True,
        )
        for label, middle, scale, mean, (low, high), above, error in columns:
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
                    Chance(float(above), float(error)),
                    classical,
                ]
            )
    if not rows:
        return None
    heads = ("Moderator", words("adds to"), *HEADS)
    return table("Moderators", heads, rows, NOTE.format(above="The months above are those"))


def of_one_effect(result: OneEffect) -> Table | None:
    """One row a coefficient, the classical one beside it, then what is left; None without moderators."""
    origin = provenance(result.fit)
    if not origin.options.get("moderators"):
        return None
    found = meta_regression(result.fit)
    classical = result.classical[1]
    beside = classical.coefficients if isinstance(classical, RegressionFit) else None
    unit = "one unit" if origin.options["moderator_unit"] == "own" else "one SD"
    rows: list[list[Cell]] = []
    for label, middle in found.attrs["centre"].items():
        row, category = found.loc[label], ": " in label
        rows.append(
            [
                label,
                f"{100.0 * middle:.0f} %" if category else general(middle),
                MISSING if category else general(found.attrs["scale"][label]),
                _estimate(*row[BAYESIAN]),
                MISSING if category else _estimate(*row[["per_unit", "per_unit_low", "per_unit_high"]]),
                Chance(float(row["p_above"]), error_of_share(row["p_above"], row["sd"], row["mcse_mean"])),
                MISSING if beside is None else _estimate(*beside.loc[label, list(CLASSICAL[:3])]),
            ]
        )
    note = NOTE.format(above=f"A coefficient is what {unit} adds. The mean effect above is that")
    if "R2" in found.index:
        left, share = _estimate(*found.loc["tau", BAYESIAN]), _estimate(*found.loc["R2", BAYESIAN])
        note += f" They leave a between-study tau of {left}; R2, the share they go with, is {share}."
        before, part = found.loc["R2", BEFORE], float(found["prior_overlap"]["R2"])
        note += (
            f" The priors of beta and tau alone put R2 at {_estimate(*before)}, and {percent(part)} of its "
            "posterior is what they alone would give."
            if math.isfinite(part)
            else " Under an improper prior R2 has no prior to compare this with."
        )
    return table("Moderators", ("Moderator", *HEADS), rows, note)


def _estimate(estimate: float, low: float, high: float) -> str:
    """With its interval, by as many digits as this deserves."""
    if math.isnan(estimate):
        return MISSING
    width = (high - low) / 4.0
    return f"{rounded(estimate, width)} [{rounded(low, width)}, {rounded(high, width)}]"
