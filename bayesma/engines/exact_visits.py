"""Visits that share no parameter, as the exact engine delivers them: one Gaussian integral each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines import gaussian
from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.exact_gaussian import GaussianIntegral
from bayesma.families.base import Array, Arrays
from bayesma.families.problems import GaussianProblem, IndependentVisits


@dataclass(frozen=True, slots=True, eq=False)
class VisitIntegral:
    """A solved `IndependentVisits`."""

    problem: IndependentVisits
    visits: tuple[GaussianIntegral, ...]

    @classmethod
    def solve(cls, problem: IndependentVisits, moments: dict[str, float]) -> VisitIntegral:
        """Integrate visit by visit; `moments` says which moments of tau exist at every visit."""
        return cls(problem, tuple(GaussianIntegral.solve(visit, moments) for visit in problem.visits))

    @property
    def error(self) -> float:
        """Estimated accuracy of the worst visit."""
        return max(visit.error for visit in self.visits)

    @property
    def sound(self) -> bool:
        """Whether that is good enough."""
        return self.error <= gaussian.LOUD

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Each visit's own mixture, filled up with nodes of weight 0 to the longest."""
        solutions = [visit.solution for visit in self.visits]
        variables: dict[str, Any] = {
            "weight": (("visit", "node"), _side_by_side([s.weight for s in solutions])),
            "m_mean": (("visit", "node"), _side_by_side([s.mu_mean for s in solutions])),
            "m_sd": (("visit", "node"), _side_by_side([s.mu_sd for s in solutions], 1.0)),
        }
        densities = [s.tau_density for s in solutions if s.tau_density is not None]
        if densities:
            windows = [asdict(d.scale_map) | {"low": d.low, "high": d.high} for d in densities]
            series = _side_by_side([d.series for d in densities])
            new = _side_by_side([np.hypot(s.mu_sd, s.tau) for s in solutions], 1.0)
            mean, sd = self._effects()
            variables |= {
                "tau": (("visit", "node"), _side_by_side([s.tau for s in solutions])),
                "tau_density": (("visit", "degree"), series, {"window": json.dumps(windows)}),
                "theta_mean": (("study", "visit", "node"), mean),
                "theta_sd": (("study", "visit", "node"), sd),
                "theta_new_mean": variables["m_mean"],
                "theta_new_sd": (("visit", "node"), new),
            }
        nodes = max(s.nodes for s in solutions)
        attrs = {"error": self.error, "nodes": nodes, **self._evidence().attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Independent draws of m and tau, shape (size, t)."""
        visits = [visit.draw(size, rng) for visit in self.visits]
        names = {"mu": "m", "tau": "tau"}
        return {names[name]: np.column_stack([visit[name] for visit in visits]) for name in visits[0]}

    def _effects(self) -> tuple[Array, Array]:
        """Mean and sd of every study's effect, shapes (k, t, node): a new study's at a visit it missed."""
        means, sds = [], []
        for visit, seen in zip(self.visits, self.problem.studies, strict=True):
            solution, problem = visit.solution, visit.problem
            mean = np.tile(solution.mu_mean, (self.problem.k, 1))
            sd = np.tile(np.hypot(solution.mu_sd, solution.tau), (self.problem.k, 1))
            mean[seen], sd[seen] = gaussian.effect_nodes(solution, problem.y, problem.se)
            means.append(mean)
            sds.append(sd)
        return _by_study(means, 0.0), _by_study(sds, 1.0)

    def _evidence(self) -> Evidence:
        """Log evidence and log Bayes factors for m = 0, and tau = 0, at every visit at once."""
        first = self.problem.visits[0]
        total = sum(visit.solution.log_evidence for visit in self.visits)
        evidence = Evidence(float(total), {"m": first.mu, "tau": first.tau})
        evidence.against("m", self._everywhere(lambda visit: gaussian.log_evidence_at(visit, mu=0.0)))
        evidence.against("tau", self._everywhere(lambda visit: gaussian.log_evidence_at(visit, tau=0.0)))
        return evidence

    def _everywhere(self, at_null: Callable[[GaussianProblem], float]) -> Callable[[], float]:
        """The log evidence of a null that holds at every visit."""
        return lambda: float(sum(at_null(visit) for visit in self.problem.visits))


def _side_by_side(rows: Sequence[Array], fill: float = 0.0) -> Array:
    """Rows of different lengths as one array, filled up to the longest."""
    result = np.full((len(rows), max(row.size for row in rows)), fill)
    for row, values in zip(result, rows, strict=True):
        row[: values.size] = values
    return result


def _by_study(visits: Sequence[Array], fill: float) -> Array:
    """One array (k, node) a visit as one of shape (k, t, node)."""
    return np.stack([_side_by_side(rows, fill) for rows in zip(*visits, strict=True)])
