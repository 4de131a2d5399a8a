"""A two-parameter integral as the exact engine delivers it: grid, Bayes factors, draws."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.effects import Densities, baseline_densities, effect_densities
from bayesma.engines.exact_gaussian import draw_scale
from bayesma.engines.gaussian import LOUD
from bayesma.engines.slice_levels import Slices
from bayesma.engines.slices import log_evidence_at, solve
from bayesma.errors import ConvergenceWarning
from bayesma.families.base import Arrays
from bayesma.families.problems import DrawnEffects, TwoParameterProblem
from bayesma.numerics import legendre
from bayesma.numerics.jit import compiled

Array = NDArray[np.float64]

LOUD_DENSITY = 1e-3  # what a density may be off by before the reader is told
NO_NULL = "{0} = 0 is no null value in this model"
POINTS, SEED = 2**15, 20261122  # draws of effects that are known by no series, the same at every call
INVERSION_POINTS = 257  # tabulated distribution function of a slice


@dataclass(frozen=True, slots=True, eq=False)
class SliceIntegral:
    """A solved `TwoParameterProblem`."""

    problem: TwoParameterProblem
    slices: Slices

    @classmethod
    def solve(cls, problem: TwoParameterProblem, moments: dict[str, float]) -> SliceIntegral:
        """Integrate."""
        del moments  # the problem carries what it needs of them
        return cls(problem, solve(problem))

    @property
    def error(self) -> float:
        """Estimated accuracy."""
        return self.slices.error

    @property
    def sound(self) -> bool:
        """Whether that is good enough."""
        return self.error <= LOUD

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Nodes, and the marginal density of every parameter."""
        problem, slices = self.problem, self.slices
        n = slices.location.shape[1]
        value = expit(slices.location) if problem.link == "expit" else slices.location
        variables: dict[str, Any] = {
            "weight": ("node", slices.weight.reshape(-1)),
            problem.location: ("node", value.reshape(-1)),
            f"{problem.location}_window": (("slice", "end"), slices.window, {"link": problem.link}),
            f"{problem.location}_density": (("slice", "degree"), slices.series),
        }
        error = slices.error
        if slices.scale_density is not None:
            density = slices.scale_density
            window = asdict(density.scale_map) | {"low": density.low, "high": density.high}
            variables[problem.scale] = ("node", np.repeat(slices.scale, n))
            variables[f"{problem.scale}_slice"] = ("slice", slices.scale)
            text = {"window": json.dumps(window)}
            variables[f"{problem.scale}_density"] = (f"{problem.scale}_degree", density.series, text)
        effects: Densities | None = None
        if isinstance(problem.effects, DrawnEffects):
            drawn = self.draw(POINTS, np.random.default_rng(SEED))
            points = problem.effects.draw(drawn, np.random.default_rng([SEED, 1]))
            dims = {1: ("point",), 2: ("point", "study")}
            variables |= {f"{name}_at": (dims[v.ndim], v) for name, v in points.items()}
        elif problem.effects is not None:
            effects = effect_densities(slices, problem.effects)
            variables |= _stored(problem.effects.name, effects, slice(0, study.size))
            variables |= _stored(problem.effects.new, effects, -1)
            error = max(error, effects.error)
        if problem.baseline is not None:
            nodes = self._common_nodes(study.size) if effects is None else effects.nodes()
            values, weights = (part[: study.size] for part in nodes)
            densities = baseline_densities(values, weights, problem.baseline)
            variables |= _stored(problem.baseline.name, densities, slice(0, study.size))
            error = max(error, densities.error)
        if error > LOUD_DENSITY:
            warnings.warn(
                f"the posterior of a study effect or a new study is accurate to {error:.1g} only; "
                "compare its probabilities with engine='nuts'",
                ConvergenceWarning,
                stacklevel=2,
            )
        attrs = {"error": error, "nodes": slices.nodes, **self._evidence().attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Scale by inversion; location by inversion in the slices around it."""
        problem, slices = self.problem, self.slices
        made: Arrays = {}
        place = np.zeros(size)
        if slices.scale_density is not None:
            made[problem.scale] = draw_scale(slices.scale_density, rng.uniform(size=size))
            place = _places(made[problem.scale], slices)
        uniform = rng.uniform(size=size)
        location = _between_slices(place, uniform, slices)
        value = expit(location) if problem.link == "expit" else location
        return {problem.location: value} | made

    def _common_nodes(self, k: int) -> tuple[Array, Array]:
        """Where one effect is common to all studies: its nodes, once a study."""
        shape = (k, self.slices.weight.size)
        location, weight = self.slices.location.reshape(-1), self.slices.weight.reshape(-1)
        return np.broadcast_to(location, shape).copy(), np.broadcast_to(weight, shape).copy()

    def _evidence(self) -> Evidence:
        """Log evidence and log Bayes factors for location = 0 and scale = 0, where these are nulls."""
        problem = self.problem
        priors = {problem.location: problem.location_prior, problem.scale: problem.scale_prior}
        evidence = Evidence(self.slices.log_evidence, priors)
        if problem.null:
            evidence.against(problem.location, lambda: log_evidence_at(problem, 0.0))
        else:
            evidence.undefined(problem.location, NO_NULL.format(problem.location))
        if problem.without_scale is None:
            evidence.undefined(problem.scale, NO_NULL.format(problem.scale))
        else:
            evidence.against(problem.scale, lambda: solve(without_scale(problem)).log_evidence)
        return evidence


def without_scale(problem: TwoParameterProblem) -> TwoParameterProblem:
    """The same studies with one common effect."""
    at_zero = problem.without_scale
    assert at_zero is not None
    return replace(
        problem,
        scale_prior=None,
        effects=None,
        baseline=None,
        coarser=None,
        log_likelihood=lambda location, _: at_zero(location),
    )


def _stored(name: str, densities: Densities, rows: slice | int) -> dict[str, Any]:
    """Window and series of one parameter, over studies or by themselves."""
    dims = ("study",) if isinstance(rows, slice) else ()
    return {
        f"{name}_window": ((*dims, "end"), densities.window[rows]),
        f"{name}_density": ((*dims, f"{name}_degree"), densities.series[rows]),
    }


def _places(scale: Array, slices: Slices) -> Array:
    """Numbers of the slices at which scales would stand: nearly even in the angle of their rule."""
    density = slices.scale_density
    assert density is not None
    scale_map, nodes = density.scale_map, legendre.rule(slices.scale.size)[0]
    with np.errstate(divide="ignore"):  # a scale below the smallest number
        line = np.log(scale) if scale_map.logarithmic else scale
    z = np.arcsinh((line - scale_map.origin) / scale_map.unit)
    u = np.clip(2.0 * (z - density.low) / (density.high - density.low) - 1.0, -1.0, 1.0)
    return np.asarray(np.interp(np.arccos(-u), np.arccos(-nodes), np.arange(nodes.size)))


def _between_slices(place: Array, uniform: Array, slices: Slices) -> Array:
    """Quantiles of the location at places among the slices, cubic through those of the four around each."""
    fine = _to_points(slices.series.shape[1] + 1)
    tables = np.maximum.accumulate(legendre.antiderivatives(slices.series) @ fine, axis=1)
    return _cubic(place, uniform, tables, slices.window)


@cache
def _to_points(n: int) -> Array:
    """Matrix from n Legendre coefficients to values at the points of a table, shape (n, points)."""
    points = np.linspace(-1.0, 1.0, INVERSION_POINTS)
    return np.ascontiguousarray(np.polynomial.legendre.legvander(points, n - 1).T)


@compiled
def _cubic(place: Array, uniform: Array, tables: Array, windows: Array) -> Array:
    """The cubic's values; `tables` are tabulated distribution functions of the slices, (s, points)."""
    size = min(tables.shape[0], 4)
    result = np.zeros(place.size)
    for i in range(place.size):
        first = min(max(int(place[i]) - 1, 0), tables.shape[0] - size)
        t = place[i] - first
        for a in range(size):
            weight = 1.0
            for b in range(size):
                if b != a:
                    weight *= (t - b) / (a - b)
            result[i] += weight * _quantile(uniform[i], tables[first + a], windows[first + a])
    return result


@compiled
def _quantile(uniform: float, table: Array, window: Array) -> float:
    """Quantile of the location in one slice."""
    centre, unit, low, high = window
    if not table[-1] > 0.0:
        return float(centre)
    target = uniform * table[-1]
    m = min(max(np.searchsorted(table, target), 1), table.size - 1)
    rise = table[m] - table[m - 1]
    at = m - 1 + ((target - table[m - 1]) / rise if rise > 0.0 else 0.5)
    return float(centre + unit * math.sinh(low + (high - low) * at / (table.size - 1)))
