"""The tables of one fit: decision, comparison, priors, posterior, studies, agreement of the engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesma.counterparts import defined, why_undefined
from bayesma.measures import MEASURES
from bayesma.notes import only_prior
from bayesma.plots.forest_counts import counts_of
from bayesma.posterior.benefit import columns_of
from bayesma.posterior.marginals import row_labels
from bayesma.posterior.provenance import provenance
from bayesma.reporting.tables import Cell, Chance, Column, Row, Table, table, words
from bayesma.reporting.words import event_of, measure_of, mid_words, noun, prior_rows, single_arm
from bayesma.results import OneEffect, Result
from bayesma.words.numbers import MINUS, MISSING, general, probability_text, rounded, share, with_intervals

LARGE_Z = 3.0
SHARED = ("hyper", "new", "baseline_new")  # roles of parameters that are no single study's
ESTIMATE, PREDICTION = ("estimate", "ci_low", "ci_high"), ("estimate", "pi_low", "pi_high")
Z95 = 1.959963984540054
MEANING = {"mu": "effect (mu)", "theta_new": "in a next study", "delta_new": "in a next study"}


def asked_for(probabilities: pd.Series) -> list[tuple[str, Chance]]:
    """What the spec asks for by name, with the digits of its Monte Carlo error."""
    errors = probabilities.attrs["mcse"]
    return [(str(label), Chance(float(value), errors[label])) for label, value in probabilities.items()]


def decision(result: OneEffect) -> Table | None:
    """Probabilities of benefit, benefit that matters, harm, and whatever else the spec asks."""
    if result.benefit is None and result.probabilities.empty:
        return None
    names = [] if result.benefit is None else list(result.benefit.index)
    measure = measure_of(result)
    labels = (measure.better, f"{measure.better} beyond the MID", measure.worse)
    rows: list[Sequence[Cell]] = [
        (
            label,
            *(
                Chance(float(result.benefit.loc[name, column]), result.benefit.attrs["mcse"][name][column])
                for name in names
            ),
        )
        for column, label in zip(columns_of(measure), labels, strict=True)
        if result.benefit is not None
    ]
    blank = [""] * (len(names) - 1)
    rows += [(*row, *blank) for row in asked_for(result.probabilities)]
    if result.benefit is None:
        return table("Probabilities", ("Probability of", "posterior"), rows)
    mid = mid_words(result)
    source = result.job.questions.mid_source
    note = (
        f"MID: {mid}{f' ({source})' if source else ''}."
        if mid
        else "No minimal important difference was given."
    )
    if result.impossible is not None:
        note = f"All {result.impossible.condition}: the standard error as printed is impossible. {note}"
    heads = ("Probability of", *(MEANING.get(str(name), str(name)) for name in names or ["mu"]))
    return table("Decision", heads, rows, note)


def comparison(result: OneEffect) -> Table:
    """Bayesian and frequentist side by side, on the printed scale."""
    measure, answers = measure_of(result), result.compare
    undefined = {label for label, fit in result.frequentist.items() if not defined(fit)}
    estimates = with_intervals(measure, zip(*(answers[c] for c in ESTIMATE), strict=True))
    estimates = [
        "not defined" if label in undefined else text
        for label, text in zip(answers.index, estimates, strict=True)
    ]
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
    reasons = [
        f"{label} is not defined: {why_undefined(fit, result.evidence)}"
        for label, fit in result.frequentist.items()
        if not defined(fit)
    ]
    note = (
        f"The Bayesian estimate is the posterior mean{_back_transformed(result)}; "
        f"tau is the between-study sd{_of_log(result)}. {' '.join(reasons)}"
    ).rstrip()
    return table("Bayesian and frequentist", heads, rows, note)


def priors(result: Result) -> Table:
    """Every prior in words, and how much of the answer it supplied."""
    rows = [
        (*row, share(_largest_share(result, row[0].split(":", maxsplit=1)[0]))) for row in prior_rows(result)
    ]
    heads = ("Parameter", Column("Prior", kind="code"), words("In words"), words("Origin"), "Share")
    note = (
        "Share: part of the posterior that the prior supplied (squared ratio of the interquartile ranges; "
        "100 %: the data said nothing)."
    )
    if result.mean_overlap > 0.0:
        names = result.mean_names
        most = "" if len(names) == 1 else ", the largest"
        note += f" Overlap of prior and posterior of {', '.join(names)}{most}: {share(result.mean_overlap)}."
    return table("Priors", heads, rows, note)


def _largest_share(result: Result, name: str) -> float:
    """Share of the prior of a parameter, the largest over its visits; NaN where it is not defined."""
    own = [label.partition("[")[0] == name for label in result.prior_share.index]
    return float(result.prior_share[own].max())


def posteriors(result: Result) -> Table:
    """Posterior summary of every parameter but the studies' own effects, analysis scale."""
    origin = provenance(result.fit)
    shared = [p.name for p in origin.family.parameters(origin.options) if p.role in SHARED]
    sampled = origin.engine == "nuts"
    rows = []
    for name in (label for parameter in shared for label in row_labels(result.fit, parameter)):
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
    note = f"Analysis scale: {scale[:1].lower()}{scale[1:]}."
    if priors_alone := only_prior(result.prior_share, result.prior_overlap):
        note += f" Only their prior, and no result of these data: {', '.join(priors_alone)}."
    return table("Posterior summary", heads, rows, note)


def studies(result: OneEffect) -> Table:
    """Observed and posterior effect of each study, printed scale."""
    measure, found = measure_of(result), result.shrinkage
    half = Z95 * found["observed_se"]
    counts = counts_of(
        result.fit,
        provenance(result.fit),
        len(found),
        result.job.effects.treatment,
        result.job.effects.control,
    )
    seen = zip(found["observed"], found["observed"] - half, found["observed"] + half, strict=True)
    believed = zip(found["mean"], found["ci_low"], found["ci_high"], strict=True)
    columns = (with_intervals(measure, seen), with_intervals(measure, believed), found["weight"])
    cells = zip(*counts.columns.values(), strict=True) if counts.columns else [()] * len(found)
    rows = [
        (
            str(study),
            *numbers,
            remark or observed,
            posterior,
            MISSING if np.isnan(weight) else f"{weight:.1f} %",
        )
        for study, numbers, remark, observed, posterior, weight in zip(
            found.index, cells, counts.remarks, *columns, strict=True
        )
    ]
    note = (
        f"Posterior: the study's own {noun(result)} after learning from the others. "
        f"Weight: its share in the mean {noun(result)}."
    )
    if counts.corrected:
        note += " Observed, where a cell is zero: 1/2 added to every cell, for display only."
    heads = [Column(name.partition("\n")[0], name.partition("\n")[2]) for name in counts.columns]
    return table(
        "Studies",
        ("Study", *heads, "Observed, 95 % interval", "Posterior, 95 % interval", "Weight"),
        rows,
        note,
    )


def baselines(result: OneEffect) -> Table | None:
    """Posterior of every study's baseline, as the proportion with the event; None where there are none."""
    origin = provenance(result.fit)
    declared = next((p for p in origin.family.parameters(origin.options) if p.name == "alpha"), None)
    if declared is None:
        return None
    found = result.summary.loc[[f"alpha[{study}]" for study in result.shrinkage.index]]
    logits = zip(found["median"], found["ci_low"], found["ci_high"], strict=True)
    rows = [
        (str(study), f"{median:.2f}".replace("-", MINUS), risk)
        for study, median, risk in zip(
            result.shrinkage.index, found["median"], with_intervals(MEASURES["PLO"], logits), strict=True
        )
    ]
    event = event_of(result)
    head = f"As a proportion ({event})" if event else "As a risk"
    return table(
        "Baselines", ("Study", "Logit, median", f"{head}, 95 % interval"), rows, f"{declared.meaning}."
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


def _p_value(result: OneEffect, label: str) -> str:
    """Two-sided p of a classical answer; of single arms none, as there is no null."""
    if single_arm(result):
        return MISSING
    return probability_text(result.frequentist[label].p_value) if label in result.frequentist else MISSING


def _back_transformed(result: Result) -> str:
    """How a mean on the log or logit scale is printed."""
    scale = measure_of(result).scale
    return "" if scale == "identity" else f", taken on the {scale} scale and transformed back"


def _of_log(result: Result) -> str:
    """Scale of tau."""
    scale = measure_of(result).scale
    return "" if scale == "identity" else f" on the {scale} scale"
