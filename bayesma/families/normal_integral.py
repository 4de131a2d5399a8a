"""What the exact engine is given by family `normal`, or the reason why there is no integral."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesma.families import effect_mixtures as mixtures
from bayesma.families.base import Array, Case, Family, Parameter
from bayesma.families.effect_moderators import HORSESHOE, MODERATORS, shrunken
from bayesma.families.effects import RANDOM_EFFECTS, common
from bayesma.families.problems import (
    Coefficient,
    GaussianMeanProblem,
    GaussianProblem,
    LocationScaleEffects,
    NoIntegral,
    OuterProblem,
    TwoParameterProblem,
    is_normal_mixture,
)
from bayesma.numerics.effect_table import EffectTable
from bayesma.priors import Prior

type Problem = GaussianProblem | TwoParameterProblem | OuterProblem | GaussianMeanProblem | NoIntegral
LINEAR = ("Normal", "Flat")  # priors of coefficients that are integrated together, analytically
LEAST = {"nu": 0.5}  # below, single effects dwarf all others: no grid follows that
LOG_2_PI = math.log(2.0 * math.pi)


def problem_of(case: Case, family: Family[Any]) -> Problem:
    """The integral of a model.

    Normal effects leave one dimension, tau, however many coefficients there are; otherwise mu and tau are
    integrated together, and around them one parameter more.
    """
    robust, q = mixtures.has_outliers(case.options), _columns(case)
    if not robust and not q and is_normal_mixture(case.priors["mu"]):
        tau = None if common(case.options) else case.priors["tau"]
        return GaussianProblem(case.arrays["y"], case.arrays["se"], case.priors["mu"], tau)
    if not robust and q and _linear(case) and not shrunken(case.options):
        return _regression(case)
    shape = mixtures.estimated(case.options)
    if (refusal := _refusal(case, q, shape)) is not None:
        return refusal
    if q:
        return _over_beta(case, family)
    return (
        _two_parameters(case, family, case.arrays["y"]) if shape is None else _over_shape(case, family, shape)
    )


def _columns(case: Case) -> int:
    """How many columns of moderators there are."""
    return int(case.arrays[MODERATORS].shape[1]) if MODERATORS in case.arrays else 0


def _linear(case: Case) -> bool:
    """Whether the priors of the coefficients leave them normal given tau."""
    return all(case.priors[n].distribution in LINEAR and not case.priors[n].truncated for n in ("mu", "beta"))


def _refusal(case: Case, q: int, shape: Parameter | None) -> NoIntegral | None:
    """Why a model has more dimensions than are integrated here, or one that no grid follows."""
    if shape is not None and case.priors[shape.name].support[0] < (least := LEAST.get(shape.name, 0.0)):
        prior = case.priors[shape.name]
        return NoIntegral(
            f"engine 'exact' has no integral for {shape.name} below {least:g}, where {prior} reaches; "
            f"use engine='nuts', or Truncated({prior.form}, lower=1)"
        )
    if shrunken(case.options):
        return NoIntegral(HORSESHOE)
    if q < (2 if shape is None else 1):
        return None
    if mixtures.has_outliers(case.options):
        why = f"{q} moderators beside {case.options[RANDOM_EFFECTS]} effects"
        if shape is not None:
            why += f" with a prior on {shape.name}"
    else:
        priors = ", ".join(f"{name} ~ {case.priors[name]}" for name in ("mu", "beta"))
        why = f"{q} moderators with {priors} (several take {' and '.join(LINEAR)} priors)"
    return NoIntegral(f"engine 'exact' has no integral for {why}; use engine='nuts', or fewer")


def _two_parameters(
    case: Case, family: Family[Any], y: Array, further: dict[str, Array] | None = None
) -> TwoParameterProblem:
    """The integral over mu and tau; `further` are other parameters, held."""
    se, single = case.arrays["se"], common(case.options)
    held = further or {}
    mixture = None if single else mixtures.mixture(case.options, held)

    def log_likelihood(mu: Array, tau: Array) -> Array:
        """Of each study, effects integrated out."""
        if mixture is None:
            return without_scale(mu)
        return mixture.log_marginal(np.ascontiguousarray(y - mu[:, None]), se, np.ascontiguousarray(tau))

    def without_scale(mu: Array) -> Array:
        """At one common effect."""
        return np.asarray(-0.5 * (LOG_2_PI + 2.0 * np.log(se) + ((y - mu[:, None]) / se) ** 2))

    precision, moments = se**-2.0, family.moments_below(case)
    total = float(precision.sum())
    return TwoParameterProblem(
        location="mu",
        scale="tau",
        location_prior=case.priors["mu"],
        scale_prior=None if single else case.priors["tau"],
        link="identity",
        null=True,
        log_likelihood=log_likelihood,
        start=(float(precision @ y) / total, total**-0.5),
        scales=(float(se.min()), float(max(se.max(), np.ptp(y)))),
        scale_moments=moments.get("tau", math.inf),
        location_moments=moments["mu"],
        effects=None if single or held else _effects(case, y),
        without_scale=without_scale,
    )


def _effects(case: Case, y: Array) -> LocationScaleEffects:
    """Study effects: normal likelihoods, and their distribution around mu."""
    se = case.arrays["se"]

    def log_likelihood(effect: Array) -> Array:
        """Effects (k, g) to the log density of their study's estimate."""
        return np.asarray(
            -0.5 * (LOG_2_PI + 2.0 * np.log(se)[:, None] + ((effect - y[:, None]) / se[:, None]) ** 2)
        )

    shape = mixtures.shape_of_effects(case.options)
    return LocationScaleEffects("theta", "theta_new", EffectTable.build(log_likelihood, y, se), shape)


def _over_beta(case: Case, family: Family[Any]) -> OuterProblem:
    """One moderator: what it adds is taken off the estimates, and mu and tau are left."""
    y, se, column = case.arrays["y"], case.arrays["se"], case.arrays[MODERATORS][:, 0]
    design = np.column_stack([np.ones_like(column), column]) / se[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    guess = covariance @ (design.T @ (y / se))
    prior = case.priors["beta"]
    return OuterProblem(
        name="beta",
        dimension="moderator",
        prior=prior,
        bounds=prior.support,
        start=(float(guess[1]), math.sqrt(float(covariance[1, 1]))),
        at=lambda beta: _two_parameters(case, family, y - beta * column, {"beta": np.array([beta])}),
        null=True,
        draw=lambda drawn, rng: family.complete(drawn, case, rng),
    )


def _over_shape(case: Case, family: Family[Any], shape: Parameter) -> OuterProblem:
    """The number of the effects' distribution as a parameter."""
    name = shape.name
    prior = case.priors[name]
    middle, low, high = (float(prior.ppf(q)) for q in (0.5, 0.16, 0.84))
    return OuterProblem(
        name=name,
        dimension=None,
        prior=prior,
        bounds=(max(shape.lower, prior.support[0]), min(shape.upper, prior.support[1])),
        start=(middle, 0.5 * (high - low)),
        at=lambda value: _two_parameters(case, family, case.arrays["y"], {name: np.array([value])}),
        null=False,
        draw=lambda drawn, rng: family.complete(drawn, case, rng),
    )


def _regression(case: Case) -> GaussianMeanProblem:
    """Coefficients integrated analytically given tau, in any number."""
    integrand = _Regression.of(case)
    single = common(case.options)
    q = _columns(case)
    scale = float(case.arrays["se"].min())
    return GaussianMeanProblem(
        names=() if single else ("tau",),
        priors=() if single else (case.priors["tau"],),
        bounds=() if single else ((0.0, math.inf),),
        scales=() if single else (scale,),
        coefficients=(Coefficient("mu", None, 1), Coefficient("beta", "moderator", q)),
        prior_mean=integrand.centre,
        prior_sd=integrand.sd,
        pieces=integrand.pieces,
        at_visits=lambda phi: np.tile(np.eye(1, q + 1), (len(phi), 1, 1)),
        between=lambda phi: integrand.tau2(phi)[:, None, None],
        effects=integrand.effects,
        breaks=() if single else ((),),
        over=None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Regression:
    """y ~ N(X b, diag(se^2 + tau^2)), b ~ N(centre, diag(sd^2)), an infinite sd flat."""

    y: Array
    se: Array
    design: Array
    centre: Array
    sd: Array

    @classmethod
    def of(cls, case: Case) -> _Regression:
        """With the priors of mu and of every column of beta."""
        columns = case.arrays[MODERATORS]
        y, q = case.arrays["y"], columns.shape[1]
        numbers = [_normal(case.priors["mu"]), *[_normal(case.priors["beta"])] * q]
        centre, sd = np.array(numbers).T
        return cls(y, case.arrays["se"], np.column_stack([np.ones_like(y), columns]), centre, sd)

    def tau2(self, phi: Array) -> Array:
        """Variance between studies, (g,)."""
        return np.square(phi[:, 0]) if phi.shape[1] else np.zeros(len(phi))

    def pieces(self, phi: Array) -> tuple[Array, Array, Array]:
        """Log marginal likelihood (g,), mean (g, p) and covariance (g, p, p) of the coefficients."""
        weight = 1.0 / (self.se**2 + self.tau2(phi)[:, None])
        root = np.sqrt(weight)
        # least squares with the prior as further rows: no precision is lost where weights differ by powers
        known = np.isfinite(self.sd)
        prior_rows = np.diag(1.0 / self.sd)[known]
        rows = np.concatenate(
            [root[:, :, None] * self.design, np.broadcast_to(prior_rows, (len(phi), *prior_rows.shape))],
            axis=1,
        )
        target = np.concatenate(
            [root * self.y, np.broadcast_to((self.centre / self.sd)[known], (len(phi), known.sum()))], axis=1
        )
        q, r = np.linalg.qr(rows)
        mean = np.linalg.solve(r, np.einsum("gnp,gn->gp", q, target)[..., None])[..., 0]
        inverse = np.linalg.inv(r)
        residual = target - np.einsum("gnp,gp->gn", rows, mean)
        log_marginal = (
            0.5 * np.sum(np.log(weight), axis=1)
            - 0.5 * np.sum(residual**2, axis=1)
            - 0.5 * self.y.size * LOG_2_PI
            + 0.5 * float(np.sum(~known)) * LOG_2_PI
            - np.sum(np.log(self.sd[known]))
            - np.sum(np.log(np.abs(np.diagonal(r, axis1=1, axis2=2))), axis=1)
        )
        return np.asarray(log_marginal), np.asarray(mean), inverse @ np.swapaxes(inverse, 1, 2)

    def effects(self, phi: Array) -> tuple[Array, Array]:
        """Mean and sd of every study's effect, coefficients integrated out: (g, k, 1) each."""
        _, mean, covariance = self.pieces(phi)
        tau2 = self.tau2(phi)[:, None]
        shrink = self.se**2 / (self.se**2 + tau2)
        fitted = mean @ self.design.T
        spread = np.einsum("kp,gpq,kq->gk", self.design, covariance, self.design)
        centre = (1.0 - shrink) * self.y + shrink * fitted
        return centre[..., None], np.sqrt(shrink * tau2 + shrink**2 * np.maximum(spread, 0.0))[..., None]


def _normal(prior: Prior) -> tuple[float, float]:
    """Mean and sd of a normal prior; of a flat one, 0 and infinity."""
    mean, sd = prior.arguments if prior.distribution == "Normal" else (0.0, math.inf)
    return mean, sd
