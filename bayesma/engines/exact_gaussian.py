"""The Gaussian integral as the exact engine delivers it: grid, Bayes factors, draws."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines import gaussian, gaussian_kernels
from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.gaussian import GaussianSolution, TauDensity
from bayesma.families.base import Array, Arrays
from bayesma.families.problems import GaussianProblem
from bayesma.numerics import legendre

INVERSION_POINTS = 4097  # tabulated distribution function that draws of tau are read from


@dataclass(frozen=True, slots=True, eq=False)
class GaussianIntegral:
    """A solved `GaussianProblem`."""

    problem: GaussianProblem
    solution: GaussianSolution

    @classmethod
    def solve(cls, problem: GaussianProblem, moments: dict[str, float]) -> GaussianIntegral:
        """Integrate; `moments` says which moments of tau exist."""
        return cls(problem, gaussian.solve(problem, moments.get("tau", math.inf)))

    @property
    def error(self) -> float:
        """Estimated accuracy."""
        return self.solution.error

    @property
    def sound(self) -> bool:
        """Whether that is good enough."""
        return self.error <= gaussian.LOUD

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Nodes of the mixture for every parameter, and what was integrated out."""
        problem, solution = self.problem, self.solution
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
        attrs = {"error": solution.error, "nodes": solution.nodes, **self._evidence().attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def _evidence(self) -> Evidence:
        """Log evidence and log Bayes factors for mu = 0 and tau = 0."""
        problem, solution = self.problem, self.solution
        evidence = Evidence(solution.log_evidence, {"mu": problem.mu, "tau": problem.tau})
        evidence.against("mu", lambda: gaussian.log_evidence_at(problem, mu=0.0))
        evidence.against("tau", lambda: gaussian.log_evidence_at(problem, tau=0.0))
        return evidence

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Independent draws of mu and tau, shape (size,): tau by inversion, mu from its conditional."""
        problem, solution = self.problem, self.solution
        density = solution.tau_density
        tau = np.zeros(size) if density is None else draw_scale(density, rng.uniform(size=size))
        mu = gaussian_kernels.draw_mu(
            tau, rng.uniform(size=size), rng.standard_normal(size), problem.y, problem.se, solution.components
        )
        return {"mu": mu} if density is None else {"mu": mu, "tau": tau}


def draw_scale(density: TauDensity, uniform: Array) -> Array:
    """Quantiles of a scale at `uniform`, read from a fine table of its distribution function."""
    u = np.linspace(-1.0, 1.0, INVERSION_POINTS)
    table = np.maximum.accumulate(legendre.evaluate_many(u, legendre.antiderivative(density.series)))
    at = np.interp(uniform * table[-1], table, u)
    return density.scale_map.tau(density.low + 0.5 * (density.high - density.low) * (at + 1.0))
