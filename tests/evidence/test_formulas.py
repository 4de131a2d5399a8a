"""Formulas of moderators: their terms, their columns, and what is refused rather than misread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.errors import DataError, OptionError
from bayesma.evidence.formulas import terms_of
from bayesma.evidence.moderators import at_values, main_labels, read_moderators

TABLE = pd.DataFrame(
    {
        "dose": [1.0, 4.0, 2.0, 5.0, 3.0, 7.0],
        "age": [30.0, 41.0, 28.0, 35.0, 44.0, 39.0],
        "cells": ["UC", "BM", "UC", "AD", "BM", "AD"],
        "blind": [True, False, True, False, False, True],
        "odd name": [2.0, 1.0, 4.0, 3.0, 6.0, 8.0],
        "size × site": [2.0, 1.0, 4.0, 3.0, 6.0, 8.0],
        "early": [0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        "late": [1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
        "gap": [1.0, None, 2.0, 4.0, 3.0, 5.0],
    }
)
STUDIES = ["Ash", "Birch", "Cedar", "Dogwood", "Elm", "Fir"]


def read(*names, table=TABLE, **options):
    """The moderators of these names, or of this formula."""
    return read_moderators(table, names, STUDIES, "trees.csv", **options)


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("~ dose", ["dose"]),
        ("~dose+cells", ["dose", "cells"]),
        ("  ~ dose*cells", ["dose", "cells", "dose:cells"]),
        ("~ dose:cells + cells + dose", ["cells", "dose", "dose:cells"]),
        ("~ a*b*c", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("~ (a + b)*c", ["a", "b", "c", "a:c", "b:c"]),
        ("~ a*b*c - a:b:c", ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("~ dose + dose", ["dose"]),
        ("~ `odd name` * dose", ["odd name", "dose", "odd name:dose"]),
    ],
)
def test_terms_by_the_rules_of_wilkinson_and_rogers(formula, terms) -> None:
    """Operators as in Wilkinson and Rogers 1973, doi 10.2307/2346786."""
    assert terms_of([formula]) == tuple(tuple(term.split(":")) for term in terms)


@pytest.mark.parametrize("unit", ["sd", "own"])
def test_a_formula_without_interactions_is_a_list_of_names(unit) -> None:
    one, two = read("~ dose + cells + blind", unit=unit), read("dose", "cells", "blind", unit=unit)
    for name in ("labels", "values", "centre", "scale"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_an_interaction_is_the_product_of_columns_as_they_are_then_centred_and_scaled() -> None:
    found = read("~ dose * cells")
    assert found.labels.tolist() == [
        "dose",
        "cells: BM v AD",
        "cells: UC v AD",
        "dose × cells: BM v AD",
        "dose × cells: UC v AD",
    ]
    np.testing.assert_allclose(found.values.mean(axis=0), 0.0, atol=1e-15)
    products = [[0, 1], [4, 0], [0, 2], [0, 0], [3, 0], [0, 0]]
    np.testing.assert_allclose((found.values * found.scale + found.centre)[:, 3:], products, atol=1e-14)
    np.testing.assert_allclose(found.values.std(axis=0, ddof=1)[[0, 3, 4]], 1.0)
    assert read("~ dose * cells", unit="own").scale.tolist() == [1.0] * 5


def test_an_interaction_of_categories_alone_is_not_scaled() -> None:
    table = TABLE.assign(cells=["UC", "BM", "BM", "UC", "UC", "BM"])
    found = read("~ cells * blind", table=table)
    assert found.labels.tolist()[2] == "cells: UC v BM × blind: True v False"
    assert found.scale.tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(found.values[:, 2] + found.centre[2], [1, 0, 0, 0, 0, 0], atol=1e-15)


@given(st.permutations(["dose", "age", "cells"]))
def test_stated_values_lie_where_studies_with_them_do(order) -> None:
    found = read("~ " + " * ".join(order))
    labels = found.labels.tolist()
    for i, row in enumerate(TABLE[order].to_dict("records")):
        np.testing.assert_allclose(
            at_values(row, labels, found.centre, found.scale), found.values[i], atol=1e-12
        )


@given(st.floats(-50, 50))
def test_what_is_not_stated_is_averaged_over_the_studies(dose) -> None:
    found = read("~ dose * age * cells")
    labels = found.labels.tolist()
    each = TABLE.assign(dose=dose)[["dose", "age", "cells"]].to_dict("records")
    places = [at_values(row, labels, found.centre, found.scale) for row in each]
    np.testing.assert_allclose(
        at_values({"dose": dose}, labels, found.centre, found.scale), np.mean(places, axis=0), atol=1e-11
    )
    assert at_values({}, labels, found.centre, found.scale).tolist() == [0.0] * len(labels)


def test_a_name_that_looks_like_an_interaction_is_still_a_name() -> None:
    found = read("size × site", "dose")
    assert main_labels(found.labels.tolist()) == ["size × site", "dose"]
    place = at_values({"size × site": 8.0}, found.labels.tolist(), found.centre, found.scale)
    np.testing.assert_allclose(place, [found.values[5, 0], 0.0])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["~ dose", "cells"], r"^moderators is \['~ dose', 'cells'\]; give one formula, or names of columns"),
        (["~"], r"^formula '~' (has no moderator|cannot be read)"),
        (["~ dose - dose"], r"^formula '~ dose - dose' has no moderator; a formula has names of columns"),
        (["~ dose +"], r"^formula '~ dose \+' cannot be read: "),
        (["~ (dose"], r"^formula '~ \(dose' cannot be read: "),
        (["~ 0 + dose"], r"has '0' as character 3; .* the mean is always in the model$"),
        (["~ dose - 1"], r"has '1' as character 10; "),
        (["~ 2 * dose"], r"has '2' as character 3; "),
        (["~ dose ** 2"], r"has '\*' as character 8; "),
        (["~ dose / cells"], r"has '/' as character 8; "),
        (["~ dose[1]"], r"has '\[' as character 7; "),
        (["~ 'dose'"], r"has \"'\" as character 3; "),
        (["~ {dose + age}"], r"has '\{' as character 3; "),
        (["~ dose | cells"], r"has '\|' as character 8; "),
        (["yi ~ dose"], r"^trees\.csv has no moderator 'yi ~ dose'; "),
        (["~ yi ~ dose"], r"has '~' as character 6; "),
        (["~ np.log(dose)"], r"calls '\.log'; functions are not evaluated: make a column of it"),
        (["~ I (dose)"], r"calls 'I'; functions are not evaluated"),
        (["~ `odd name`(dose)"], r"calls '`odd name`'; functions are not evaluated"),
        (["~ cells + dose:age"], r"has dose:age without age, .* origin of dose; write dose\*age$"),
        (["~ a*b*c - a:b"], r"has a:b:c without a:b, .* origin of c; write a\*b\*c$"),
        (["~ dosse * cells"], r"^trees\.csv has no moderator 'dosse'; did you mean 'dose'\? "),
        (["~ `size × site` * dose"], r"^the interaction of 'size × site' and 'dose' would be read as one of"),
    ],
)
def test_a_formula_that_cannot_be_is_refused_not_misread(names, message) -> None:
    with pytest.raises(OptionError, match=message):
        read(*names)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ gap * dose", r"^trees\.csv \(Birch\): the moderator gap is empty; "),
        (
            "~ early * late",
            r"^trees\.csv: the interaction early × late is 0 in all 6 studies, which tells nothing; ",
        ),
    ],
)
def test_columns_that_cannot_serve_are_refused(formula, message) -> None:
    with pytest.raises(DataError, match=message):
        read(formula)


def test_interactions_that_studies_cannot_tell_apart_are_seen() -> None:
    assert not read("~ dose * age * blind").separable
    assert read("~ dose + blind").separable
