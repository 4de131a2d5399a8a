"""Is every published prior the one in its file, found by its name, and is a mistake told where it is?"""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import bayesma as bm
from bayesma.errors import OptionError, PriorError
from bayesma.posterior.provenance import provenance
from bayesma.priors import Prior
from bayesma.priors.catalogue import catalogue, published
from bayesma.resources import DATA

LEVELS = np.array([0.05, 0.3, 0.5, 0.8, 0.99])
SAME = 1e-12


def rows(file: str) -> pd.DataFrame:
    """A file as pandas reads it; "NA" alone is a missing value."""
    path = DATA.folder() / "priors" / f"{file}.csv"
    return pd.read_csv(path, keep_default_na=False, na_values=["NA"])


def test_every_row_is_an_entry() -> None:
    files = ["weakly_informative_priors", "turner2015_heterogeneity_priors"]
    files += ["rhodes2015_heterogeneity_priors", "bartos_informed_priors"]
    assert [len(rows(file)) for file in files] == [2, 129, 193, 419]
    assert len(catalogue()) == 743
    listed = bm.list_priors()
    assert (listed["kind"] == "published").sum() == 743
    assert listed.index.is_unique
    assert listed.loc[listed["kind"] == "published", ["source", "doi"]].ne("").all(axis=None)


def test_weakly_informative() -> None:
    """Half-normal on tau: its square over the scale's is chi-squared with one degree of freedom."""
    for _, row in rows("weakly_informative_priors").iterrows():
        entry = published(f"Friede 2017: {row['name']}")
        expected = stats.chi2(1).ppf(LEVELS) * row["scale"] ** 2
        assert entry.prior.ppf(LEVELS) ** 2 == pytest.approx(expected, rel=SAME)
        assert (entry.parameter, entry.measure, entry.doi) == ("tau", "OR", "10.1002/jrsm.1217")


def test_turner() -> None:
    """What a prior on tau implies for tau^2 is the published log-normal, at every quantile."""
    for _, row in rows("turner2015_heterogeneity_priors").iterrows():
        entry = published(f"Turner 2015: {row['outcome']}, {row['comparator1']} v {row['comparator2']}")
        expected = stats.lognorm(row["tau2_sdlog"], scale=math.exp(row["tau2_meanlog"])).ppf(LEVELS)
        assert entry.prior.ppf(LEVELS) ** 2 == pytest.approx(expected, rel=SAME)
        assert (entry.parameter, entry.measure, entry.doi) == ("tau", "OR", row["doi"])


def test_rhodes() -> None:
    """The log of tau^2 is Student-t with the published numbers."""
    for _, row in rows("rhodes2015_heterogeneity_priors").iterrows():
        about = f"{row['outcome']}, {row['comparator1']} v {row['comparator2']}, {row['area']}"
        entry = published(f"Rhodes 2015: {about}")
        expected = stats.t(row["df"], row["tau2_location"], row["tau2_scale"]).ppf(LEVELS)
        assert 2.0 * np.log(entry.prior.ppf(LEVELS)) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert (entry.parameter, entry.measure, entry.doi) == ("tau", "SMD", row["doi"])


def informed(row: pd.Series) -> np.ndarray:
    """Quantiles of one of its priors, by scipy."""
    if row["family"] == "invgamma":
        return np.asarray(stats.invgamma(row["shape"], scale=row["scale"]).ppf(LEVELS))
    if row["family"] == "t":
        law = stats.t(row["df"], row["location_or_mean"], row["scale"])
    else:
        law = stats.norm(row["location_or_mean"], row["sd"])
    low = law.cdf(row["lower_truncation"]) if np.isfinite(row["lower_truncation"]) else 0.0
    return np.asarray(law.ppf(low + LEVELS * (1.0 - low)))


def test_informed_priors() -> None:
    """In the order of the file: names are made of subfield, measure and parameter."""
    entries = [
        entry for key, entry in catalogue().items() if not key.startswith(("turner", "rhodes", "friede"))
    ]
    table = rows("bartos_informed_priors")
    for entry, (_, row) in zip(entries, table.iterrows(), strict=True):
        assert entry.prior.ppf(LEVELS) == pytest.approx(informed(row), rel=1e-9, abs=1e-12)
        assert str(row["subfield"]) in entry.name
        assert entry.parameter == {"effect": "mu", "heterogeneity": "tau"}[row["parameter"]]
        assert entry.doi == row["doi"]


def test_a_name_is_a_prior_wherever_one_is_written() -> None:
    name = "turner 2015:  mental health indicators,   pharmacological v placebo / control"
    effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="OR")
    fit = bm.fit(effects, priors={"tau": name}, engine="exact", random_seed=1)
    own = "Turner 2015: mental health indicators, pharmacological v placebo / control"
    assert json.loads(fit.attrs["priors"])["tau"] == own
    assert provenance(fit).priors["tau"].form.startswith("LogNormal(")
    grid = bm.prior_sensitivity(effects, {"tau": [name, "HalfNormal(0.5)"]}, favours="lower")
    assert grid["tau_prior"].tolist() == [own, "HalfNormal(0.5)"]


@given(mid=st.floats(0.01, 100.0), tail=st.floats(0.001, 0.49), sign=st.sampled_from([-1.0, 1.0]))
def test_a_sceptic_leaves_the_tail_beyond_the_mid(mid: float, tail: float, sign: float) -> None:
    """Spiegelhalter, Freedman & Parmar 1994: P(beyond mid) and, for the enthusiast, P(none) are tail."""
    sceptic = Prior.parse(f"Sceptical({sign * mid!r}, {tail!r})")
    beyond = float(sceptic.cdf(-mid)) if sign < 0 else 1.0 - float(sceptic.cdf(mid))
    assert beyond == pytest.approx(tail, rel=1e-4)
    enthusiast = Prior.parse(f"Enthusiastic({sign * mid!r}, {tail!r})")
    wrong = 1.0 - float(enthusiast.cdf(0.0)) if sign < 0 else float(enthusiast.cdf(0.0))
    assert wrong == pytest.approx(tail, rel=1e-4)
    neutral = Prior.parse(f"Neutral({sign * mid!r})")
    assert 2.0 * float(neutral.cdf(-mid)) == pytest.approx(0.5, rel=1e-4)


def test_unit_information() -> None:
    prior = Prior.parse("UnitInformation(4)")
    assert (str(prior), prior.form) == ("UnitInformation(4)", "Normal(0, 4)")
    assert prior == Prior.parse("Normal(0, 4)") == Prior.parse(str(prior))


def test_a_changed_prior_has_not_the_name_of_the_other() -> None:
    prior = Prior.parse("Sceptical(-0.123456789, 0.05)")
    assert str(prior) == "Sceptical(-0.123456789, 0.05)" and Prior.parse(str(prior)) == prior
    changed = (prior.truncate(lower=0), replace(prior, arguments=(0.0, 2.0)))
    assert [str(one) for one in changed] == [one.form for one in changed]
    assert str(Prior.parse("Truncated(Neutral(0.5), lower=0)")).startswith("Truncated(Normal(0, 0.74")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Turner 2015: pian, any v any", "character 14: no published prior has this name; the nearest are: "),
        ("Turnr 2015: any", r"character 1: 'turnr 2015' is no known source; did you mean 'Turner 2015'\?"),
        (
            "HalfNorml(1)",
            r"character 1: 'HalfNorml' is no known distribution \(did you mean 'HalfNormal'\?\)",
        ),
        ("Normal(0, sgma=1)", r"character 11: argument 'sgma' is not expected \(did you mean 'sigma'\?\)"),
        ("Normal(0, 1", "does not parse at character 7"),
        ("Truncated(Norml(0, 1), lower=0)", "character 11: 'Norml' is no known distribution"),
        ("  Normal(0, x)", "character 13: 'x' is not a number"),
        ("Normal(0)", "character 9: it lacks sigma; it is written Normal"),
        ("Sceptical(0.5, 0.7)", "tail is 0.7; it must lie between 0 and 0.5"),
        ("Sceptical(0, 0.05)", "mid is 0; give the minimal important difference"),
        ("Normal(0, -1)", "character 11: sigma is -1; it must be above 0"),
        ("  Normal(0,\n x)", "character 14: 'x' is not a number"),
        ("turner 2015:   pian, any v any", "character 16: no published prior has this name"),
        ("Scepticl(0.5, 0.05)", "did you mean 'Sceptical'"),
    ],
)
def test_a_mistake_is_told_where_it_is(text: str, words: str) -> None:
    with pytest.raises(PriorError, match=words):
        Prior.parse(text)


@pytest.mark.parametrize(
    "name",
    [
        "Turner 2015: pain, pharmacological v placebo / control",
        "turner 2015 :pain,pharmacological vs. placebo/control",
        "  TURNER 2015: pain ,  pharmacological V placebo / control",
    ],
)
def test_case_blanks_and_versus_do_not_matter(name: str) -> None:
    assert published(name).name == "Turner 2015: pain, pharmacological v placebo / control"


def test_a_prior_is_used_for_what_it_was_published_for() -> None:
    effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    heterogeneity, effect = "Rhodes 2015: any, any v any, any", "Bartos 2021: Airways, SMD, effect"
    fit = bm.fit(effects, priors={"mu": effect, "tau": heterogeneity}, engine="exact", random_seed=1)
    assert fit.attrs["converged"] == 1
    with pytest.raises(PriorError, match="was published for heterogeneity, tau, and is given for mu"):
        bm.fit(effects, priors={"mu": heterogeneity}, engine="exact")
    with pytest.raises(PriorError, match="was published for an effect, and is given for tau"):
        bm.prior_sensitivity(effects, {"tau": [effect]}, favours="lower")
    with pytest.warns(bm.errors.DataWarning, match="was published for OR, and the evidence is SMD"):
        bm.fit(effects, priors={"tau": "Turner 2015: any, any v any"}, engine="exact", random_seed=1)


def test_of_ready_estimates_nothing_is_said_about_the_scale() -> None:
    """Log hazard ratios come as GEN: the prior may be on the very scale of theirs."""
    effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="GEN")
    known = bm.list_priors("tau")
    name = known.index[known["measure"] == "HR"][0]
    priors = {"mu": "Normal(0, 1)", "tau": name}
    with pytest.warns(bm.errors.DataWarning, match="published for HR, and the evidence is GEN") as caught:
        bm.fit(effects, priors=priors, engine="exact", random_seed=1)
    assert "see that the estimates are HR as it is analysed" in str(caught[0].message)
    assert "another scale" not in str(caught[0].message)


def test_a_search_is_a_text() -> None:
    with pytest.raises(OptionError, match="search is 3; give words in one text"):
        bm.list_priors(3)


def test_the_search_holds_all_words() -> None:
    found = bm.list_priors("turner mental placebo")
    assert len(found) == 4
    assert found["doi"].unique().tolist() == ["10.1002/sim.6381"]
    assert bm.list_priors("no such words").empty
