"""Question: what would a second transplantation gain, in months free of relapse?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.posterior.numbers import is_number, limits_of, tails
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import (
    MEANINGS,
    Course,
    beyond,
    checked_months,
    course_of,
    repeated,
    require_course,
)
from bayesma.posterior.relapse_months import HORIZONS
from bayesma.posterior.spread import Spread
from bayesma.priors import Prior

Array = NDArray[np.float64]
type Belief = str | float | Prior
type Restoration = Belief | Sequence[Belief] | Mapping[str, Belief] | None
type Drawn = dict[tuple[str, str, float], tuple[Array, dict[float, Array]]]

BELIEFS = {
    "sceptical": Prior("Beta", (1.0, 4.0)),
    "neutral": Prior("Beta", (1.0, 1.0)),
    "trialists": Prior("Beta", (4.0, 1.0)),
}
ASSUMED = (
    "how far a second transplantation sets back the clock of relapse (f: 0 not at all, 1 to the start) is an "
    "assumption; nobody here was transplanted twice on purpose, and these data say nothing about it",
    "the second transplantation is given to all who are alive and free of relapse by then, and death stays "
    "as it is",
)
LEVELS = ["estimand", "restoration"]
COLUMNS = ["once", "repeated", "gain", "sd", "median", "ci_low", "ci_high", "mcse_gain", "p_gain"]
STREAM = 5  # of random numbers, beside those of other questions


def retreatment(
    fit: xr.DataTree,
    *,
    month: float | Sequence[float] = 6.0,
    restoration: Restoration = None,
    to: float | Sequence[float] = HORIZONS,
    gain: float | Sequence[float] = 1.0,
    ci_prob: float = 0.95,
    at: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Months free of relapse with one transplantation, and with a second one at some month.

    After a second one at month m the intensity of relapse is log lambda_R(t) = (1 - f) log lambda(t) +
    f log lambda(t - m) for t > m: with f = 0 nothing changes, with f = 1 the clock of relapse starts anew.
    Where the intensity falls with time, starting anew costs months: the gain may be negative.

    Parameters
    ----------
    fit
        Fit of family `relapse`.
    month
        Of the second transplantation; several are compared.
    restoration
        What is believed of f: ``"sceptical"`` Beta(1, 4), a fifth on average; ``"neutral"`` Beta(1, 1), any
        share alike; ``"trialists"`` Beta(4, 1), four fifths on average, as those expect who recommend to
        repeat; a distribution on (0, 1) as `Prior` or text; a number. Several as a list, or by names of
        their own. All three named ones when not given.
    to
        Months to which time free of relapse is counted.
    gain
        Months; each adds a column ``P(gain > x)``.
    ci_prob
        Probability of the equal-tailed intervals.
    at
        Values of moderators in their own unit; the others at their mean over the studies.

    Returns
    -------
    pandas.DataFrame
        Index (estimand, restoration, month, to); estimands as in `predict`. Columns once and repeated (mean
        months alive and free of relapse), gain (the mean of their difference), its sd, median, ci_low,
        ci_high and mcse_gain, p_gain (the probability that the gain is above 0), and those of `gain`.
        ``attrs``: restoration (each belief as a distribution), best (a table: for each estimand, belief and
        horizon the month with the highest expected gain, 0 where not repeating is best, and evpi, the months
        that knowing intensities and f would be worth), estimands, notes, converged.

    Raises
    ------
    OptionError
        For a fit of another family, months that are none, a repetition after every horizon, and a belief that
        is no share.
    PriorError
        For a distribution that does not parse.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> rows = {"study": "Wang 2014", "from": [0, 9], "to": [9, 12], "n": [24, 21], "relapsed": [3, 4]}
    >>> columns = {"start": "from", "stop": "to", "at_risk": "n", "relapses": "relapsed"}
    >>> responders = bm.FollowUp.from_frame(pd.DataFrame(rows), study="study", **columns)
    >>> model = {"periods": [6, 12], "hazard": "independent", "random_effects": "none"}
    >>> fit = bm.fit(responders, engine="exact", random_seed=1, **model)
    >>> table = bm.retreatment(fit, month=6, to=24)
    >>> table.index.get_level_values("restoration").tolist()
    ['sceptical', 'neutral', 'trialists']
    >>> bool(table["gain"].is_monotonic_increasing)  # the more is restored, the more is gained
    True
    """
    ends, limits = tails(ci_prob), limits_of(gain)
    origin = require_course(fit, "retreatment")
    months, horizons = checked_months(month, "month"), checked_months(to, "to")
    course, beliefs, drawn = gains_of(fit, origin, months, horizons, restoration, at)
    lines, best = {}, {}
    for (estimand, name, horizon), (once, gains) in drawn.items():
        best[estimand, name, horizon] = _best(gains)
        for m, values in gains.items():
            spread = Spread.of_draws(values, course.chains)
            lines[estimand, name, m, horizon] = _line(spread, float(once.mean()), ends, limits)
    table = _table(lines, [*LEVELS, "month", "to"], [*COLUMNS, *(f"P(gain > {limit:g})" for limit in limits)])
    table.attrs = {
        "restoration": {name: str(belief) for name, belief in beliefs.items()},
        "best": _table(best, [*LEVELS, "to"], ["month", "gain", "evpi"]),
        "estimands": {name: MEANINGS[name] for name in course.shift},
        "notes": [*ASSUMED, *_too_late(months, horizons), *beyond(fit, origin, horizons), *origin.notes],
        "converged": origin.converged,
    }
    return table


def gains_of(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float],
    horizons: Sequence[float],
    restoration: Restoration = None,
    at: Mapping[str, object] | None = None,
) -> tuple[Course, dict[str, Prior | float], Drawn]:
    """Draws behind the decision; the arguments as of `retreatment`, months in order.

    Returns
    -------
    tuple
        The course without repetition, each belief by its name, and by estimand, belief and horizon the months
        free of relapse with one transplantation, (n,), and the gain by month of the second one, each (n,).

    Raises
    ------
    OptionError, PriorError
        As `retreatment`.
    """
    if months[-1] >= horizons[-1]:
        raise OptionError(
            f"a second transplantation at month {months[-1]:g} cannot change the time to month "
            f"{horizons[-1]:g}; give a later month in to, or an earlier repetition"
        )
    beliefs = _beliefs(restoration)
    course, again = course_of(fit, origin, horizons, repeats=months, at=at)
    restored = _restored(beliefs, len(course.relapse), int(fit.attrs["random_seed"]))
    after = {name: {m: repeated(course, m, again[m], f) for m in months} for name, f in restored.items()}
    drawn = {}
    for estimand, (name, courses), horizon in itertools.product(course.shift, after.items(), horizons):
        once = course.months_free(estimand, horizon)
        gains = {m: one.months_free(estimand, horizon) - once for m, one in courses.items() if m < horizon}
        drawn[estimand, name, horizon] = once, gains
    return course, beliefs, drawn


def _too_late(months: Sequence[float], horizons: Sequence[float]) -> list[str]:
    """Repetitions at or after a horizon, which have no row."""
    late = [f"{month:g} (to {to:g})" for to in horizons for month in months if month >= to]
    return [f"a second transplantation at or after a horizon changes nothing: {', '.join(late)}"] * bool(late)


def _table(rows: Mapping[Any, list[float]], levels: list[str], columns: list[str]) -> pd.DataFrame:
    """Rows by their labels, in their order."""
    index = pd.MultiIndex.from_tuples(list(rows), names=levels)
    return pd.DataFrame(list(rows.values()), index=index, columns=columns)


def _line(spread: Spread, once: float, ends: tuple[float, float], limits: Sequence[float]) -> list[float]:
    """One row of the table."""
    median, low, high = spread.quantile([0.5, *ends])
    mean = spread.mean()
    above = [spread.above(limit) for limit in (0.0, *limits)]
    return [once, once + mean, mean, spread.sd(), median, low, high, spread.mcse(), *above]


def _best(gains: Mapping[float, Array]) -> list[float]:
    """The month with the highest expected gain, that gain, and the expected value of perfect information."""
    if not gains:
        return [0.0, 0.0, 0.0]
    expected = {0.0: 0.0} | {month: float(values.mean()) for month, values in gains.items()}
    chosen = max(expected, key=lambda month: expected[month])
    knowing = np.maximum(np.max(list(gains.values()), axis=0), 0.0)
    return [chosen, expected[chosen], float(knowing.mean()) - expected[chosen]]


def _beliefs(restoration: Restoration) -> dict[str, Prior | float]:
    """Each belief by its name."""
    if restoration is None:
        return dict(BELIEFS)
    if isinstance(restoration, Mapping):
        named = {str(name): _belief(one) for name, one in restoration.items()}
    else:
        alone = isinstance(restoration, str | Prior) or not isinstance(restoration, Iterable)
        given = cast("list[Belief]", [restoration] if alone else list(cast("Iterable[Belief]", restoration)))
        named = {_name(one): _belief(one) for one in given}
    if not named:
        raise OptionError(f"restoration is empty; give a belief, for example {next(iter(BELIEFS))!r}")
    return named


def _name(one: Belief) -> str:
    """A belief that was given no name."""
    return f"f = {one:g}" if is_number(one) else str(one)


def _belief(one: Belief) -> Prior | float:
    """A share, or its distribution."""
    if not isinstance(one, str | Prior):
        if not (is_number(one) and 0.0 <= float(one) <= 1.0):
            raise OptionError(f"restoration is {one!r}; a share is a number between 0 and 1")
        return float(one)
    prior = BELIEFS[one] if isinstance(one, str) and one in BELIEFS else Prior.parse(one)
    low, high = prior.ppf(np.array([0.0, 1.0]))
    if low < 0.0 or high > 1.0:
        raise OptionError(
            f"restoration is {prior}, which reaches from {low:g} to {high:g}; a share lies between 0 and 1: "
            f"give a Beta, or one of {', '.join(BELIEFS)}"
        )
    return prior


def _restored(beliefs: Mapping[str, Prior | float], n: int, seed: int) -> dict[str, Array]:
    """Draws of f, evenly spread over every belief and independent of the intensities."""
    rng = np.random.default_rng([seed, STREAM])
    uniform = (rng.permutation(n) + rng.uniform(size=n)) / n
    return {
        name: np.full(n, one) if isinstance(one, float) else one.ppf(uniform) for name, one in beliefs.items()
    }
