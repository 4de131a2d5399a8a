"""What stands in the rows of a forest plot? Studies, mean effect, a new study, classical answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logit

from bayesma.classical.result import FrequentistFit
from bayesma.errors import OptionError
from bayesma.families.base import Parameter
from bayesma.plots.curve import curve
from bayesma.plots.naming import meaning_of
from bayesma.plots.text import plain
from bayesma.posterior.location import location_name
from bayesma.posterior.marginals import centre, marginal
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.shrinkage import shrinkage
from bayesma.words.numbers import Interval

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
    remark
        Why there is no observed estimate.
    """

    kind: Kind
    label: str
    cells: tuple[str, ...]
    observed: Interval | None = None
    posterior: Interval | None = None
    prediction: Interval | None = None
    weight: float | None = None
    curve: tuple[np.ndarray, np.ndarray] | None = None
    remark: str = ""


def build(
    fit: xr.DataTree,
    origin: Provenance,
    columns: TextColumns | None,
    frequentist: Mapping[str, FrequentistFit] | None,
    ci_prob: float,
    remarks: Sequence[str] = (),
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
    rows = _studies(studies, cells, ci_prob, remarks or [""] * len(studies), shrunken="effect" in roles)
    name = location_name(origin)
    mean = next(p for p in origin.family.parameters(origin.options) if p.name == name)
    rows.append(_pooled(fit, "mean", mean, origin, blank, ci_prob))
    if "new" in roles:
        rows.append(_pooled(fit, "new", roles["new"], origin, blank, ci_prob))
    for label, answer in (frequentist or {}).items():
        rows.append(_classical(label, answer, blank))
    return rows


def core(rows: Sequence[Row]) -> list[Interval]:
    """Intervals the axis must hold whole: the mean effect, and studies of at least ordinary precision."""
    studies = [row for row in rows if row.kind == "study"]
    seen = [(row, row.observed.high - row.observed.low) for row in studies if row.observed is not None]
    widths = sorted(width for _, width in seen) or [0.0]
    usual = widths[(len(widths) - 1) // 2]
    kept = [row for row in rows if row.kind == "mean"]
    kept += [row for row, width in seen if width <= VAGUE * usual]
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
    table: pd.DataFrame,
    cells: Sequence[tuple[str, ...]],
    ci_prob: float,
    remarks: Sequence[str],
    *,
    shrunken: bool,
) -> list[Row]:
    """One row a study; no posterior of its own under a common effect, no square without an estimate."""
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
                observed=None if np.isnan(y) else Interval(y, y - reach, y + reach),
                posterior=posterior if shrunken else None,
                weight=float(one["weight"]),
                remark=remarks[number],
            )
        )
    return rows


def _pooled(
    fit: xr.DataTree,
    kind: Kind,
    parameter: Parameter,
    origin: Provenance,
    blank: tuple[str, ...],
    ci_prob: float,
) -> Row:
    """Mean effect or effect in a new study, with its density; a mean proportion as its logit."""
    tail, name, meaning = 0.5 * (1.0 - ci_prob), parameter.name, meaning_of(parameter, origin)
    low, high = marginal(fit, name).quantile([tail, 1.0 - tail])[0]
    posterior = Interval(float(centre(fit, name)[0]), float(low), float(high))
    values, heights = curve(fit, name, posterior)
    if parameter.upper == 1.0:  # a proportion, drawn among logits
        values, heights = values[(values > 0) & (values < 1)], heights[(values > 0) & (values < 1)]
        values, heights = logit(values), heights * values * (1.0 - values)
        posterior = Interval(*map(float, logit([posterior.point, posterior.low, posterior.high])))
    label = meaning[:1].upper() + meaning[1:]
    return Row(kind, label, blank, posterior=posterior, curve=(values, heights))


def _classical(label: str, answer: FrequentistFit, blank: tuple[str, ...]) -> Row:
    """A frequentist answer, for comparison."""
    if not isinstance(answer, FrequentistFit):
        raise OptionError(
            f"frequentist: {label!r} is a {type(answer).__name__}; give results of frequentist by label"
        )
    prediction = Interval(answer.estimate, answer.pi_low, answer.pi_high)
    known = np.isfinite(answer.estimate)
    return Row(
        "classical",
        f"{plain(label)} ({100.0 * answer.level:.10g}% CI)",
        blank,
        observed=Interval(answer.estimate, answer.ci_low, answer.ci_high) if known else None,
        remark="" if known else "not defined",
        prediction=prediction if prediction.complete else None,
    )
