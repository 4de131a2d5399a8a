"""Numbers packed into few arrays are the same numbers, and only alike ones share an array."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from bayesma.priors.packing import Layout, data_variable, data_variables, packed

VALUES = {
    "y": np.array([1.0, 2.0, 3.0]),
    "se": np.array([0.1, 0.2, 0.3]),
    "month": np.array([3.0, 6.0, 12.0]),  # as many visits as studies, by chance
    "group": np.array([0, 1, 1]),
    "mu_prior_sigma": np.array(2.0),
    "tau_prior_sigma": np.array(0.5),
}
KINDS = {"y": ("study",), "se": ("study",), "group": ("study",), "month": ("visit",)}


def test_alike_numbers_share_an_array() -> None:
    layout = Layout.of(VALUES, KINDS)
    assert layout.groups == (("y", "se"), ("month",), ("group",), ("mu_prior_sigma", "tau_prior_sigma"))
    arrays = layout.pack(VALUES)
    assert [array.shape for array in arrays.values()] == [(2, 3), (1, 3), (1, 3), (2,)]
    assert arrays["numbers_2"].dtype == np.int64


def test_more_studies_have_the_same_layout_and_another_coincidence_has_not() -> None:
    more = VALUES | {name: np.resize(VALUES[name], 7) for name in ("y", "se", "group")}
    assert Layout.of(more, KINDS) == Layout.of(VALUES, KINDS)
    assert Layout.of(VALUES | {"se": np.ones(4)}, KINDS) != Layout.of(VALUES, KINDS)


def test_a_name_has_its_numbers_inside_and_its_own_data_outside() -> None:
    with packed(Layout.of(VALUES, KINDS), VALUES):
        places = data_variables(VALUES)
        for name, value in VALUES.items():
            assert places[name].eval() == pytest.approx(value)
            assert places[name].ndim == value.ndim
        with pytest.raises(KeyError):
            data_variable("x", np.ones(3))
    with pm.Model() as model:
        first = data_variable("y", VALUES["y"])
        assert data_variable("y", VALUES["y"]) is first
    assert [number.name for number in model.data_vars] == ["y"]
