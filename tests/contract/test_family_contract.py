"""One contract for every family and option: two routes to the density, one schema, data that swap."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pytensor.graph.traversal import ancestors

import bayesma as bm
from bayesma.engines import nuts
from bayesma.engines.fit import make_setting
from bayesma.engines.tree import SCHEMA
from bayesma.errors import OptionError
from bayesma.families import FAMILIES
from bayesma.families.base import Family

# PyTensor keeps constants such as log(2 pi) in single precision: 3e-8 a study, ten studies.
ROUTES = 1e-6
POINTS = 5
DRAWS = 40_000
MONTE_CARLO = 5.0  # standard errors; one comparison in a million beyond it by chance

GROUPS = {
    "posterior",
    "posterior_predictive",
    "log_likelihood",
    "log_prior",
    "prior",
    "observed_data",
    "constant_data",
}
ATTRIBUTES = {"schema", "family", "engine", "options", "priors", "default_priors", "measure", "source"}
ATTRIBUTES |= {"notes", "data_hash", "random_seed", "versions", "converged", "draws", "chains"}

EVIDENCE = {
    "normal": {
        "small": bm.Effects.from_estimates([-0.5, -0.2, 0.3], [0.2, 0.3, 0.25], ["A", "B", "C"], "OR"),
        "large": bm.Effects.from_estimates(np.linspace(-1, 1, 9), np.linspace(0.1, 0.5, 9), measure="OR"),
    }
}
OTHER_PRIORS = {"normal": {"mu": "Normal(0.3, 2)", "tau": "HalfNormal(0.3)"}}


def cases() -> Iterator[tuple[str, dict[str, str]]]:
    """Every family under every combination of its options."""
    for name, family in FAMILIES.items():
        for choice in itertools.product(*(option.allowed for option in family.options.values())):
            yield name, dict(zip(family.options, choice, strict=True))


CASES = list(cases())
IDS = [f"{name}-{'-'.join(options.values())}" for name, options in CASES]
every_family = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)


def priors_of(family: Family[Any], options: dict[str, str]) -> dict[str, str]:
    """Other priors than the defaults, of the parameters these options have."""
    return {p.name: OTHER_PRIORS[family.name][p.name] for p in family.hyper(options)}


def setting_of(name: str, options: dict[str, str], size: str = "small") -> Any:
    """Everything an engine is given."""
    family = FAMILIES[name]
    return make_setting(EVIDENCE[name][size], name, priors_of(family, options), 1, options)


def hyper_draws(setting: Any, size: int) -> dict[str, np.ndarray]:
    """Points at which densities are compared, from the prior."""
    rng = np.random.default_rng(2)
    return {name: prior.draw(size, rng) for name, prior in setting.priors.items()}


def test_every_family_has_evidence_here() -> None:
    assert set(EVIDENCE) == set(OTHER_PRIORS) == set(FAMILIES)


@every_family
def test_pymc_and_numpy_give_the_same_density(name: str, options: dict[str, str]) -> None:
    setting = setting_of(name, options)
    family, case = setting.family, setting.case
    model = family.model(case)
    log_density = model.compile_logp(jacobian=False)
    points = hyper_draws(setting, POINTS)
    numpy = family.log_likelihood(points, case).sum(axis=1)
    numpy += sum(values for values in family.log_prior(points, case).values())
    for i in range(POINTS):
        values = {p: np.asarray(draws[i]) for p, draws in points.items()}
        point = {}
        for variable in model.free_RVs:
            value = model.rvs_to_values[variable]
            transform = model.rvs_to_transforms[variable]
            if transform is not None:
                unconstrained = transform.forward(values[variable.name], *variable.owner.inputs)
                given = {other: values[other.name] for other in model.free_RVs if other is not variable}
                needed = [v for v in given if v in ancestors([unconstrained])]
                point[value.name] = unconstrained.eval({v: given[v] for v in needed})
            else:
                point[value.name] = values[variable.name]
        assert float(log_density(point)) == pytest.approx(numpy[i], abs=ROUTES)


@every_family
def test_completion_and_replication_have_the_moments_of_the_model(name: str, options: dict[str, str]) -> None:
    """At one point of the hyper-parameters: replicated outcomes agree with simulated evidence."""
    setting = setting_of(name, options)
    family, case = setting.family, setting.case
    point = {n: np.full(DRAWS, v[0]) for n, v in hyper_draws(setting, 1).items()}
    rng = np.random.default_rng(3)
    replicated = family.replicate(point, case, rng)[family.observed[0]]
    scalars = {n: float(v[0]) for n, v in point.items()}
    runs = [family.simulate(scalars, setting.evidence, setting.options, rng) for _ in range(2000)]
    simulated = np.array([family.arrays(run)[family.observed[0]] for run in runs])
    error = simulated.std(axis=0) / np.sqrt(len(runs))
    assert np.all(np.abs(replicated.mean(axis=0) - simulated.mean(axis=0)) < MONTE_CARLO * error)
    spread = replicated.std(axis=0) / simulated.std(axis=0)
    assert np.all(np.abs(spread - 1.0) < MONTE_CARLO / np.sqrt(2.0 * len(runs)))
    weights = family.weights({n: v[:3] for n, v in point.items()}, case)
    assert weights.sum(axis=1) == pytest.approx(np.ones(3))


def test_theta_is_drawn_from_its_exact_conditional() -> None:
    """Normal family: theta | mu, tau, y has precision 1/se^2 + 1/tau^2 and the precision-weighted mean."""
    setting = setting_of("normal", {"random_effects": "normal"})
    mu, tau = 0.4, 0.6
    draws = {"mu": np.full(DRAWS, mu), "tau": np.full(DRAWS, tau)}
    arrays = setting.case.arrays
    made = setting.family.complete(draws, setting.case, np.random.default_rng(4))
    precision = arrays["se"] ** -2.0 + tau**-2.0
    mean = (arrays["y"] * arrays["se"] ** -2.0 + mu * tau**-2.0) / precision
    sd = precision**-0.5
    assert np.all(np.abs(made["theta"].mean(axis=0) - mean) < MONTE_CARLO * sd / np.sqrt(DRAWS))
    assert np.all(np.abs(made["theta"].std(axis=0) / sd - 1) < MONTE_CARLO / np.sqrt(2 * DRAWS))
    assert abs(made["theta_new"].mean() - mu) < MONTE_CARLO * tau / np.sqrt(DRAWS)
    assert abs(made["theta_new"].std() / tau - 1) < MONTE_CARLO / np.sqrt(2 * DRAWS)


@pytest.fixture(scope="module", params=["exact", pytest.param("nuts", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@every_family
def test_schema(name: str, options: dict[str, str], engine: str, tmp_path: Any) -> None:
    family = FAMILIES[name]
    evidence = EVIDENCE[name]["small"]
    priors = priors_of(family, options)
    fit = bm.fit(evidence, priors=priors, engine=engine, random_seed=1, progressbar=False, **options)
    own = {"exact"} if engine == "exact" else {"sample_stats", "crosscheck"}
    assert set(fit.children) == GROUPS | own
    assert set(fit.attrs) >= ATTRIBUTES
    assert (fit.attrs["schema"], fit.attrs["engine"], fit.attrs["converged"]) == (SCHEMA, engine, 1)
    assert json.loads(fit.attrs["options"]) == options
    assert json.loads(fit.attrs["priors"]) == priors
    for parameter in family.parameters(options):
        assert fit["posterior"][parameter.name].dims == ("chain", "draw", *parameter.dims)
    for outcome in family.observed:
        assert fit["log_likelihood"][outcome].dims == ("chain", "draw", "study")
        assert fit["posterior_predictive"][outcome].dims == ("chain", "draw", "study")
    fit.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as back:
        xr.testing.assert_identical(back.load(), fit)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")  # a finding about data, not a fault
@every_family
def test_arviz_works_on_the_tree(name: str, options: dict[str, str], engine: str) -> None:
    import arviz

    fit = bm.fit(EVIDENCE[name]["large"], engine=engine, random_seed=1, progressbar=False, **options)
    assert len(arviz.summary(fit)) == len(bm.summary(fit))
    assert np.isfinite(arviz.loo(fit).elpd)


@every_family
def test_unknown_options_are_refused(name: str, options: dict[str, str]) -> None:
    evidence = EVIDENCE[name]["small"]
    with pytest.raises(OptionError, match=r"has no option 'colour'; its options are: "):
        bm.fit(evidence, engine="exact", colour="red", **options)
    for option in options:
        with pytest.raises(OptionError, match=rf"option {option} .* is 'red'; it must be one of "):
            bm.fit(evidence, engine="exact", **{**options, option: "red"})


@pytest.mark.slow
@every_family
def test_swapped_numbers_equal_a_fresh_compile(name: str, options: dict[str, str]) -> None:
    """Other data, another number of studies, other prior numbers: the compiled model is reused and right."""
    family = FAMILIES[name]
    arguments = {"random_seed": 5, "progressbar": False, "draws": 200, "tune": 500, **options}
    nuts._compiled.clear()
    bm.fit(EVIDENCE[name]["small"], **arguments)
    assert len(nuts._compiled) == 1
    priors = priors_of(family, options)
    swapped = bm.fit(EVIDENCE[name]["large"], priors=priors, **arguments)
    assert len(nuts._compiled) == 1
    nuts._compiled.clear()
    fresh = bm.fit(EVIDENCE[name]["large"], priors=priors, **arguments)
    xr.testing.assert_identical(swapped["posterior"].dataset, fresh["posterior"].dataset)
