"""Draws of the effect at any month, on average and in a new study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.tree import SAMPLE
from bayesma.evidence.moderators import at_values, require_moderators
from bayesma.families.mean_shapes import MEANS
from bayesma.families.visit_covariances import BETWEEN
from bayesma.families.visit_moderators import KINDS
from bayesma.posterior.marginals import Marginal, average, labels_of, marginal
from bayesma.posterior.provenance import Provenance, case_of

type Array = NDArray[np.float64]

PRIOR_DRAWS = 2**14  # probabilities before the data are good to 0.004
ROUNDING = 1e-9  # variance added where months say all about each other
AVERAGE, NEW = "average study", "new study"


def has_visits(fit: xr.DataTree) -> bool:
    """Whether the effects of a fit run over visits."""
    return "visit" in fit["posterior"].dims


def exact_at_visits(fit: xr.DataTree, estimand: str) -> Marginal | None:
    """Marginals of an estimand at the visits of the data; None where only draws know them."""
    if "exact" not in fit.children:
        return None
    return marginal(fit, "theta_new") if estimand == NEW else average(fit)


def together(drawn: float, each: Array) -> float:
    """The probability that something holds at all months, by draws, held to what is known of each month."""
    return float(each[0]) if each.size == 1 else min(drawn, float(np.min(each)))


def curves(
    fit: xr.DataTree, origin: Provenance, months: Array, at: Mapping[str, object] | None = None
) -> dict[str, Array]:
    """Draws of both estimands at the months, (chain, draw, month), where the moderators are as `at` says.

    Raises
    ------
    OptionError
        For a moderator, or a category, the model has not.
    """
    posterior = fit["posterior"].dataset
    needed = {str(n): v for n, v in posterior.data_vars.items() if n != "theta"}
    values = {n: v.transpose(*SAMPLE, ...).values for n, v in needed.items()}
    shape = values["theta_new"].shape[:2]
    draws = {n: v.reshape(-1, *v.shape[2:]) for n, v in values.items()}
    found = _followed(fit, origin, months, at or {}, draws)
    return {estimand: curve.reshape(*shape, -1) for estimand, curve in found.items()}


def prior_curves(
    fit: xr.DataTree, origin: Provenance, months: Array, at: Mapping[str, object] | None = None
) -> dict[str, Array]:
    """Draws of both estimands at the months before the data, (1, draw, month); as `curves`."""
    case, family = case_of(fit, origin), origin.family
    rng = np.random.default_rng([int(fit.attrs["random_seed"]), 5])
    draws: dict[str, Array] = {}
    for p in family.hyper(origin.options):
        inner = fit["posterior"].dataset[p.name].transpose(*SAMPLE, ...).shape[2:]
        draws[p.name] = family.draw_prior(p, case, (PRIOR_DRAWS, *inner), rng, draws)
    draws |= family.new_study(draws, case, rng)
    found = _followed(fit, origin, months, at or {}, draws)
    return {estimand: curve[None] for estimand, curve in found.items()}


def _followed(
    fit: xr.DataTree,
    origin: Provenance,
    months: Array,
    at: Mapping[str, object],
    draws: Mapping[str, Array],
) -> dict[str, Array]:
    """Both estimands at the months, (s, m), from draws of all parameters."""
    visits = labels_of(fit, "visit").astype(np.float64)
    mean_shape = MEANS[origin.options["trajectory"]]
    at_visits = mean_shape.mean(visits, draws, visits)
    rng = np.random.default_rng([int(fit.attrs["random_seed"]), 4])
    if origin.options["trajectory"] == "visit":
        mean = _straight(months, visits, at_visits)
    else:
        mean = mean_shape.mean(months, draws, visits)
    fresh = ~np.isin(months, visits)
    if mean_shape.left is not None:
        mean[:, ~fresh] = at_visits[:, np.searchsorted(visits, months[~fresh])]
        if np.any(fresh):
            covariance = mean_shape.left(months[fresh], draws, visits)
            normal = rng.standard_normal((len(mean), int(fresh.sum())))
            mean[:, fresh] += draws["amplitude"][:, None] * _normal(covariance, normal)
    deviation = draws["theta_new"] - at_visits
    moved = _deviations(origin, months, visits, deviation, draws, rng)
    mean = mean + _added(fit, origin, months, draws, at)
    return {AVERAGE: mean, NEW: mean + moved}


def _added(
    fit: xr.DataTree, origin: Provenance, months: Array, draws: Mapping[str, Array], at: Mapping[str, object]
) -> Array:
    """What moderators away from their centre add to the mean at the months, (s, m)."""
    has = list(dict.fromkeys(name for option in KINDS for name in origin.options[option]))
    require_moderators(at, has)
    added = np.zeros((len(draws["theta_new"]), months.size))
    data = fit["constant_data"].dataset
    for (option, p), time in zip(KINDS.items(), (np.ones_like(months), months), strict=True):
        own = {name: value for name, value in at.items() if name in origin.options[option]}
        if own:
            dim = p.dims[0]
            labels = [str(label) for label in data[dim].values]
            place = at_values(own, labels, data[f"{dim}_centre"].values, data[f"{dim}_scale"].values)
            added += (draws[p.name] @ place)[:, None] * time
    return added


def _straight(months: Array, visits: Array, values: Array) -> Array:
    """Linear interpolation of each row, level beyond the ends: (s, t) to (s, m)."""
    right = np.clip(np.searchsorted(visits, months), 1, max(visits.size - 1, 1))
    if visits.size == 1:
        return np.repeat(values, months.size, axis=1)
    left = right - 1
    share = np.clip((months - visits[left]) / (visits[right] - visits[left]), 0.0, 1.0)
    return (1.0 - share) * values[:, left] + share * values[:, right]


def _deviations(
    origin: Provenance,
    months: Array,
    visits: Array,
    deviation: Array,
    draws: Mapping[str, Array],
    rng: np.random.Generator,
) -> Array:
    """A new study's deviation from the mean at the months, given that at the visits: (s, m)."""
    structure = BETWEEN[origin.options["between"]]
    if structure.tau.dims or np.all(np.isin(months, visits)):
        return _straight(months, visits, deviation)
    fresh = months[~np.isin(months, visits)]
    both = np.concatenate([visits, fresh])
    unit = {name: np.ones_like(v) if name == "tau" else v for name, v in draws.items()}
    joint = structure.covariance(both, unit)  # in units of tau, so that tau near 0 needs no care
    t = visits.size
    gain = joint[:, t:, :t] @ np.linalg.pinv(joint[:, :t, :t], hermitian=True)
    left = joint[:, t:, t:] - gain @ joint[:, :t, t:]
    normal = rng.standard_normal((len(left), fresh.size))
    new = np.einsum("sij,sj->si", gain, deviation) + draws["tau"][:, None] * _normal(left, normal)
    out = np.empty((len(new), months.size))
    out[:, np.isin(months, visits)] = _straight(months[np.isin(months, visits)], visits, deviation)
    out[:, ~np.isin(months, visits)] = new
    return out


def _normal(covariance: Array, normal: Array) -> Array:
    """Standard normal numbers (s, m) given covariances (s, m, m) of order 1, singular ones too."""
    root = np.linalg.cholesky(covariance + ROUNDING * np.eye(covariance.shape[-1]))
    return np.asarray(np.einsum("sij,sj->si", root, normal))
