"""What `predict` says of relapse: who is free of it by month, and for how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import (
    MEANINGS,
    Course,
    beyond,
    checked_months,
    course_of,
    last_month,
)
from bayesma.posterior.spread import Spread, table_of

HORIZONS = (12.0, 24.0)  # months to which time free of relapse is counted, where nothing is said


def months_free(
    fit: xr.DataTree,
    origin: Provenance,
    months: Sequence[float] | None,
    to: float | Sequence[float],
    at: Mapping[str, object],
    ends: tuple[float, float],
    above: Sequence[float],
) -> pd.DataFrame:
    """Rows of every estimand: each month, then the mean months free of relapse.

    Raises
    ------
    OptionError
        For months that are none, and a moderator the model has not.
    """
    asked = _default(fit, origin) if months is None else checked_months(months, "months")
    horizons = checked_months(to, "to")
    course, _ = course_of(fit, origin, [*asked, *horizons], at=at)
    parts = {
        estimand: table_of(_rows(course, estimand, asked, horizons), ends, above) for estimand in course.shift
    }
    table = pd.concat(parts, names=["estimand", "quantity"])
    table.attrs = {
        "estimands": {name: MEANINGS[name] for name in course.shift},
        "notes": beyond(fit, origin, sorted({*asked, *horizons})),
    }
    return table


def _default(fit: xr.DataTree, origin: Provenance) -> list[float]:
    """Ends of periods as far as anybody was followed, and the end of follow-up."""
    last = last_month(fit)
    return sorted({last, *(cut for cut in origin.options.get("periods", ()) if cut < last)})


def _rows(
    course: Course, estimand: str, months: Sequence[float], horizons: Sequence[float]
) -> dict[str, Spread]:
    """All quantities of one estimand."""
    free, (relapsed, died) = course.free(estimand), course.left(estimand)
    curves = {"relapse-free at month": free, "relapsed by month": relapsed}
    if np.any(course.death > 0.0):
        curves["died free of relapse by month"] = died
    place = course.position(months)
    found = {
        f"{name} {month:g}": curve[:, i]
        for name, curve in curves.items()
        for month, i in zip(months, place, strict=True)
    }
    found |= {f"relapse-free months to {to:g}": course.months_free(estimand, to) for to in horizons}
    return {name: Spread.of_draws(values, course.chains) for name, values in found.items()}
