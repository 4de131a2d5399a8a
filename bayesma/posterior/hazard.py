"""Question: does the intensity of relapse rise, and by how much?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from bayesma.errors import OptionError
from bayesma.evidence.intervals import interval_label
from bayesma.families.base import Case
from bayesma.families.relapse_hazards import HAZARDS
from bayesma.families.relapse_integral import at_deviates, deviates
from bayesma.posterior.marginals import moments_below, share_error
from bayesma.posterior.numbers import is_number, tails
from bayesma.posterior.provenance import Provenance
from bayesma.posterior.relapse_course import LEAST, beyond, moved, require_course
from bayesma.posterior.relapse_levels import Levels
from bayesma.posterior.spread import Spread, table_of

Array = NDArray[np.float64]
type Window = tuple[float, float]

POINTS = 14  # log2 of the number of points of the prior
LARGEST = 700.0  # log of a ratio that a float can hold
MOMENTS = ["mean", "sd", "mcse_mean"]


def hazard(
    fit: xr.DataTree,
    *,
    early: Window = (0.0, 6.0),
    late: Window = (6.0, 12.0),
    ci_prob: float = 0.95,
    at: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """The monthly intensity of relapse by period, and how it changes from one window to another.

    Parameters
    ----------
    fit
        Fit of family `relapse`, but for ``hazard="constant"``.
    early, late
        Two windows (start, stop] in months that do not overlap.
    ci_prob
        Probability of the equal-tailed intervals.
    at
        Values of moderators in their own unit; the others at their mean over the studies.

    Returns
    -------
    pandas.DataFrame
        Index quantity: the mean monthly intensity in each period and in both windows, ``(6, 12]``, where the
        study's shift is 0; the ``ratio`` of the late one to the early one, the same in every study, whose
        mean need not exist; and their ``difference``. Columns mean, sd, median, ci_low, ci_high, mcse_mean.
        ``attrs``: p_rises, the posterior probability that the late intensity is the higher one, with its
        Monte Carlo error mcse_p_rises; before, what the prior says of both (p_rises, and median, ci_low and
        ci_high of the ratio), computed and not sampled; windows; notes; converged.

    Raises
    ------
    OptionError
        For a fit of another family or of a constant intensity, windows that are none or overlap, and windows
        that the model gives the same intensity.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> rows = {"study": "Wang 2014", "from": [0, 9], "to": [9, 12], "n": [24, 21], "relapsed": [3, 4]}
    >>> columns = {"start": "from", "stop": "to", "at_risk": "n", "relapses": "relapsed"}
    >>> responders = bm.FollowUp.from_frame(pd.DataFrame(rows), study="study", **columns)
    >>> model = {"periods": [6, 12], "hazard": "independent", "random_effects": "none"}
    >>> fit = bm.fit(responders, engine="exact", random_seed=1, **model)
    >>> table = bm.hazard(fit)
    >>> table.index.tolist(), round(table.attrs["p_rises"], 2)
    (['(0, 6]', '(6, 12]', 'ratio', 'difference'], 0.97)
    """
    ends = tails(ci_prob)
    origin = _checked(fit)
    windows = {interval_label(*one): one for one in _windows(origin, early, late)}
    months = sorted({month for one in windows.values() for month in one if month > 0.0})
    levels, chains = Levels.of(fit, origin), int(fit["posterior"].sizes["chain"])
    periods = {interval_label(*one): one for one in itertools.pairwise((0.0, *levels.periods))}
    spans = dict(sorted((periods | windows).items(), key=lambda item: item[1]))
    factor = np.exp(moved(fit, origin, levels.draws, at or {}))
    each = dict(zip(spans, (levels.mean(*np.array([*spans.values()]).T) * factor[:, None]).T, strict=True))
    first, last = (each[label] for label in windows)
    rows = {**each, "ratio": _ratio(last, first), "difference": last - first}
    table = table_of({name: Spread.of_draws(v, chains) for name, v in rows.items()}, ends, ())
    table.loc["ratio", MOMENTS] = math.nan
    level = "h" if "h" in fit["posterior"] else "log_rate"
    if moments_below(fit, level) < math.inf:
        table[MOMENTS] = math.nan
    table.index.name = "quantity"
    rises = (last > first).astype(np.float64)
    table.attrs = {
        "p_rises": float(rises.mean()),
        "mcse_p_rises": share_error(rises.reshape(chains, -1), (last - first).reshape(chains, -1)),
        "before": _before(origin, early, late, ends),
        "windows": tuple(windows),
        "notes": [*beyond(fit, origin, months), *origin.notes],
        "converged": origin.converged,
    }
    return table


def _ratio(last: Array, first: Array) -> Array:
    """How many times as high, (n,); 1 where nobody relapses in either."""
    logs = (np.log(np.maximum(intensity, LEAST)) for intensity in (last, first))
    return np.asarray(np.exp(np.minimum(np.subtract(*logs), LARGEST)))


def _before(origin: Provenance, early: Window, late: Window, ends: tuple[float, float]) -> dict[str, float]:
    """The change as the prior has it: the probability of a rise, and the ratio.

    Computed on fixed Sobol points of the prior, each with its mirror image: where the prior does not
    tell the windows apart, a rise has a probability of one half exactly.
    """
    case = Case({}, origin.priors, origin.options)
    own = HAZARDS[origin.options["hazard"]].parameters
    points = qmc.Sobol(sum(deviates(case, own)), scramble=False).random_base2(POINTS) + 0.5 / 2**POINTS
    z = ndtri(np.concatenate([points, 1.0 - points]))
    start, stop = np.array([early, late], dtype=np.float64).T
    levels = Levels(at_deviates(case, own, z), origin.options["hazard"], origin.options.get("periods", ()))
    first, last = levels.mean(start, stop).T
    median, low, high = np.quantile(_ratio(last, first), [0.5, *ends])
    return {
        "p_rises": float(np.mean(last > first)),
        "median": float(median),
        "ci_low": float(low),
        "ci_high": float(high),
    }


def _checked(fit: xr.DataTree) -> Provenance:
    """The model of a fit whose intensity can change."""
    origin = require_course(fit, "hazard")
    if origin.options["hazard"] == "constant":
        raise OptionError(
            "hazard: this model assumes that the intensity of relapse never changes; fit with "
            "hazard='random_walk', 'independent' or 'weibull' to ask whether it does"
        )
    return origin


def _windows(origin: Provenance, early: Window, late: Window) -> list[Window]:
    """Both windows, once the model can tell them apart."""
    for name, window in (("early", early), ("late", late)):
        ends = list(window) if isinstance(window, Iterable) else []
        if len(ends) != 2 or not all(is_number(m) and math.isfinite(m) for m in ends):
            raise OptionError(f"{name} is {window!r}; give two months, for example (0, 6)")
        if not 0.0 <= ends[0] < ends[1]:
            raise OptionError(f"{name} is {window!r}; it must start at 0 or later and end after it starts")
    first, second = interval_label(*early), interval_label(*late)
    if late[0] < early[1]:
        raise OptionError(
            f"early {first} and late {second} overlap or are reversed; late must start at month {early[1]:g} "
            "or later"
        )
    cuts = origin.options.get("periods", ())
    if cuts and not any(early[0] < cut < late[1] for cut in cuts[:-1]):
        raise OptionError(
            f"hazard: {first} and {second} lie in one period, in which the model assumes one intensity; fit "
            f"with a cut point between them, for example periods=[{early[1]:g}, {max(late[1], *cuts):g}]"
        )
    return [(float(a), float(b)) for a, b in (early, late)]
