"""Small analyses whose text is hostile: to HTML, to Markdown, to spreadsheets, to figures."""

import warnings

import pytest

import bayesma as bm
from bayesma.errors import BayesmaWarning

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd()"
MARKUP = "**b** `c` $x^{ [l](http://example.org) | <img src=x onerror=alert(2)>"

SPEC = """
schema = 1
title = "Title <script>alert(1)</script> & *stars*"
citation = "Nobody, doi 10.0000/<b>none</b>"
data = "studies.csv"
cautions = ["Common caution <i>once</i>."]

[effects]
measure = "GEN"
study = "name"
columns = { estimate = "y", se = "se" }
favours = "lower"
treatment = "<b>new</b>"
control = "=old"

[model]
priors = { mu = "Normal(0, 2)", tau = "HalfNormal(0.5)" }

[fit]
engine = "exact"
draws = 200
random_seed = 7

[questions]
mid = 0.2

[[variant]]
name = "common"
label = "common <u>effect</u>"
model = { random_effects = "none" }

[[variant]]
name = "random"
label = "random effects"

[[analysis]]
name = "../first/=one"
label = "=First outcome"
cautions = ["Only here."]

[[analysis]]
name = "second"
label = "-Second outcome"
favours = "higher"

[[reference]]
analysis = "second"
variant = "common"
quantity = "frequentist.EE+wald.estimate"
value = 12.0
tolerance = 0.1
source = "made up, so that it is missed"
"""


@pytest.fixture(scope="session")
def hostile_spec(tmp_path_factory):
    """A spec with its data, every text in it meant to do harm."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = ["name,y,se", f"{SCRIPT},-0.5,0.2", f"{FORMULA},-0.2,0.3", f'"{MARKUP}",0.1,0.25', ""]
    (folder / "studies.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "hostile.toml").write_text(SPEC, encoding="utf-8")
    return folder / "hostile.toml"


@pytest.fixture(scope="session")
def hostile(hostile_spec):
    """The analysis of the hostile spec."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesmaWarning)
        return bm.run(hostile_spec)


@pytest.fixture(scope="session")
def bcg():
    """Thirteen trials, exact."""
    return bm.run("bcg", engine="exact")


@pytest.fixture(scope="session")
def hostile_names():
    """Names of the three studies."""
    return SCRIPT, FORMULA, MARKUP
