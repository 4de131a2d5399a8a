"""Question: of a cohort, how many are active, responding, relapsed or dead at each month?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.posterior.numbers import is_number, tails
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import (
    NEW_STUDY,
    TYPICAL,
    beyond,
    checked_months,
    course_of,
    require_course,
)
from bayesma.posterior.response import MEDIAN, NEW, counted_among_responders, risks_of, single_arms
from bayesma.posterior.spread import Spread, table_of

Array = NDArray[np.float64]

ACTIVE, PARTIAL, MAJOR, RELAPSED, DEAD = "active", "partial", "major", "relapsed", "dead"
SETTINGS = {TYPICAL: MEDIAN, NEW_STUDY: NEW}
FOLLOWED = tuple(range(1, 25))
CLOCK = (
    "response counts from month 0, where the follow-up of responders starts: when it was reached is not part "
    "of the models"
)
ALL_ALIKE = "relapse has one intensity in all studies (random_effects='none'), a new one included"
ALIKE = "partial and major responders relapse alike: the relapses were not counted apart"


def occupancy(
    any_response: xr.DataTree,
    major: xr.DataTree,
    relapse: xr.DataTree,
    *,
    survival: xr.DataTree | None = None,
    survival_month: float = 12.0,
    months: Sequence[float] = FOLLOWED,
    setting: str = TYPICAL,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Where the patients of a cohort are, month by month: response, relapse and death together.

    Patients respond or stay active; responders relapse with the intensity of `relapse`; all die with one
    intensity, whatever their state. The fits learn from different counts, and their posteriors are taken as
    independent.

    Parameters
    ----------
    any_response, major
        Fits of family `proportion`: responders among patients, and major responders among the responders.
    relapse
        Fit of family `relapse` of the responders.
    survival
        Fit of family `proportion`: patients alive at `survival_month`, among all. Without it the intensity of
        death is that of the responders, where `relapse` models it; else there is no such state, and the
        notes say so.
    survival_month
        In months.
    months
        Above 0; month 0 always stands in the table.
    setting
        ``"typical study"`` or ``"new study"``, of all fits at once.
    ci_prob
        Probability of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Index (month, state), the states ``active`` (no response), ``partial`` and ``major`` (responding),
        ``relapsed`` and, where deaths are known, ``dead``, whose means sum to 1 at every month.
        Columns mean, sd, median, ci_low, ci_high, mcse_mean, by draws. ``attrs``: setting, notes, converged.

    Raises
    ------
    OptionError
        For fits of other families, major responses that were not counted among the responders, another
        setting, and months that are none.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> model = {"engine": "exact", "random_seed": 1, "random_effects": "none"}
    >>> responds = bm.fit(bm.ArmCounts.from_counts([24], [40], ["Wang 2014"]), **model)
    >>> fully = bm.fit(bm.ArmCounts.from_counts([13], [24], ["Wang 2014"]), **model)
    >>> rows = {"study": "Wang 2014", "from": [0, 9], "to": [9, 12], "n": [24, 21], "relapsed": [3, 4]}
    >>> columns = {"start": "from", "stop": "to", "at_risk": "n", "relapses": "relapsed"}
    >>> responders = bm.FollowUp.from_frame(pd.DataFrame(rows), study="study", **columns)
    >>> relapses = bm.fit(responders, hazard="weibull", **model)
    >>> table = bm.occupancy(responds, fully, relapses, months=[6, 12])
    >>> table["mean"].unstack()["relapsed"].round(2).tolist()
    [0.0, 0.06, 0.16]
    """
    ends, asked = tails(ci_prob), checked_months(months, "months")
    if setting not in SETTINGS:
        raise OptionError(f"setting is {setting!r}; give {TYPICAL!r} or {NEW_STUDY!r}")
    if not (is_number(survival_month) and 0.0 < survival_month < np.inf):
        raise OptionError(
            f"survival_month is {survival_month!r}; give the month at which survivors were counted"
        )
    origin = require_course(relapse, "occupancy", "relapse")
    given = {"any_response": any_response, "major": major} | (
        {} if survival is None else {"survival": survival}
    )
    origins = {name: single_arms(fit, name, "occupancy") for name, fit in given.items()}
    notes = [CLOCK, ALIKE, *counted_among_responders(any_response, major, "occupancy")]
    course, _ = course_of(relapse, origin, asked)
    if setting not in course.shift:
        notes.append(ALL_ALIKE)
    shift = course.shift.get(setting, course.shift[TYPICAL])
    relapsed_by = -np.expm1(-np.cumsum(course.relapse * np.exp(shift)[:, None], axis=1))
    place = course.position(asked) - 1
    risks = {name: risks_of(given[name], one)[SETTINGS[setting]] for name, one in origins.items()}
    months_of = np.array([0.0, *asked])
    n = min(len(shift), *(values.size for values in risks.values()))
    drawn = {name: _apart(values.reshape(-1), n, i) for i, (name, values) in enumerate(risks.items(), 1)}
    death, why = _death(drawn.get("survival"), survival_month, relapse, n)
    gone = np.concatenate([np.zeros((n, 1)), relapsed_by[:n, place]], axis=1)
    alive = np.exp(-death[:, None] * months_of)
    responds, fully = drawn["any_response"][:, None], drawn["major"][:, None]
    shares = {
        ACTIVE: (1.0 - responds) * alive,
        PARTIAL: responds * (1.0 - fully) * (1.0 - gone) * alive,
        MAJOR: responds * fully * (1.0 - gone) * alive,
        RELAPSED: responds * gone * alive,
    }
    if np.any(death > 0.0):
        shares[DEAD] = 1.0 - alive
    parts = {
        month: table_of({name: Spread.of_draws(v[:, i], 1) for name, v in shares.items()}, ends, ())
        for i, month in enumerate(months_of.tolist())
    }
    table: pd.DataFrame = pd.concat(parts, names=["month", "state"])
    every: list[Provenance] = [*origins.values(), origin]
    table.attrs = {
        "setting": setting,
        "notes": [*notes, *why, *beyond(relapse, origin, asked), *(s for one in every for s in one.notes)],
        "converged": all(one.converged for one in every),
    }
    return table


def _apart(values: Array, n: int, number: int) -> Array:
    """Draws moved along by a share: fits that share a seed share the numbers their draws were made from."""
    return np.roll(values, number * values.size // 5)[:n]


def _death(alive: Array | None, month: float, relapse: xr.DataTree, n: int) -> tuple[Array, list[str]]:
    """Monthly intensity of death of everybody, (n,), and where it comes from."""
    if alive is not None:
        words = f"all die with the constant intensity that leaves the survivors counted at month {month:g}"
        return -np.log(alive) / month, [words]
    if "h_death" in relapse["posterior"]:
        words = "all die with the intensity of responders free of relapse; give survival= for that of all"
        log_intensity = relapse["posterior"].dataset["h_death"].values.reshape(-1)[:n]
        return np.exp(log_intensity), [words]
    return np.zeros(n), ["deaths are left out: none were given; give survival= to include them"]
