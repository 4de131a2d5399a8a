"""Are numbers told from what only looks like one?"""

from __future__ import annotations

import numpy as np
import pytest

from bayesma.posterior.numbers import is_number, tails


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.float64(2), np.int64(3)])
def test_numbers(value: object) -> None:
    assert is_number(value)


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, [1.0]])
def test_no_numbers(value: object) -> None:
    assert not is_number(value)


def test_tails() -> None:
    assert tails(0.9) == pytest.approx((0.05, 0.95), abs=1e-15)
