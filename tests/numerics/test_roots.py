"""A root of a covariance is a root, for singular ones too, and follows the matrix without a jump."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.numerics.roots import symmetric_root


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**31))
def test_its_square_is_the_matrix(p, rank, seed) -> None:
    loadings = np.random.default_rng(seed).standard_normal((3, p, rank))
    covariance = loadings @ np.swapaxes(loadings, -1, -2)
    root = symmetric_root(covariance)
    assert root == pytest.approx(np.swapaxes(root, -1, -2), abs=1e-12)
    assert root @ root == pytest.approx(covariance, abs=1e-12 * max(1.0, float(np.abs(covariance).max())))


def test_equal_eigenvalues_make_no_jump() -> None:
    """The eigenvectors of these two are turned by 45 degrees against each other."""
    tied = 2.0 * np.eye(2)
    beside = tied + 1e-12 * np.array([[0.0, 1.0], [1.0, 0.0]])
    assert symmetric_root(beside) == pytest.approx(symmetric_root(tied), abs=1e-11)
