"""Does every shipped analysis reproduce its pinned numbers, and would a wrong number be seen?"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import SpecError
from bayesma.reference import ReferenceCheck
from bayesma.resources import MODELS

from .conftest import exactly

type Analysed = Callable[..., Analysis]

# What two printed decimals of p leave open, with an estimate and limits that were rounded too.
PRINTED = 0.01


# An sd of its own at every visit: no integral.
SAMPLED = {"ishak2007"}
LONG = SAMPLED | {
    "zhou2020_longitudinal",
    "wang2014",
    "msc_relapse",
    "msc_sledai",
    "msc_response",
    "msc_survival",
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=[pytest.mark.long] * (n in LONG)) for n in MODELS.names()],
)
def shipped(request: pytest.FixtureRequest) -> Analysis:
    """Every shipped analysis, integrated where that can be."""
    return bm.run(request.param, progressbar=False) if request.param in SAMPLED else exactly(request.param)


def test_every_reference_is_met(shipped: Analysis) -> None:
    missed = [check for check in shipped.references if not check.met]
    assert missed == []


def test_every_reference_was_checked(shipped: Analysis) -> None:
    pinned = [reference.quantity for reference in shipped.spec.file.reference]
    assert pinned, "an analysis without a pinned number proves nothing"
    assert {check.quantity for check in shipped.references} == set(pinned)
    assert len(shipped.references) >= len(pinned)


def test_a_reference_off_by_twice_its_tolerance_is_missed(shipped: Analysis) -> None:
    """Each pinned number, moved: a check that stays met would check nothing."""
    for check in shipped.references:
        moved = ReferenceCheck(
            check.analysis,
            check.quantity,
            check.source,
            check.expected + 2.01 * check.tolerance,
            check.found,
            check.tolerance,
        )
        assert not moved.met, check


def test_tolerances_are_small_beside_the_number(shipped: Analysis) -> None:
    """A tolerance as large as the number pins nothing; p-values are printed with two decimals."""
    for check in shipped.references:
        assert check.tolerance <= max(0.05 * abs(check.expected), PRINTED), check


def test_answers_of_a_shipped_analysis_are_complete(shipped: Analysis) -> None:
    assert len(shipped.results) == len(shipped.spec.jobs)
    table = shipped.table()
    assert table["converged"].all()
    assert table[["estimate", "ci_low", "ci_high"]].notna().all(axis=None)
    effects = table[["p_benefit", "p_harm"] if "p_benefit" in table else []]
    alone = table["measure"].isin(["PLO", "MC"]) | table["measure"].str.startswith("relapse-free")
    if "p_benefit_at_plausible_n" in table:  # a standard error that no trial could have has no headline
        alone |= table["p_benefit_at_plausible_n"].notna()
    assert effects[alone].isna().all(axis=None)
    compared = effects[~alone]
    if compared.empty:
        return
    assert compared[["p_benefit", "p_harm"]].notna().all(axis=None)
    assert (compared["p_benefit"] + compared["p_harm"]).tolist() == pytest.approx(
        [1.0] * len(compared), abs=1e-9
    )


@pytest.mark.parametrize(
    ("expected", "found", "met"),
    [
        (1.0, 1.09, True),
        (1.0, 0.91, True),
        (1.0, 1.11, False),
        (1.0, 0.89, False),
        (-1.0, 1.0, False),
        (1.0, math.nan, False),
        (1.0, math.inf, False),
    ],
)
def test_met(expected: float, found: float, met: bool) -> None:
    assert ReferenceCheck("a", "q", "s", expected, found, 0.1).met is met


QUANTITIES = {
    "posterior.mu.mean": lambda r: r.summary.loc["mu", "mean"],
    "posterior.tau.sd": lambda r: r.summary.loc["tau", "sd"],
    "posterior.theta_new.ci_high": lambda r: r.summary.loc["theta_new", "ci_high"],
    "posterior.theta[A].median": lambda r: r.summary.loc["theta[A]", "median"],
    "posterior.mu.p_below_0": lambda r: bm.prob(r.fit, "mu", below=0.0),
    "posterior.theta[C].p_below_0": lambda r: bm.prob(r.fit, "theta", below=0.0)["C"],
    "posterior.model.log_evidence": lambda r: bm.model_evidence(r.fit)["log_evidence"],
    "posterior.model.log_bf01_tau": lambda r: bm.model_evidence(r.fit)["log_bf01_tau"],
    "frequentist.PM+hksj.tau2": lambda r: bm.frequentist(r.evidence, method="PM", ci="hksj").tau2,
    "frequentist.EE+wald.q": lambda r: bm.frequentist(r.evidence, method="EE", ci="wald").q,
    "effect.B.y": lambda r: r.evidence.y[1],
    "effect.B.se": lambda r: r.evidence.se[1],
}
PAIN = "[[analysis]]\nname = 'pain'\nwhere = { outcome = 'pain', month = 6 }\n"


def reference(quantity: str, value: float = 0.0) -> str:
    """A reference table."""
    return f"[[reference]]\nquantity = '{quantity}'\nvalue = {value}\ntolerance = 1e-9\nsource = 'test'\n"


def test_every_kind_of_quantity_is_found(head: str, analysed: Analysed) -> None:
    analysis = analysed(head + PAIN + "".join(map(reference, QUANTITIES)))
    (result,) = analysis.results
    found = {check.quantity: check.found for check in analysis.references}
    assert found == {quantity: float(ask(result)) for quantity, ask in QUANTITIES.items()}
    assert {check.analysis for check in analysis.references} == {"pain"}


def test_a_wrong_reference_in_a_file_is_missed(head: str, analysed: Analysed) -> None:
    right = analysed(head + PAIN + reference("posterior.mu.mean")).references[0].found
    texts = [reference("posterior.mu.mean", right), reference("posterior.mu.mean", right + 1e-8)]
    checks = analysed(head + PAIN + "".join(texts)).references
    assert [check.met for check in checks] == [True, False]


def test_one_reference_is_checked_for_every_job_it_speaks_of(head: str, analysed: Analysed) -> None:
    sleep = "[[analysis]]\nname = 'sleep'\nwhere = { outcome = 'sleep' }\n"
    checks = analysed(head + PAIN + sleep + reference("posterior.mu.mean")).references
    assert [check.analysis for check in checks] == ["pain", "sleep"]


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (
            "posterior.mu.men",
            "there is no statistic 'men'; there are: mean, sd, median, ci_low, ci_high, p_below_0",
        ),
        ("posterior.nu.mean", "there is no parameter 'nu'; there are: mu, tau, theta, theta_new"),
        ("posterior.theta[Z].p_below_0", "there is no row of the summary 'theta[Z]'"),
        ("posterior.model.evidence", "there is no quantity of the model 'evidence'; there are: log_evidence"),
        (
            "frequentist.REML.tau2",
            "'REML' names no interval; write the method and the interval, as in DL+wald",
        ),
        ("frequentist.XX+wald.tau2", "unknown frequentist method 'XX'; known are: EE, DL, ML, REML, PM"),
        ("frequentist.DL+wald.notes", "there is no number of a frequentist fit 'notes'; there are: estimate"),
        ("effect.Z.y", "there is no study 'Z'; there are: A, B, C"),
        ("effect.A.yi", "there is no number of a study 'yi'; there are: y, se"),
    ],
)
def test_a_quantity_that_does_not_exist(quantity: str, message: str, head: str, analysed: Analysed) -> None:
    with pytest.raises(SpecError) as raised:
        analysed(head + PAIN + reference(quantity))
    assert str(raised.value).startswith(f"x.toml: reference quantity {quantity!r}: {message}")


@pytest.mark.slow
def test_posterior_references_are_integrated_whatever_the_engine(head: str, analysed: Analysed) -> None:
    """Pinned digits are finer than Monte Carlo error."""
    text = head + PAIN + reference("posterior.mu.mean") + reference("frequentist.DL+wald.tau2")
    exact, nuts = (analysed(text, engine=engine, progressbar=False) for engine in ("exact", "nuts"))
    assert [c.found for c in nuts.references] == [c.found for c in exact.references]
    assert nuts.results[0].summary.loc["mu", "mean"] != exact.references[0].found
