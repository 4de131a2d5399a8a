"""Every structure is sampled by `bm.fit`, with few draws: what holds of any number of draws is asked of them.

What is long is to compile: numba takes 25 to 55 s for a structure that it has not met, 8 to 14 s for one in
PyTensor's cache on disk, at optimisation level 0 as well. So NUTS runs on the same graph of the same model
with the same gradient, and PyTensor's interpreter evaluates it. Every value of every option is besides
compiled in one structure at least: in those that `test_family_contract.py` samples at length, and in
`COMPILED` below.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import nutpie
import pytest
import xarray as xr
from nutpie.compiled_pyfunc import PyFuncModel, from_pyfunc

import bayesma as bm
from bayesma.engines import nuts
from bayesma.errors import ConvergenceWarning
from bayesma.families import FAMILIES

from .test_family_contract import CASES, GROUPS, IDS, SAMPLED, evidence_of, has_integral, priors_of
from .test_questions import LONGEST, questions_of_a_fit, refusals

CHAINS, DRAWS, TUNE = 2, 13, 10  # ArviZ wants 25 draws in all before it smooths a tail
LONG_STEPS = 0.6  # of the acceptance: a third of the evaluations that the default takes
# with numba, for the values of options that no structure has which is sampled at length
COMPILED = {
    "binomial-random-control-none",
    "longitudinal-linear-diagonal-decaying",
    "longitudinal-spline-unstructured-estimated",
    "longitudinal-gp-ou-given",
    "normal-normal-dose+cells-horseshoe",
    "proportion-logit-normal-student_t-none",
    "proportion-logit-normal-none-none",
    "relapse-independent-none-censored-none",
}
# the one structure that has these took minutes; coefficients and their priors are those of `normal`
COMPILED_ELSEWHERE = {
    ("binomial", "coefficients", "horseshoe"),
    ("binomial", "moderators", ("dose", "cells")),
}


@dataclasses.dataclass(frozen=True)
class Interpreted(PyFuncModel):
    """What nutpie samples, with the functions of a PyMC model that PyTensor's interpreter evaluates."""

    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)
    initial_point_func: Callable[[Any], np.ndarray] | None = None

    def with_data(self, **updates: np.ndarray) -> Interpreted:
        """The same with other numbers, which must be those of the model."""
        assert set(updates) == set(self.numbers)
        for name, value in updates.items():
            self.numbers[name].set_value(value)
        return self

    def _make_model(self, init_mean: Any) -> Any:
        return PyFuncModel._make_model(
            dataclasses.replace(self, _make_initial_points=self.initial_point_func), init_mean
        )


def interpreted(model: Any, var_names: list[str]) -> Interpreted:
    """In place of `nutpie.compile_pymc_model`: log density and gradient of the model, not compiled."""
    density = model.logp_dlogp_function(ravel_inputs=True, mode="FAST_COMPILE")
    density.set_extra_values({})
    free = [model.rvs_to_values[variable] for variable in model.free_RVs]
    start = model.initial_point()
    sizes = [int(np.size(start[value.name])) for value in free]
    wanted = [variable for variable in model.unobserved_value_vars if variable.name in var_names]
    values = model.compile_fn(wanted, inputs=free, mode="FAST_COMPILE", point_fn=False)

    def parts(point: np.ndarray) -> list[np.ndarray]:
        """Values of the free variables."""
        pieces = np.split(point, np.cumsum(sizes)[:-1])
        return [piece.reshape(np.shape(start[v.name])) for piece, v in zip(pieces, free, strict=True)]

    def make_density() -> Callable[..., tuple[float, np.ndarray]]:
        """Of a chain."""

        def at(point: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = density(point)
            return float(value), np.asarray(gradient)

        return at

    def make_values(*_: Any) -> Callable[..., dict[str, np.ndarray]]:
        """Of a chain."""

        def at(point: np.ndarray) -> dict[str, np.ndarray]:
            names = [variable.name for variable in wanted]
            return dict(zip(names, map(np.asarray, values(*parts(point))), strict=True))

        return at

    shapes = {
        n: np.shape(v)
        for n, v in make_values()(np.concatenate([start[v.name].ravel() for v in free])).items()
    }
    made = from_pyfunc(
        sum(sizes),
        make_density,
        make_values,
        [np.dtype(np.float64)] * len(shapes),
        list(shapes.values()),
        list(shapes),
    )
    numbers = {
        shared.name: shared for shared in [*density._pytensor_function.get_shared(), *values.get_shared()]
    }
    return Interpreted(
        **{field.name: getattr(made, field.name) for field in dataclasses.fields(made)}, numbers=numbers
    )


def sampled(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> xr.DataTree:
    """A fit of few draws, after one attempt; the compiled model is dropped."""
    monkeypatch.setattr(nuts, "RETRIES", 0)
    monkeypatch.setattr(nuts, "_compiled", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return bm.fit(
            evidence_of(name, options, "small"),
            priors=priors_of(FAMILIES[name], options),
            engine="nuts",
            chains=CHAINS,
            draws=DRAWS,
            tune=TUNE,
            cores=1,
            target_accept=LONG_STEPS,
            random_seed=1,
            progressbar=False,
            **options,
        )


def check(fit: xr.DataTree, name: str, options: dict[str, Any]) -> None:
    """Groups, dimensions and sizes, finite draws within their bounds, and every question of a fit."""
    family = FAMILIES[name]
    evidence = evidence_of(name, options, "small")
    resolved = family.resolved(family.checked_options(options), evidence)
    sizes = {"chain": CHAINS, "draw": DRAWS}
    sizes |= {dim: labels.size for dim, labels in family.coords(evidence, resolved).items()}
    assert set(fit.children) == GROUPS | {"sample_stats"} | (
        {"crosscheck"} if has_integral(name, options) else set()
    )

    def check_draws(group: str, inner: dict[str, tuple[str, ...]]) -> None:
        """These variables and no others, over chain, draw and these dimensions."""
        assert set(fit[group].data_vars) == set(inner)
        for variable, dims in inner.items():
            found = fit[group][variable]
            assert found.dims == ("chain", "draw", *dims), (group, variable)
            assert found.shape == tuple(sizes[dim] for dim in found.dims), (group, variable)

    parameters = family.parameters(resolved)
    check_draws("posterior", {p.name: p.dims for p in parameters})
    check_draws("posterior_predictive", {outcome: family.dims(outcome) for outcome in family.observed})
    check_draws("log_likelihood", {family.observed[0]: ("study",)})
    check_draws("log_prior", {str(n): fit["posterior"][n].dims[2:] for n in fit["log_prior"].data_vars})
    for p in parameters:
        draws = fit["posterior"][p.name].values
        assert np.all(np.isfinite(draws) & (draws >= p.lower) & (draws <= p.upper)), p.name
    for group in ("log_likelihood", "log_prior"):
        assert all(np.all(np.isfinite(values)) for values in fit[group].data_vars.values()), group
    for outcome in family.observed:
        seen = np.isfinite(fit["observed_data"][outcome].values)  # a visit that is missing stays missing
        replicated = np.isfinite(fit["posterior_predictive"][outcome].values)
        assert np.array_equal(replicated, np.broadcast_to(seen, replicated.shape)), outcome
    moved = fit["sample_stats"]["logp"].values
    assert np.all(np.isfinite(moved)) and np.unique(moved).size > CHAINS

    refused = refusals(questions_of_a_fit(fit))
    assert "summary" not in refused
    assert all("\n" not in words and len(words) <= LONGEST for words in refused.values()), refused


def cases(labels: set[str]) -> Any:
    """Those of the structures with these ids."""
    assert labels <= set(IDS)
    return pytest.mark.parametrize(
        ("name", "options"),
        [pytest.param(*case, id=label) for case, label in zip(CASES, IDS, strict=True) if label in labels],
    )


def test_every_value_of_every_option_is_compiled() -> None:
    def values(labels: set[str]) -> set[tuple[Any, ...]]:
        """Family, option and value."""
        chosen = [case for case, label in zip(CASES, IDS, strict=True) if label in labels]
        return {(name, *item) for name, options in chosen for item in options.items()}

    assert not SAMPLED & COMPILED
    assert values(set(IDS)) - values(SAMPLED | COMPILED) == COMPILED_ELSEWHERE
    assert {("normal", *rest) for _, *rest in COMPILED_ELSEWHERE} <= values(SAMPLED | COMPILED)


@pytest.mark.long
@cases(set(IDS) - SAMPLED - COMPILED)
def test_every_structure_is_sampled(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nutpie, "compile_pymc_model", interpreted)
    check(sampled(name, options, monkeypatch), name, options)


@pytest.mark.long
@cases(COMPILED)
def test_structures_are_compiled_and_sampled(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(sampled(name, options, monkeypatch), name, options)
