"""Question: does the posterior move when prior or likelihood are made a little stronger or weaker?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.marginals import row_labels
from bayesma.posterior.provenance import provenance

FEWEST = 100  # draws whose tails can be smoothed: a fifth of fewer may be one draw several times
SENSITIVE = 0.05  # Kallioinen et al. 2024: from here on a posterior is called sensitive
CONFLICT = "possible conflict of prior and data"
STRONG = "strong prior, or weak data"
NOTHING = "no sign of either"
DATA = "the data decide"


def power_scaling(fit: xr.DataTree) -> pd.DataFrame:
    """Sensitivity of each hyper-parameter to its priors and to the likelihood.

    Prior and likelihood are raised to powers near 1 and the draws weighted accordingly; the number is the
    change of the cumulative distribution, in a distance between 0 and 1, for a doubling of the power
    (Kallioinen et al. 2024, doi 10.1007/s11222-023-10366-5, computed by ArviZ). The likelihood is the
    marginal one, study effects integrated out, and the prior that of the hyper-parameters alone: the
    distribution of study effects is part of the model and is not scaled.

    Parameters
    ----------
    fit
        Result of `fit`, by either engine; under ``exact`` its independent draws are weighted.

    Returns
    -------
    pandas.DataFrame
        Index hyper-parameter (``m[3]`` where there is one a visit); columns prior (all priors together),
        likelihood, one ``prior_<name>`` for the prior of each parameter by itself, and diagnosis, in words.
        Above 0.05 is sensitive: to both, a possible conflict of prior and data, to be looked into; to the
        prior alone, the prior is strong or the data are weak. A prior that is constant (``Flat``, or a
        ``Uniform`` by itself) stays as it is at every power: its sensitivity is 0.

    Raises
    ------
    OptionError
        When it is no result of `fit`, or one of fewer than 100 draws.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> found = bm.power_scaling(bm.fit(effects, engine="exact", random_seed=1))
    >>> found.loc["tau", "diagnosis"]
    'possible conflict of prior and data'
    """
    origin = provenance(fit)
    size = fit["posterior"].sizes["chain"] * fit["posterior"].sizes["draw"]
    if size < FEWEST:
        raise OptionError(
            f"power_scaling weights the draws of a fit, and {size} draws are too few for their tails; fit "
            f"again with at least {FEWEST}, for example draws=1000"
        )
    names = [p.name for p in origin.family.hyper(origin.options) if p.standard is None]
    columns = {
        "prior": _sensitivity(fit, names, "prior"),
        "likelihood": _sensitivity(fit, names, "likelihood"),
    }
    columns |= {f"prior_{name}": _sensitivity(fit, names, "prior", [name]) for name in names}
    table = pd.DataFrame(columns)
    table["diagnosis"] = [
        _diagnosis(prior, likelihood)
        for prior, likelihood in zip(table["prior"], table["likelihood"], strict=True)
    ]
    return table.rename_axis("parameter")


def _sensitivity(
    fit: xr.DataTree, names: list[str], group: str, scaled: list[str] | None = None
) -> pd.Series:
    """Of every parameter to one group, or to some variables of it."""
    import arviz

    if _constant(fit, group, scaled):
        return pd.Series(0.0, index=[label for name in names for label in row_labels(fit, name)])
    found = arviz.psense(fit, var_names=names, group=group, group_var_names=scaled)
    values: dict[str, float] = {}
    for name in names:
        flat = found[name].values.reshape(-1)
        values |= dict(zip(row_labels(fit, name), flat.tolist(), strict=True))
    return pd.Series(values, dtype=float)


def _constant(fit: xr.DataTree, group: str, scaled: list[str] | None) -> bool:
    """Whether all draws have one density, which every power leaves in proportion: ArviZ refuses these."""
    logs = fit[f"log_{group}"].dataset
    total = sum(
        logs[name].sum([dim for dim in logs[name].dims if dim not in {"chain", "draw"}])
        for name in scaled or logs.data_vars
    )
    return bool(np.ptp(np.asarray(total)) == 0.0)


def _diagnosis(prior: float, likelihood: float) -> str:
    """In words."""
    if prior >= SENSITIVE:
        return CONFLICT if likelihood >= SENSITIVE else STRONG
    return DATA if likelihood >= SENSITIVE else NOTHING
