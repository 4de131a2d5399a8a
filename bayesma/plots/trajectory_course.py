"""What does a figure over months show? Every study at its visits, the two courses, and numbers by visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.families.visit_covariances import BETWEEN
from bayesma.plots.direction import better_words
from bayesma.plots.posterior_claims import mid_value, mid_words
from bayesma.plots.text import plain
from bayesma.posterior.benefit import decision
from bayesma.posterior.curves import AVERAGE, NEW, curves, exact_at_visits
from bayesma.posterior.marginals import label_text
from bayesma.posterior.numbers import tails
from bayesma.posterior.predict import predict
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.shrinkage import shrinkage
from bayesma.words.numbers import Interval, probability_claim, probability_text, tick

type Array = NDArray[np.float64]

FINE = 25  # points of the average curve from the first visit to the last
COARSE = 4  # of them to one of a new study: its draws at months nobody measured have noise of their own
DECIMALS = 3  # of the months between visits: rows of `predict` are named by six digits
ROWS = {"m": AVERAGE, "theta_new": NEW}
MISSING = "–"  # patients at a visit whose studies do not say how many
VAGUE = 3.0  # times the usual width: such an interval need not be shown whole


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Points with intervals at months, analysis scale; each array (months,); whether draws gave them."""

    month: Array
    point: Array
    low: Array
    high: Array
    drawn: bool = False

    @property
    def intervals(self) -> list[Interval]:
        """One a month."""
        return [Interval(*map(float, row)) for row in zip(self.point, self.low, self.high, strict=True)]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of numbers with one text a visit, under one heading."""

    heading: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Everything that is drawn or written at months.

    Attributes
    ----------
    visit
        Months of the visits, (t,), rising.
    studies
        Label and line of each study, at the visits it has.
    average, new
        Posterior median and credible interval of the average study and of a new one.
    counts
        Rows of numbers under the months: studies at each visit and, where any is known, patients.
    blocks
        Probabilities of benefit by visit; none without a direction.
    together
        Probability of benefit at all visits at once as printed, by estimand; empty without a direction.
    """

    visit: Array
    studies: Sequence[tuple[str, Line]]
    average: Line
    new: Line
    counts: dict[str, list[str]]
    blocks: tuple[Block, ...]
    together: dict[str, str]

    @property
    def core(self) -> list[Interval]:
        """What the axis must hold whole: the average, and studies of at least ordinary precision."""
        seen = [one for _, line in self.studies for one in line.intervals]
        usual = float(np.median([one.high - one.low for one in seen])) if seen else 0.0
        return [*self.average.intervals, *(one for one in seen if one.high - one.low <= VAGUE * usual)]

    @property
    def every(self) -> list[Interval]:
        """All intervals."""
        return [one for line in self.lines for one in line.intervals]

    @property
    def lines(self) -> list[Line]:
        """Both courses, then the studies."""
        return [self.average, self.new, *(line for _, line in self.studies)]

    def count_cut(self, span: tuple[float, float]) -> tuple[int, bool]:
        """How many study intervals leave the axis, and whether an interval of the courses does."""
        cut = [[i.low < span[0] or i.high > span[1] for i in line.intervals] for line in self.lines]
        return sum(map(sum, cut[2:])), any(map(any, cut[:2]))


def build(
    fit: xr.DataTree,
    origin: Provenance,
    ci_prob: float,
    favours: str | None,
    mid: float | None,
    treated: str,
) -> Course:
    """Gather what the questions of `posterior` answer.

    Parameters
    ----------
    fit, origin, ci_prob, favours, mid
        As for `trajectory`.
    treated
        Whom benefit favours, in words; empty for nobody.
    """
    visit = np.asarray(fit["constant_data"].dataset["month"], dtype=np.float64)
    blocks, together = _probabilities(fit, origin, favours, mid, treated)
    studies = _studies(shrinkage(fit, ci_prob=ci_prob), visit, ci_prob)
    y = np.asarray(fit["observed_data"].dataset["y"].transpose("study", "visit"), dtype=np.float64)
    counts = _counts(fit["constant_data"].dataset, np.isfinite(y))
    free = origin.options["trajectory"] == "visit"
    fine = visit if free else _filled(visit)
    by_visit = free or bool(BETWEEN[origin.options["between"]].tau.dims)  # a new study is known there only
    table = predict(fit, ci_prob=ci_prob, months=fine.tolist())
    coarse = visit if by_visit else np.union1d(visit, fine[::COARSE])
    missed = {} if free else _missed(fit, origin, visit, ci_prob)
    average, new = (
        _line(table, estimand, months, missed.get(estimand, Missed(visit, np.zeros((3, visit.size)))))
        for estimand, months in ((AVERAGE, fine), (NEW, coarse))
    )
    return Course(visit, studies, average, new, counts, blocks, together)


def _counts(constants: xr.Dataset, seen: NDArray[np.bool_]) -> dict[str, list[str]]:
    """Studies at each visit; patients too, with a plus sign where some studies do not say how many."""
    counts = {"studies": [str(n) for n in seen.sum(axis=0)]}
    if "n" in constants:
        n = np.asarray(constants["n"].transpose("study", "visit"), dtype=np.float64)
        more = ["+" if some else "" for some in np.any(seen & np.isnan(n), axis=0)]
        totals = zip(np.nansum(n, axis=0), more, strict=True)
        counts["patients"] = [f"{total:.0f}{plus}" if total else MISSING for total, plus in totals]
    return counts


def month_label(month: float) -> str:
    """A month as it is printed: whole where it is, to two digits where it came from weeks or days."""
    return tick(round(month, 2) if month >= 1.0 else float(f"{month:.2g}"))


def _filled(visit: Array) -> Array:
    """The visits, and months between them close enough for a smooth curve."""
    between = np.linspace(visit[0], visit[-1], FINE)[1:-1] if visit.size > 1 else visit
    return np.unique([*visit, *between.round(DECIMALS)])


def _studies(table: pd.DataFrame, visit: Array, ci_prob: float) -> list[tuple[str, Line]]:
    """Each study at the visits it has."""
    z = NormalDist().inv_cdf(0.5 + 0.5 * ci_prob)
    labels = table.index.get_level_values("study")[:: visit.size]
    y, se = (table[name].to_numpy(np.float64).reshape(-1, visit.size) for name in ("observed", "observed_se"))
    lines = []
    for label, estimate, error in zip(labels, y, z * se, strict=True):
        at = np.isfinite(estimate)
        line = Line(visit[at], estimate[at], (estimate - error)[at], (estimate + error)[at])
        lines.append((plain(label), line))
    return lines


class Missed(NamedTuple):
    """What draws miss of the exact median and interval at the visits, shape (3, t)."""

    visit: Array
    by: Array


def _missed(fit: xr.DataTree, origin: Provenance, visit: Array, ci_prob: float) -> dict[str, Missed]:
    """For each estimand that is known exactly at the visits and by draws between them."""
    levels = [0.5, *tails(ci_prob)]
    found = {}
    for estimand, drawn in curves(fit, origin, visit).items():
        exact = exact_at_visits(fit, estimand)
        if exact is not None:
            found[estimand] = Missed(
                visit, exact.quantile(levels).T - np.quantile(drawn, levels, axis=(0, 1))
            )
    return found


def _line(table: pd.DataFrame, estimand: str, months: Array, missed: Missed) -> Line:
    """Median and interval of an estimand at months, between visits moved by what draws miss at these.

    Without that an exact visit would stand as a notch in a band of draws.
    """
    rows = table.xs(estimand, level="estimand").loc[[f"month {month:g}" for month in months]]
    between = ~np.isin(months, missed.visit)
    point, low, high = (
        rows[name].to_numpy(np.float64) + between * np.interp(months, missed.visit, by)
        for name, by in zip(("median", "ci_low", "ci_high"), missed.by, strict=True)
    )
    return Line(months, point, low, high, bool(rows["mcse_mean"].notna().any()))


def _probabilities(
    fit: xr.DataTree, origin: Provenance, favours: str | None, mid: float | None, treated: str
) -> tuple[tuple[Block, ...], dict[str, str]]:
    """Benefit, and benefit that matters, by visit; benefit at all visits."""
    at = mid_value(origin.measure, mid, favours)
    if favours is None:
        return (), {}
    table = decision(fit, favours=favours, mid=mid)
    who = f" ({treated})" if treated else ""
    good, large = origin.measure.better, "effect" if origin.measure.controlled else "change"
    blocks = [_block(table, f"p_{good}", f"Posterior probability {better_words(origin.measure)}{who}")]
    if at is not None:
        words = mid_words(origin.measure, at, favours)
        blocks.append(_block(table, "p_mid", f"Posterior probability of an important {large}, {words}"))
    together = {
        words: probability_claim(
            float(_by_visit(table, f"p_{good}", name)[-1]),
            table.attrs["mcse"][f"{name}, all visits"][f"p_{good}"],
        )
        for name, words in ROWS.items()
    }
    return tuple(blocks), together


def _block(table: pd.DataFrame, column: str, heading: str) -> Block:
    """A column of the decision table: one row an estimand, the row of all visits left out."""
    rows = {
        words: tuple(
            probability_text(float(p), table.attrs["mcse"][f"{name}, {label_text(visit)}"][column])
            for visit, p in table.xs(name, level="parameter")[column].iloc[:-1].items()
        )
        for name, words in ROWS.items()
    }
    return Block(heading, tuple(rows.items()))


def _by_visit(table: pd.DataFrame, column: str, parameter: str) -> Array:
    """A column of the decision table for one parameter: the visits, then all of them together."""
    return np.asarray(table.xs(parameter, level="parameter")[column], dtype=np.float64)
