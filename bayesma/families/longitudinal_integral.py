"""What the exact engine is given by the longitudinal family, or the reason why there is no integral."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesma.families import visit_kernels as kernels
from bayesma.families.base import Array, Case
from bayesma.families.problems import (
    NORMAL_MIXTURES,
    GaussianMeanProblem,
    GaussianProblem,
    IndependentVisits,
    NoIntegral,
    is_normal_mixture,
)
from bayesma.families.trajectories import BETWEEN, MEANS, Draws

MOST = 3  # parameters integrated on a grid


def problem_of(case: Case, hyper: Sequence[str]) -> IndependentVisits | GaussianMeanProblem | NoIntegral:
    """The integral of a model: over visits one by one, over at most three parameters, or none."""
    options, priors = case.options, case.priors
    shape, structure = MEANS[options["trajectory"]], BETWEEN[options["between"]]
    if options["trajectory"] == "visit" and options["between"] == "diagonal" and _independent(case):
        if is_normal_mixture(priors["m"]):
            return _by_visit(case)
        return NoIntegral(_not_linear("m", ", ".join(NORMAL_MIXTURES), priors["m"]))
    names = [name for name in hyper if name not in {p.name for p in shape.linear}]
    if structure.tau.dims or len(names) > MOST:
        return NoIntegral(
            f"engine 'exact' has no integral for between = {options['between']!r} here (more than "
            f"{MOST} parameters besides the mean); use engine='nuts', or between='cs' or 'ou'"
        )
    for p in shape.linear:
        if priors[p.name].distribution != "Normal" or priors[p.name].truncated:
            return NoIntegral(_not_linear(p.name, "Normal", priors[p.name]))
    return _over(case, names)


def _not_linear(name: str, known: str, prior: object) -> str:
    """Why a prior on the mean has no integral."""
    return (
        f"engine 'exact' integrates {name} analytically and takes {known} for it, untruncated; got {prior}; "
        "use one of these, or engine='nuts'"
    )


def _independent(case: Case) -> bool:
    """Whether the errors of a study at different visits are known to be uncorrelated."""
    within = case.arrays["within"]
    visits = within.shape[1]
    return case.options["within"] == "given" and not np.any(within[:, ~np.eye(visits, dtype=bool)])


def _by_visit(case: Case) -> IndependentVisits:
    """One normal-normal problem a visit."""
    y = case.arrays["y"]
    variance = np.einsum("kttl->kt", case.arrays["within"])
    studies = tuple(np.flatnonzero(np.isfinite(column)) for column in y.T)
    visits = tuple(
        GaussianProblem(y[at, t], np.sqrt(variance[at, t]), case.priors["m"], case.priors["tau"])
        for t, at in enumerate(studies)
    )
    return IndependentVisits(visits, studies, len(y))


def _over(case: Case, names: list[str]) -> GaussianMeanProblem:
    """The problem over the named parameters, the coefficients of the mean integrated out."""
    arrays, priors = case.arrays, case.priors
    shape, structure = MEANS[case.options["trajectory"]], BETWEEN[case.options["between"]]
    y, month, within, lag = (arrays[name] for name in ("y", "month", "within", "lag"))
    repeats = {p.name: month.size if p.dims else 1 for p in shape.linear}
    coefficients = tuple(name for name, size in repeats.items() for _ in range(size))
    numbers = np.array([priors[name].arguments for name in coefficients])
    centre, precision = numbers[:, 0], np.diag(numbers[:, 1] ** -2.0)
    log_prior_scale = float(np.sum(np.log(numbers[:, 1])))

    def named(phi: Array) -> Draws:
        """Columns of phi by name."""
        return {name: np.ascontiguousarray(phi[:, j]) for j, name in enumerate(names)}

    def design(phi: Array) -> Array:
        """X at all visits."""
        columns = shape.columns(month, named(phi))
        return np.ascontiguousarray(np.broadcast_to(columns, (len(phi), *columns.shape[1:])))

    def between(phi: Array) -> Array:
        """Covariance of study effects."""
        return structure.covariance(month, named(phi))

    def power(phi: Array) -> Array:
        """rho_within to each power."""
        rho = named(phi).get("rho_within")
        return np.ones((len(phi), lag.size)) if rho is None else np.asarray(rho[:, None] ** lag)

    def pieces(phi: Array) -> tuple[Array, Array, Array]:
        """Log marginal likelihood, mean and covariance of the coefficients."""
        cross, score, level = kernels.information(y, design(phi), between(phi), within, power(phi))
        total = cross.sum(axis=1) + precision
        right = score.sum(axis=1) + precision @ centre
        covariance = np.linalg.inv(total)
        mean = np.einsum("gab,gb->ga", covariance, right)
        log_marginal = (
            level.sum(axis=1)
            + 0.5 * np.einsum("ga,ga->g", mean, right)
            - 0.5 * centre @ precision @ centre
            - 0.5 * np.linalg.slogdet(total)[1]
            - log_prior_scale
        )
        return np.asarray(log_marginal), np.asarray(mean), covariance

    def effects(phi: Array) -> tuple[Array, Array]:
        """Mean and sd of the study effects."""
        _, mean, covariance = pieces(phi)
        return kernels.effect_moments(y, design(phi), mean, covariance, between(phi), within, power(phi))

    sizes = {
        "tau": float(np.sqrt(np.min(np.einsum("kttl,l->kt", within, 0.5**lag)[np.isfinite(y)]))),
        "et50": float(np.median(month)),
        "change": float(np.median(month)),
    }
    limits = {p.name: (p.lower, p.upper) for p in (*shape.further, *structure.parameters)}
    return GaussianMeanProblem(
        names=tuple(names),
        priors=tuple(priors[name] for name in names),
        bounds=tuple(limits.get(name, (0.0, 1.0)) for name in names),
        scales=tuple(sizes.get(name, 1.0) for name in names),
        coefficients=coefficients,
        prior_mean=centre,
        prior_sd=numbers[:, 1],
        pieces=pieces,
        at_visits=design,
        between=between,
        effects=effects,
        breaks=tuple(tuple(month.tolist()) if name == "change" else () for name in names)
        if "change" in names
        else None,
    )
