"""Three hand-written routes to the density of each prior: scipy, the compiled kernel, PyMC."""

import numpy as np
import pymc as pm
import pytest
from pymc.pytensorf import compile as compile_outputs
from scipy import stats

from bayesma.priors import Prior
from bayesma.priors.kernels import log_density
from bayesma.priors.variables import data, structure, variable

# The kernel and scipy use the same numbers: rounding, magnified where a truncation keeps little mass.
ROUNDING = 1e-12
# PyMC writes some of its own constants, log(2 / pi) or log(sqrt 2) for example, in single precision: the
# densities of Truncated, HalfCauchy and HalfStudentT are off by up to 3e-8, the same at every point.
FLOAT32_CONSTANTS = 1e-7
# ... so that differences between two points agree to rounding.
DIFFERENCES = 1e-10
# Central difference of step 1e-5 against an analytic Jacobian.
FINITE_DIFFERENCE = 1e-8

AT = (-3.0, -1.0, -0.2, 0.3, 2.0)  # on the sampler's own, unconstrained scale


def kernel(prior: Prior, x: float) -> float:
    return log_density(prior.pack(), x, np.log(x) if x > 0 else -np.inf)


def test_kernel_is_scipy_inside_and_outside_the_support(examples):
    for name, prior in examples.items():
        for x in (-3.0, -0.1, 0.15, 0.2, 0.4, 0.9, 0.95, 1.5, 3.5, 40.0):
            expected = float(prior.logpdf(x))
            assert kernel(prior, x) == pytest.approx(expected, rel=ROUNDING, abs=ROUNDING), (name, x)


def test_kernel_follows_a_log_tail_beyond_the_smallest_number():
    prior = Prior.parse("LogStudentT(1, 0, 1)")
    log_x = -1e6
    in_log_x = log_density(prior.pack(), 0.0, log_x) + log_x
    assert in_log_x == pytest.approx(stats.cauchy.logpdf(log_x), rel=ROUNDING)


@pytest.fixture(scope="module")
def in_pymc(examples):
    """PyMC's log density of every example at several points: name -> (values, logp, log Jacobian, slope)."""
    with pm.Model() as model:
        for name, prior in examples.items():
            variable(prior, name)
    names = [rv.name for rv in model.free_RVs]
    inputs = [model.rvs_to_values[rv] for rv in model.free_RVs]
    transforms = [model.rvs_to_transforms[rv] for rv in model.free_RVs]
    values = [
        at if transform is None else transform.backward(at, *rv.owner.inputs)
        for at, transform, rv in zip(inputs, transforms, model.free_RVs, strict=True)
    ]
    bare, full = (
        model.logp(sum=False, jacobian=False),
        model.logp(sum=False, jacobian=True),
    )
    outputs = compile_outputs(inputs, [*values, *bare, *full], mode="FAST_COMPILE")
    n = len(names)

    def at(z):
        flat = outputs(*[np.float64(z)] * n)
        return np.array(flat[:n]), np.array(flat[n : 2 * n]), np.array(flat[2 * n :])

    result = {name: [] for name in names}
    for z in AT:
        value, logp, with_jacobian = at(z)
        slope = (at(z + 1e-5)[0] - at(z - 1e-5)[0]) / 2e-5
        for i, name in enumerate(names):
            result[name].append((value[i], logp[i], with_jacobian[i] - logp[i], slope[i]))
    return {name: np.array(rows).T for name, rows in result.items()}


def test_pymc_is_scipy(examples, in_pymc):
    for name, prior in examples.items():
        if name not in in_pymc:  # Flat bounded on one side is a shifted half-line, tested below
            assert prior.distribution == "Flat" and not prior.is_proper
            continue
        value, logp, _, _ = in_pymc[name]
        expected = prior.logpdf(value)
        assert np.all(np.isfinite(expected)), f"{name} leaves its support at {value}"
        assert logp == pytest.approx(expected, abs=FLOAT32_CONSTANTS), name
        assert np.diff(logp) == pytest.approx(np.diff(expected), abs=DIFFERENCES), name


def test_jacobians_are_the_slopes_of_the_transforms(in_pymc):
    for name, (_, _, log_jacobian, slope) in in_pymc.items():
        assert log_jacobian == pytest.approx(np.log(np.abs(slope)), abs=FINITE_DIFFERENCE), name


@pytest.mark.parametrize(("text", "scale"), [("HalfNormal(0.7)", 0.7), ("Exponential(4)", 0.25)])
def test_scaled_softplus_there_and_back(text, scale):
    with pm.Model() as model:
        rv = variable(Prior.parse(text), "tau")
    transform, at = model.rvs_to_transforms[rv], model.rvs_to_values[rv]
    assert transform.name == "scaled_softplus"
    value = transform.backward(at, *rv.owner.inputs)
    again = transform.forward(value, *rv.owner.inputs)
    jacobian = transform.log_jac_det(at, *rv.owner.inputs)
    compute = compile_outputs([at], [value, again, jacobian], mode="FAST_COMPILE")
    for z in (-30.0, -8.0, -1.0, 0.0, 0.4, 3.0, 40.0):
        value, again, log_slope = (float(part) for part in compute(np.float64(z)))
        assert value == pytest.approx(scale * np.logaddexp(0.0, z), rel=1e-12)  # scale x log(1 + e^z)
        assert again == pytest.approx(z, rel=1e-12, abs=1e-12)
        step = 1e-5
        slope = scale * (np.logaddexp(0.0, z + step) - np.logaddexp(0.0, z - step)) / (2 * step)
        assert log_slope == pytest.approx(np.log(slope), abs=FINITE_DIFFERENCE)


@pytest.mark.parametrize(
    ("text", "prior_precision", "prior_mean"),
    [
        ("Normal(0.5, 2)", 0.25, 0.5),
        ("StudentT(3, 0.5, 2)", 0.25, 0.5),  # taken as normal with its scale: only the sampler's unit
        ("Cauchy(0.5, 2)", 0.25, 0.5),
        ("Logistic(0.5, 2)", 3 / (4 * np.pi**2), 0.5),  # by its variance, pi^2 scale^2 / 3
        # by its mean and variance: 0.25 of N(2, 1) and 0.75 of N(0, 1) have mean 0.5 and variance 1.75
        ("NormalMixture(0.25, 2, 1, 0, 1)", 1 / 1.75, 0.5),
        ("Flat()", 0.0, 0.0),
    ],
)
def test_whitened_mean_has_the_density_of_its_prior_in_conditional_units(text, prior_precision, prior_mean):
    prior = Prior.parse(text)
    precision, weighted = np.float64(12.0), np.float64(-6.0)  # a likelihood of mean -0.5, sd 12^-1/2
    with pm.Model() as model:
        rv = variable(prior, "mu", normal=(precision, weighted))
    transform, at = model.rvs_to_transforms[rv], model.rvs_to_values[rv]
    value = transform.backward(at, *rv.owner.inputs)
    again = transform.forward(value, *rv.owner.inputs)
    bare, full = (model.logp(jacobian=jacobian) for jacobian in (False, True))
    compute = compile_outputs([at], [value, again, bare, full], mode="FAST_COMPILE")
    together = precision + prior_precision
    mean, sd = (weighted + prior_precision * prior_mean) / together, together**-0.5
    for z in (-8.0, -1.0, 0.0, 2.5):
        value, again, logp, with_jacobian = (float(part) for part in compute(np.float64(z)))
        assert value == pytest.approx(mean + sd * z, rel=1e-12)
        assert again == pytest.approx(z, abs=1e-12)
        assert logp == pytest.approx(float(prior.logpdf(value)), abs=FLOAT32_CONSTANTS)
        assert with_jacobian - logp == pytest.approx(np.log(sd), abs=1e-12)


def test_numbers_have_names_that_say_whose_they_are():
    assert data(Prior.parse("StudentT(3, 0, 2.5)"), "mu") == {
        "mu_prior_nu": 3.0,
        "mu_prior_mu": 0.0,
        "mu_prior_sigma": 2.5,
    }
    between = Prior.parse("Truncated(Uniform(0, 9), lower=1, upper=4)")  # whose own ends have the names too
    assert data(between, "tau") == {
        "tau_prior_lower": 0.0,
        "tau_prior_upper": 9.0,
        "tau_prior_from": 1.0,
        "tau_prior_to": 4.0,
    }
    assert structure(between) == ("Uniform", True, True)
    assert data(Prior.parse("Flat()"), "mu") == {}


@pytest.mark.parametrize(
    ("bounds", "shift", "sign"), [({"lower": 0.2}, 0.2, 1.0), ({"upper": 0.9}, 0.9, -1.0)]
)
def test_flat_on_a_half_line_is_a_distance_from_its_end(bounds, shift, sign):
    with pm.Model() as model:
        x = variable(Prior.parse("Flat()").truncate(**bounds), "x")
    distance = model["x_distance"]
    assert float(pm.logp(distance, 3.0).eval()) == 0.0
    assert float(x.eval({distance: 3.0})) == pytest.approx(shift + sign * 3.0)


def test_flat_for_a_scale_is_positive():
    with pm.Model() as model:
        variable(Prior.parse("Flat()"), "tau", lower=0.0)
    assert float(pm.logp(model["tau"], 2.0).eval()) == 0.0
    assert float(pm.logp(model["tau"], -2.0).eval()) == -np.inf


@pytest.mark.parametrize(
    "text",
    [
        "Truncated(Normal(0, 1), lower=10)",
        "Truncated(HalfNormal(1), lower=8, upper=9)",
        "Truncated(Normal(0, 1), upper=-7)",
        "Truncated(NormalMixture(0.3, 0, 1, -1, 1.5), lower=9)",
        "Truncated(NormalMixture(0.3, 0, 1, -1, 1.5), lower=-12, upper=-11)",
    ],
)
@pytest.mark.long
def test_truncation_far_in_a_tail(text):
    """PyMC's normal tail is good to 2e-6 there; the density must not be infinite, or NUTS cannot start."""
    prior = Prior.parse(text)
    x = prior.ppf([0.1, 0.5, 0.9])
    with pm.Model():
        logp = pm.logp(variable(prior, "x"), x).eval()
    assert logp == pytest.approx(prior.logpdf(x), abs=5e-6)
    assert [kernel(prior, value) for value in x] == pytest.approx(prior.logpdf(x), abs=1e-9)


def test_every_number_of_a_prior_is_data_of_the_model(examples):
    """Otherwise another prior scale would need another compilation, or silently keep the old one."""
    for name, prior in examples.items():
        with pm.Model() as model:
            variable(prior, "x")
        held = {v.name for v in model.data_vars}
        assert held == set(data(prior, "x")), name
        assert {key: float(model[key].get_value()) for key in held} == data(prior, "x"), name


def test_structure_says_which_priors_share_a_compiled_model():
    parse = Prior.parse
    assert structure(parse("HalfNormal(1)")) == structure(parse("HalfNormal(2)"))
    assert structure(parse("HalfNormal(1)")) != structure(parse("HalfCauchy(1)"))
    assert structure(parse("HalfNormal(1)")) != structure(parse("Truncated(HalfNormal(1), upper=2)"))
    assert structure(parse("Truncated(Normal(0, 1), lower=0)")) != structure(
        parse("Truncated(Normal(0, 1), upper=0)")
    )
    assert structure(parse("HalfNormal(1)")) == structure(parse("Truncated(HalfNormal(1), lower=0)"))
