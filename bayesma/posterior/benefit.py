"""Question: how probable are benefit, benefit that matters, and harm, on average and in a new study?"""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.measures import Measure
from bayesma.posterior.curves import curves, exact_at_visits, has_visits, together
from bayesma.posterior.marginals import (
    Marginal,
    label_text,
    labels_of,
    marginal,
    probability_error,
    share_error,
)
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance, provenance, require_effect

DIRECTIONS = ("lower", "higher")


def benefit(fit: xr.DataTree, *, favours: str, mid: float | None = None) -> pd.DataFrame:
    """The decision table.

    Parameters
    ----------
    fit
        Result of `fit`.
    favours
        ``"lower"`` when low values are good for patients (SLEDAI, proteinuria, adverse events), ``"higher"``
        when high ones are (albumin, C3).
    mid
        Minimal important difference, above 0, on the analysis scale, counted in the favoured direction.

    Returns
    -------
    pandas.DataFrame
        Index ``mu`` (the mean effect) and ``theta_new`` (the effect in a new study; absent under a common
        effect). With several visits: index (``m`` or ``theta_new``, visit), and a row ``all visits`` each,
        the probability that it holds at every visit at once. Columns p_benefit (beyond the null in the
        favoured direction), p_mid (by at least `mid`; NaN without one), p_harm (on the wrong side of the
        null). Where moderators decide, all of it for studies at their mean; `predict` takes others.
        ``attrs["mcse"]`` holds the Monte Carlo standard error of each, by row (as ``theta_new`` or, with
        visits, ``theta_new, 12``) and column: 0 for the exact engine.

    Raises
    ------
    OptionError
        For an unknown direction, a `mid` that is not above 0, and for single arms: a risk knows no null
        value, and a change from baseline has no control it could be a benefit against.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.benefit(fit, favours="lower", mid=0.2).loc["mu"].round(2).to_dict()
    {'p_benefit': 0.95, 'p_mid': 0.81, 'p_harm': 0.05}
    """
    check_asked(favours, mid)
    measure = provenance(fit).measure
    require_effect(fit, "benefit")
    require_control(measure)
    return decision(fit, favours=favours, mid=mid)


def decision(fit: xr.DataTree, *, favours: str, mid: float | None = None) -> pd.DataFrame:
    """The table of `benefit`, also for changes without a control, whose columns have names of their own.

    Parameters
    ----------
    fit, favours, mid
        As for `benefit`.

    Returns
    -------
    pandas.DataFrame
        As `benefit`; of a measure without a control with the columns p_improved, p_mid, p_worse.

    Raises
    ------
    OptionError
        For an unknown direction, a `mid` that is not above 0, and for risks of single arms.
    """
    check_asked(favours, mid)
    origin = provenance(fit)
    require_effect(fit, "benefit")
    null, up, columns = null_of(origin.measure), favours == "higher", columns_of(origin.measure)
    sign = 1.0 if up else -1.0
    if has_visits(fit):
        return _at_visits(fit, origin, null, sign, mid)
    asked = [(null, up), (None if mid is None else null + sign * mid, up), (null, not up)]
    rows, errors = {}, {}
    for name in ("mu", *(p.name for p in origin.family.parameters(origin.options) if p.role == "new")):
        posterior = marginal(fit, name)
        rows[name], errors[name] = (
            [math.nan if limit is None else float(of(posterior, limit, above)) for limit, above in asked]
            for of in (_chance, _error)
        )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("parameter")
    table.attrs["mcse"] = {name: dict(zip(columns, row, strict=True)) for name, row in errors.items()}
    return table


def _chance(posterior: Marginal, limit: float, above: bool) -> float:
    """Probability beyond a limit."""
    return float(posterior.probability(limit, above=above)[0])


def _error(posterior: Marginal, limit: float, above: bool) -> float:
    """Its Monte Carlo standard error."""
    return float(probability_error(posterior, limit, above=above)[0])


def columns_of(measure: Measure) -> list[str]:
    """Columns of the decision table: p_benefit, p_mid, p_harm, or p_improved, p_mid, p_worse."""
    return [f"p_{measure.better}", "p_mid", f"p_{measure.worse}"]


def null_of(measure: Measure) -> float:
    """The value of no effect, or of no change.

    Raises
    ------
    OptionError
        For risks of single arms, which have no such value.
    """
    if measure.null is None:
        raise OptionError(
            f"a {measure.name} in single arms has no null value, so there is no benefit to compute; "
            'ask for the probability of a rate, as in prob(fit, "mu", above=logit of the rate), '
            "or see predict"
        )
    return measure.null


def require_control(measure: Measure) -> None:
    """Refuse to speak of a benefit where patients were compared with nobody.

    Raises
    ------
    OptionError
        For risks and for changes of single arms.
    """
    null_of(measure)
    if not measure.controlled:
        raise OptionError(
            f"a {measure.name} has no control, so there is no benefit to compute: patients may have improved "
            "without the treatment; ask how probable it is that they improved, as in predict(fit, "
            "favours='lower') over months, prob(fit, \"mu\", below=0), or question='mu < 0'"
        )


def check_asked(favours: object, mid: object) -> None:
    """Refuse what is no direction of benefit, and no minimal important difference.

    Raises
    ------
    OptionError
        As `benefit`.
    """
    if favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher': what is good for patients")
    if mid is not None and not (isinstance(mid, Real) and is_number(mid) and 0.0 < float(mid) < math.inf):
        raise OptionError(
            f"mid is {mid!r}; it must be a number above 0: the smallest change that matters, on the analysis "
            "scale, counted in the favoured direction"
        )


def _at_visits(
    fit: xr.DataTree, origin: Provenance, null: float, sign: float, mid: float | None
) -> pd.DataFrame:
    """The table by visit, and for all visits together."""
    visits = labels_of(fit, "visit")
    limits = [(null, sign), (math.nan if mid is None else null + sign * mid, sign), (null, -sign)]
    drawn = curves(fit, origin, visits.astype(np.float64))
    parts: dict[str, pd.DataFrame] = {}
    errors: dict[str, dict[str, float]] = {}
    for name, (estimand, curve) in zip(("m", "theta_new"), drawn.items(), strict=True):
        exact = exact_at_visits(fit, estimand)
        columns, mcse = [], []
        for limit, side in limits:
            beyond = side * (curve - limit) > 0.0
            each = beyond.mean(axis=(0, 1))
            if exact is not None and not math.isnan(limit):
                each = exact.probability(limit, above=side > 0)
            every = np.all(beyond, axis=-1)
            column = [*each, together(float(every.mean()), each)]
            indicators = [*np.moveaxis(beyond, -1, 0)] if exact is None else []
            known = [share_error(one.astype(np.float64)) for one in (*indicators, every)]
            mcse.append([*([0.0] * visits.size if exact is not None else []), *known])
            columns.append(np.full(visits.size + 1, math.nan) if math.isnan(limit) else column)
        index = pd.Index([*visits.tolist(), "all visits"], name="visit", dtype=object)
        parts[name] = pd.DataFrame(np.column_stack(columns), index=index, columns=columns_of(origin.measure))
        errors |= {
            f"{name}, {label_text(visit)}": dict(zip(columns_of(origin.measure), row, strict=True))
            for visit, row in zip(index, np.transpose(mcse).tolist(), strict=True)
        }
    table = pd.concat(parts, names=["parameter", "visit"])
    table.attrs["mcse"] = errors
    return table
