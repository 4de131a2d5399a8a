"""Every question of every family under every option: an answer, or a refusal in one sentence.

The table `refused.json` lists what is refused, in which words: questions of a fit for every model that has an
integral (every value of every option in every run of the tests, every combination in the long one), figures
and questions that fit by themselves for one model a family. Run in one process with `-m ""` and with
BAYESMA_WRITE_REFUSALS=1 in the environment, this file writes it anew; else it is compared, so that whoever
changes what is refused sees it. Of what is not in the table it is asked that every refusal is a sentence.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import xarray as xr

import bayesma as bm
from bayesma.errors import BayesmaError, BayesmaWarning
from bayesma.families import FAMILIES

from .test_family_contract import CASES, IDS, evidence_of, has_integral, priors_of

RECORD = Path(__file__).with_name("refused.json")
WRITING = "BAYESMA_WRITE_REFUSALS" in os.environ
LONGEST = 450  # letters of a sentence that is still read to its end

type Asked = Iterator[tuple[str, Callable[[], object]]]
type Refused = dict[str, dict[str, list[str]]]

FIGURES = (
    "forest",
    "posterior",
    "prior_posterior",
    "trajectory",
    "relapse",
    "hazard",
    "retreatment",
    "bubble",
)
INTEGRATED = [
    pytest.param(name, options, id=label)
    for (name, options), label in zip(CASES, IDS, strict=True)
    if has_integral(name, options)
]
TABULATED = {
    "normal-normal",
    "binomial-fixed-midpoint-normal",
    "proportion-beta-binomial-normal-none",
    "longitudinal-visit-cs-given",
    "relapse-weibull-none-competing-none",
}
# every value of every option is asked in every run of the tests, the other combinations in the long one
COVERING = TABULATED | {
    "normal-none-dose",
    "normal-student_t",
    "normal-contaminated-prior",
    "normal-normal-dose+cells",
    "binomial-conditional-control-none",
    "binomial-fixed-control-student_t",
    "binomial-conditional-none-dose",
    "proportion-logit-normal-none-none",
    "proportion-logit-normal-student_t-none",
    "longitudinal-linear-ou-estimated",
    "longitudinal-spline-cs-given",
    "longitudinal-changepoint-ou-given",
    "longitudinal-emax-cs-given-dose+cells-dose",
    "relapse-constant-normal-censored-none",
    "relapse-random_walk-none-censored-none",
    "relapse-independent-none-competing-none",
}
# the exact fit alone takes a quarter of a minute
TOO_LONG = {("normal", "nu", "prior")}
ASKED = [
    param if param.id in COVERING else pytest.param(*param.values, id=param.id, marks=pytest.mark.long)
    for param in INTEGRATED
]
EVERY = [  # for figures and what fits by itself: one model a family in every run, the others in the long one
    param if param.id in TABULATED else pytest.param(*param.values, id=param.id, marks=pytest.mark.long)
    for param in INTEGRATED
]


@cache
def recorded() -> Refused:
    """The table as it stands in the repository."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8"))) if RECORD.exists() else {}


def questions_of_a_fit(fit: xr.DataTree) -> Asked:
    """What can be asked of a fit, by the name of the function and what is particular about the call."""
    yield "summary", lambda: bm.summary(fit)
    yield "summary, scale", lambda: bm.summary(fit, scale="display")
    yield "prob", lambda: [bm.prob(fit, str(name), below=0.0) for name in fit["posterior"].data_vars]
    yield "benefit", lambda: bm.benefit(fit, favours="lower", mid=0.2)
    yield "predict", lambda: bm.predict(fit)
    yield "predict, favours", lambda: bm.predict(fit, favours="lower")
    yield "predict, baseline", lambda: bm.predict(fit, baseline=0.1)
    yield "predict, above", lambda: bm.predict(fit, above=0.1)
    yield "predict, months", lambda: bm.predict(fit, months=[3, 6])
    yield "predict, at", lambda: bm.predict(fit, at={"dose": 2.0})
    yield "shrinkage", lambda: bm.shrinkage(fit)
    yield "shrinkage_trace", lambda: bm.shrinkage_trace(fit)
    yield "compare", lambda: bm.compare({"this": fit})
    yield "model_evidence", lambda: bm.model_evidence(fit)
    yield "summary_of_findings", lambda: bm.summary_of_findings(fit, outcome="events", favours="lower")
    yield "outliers", lambda: bm.outliers(fit)
    yield "meta_regression", lambda: bm.meta_regression(fit)
    yield "as_prior", lambda: bm.as_prior(fit, next(iter(fit["posterior"].data_vars)))
    yield "hazard", lambda: bm.hazard(fit)
    yield "retreatment", lambda: bm.retreatment(fit, month=6)
    yield "power_scaling", lambda: bm.power_scaling(fit)
    yield "prior_data_conflict", lambda: bm.prior_data_conflict(fit)
    yield "stacking", lambda: bm.stacking({"a": fit, "b": fit})


def figures_of(fit: xr.DataTree) -> Asked:
    """Figures that take a fit."""
    for name in FIGURES:
        yield f"plots.{name}", lambda name=name: getattr(bm.plots, name)(fit)  # type: ignore[misc]


def refitting_questions(evidence: Any, priors: dict[str, str], options: dict[str, Any]) -> Asked:
    """What is asked of the evidence, and fits by itself."""
    first = next(iter(priors))
    exactly = {"priors": priors, "engine": "exact", "random_seed": 1, **options}
    plain = {"priors": priors, **options}
    varied = {first: [priors[first]]}
    yield "leave_one_out", lambda: bm.leave_one_out(evidence, **exactly)
    yield "leave_one_out, favours", lambda: bm.leave_one_out(evidence, favours="lower", **exactly)
    yield "cumulative", lambda: bm.cumulative(evidence, **exactly)
    yield "influence", lambda: bm.influence(evidence, **exactly)
    yield "subsets", lambda: bm.subsets(evidence, **plain)
    yield "subgroups", lambda: bm.subgroups(evidence, "cells", **exactly)
    yield "prior_sensitivity", lambda: bm.prior_sensitivity(evidence, varied, favours="lower", **exactly)
    yield "model_average", lambda: bm.model_average(evidence, **plain)
    yield "frequentist", lambda: bm.frequentist(evidence)


def refusals(asked: Asked) -> dict[str, str]:
    """The sentence of every question that is refused; another exception passes through, with its question."""
    found: dict[str, str] = {}
    for name, ask in asked:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", BayesmaWarning
            )  # what an answer warns of is tested where it is made
            try:
                answer = ask()
            except BayesmaError as error:
                found[name] = str(error)
            except Exception as error:
                error.add_note(f"asked: {name}")
                raise
            else:
                assert answer is not None, name
                assert not isinstance(answer, pd.DataFrame) or len(answer), name
    plt.close("all")
    return found


def check(asked: list[tuple[str, Callable[[], object]]], label: str, *, tabulated: bool) -> None:
    """Every refusal is a sentence, and the one of the table where the question stands in there."""
    found = refusals(iter(asked))
    assert all("\n" not in words and len(words) <= LONGEST for words in found.values()), found
    if not tabulated:
        return
    names = {name for name, _ in asked}
    if WRITING:
        write(found, names, label)
    assert found == {
        question: words
        for question, every in recorded().items()
        if question in names
        for words, labels in every.items()
        if label in labels
    }


def write(found: dict[str, str], names: set[str], label: str) -> None:
    """Put the refusals of one model into the table in place of those that stood there."""
    table = recorded()
    for question in names:
        for labels in table.get(question, {}).values():
            if label in labels:
                labels.remove(label)
        if question in found:
            table.setdefault(question, {}).setdefault(found[question], []).append(label)
    kept = {
        q: {words: sorted(at) for words, at in sorted(every.items()) if at}
        for q, every in sorted(table.items())
    }
    table.clear()
    table |= {question: every for question, every in kept.items() if every}
    lines = [
        f" {json.dumps(question)}: {{\n"
        + ",\n".join(
            f"  {json.dumps(words, ensure_ascii=False)}:\n   {json.dumps(at)}" for words, at in every.items()
        )
        + "\n }"
        for question, every in table.items()
    ]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def fitted(name: str, options: dict[str, Any]) -> xr.DataTree:
    """An exact fit with few draws."""
    priors = priors_of(FAMILIES[name], options)
    evidence = evidence_of(name, options, "small")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesmaWarning)
        return bm.fit(evidence, priors=priors, engine="exact", draws=50, chains=2, random_seed=1, **options)


def test_every_value_of_every_option_is_asked() -> None:
    values: dict[bool, set[tuple[str, str, object]]] = {True: set(), False: set()}
    for param in INTEGRATED:
        name, options = param.values
        values[param.id in COVERING] |= {(str(name), option, value) for option, value in options.items()}
    assert values[False] - values[True] == TOO_LONG
    assert COVERING <= {str(param.id) for param in INTEGRATED}


@pytest.mark.parametrize(("name", "options"), ASKED)
def test_a_fit_answers_or_refuses_in_one_sentence(
    name: str, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    check(list(questions_of_a_fit(fitted(name, options))), request.node.callspec.id, tabulated=True)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_figures_are_drawn_or_refused(
    name: str, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    label = request.node.callspec.id
    check(list(figures_of(fitted(name, options))), label, tabulated=label in TABULATED)


@pytest.mark.parametrize(("name", "options"), [one for one in EVERY if "-prior" not in str(one.id)])
def test_questions_that_fit_by_themselves(
    name: str, options: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Not of models that integrate over nu or a share of outliers: nine questions of one took 270 s."""
    priors = priors_of(FAMILIES[name], options)
    asked = refitting_questions(evidence_of(name, options, "small"), priors, options)
    label = request.node.callspec.id
    check(list(asked), label, tabulated=label in TABULATED)


def test_the_table_is_of_models_that_there_are() -> None:
    labels = {label for every in recorded().values() for at in every.values() for label in at}
    assert labels == {str(param.id) for param in INTEGRATED}
    assert len(recorded()) > 10
