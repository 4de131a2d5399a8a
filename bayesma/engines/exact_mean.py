"""A normal mean integrated analytically, its covariance on a grid, as the exact engine delivers it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayesma.engines import phi_grid
from bayesma.engines.bayes_factors import Evidence
from bayesma.engines.gaussian import LOUD
from bayesma.engines.marginals import AVERAGE
from bayesma.engines.phi_axes import SinhMap
from bayesma.engines.phi_grid import CHUNK, PhiGrid
from bayesma.families.base import Arrays
from bayesma.families.problems import Coefficient, GaussianMeanProblem
from bayesma.numerics.roots import symmetric_root
from bayesma.priors import Prior

Array = NDArray[np.float64]

LARGEST = 20_000_000  # numbers of study effects kept at the nodes; with more, effects are known by draws
DRAWS = 1000  # draws whose conditional densities are held at once


@dataclass(frozen=True, slots=True, eq=False)
class MeanIntegral:
    """A solved `GaussianMeanProblem`."""

    problem: GaussianMeanProblem
    solution: PhiGrid

    @classmethod
    def solve(cls, problem: GaussianMeanProblem, moments: dict[str, float]) -> MeanIntegral:
        """Integrate; `moments` says which moments of phi exist."""
        return cls(problem, phi_grid.solve(problem, moments))

    @property
    def error(self) -> float:
        """Estimated accuracy."""
        return self.solution.error

    @property
    def sound(self) -> bool:
        """Whether that is good enough."""
        return self.error <= LOUD

    def grid(self, study: NDArray[Any]) -> xr.Dataset:
        """Nodes of the mixtures that coefficients and effects are, and the density of every phi."""
        rule = self.solution.rule
        variables: dict[str, Any] = {"weight": ("node", rule.weight)}
        sd = np.sqrt(np.diagonal(rule.covariance, axis1=1, axis2=2))
        for one, columns in self._coefficients():
            dims = ("node",) if one.dimension is None else (one.dimension, "node")
            variables[f"{one.name}_mean"] = (dims, rule.mean[:, columns].T)
            variables[f"{one.name}_sd"] = (dims, sd[:, columns].T)
        for i, name in enumerate(self.problem.names):
            variables |= self._density(name, i)
        over = self.problem.over
        inner = () if over is None else (over,)
        if over is None:
            variables["mean_covariance"] = (("node", "row", "column"), rule.covariance)
        elif self.problem.coefficients[0].dimension != over:
            variables |= self._stored(AVERAGE, inner, *self._over_nodes(self._average))
        if over is not None or self.problem.names:
            new = self._over_nodes(self._new)
            variables |= self._stored("theta_new", inner, *new)
            if study.size * new[0].size <= LARGEST:
                theta = self._over_nodes(lambda phi, *_: self.problem.effects(phi))
                variables |= self._stored("theta", ("study", *inner), *theta)
        attrs = {"error": self.error, "nodes": rule.points, **self._evidence().attrs()}
        return xr.Dataset(variables, {"study": study}, attrs)

    def _stored(self, name: str, dims: tuple[str, ...], mean: Array, sd: Array) -> dict[str, Any]:
        """Mixtures of one quantity, nodes last; with one effect a study the last dimension before goes."""
        parts = {"mean": mean, "sd": sd}
        if self.problem.over is None:
            parts = {part: values[..., 0, :] for part, values in parts.items()}
        return {f"{name}_{part}": ((*dims, "node"), values) for part, values in parts.items()}

    def draw(self, size: int, rng: np.random.Generator) -> Arrays:
        """Independent draws: phi one after the other, each given those before, then b from its normal."""
        blocks = [self._draw_phi(min(DRAWS, size - i), rng) for i in range(0, size, DRAWS)]
        phi = np.concatenate(blocks)
        _, mean, covariance = self.problem.pieces(phi)
        z = rng.standard_normal(mean.shape)
        b = mean + np.einsum("gpq,gq->gp", symmetric_root(covariance), z)
        drawn = {one.name: b[:, columns] for one, columns in self._coefficients()}
        return drawn | {name: phi[:, i] for i, name in enumerate(self.problem.names)}

    def _coefficients(self) -> list[tuple[Coefficient, int | slice]]:
        """Each coefficient with its column, or columns."""
        ends = np.cumsum([one.size for one in self.problem.coefficients]).tolist()
        return [
            (one, end - 1 if one.dimension is None else slice(end - one.size, end))
            for one, end in zip(self.problem.coefficients, ends, strict=True)
        ]

    def _density(self, name: str, i: int) -> dict[str, Any]:
        """The marginal density of one phi, in the form that its map has a reader for."""
        rule = self.solution.rule
        axis = rule.axes[i]
        series = axis.series(rule.marginal(i), rule.sizes[i])
        degree = f"{name}_degree"
        if not isinstance(axis.map, SinhMap):
            window = asdict(axis.map) | {"low": float(axis.edges[0]), "high": float(axis.edges[-1])}
            density = (degree, series[0], {"window": json.dumps(window)})
            return {name: ("node", rule.phi[:, i]), f"{name}_density": density}
        ends = np.column_stack([axis.edges[:-1], axis.edges[1:]])
        panels = np.column_stack([np.tile([axis.map.centre, axis.map.unit], (axis.panels, 1)), ends])
        if axis.panels == 1:
            return {
                name: ("node", rule.phi[:, i]),
                f"{name}_window": ("end", panels[0]),
                f"{name}_density": (degree, series[0]),
            }
        return {
            name: ("node", rule.phi[:, i]),
            f"{name}_window": (("slice", "end"), panels, {"link": "identity"}),
            f"{name}_density": (("slice", degree), series),
        }

    def _over_nodes(self, of: Callable[[Array, Array, Array], tuple[Array, Array]]) -> tuple[Array, Array]:
        """Means and sds at the nodes, computed in blocks, with the nodes last."""
        rule = self.solution.rule
        blocks = [slice(i, i + CHUNK) for i in range(0, rule.weight.size, CHUNK)]
        parts = [of(rule.phi[b], rule.mean[b], rule.covariance[b]) for b in blocks]
        mean, sd = (np.moveaxis(np.concatenate(part), 0, -1) for part in zip(*parts, strict=True))
        return np.ascontiguousarray(mean), np.ascontiguousarray(sd)

    def _average(self, phi: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
        """Mean and sd of the mean effect at every visit."""
        design = self.problem.at_visits(phi)
        variance = np.einsum("gtp,gpq,gtq->gt", design, covariance, design)
        return np.einsum("gtp,gp->gt", design, mean), np.sqrt(np.maximum(variance, 0.0))

    def _new(self, phi: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
        """Mean and sd of a new study's effect at every visit."""
        average, sd = self._average(phi, mean, covariance)
        between = np.diagonal(self.problem.between(phi), axis1=1, axis2=2)
        return average, np.hypot(sd, np.sqrt(between))

    def _draw_phi(self, size: int, rng: np.random.Generator) -> Array:
        """Draws of phi, shape (size, d), each from its density given the ones before."""
        rule = self.solution.rule
        phi = np.empty((size, len(rule.axes)))
        joint = np.broadcast_to(rule.density, (1, *rule.density.shape))
        for i, (axis, n) in enumerate(zip(rule.axes, rule.sizes, strict=True)):
            own = joint
            for j in reversed(range(i + 1, len(rule.axes))):
                own = own @ rule.axes[j].rule(rule.sizes[j])[1]
            z = axis.quantiles(rng.uniform(size=size), np.broadcast_to(own, (size, own.shape[1])), n)
            phi[:, i] = axis.value(z)
            given = axis.interpolation(z, n)
            joint = given @ joint[0].reshape(given.shape[1], -1) if i == 0 else _given(given, joint)
            joint = joint.reshape(size, *rule.density.shape[i + 1 :])
        return phi

    def _evidence(self) -> Evidence:
        """Log evidence and log Bayes factors for coefficients of 0 and for tau = 0."""
        problem, rule = self.problem, self.solution.rule
        columns_of = {
            one.name: np.arange(problem.prior_mean.size)[at].reshape(-1) for one, at in self._coefficients()
        }
        normal: dict[str, Prior | None] = {name: self._prior(int(at[0])) for name, at in columns_of.items()}
        none: dict[str, Prior | None] = {} if problem.names else {"tau": None}
        phi: dict[str, Prior | None] = dict(zip(problem.names, problem.priors, strict=True))
        evidence = Evidence(rule.log_evidence, normal | phi | none)
        for name, columns in columns_of.items():
            evidence.against(name, partial(self._at_zero, columns))
        for name in (*problem.names, *none):
            if name == "tau":
                evidence.against(name, self._without_tau)
            else:
                evidence.undefined(name, f"{name} = 0 is no null value in this model")
        return evidence

    def _prior(self, column: int) -> Prior:
        """Prior of one coefficient."""
        mean, sd = float(self.problem.prior_mean[column]), float(self.problem.prior_sd[column])
        return Prior("Normal", (mean, sd)) if math.isfinite(sd) else Prior("Flat", ())

    def _at_zero(self, columns: NDArray[np.intp]) -> float:
        """Log evidence with coefficients held at 0: their density there, posterior over prior, tells it.

        The ratio of Dickey (1971), doi 10.1214/aoms/1177693507: coefficients and phi are independent a
        priori.
        """
        problem, rule = self.problem, self.solution.rule
        mean, covariance = rule.mean[:, columns], rule.covariance[:, columns[:, None], columns]
        precision_mean = np.linalg.solve(covariance, mean[..., None])[..., 0]
        log_density = -0.5 * (np.linalg.slogdet(covariance)[1] + np.einsum("gp,gp->g", mean, precision_mean))
        sd = problem.prior_sd[columns]
        prior = -np.sum(np.log(sd) + 0.5 * np.square(problem.prior_mean[columns] / sd))
        return rule.log_evidence + float(logsumexp(log_density, b=rule.weight) - prior)

    def _without_tau(self) -> float:
        """Log evidence with tau held at 0, the other phi integrated."""
        problem = self.problem
        at = problem.names.index("tau")
        rest = [i for i in range(len(problem.names)) if i != at]

        def pieces(phi: Array) -> tuple[Array, Array, Array]:
            return problem.pieces(np.insert(phi, at, 0.0, axis=1))

        if not rest:
            return float(pieces(np.empty((1, 0)))[0][0])
        others = replace(
            problem,
            names=tuple(problem.names[i] for i in rest),
            priors=tuple(problem.priors[i] for i in rest),
            bounds=tuple(problem.bounds[i] for i in rest),
            scales=tuple(problem.scales[i] for i in rest),
            pieces=pieces,
            breaks=tuple(problem.breaks[i] for i in rest),
        )
        return phi_grid.solve(others, {}).rule.log_evidence


def _given(matrix: Array, joint: Array) -> Array:
    """Contract the first of the remaining parameters, draw by draw."""
    size = matrix.shape[0]
    return np.asarray(np.einsum("sm,smr->sr", matrix, joint.reshape(size, matrix.shape[1], -1)))
