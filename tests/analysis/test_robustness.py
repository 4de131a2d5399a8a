"""Do analyses of lupus say whether their answer survives other priors, and is what they say computed?"""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd
import pytest

import bayesma as bm
from bayesma.analysis import Analysis
from bayesma.errors import SpecError
from bayesma.reporting.robustness import grid_table

LUPUS = [
    "deng2017", "deng2017_safety", "msc_relapse", "msc_response", "msc_sledai", "msc_survival",
    "secretome2025", "wang2014", "wang2014_safety", "zhou2020", "zhou2020_longitudinal",
]  # fmt: skip
CLOSE = 1e-9


@pytest.fixture(scope="module")
def secretome() -> Analysis:
    return bm.run("secretome2025", engine="exact")


@pytest.mark.parametrize("name", LUPUS)
def test_every_lupus_spec_asks(name: str) -> None:
    assert any(job.sensitivity is not None for job in bm.load_spec(name).jobs)


def test_every_fit_has_a_grid_and_sentences(secretome: Analysis) -> None:
    for result in secretome.results:
        robust = result.robustness
        assert robust is not None
        assert robust.question == "benefit"
        assert [one.parameter for one in robust.tipping] == ["mu", "tau"]
        assert all("the probability of benefit" in one.sentence.lower() for one in robust.tipping)
        grid = robust.grid
        assert grid is not None
        base = grid.attrs["base"]
        own = grid[(grid["mu_prior"] == base["mu"]) & (grid["tau_prior"] == base["tau"])]
        assert len(grid) == 9
        assert len(own) == 1
        assert result.benefit is not None
        expected = result.benefit.loc["mu", ["p_benefit", "p_mid"]].tolist()
        assert own[["p_benefit", "p_mid"]].to_numpy()[0] == pytest.approx(expected, abs=CLOSE)
        assert robust.tipping[0].at_base == pytest.approx(expected[0], abs=CLOSE)


def test_the_report_quotes_them_and_the_folder_holds_the_tables(secretome: Analysis, tmp_path: Path) -> None:
    from bayesma.reporting.outputs import write_outputs

    text = html.unescape(write_outputs(secretome, tmp_path).read_text(encoding="utf-8"))
    assert "Does the answer survive other priors?" in text
    sentences = [one.sentence for r in secretome.results if r.robustness for one in r.robustness.tipping]
    assert all(sentence in text for sentence in sentences)
    written = pd.read_csv(tmp_path / "tipping_points.csv")
    assert written["sentence"].tolist() == sentences
    assert len(pd.read_csv(tmp_path / "sensitivity.csv")) == 9 * len(secretome.results)
    assert "searched by root-finding" in (tmp_path / "methods.md").read_text(encoding="utf-8")


def test_draws_are_weighted_where_fits_take_long() -> None:
    """The weighted draws of one fit against fits under the other priors, within Monte Carlo error."""
    frame = pd.DataFrame(
        {"s": list("aabbc"), "t": [1, 6, 1, 6, 6], "y": [-0.2, -0.6, 0.1, -0.3, -0.5], "se": 0.2}
    )
    months = bm.Trajectories.from_estimates(
        frame, study="s", month="t", estimate="y", se="se", within_correlation=0.5, measure="SMD"
    )
    options = {"trajectory": "visit", "between": "cs"}
    fit = bm.fit(months, engine="exact", random_seed=1, draws=4000, **options)
    vary = {"tau": ["HalfNormal(0.15)", "HalfNormal(0.25)", "HalfNormal(0.4)"]}
    exact = bm.prior_sensitivity(months, vary, question="m[6] < 0", engine="exact", **options)
    weighted = bm.prior_sensitivity(months, vary, question="m[6] < 0", fit=fit, **options)
    assert weighted.attrs["engine"] == "draws of one fit, weighted, or exact"
    assert weighted["p_benefit"].to_numpy() == pytest.approx(exact["p_benefit"].to_numpy(), abs=0.012)
    other = bm.fit(months, priors={"tau": "HalfNormal(1)"}, engine="exact", random_seed=1, **options)
    with pytest.raises(bm.errors.OptionError, match="and the analysis is another"):
        bm.prior_sensitivity(months, vary, question="m[6] < 0", fit=other, **options)


BASE = """
schema = 1
title = "Simulated"
data = "bcg"
[effects]
measure = "RR"
favours = "lower"
study = ["author", "year"]
columns = { events_treat = "tpos", nonevents_treat = "tneg", events_ctrl = "cpos", nonevents_ctrl = "cneg" }
"""


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        ("treshold = 0.9", r"\[sensitivity\].*unknown key 'treshold'; did you mean 'threshold'"),
        ("threshold = 95", "threshold"),
        ("vary = { nu = ['Gamma(2, 1)'] }", "'nu' has no prior in this model; it has: mu, tau"),
        ("vary = { tau = ['HalfNorml(1)'] }", r"entry 1: prior 'HalfNorml\(1\)', character 1: .*HalfNormal"),
        (
            "tipping = [{ prior = { tau = 'HalfNormal(1)' }, over = [0.1, 1] }]",
            r"write one \? for the number",
        ),
        ("tipping = [{ prior = { tau = 'HalfNormal(?)' }, over = [1, 0.1] }]", "give the two ends"),
        ("tipping = [{ prior = { tau = 'HalfNormal(?)' }, over = [-1, 1] }]", "sigma is -1"),
    ],
)
def test_mistakes_in_the_table(addition: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f"{BASE}\n[sensitivity]\n{addition}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=words):
        bm.load_spec(path)


@pytest.mark.parametrize(
    ("addition", "note"),
    [
        ("", "In bold the priors of this analysis. The other priors are 1/2 or 2 times as wide."),
        (
            "[model]\nrandom_effects = 'none'",
            "In bold the priors of this analysis. The other priors are 1/4, 1/2, 2 or 4 times as wide.",
        ),
        (
            "vary = { tau = ['HalfCauchy(3)'] }\n[model]\npriors = { tau = 'HalfCauchy(3)' }",
            "In bold the priors of this analysis.",
        ),
        ("vary = { tau = ['HalfCauchy(3)', 'HalfNormal(0.1)'] }", ""),
    ],
)
def test_the_grid_says_which_priors_it_has(addition: str, note: str, tmp_path: Path) -> None:
    """Widths only of the priors nobody stated, and only those tried; bold only where a row is."""
    path = tmp_path / "x.toml"
    path.write_text(f"{BASE}\n[sensitivity]\n{addition}\n", encoding="utf-8")
    (result,) = bm.run(path, engine="exact", random_seed=1).results
    shown = grid_table(result)
    assert shown is not None
    assert shown.note == f"Computed by exact integration. {note}".strip()
    assert [row.kind for row in shown.rows].count("primary") == (1 if note else 0)


def test_paths_and_priors_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    own = """
[sensitivity]
threshold = 0.975
vary = { tau = ["HalfCauchy(0.5)", "HalfNormal(0.5)"] }
tipping = [{ prior = { mu = "Normal(?, 0.2)" }, over = [-1, 1] }]
"""
    path.write_text(BASE + own, encoding="utf-8")
    (result,) = bm.run(path, engine="exact", random_seed=1).results
    assert result.robustness is not None
    assert result.robustness.grid is not None
    assert result.robustness.grid["tau_prior"].tolist() == ["HalfCauchy(0.5)", "HalfNormal(0.5)"]
    (found,) = result.robustness.tipping
    assert (found.threshold, found.path) == (0.975, "Normal(?, 0.2)")
    assert len(found.flips) == 1
