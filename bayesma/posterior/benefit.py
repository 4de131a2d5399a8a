"""Question: how probable are benefit, benefit that matters, and harm, on average and in a new study?"""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.marginals import marginal
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import provenance

DIRECTIONS = ("lower", "higher")
COLUMNS = ["p_benefit", "p_mid", "p_harm"]


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
        effect). Columns p_benefit (beyond the null in the favoured direction), p_mid (by at least `mid`; NaN
        without one), p_harm (on the wrong side of the null).

    Raises
    ------
    OptionError
        For an unknown direction, a `mid` that is not above 0, and for single arms, which know no null value.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> bm.benefit(fit, favours="lower", mid=0.2).loc["mu"].round(2).to_dict()
    {'p_benefit': 0.95, 'p_mid': 0.81, 'p_harm': 0.05}
    """
    if favours not in DIRECTIONS:
        raise OptionError(f"favours is {favours!r}; give 'lower' or 'higher': what is good for patients")
    if mid is not None and not (is_number(mid) and math.isfinite(mid) and mid > 0):
        raise OptionError(
            f"mid is {mid!r}; it must be a number above 0: the smallest change that matters, on the analysis "
            "scale, counted in the favoured direction"
        )
    origin = provenance(fit)
    null, up = origin.measure.null, favours == "higher"
    if null is None:
        raise OptionError(
            f"a {origin.measure.name} in single arms has no null value, so there is no benefit to compute; "
            'ask for the probability of a rate, as in prob(fit, "mu", above=logit of the rate), '
            "or see predict"
        )
    sign = 1.0 if up else -1.0
    rows = {}
    for name in ("mu", *(p.name for p in origin.family.parameters(origin.options) if p.role == "new")):
        posterior = marginal(fit, name)
        rows[name] = [
            float(posterior.probability(null, above=up)[0]),
            math.nan if mid is None else float(posterior.probability(null + sign * mid, above=up)[0]),
            float(posterior.probability(null, above=not up)[0]),
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).rename_axis("parameter")
