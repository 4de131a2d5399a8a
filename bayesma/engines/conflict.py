"""Do prior and data contradict each other? What every fit says of it, whichever engine solved it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from bayesma.engines.marginals import marginal, row_labels
from bayesma.engines.tree import Setting
from bayesma.errors import ConflictWarning
from bayesma.families.base import Case, Family

type Array = NDArray[np.float64]

LOUD = "PRIOR AND DATA CONFLICT"
MEND = "check the data, then the prior, before using this result."
CONFLICT = 0.005  # of one tail: what lies in the outer 1 % of what the prior expects contradicts it


def tails(tree: xr.DataTree, family: Family[Any], case: Case) -> dict[str, float]:
    """Prior probability beyond the posterior median in the nearer tail, by label of each hyper-parameter.

    0.5 under an improper prior, which excludes nothing. For a between-study sd only the upper tail counts: a
    small tau contradicts no prior.
    """
    found = {}
    for parameter in family.hyper(case.options):
        if parameter.standard is not None:
            continue
        labels = row_labels(tree, parameter.name)
        medians = marginal(tree, parameter.name).quantile([0.5])[:, 0]
        priors = family.elements(parameter, case) or (case.priors[parameter.name],) * len(labels)
        for label, prior, median in zip(labels, priors, medians, strict=True):
            below = float(prior.cdf(median)) if prior.is_proper else 0.5
            upper_only = parameter.name.startswith("tau")
            found[label] = min(0.5, 1.0 - below if upper_only else min(below, 1.0 - below))
    return found


def below_pooled(estimate: Array, se: Array, mean: Array, between: Array) -> float:
    """Prior predictive probability below the inverse-variance weighted mean of studies.

    Parameters
    ----------
    estimate, se
        Of the studies, shape (k,), known.
    mean, between
        Means and variances between studies that the prior expects, equally likely, shape (n,).
    """
    weight = se**-2.0
    share = weight / weight.sum()
    sd = np.sqrt(1.0 / weight.sum() + (share @ share) * between)
    return float(ndtr((share @ estimate - mean) / sd).mean())


def notes(tree: xr.DataTree, setting: Setting) -> list[str]:
    """Say so where the data lie where the priors all but excluded them, one sentence a conflict."""
    family, case = setting.family, setting.case
    found = [name for name, tail in tails(tree, family, case).items() if tail < CONFLICT]
    said = [
        f"{LOUD}: the posterior of {name} lies where its prior {case.priors[name.partition('[')[0]]} has "
        f"less than 1 % of its mass; {MEND}"
        for name in found
    ]
    return said + [
        f"{LOUD}: under the priors {_of(case.priors)} the pooled estimate{where} would lie as far out as "
        f"{estimate:.3g} in less than 1 % of all data, and the posterior is a compromise of the two; {MEND}"
        for where, estimate, tail in _pooled(setting)
        if tail < CONFLICT and not any(name.partition("[")[0] in {"mu", "m"} for name in found)
    ]


def warn(tree: xr.DataTree, setting: Setting, stacklevel: int) -> None:
    """Add conflicts to the notes of a fit, and warn of them."""
    said = notes(tree, setting)
    if not said:
        return
    tree.attrs["notes"] = json.dumps([*said, *json.loads(tree.attrs["notes"])])
    for text in said:
        warnings.warn(text, ConflictWarning, stacklevel=stacklevel + 1)


def _pooled(setting: Setting) -> list[tuple[str, float, float]]:
    """Place, pooled estimate and prior predictive tail, one a visit; none where the priors expect nothing."""
    expected = setting.family.prior_effects(setting.case)
    if isinstance(expected, str):
        return []
    estimates, ses = setting.family.crude(setting.case.arrays)
    mean, between = expected
    if estimates.ndim == 1:
        estimates, ses, mean, between = estimates[:, None], ses[:, None], mean[:, None], between[:, None]
        places = [""]
    else:
        places = [f" at month {month:g}" for month in setting.case.arrays["month"]]
    found = []
    for t, place in enumerate(places):
        known = np.isfinite(estimates[:, t]) & np.isfinite(ses[:, t])
        if known.any():
            y, se = estimates[known, t], ses[known, t]
            below = below_pooled(y, se, mean[:, t], between[:, t])
            pooled = float(np.average(y, weights=se**-2.0))
            found.append((place, pooled, min(below, 1.0 - below)))
    return found


def _of(priors: Mapping[str, Any]) -> str:
    """Priors by name."""
    return ", ".join(f"{name} ~ {prior}" for name, prior in priors.items())
