"""Question: how does the effect run over the months, on average and in a new study?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.families.visit_covariances import BETWEEN
from bayesma.families.visit_moderators import KINDS
from bayesma.posterior.curves import AVERAGE, NEW, curves, exact_at_visits, prior_curves, together
from bayesma.posterior.marginals import labels_of, moments_below
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance

type Array = NDArray[np.float64]

MEANINGS = {
    AVERAGE: "the mean of the studies' effects at each month",
    NEW: "the effects in one new study of the same kind, which stay correlated over its months",
}
COLUMNS = ["mean", "sd", "median", "ci_low", "ci_high", "mcse_mean"]
FINE = 25  # points between first and last visit where the mean is a curve
BEFORE = "p_prior"  # column: what the priors alone say
SELECTED = (
    "of several months some look good by chance: read '{every}' and '{some}' beside {before}, what the "
    "priors alone say of them; the best effect is the largest of the months, picked for being it"
)
REBOUND = (6.0, 12.0)  # months compared when the follow-up has both and nobody says otherwise


@dataclass(frozen=True, slots=True)
class Good:
    """What is good for patients: beyond `null` in the direction of `sign`; NaN where nobody says or knows.

    `word` is what it is called: a benefit, or without a control improved.
    """

    sign: float
    null: float
    word: str = "benefit"

    @property
    def known(self) -> bool:
        """Whether there is a benefit to speak of."""
        return not math.isnan(self.sign * self.null)

    @property
    def column(self) -> str:
        """Column of its probability."""
        return f"p_{self.word}"

    @property
    def every(self) -> str:
        """Row for all months together."""
        return f"{self.word} at every month"

    @property
    def some(self) -> str:
        """Row for at least one of the months."""
        return f"{self.word} at some month"

    def beyond(self, curve: Array) -> NDArray[np.bool_]:
        """Whether a curve is better than the null, shape of the curve."""
        return np.asarray(self.sign * (curve - self.null) > 0.0)

    def share(self, draws: Array) -> float:
        """Share of the draws beyond the null, NaN where it is not known."""
        return float(np.mean(self.sign * (draws - self.null) > 0.0)) if self.known else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What `predict` was asked about the months of one fit, or of several that share their visits.

    Attributes
    ----------
    months
        Those of the rows, rising.
    compared
        The two whose difference is a row, or none.
    whole
        Those that areas and the best month are taken over.
    visits
        Those of the data.
    favours, ends, above
        Direction of benefit, probabilities at the ends of intervals, thresholds.
    at
        Values of moderators; the others are at their centre.
    """

    months: Array
    compared: Array
    whole: Array
    visits: Array
    favours: str | None
    ends: tuple[float, float]
    above: Sequence[float]
    at: Mapping[str, object]

    @property
    def every(self) -> Array:
        """All months at which the curves are needed."""
        return np.unique(np.concatenate([self.months, self.whole, self.compared]))

    def good(self, origin: Provenance) -> Good:
        """What is a benefit in a fit."""
        sign = {"lower": -1.0, "higher": 1.0, None: math.nan}[self.favours]
        null = math.nan if origin.measure.null is None else origin.measure.null
        return Good(sign, null, origin.measure.better)


def asked_of(
    fits: Sequence[xr.DataTree],
    origins: Sequence[Provenance],
    months: Sequence[float] | None,
    rebound: tuple[float, float] | None,
    favours: str | None,
    ends: tuple[float, float],
    above: Sequence[float],
    at: Mapping[str, object],
) -> Asked:
    """Check months against every fit; curves are followed on a fine grid where a fit has one.

    Raises
    ------
    OptionError
        For months that are none, and beyond the follow-up of a mean that is free at every visit.
    """
    visits = labels_of(fits[0], "visit").astype(np.float64)
    free = [one.options["trajectory"] == "visit" for one in origins]
    strictest = origins[free.index(True)] if any(free) else origins[0]
    whole = visits if all(free) else np.union1d(visits, np.linspace(visits[0], visits[-1], FINE))
    return Asked(
        months=_checked(months, visits, strictest),
        compared=_compared(rebound, visits, strictest),
        whole=whole,
        visits=visits,
        favours=favours,
        ends=ends,
        above=above,
        at=at,
    )


def course(fit: xr.DataTree, origin: Provenance, asked: Asked) -> pd.DataFrame:
    """Rows of both estimands: a month each, then what the months say together."""
    good = asked.good(origin)
    parts = {}
    for estimand, curve in curves(fit, origin, asked.every, asked.at).items():
        parts[estimand] = rows_of(curve, asked, good)
        if not asked.at:
            _exactly(parts[estimand], fit, estimand, asked, good)
    if good.known:
        for estimand, (every, some) in _before(fit, origin, asked, good).items():
            parts[estimand].loc[good.every, BEFORE] = every
            if good.some in parts[estimand].index:
                parts[estimand].loc[good.some, BEFORE] = some
    table = pd.concat(parts, names=["estimand", "quantity"])
    outside = [f"{m:g}" for m in asked.months if not asked.visits[0] <= m <= asked.visits[-1]]
    unseen = [f"{m:g}" for m in asked.months if m not in asked.visits and f"{m:g}" not in outside]
    notes = _place(origin, asked.at)
    if good.known and asked.months.size > 1:
        notes.append(SELECTED.format(every=good.every, some=good.some, before=BEFORE))
    if outside:
        notes.append(f"months beyond the follow-up, extrapolated by the model alone: {', '.join(outside)}")
    if unseen:
        notes.append(f"months nobody measured: {', '.join(unseen)}; {_how_between(origin)}")
    table.attrs = {"estimands": MEANINGS, "notes": notes}
    return table


def rows_of(curve: Array, asked: Asked, good: Good) -> pd.DataFrame:
    """All rows of one estimand, from draws of its curve at `asked.every`, (chain, draw, month)."""

    def at(months: Array) -> Array:
        """The curve at some of them."""
        return curve[..., np.searchsorted(asked.every, months)]

    rows = {f"month {m:g}": at(np.array([m]))[..., 0] for m in asked.months}
    lines = _lines(rows, asked.ends, asked.above, good)
    jointly = _together(at(asked.whole), asked.whole, at(asked.months), good, asked.ends, asked.above)
    parts = [lines, jointly]
    if asked.compared.size:
        first, last = np.moveaxis(at(asked.compared), -1, 0)
        name = f"change from month {asked.compared[0]:g} to month {asked.compared[1]:g}"
        changed = replace(good, null=0.0)
        parts.append(_lines({name: last - first}, asked.ends, asked.above, changed))
    return pd.concat(parts)


def _place(origin: Provenance, at: Mapping[str, object]) -> list[str]:
    """For which studies the curves are, where moderators decide."""
    names = dict.fromkeys(name for option in KINDS for name in origin.options[option])
    stated = [f"{name} = {at[name]}" for name in names if name in at]
    centred = [name for name in names if name not in at]
    parts = [f"studies with {', '.join(stated)}"] * bool(stated)
    parts += [f"{', '.join(centred)} at the mean of the studies"] * bool(centred)
    return [f"the course is that of {'; '.join(parts)}"] if parts else []


def _how_between(origin: Provenance) -> str:
    """How effects between visits follow."""
    mean = "the mean runs straight between visits" if origin.options["trajectory"] == "visit" else ""
    if BETWEEN[origin.options["between"]].tau.dims:
        spread = "a new study's deviation from it runs straight between visits"
    else:
        spread = "a new study's deviation follows its covariance in months"
    return "; ".join(part for part in (mean, spread) if part)


def _checked(
    months: Sequence[float] | None, visits: Array, origin: Provenance, name: str = "months"
) -> Array:
    """Months asked about, sorted."""
    if months is None:
        return visits
    for value in months:
        if not (is_number(value) and math.isfinite(value) and value >= 0):
            raise OptionError(f"{name} holds {value!r}; give months as numbers of at least 0")
    asked = np.unique(np.asarray(months, dtype=np.float64))
    if asked.size == 0:
        raise OptionError("months is empty; give one or more, or leave it out for the visits of the data")
    free = origin.options["trajectory"] == "visit"
    for month in asked:
        if free and not visits[0] <= month <= visits[-1]:
            raise OptionError(
                f"{name} holds {month:g}, and the follow-up runs from {visits[0]:g} to {visits[-1]:g}; a "
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
    return _checked(rebound, visits, origin, "rebound")


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
    table = pd.DataFrame.from_dict(lines, orient="index", columns=_columns(above, good)[:-1])
    return table.reindex(columns=_columns(above, good))


def _columns(above: Sequence[float], good: Good) -> list[str]:
    """Names of the columns."""
    return [*COLUMNS, *(f"P(> {limit:g})" for limit in above), good.column, BEFORE]


def _before(fit: xr.DataTree, origin: Provenance, asked: Asked, good: Good) -> dict[str, tuple[float, float]]:
    """What the priors alone say of all months together and of at least one of them, by estimand.

    Of a mean that is free at every visit, whose months are independent before the data, by multiplication;
    else from draws of the priors.
    """
    found = {}
    for estimand, curve in prior_curves(fit, origin, asked.months, asked.at).items():
        beyond = good.beyond(curve)
        found[estimand] = (float(beyond.all(axis=-1).mean()), float(beyond.any(axis=-1).mean()))
    if origin.options["trajectory"] == "visit" and not asked.at and np.isin(asked.months, asked.visits).all():
        one, months = float(origin.priors["m"].cdf(good.null)), asked.months.size
        chance = one if good.sign < 0.0 else 1.0 - one
        found[AVERAGE] = (chance**months, 1.0 - (1.0 - chance) ** months)
    return found


def _exactly(lines: pd.DataFrame, fit: xr.DataTree, estimand: str, asked: Asked, good: Good) -> None:
    """Put the exact answers in place of draws, where a row is a parameter the exact engine knows."""
    posterior = exact_at_visits(fit, estimand)
    if posterior is None:
        return
    moments = moments_below(fit, "m" if estimand == AVERAGE and "m" in fit["posterior"] else "theta_new")
    nothing = np.full(asked.visits.size, math.nan)
    columns = [
        posterior.mean() if moments > 1 else nothing,
        posterior.sd() if moments > 2 else nothing,
        *posterior.quantile([0.5, *asked.ends]).T,
        nothing,
        *(posterior.probability(limit, above=True) for limit in asked.above),
        posterior.probability(good.null, above=good.sign > 0) if good.known else nothing,
        nothing,
    ]
    table = np.column_stack(columns)
    for i, month in enumerate(asked.visits):
        if month in asked.months:
            lines.loc[f"month {month:g}"] = table[i]
    known = [name for name in (good.every, good.some) if name in lines.index]
    for name in known:  # by draws, where each month is known exactly
        each = lines[good.column].loc[[f"month {month:g}" for month in asked.months]].to_numpy()
        drawn = float(lines[good.column][name])
        lines.loc[name, good.column] = (
            together(drawn, each) if name == good.every else 1.0 - together(1.0 - drawn, 1.0 - each)
        )


def _together(
    line: Array,
    whole: Array,
    at: Array,
    good: Good,
    ends: tuple[float, float],
    above: Sequence[float],
) -> pd.DataFrame:
    """What the months say together: area, its mean, the best month, benefit at every month and at some.

    The best of several months was picked because it is good, so its own probability of benefit would be that
    of some month and has no line: see there, beside what the priors alone say.
    """
    first, last = whole[0], whole[-1]
    tables = []
    if last > first:
        area = np.asarray(np.trapezoid(line, whole, axis=-1))
        under = {f"area under the curve, months {first:g} to {last:g}": area}
        whole_null = replace(good, null=good.null * (last - first))
        tables.append(_lines(under, ends, above, whole_null))
        tables.append(
            _lines({f"mean from month {first:g} to {last:g}": area / (last - first)}, ends, above, good)
        )
    if not math.isnan(good.sign):
        best = np.argmax(good.sign * line, axis=-1)
        picked = replace(good, null=math.nan)
        month = _lines({"month of the best effect": whole[best]}, ends, (), picked)
        effect = {"best effect": np.take_along_axis(line, best[..., None], axis=-1)[..., 0]}
        tables += [month.reindex(columns=_columns(above, good)), _lines(effect, ends, above, picked)]
    if good.known:
        beyond = good.beyond(at)
        chances = {good.every: beyond.all(axis=-1), good.some: beyond.any(axis=-1)}
        names = list(chances) if at.shape[-1] > 1 else [good.every]
        both = pd.DataFrame(math.nan, index=names, columns=_columns(above, good))
        both[good.column] = [float(chances[name].mean()) for name in names]
        tables.append(both)
    return pd.concat(tables) if tables else pd.DataFrame(columns=_columns(above, good), dtype=np.float64)
