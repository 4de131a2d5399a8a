"""The tables of one fit: decision, comparison, priors, posterior, studies, agreement of the engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesma.analysis import Result
from bayesma.posterior.provenance import provenance
from bayesma.reporting.numbers import (
    MISSING,
    general,
    probability,
    rounded,
    share,
    with_intervals,
)
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, table, words
from bayesma.reporting.words import measure_of, mid_words, prior_rows

LARGE_Z = 3.0
ESTIMATE, PREDICTION = ("estimate", "ci_low", "ci_high"), ("estimate", "pi_low", "pi_high")
Z95 = 1.959963984540054
MEANING = {"mu": "effect (mu)", "theta_new": "in a next study"}
CHANCES = {"p_benefit": "benefit", "p_mid": "benefit beyond the MID", "p_harm": "harm"}


def decision(result: Result) -> Table | None:
    """Probabilities of benefit, benefit that matters, harm, and whatever else the spec asks."""
    if result.benefit is None and result.probabilities.empty:
        return None
    names = [] if result.benefit is None else list(result.benefit.index)
    rows: list[Sequence[Cell]] = [
        (label, *(Chance(float(result.benefit.loc[name, column])) for name in names))
        for column, label in CHANCES.items()
        if result.benefit is not None
    ]
    blank = [""] * (len(names) - 1)
    rows += [(str(label), Chance(float(v)), *blank) for label, v in result.probabilities.items()]
    mid = mid_words(result)
    source = result.job.questions.mid_source
    note = (
        f"MID: {mid}{f' ({source})' if source else ''}."
        if mid
        else "No minimal important difference was given."
    )
    heads = ("Probability of", *(MEANING.get(str(name), str(name)) for name in names or ["mu"]))
    return table("Decision", heads, rows, note)


def comparison(result: Result) -> Table:
    """Bayesian and frequentist side by side, on the printed scale."""
    measure, answers = measure_of(result), result.compare
    estimates = with_intervals(measure, zip(*(answers[c] for c in ESTIMATE), strict=True))
    predicted = with_intervals(measure, zip(*(answers[c] for c in PREDICTION), strict=True))
    rows = [
        (
            str(label),
            estimate,
            MISSING if np.isnan(row["pi_low"]) else prediction[prediction.index("[") :],
            general(row["tau"], 3, zeros=True),
            _p_value(result, str(label)),
        )
        for (label, row), estimate, prediction in zip(answers.iterrows(), estimates, predicted, strict=True)
    ]
    heads = ("", "Estimate, 95 % interval", "Next study, 95 %", "tau", "p")
    note = (
        f"The Bayesian estimate is the posterior mean{_back_transformed(result)}; "
        f"tau is the between-study sd{_of_log(result)}."
    )
    return table("Bayesian and frequentist", heads, rows, note)


def priors(result: Result) -> Table:
    """Every prior in words, and how much of the answer it supplied."""
    rows = [
        (*row, share(float(result.prior_share[row[0].split(":", maxsplit=1)[0]])))
        for row in prior_rows(result)
    ]
    heads = ("Parameter", Column("Prior", kind="code"), words("In words"), words("Origin"), "Share")
    note = (
        "Share: part of the posterior that the prior supplied (squared ratio of the interquartile ranges; "
        "100 %: the data said nothing)."
    )
    return table("Priors", heads, rows, note)


def posteriors(result: Result) -> Table:
    """Posterior summary of every parameter but the studies' own effects, analysis scale."""
    origin = provenance(result.fit)
    names = [p.name for p in origin.family.parameters(origin.options) if not p.dims]
    sampled = origin.engine == "nuts"
    rows = []
    for name in names:
        row = result.summary.loc[name].astype(float).to_dict()
        spread = row["sd"] if np.isfinite(row["sd"]) else (row["ci_high"] - row["ci_low"]) / 4.0
        cells = [
            name,
            *(rounded(row[c], spread) for c in ("mean", "sd", "median", "ci_low", "ci_high")),
        ]
        if sampled:
            sizes = [f"{row[c]:.0f}" if np.isfinite(row[c]) else MISSING for c in ("ess_bulk", "ess_tail")]
            cells += [general(row["mcse_mean"], 2), *sizes, f"{row['r_hat']:.4f}"]
        rows.append(cells)
    heads = ["Parameter", "mean", "sd", "median", "2.5 %", "97.5 %"]
    heads += ["MCSE", "ESS bulk", "ESS tail", "r_hat"] if sampled else []
    scale = measure_of(result).label
    return table("Posterior summary", heads, rows, f"Analysis scale: {scale[:1].lower()}{scale[1:]}.")


def studies(result: Result) -> Table:
    """Observed and posterior effect of each study, printed scale."""
    measure, found = measure_of(result), result.shrinkage
    half = Z95 * found["observed_se"]
    seen = zip(found["observed"], found["observed"] - half, found["observed"] + half, strict=True)
    believed = zip(found["mean"], found["ci_low"], found["ci_high"], strict=True)
    columns = (with_intervals(measure, seen), with_intervals(measure, believed), found["weight"])
    rows = [
        (str(study), observed, posterior, f"{weight:.1f} %")
        for study, observed, posterior, weight in zip(found.index, *columns, strict=True)
    ]
    note = (
        "Posterior: the study's own effect after learning from the others. "
        "Weight: its share in the mean effect."
    )
    return table(
        "Studies", ("Study", "Observed, 95 % interval", "Posterior, 95 % interval", "Weight"), rows, note
    )


def engines(result: Result) -> Table | None:
    """NUTS against exact integration in one line."""
    if result.crosscheck is None:
        return None
    z = result.crosscheck["z"].abs()
    worst = result.crosscheck.iloc[int(np.nanargmax(z.to_numpy()))]
    name = str(result.crosscheck.index[int(np.nanargmax(z.to_numpy()))])
    row = (
        str(int(z.notna().sum())),
        f"{z.max():.2f}",
        f"{name}, {worst['quantity']}",
        str(int((z > LARGE_Z).sum())),
        f"{0.0027 * z.notna().sum():.1f}",
    )
    heads = ("Quantities compared", "largest |z|", words("of"), "beyond 3", "expected by chance")
    note = "z: difference between NUTS and exact integration in Monte Carlo standard errors."
    return table("NUTS v exact integration", heads, [row], note)


def full_engines(result: Result) -> Table | None:
    """Every comparison of the engines."""
    if result.crosscheck is None:
        return None
    rows = [
        Row(
            (
                f"{name}, {row['quantity']}",
                *(rounded(float(row[c]), 0.1 * float(row["mcse"])) for c in ("exact", "nuts", "difference")),
                general(float(row["mcse"]), 2),
                MISSING if np.isnan(row["z"]) else f"{row['z']:.2f}".replace("-", "−"),
            ),
            "alarm" if abs(row["z"]) > LARGE_Z else "",
        )
        for name, row in result.crosscheck.iterrows()
    ]
    return table("", ("Quantity", "exact", "NUTS", "difference", "MCSE", "z"), rows)


def _p_value(result: Result, label: str) -> str:
    """Two-sided p of a classical answer."""
    return probability(result.frequentist[label].p_value) if label in result.frequentist else MISSING


def _back_transformed(result: Result) -> str:
    """How a mean on the log scale is printed."""
    return ", taken on the log scale and transformed back" if measure_of(result).scale == "log" else ""


def _of_log(result: Result) -> str:
    """Scale of tau."""
    return " on the log scale" if measure_of(result).scale == "log" else ""
