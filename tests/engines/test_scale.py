"""The maps from tau to the axis of the quadrature, and the window found there."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesma.engines import gaussian_kernels as kernels
from bayesma.engines.components import normal_components
from bayesma.engines.scale import ScaleMap, scale_at
from bayesma.priors import Prior

# asinh and sinh there and back.
ROUNDING = 1e-12
# Central difference of step 1e-6.
FINITE_DIFFERENCE = 1e-7

MAPS = [
    ScaleMap(False, 0.0, 0.1),
    ScaleMap(False, 2.0, 1e-6),
    ScaleMap(True, -3.0, 1.0),
    ScaleMap(True, 5.0, 1.0),
]
maps = pytest.mark.parametrize("scale_map", MAPS, ids=repr)


@maps
@given(z=st.floats(0.01, 4))
def test_there_and_back(scale_map, z):
    tau = scale_map.tau(np.array([z]))[0]
    assert scale_map.z(tau) == pytest.approx(z, rel=1e-7)


@maps
@given(z=st.floats(0.01, 4))
def test_slope_and_kernel(scale_map, z):
    step = 1e-6
    numeric = np.diff(scale_map.tau(np.array([z - step, z + step])))[0] / (2 * step)
    slope = scale_map.slope(np.array([z]))[0]
    tau, log_tau, log_jacobian = scale_at(z, scale_map.pack())
    assert slope == pytest.approx(numeric, rel=FINITE_DIFFERENCE, abs=1e-9)
    assert tau == pytest.approx(scale_map.tau(np.array([z]))[0], rel=ROUNDING)
    assert log_tau == pytest.approx(math.log(tau), abs=ROUNDING)
    assert log_jacobian == pytest.approx(math.log(slope), abs=ROUNDING)


def test_a_log_tail_is_followed_below_the_smallest_number():
    tau, log_tau, log_jacobian = scale_at(-12.0, ScaleMap(True, 0.0, 1.0).pack())
    assert tau == 0.0
    assert log_tau == pytest.approx(-math.sinh(12.0))
    assert math.isfinite(log_jacobian)


@pytest.mark.parametrize(
    ("prior", "se", "expected"),
    [
        ("HalfNormal(0.5)", 0.1, ScaleMap(False, 0.0, 0.1)),  # the data's scale is the smaller
        ("HalfNormal(0.001)", 0.1, ScaleMap(False, 0.0, Prior.parse("HalfNormal(0.001)").median())),
        ("Uniform(1, 2)", 0.9, ScaleMap(False, 1.0, 0.5)),
        ("Flat()", 0.1, ScaleMap(False, 0.0, 0.1)),
        ("LogNormal(-1, 1)", 0.4, ScaleMap(True, math.log(0.4), 1.0)),  # inside the prior: the data's scale
        (
            "LogNormal(-20, 0.1)",
            0.4,
            ScaleMap(True, -20 + 0.1 * 2.3263478740408408, 1.0),
        ),  # outside: its 99 %
    ],
)
def test_map_suits_the_finer_of_prior_and_data(prior, se, expected):
    chosen = ScaleMap.for_prior(Prior.parse(prior), se)
    assert chosen.logarithmic == expected.logarithmic
    assert (chosen.origin, chosen.unit) == pytest.approx((expected.origin, expected.unit), rel=1e-9)


@pytest.mark.parametrize("prior", ["Gamma(1e-4, 1e-4)", "InverseGamma(1e-4, 1e-4)", "LogStudentT(0.3, 0, 9)"])
def test_a_prior_whose_quantiles_are_no_numbers_still_has_a_map(prior):
    chosen = ScaleMap.for_prior(Prior.parse(prior), 0.1)
    assert chosen.logarithmic
    assert math.isfinite(chosen.origin)


@pytest.mark.parametrize("decay", [0.1, 1.0, math.inf])
def test_slower_tails_are_followed_further(decay):
    scale_map, prior = ScaleMap(False, 0.0, 0.1), Prior.parse("HalfCauchy(1)")
    high = scale_map.tau(np.array([scale_map.reach(prior, 3.0, decay)[1]]))[0]
    assert -math.log(3.0 / high) * min(decay, 1e9) >= 20.0


@pytest.mark.parametrize(
    ("prior", "low", "high"), [("Uniform(1, 2)", 1.0, 2.0), ("Truncated(HalfNormal(1), upper=3)", 0.0, 3.0)]
)
def test_reach_never_leaves_the_support(prior, low, high):
    parsed = Prior.parse(prior)
    scale_map = ScaleMap.for_prior(parsed, 0.1)
    ends = scale_map.tau(np.array(scale_map.reach(parsed, 3.0, math.inf)))
    assert ends == pytest.approx([low, high], rel=1e-12)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_window_ends_where_the_density_has_dropped(power):
    y, se = np.array([-0.4, 0.1, 0.3]), np.array([0.2, 0.3, 0.1])
    prior, drop = Prior.parse("HalfCauchy(0.5)"), 38.0
    scale_map = ScaleMap.for_prior(prior, 0.1)
    components = normal_components(Prior.parse("Normal(0, 4)"), y)
    given = (scale_map.pack(), prior.pack(), y, se, components)
    low, high = kernels.window(*scale_map.reach(prior, 1.0, 1.0), drop, power, *given)
    assert low == 0.0  # the density does not vanish at tau = 0
    z = np.linspace(low, 2 * high, 4001)
    values = np.array([[*kernels.log_target(at, *given)] for at in z])
    lifted = values[:, 0] + power * np.where(values[:, 1] > -np.inf, values[:, 1], -1e9)
    outside = lifted[z > high]
    assert outside.max() <= lifted.max() - drop + 0.1
    assert lifted[z < high][-1] > lifted.max() - drop - 5.0
