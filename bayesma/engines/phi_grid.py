"""One to three parameters integrated on a tensor of Gauss-Legendre rules, refined until two rules agree."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bayesma.engines.gaussian import LOUD, PRUNE
from bayesma.engines.phi_axes import Axis
from bayesma.engines.phi_window import Reach, open_ends, reach_of, widened, windows
from bayesma.errors import ConvergenceWarning
from bayesma.families.problems import GaussianMeanProblem
from bayesma.numerics import legendre

Array = NDArray[np.float64]

FIRST = 12  # nodes a panel of the first rule
CAP = 250_000  # points of one rule, at most
MOST = 512  # nodes a panel, at most
STEP = 8  # nodes by which an axis that is resolved already is refined for the comparison
RESOLVED = 1e-9  # an axis whose series has ended to this share is not doubled any more
BEHIND = 0.1  # ... nor one that has ended to this share of the worst
TOLERANCE = 1e-8  # asked of the log evidence, P(b < 0) and, in units of the sd, of the means and sds
CHUNK = 20_000  # points handed to the problem at once
OPEN_END = -23.0  # a window whose end is not that far below the peak, in logs, is widened
WIDENINGS = 6


_NOTHING = np.empty((1, 0))  # the one point of a grid without dimensions


@dataclass(frozen=True, slots=True, eq=False)
class PhiRule:
    """The posterior on one tensor of nodes.

    Attributes
    ----------
    axes, sizes
        Axes and nodes a panel along each.
    density
        Posterior density in z at the nodes, one dimension an axis; integrates to 1.
    weight, phi, mean, covariance
        Of the g nodes that matter: weights (g,) that sum to 1, parameters (g, d), and the normal
        distribution of b there, (g, p) and (g, p, p).
    log_evidence
        log p(y).
    points
        Nodes before those that do not matter were dropped.
    """

    axes: tuple[Axis, ...]
    sizes: tuple[int, ...]
    density: Array
    weight: Array
    phi: Array
    mean: Array
    covariance: Array
    log_evidence: float
    points: int

    def marginal(self, i: int) -> Array:
        """Density of one parameter in its z at its nodes, the others integrated out."""
        density = self.density
        for j in reversed(range(len(self.axes))):
            if j != i:
                density = np.tensordot(density, self.axes[j].rule(self.sizes[j])[1], axes=(j, 0))
        return density

    def roughness(self) -> list[float]:
        """For each axis, what the last terms of its series add when the others are integrated."""
        result = []
        for i, (axis, n) in enumerate(zip(self.axes, self.sizes, strict=True)):
            rows = np.moveaxis(self.density, i, -1).reshape(-1, axis.panels, n)
            series = np.abs(rows @ legendre.transform(n).T)
            share = np.ones(1)
            for j in (j for j in range(len(self.axes)) if j != i):
                share = np.outer(share, self.axes[j].rule(self.sizes[j])[1]).ravel()
            size = np.tensordot(share, series.sum(axis=1), axes=(0, 0))
            result.append(float(size[-4:].sum() / size.sum()))
        return result


@dataclass(frozen=True, slots=True, eq=False)
class PhiGrid:
    """The finest rule, and how far it was from the one before."""

    rule: PhiRule
    error: float


def solve(problem: GaussianMeanProblem, moments: dict[str, float]) -> PhiGrid:
    """Integrate phi.

    Parameters
    ----------
    problem
        Priors and the integral over b given phi.
    moments
        Name of a parameter to the limit below which its moments exist.

    Warns
    -----
    ConvergenceWarning
        When the estimated error stays above 1e-6.
    """
    if not problem.names:
        return PhiGrid(_rule(problem, (), (), ()), 0.0)
    alone = len(problem.names) == 1
    reaches = [
        reach_of(prior, bounds, scale, moments.get(name, math.inf), kinked=bool(kinked), alone=alone)
        for name, prior, bounds, scale, kinked in zip(
            problem.names, problem.priors, problem.bounds, problem.scales, problem.breaks, strict=True
        )
    ]
    axes = tuple(windows(lambda a, z: _log_density(problem, a, z)[0], reaches, problem.breaks))
    powers = [reach.power for reach in reaches]
    for _ in range(WIDENINGS):
        rule = _rule(problem, axes, tuple(FIRST for _ in axes), powers)
        wider = _widened(rule, reaches)
        if wider is None:
            break
        axes = wider
    error = math.inf
    while error > TOLERANCE:
        sizes = _finer(rule)
        if sizes is None:
            break
        previous, rule = rule, _rule(problem, axes, sizes, powers)
        change = _change(previous, rule, moments) * _ahead(previous, rule)
        error = max(change, *rule.roughness())
    error = max(error, *(_cut_off(rule, i, reach) for i, reach in enumerate(reaches)))
    if error > LOUD:
        warnings.warn(
            f"the integral over {', '.join(problem.names)} reached an accuracy of {error:.1g} with "
            f"{rule.points} nodes; compare with engine='nuts' before relying on it",
            ConvergenceWarning,
            stacklevel=2,
        )
    return PhiGrid(rule, error)


def _log_density(
    problem: GaussianMeanProblem, axes: Sequence[Axis], points: Sequence[Array]
) -> tuple[Array, Array, Array, Array]:
    """Log density in z on the tensor of points; phi, mean and covariance of b, tensor in C order."""
    values = [axis.value(z) for axis, z in zip(axes, points, strict=True)]
    shape = tuple(z.size for z in points)
    phi = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(axes)) if axes else _NOTHING
    with np.errstate(all="ignore"):  # far out, where the density is 0, an overflow says just that
        parts = [problem.pieces(phi[i : i + CHUNK]) for i in range(0, len(phi), CHUNK)]
        log_likelihood, mean, covariance = (np.concatenate(part) for part in zip(*parts, strict=True))
        log_density = log_likelihood.reshape(shape)
        for i, (axis, z, value, prior) in enumerate(zip(axes, points, values, problem.priors, strict=True)):
            own = prior.logpdf(value) + np.log(axis.map.slope(z))
            log_density = log_density + own.reshape([-1 if j == i else 1 for j in range(len(axes))])
    return np.where(np.isnan(log_density), -np.inf, log_density), phi, mean, covariance


def _rule(
    problem: GaussianMeanProblem, axes: tuple[Axis, ...], sizes: tuple[int, ...], powers: Sequence[int]
) -> PhiRule:
    """The posterior on a tensor of so many nodes a panel."""
    rules = [axis.rule(n) for axis, n in zip(axes, sizes, strict=True)]
    log_density, phi, mean, covariance = _log_density(problem, axes, [z for z, _ in rules])
    weight = np.ones(())
    for _, w in rules:
        weight = np.multiply.outer(weight, w)
    largest = float(np.max(log_density))
    density = np.exp(log_density - largest)
    total = float(np.sum(density * weight))
    share = (density * weight / total).ravel()
    kept = share > PRUNE * np.max(share)
    for i, power in enumerate(powers):
        moment = share * phi[:, i] ** power
        kept |= moment > PRUNE * np.max(moment)
    return PhiRule(
        axes=axes,
        sizes=sizes,
        density=density / total,
        weight=share[kept] / share[kept].sum(),
        phi=phi[kept],
        mean=mean[kept],
        covariance=covariance[kept],
        log_evidence=largest + math.log(total),
        points=share.size,
    )


def _widened(rule: PhiRule, reaches: Sequence[Reach]) -> tuple[Axis, ...] | None:
    """Axes with larger windows where the density has not vanished at an end; None where it has at all."""
    axes, changed = [], False
    for i, (axis, reach) in enumerate(zip(rule.axes, reaches, strict=True)):
        marginal = rule.marginal(i)
        floor = math.exp(OPEN_END) * float(np.max(marginal))
        below, above = open_ends(axis, reach.axis)
        lower, upper = below and bool(marginal[0] > floor), above and bool(marginal[-1] > floor)
        changed |= lower or upper
        axes.append(widened(axis, lower=lower, upper=upper, farthest=reach.axis) if lower or upper else axis)
    return tuple(axes) if changed else None


def _finer(rule: PhiRule) -> tuple[int, ...] | None:
    """Nodes of the next rule: doubled along axes that need it, a few more along others; None at the cap."""
    rough = rule.roughness()
    least = max(RESOLVED, BEHIND * max(rough))
    for growth, step in ((2.0, STEP), (2.0, 0), (1.5, 0), (1.2, 0)):
        sizes = tuple(
            math.ceil(growth * n) if r > least or max(rough) <= RESOLVED else n + step
            for n, r in zip(rule.sizes, rough, strict=True)
        )
        points = math.prod(n * axis.panels for n, axis in zip(sizes, rule.axes, strict=True))
        if max(sizes) <= MOST and points <= CAP:
            return sizes
    return None


def _ahead(before: PhiRule, after: PhiRule) -> float:
    """What a change of rules must be multiplied with to cover the last one's error, if it falls like n^-2."""
    growth = max(n / m for m, n in zip(before.sizes, after.sizes, strict=True))
    return max(1.0, 1.0 / (growth**2 - 1.0))


def _change(before: PhiRule, after: PhiRule, moments: dict[str, float]) -> float:
    """Largest difference between two rules: log evidence, P(b < 0), and means and sds, in sds."""
    first, last = _summary(before), _summary(after)
    changes = [abs(before.log_evidence - after.log_evidence), float(np.max(np.abs(first[2] - last[2])))]
    used = np.isfinite(last[0]) & (last[1] > 0.0)
    if all(limit > 2 for limit in moments.values()):
        for part in (0, 1):
            changes.append(float(np.max(np.abs(first[part] - last[part])[used] / last[1][used], initial=0.0)))
    return max(changes)


def _summary(rule: PhiRule) -> tuple[Array, Array, Array]:
    """Means and sds of phi and b, and P(b < 0)."""
    variance = np.diagonal(rule.covariance, axis1=1, axis2=2)
    values = np.concatenate([rule.phi, rule.mean], axis=1)
    mean = rule.weight @ values
    spread = rule.weight @ np.square(values - mean)
    spread[rule.phi.shape[1] :] += rule.weight @ variance
    return mean, np.sqrt(spread), rule.weight @ ndtr(-rule.mean / np.sqrt(variance))


def _cut_off(rule: PhiRule, i: int, reach: Reach) -> float:
    """Share of the peak that the density of one parameter has where its window was cut off."""
    marginal = rule.marginal(i)
    share = marginal[[0, -1]] / np.max(marginal)
    return float(max(share[np.array(open_ends(rule.axes[i], reach.axis))], default=0.0))
