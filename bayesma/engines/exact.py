"""Engine `exact`: deterministic integration, delivered as the same tree NUTS delivers, plus the grid."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from bayesma.engines import gaussian, gaussian_kernels
from bayesma.engines.gaussian import GaussianSolution
from bayesma.engines.tree import Setting, build
from bayesma.errors import PriorError
from bayesma.families.base import Array, Arrays
from bayesma.families.problems import GaussianProblem, NoIntegral
from bayesma.numerics import legendre

INVERSION_POINTS = 4097  # tabulated distribution function that draws of tau are read from


def fit_exact(setting: Setting, *, draws: int, chains: int) -> xr.DataTree:
    """Integrate, and add independent draws so that every function of a fit works.

    Parameters
    ----------
    setting
        Model, data and priors.
    draws, chains
        Shape of the independent draws; the summaries use the grid, not these.

    Raises
    ------
    PriorError
        When the family has no deterministic integral for these priors and options.
    """
    problem, solution = integrate(setting)
    rng = np.random.default_rng([setting.seed, 0])
    hyper = _draw(problem, solution, chains * draws, rng)
    shaped = {name: values.reshape(chains, draws) for name, values in hyper.items()}
    grid = _grid(setting, problem, solution)
    attrs = {"converged": int(solution.error <= gaussian.LOUD), "draws": draws, "chains": chains}
    return build(setting, "exact", shaped, {"exact": grid}, attrs)


def integrate(setting: Setting) -> tuple[GaussianProblem, GaussianSolution]:
    """The family's integral and its solution.

    Raises
    ------
    PriorError
        As in `fit_exact`.
    """
    problem = setting.family.problem(setting.case)
    if isinstance(problem, NoIntegral):
        raise PriorError(problem.reason)
    assert isinstance(problem, GaussianProblem)
    moments = setting.family.moments_below(setting.case)
    return problem, gaussian.solve(problem, moments.get("tau", math.inf))


def exact_group(setting: Setting) -> xr.Dataset | None:
    """The `/exact` group of a setting, or None where its family has no integral for it."""
    if isinstance(setting.family.problem(setting.case), NoIntegral):
        return None
    return _grid(setting, *integrate(setting))


def _grid(setting: Setting, problem: GaussianProblem, solution: GaussianSolution) -> xr.Dataset:
    """Nodes of the mixture for every parameter, and what was integrated out."""
    variables: dict[str, Any] = {
        "weight": ("node", solution.weight),
        "mu_mean": ("node", solution.mu_mean),
        "mu_sd": ("node", solution.mu_sd),
    }
    if solution.tau_density is not None:
        density = solution.tau_density
        window = asdict(density.scale_map) | {"low": density.low, "high": density.high}
        mean, sd = gaussian.effect_nodes(solution, problem.y, problem.se)
        variables |= {
            "tau": ("node", solution.tau),
            "tau_density": ("degree", density.series, {"window": json.dumps(window)}),
            "theta_mean": (("study", "node"), mean),
            "theta_sd": (("study", "node"), sd),
            "theta_new_mean": ("node", solution.mu_mean),
            "theta_new_sd": ("node", np.hypot(solution.mu_sd, solution.tau)),
        }
    attrs = {"error": solution.error, "nodes": solution.nodes, **_evidence(problem, solution)}
    return xr.Dataset(variables, {"study": setting.evidence.study}, attrs)


def _evidence(problem: GaussianProblem, solution: GaussianSolution) -> dict[str, Any]:
    """Log evidence and log Bayes factors for mu = 0 and tau = 0; NaN, with the reason, where undefined."""
    result: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    mu_proper = problem.mu.is_proper
    tau_proper = problem.tau is None or problem.tau.is_proper

    def put(name: str, value: float, reason: str | None) -> None:
        result[name] = value if reason is None else math.nan
        if reason is not None:
            reasons[name] = reason

    improper = "the prior of {} is improper, so p(y) has no defined level"
    no_mu = None if mu_proper else improper.format("mu")
    no_tau = None if tau_proper else improper.format("tau")
    put("log_evidence", solution.log_evidence, no_mu or no_tau)
    at_mu = gaussian.log_evidence_at(problem, mu=0.0) if mu_proper else math.nan
    put("log_bf01_mu", at_mu - solution.log_evidence, no_mu)
    fixed = "tau is fixed at 0 in this model" if problem.tau is None else None
    at_tau = gaussian.log_evidence_at(problem, tau=0.0) if fixed is None else math.nan
    put("log_bf01_tau", at_tau - solution.log_evidence, fixed or no_tau)
    return result | {"reasons": json.dumps(reasons)}


def _draw(
    problem: GaussianProblem, solution: GaussianSolution, size: int, rng: np.random.Generator
) -> Arrays:
    """Independent draws of mu and tau, shape (size,): tau by inversion, mu from its conditional."""
    tau = np.zeros(size) if solution.tau_density is None else _draw_tau(solution, rng.uniform(size=size))
    mu = gaussian_kernels.draw_mu(
        tau, rng.uniform(size=size), rng.standard_normal(size), problem.y, problem.se, solution.components
    )
    return {"mu": mu} if solution.tau_density is None else {"mu": mu, "tau": tau}


def _draw_tau(solution: GaussianSolution, uniform: Array) -> Array:
    """Quantiles of tau at `uniform`, read from a fine table of its distribution function."""
    density = solution.tau_density
    assert density is not None
    u = np.linspace(-1.0, 1.0, INVERSION_POINTS)
    table = np.maximum.accumulate(legendre.evaluate_many(u, legendre.antiderivative(density.series)))
    at = np.interp(uniform * table[-1], table, u)
    return density.scale_map.tau(density.low + 0.5 * (density.high - density.low) * (at + 1.0))
