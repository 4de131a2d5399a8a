"""The result: one `xarray.DataTree` schema, the same from every engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.families.base import LOG_LIKELIHOOD, Array, Arrays, Case, Family, Options, Priors

SCHEMA = 1
VERSIONED = ("bayesma", "pymc", "nutpie", "arviz", "numpy", "scipy", "xarray")
SAMPLE = ("chain", "draw")
MOMENTS_BELOW = "moments_below"
PRIOR_DRAWS = 4000
LARGEST = 1e150  # of a prior draw: its square is still a number


@dataclass(frozen=True)
class Setting:
    """One model with its data and priors: what both engines are given.

    Attributes
    ----------
    family, evidence, priors, options
        The model.
    defaults
        Parameters whose prior is the default and not the user's.
    seed
        Seed of every random number in the fit.
    """

    family: Family[Any]
    evidence: Any
    priors: Priors
    options: Options
    defaults: tuple[str, ...]
    seed: int

    @cached_property
    def case(self) -> Case:
        """The numbers the family computes with."""
        return Case(self.family.arrays(self.evidence, self.options), self.priors, self.options)

    @cached_property
    def coords(self) -> dict[str, NDArray[Any]]:
        """Labels of the dimensions."""
        return self.family.coords(self.evidence, self.options)

    @property
    def study(self) -> NDArray[Any]:
        """Labels of the studies, shape (k,)."""
        return self.coords["study"]


def build(
    setting: Setting,
    engine: str,
    hyper: Arrays,
    extra: Mapping[str, xr.Dataset],
    attrs: Mapping[str, Any],
) -> xr.DataTree:
    """Assemble the tree from draws of the parameters that were sampled or integrated.

    Parameters
    ----------
    setting
        Model, data and priors.
    engine
        ``"nuts"`` or ``"exact"``.
    hyper
        Draws of every hyper-parameter, each of shape (chains, draws), and of study parameters, if the engine
        has them, of shape (chains, draws, k).
    extra
        Further groups, for example ``sample_stats`` or ``exact``.
    attrs
        Further attributes of the root; numbers and text only.
    """
    family, case = setting.family, setting.case
    coords = setting.coords
    dims = {p.name: p.dims for p in family.parameters(setting.options)}
    moments = family.moments_below(case)
    shape = next(iter(hyper.values())).shape[:2]
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in hyper.items()}
    rng = np.random.default_rng([setting.seed, 1])
    made = flat | family.complete(flat, case, rng)
    posterior = {name: made[name] for name in dims}
    likelihood = made[LOG_LIKELIHOOD] if LOG_LIKELIHOOD in made else family.log_likelihood(flat, case)

    def sampled(values: Mapping[str, Array], inner: Mapping[str, tuple[str, ...]]) -> xr.Dataset:
        """Draws as a dataset over chain, draw and the named inner dimensions."""
        variables = {n: ((*SAMPLE, *inner[n]), v.reshape(*shape, *v.shape[1:])) for n, v in values.items()}
        used = {dim for names in (inner[n] for n in values) for dim in names}
        labels = {dim: coords[dim] for dim in used}
        return xr.Dataset(variables, {"chain": np.arange(shape[0]), "draw": np.arange(shape[1]), **labels})

    outcome = family.observed[0]
    seen = {name: family.dims(name) for name in family.observed}
    constants = {name: array for name, array in case.arrays.items() if name not in family.observed}
    groups: dict[str, xr.Dataset] = {
        "posterior": sampled(posterior, dims),
        "posterior_predictive": sampled(family.replicate(posterior, case, rng), seen),
        "log_likelihood": sampled({outcome: likelihood}, {outcome: ("study",)}),
        "log_prior": sampled(family.log_prior(flat, case), dims),
        "observed_data": _constants(family, {n: case.arrays[n] for n in family.observed}, coords),
        "constant_data": _constants(family, constants, coords),
    }
    if all(prior.is_proper for prior in setting.priors.values()):
        groups["prior"] = _prior(setting, dims)
    for name, limit in moments.items():
        groups["posterior"][name].attrs[MOMENTS_BELOW] = float(limit)
    groups |= extra
    tree = xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    tree.attrs.update(_attributes(setting, engine), **attrs)
    return tree


def _constants(
    family: Family[Any], arrays: Mapping[str, Array], coords: Mapping[str, NDArray[Any]]
) -> xr.Dataset:
    """Data of the studies, one value a study or arm."""
    dims = {name: family.dims(name) for name in arrays}
    labels = {dim: coords[dim] for names in (("study",), *dims.values()) for dim in names}
    return xr.Dataset({name: (dims[name], array) for name, array in arrays.items()}, labels)


def _prior(setting: Setting, dims: Mapping[str, tuple[str, ...]]) -> xr.Dataset:
    """Independent prior draws of the hyper-parameters and of a new study's effect."""
    family, options = setting.family, setting.options
    rng = np.random.default_rng([setting.seed, 2])
    coords = setting.coords
    draws: Arrays = {}
    for p in family.hyper(options):
        size = (PRIOR_DRAWS, *(coords[dim].size for dim in p.dims))
        draws[p.name] = np.clip(family.draw_prior(p, setting.case, size, rng, draws), -LARGEST, LARGEST)
    draws |= family.new_study(draws, setting.case, rng)
    variables = {name: ((*SAMPLE, *dims[name]), values[None]) for name, values in draws.items()}
    labels = {dim: coords[dim] for name in draws for dim in dims[name]}
    return xr.Dataset(variables, {"chain": [0], "draw": np.arange(PRIOR_DRAWS), **labels})


def _attributes(setting: Setting, engine: str) -> dict[str, Any]:
    """Provenance as numbers, text and JSON text: the only kinds netCDF keeps."""
    evidence, arrays = setting.evidence, setting.case.arrays
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    digest.update("\n".join(map(str, evidence.study)).encode())
    return {
        "schema": SCHEMA,
        "family": setting.family.name,
        "engine": engine,
        "options": json.dumps(setting.options),
        "priors": json.dumps({name: str(prior) for name, prior in setting.priors.items()}),
        "default_priors": json.dumps(list(setting.defaults)),
        "measure": str(getattr(evidence, "measure", "")),
        "event": str(getattr(evidence, "event", None) or ""),
        "source": str(evidence.source or ""),
        "notes": json.dumps(list(evidence.notes)),
        "data_hash": digest.hexdigest(),
        "random_seed": int(setting.seed),
        "versions": json.dumps(_versions()),
    }


def _versions() -> dict[str, str]:
    """Versions of the packages a result depends on."""
    if not _KNOWN_VERSIONS:
        _KNOWN_VERSIONS.update({name: version(name) for name in VERSIONED})
    return dict(_KNOWN_VERSIONS)


_KNOWN_VERSIONS: dict[str, str] = {}  # reading package metadata costs 10 ms, once
