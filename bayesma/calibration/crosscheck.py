"""Do the two engines agree on this fit?"""

from __future__ import annotations

import pandas as pd
import xarray as xr

from bayesma.errors import OptionError

COLUMNS = ["quantity", "exact", "nuts", "difference", "mcse", "z"]


def crosscheck(fit: xr.DataTree) -> pd.DataFrame:
    """Exact integration against NUTS, in Monte Carlo standard errors.

    Parameters
    ----------
    fit
        A fit from engine ``nuts`` of a model the exact engine can integrate.

    Returns
    -------
    pandas.DataFrame
        Index parameter; columns quantity (``mean``, or quartiles where the variance is not finite, and
        ``P(< 0)``), exact, nuts, difference (nuts - exact), mcse, z = difference / mcse; the last two are NaN
        for a probability so near 0 or 1 that hardly a draw lies beyond.

    Raises
    ------
    OptionError
        When the fit holds no comparison: it came from ``exact``, or has no exact counterpart.
    """
    if "crosscheck" not in fit.children:
        why = (
            "it came from engine='exact'; fit with engine='nuts'"
            if fit.attrs["engine"] == "exact"
            else "the exact engine cannot integrate this model with these priors"
        )
        raise OptionError(f"this fit holds no comparison of engines: {why}")
    rows = fit["crosscheck"].dataset
    table = pd.DataFrame({name: rows[name].values for name in COLUMNS})
    return table.set_index(pd.Index(rows["parameter"].values, name="parameter"))
