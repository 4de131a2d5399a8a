"""Every yi and vi that metafor printed, and the estimates that bayesmeta was given."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesma.evidence.readers import load_data
from bayesma.measures import MEASURES, effect_sizes

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
METAFOR = json.loads((REFERENCE / "metafor.json").read_text("utf-8"))
BAYESMETA = json.loads((REFERENCE / "bayesmeta.json").read_text("utf-8"))

# The file holds 13 significant digits, so agreement beyond 1e-12 cannot be seen.
RELATIVE = 1e-10

ROLES = {
    "2x2": {"events_treat": "ai", "nonevents_treat": "bi", "events_ctrl": "ci", "nonevents_ctrl": "di"},
    "means": {
        "mean_treat": "m1i",
        "sd_treat": "sd1i",
        "n_treat": "n1i",
        "mean_ctrl": "m2i",
        "sd_ctrl": "sd2i",
        "n_ctrl": "n2i",
    },
    "prop": {"events": "xi", "n": "ni"},
    "yivi": {"estimate": "yi", "variance": "vi"},
}
MINE = {"MD", "SMD", "OR", "RR", "RD", "PLO", "GEN"}
CASES = [
    (name, measure)
    for name, block in METAFOR.items()
    if isinstance(block, dict) and block["kind"] in ROLES
    for measure in block["measures"]
    if measure in MINE
]


def test_every_measure_is_pinned() -> None:
    assert {measure for _, measure in CASES} == MINE
    assert set(MEASURES) >= MINE
    assert len(CASES) == 16


@pytest.mark.parametrize(("name", "measure"), CASES)
def test_yi_and_vi(name: str, measure: str) -> None:
    block = METAFOR[name]
    effects = effect_sizes(pd.DataFrame(block["data"]), measure, **ROLES[block["kind"]])
    pinned = block["measures"][measure]
    np.testing.assert_allclose(effects.y, pinned["yi"], rtol=RELATIVE, atol=1e-15)
    np.testing.assert_allclose(effects.se**2, pinned["vi"], rtol=RELATIVE)


@pytest.mark.parametrize(
    ("name", "treat_n", "ctrl_n"), [("hine1989", "n1i", "n2i"), ("nielweise2007", "n1i", "n2i")]
)
def test_arm_sizes_give_the_same_as_nonevents(name: str, treat_n: str, ctrl_n: str) -> None:
    effects = effect_sizes(
        load_data(name), "OR", events_treat="ai", n_treat=treat_n, events_ctrl="ci", n_ctrl=ctrl_n
    )
    np.testing.assert_allclose(effects.y, METAFOR[name]["measures"]["OR"]["yi"], rtol=RELATIVE)
    assert effects.n is not None
    np.testing.assert_array_equal(effects.n, load_data(name)[treat_n] + load_data(name)[ctrl_n])


def test_crins2014_is_what_bayesmeta_was_given() -> None:
    effects = effect_sizes(
        load_data("crins2014"),
        "OR",
        study="publication",
        events_treat="exp.AR.events",
        n_treat="exp.total",
        events_ctrl="cont.AR.events",
        n_ctrl="cont.total",
    )
    np.testing.assert_allclose(effects.y, BAYESMETA["crins_ar_or"]["y"], rtol=RELATIVE)
    np.testing.assert_allclose(effects.se, BAYESMETA["crins_ar_or"]["sigma"], rtol=RELATIVE)
    assert effects.notes == ('0.5 was added to all four cells of 1 of 6 studies (to="only0"): Gras (2008).',)


def test_bcg_normand_schools_are_what_bayesmeta_was_given() -> None:
    bcg = effect_sizes(
        load_data("bcg"),
        "RR",
        study=["author", "year"],
        events_treat="tpos",
        nonevents_treat="tneg",
        events_ctrl="cpos",
        nonevents_ctrl="cneg",
    )
    normand = effect_sizes(load_data("normand1999"), "MD", study="source", **ROLES["means"])
    schools = effect_sizes(
        load_data("eight_schools"), "GEN", study="school", estimate="effect", se="stderr", n="n"
    )
    for effects, name in ((bcg, "bcg_logrr"), (normand, "normand_md"), (schools, "eight_schools")):
        np.testing.assert_allclose(effects.y, BAYESMETA[name]["y"], rtol=RELATIVE)
        np.testing.assert_allclose(effects.se, BAYESMETA[name]["sigma"], rtol=RELATIVE)
    assert bcg.study[0] == "Aronson 1948"
    assert bcg.source == "bcg.csv"
    assert normand.n is not None
    assert normand.n[0] == 155 + 156
