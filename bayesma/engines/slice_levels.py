"""One rule of a two-dimensional integral: slices of constant scale, and what a finer rule makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.engines.gaussian import TauDensity
from bayesma.engines.slice_windows import Posterior, ScaleWindow
from bayesma.numerics import legendre
from bayesma.numerics.log_series import through_logs

Array = NDArray[np.float64]

LOW_ENOUGH = 25.0  # drop at a slice's outermost nodes without which its window is sought anew


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The posterior of location and scale.

    Attributes
    ----------
    scale
        Shape (s,); one slice at 0 where the scale is fixed.
    location
        Nodes on the line, shape (s, n).
    likelihood
        Log likelihood of each study at the nodes, shape (s, n, k).
    weight
        Posterior weights of the nodes, shape (s, n), summing to 1.
    window
        Shape (s, 4): centre, unit, low and high; location = centre + unit sinh(z), z from low to high.
    series
        Shape (s, n): Legendre coefficients of the density in u on [-1, 1], its integral the slice's weight.
    scale_density
        Marginal density of the scale.
    log_evidence, error, nodes
        As in `GaussianSolution`.
    """

    scale: Array
    location: Array
    likelihood: Array
    weight: Array
    window: Array
    series: Array
    scale_density: TauDensity | None
    log_evidence: float
    error: float
    nodes: int

    @property
    def mass(self) -> Array:
        """Weight of each slice, shape (s,)."""
        return np.asarray(self.weight.sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Slices, and what their logs carried to a finer rule tell.

    Attributes
    ----------
    slices
        As the rule has them.
    of_logs
        Slices whose series come from their logs, shape (s,); the others are right to an absolute error only.
    shares
        Weights of the slices by the finer rule, shape (s,).
    scale, weight
        Nodes of the scale by that rule, and their weights.
    rough
        What the last terms of the series add, in parts of all, and the difference of the two rules.
    """

    slices: Slices
    of_logs: NDArray[np.bool_]
    shares: Array
    scale: Array
    weight: Array
    rough: float


def level(
    posterior: Posterior, window: ScaleWindow | None, scales: int, locations: int, known: Slices | None
) -> Level:
    """The rule with so many nodes; its slices' windows come from `known` slices, where there are any."""
    if window is None:
        scale, outer, guess = np.zeros(1), np.zeros(1), [posterior.problem.start]
    else:
        prior = posterior.problem.scale_prior
        assert prior is not None
        z = window.z_at(legendre.rule(scales)[0])
        scale = window.scale_map.tau(z)
        outer = np.log(0.5 * (window.high - window.low) * window.scale_map.slope(z)) + prior.logpdf(scale)
        guess = list(
            zip(np.interp(z, window.z, window.centre), np.interp(z, window.z, window.sd), strict=True)
        )
    heights, nodes, likelihood, windows = _tabulated(posterior, scale, guess, locations, known)
    heights += outer[:, None]
    peak = float(heights.max())
    fine = through_logs(heights - peak)
    along = None if window is None else _along(window, fine.integrals)
    mass = np.exp(heights - peak) * legendre.rule(locations)[1]
    if window is not None:
        mass *= legendre.rule(scales)[1][:, None]
    total = float(mass.sum())
    mass /= total
    of_slice = mass.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(fine.integrals > 0.0, of_slice / fine.integrals, 0.0)
    log_total = math.log(float(fine.integrals[0]) if along is None else along.total)
    kept = of_slice > 0.0
    rough = max(float(of_slice[kept] @ fine.rough[kept]), abs(math.log(total) - log_total))
    slices = Slices(
        scale,
        nodes,
        likelihood,
        mass,
        windows,
        legendre.coefficients(fine.values * share[:, None]),
        None if along is None else along.density,
        peak + log_total,
        math.inf,
        0,
    )
    if along is None:
        return Level(slices, fine.of_logs, of_slice, scale, of_slice, rough)
    rough = max(rough, along.rough)
    if along.shares is None:
        return Level(slices, fine.of_logs, of_slice, scale, of_slice, rough)
    return Level(slices, fine.of_logs, along.shares, along.scale, along.weight, rough)


@dataclass(frozen=True, slots=True, eq=False)
class _Along:
    """The density of the scale and its integral; the finer rule as in `Level`, if logs gave it."""

    density: TauDensity
    total: float
    rough: float
    shares: Array | None
    scale: Array
    weight: Array


def _along(window: ScaleWindow, integrals: Array) -> _Along:
    """From the integrals of the slices, shape (s,), which are a density of the scale in u on [-1, 1]."""
    with np.errstate(divide="ignore"):
        finer = through_logs(np.log(integrals)[None])
    size, total = finer.values.shape[1], float(finer.integrals[0])
    series = legendre.coefficients(finer.values[0] / total)
    weight = finer.weights[0] / total
    return _Along(
        TauDensity(window.scale_map, window.low, window.high, series),
        total,
        float(finer.rough[0]),
        weight @ legendre.carry(integrals.size, size) if finer.of_logs[0] else None,
        window.scale_map.tau(window.z_at(legendre.rule(size)[0])),
        weight,
    )


def _tabulated(
    posterior: Posterior, scale: Array, guesses: list[tuple[float, float]], size: int, known: Slices | None
) -> tuple[Array, Array, Array, Array]:
    """Log densities in u (s, n) at the rule of `size`, nodes (s, n), likelihoods (s, n, k), windows (s, 4).

    Windows are those between the known slices, if these will do, or else each slice's own.
    """

    def sought(rows: NDArray[np.intp]) -> Array:
        own = [posterior.slice(float(scale[s]), *guesses[s]) for s in rows]
        return np.array(own).reshape(-1, 4)

    whole = math.isinf(posterior.low) and math.isinf(posterior.high)
    if known is None or known.scale.size < 2 or not whole:
        windows = sought(np.arange(scale.size))
        return *_looked_up(posterior, scale, windows, size), windows
    windows = np.column_stack([np.interp(scale, known.scale, column) for column in known.window.T])
    found = _looked_up(posterior, scale, windows, size)
    again = np.flatnonzero(~_falls(found[0], found[1], posterior))
    if again.size:
        windows[again] = sought(again)
        for whole_of, part in zip(
            found, _looked_up(posterior, scale[again], windows[again], size), strict=True
        ):
            whole_of[again] = part
    return *found, windows


def _looked_up(posterior: Posterior, scale: Array, windows: Array, size: int) -> tuple[Array, Array, Array]:
    """The first three of `_tabulated` on given windows."""
    centre, unit, low, high = windows.T[:, :, None]
    z = low + 0.5 * (high - low) * (legendre.rule(size)[0] + 1.0)
    nodes = centre + unit * np.sinh(z)
    likelihood = posterior.problem.log_likelihood(nodes.reshape(-1), np.repeat(scale, size))
    height = posterior.with_prior(nodes.reshape(-1), likelihood).reshape(nodes.shape)
    height += np.log(0.5 * (high - low) * unit * np.cosh(z))
    return height, nodes, likelihood.reshape(*nodes.shape, -1)


def _falls(height: Array, nodes: Array, posterior: Posterior) -> NDArray[np.bool_]:
    """Whether densities have fallen far enough at both ends of a slice, or its support ends there, (s,)."""
    enough = height.max(axis=1) - LOW_ENOUGH
    spacing = np.diff(nodes, axis=1)
    left = (height[:, 0] < enough) | (nodes[:, 0] - spacing[:, 0] < posterior.low)
    right = (height[:, -1] < enough) | (nodes[:, -1] + spacing[:, -1] > posterior.high)
    return np.asarray(left & right)
