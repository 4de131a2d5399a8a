"""How far NUTS and exact integration differ, in Monte Carlo standard errors."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.marginals import (
    Draws,
    Marginal,
    WeightedPoints,
    marginal,
    moments_below,
    parameter_names,
)
from bayesma.engines.tree import SAMPLE

Array = NDArray[np.float64]

FEWEST = 10.0  # effective draws expected on either side of 0: below, a share of draws is not near normal
QUARTILES = (0.25, 0.5, 0.75)  # further out, the MCSE of a quantile is itself too rough to judge by


def agreement_group(tree: xr.DataTree, exact: xr.Dataset) -> xr.Dataset:
    """Compare every parameter of a NUTS fit with the exact grid.

    Quantities compared: the mean where its Monte Carlo error is defined (a finite variance), else the
    quartiles; P(below 0) for parameters that can be on either side of 0, with mcse and z NaN where fewer than
    ten effective draws are expected on one side.

    Returns
    -------
    xarray.Dataset
        Dimension ``row``: parameter, quantity, exact, nuts, difference, mcse, z.
    """
    grid = xr.DataTree.from_dict({"/posterior": tree["posterior"].dataset, "/exact": exact})
    rows: list[tuple[str, str, float, float, float]] = []
    for name in parameter_names(tree):
        draws = tree["posterior"][name].transpose(*SAMPLE, ...)
        values = draws.values.reshape(*draws.shape[:2], -1)
        inner = [str(d) for d in draws.dims if d not in SAMPLE]
        cells = itertools.product(*(draws[dim].values for dim in inner))
        labels = [f"{name}[{', '.join(map(str, cell))}]" for cell in cells] if inner else [name]
        rows += _rows(labels, Draws(values), marginal(grid, name), moments_below(tree, name))
    columns = list(zip(*rows, strict=True))
    exactly, sampled, mcse = (np.array(column, dtype=np.float64) for column in columns[2:])
    difference = sampled - exactly
    z = difference / mcse
    return xr.Dataset(
        {
            "parameter": ("row", np.array(columns[0], dtype=np.str_)),
            "quantity": ("row", np.array(columns[1], dtype=np.str_)),
            "exact": ("row", exactly),
            "nuts": ("row", sampled),
            "difference": ("row", difference),
            "mcse": ("row", mcse),
            "z": ("row", z),
        },
        attrs={"error": exact.attrs["error"]},
    )


def _rows(
    labels: list[str], draws: Draws, exact: Marginal, moments: float
) -> list[tuple[str, str, float, float, float]]:
    """Comparisons for one parameter: label, quantity, exact, nuts, mcse."""
    from arviz_stats.base import array_stats

    values = np.moveaxis(draws.values, -1, 0)  # (p, chain, draw)
    rows = []
    if moments > 2:  # a finite variance, without which the mean has no Monte Carlo standard error
        # the exact sd, since draws that missed a rare far tail show too small a one
        mcse = exact.sd() / np.sqrt(np.atleast_1d(array_stats.ess(values, method="mean")))
        if isinstance(exact, WeightedPoints):
            mcse = np.hypot(mcse, exact.mcse())
        rows += list(zip(labels, ["mean"] * len(labels), exact.mean(), draws.mean(), mcse, strict=True))
    for q in () if moments > 2 else QUARTILES:
        mcse = np.atleast_1d(array_stats.mcse(values, method="quantile", prob=q))
        name = f"{100 * q:g}% quantile"
        exactly, sampled = exact.quantile([q])[:, 0], draws.quantile([q])[:, 0]
        rows += list(zip(labels, [name] * len(labels), exactly, sampled, mcse, strict=True))
    below = exact.probability(0.0, above=False)
    if np.any(below > 0):
        sampled = draws.probability(0.0, above=False)
        mcse = _probability_mcse(values, below)
        rows += list(zip(labels, ["P(< 0)"] * len(labels), below, sampled, mcse, strict=True))
    return [(a, b, float(c), float(d), float(e)) for a, b, c, d, e in rows]


def _probability_mcse(values: Array, exact: Array) -> Array:
    """MCSE of the share of draws below 0: sqrt(p (1 - p) / ESS) with the exact p; NaN near 0 and 1."""
    from arviz_stats.base import array_stats

    indicator = (values < 0).astype(np.float64)
    size = indicator[0].size
    ess = np.array(
        [array_stats.ess(one, method="mean") if 0 < one.mean() < 1 else size for one in indicator],
        dtype=np.float64,
    )
    p = np.clip(exact, 0.0, 1.0)
    sound = ess * np.minimum(p, 1.0 - p) >= FEWEST
    return np.where(sound, np.sqrt(p * (1.0 - p) / ess), np.nan)
