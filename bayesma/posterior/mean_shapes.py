"""Question: how does the effect run over the months, whatever the shape of its mean?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.posterior.curves import AVERAGE, curves, has_visits
from bayesma.posterior.model_evidence import model_evidence
from bayesma.posterior.numbers import is_number
from bayesma.posterior.over_time import Asked, asked_of, course, rows_of
from bayesma.posterior.provenance import Provenance, provenance

type Array = NDArray[np.float64]

STACKING, EVIDENCE = "stacking", "evidence"
QUANTILES = ["median", "ci_low", "ci_high"]


def averaged(
    fits: Mapping[str, xr.DataTree],
    weights: str | Mapping[str, float],
    months: Sequence[float] | None,
    rebound: tuple[float, float] | None,
    favours: str | None,
    ends: tuple[float, float],
    above: Sequence[float],
    at: Mapping[str, object],
) -> pd.DataFrame:
    """The rows of `course`, averaged over fits of the same data.

    Means and probabilities are weighted sums of those of the fits, and so as exact as they are; quantiles
    come from draws of all fits in proportion to their weights.
    """
    origins = {label: provenance(fit) for label, fit in fits.items()}
    _check(fits, origins)
    share, doubts = weights_of(fits, weights)
    trees, known = list(fits.values()), list(origins.values())
    asked = asked_of(trees, known, months, rebound, favours, ends, above, at)
    tables = {label: course(fit, origins[label], asked) for label, fit in fits.items()}
    mixed = _quantiles(fits, origins, share, asked)
    linear = [name for name in mixed.columns if name not in {*QUANTILES, "sd", "mcse_mean"}]
    total = {name: sum(share[label] * tables[label][name] for label in fits) for name in linear}
    apart = {label: tables[label]["mean"] - total["mean"] for label in fits}
    variance = sum(share[label] * (tables[label]["sd"] ** 2 + apart[label] ** 2) for label in fits)
    error = sum((share[label] * tables[label]["mcse_mean"]) ** 2 for label in fits)
    table = mixed.assign(**total, sd=np.sqrt(variance), mcse_mean=np.sqrt(error))
    notes = [f"averaged over mean shapes: {', '.join(f'{n} {w:.2f}' for n, w in share.items())}"]
    notes += doubts
    notes += [f"{label}: {note}" for label, one in tables.items() for note in one.attrs["notes"]]
    notes += known[0].notes
    table.attrs = {"estimands": tables[next(iter(fits))].attrs["estimands"], "notes": notes}
    table.attrs |= {
        "weights": {str(label): float(value) for label, value in share.items()},
        "computed": "weighted sums of the fits; quantiles from draws of them",
        "converged": True,
    }
    return table[mixed.columns]


def weights_of(
    fits: Mapping[str, xr.DataTree], weights: str | Mapping[str, float]
) -> tuple[pd.Series, list[str]]:
    """Weight of each fit, summing to 1, and what must be said of them.

    ``"stacking"`` of PSIS-LOO over studies (Yao et al. 2018, doi 10.1214/17-BA1091), ``"evidence"``:
    posterior probabilities under equal prior ones, or numbers of one's own.

    Raises
    ------
    OptionError
        For weights that are none, and by evidence of a fit without one: of draws, or under an improper prior.
    """
    labels = list(fits)
    if isinstance(weights, Mapping):
        return _given(weights, labels), []
    if weights == EVIDENCE:
        levels = np.array([_log_evidence(label, fit) for label, fit in fits.items()])
        share = np.exp(levels - levels.max())
        return pd.Series(share / share.sum(), index=labels), []
    if weights != STACKING:
        raise OptionError(
            f"weights is {weights!r}; give {STACKING!r}, {EVIDENCE!r}, or a number for each fit: "
            f"{', '.join(labels)}"
        )
    import arviz

    with warnings.catch_warnings():  # said in the notes, study by study
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        scores = {label: arviz.loo(fit, pointwise=True) for label, fit in fits.items()}
        compared = arviz.compare(scores, method="stacking", round_to="none")
    doubts = [note for label, score in scores.items() if (note := _doubt(label, score))]
    share = pd.Series(compared["weight"].reindex(labels), dtype=float)
    return share / share.sum(), doubts


def _log_evidence(label: str, fit: xr.DataTree) -> float:
    """Log p(y) of a fit that has it."""
    found = model_evidence(fit)
    level = float(found["log_evidence"])
    if math.isnan(level):
        raise OptionError(
            f"weights is {EVIDENCE!r}, and fit {label!r} has no evidence: "
            f"{found.attrs['reasons']['log_evidence']}; give it proper priors, or weights={STACKING!r}"
        )
    return level


def _doubt(label: str, score: Any) -> str:
    """Studies without which a fit would be so different that its draws do not tell; empty without any."""
    shapes = score.pareto_k
    bad = [str(study) for study in shapes["study"].values[shapes.values > score.good_k]]
    if not bad:
        return ""
    return (
        f"stacking: leave-one-out of fit {label!r} is unreliable for {', '.join(bad)} (Pareto k above "
        f"{score.good_k:.2g}); compare with weights='evidence', or with weights of your own"
    )


def _given(weights: Mapping[str, float], labels: list[str]) -> pd.Series:
    """Weights of one's own, scaled to sum to 1."""
    if set(weights) != set(labels):
        raise OptionError(f"weights names {', '.join(map(str, weights))}; name each of: {', '.join(labels)}")
    for label, value in weights.items():
        if not (is_number(value) and math.isfinite(value) and value >= 0.0):
            raise OptionError(f"weight of {label} is {value!r}; give a number of at least 0")
    share = pd.Series({label: float(weights[label]) for label in labels})
    if not share.sum() > 0.0:
        raise OptionError("weights are all 0; give at least one above 0")
    return share / share.sum()


def _check(fits: Mapping[str, xr.DataTree], origins: Mapping[str, Provenance]) -> None:
    """Refuse fits that cannot be averaged."""
    if len(fits) < 2:
        raise OptionError("predict: averaging needs at least two fits; give one fit by itself")
    first = next(iter(fits))
    for label, fit in fits.items():
        if not has_visits(fit):
            raise OptionError(f"predict: fit {label!r} has no months; only fits of Trajectories are averaged")
        if fit.attrs["data_hash"] != fits[first].attrs["data_hash"]:
            raise OptionError(
                f"predict: fits {first!r} and {label!r} are of different data; average fits of the same data"
            )
        if not origins[label].converged:
            raise OptionError(f"predict: fit {label!r} did not converge; mend it or leave it out")


def _quantiles(
    fits: Mapping[str, xr.DataTree],
    origins: Mapping[str, Provenance],
    share: pd.Series,
    asked: Asked,
) -> pd.DataFrame:
    """Rows from draws of all fits, each in proportion to its weight and evenly spaced through its own."""
    drawn = {label: curves(fit, origins[label], asked.every, asked.at) for label, fit in fits.items()}
    good = asked.good(next(iter(origins.values())))
    sizes = {label: one[AVERAGE].shape[0] * one[AVERAGE].shape[1] for label, one in drawn.items()}
    size = int(min(sizes[label] / share[label] for label in fits if share[label] > 0.0))
    ends = np.round(np.concatenate([[0.0], np.cumsum(share.to_numpy())]) * size).astype(np.int64)
    parts = {}
    for estimand in next(iter(drawn.values())):
        picked = []
        for number, label in enumerate(fits):
            flat = drawn[label][estimand].reshape(-1, asked.every.size)
            wanted = int(ends[number + 1] - ends[number])
            picked.append(flat[np.arange(wanted) * len(flat) // max(wanted, 1)])
        parts[estimand] = rows_of(np.concatenate(picked)[None], asked, good)
    return pd.concat(parts, names=["estimand", "quantity"])
