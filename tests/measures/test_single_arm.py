"""The logit of a proportion: metafor's numbers, identities, corrections and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.errors import DataError, OptionError
from bayesma.evidence.counts import ArmCounts
from bayesma.evidence.readers import load_data
from bayesma.measures import MEASURES, effect_sizes, list_measures
from bayesma.measures.single_arm import logit_proportion, proportion
from bayesma.priors.defaults import unit_information_sd

METAFOR = json.loads((Path(__file__).parents[2] / "data" / "reference" / "metafor.json").read_text("utf-8"))
PINNED = METAFOR["pritz1997"]["measures"]["PLO"]

PINNED_RTOL = 1e-10  # the file holds 13 significant digits; atol below stands in for it where the value is 0
EXACT = 1e-12  # room for rounding in a handful of operations

ARM = {"events": "a", "n": "n1"}
CELLS = {"events": "a", "nonevents": "n1"}

count = st.integers(1, 10**6).map(lambda x: np.array([float(x)]))


def frame(**columns: object) -> pd.DataFrame:
    """Three sound arms, with whatever column is put in their place."""
    rows = {"study": ["Ash 2001", "Birch 2002", "Cedar 2003"], "a": [4, 7, 2], "n1": [20, 31, 12]}
    table = pd.DataFrame({**rows, **columns})
    table.attrs["source"] = "trees.csv"
    return table


def test_pritz1997_is_what_metafor_computed() -> None:
    effects = effect_sizes(load_data("pritz1997"), "PLO", study="authors", events="xi", n="ni")
    np.testing.assert_allclose(effects.y, PINNED["yi"], rtol=PINNED_RTOL, atol=1e-15)
    np.testing.assert_allclose(effects.se**2, PINNED["vi"], rtol=PINNED_RTOL)
    assert effects.measure == "PLO"
    assert effects.n is not None
    np.testing.assert_array_equal(effects.n, load_data("pritz1997")["ni"])
    assert effects.notes == (
        '0.5 was added to events and to non-events of 2 of 14 studies (to="only0"): '
        "Tanabe et al., Hadeishi et al.",
    )


def test_by_hand() -> None:
    # 4 of 20: odds 4 / 16, variance 1 / 4 + 1 / 16. 0 of 10, corrected: odds 0.5 / 10.5, variance 2 + 2 / 21.
    effects = effect_sizes(pd.DataFrame({"x": [4, 0], "n": [20, 10]}), "PLO", events="x", n="n")
    assert effects.y.tolist() == pytest.approx([math.log(0.25), math.log(1 / 21)], rel=EXACT)
    assert (effects.se**2).tolist() == pytest.approx([0.3125, 2 + 2 / 21], rel=EXACT)


@given(events=count, nonevents=count)
def test_the_other_outcome_flips_the_sign(events, nonevents) -> None:
    y, v = logit_proportion(events, nonevents)
    flipped, same = logit_proportion(nonevents, events)
    np.testing.assert_allclose(flipped, -y, rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(same, v)


@given(events=count, nonevents=count)
def test_the_back_transformation_gives_the_proportion(events, nonevents) -> None:
    y, v = logit_proportion(events, nonevents)
    n = events + nonevents
    np.testing.assert_allclose(proportion(y), events / n, rtol=1e-10)
    # Delta method: (dp / dlogit)^2 v is the variance of the proportion, p (1 - p) / n.
    slope = events * nonevents / n**2
    np.testing.assert_allclose(slope**2 * v, slope / n, rtol=EXACT)


@given(events=count, nonevents=count)
def test_ten_times_the_patients_have_a_tenth_of_the_variance(events, nonevents) -> None:
    y, v = logit_proportion(events, nonevents)
    larger_y, larger_v = logit_proportion(10 * events, 10 * nonevents)
    np.testing.assert_allclose(larger_y, y, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(larger_v, v / 10, rtol=EXACT)


def test_the_printed_scale_reaches_neither_end_wrongly() -> None:
    assert proportion(np.array([-800.0, 0.0, 800.0])).tolist() == [0.0, 0.5, 1.0]


def test_the_measure_is_declared() -> None:
    plo = MEASURES["PLO"]
    assert (plo.scale, plo.label, plo.display_label) == (
        "logit",
        "Logit proportion",
        "Proportion with the event",
    )
    assert (plo.null, plo.display_null) == (None, None)
    row = list_measures().loc["PLO"]
    assert (row["columns"], row["scale"], row["doi"]) == ("events n", "logit", "10.1093/biomet/54.1-2.181")


def test_the_unit_sd_is_that_of_one_patient_at_a_risk_of_one_half() -> None:
    n = np.array([40.0, 100.0, 260.0])
    _, v = logit_proportion(n / 2, n / 2)
    assert MEASURES["PLO"].unit_sd == pytest.approx(unit_information_sd(np.sqrt(v), n))


def test_nonevents_may_stand_for_n() -> None:
    by_n = effect_sizes(frame(), "PLO", study="study", **ARM)
    by_cells = effect_sizes(frame(n1=[16, 24, 10]), "PLO", study="study", **CELLS)
    np.testing.assert_array_equal(by_cells.y, by_n.y)
    np.testing.assert_array_equal(by_cells.n, by_n.n)


def test_arm_counts_go_in_by_their_frame() -> None:
    arms = ArmCounts.from_frame(frame(), study="study", **ARM)
    effects = effect_sizes(arms.to_frame(), arms.measure, study="study", events="events", n="n")
    np.testing.assert_array_equal(effects.y, effect_sizes(frame(), "PLO", **ARM).y)


@pytest.mark.parametrize("a", [[0, 7, 2], [20, 7, 2]])
def test_corrected_arms_are_named(a: list[int]) -> None:
    effects = effect_sizes(frame(a=a), "PLO", study="study", **ARM)
    assert effects.notes == (
        '0.5 was added to events and to non-events of 1 of 3 studies (to="only0"): Ash 2001.',
    )
    assert effects.n is not None
    assert effects.n.tolist() == [20, 31, 12]
    assert effects.y[0] == pytest.approx(math.log((a[0] + 0.5) / (20.5 - a[0])), rel=EXACT)
    assert effects.y[1] == pytest.approx(math.log(7 / 24), rel=EXACT)
    everyone = effect_sizes(frame(a=a), "PLO", correction=0.25, to="if0all", **ARM)
    assert everyone.notes[0].startswith("0.25 was added to events and to non-events of 3 of 3 studies")
    assert everyone.y[1] == pytest.approx(math.log(7.25 / 24.25), rel=EXACT)


@pytest.mark.parametrize("a", [0, 20])
def test_without_the_correction_an_empty_cell_has_no_logit(a: int) -> None:
    table = frame(a=[a, 7, 2])
    with pytest.raises(
        DataError,
        match=rf"^trees\.csv, row 1 \(Ash 2001\): the proportion cannot be computed from a \(events\) {a}, "
        r"n1 \(n\) 20; a logit needs patients with and without an event; use the default correction, or",
    ):
        effect_sizes(table, "PLO", study="study", to="none", **ARM)
    effects = effect_sizes(table, "PLO", study="study", correction=0, drop_unusable=True, **ARM)
    assert effects.study.tolist() == ["Birch 2002", "Cedar 2003"]
    assert effects.notes == ("Left out because a logit needs patients with and without an event: Ash 2001.",)


@pytest.mark.parametrize(
    ("column", "value", "roles", "message"),
    [
        ("a", 40, ARM, "a (events) is 40; there cannot be more events than patients (n1 (n)); correct one"),
        ("a", -1, ARM, "a (events) is -1; a count cannot be negative; correct it"),
        ("a", 7.5, ARM, "a (events) is 7.5; a count must be a whole number; correct it"),
        ("n1", 0, ARM, "n1 (n) is 0; an arm must have patients; fill in the number"),
        ("n1", np.inf, ARM, "n1 (n) is inf; it must be a finite number; correct it"),
        ("n1", np.nan, CELLS, "n1 (nonevents) is empty; every study needs it; fill it in, or"),
        ("n1", -4, CELLS, "n1 (nonevents) is -4; a count cannot be negative; correct it"),
        ("a", "seven", CELLS, "a (events) is 'seven'; it must be a number; write digits only"),
    ],
)
def test_bad_cells(column: str, value: object, roles: dict[str, str], message: str) -> None:
    sound = frame()[column].tolist()
    with pytest.raises(DataError) as caught:
        effect_sizes(frame(**{column: [sound[0], value, sound[2]]}), "PLO", study="study", **roles)
    assert str(caught.value).startswith(f"trees.csv, row 2 (Birch 2002): {message}")


def test_an_arm_without_patients_by_its_cells() -> None:
    with pytest.raises(DataError, match=r"row 2 .*nonevents\) is 0; with events 0 the arm has no patients"):
        effect_sizes(frame(a=[4, 0, 2], n1=[16, 0, 10]), "PLO", study="study", **CELLS)


@pytest.mark.parametrize(
    ("roles", "options", "message"),
    [
        (
            {"events": "a"},
            {},
            r"PLO also needs n \(or nonevents\); it is computed from counts in one arm: events, n",
        ),
        ({"n": "n1"}, {}, "PLO also needs events"),
        ({**ARM, "nonevents": "a"}, {}, "n and nonevents say the same; give one of them"),
        ({"events_treat": "a", "n": "n1"}, {}, "PLO has no role or option 'events_treat'; did you mean"),
        ({**ARM, "se": "a"}, {}, "se does not go with events and n; name the column of estimate too"),
        ({"estimate": "a", "se": "n1"}, {"ratio": True}, "PLO is not a ratio; leave it out"),
        ({"estimate": "a", "se": "n1"}, {"correction": 1.0}, "correction and to apply to counts"),
    ],
)
def test_roles_and_options_are_checked(roles, options, message) -> None:
    with pytest.raises(OptionError, match=message):
        effect_sizes(frame(), "PLO", **options, **roles)
