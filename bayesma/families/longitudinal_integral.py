"""What the exact engine is given by the longitudinal family, or the reason why there is no integral."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesma.families import visit_kernels as kernels
from bayesma.families import visit_moderators as moderators
from bayesma.families.base import Array, Arrays, Case
from bayesma.families.mean_shapes import MEANS, MeanShape, knots_of
from bayesma.families.problems import (
    NORMAL_MIXTURES,
    Coefficient,
    GaussianMeanProblem,
    GaussianProblem,
    IndependentVisits,
    NoIntegral,
    is_normal_mixture,
)
from bayesma.families.visit_covariances import BETWEEN, DECAY_WITHIN, RHO_WITHIN, Draws, Structure, powers

MOST = 3  # parameters integrated on a grid


def problem_of(case: Case, hyper: Sequence[str]) -> IndependentVisits | GaussianMeanProblem | NoIntegral:
    """The integral of a model: over visits one by one, over at most three parameters, or none."""
    options, priors = case.options, case.priors
    shape, structure = MEANS[options["trajectory"]], BETWEEN[options["between"]]
    free = options["trajectory"] == "visit" and options["between"] == "diagonal"
    if free and _independent(case) and not moderators.parameters_of(options):
        return _by_visit(case)
    linear = (*shape.linear, *moderators.parameters_of(options))
    names = [name for name in hyper if name not in {p.name for p in linear}]
    if structure.tau.dims:
        return NoIntegral(
            f"engine 'exact' has no integral for between = {options['between']!r} here (an sd of its own at "
            "every visit, all at once); use engine='nuts', or between='cs' or 'ou'"
        )
    if len(names) > MOST:
        return NoIntegral(
            f"engine 'exact' has no integral for {', '.join(names)} together (at most {MOST} parameters "
            "besides the coefficients of the mean); use engine='nuts', or a shape of the mean or a "
            "covariance with fewer"
        )
    for p in linear:
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


def _by_visit(case: Case) -> IndependentVisits | NoIntegral:
    """One normal-normal problem a visit."""
    y, prior = case.arrays["y"], case.priors["m"]
    if not is_normal_mixture(prior):
        return NoIntegral(_not_linear("m", ", ".join(NORMAL_MIXTURES), prior))
    if not np.isfinite(y).any(axis=0).all():
        return NoIntegral(
            "engine 'exact' integrates visit by visit here, and one has no estimate of any study; use "
            "engine='nuts', or leave the visit out"
        )
    variance = np.einsum("kttl->kt", case.arrays["within"])
    studies = tuple(np.flatnonzero(np.isfinite(column)) for column in y.T)
    visits = tuple(
        GaussianProblem(y[at, t], np.sqrt(variance[at, t]), prior, case.priors["tau"])
        for t, at in enumerate(studies)
    )
    return IndependentVisits(visits, studies, len(y))


@dataclass(frozen=True, slots=True, eq=False)
class _Integrand:
    """What is integrated over phi (g, d), the coefficients b ~ N(centre, diag(sd^2)) integrated out."""

    arrays: Arrays
    shape: MeanShape
    structure: Structure
    names: tuple[str, ...]
    own: Array
    centre: Array
    sd: Array

    def named(self, phi: Array) -> Draws:
        """Columns of phi by name."""
        return {name: np.ascontiguousarray(phi[:, j]) for j, name in enumerate(self.names)}

    def design(self, phi: Array) -> Array:
        """Columns of the mean at all visits, (g, t, p)."""
        return self.shape.design(self.arrays["month"], self.named(phi), len(phi))

    def at_centre(self, phi: Array) -> Array:
        """X at all visits where the moderators are at their centre, (g, t, p + q)."""
        return np.pad(self.design(phi), ((0, 0), (0, 0), (0, self.own.shape[-1])))

    def between(self, phi: Array) -> Array:
        """Covariance of study effects, (g, t, t)."""
        return self.structure.covariance(self.arrays["month"], self.named(phi))

    def pieces(self, phi: Array) -> tuple[Array, Array, Array]:
        """Log marginal likelihood (g,), mean (g, p) and covariance (g, p, p) of the coefficients.

        The likelihood is that at the conditional mean of b over the density of b there: from sums of squares
        around 0 nothing would be left where visits are almost perfectly correlated.
        """
        y, design, between, (within, power) = (
            self.arrays["y"],
            self.design(phi),
            self.between(phi),
            self._within(phi),
        )
        cross, score = kernels.information(y, design, self.own, between, within, power)
        total = cross.sum(axis=1) + np.diag(self.sd**-2.0)
        right = score.sum(axis=1) + self.centre / self.sd**2
        covariance = np.linalg.inv(total)
        mean = np.linalg.solve(total, right[..., None])[..., 0]
        shared = design.shape[-1]
        fitted = np.einsum("gtp,gp->gt", design, mean[:, :shared])[:, None]
        if self.own.shape[-1]:
            fitted = fitted + np.einsum("ktq,gq->gkt", self.own, mean[:, shared:])
        log_marginal = (
            kernels.log_densities(y, fitted, between, within, power).sum(axis=1)
            - 0.5 * np.sum(np.square((mean - self.centre) / self.sd), axis=1)
            - 0.5 * np.linalg.slogdet(total)[1]
            - np.sum(np.log(self.sd))
        )
        return np.asarray(log_marginal), np.asarray(mean), covariance

    def effects(self, phi: Array) -> tuple[Array, Array]:
        """Mean and sd of the study effects, (g, k, t)."""
        _, mean, covariance = self.pieces(phi)
        return kernels.effect_moments(
            self.arrays["y"],
            self.design(phi),
            self.own,
            mean,
            covariance,
            self.between(phi),
            *self._within(phi),
        )

    def _within(self, phi: Array) -> tuple[Array, Array]:
        """The within-study covariance by power of the correlation, and the powers (g, l)."""
        return self.arrays["within"], powers(self.named(phi), self.arrays["lag"], len(phi))


def _over(case: Case, names: list[str]) -> GaussianMeanProblem:
    """The problem over the named parameters, the coefficients of the mean integrated out."""
    arrays, priors, month = case.arrays, case.priors, case.arrays["month"]
    shape, structure = MEANS[case.options["trajectory"]], BETWEEN[case.options["between"]]
    sizes = {"visit": month.size, "knot": knots_of(month).size}
    linear = (*shape.linear, *moderators.parameters_of(case.options))
    sizes |= {p.dims[0]: arrays[name].shape[1] for name, p in moderators.KINDS.items() if name in arrays}
    coefficients = [
        Coefficient(p.name, p.dims[0] if p.dims else None, sizes[p.dims[0]] if p.dims else 1) for p in linear
    ]
    centre, sd = np.array([priors[c.name].arguments for c in coefficients for _ in range(c.size)]).T
    own = moderators.columns_of(arrays, month)
    integrand = _Integrand(arrays, shape, structure, tuple(names), own, centre, sd)
    smallest = float(np.nanmin(arrays["se"]))
    middle = float(np.median(month))
    features = {"tau": smallest, "et50": middle, "change": middle}
    known = {p.name: p for p in (*shape.further, *structure.parameters, RHO_WITHIN, DECAY_WITHIN)}
    kinks = {"change": tuple(month.tolist())}
    return GaussianMeanProblem(
        names=integrand.names,
        priors=tuple(priors[name] for name in names),
        bounds=tuple((known[name].lower, known[name].upper) for name in names),
        scales=tuple(features.get(name, 1.0) for name in names),
        coefficients=tuple(coefficients),
        prior_mean=centre,
        prior_sd=sd,
        pieces=integrand.pieces,
        at_visits=integrand.at_centre,
        between=integrand.between,
        effects=integrand.effects,
        breaks=tuple(kinks.get(name, ()) for name in names),
    )
