"""Analyses over several visits: lines by month, classical answers beside them, kinds of rows, references."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.counterparts import ALONE
from bayesma.errors import DataError, OptionError, PriorError, SpecError
from bayesma.reporting.moderators import moderators
from bayesma.reporting.words import within_words
from bayesma.words.numbers import MISSING

from .conftest import months_file, only_over_months

type Analysed = Callable[..., Analysis]

HEAD = months_file(
    'month = "month", estimate = "d", se = "se"', "MD", "0.5", 'm = "Normal(0, 5)", tau = "HalfNormal(0.7)"'
)
ROWS = """study,month,d,se
A,1,-0.5,0.2
A,6,-0.9,0.3
B,1,0.2,0.4
B,6,-1.1,0.3
C,6,-0.4,0.2
"""
ARMS = """study,arm,month,mean,sd,n
A,MSC,0,12,3,20
A,MSC,6,7,4,20
A,none,0,12.5,3,18
A,none,6,11,4,18
B,MSC,0,10,3,12
B,MSC,6,6,3,12
B,none,0,10,3,11
B,none,6,9,3,11
"""
LONG = 'columns = { month = "month", mean = "mean", sd = "sd", n = "n" }'


def arms(extra: str, measure: str) -> str:
    """The same file on rows of arms."""
    text = HEAD.replace('columns = { month = "month", estimate = "d", se = "se" }', f"{LONG}\n{extra}")
    return text.replace('measure = "MD"', f'measure = "{measure}"')


def value(patient: int, month: int) -> float:
    """Of a simulated patient."""
    return 10.0 - patient - 0.5 * month + (patient * (month + 1)) % 4


def test_the_answer_has_a_line_for_every_month(analysed: Analysed) -> None:
    analysis = analysed(HEAD + "[questions]\nmid = 0.5\nmid_source = 'x'\n", ROWS)
    table, result = analysis.table(), only_over_months(analysis)
    assert table.index.tolist() == ["x[1]", "x[6]"]
    assert table["month"].tolist() == [1.0, 6.0]
    assert table["k"].tolist() == [2, 3]
    assert result.k == 3
    rows = result.summary.loc[["m[1]", "m[6]"]]
    assert table[["estimate", "ci_low", "ci_high"]].to_numpy() == pytest.approx(
        rows[["mean", "ci_low", "ci_high"]].to_numpy(), abs=1e-12
    )
    assert table["p_benefit"].tolist() == pytest.approx(bm.prob(result.fit, "m", below=0.0).tolist())
    assert table["p_mid"].tolist() == pytest.approx(bm.prob(result.fit, "m", below=-0.5).tolist())
    assert table["p_benefit_new"].tolist() == pytest.approx(
        bm.prob(result.fit, "theta_new", below=0.0).tolist()
    )
    joint = bm.multivariate(result.evidence, between="cs")
    assert table["frequentist_estimate"].tolist() == pytest.approx(joint.table["estimate"].tolist())
    assert set(table["frequentist_method"]) == {"multivariate REML, compound symmetry"}
    assert table["prior_share_m"].tolist() == [result.prior_share["m[1]"], result.prior_share["m[6]"]]


def test_a_line_has_its_classical_line(analysed: Analysed) -> None:
    text = HEAD.replace('{ m = "Normal(0, 5)",', '{ intercept = "Normal(0, 5)", slope = "Normal(0, 1)",')
    analysis = analysed(f'{text}trajectory = "linear"\n', ROWS)
    table, result = analysis.table(), only_over_months(analysis)
    joint = bm.multivariate(result.evidence, between="cs", trajectory="linear")
    assert result.mean_names == ["intercept", "slope"]
    expected = [joint.contrast([1.0, month])["estimate"] for month in (1.0, 6.0)]
    assert table["frequentist_estimate"].tolist() == pytest.approx(expected)
    exact = result.summary["mean"]
    line = exact["intercept"] + 6.0 * exact["slope"]
    assert table.loc["x[6]", "estimate"] == pytest.approx(line, abs=1e-9)  # no draws in it


def test_without_a_joint_answer_each_month_stands_alone_and_the_reason_is_said(analysed: Analysed) -> None:
    text = HEAD.replace("within_correlation = 0.5", 'within_correlation = "Beta(2, 2)"')
    result = only_over_months(analysed(text, "study,month,d,se\nA,1,-0.5,0.2\nA,6,-0.9,0.3\n"))
    assert result.classical.joint is None
    assert result.classical_label == ALONE
    assert "multivariate needs a number for the within-study correlation" in result.classical_notes[0]
    assert result.classical.at_visits()["estimate"].tolist() == [-0.5, -0.9]
    assert result.classical.at_visits().notna().all(axis=None)


def test_rows_of_arms_and_of_patients(analysed: Analysed) -> None:
    two = 'arms = { column = "arm", treatment = "MSC", control = "none" }'
    result = only_over_months(analysed(arms(two, "MD"), ARMS))
    assert result.evidence.y[:, 0] == pytest.approx([-5.0 + 1.5, -4.0 + 1.0])
    one = only_over_months(
        analysed(arms("", "MC"), "\n".join(r for r in ARMS.splitlines() if ",none," not in r))
    )
    assert one.evidence.y[:, 0] == pytest.approx([-5.0, -4.0])
    patients = "study,id,month,value\n" + "".join(
        f"{s},{i},{m},{value(i, m)}\n" for s in "AB" for i in range(5) for m in (0, 6)
    )
    text = arms("", "MC").replace(LONG, 'columns = { month = "month", patient = "id", value = "value" }')
    found = only_over_months(analysed(text.replace("within_correlation = 0.5\n", ""), patients))
    change = [value(i, 6) - value(i, 0) for i in range(5)]
    assert found.evidence.y[:, 0] == pytest.approx([np.mean(change)] * 2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('study = "study"\n', "", "key 'study' is missing; several rows are one study"),
        ('month = "month", ', "", "key 'columns.month' is missing; name the column of the time"),
        ('se = "se" }', 'sf = "se" }', "MD has no role or option 'sf'; its roles are"),
        (
            "[fit]",
            'adjust = "final"\n[fit]',
            "key 'adjust' does not go with rows of estimates; leave it out",
        ),
        (
            "[fit]",
            'arms = { column = "a", treatment = "x", control = "y", by = "study" }\n[fit]',
            "key 'arms.by' has no place beside several visits",
        ),
        (
            'estimate = "d", se = "se"',
            'mean = "d", sd = "se", n = "n"',
            "key 'measure' is 'MD'; arms without arms give MC: write measure = 'MC'",
        ),
        (
            'estimate = "d", se = "se"',
            'patient = "d", values = "se"',
            "key 'columns.values' is no column of patients; they have: month, patient, value",
        ),
    ],
)
def test_mistakes_in_a_file(old: str, new: str, message: str, analysed: Analysed) -> None:
    with pytest.raises(SpecError) as raised:
        analysed(HEAD.replace(old, new, 1), ROWS)
    assert str(raised.value).startswith(f"x.toml, [effects]: {message}")


def test_a_model_without_integral_says_so_with_its_place(analysed: Analysed) -> None:
    with pytest.raises(PriorError) as raised:
        analysed(HEAD.replace('"cs"', '"har"'), ROWS)
    assert str(raised.value).startswith("x.toml: engine 'exact' has no integral for between = 'har' here")


def test_references_over_months(analysed: Analysed) -> None:
    quantities = {
        "posterior.m[6].p_below_0": 1.0,
        "frequentist.REML+cs.se_m[6]": 0.2,
        "frequentist.REML+cs.rho": 0.0,
        "effect.B 6.y": -1.1,
    }
    text = HEAD + "".join(
        f'[[reference]]\nquantity = "{q}"\nvalue = {v}\ntolerance = 3.0\nsource = "x"\n'
        for q, v in quantities.items()
    )
    analysis = analysed(text, ROWS)
    found = {check.quantity: check.found for check in analysis.references}
    result = only_over_months(analysis)
    joint = bm.multivariate(result.evidence, between="cs")
    assert found["effect.B 6.y"] == -1.1
    assert found["posterior.m[6].p_below_0"] == pytest.approx(bm.prob(result.fit, "m", below=0.0)[6])
    assert found["frequentist.REML+cs.se_m[6]"] == pytest.approx(joint.table.loc["m[6]", "se"])
    with pytest.raises(SpecError, match="there is no number of a frequentist fit 'tau'"):
        analysed(HEAD + text[len(HEAD) :].replace("rho", "tau"), ROWS)


def test_a_rebound_is_asked_of_two_months(analysed: Analysed) -> None:
    result = only_over_months(analysed(HEAD + "[questions]\nrebound = [1, 6]\n", ROWS))
    assert ("average study", "change from month 1 to month 6") in result.course.index
    with pytest.raises(SpecError, match=r"rebound is \[6.0, 1.0\]; give two months, the earlier first"):
        analysed(HEAD + "[questions]\nrebound = [6, 1]\n", ROWS)
    with pytest.raises(OptionError, match="rebound holds 20, and the follow-up runs from 1 to 6"):
        analysed(HEAD + "[questions]\nrebound = [6, 20]\n", ROWS)


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ("above = [0.1]", "above asks for proportions in single arms"),
        ("baseline = 0.2", "baseline is the control risk behind an odds ratio or risk ratio; leave it out"),
    ],
)
def test_questions_that_have_no_answer_over_months(questions: str, message: str, analysed: Analysed) -> None:
    counts = "study,month,d,se\nA,1,-0.5,0.2\nA,6,-0.9,0.3\n"
    text = HEAD.replace('"MD"', '"OR"').replace('unit = "points"\n', "")
    with pytest.raises(SpecError, match=message):
        analysed(f"{text}[questions]\n{questions}\n", counts)


def test_what_was_done_to_rows_is_said(analysed: Analysed) -> None:
    """A double-zero row enters with a half added, as at a single time, and the reader is told."""
    text = (
        HEAD.replace('"MD"', '"RR"')
        .replace('unit = "points"\n', "")
        .replace(
            'estimate = "d", se = "se"',
            'events_treat = "a", n_treat = "n1", events_ctrl = "c", n_ctrl = "n2"',
        )
    )
    rows = "study,month,a,n1,c,n2\nA,1,3,40,6,38\nA,6,2,40,5,38\nB,6,0,20,0,20\n"
    result = only_over_months(analysed(text, rows))
    assert any(
        "0.5 was added to all four cells of 1 of 3 studies" in note and "B 6" in note for note in result.notes
    )


def test_all_months_at_once_are_no_likelier_than_one(analysed: Analysed) -> None:
    result = only_over_months(analysed(HEAD, ROWS))
    for estimand in ("average study", "new study"):
        chances = result.course["p_benefit"][estimand]
        assert chances["benefit at every month"] <= min(chances["month 1"], chances["month 6"])
    together = bm.benefit(result.fit, favours="lower").loc["m", "p_benefit"]
    assert together["all visits"] <= min(together[1], together[6])


def test_visits_that_print_alike_are_refused(analysed: Analysed) -> None:
    with pytest.raises(DataError, match="two visits are so near that both are month 1 as printed"):
        analysed(HEAD, ROWS.replace("B,1,", "B,1.0000001,"))


def test_a_knot_that_is_no_visit_still_counts_its_prior(analysed: Analysed) -> None:
    rows = "study,month,d,se\n" + "".join(
        f"{s},{m},{-0.1 * m + d},0.3\n" for s, d in (("A", 0.1), ("B", -0.1)) for m in (1, 2, 3, 4, 6, 12)
    )
    text = HEAD.replace('{ m = "Normal(0, 5)",', '{ coef = "Normal(0, 5)",')
    analysis = analysed(f'{text}trajectory = "spline"\n', rows)
    table, result = analysis.table(), only_over_months(analysis)
    coefs = [name for name in result.prior_share.index if name.startswith("coef")]
    assert len(coefs) == 4
    assert table["prior_share_coef"].tolist() == pytest.approx([result.prior_share[coefs].max()] * 6)
    assert table["prior_overlap"].notna().all()


def test_a_curve_has_a_free_classical_answer_that_says_so(analysed: Analysed) -> None:
    text = HEAD.replace('{ m = "Normal(0, 5)",', '{ coef = "Normal(0, 5)",')
    result = only_over_months(analysed(f'{text}trajectory = "spline"\n', ROWS))
    assert result.classical_label == "multivariate REML, compound symmetry, a mean at every visit"


def test_moderators_have_a_table_in_their_own_unit(analysed: Analysed) -> None:
    rows = "study,month,d,se,dose,cells\n"
    dose = {"A": 1, "B": 4, "C": 2, "D": 3}
    cells = {"A": "UC", "B": "BM", "C": "UC", "D": "BM"}
    for study, month, d in [
        ("A", 1, -0.5),
        ("A", 6, -0.9),
        ("B", 1, 0.2),
        ("B", 6, -1.1),
        ("C", 1, -0.2),
        ("C", 6, -0.4),
        ("D", 1, 0.1),
        ("D", 6, -0.3),
    ]:
        rows += f"{study},{month},{d},0.2,{dose[study]},{cells[study]}\n"
    text = HEAD.replace("tau =", 'beta = "Normal(0, 1)", beta_slope = "Normal(0, 1)", tau =')
    asked = text + 'moderators = ["dose", "cells"]\nslope_moderators = ["dose"]\n'
    result = only_over_months(analysed(asked, rows))
    made = moderators(result)
    assert made is not None
    assert [row.cells[:4] for row in made.rows] == [
        ("dose", "the effect", "2.5", "1.291"),
        ("cells: UC v BM", "the effect", "50 %", MISSING),
        ("dose", "its change a month", "2.5", "1.291"),
    ]
    mean = result.summary["mean"]["beta_slope[dose]"]
    assert (
        made.rows[2]
        .cells[5]
        .startswith(f"{mean / np.std([1, 4, 2, 3], ddof=1):.4f}".replace("-", "\N{MINUS SIGN}"))
    )
    joint = result.classical.joint
    assert joint is not None
    assert {"beta[dose]", "beta[cells: UC v BM]", "beta_slope[dose]"} <= set(joint.table.index)
    assert moderators(only_over_months(analysed(HEAD, ROWS))) is None
    with pytest.raises(OptionError, match=r"has no moderator 'doses'; did you mean 'dose'\?"):
        analysed(asked.replace('"dose", "cells"', '"doses"'), rows)


def test_a_prior_on_the_correlation_says_at_what_distance_it_holds(analysed: Analysed) -> None:
    """In the file, in the evidence, in the notes, and in the words of the report."""
    prior = 'within_correlation = "Beta(2, 2)"\nwithin_structure = "ar1-month"\nwithin_distance = 3'
    result = only_over_months(analysed(HEAD.replace("within_correlation = 0.5", prior), ROWS))
    assert result.evidence.within_distance == 3.0
    (told,) = within_words(result)
    assert told == (
        "visits of a study: correlation ~ Beta(2, 2) of values 3 months apart, "
        "decaying with the months between"
    )
    assert any("for the first visit (month 1) with the last visit (month 6)" in note for note in result.notes)
    (plain,) = within_words(only_over_months(analysed(HEAD, ROWS)))
    assert plain == "visits of a study: correlation 0.5, to the power of the visits between"
