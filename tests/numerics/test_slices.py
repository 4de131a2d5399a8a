"""Distributions as pieces with Legendre series: mass below, quantiles, density and nodes against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesma.numerics import legendre, slices

# Series of degree 79 of a bell in asinh units reproduce it to rounding.
ROUNDING = 1e-12
LEVELS = np.array([1e-6, 0.001, 0.025, 0.5, 0.9, 0.999, 1 - 1e-6])
SIZE = 80

# Normal pieces: shares, means and sds; some overlap, some lie apart, some are a million times narrower.
MIXTURES = {
    "one": ([1.0], [0.3], [1.7]),
    "three": ([0.2, 0.5, 0.3], [-1.0, 0.4, 0.6], [0.2, 1.0, 0.05]),
    "apart": ([0.6, 0.4], [-1e3, 1e3], [1.0, 5.0]),
    "a needle on a hill": ([0.5, 0.5], [0.1, 0.0], [1e-6, 1.0]),
    "far from 0": ([0.9, 0.1], [1e6, 1e6 + 3.0], [1.0, 0.5]),
}


def pieces(shares, means, sds, reach=9.5):
    """Windows and series as an engine would make them: unit of four sds, ends where nothing is left."""
    unit = 4.0 * np.asarray(sds)
    end = np.arcsinh(reach / 4.0)
    windows = np.column_stack([means, unit, np.full(unit.size, -end), np.full(unit.size, end)])
    u, _ = legendre.rule(SIZE)
    z = end * u
    x = np.asarray(means)[:, None] + unit[:, None] * np.sinh(z)
    density = stats.norm.pdf(x, np.asarray(means)[:, None], np.asarray(sds)[:, None])
    per_u = np.asarray(shares)[:, None] * density * unit[:, None] * np.cosh(z) * end
    return windows, np.array([legendre.coefficients(row) for row in per_u])


@pytest.fixture(params=MIXTURES)
def mixture(request):
    shares, means, sds = (np.array(part) for part in MIXTURES[request.param])
    windows, series = pieces(shares, means, sds)
    return shares, means, sds, windows, series


def place(means, sds):
    """What rounding of places far from 0 does to a probability."""
    return ROUNDING + 0.4 * float(np.max(np.spacing(np.abs(means)) / sds))


def test_below(mixture):
    shares, means, sds, windows, series = mixture
    integrals = legendre.antiderivatives(series)
    for z in (-3.0, -0.5, 0.0, 0.7, 4.0):
        for x in means + z * sds:
            right = shares @ stats.norm.cdf((x - means) / sds)
            assert slices.below(x, windows, integrals) == pytest.approx(right, abs=place(means, sds))
    assert slices.below(np.inf, windows, integrals) == pytest.approx(1.0, abs=place(means, sds))
    assert slices.below(-np.inf, windows, integrals) == 0.0


def test_quantiles_invert_below(mixture):
    _, means, sds, windows, series = mixture
    integrals = legendre.antiderivatives(series)
    values = slices.quantiles(LEVELS, windows, integrals)
    assert np.all(np.diff(values) > 0)
    back = np.array([slices.below(x, windows, integrals) for x in values])
    near = 1e-13 * (np.ptp(means) + 20.0 * sds.max()) + 2e-16 * np.abs(values)  # as near as a number comes
    steepest = 0.4 / sds.min()
    assert np.all(np.abs(back - LEVELS) <= ROUNDING + steepest * near)


def test_quantiles_of_one_normal():
    windows, series = pieces([1.0], [-2.0], [0.5])
    ours = slices.quantiles(LEVELS, windows, legendre.antiderivatives(series))
    assert ours == pytest.approx(stats.norm.ppf(LEVELS, -2.0, 0.5), abs=1e-8)


def test_quantiles_are_of_what_mass_there_is():
    """Series that sum to 0.97, not 1: levels count from that."""
    windows, series = pieces([1.0], [0.0], [1.0])
    whole = slices.quantiles(LEVELS, windows, legendre.antiderivatives(series))
    part = slices.quantiles(LEVELS, windows, legendre.antiderivatives(0.97 * series))
    assert part == pytest.approx(whole, abs=1e-10)


def test_density(mixture):
    shares, means, sds, windows, series = mixture
    x = np.concatenate([means + z * sds for z in (-2.0, 0.0, 0.3, 5.0)])
    right = stats.norm.pdf(x[:, None], means, sds) @ shares
    assert slices.density(x, windows, series) == pytest.approx(right, rel=1e-8, abs=1e-12 / sds.min())
    beyond = np.array([means.min() - 1e3 * sds.max(), means.max() + 1e3 * sds.max()])
    assert np.all(slices.density(beyond, windows, series) == 0.0)


def test_density_is_the_slope_of_below(mixture):
    _, means, sds, windows, series = mixture
    integrals = legendre.antiderivatives(series)
    h = 1e-4 * sds
    for x, step in zip(means + 0.4 * sds, h, strict=True):
        rise = slices.below(x + step, windows, integrals) - slices.below(x - step, windows, integrals)
        density = slices.density(np.array([x]), windows, series)[0]
        assert rise / (2.0 * step) == pytest.approx(density, rel=1e-5)


def test_nodes_have_the_moments(mixture):
    shares, means, sds, windows, series = mixture
    values, weight = slices.nodes(windows, series)
    mean = shares @ means
    variance = shares @ (sds**2 + (means - mean) ** 2)
    assert weight.sum() == pytest.approx(1.0, abs=place(means, sds))
    assert np.sum(weight * values) == pytest.approx(mean, rel=10 * place(means, sds), abs=ROUNDING)
    assert np.sum(weight * (values - mean) ** 2) == pytest.approx(variance, rel=1e-9)


@given(st.floats(-50, 50), st.floats(-3, 3), st.floats(0.001, 0.999))
def test_shift_and_scale(shift, log_scale, level):
    """A quantile moves with the distribution."""
    shares, means, sds = (np.array(part) for part in MIXTURES["three"])
    windows, series = pieces(shares, means, sds)
    scale = 10.0**log_scale
    moved = windows * np.array([scale, scale, 1.0, 1.0]) + np.array([shift, 0.0, 0.0, 0.0])
    integrals = legendre.antiderivatives(series)
    first = slices.quantiles(np.array([level]), windows, integrals)[0]
    second = slices.quantiles(np.array([level]), moved, integrals)[0]
    assert second == pytest.approx(shift + scale * first, abs=1e-9 * scale + 1e-12 * abs(shift))


def test_what_is_asked_beside_it_does_not_move_a_quantile(mixture):
    """Brackets are shared among levels: alone, in falling order, and twice they are the same."""
    _, means, sds, windows, series = mixture
    integrals = legendre.antiderivatives(series)
    together = slices.quantiles(np.concatenate([LEVELS[::-1], LEVELS]), windows, integrals)
    alone = np.array([slices.quantiles(LEVELS[i : i + 1], windows, integrals)[0] for i in range(LEVELS.size)])
    near = 2e-13 * (np.ptp(means) + 20.0 * sds.max()) + 4e-16 * np.abs(alone)
    assert np.all(np.abs(together[LEVELS.size :] - alone) <= near)
    assert np.all(np.abs(together[: LEVELS.size][::-1] - alone) <= near)
