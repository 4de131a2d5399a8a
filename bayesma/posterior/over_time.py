"""Question: how does the effect run over the months, on average and in a new study?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.tree import SAMPLE
from bayesma.errors import OptionError
from bayesma.families.trajectories import BETWEEN, MEANS
from bayesma.posterior.marginals import labels_of, marginal, moments_below
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance

type Array = NDArray[np.float64]

AVERAGE, NEW = "average study", "new study"
MEANINGS = {
    AVERAGE: "the mean of the studies' effects at each month",
    NEW: "the effects in one new study of the same kind, which stay correlated over its months",
}
COLUMNS = ["mean", "sd", "median", "ci_low", "ci_high", "mcse_mean"]
FINE = 25  # points between first and last visit where the mean is a curve
REBOUND = (6.0, 12.0)  # months compared when the follow-up has both and nobody says otherwise
EVERY = "benefit at every month"


@dataclass(frozen=True, slots=True)
class Good:
    """What is good for patients: beyond `null` in the direction of `sign`; NaN where nobody says or knows."""

    sign: float
    null: float

    @property
    def known(self) -> bool:
        """Whether there is a benefit to speak of."""
        return not math.isnan(self.sign * self.null)

    def share(self, draws: Array) -> float:
        """Share of the draws beyond the null, NaN where it is not known."""
        return float(np.mean(self.sign * (draws - self.null) > 0.0)) if self.known else math.nan


def has_visits(fit: xr.DataTree) -> bool:
    """Whether the effects of a fit run over visits."""
    return "visit" in fit["posterior"].dims


def course(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float] | None,
    rebound: tuple[float, float] | None,
    favours: str | None,
    ends: tuple[float, float],
    above: Sequence[float],
) -> pd.DataFrame:
    """Rows of both estimands: a month each, then what the months say together."""
    visits = labels_of(fit, "visit").astype(np.float64)
    asked = _checked(months, visits, origin)
    compared = _compared(rebound, visits, origin)
    whole = np.linspace(visits[0], visits[-1], FINE) if origin.options["trajectory"] != "visit" else visits
    every = np.unique(np.concatenate([asked, whole, compared]))
    sign = {"lower": -1.0, "higher": 1.0, None: math.nan}[favours]
    good = Good(sign, math.nan if origin.measure.null is None else origin.measure.null)
    parts = {}
    for estimand, curve in curves(fit, origin, every).items():
        rows = {f"month {m:g}": curve[..., np.searchsorted(every, m)] for m in asked}
        lines = _lines(rows, ends, above, good)
        _exactly(lines, fit, estimand, asked, ends, above, good)
        line = curve[..., np.searchsorted(every, whole)]
        at = curve[..., np.searchsorted(every, asked)]
        parts[estimand] = pd.concat([lines, _together(line, whole, at, good, ends, above)])
        if compared.size:
            first, last = (curve[..., np.searchsorted(every, m)] for m in compared)
            name = f"change from month {compared[0]:g} to month {compared[1]:g}"
            changed = _lines({name: last - first}, ends, above, Good(sign, 0.0))
            parts[estimand] = pd.concat([parts[estimand], changed])
    table = pd.concat(parts, names=["estimand", "quantity"])
    outside = [f"{m:g}" for m in asked if not visits[0] <= m <= visits[-1]]
    unseen = [f"{m:g}" for m in asked if m not in visits and f"{m:g}" not in outside]
    notes = []
    if outside:
        notes.append(f"months beyond the follow-up, extrapolated by the model alone: {', '.join(outside)}")
    if unseen:
        notes.append(f"months nobody measured: {', '.join(unseen)}; {_how_between(origin)}")
    table.attrs = {"estimands": MEANINGS, "notes": notes}
    return table


def _how_between(origin: Provenance) -> str:
    """How effects between visits follow."""
    mean = "the mean runs straight between visits" if origin.options["trajectory"] == "visit" else ""
    if BETWEEN[origin.options["between"]].tau.dims:
        spread = "a new study's deviation from it runs straight between visits"
    else:
        spread = "a new study's deviation follows its covariance in months"
    return "; ".join(part for part in (mean, spread) if part)


def _checked(months: Sequence[float] | None, visits: Array, origin: Provenance) -> Array:
    """Months asked about, sorted."""
    if months is None:
        return visits
    for value in months:
        if not (is_number(value) and math.isfinite(value) and value >= 0):
            raise OptionError(f"months holds {value!r}; give months as numbers of at least 0")
    asked = np.unique(np.asarray(months, dtype=np.float64))
    if asked.size == 0:
        raise OptionError("months is empty; give one or more, or leave it out for the visits of the data")
    free = origin.options["trajectory"] == "visit"
    for month in asked:
        if free and not visits[0] <= month <= visits[-1]:
            raise OptionError(
                f"months holds {month:g}, and the follow-up runs from {visits[0]:g} to {visits[-1]:g}; a "
                "mean that is free at every visit says nothing beyond; use trajectory='linear' or a curve"
            )
    return asked


def _compared(rebound: tuple[float, float] | None, visits: Array, origin: Provenance) -> Array:
    """The two months compared, or none."""
    if rebound is None:
        inside = visits[0] <= REBOUND[0] and REBOUND[1] <= visits[-1]
        return np.array(REBOUND if inside else ())
    if len(rebound) != 2 or not all(is_number(m) for m in rebound) or not rebound[0] < rebound[1]:
        raise OptionError(f"rebound is {rebound!r}; give two months, the earlier first, for example (6, 12)")
    return _checked(rebound, visits, origin)


def curves(fit: xr.DataTree, origin: Provenance, months: Array) -> dict[str, Array]:
    """Draws of both estimands at the months, (chain, draw, month)."""
    posterior = fit["posterior"].dataset
    needed = {str(n): v for n, v in posterior.data_vars.items() if n != "theta"}
    values = {n: v.transpose(*SAMPLE, ...).values for n, v in needed.items()}
    shape = values["theta_new"].shape[:2]
    draws = {n: v.reshape(-1, *v.shape[2:]) for n, v in values.items()}
    visits = labels_of(fit, "visit").astype(np.float64)
    mean_shape = MEANS[origin.options["trajectory"]]
    at_visits = mean_shape.mean(visits, draws, visits)
    if origin.options["trajectory"] == "visit":
        mean = _straight(months, visits, at_visits)
    else:
        mean = mean_shape.mean(months, draws, visits)
    deviation = draws["theta_new"] - at_visits
    rng = np.random.default_rng([int(fit.attrs["random_seed"]), 4])
    moved = _deviations(origin, months, visits, deviation, draws, rng)
    return {AVERAGE: mean.reshape(*shape, -1), NEW: (mean + moved).reshape(*shape, -1)}


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
    values, vectors = np.linalg.eigh(left)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    normal = rng.standard_normal((len(left), fresh.size))
    new = np.einsum("sij,sj->si", gain, deviation)
    new += draws["tau"][:, None] * np.einsum("sij,sj->si", root, normal)
    out = np.empty((len(new), months.size))
    out[:, np.isin(months, visits)] = _straight(months[np.isin(months, visits)], visits, deviation)
    out[:, ~np.isin(months, visits)] = new
    return out


def _lines(
    rows: Mapping[str, Array], ends: tuple[float, float], above: Sequence[float], good: Good
) -> pd.DataFrame:
    """One line a quantity, from its draws (chain, draw)."""
    from arviz_stats.base import array_stats

    lines = {}
    for name, draws in rows.items():
        flat = draws.reshape(-1)
        median, low, high = np.quantile(flat, [0.5, *ends])
        mcse = float(array_stats.mcse(draws, method="mean")) if np.ptp(flat) > 0 else 0.0
        line = [flat.mean(), flat.std(ddof=1), median, low, high, mcse]
        line += [float(np.mean(flat > limit)) for limit in above]
        lines[name] = [*line, good.share(flat)]
    return pd.DataFrame.from_dict(lines, orient="index", columns=_columns(above))


def _columns(above: Sequence[float]) -> list[str]:
    """Names of the columns."""
    return [*COLUMNS, *(f"P(> {limit:g})" for limit in above), "p_benefit"]


def _exactly(
    lines: pd.DataFrame,
    fit: xr.DataTree,
    estimand: str,
    asked: Array,
    ends: tuple[float, float],
    above: Sequence[float],
    good: Good,
) -> None:
    """Put the exact answers in place of draws, where a row is a parameter the exact engine knows."""
    name = "theta_new" if estimand == NEW else "m"
    if "exact" not in fit.children or name not in fit["posterior"]:
        return
    visits = labels_of(fit, "visit").astype(np.float64)
    posterior = marginal(fit, name)
    moments = moments_below(fit, name)
    nothing = np.full(visits.size, math.nan)
    columns = [
        posterior.mean() if moments > 1 else nothing,
        posterior.sd() if moments > 2 else nothing,
        *posterior.quantile([0.5, *ends]).T,
        nothing,
        *(posterior.probability(limit, above=True) for limit in above),
        posterior.probability(good.null, above=good.sign > 0) if good.known else nothing,
    ]
    table = np.column_stack(columns)
    for i, month in enumerate(visits):
        if month in asked:
            lines.loc[f"month {month:g}"] = table[i]


def _together(
    line: Array,
    whole: Array,
    at: Array,
    good: Good,
    ends: tuple[float, float],
    above: Sequence[float],
) -> pd.DataFrame:
    """What the months say together: area, its mean, the best month, benefit at every month."""
    first, last = whole[0], whole[-1]
    tables = []
    if last > first:
        area = np.asarray(np.trapezoid(line, whole, axis=-1))
        under = {f"area under the curve, months {first:g} to {last:g}": area}
        tables.append(_lines(under, ends, above, Good(good.sign, good.null * (last - first))))
        tables.append(
            _lines({f"mean from month {first:g} to {last:g}": area / (last - first)}, ends, above, good)
        )
    if not math.isnan(good.sign):
        best = np.argmax(good.sign * line, axis=-1)
        month = _lines({"month of the best effect": whole[best]}, ends, (), Good(math.nan, 0.0))
        effect = {"best effect": np.take_along_axis(line, best[..., None], axis=-1)[..., 0]}
        tables += [month.reindex(columns=_columns(above)), _lines(effect, ends, above, good)]
    if good.known:
        every = pd.DataFrame(math.nan, index=[EVERY], columns=_columns(above))
        every["p_benefit"] = float(np.mean(np.all(good.sign * (at - good.null) > 0.0, axis=-1)))
        tables.append(every)
    return pd.concat(tables) if tables else pd.DataFrame(columns=_columns(above))
