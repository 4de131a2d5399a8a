"""The methods paragraph for the paper: model, priors, computation, convergence, agreement, questions."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from bayesma.analysis import Analysis
from bayesma.posterior.provenance import provenance
from bayesma.reporting.answers import CHANGES, EFFECTS, PROPORTIONS, RELAPSES, kinds
from bayesma.reporting.citations import citations
from bayesma.reporting.likelihoods import model_sentence
from bayesma.reporting.markdown import escaped, markdown_table
from bayesma.reporting.tables import Table, table, words
from bayesma.reporting.words import (
    benefit_words,
    event_of,
    measure_of,
    measured,
    method_words,
    mid_words,
    prior_rows,
)
from bayesma.results import OverFollowUp, OverMonths, Result
from bayesma.words.numbers import ascii_signs, general

LARGE_Z = 3.0


def methods(analysis: Analysis) -> list[str]:
    """Paragraphs of plain text, with every number that a reviewer would ask for.

    Parameters
    ----------
    analysis
        Result of `run`.
    """
    parts: list[Callable[[Analysis], str]] = [
        _data,
        _model,
        _questions,
        _computation,
        _agreement,
        _robustness,
        _classical,
    ]
    return [text for part in parts if (text := part(analysis))]


def priors_table(analysis: Analysis) -> Table:
    """Every prior in use, with the analyses it was used for."""
    rows: dict[tuple[str, ...], list[Result]] = {}
    for result in analysis.results:
        for row in prior_rows(result):
            rows.setdefault(row, []).append(result)
    several = len(analysis.results) > 1
    lines = [(*row, *([_used_for(analysis, used)] if several else [])) for row, used in rows.items()]
    heads = [words(head) for head in ("Parameter", "Prior", "In words", "Origin", "Used for")][
        : 5 if several else 4
    ]
    return table("Priors", heads, lines)


def _used_for(analysis: Analysis, used: list[Result]) -> str:
    """Analyses by label, and the variants where it is not all of them."""
    if len(used) == len(analysis.results):
        return "all"
    variants = list(dict.fromkeys(r.job.variant_label for r in analysis.results))
    own = [variant for variant in variants if variant in {r.job.variant_label for r in used}]
    labels = list(dict.fromkeys(r.job.label for r in used))
    everywhere = len(labels) == len({r.job.label for r in analysis.results})
    outcomes = "all" if everywhere else "; ".join(labels)
    return outcomes if len(own) == len(variants) else f"{outcomes} ({'; '.join(own)})"


def methods_markdown(analysis: Analysis) -> str:
    """The paragraph, the priors and the references as a Markdown file."""
    blocks = [f"# Methods: {escaped(analysis.title)}"]
    blocks += [escaped(text) for text in methods(analysis)]
    blocks += ["## Priors", markdown_table(priors_table(analysis)), "## References"]
    blocks.append("\n".join(f"{i}. {escaped(text)}" for i, text in enumerate(citations(analysis), 1)))
    return ascii_signs("\n\n".join(blocks)) + "\n"


def _data(analysis: Analysis) -> str:
    """What was analysed, in which measures."""
    files = ", ".join(dict.fromkeys(r.job.data.name for r in analysis.results))
    names = ", ".join(dict.fromkeys(measured(r) for r in analysis.results))
    scales = {measure_of(r).scale for r in analysis.results}
    logs = "; ratios were analysed as natural logarithms" if "log" in scales else ""
    logits = "; proportions were analysed as logits" if "logit" in scales else ""
    return f"Data: {files}. Number of separate fits: {len(analysis.results)}. Measure: {names}{logs}{logits}."


def _model(analysis: Analysis) -> str:
    """Likelihood of each kind of model in use."""
    kinds: dict[str, list[str]] = {}
    for result in analysis.results:
        origin = provenance(result.fit)
        variants = kinds.setdefault(model_sentence(origin.family.name, origin.options), [])
        if result.job.variant_label and result.job.variant_label not in variants:
            variants.append(result.job.variant_label)
    sentences = [
        f"{text}{' (variant: ' + '; '.join(variants) + ')' if variants else ''}"
        for text, variants in kinds.items()
    ]
    return f"Model: {'. Model: '.join(sentences)}. The priors are listed below; none is hidden."


def _robustness(analysis: Analysis) -> str:
    """How the answers were tried under other priors."""
    tried = [r.robustness for r in analysis.results if r.robustness is not None]
    paths = [one for robust in tried for one in robust.tipping]
    if not paths:
        return ""
    levels = ", ".join(f"{100 * level:g} %" for level in sorted({one.threshold for one in paths}))
    exact = all(one.mcse == 0.0 for one in paths)
    how = (
        "by exact integration under every prior"
        if exact
        else "by exact integration, or from the draws of the fit weighted by the ratio of the priors "
        "(Pareto-smoothed importance sampling) with a new fit where its weights are unreliable (k above 0.7)"
    )
    return (
        f"Sensitivity: every probability was computed again over a grid of priors, and a path of priors was "
        f"searched by root-finding for the one at which it crosses {levels}, {how}. That no prior on a path "
        "crosses it is reported as such."
    )


def _questions(analysis: Analysis) -> str:
    """How the probabilities are defined, for every kind of result."""
    asked = {PROPORTIONS: _of_proportions, EFFECTS: _of_effects, CHANGES: _of_changes, RELAPSES: _of_relapses}
    return " ".join(asked[kind](results) for kind, results in kinds(analysis).items())


def _of_proportions(results: list[Result]) -> str:
    """Single arms."""
    events = list(dict.fromkeys(event for result in results if (event := event_of(result))))
    counted = f"What was counted: {'; '.join(events)}. " if events else ""
    return (
        f"{counted}P(> x) is the posterior probability that a proportion exceeds x: the median over "
        "settings, the mean over settings, or the proportion in a new study, by name. Intervals hold 95 % of "
        "the posterior, with equal tails; proportions are posterior medians."
    )


def _of_relapses(results: list[Result]) -> str:
    """Follow-up."""
    beliefs: dict[str, str] = {}
    for result in results:
        if isinstance(result, OverFollowUp):
            beliefs |= result.decision.attrs["restoration"]
    named = ", ".join(
        name if name == prior or "=" in name else f"{name} {prior}" for name, prior in beliefs.items()
    )
    return (
        "When inside an interval a relapse happened is integrated out, so that without competing deaths the "
        "number of relapses is binomial with a complementary log-log link; who leaves inside an interval "
        "counts as followed, free of relapse, to its middle, and beyond the last period its intensity goes "
        "on. P(rises) is the posterior probability that the mean monthly intensity of relapse is higher in "
        "the late window than in the early one. Free of relapse means alive and free of relapse. After a "
        "second transplantation at month m the log intensity of relapse is (1 - f) log lambda(t) + f log "
        f"lambda(t - m); f was drawn from what is believed of it: {named}. The gain is the difference of the "
        "mean months free of relapse. Intervals hold 95 % of the posterior, with equal tails."
    )


def _of_effects(results: list[Result]) -> str:
    """Effects."""
    sides = "; ".join(dict.fromkeys(benefit_words(r) for r in results))
    return _asked_of(
        results,
        f"P(benefit) is the posterior probability that {_mean(results, 'effect')} lies on the favoured side "
        f"of no effect, and P(harm) that it lies on the other side. Benefit: {sides}.",
    )


def _of_changes(results: list[Result]) -> str:
    """Changes without a control."""
    sides = "; ".join(dict.fromkeys(benefit_words(r) for r in results))
    return _asked_of(
        results,
        f"Patients of single arms were compared with nobody. P(improved) is the posterior probability that "
        f"{_mean(results, 'change')} lies on the good side of no change, and P(worse) that it lies on the "
        f"other side. Improved: {sides}.",
    )


def _asked_of(results: list[Result], text: str) -> str:
    """What is said of effects and of changes alike, after what their probabilities are."""
    labels: dict[str, list[str]] = {}
    for result in results:
        used = labels.setdefault(mid_words(result), [])
        if result.job.label not in used:
            used.append(result.job.label)
    mids = [f"{mid} for {', '.join(used)}" if len(labels) > 1 else mid for mid, used in labels.items() if mid]
    if mids:
        text += f" P(beyond MID) asks for at least the minimal important difference: {'; '.join(mids)}."
    if any(name.startswith("theta_new") for r in results for name in r.summary.index):
        text += " 'Next study' is the same question asked of theta_new, its true value in a new study."
    text += " Intervals hold 95 % of the posterior, with equal tails; estimates are posterior means on the "
    return f"{text}analysis scale, or medians where no mean exists."


def _mean(results: list[Result], what: str) -> str:
    """What benefit, or improvement, is asked of."""
    months = [isinstance(r, OverMonths) for r in results]
    kinds = [f"the {what} mu"] * (not all(months)) + [f"the mean {what} at a visit"] * any(months)
    return ", or over several visits ".join(kinds)


def _computation(analysis: Analysis) -> str:
    """Engines, settings, convergence with numbers, seed and versions."""
    sampled = [r for r in analysis.results if r.fit.attrs["engine"] == "nuts"]
    integrated = [r for r in analysis.results if r.fit.attrs["engine"] == "exact"]
    text = _sampling(sampled) if sampled else ""
    if integrated:
        error = max(float(r.fit["exact"].attrs["error"]) for r in integrated)
        text += (
            f"Fits integrated exactly: {len(integrated)} ({_routes(integrated)}; largest estimated "
            f"error {general(error, 2)}). "
        )
    attrs = analysis.results[0].fit.attrs
    versions = ", ".join(f"{name} {number}" for name, number in json.loads(attrs["versions"]).items())
    return f"{text}Random seed {analysis.seed}. Software: {versions}."


def _routes(results: list[Result]) -> str:
    """How exact fits were computed."""
    ways = {"exact integration": "adaptive quadrature, no Monte Carlo error"}
    found = dict.fromkeys(provenance(r.fit).route for r in results)
    return " or ".join(ways.get(route, route) for route in found)


def _sampling(results: list[Result]) -> str:
    """Settings and diagnostics of NUTS, the worst of all fits."""
    attrs = [r.fit.attrs for r in results]
    failed = [r.job.name for r in results if not r.fit.attrs["converged"]]
    verdict = (
        f"NOT CONVERGED: {', '.join(failed)}; these results must not be used. "
        if failed
        else "Every fit met the standard (r_hat at most 1.01, ESS at least 400, no divergence). "
    )
    run = attrs[0]
    return (
        f"Fits sampled with NUTS (PyMC model, nutpie sampler): {len(results)}, each with {run['chains']} "
        f"chains of {run['draws']} draws after {run['tune']} tuning steps. Worst over all fits: r_hat "
        f"{max(a['max_r_hat'] for a in attrs):.4f}, effective sample size "
        f"{min(a['min_ess'] for a in attrs):.0f}, divergences {sum(a['divergences'] for a in attrs)}. "
        f"{verdict}"
    )


def _agreement(analysis: Analysis) -> str:
    """NUTS against exact integration, with numbers."""
    tables = [r.crosscheck for r in analysis.results if r.crosscheck is not None]
    if not tables:
        return ""
    z = np.concatenate([np.abs(t["z"].to_numpy(dtype=np.float64)) for t in tables])
    z = z[np.isfinite(z)]
    return (
        f"Agreement of the two engines: NUTS was compared with exact integration in {z.size} quantities "
        f"(means, 95 % limits, probabilities); {int((z > LARGE_Z).sum())} differed by more than {LARGE_Z:g} "
        f"Monte Carlo standard errors (about {0.0027 * z.size:.1f} expected by chance), the largest "
        f"difference was {z.max():.2f}."
    )


def _classical(analysis: Analysis) -> str:
    """Frequentist answers shown beside, and pinned references."""
    used = dict.fromkeys(method_words(*pair) for r in analysis.results for pair in r.classical_methods)
    text = f"Frequentist answers beside them: {'; '.join(used)}."
    checks = analysis.references
    if checks:
        met = sum(check.met for check in checks)
        text += f" Of {len(checks)} pinned external values, {met} were reproduced within their tolerance."
    return text
