"""Do prior and data contradict each other? What every fit says of it, whichever engine solved it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from bayesma.engines.marginals import marginal, row_labels
from bayesma.engines.tree import Setting
from bayesma.errors import ConflictWarning
from bayesma.families.base import Case, Family
from bayesma.priors import Prior

type Array = NDArray[np.float64]

LOUD = "PRIOR AND DATA CONFLICT"
MEND = "check the data, then the prior, before using this result."
NORMAL_QUARTILE = 0.6744897501960817  # of the standard normal distribution
OUTSIDE = 1.959963984540054  # sds of the likelihood to the ends of its 95 % interval
STEP = 0.01  # of the interquartile range: differences for the slope of a log prior
CONFLICT = 0.005  # of one tail: what lies in the outer 1 % of what the prior expects contradicts it


def tails(tree: xr.DataTree, family: Family[Any], case: Case) -> dict[str, float]:
    """Prior probability beyond the posterior median in the nearer tail, by label of each hyper-parameter.

    0.5 under an improper prior, which excludes nothing. For a between-study sd only the upper tail counts: a
    small tau contradicts no prior.
    """
    found = {}
    for name, label, prior, (_, median, _) in _quartiles(tree, family, case):
        below = float(prior.cdf(median)) if prior.is_proper else 0.5
        found[label] = min(0.5, 1.0 - below if name.startswith("tau") else min(below, 1.0 - below))
    return found


def pulls(tree: xr.DataTree, family: Family[Any], case: Case) -> dict[str, float]:
    """How far each prior moves its parameter from where the likelihood has it, in the likelihood's own sds.

    From the slope and the curvature of the log prior at the posterior median and the spread of the posterior,
    as if the likelihood were normal there; 0 where it says nothing.
    """
    found = {}
    for _, label, prior, (low, median, high) in _quartiles(tree, family, case):
        sd, step = 0.5 * (high - low) / NORMAL_QUARTILE, STEP * (high - low)
        found[label] = 0.0
        if prior.is_proper and step > 0.0:
            below, at, above = prior.logpdf(np.array([median - step, median, median + step]))
            slope, curvature = (above - below) / (2.0 * step), (below - 2.0 * at + above) / step**2
            likelihood = sd**-2.0 + curvature  # the precision that is left without the prior's
            if np.isfinite(slope) and likelihood > 0.0:
                found[label] = abs(slope) / likelihood**0.5
    return found


def _quartiles(tree: xr.DataTree, family: Family[Any], case: Case) -> Iterator[tuple[str, str, Prior, Array]]:
    """Name, label, prior, and quartiles of the posterior, of every parameter that all studies share."""
    for parameter in family.hyper(case.options):
        if parameter.standard is None:
            labels = row_labels(tree, parameter.name)
            quartiles = marginal(tree, parameter.name).quantile([0.25, 0.5, 0.75])
            priors = family.elements(parameter, case) or (case.priors[parameter.name],) * len(labels)
            for label, prior, row in zip(labels, priors, quartiles, strict=True):
                yield parameter.name, label, prior, row


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
    """Say so where prior and data contradict each other, one sentence a conflict.

    A prior that somebody chose says what was expected: a posterior median, or a pooled estimate, in the outer
    1 % of that is a conflict. A default is nobody's expectation, and rare events lie far out in it: there it
    is one where the prior moves the posterior out of the likelihood's 95 % interval.
    """
    family, case = setting.family, setting.case
    chosen = [name for name, tail in tails(tree, family, case).items() if tail < CONFLICT]
    chosen = [name for name in chosen if name.partition("[")[0] not in setting.defaults]
    moved = [name for name, pull in pulls(tree, family, case).items() if pull > OUTSIDE]
    moved = [name for name in moved if name.partition("[")[0] in setting.defaults]
    said = [
        f"{LOUD}: the posterior of {name} lies where its prior {case.priors[name.partition('[')[0]]} has "
        f"less than 1 % of its mass; {MEND}"
        for name in chosen
    ]
    said += [
        f"{LOUD}: the default prior {case.priors[name.partition('[')[0]]} moves {name} out of the 95 % "
        f"interval that the data alone would give; {MEND}"
        for name in moved
    ]
    location = family.hyper(case.options)[0].name
    if location in setting.defaults or any(name.partition("[")[0] == location for name in chosen):
        return said
    return said + [
        f"{LOUD}: under the priors {_of(case.priors)} the pooled estimate{where} would lie as far out as "
        f"{estimate:.3g} in less than 1 % of all data, and the posterior is a compromise of the two; {MEND}"
        for where, estimate, tail in _pooled(setting)
        if tail < CONFLICT
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
