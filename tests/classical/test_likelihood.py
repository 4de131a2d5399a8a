"""Are the likelihoods the multivariate normal ones, and is the highest of several peaks taken?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from bayesma.classical.likelihood import (
    log_likelihood,
    maximum_likelihood,
    restricted_maximum_likelihood,
    slope,
)
from bayesma.classical.standardise import standardise

# Differences of log densities near 10, by two routes.
DENSITY = 1e-10
# Central difference with step 1e-5 relative: error about 1e-10 from the step, 1e-9 from rounding.
DERIVATIVE = 1e-6
# Precise studies that agree and vague ones far away: both likelihoods have a peak at or near 0 and one far
# out; the first is the higher one under ML, the second under REML.
TWO_PEAKS = standardise(
    np.array([-5.3, -4.5, -0.1, 8.1, -0.2, 0.0]), np.array([2.0, 2.0, 0.1, 2.0, 0.1, 0.1])
)


def test_ml_differs_from_the_normal_density_by_a_constant():
    y, v = np.array([0.0, 2.0, -1.0, 3.0]), np.array([1.0, 2.0, 3.0, 1.5])

    def direct(tau2):
        w = 1 / (v + tau2)
        return multivariate_normal.logpdf(y, np.full(4, w @ y / w.sum()), np.diag(v + tau2))

    for tau2 in (0.3, 4.0, 100.0):
        ours = log_likelihood(y, v, tau2, restricted=False) - log_likelihood(y, v, 0.0, restricted=False)
        assert ours == pytest.approx(direct(tau2) - direct(0.0), abs=DENSITY)


def test_reml_differs_from_the_density_of_contrasts_by_a_constant():
    y, v = np.array([0.0, 2.0, -1.0, 3.0]), np.array([1.0, 2.0, 3.0, 1.5])
    contrasts = null_space(np.ones((1, 4)))

    def direct(tau2):
        return multivariate_normal.logpdf(contrasts.T @ y, cov=contrasts.T @ np.diag(v + tau2) @ contrasts)

    for tau2 in (0.3, 4.0, 100.0):
        ours = log_likelihood(y, v, tau2, restricted=True) - log_likelihood(y, v, 0.0, restricted=True)
        assert ours == pytest.approx(direct(tau2) - direct(0.0), abs=DENSITY)


@pytest.mark.parametrize("restricted", [False, True])
def test_slope_is_the_derivative_over_log_one_plus_tau2(restricted):
    y, v = np.array([0.0, 2.0, -1.0, 3.0]), np.array([1.0, 2.0, 3.0, 1.5])
    for tau2 in (0.2, 3.0, 50.0):
        h = 1e-5 * (1 + tau2)
        up, down = (log_likelihood(y, v, tau2 + s, restricted=restricted) for s in (h, -h))
        numeric = (up - down) / (2 * h) * (1 + tau2)
        assert slope(y, v, tau2, restricted=restricted) == pytest.approx(numeric, rel=DERIVATIVE)


@pytest.mark.parametrize("estimate", [maximum_likelihood, restricted_maximum_likelihood])
def test_several_peaks_are_all_found_and_the_highest_taken(estimate):
    y, v = TWO_PEAKS.y, TWO_PEAKS.v
    found = estimate(y, v)
    restricted = estimate is restricted_maximum_likelihood
    assert len(found.lower_peaks) == 1
    assert (found.value > found.lower_peaks[0]) == restricted
    grid = np.r_[0.0, np.geomspace(1e-6, 1e6, 5000)]
    heights = log_likelihood(y, v, grid, restricted=restricted)
    assert log_likelihood(y, v, found.value, restricted=restricted) >= heights.max()
    inside = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])) + 1
    peaks = [*([0.0] if heights[0] > heights[1] else []), *grid[inside]]
    # neighbours on the grid differ by 0.55 %
    assert sorted([found.value, *found.lower_peaks]) == pytest.approx(peaks, rel=6e-3)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-4, 4)), min_size=2, max_size=8),
    st.booleans(),
)
def test_no_grid_point_is_higher(studies, restricted):
    """Log standard errors over eight units: precise studies among vague ones, the home of several peaks."""
    y, log_se = np.array(studies).T
    unit = standardise(y, np.exp(log_se))
    estimate = restricted_maximum_likelihood if restricted else maximum_likelihood
    found = estimate(unit.y, unit.v)
    grid = np.r_[0.0, np.geomspace(1e-6, 1e9, 400)]
    best = log_likelihood(unit.y, unit.v, found.value, restricted=restricted)
    highest = log_likelihood(unit.y, unit.v, grid, restricted=restricted).max()
    # rounding of a sum of up to 8 squares that can reach 1e6
    assert best >= highest - 1e-9 * max(1.0, abs(highest))
