"""What stands in the rows of a forest plot? Studies, mean effect, a new study, classical answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.classical.result import FrequentistFit
from bayesma.errors import OptionError
from bayesma.plots.curve import curve
from bayesma.plots.numbers import Interval
from bayesma.plots.text import plain
from bayesma.posterior.marginals import centre, marginal
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.shrinkage import shrinkage

type Kind = Literal["study", "mean", "new", "classical"]
type TextColumns = Mapping[str, Sequence[object]] | pd.DataFrame

VAGUE = 4.0  # an interval this many times as wide as the median one may be cut off


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row; intervals on the analysis scale.

    Attributes
    ----------
    kind
        What the row shows.
    label
        Its words.
    cells
        Text columns, one string each.
    observed
        Estimate and confidence interval, of a study or of a classical analysis.
    posterior
        Centre and credible interval.
    prediction
        Classical prediction interval.
    weight
        Share in the mean effect, in per cent.
    curve
        Posterior density: values and heights.
    """

    kind: Kind
    label: str
    cells: tuple[str, ...]
    observed: Interval | None = None
    posterior: Interval | None = None
    prediction: Interval | None = None
    weight: float | None = None
    curve: tuple[np.ndarray, np.ndarray] | None = None


def build(
    fit: xr.DataTree,
    origin: Provenance,
    columns: TextColumns | None,
    frequentist: Mapping[str, FrequentistFit] | None,
    ci_prob: float,
) -> list[Row]:
    """Rows from top to bottom.

    Raises
    ------
    OptionError
        When a text column has not one value a study, or `frequentist` holds something else.
    """
    studies = shrinkage(fit, ci_prob=ci_prob)
    cells = _cells(columns, len(studies))
    blank = ("",) * (len(cells[0]) if cells else 0)
    roles = {p.role: p for p in origin.family.parameters(origin.options)}
    rows = _studies(studies, cells, ci_prob, shrunken="effect" in roles)
    mean = next(p for p in origin.family.parameters(origin.options) if p.name == "mu")
    rows.append(_pooled(fit, "mean", mean.name, mean.meaning, blank, ci_prob))
    if "new" in roles:
        rows.append(_pooled(fit, "new", roles["new"].name, roles["new"].meaning, blank, ci_prob))
    for label, answer in (frequentist or {}).items():
        rows.append(_classical(label, answer, blank))
    return rows


def core(rows: Sequence[Row]) -> list[Interval]:
    """Intervals the axis must hold whole: the mean effect, and studies of at least ordinary precision."""
    studies = [row for row in rows if row.kind == "study"]
    widths = [row.observed.high - row.observed.low for row in studies if row.observed is not None]
    usual = sorted(widths)[(len(widths) - 1) // 2]
    kept = [row for row in rows if row.kind == "mean"]
    kept += [row for row, width in zip(studies, widths, strict=True) if width <= VAGUE * usual]
    return [i for row in kept for i in (row.observed, row.posterior) if i is not None]


def every(rows: Sequence[Row]) -> list[Interval]:
    """All intervals of all rows."""
    return [i for row in rows for i in (row.observed, row.posterior, row.prediction) if i is not None]


def count_cut(rows: Sequence[Row], span: tuple[float, float]) -> int:
    """How many intervals reach beyond the ends of the axis."""
    return sum(i.low < span[0] or i.high > span[1] for i in every(rows))


def _cells(columns: TextColumns | None, k: int) -> list[tuple[str, ...]]:
    """Text columns by study."""
    if columns is None:
        return [()] * k
    texts = {str(name): [plain(v) for v in values] for name, values in columns.items()}
    for name, values in texts.items():
        if len(values) != k:
            raise OptionError(f"column {name!r} has {len(values)} values for {k} studies; give one a study")
    return [tuple(values[i] for values in texts.values()) for i in range(k)]


def _studies(
    table: pd.DataFrame, cells: Sequence[tuple[str, ...]], ci_prob: float, *, shrunken: bool
) -> list[Row]:
    """One row a study; no posterior of its own under a common effect."""
    z = NormalDist().inv_cdf(0.5 + 0.5 * ci_prob)
    rows = []
    for number, (label, one) in enumerate(table.iterrows()):
        y, reach = float(one["observed"]), z * float(one["observed_se"])
        posterior = Interval(float(one["mean"]), float(one["ci_low"]), float(one["ci_high"]))
        rows.append(
            Row(
                "study",
                plain(label),
                cells[number],
                observed=Interval(y, y - reach, y + reach),
                posterior=posterior if shrunken else None,
                weight=float(one["weight"]),
            )
        )
    return rows


def _pooled(
    fit: xr.DataTree, kind: Kind, name: str, meaning: str, blank: tuple[str, ...], ci_prob: float
) -> Row:
    """Mean effect or effect in a new study, with its density."""
    tail = 0.5 * (1.0 - ci_prob)
    low, high = marginal(fit, name).quantile([tail, 1.0 - tail])[0]
    posterior = Interval(float(centre(fit, name)[0]), float(low), float(high))
    label = meaning[:1].upper() + meaning[1:] if meaning else name
    return Row(kind, label, blank, posterior=posterior, curve=curve(fit, name, posterior))


def _classical(label: str, answer: FrequentistFit, blank: tuple[str, ...]) -> Row:
    """A frequentist answer, for comparison."""
    if not isinstance(answer, FrequentistFit):
        raise OptionError(
            f"frequentist: {label!r} is a {type(answer).__name__}; give results of frequentist by label"
        )
    prediction = Interval(answer.estimate, answer.pi_low, answer.pi_high)
    return Row(
        "classical",
        f"{plain(label)} ({100.0 * answer.level:.10g}% CI)",
        blank,
        observed=Interval(answer.estimate, answer.ci_low, answer.ci_high),
        prediction=prediction if prediction.complete else None,
    )
