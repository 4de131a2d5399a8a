"""Are rows shared out to threads the rows of one call?"""

from __future__ import annotations

import os

import numpy as np
import pytest

from bayesma.numerics.threads import MOST, by_rows


@pytest.mark.parametrize("rows", [1, 7, 10, 23])
@pytest.mark.parametrize("cores", [1, 2, 64])
def test_every_row_is_done_once_and_in_order(rows: int, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    values, parts = np.arange(3.0 * rows).reshape(rows, 3), []

    def doubled(part: slice) -> np.ndarray:
        parts.append(part)
        return 2.0 * values[part]

    np.testing.assert_array_equal(by_rows(doubled, rows, 5), 2.0 * values)
    assert len(parts) == max(1, min(cores, MOST, rows // 5))
