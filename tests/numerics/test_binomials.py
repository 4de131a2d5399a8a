"""Binomial numbers: means and variances, and the same with any number of threads."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.special import expit

from bayesma.numerics.binomials import FEWEST, binomials

N = np.array([1.0, 14.0, 400.0])


@pytest.mark.parametrize("rows", [1, 3, 7, FEWEST])
def test_any_number_of_threads_gives_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logit = np.random.default_rng(1).normal(size=(rows, 3))
    found = []
    for cores in (1, 2, 8):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: range(cores), raising=False)
        found.append(binomials(N, logit, np.random.default_rng(2)))
    assert found[0].shape == logit.shape
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_moments_are_those_of_the_binomial() -> None:
    logit = np.broadcast_to([-3.0, 0.0, 1.0], (40_000, 3))
    events, p = binomials(N, logit, np.random.default_rng(3)), expit(logit[0])
    error = np.sqrt(N * p * (1 - p) / len(logit))
    assert np.all(np.abs(events.mean(axis=0) - N * p) < 4.5 * error)
    np.testing.assert_allclose(events.var(axis=0), N * p * (1 - p), rtol=0.04)
    assert np.all((events >= 0) & (events <= N) & (events == np.round(events)))
    quarters = events.reshape(4, -1, 3)
    assert not np.array_equal(quarters[0], quarters[1])
