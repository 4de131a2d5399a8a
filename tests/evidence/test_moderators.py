"""Columns of study characteristics as moderators: centred and scaled, and refused with study and mend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesma.errors import DataError, OptionError
from bayesma.evidence.moderators import at_values, read_moderators

STUDIES = ["Ash", "Birch", "Cedar", "Dogwood"]
TABLE = pd.DataFrame(
    {
        "dose": [1, 4, 2, 5],
        "cells": ["UC", "BM", "UC", "AD"],
        "blind": [True, False, True, True],
        "same": [3.0, 3.0, 3.0, 3.0],
        "gap": [1.0, None, 2.0, 4.0],
        "blank": ["x", "y", " ", "x"],
        "mixed": ["1.5", "2", "n. r.", "4"],
        "text": ["1.5", "2", "3", "4"],
        "huge": [1.0, np.inf, 2.0, 3.0],
    }
)


def read(*names, table=TABLE):
    """The moderators of these names."""
    return read_moderators(table, names, STUDIES, "trees.csv")


def test_numbers_are_centred_and_divided_by_their_sd() -> None:
    found = read("dose")
    assert found.labels.tolist() == ["dose"]
    assert (found.centre.tolist(), found.scale.tolist()) == ([3.0], [np.std([1, 4, 2, 5], ddof=1)])
    np.testing.assert_allclose(found.values[:, 0] * found.scale + found.centre, TABLE["dose"])


def test_categories_are_compared_with_the_first() -> None:
    found = read("cells")
    assert found.labels.tolist() == ["cells: BM v AD", "cells: UC v AD"]
    np.testing.assert_allclose(found.values.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_array_equal(found.values + found.centre, [[0, 1], [1, 0], [0, 1], [0, 0]])
    assert found.scale.tolist() == [1.0, 1.0]
    assert read("blind").labels.tolist() == ["blind: True v False"]


def test_a_categorical_keeps_its_order_and_drops_what_no_study_has() -> None:
    ordered = pd.Categorical(TABLE["cells"], categories=["UC", "none", "BM", "AD"])
    assert read("cells", table=TABLE.assign(cells=ordered)).labels.tolist() == [
        "cells: BM v UC",
        "cells: AD v UC",
    ]


def test_numbers_that_were_read_as_text_are_numbers() -> None:
    assert read("text").labels.tolist() == ["text"]
    assert at_values({"text": np.int64(4)}, ["text"], np.array([2.0]), np.array([4.0])).tolist() == [0.5]


def test_no_moderators_are_no_columns() -> None:
    assert read().values.shape == (4, 0)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (
            ["dosse"],
            OptionError,
            r"^trees\.csv has no moderator 'dosse'; did you mean 'dose'\? columns with one ",
        ),
        (
            ["dose + cells"],
            OptionError,
            r"formula begins with ~ and names moderators only: '~ dose \+ cells';",
        ),
        (["y ~ dose"], OptionError, r"'y ~ dose'; a formula begins with ~ and names .* only: '~ dose';"),
        (["dose", "dose"], OptionError, r"^moderators names 'dose' twice; name each once$"),
        (["gap"], DataError, r"^trees\.csv \(Birch\): the moderator gap is empty; fill it in, or leave the "),
        (["blank"], DataError, r"^trees\.csv \(Cedar\): the moderator blank is empty; fill it in, or leave "),
        (
            ["huge"],
            DataError,
            r"^trees\.csv \(Birch\): the moderator huge is inf; it must be a finite number$",
        ),
        (
            ["mixed"],
            DataError,
            r"^trees\.csv \(Cedar\): the moderator mixed is 'n\. r\.' among numbers; correct it, or give ",
        ),
        (
            ["same"],
            DataError,
            r"^trees\.csv: the moderator same is 3\.0 in all 4 studies, which tells nothing; ",
        ),
    ],
)
def test_refused_with_study_and_mend(names, error, message) -> None:
    with pytest.raises(error, match=message):
        read(*names)


def test_without_a_table_there_are_none() -> None:
    with pytest.raises(
        OptionError, match=r"has no moderator 'dose'; columns with one value in each study: none"
    ):
        read("dose", table=None)


def test_columns_that_say_the_same_are_seen() -> None:
    assert read("dose", "cells").separable
    assert not read("dose", "twice", table=TABLE.assign(twice=2 * TABLE["dose"])).separable


def test_stated_values_lie_where_studies_with_them_do() -> None:
    found = read("dose", "cells")
    labels = found.labels.tolist()
    for i, (dose, cells) in enumerate(zip(TABLE["dose"].tolist(), TABLE["cells"], strict=True)):
        place = at_values({"dose": dose, "cells": cells}, labels, found.centre, found.scale)
        np.testing.assert_allclose(place, found.values[i], atol=1e-15)
    assert at_values({}, labels, found.centre, found.scale).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dose": "much"}, r"^at holds dose = 'much'; give a finite number$"),
        ({"dose": True}, r"^at holds dose = True; give a finite number$"),
        (
            {"cells": "XX"},
            r"^at holds cells = 'XX'; its categories, each against the first, are: BM v AD, UC v AD$",
        ),
    ],
)
def test_stated_values_that_cannot_be(asked, message) -> None:
    found = read("dose", "cells")
    with pytest.raises(OptionError, match=message):
        at_values(asked, found.labels.tolist(), found.centre, found.scale)
