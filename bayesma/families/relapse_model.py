"""The PyMC models of family `relapse`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesma.families.base import Case
from bayesma.families.effects import common
from bayesma.families.latent import effect_density, standardised
from bayesma.families.relapse_hazards import YEAR, cell_edges
from bayesma.priors.packing import data_variables
from bayesma.priors.variables import variable
from bayesma.priors.walk import random_walk


def model_data(case: Case) -> dict[str, np.ndarray]:
    """Numbers the model holds as `pm.Data`, those of the priors aside; counts as floats, by row."""
    arrays, options = case.arrays, case.options
    start, stop = arrays["start"], arrays["stop"]
    competing = options["deaths"] == "competing"
    leaving = arrays["censored"] + (0.0 if competing else arrays["deaths"])
    gone = arrays["relapses"] + arrays["deaths"] + arrays["censored"]
    held = {"relapses": arrays["relapses"], "leaving": leaving, "staying": arrays["at_risk"] - gone}
    if competing:
        held["deaths"] = arrays["deaths"]
    if options["centres"] == "random":
        held["group"] = arrays["group"].astype(np.int64)
        held["study_of_centre"] = _first(arrays["group"], arrays["cluster"])
    elif not common(options):
        held["cluster"] = arrays["cluster"].astype(np.int64)
    if options["moderators"]:
        held["moderators"] = arrays["moderators"]
    middle = 0.5 * (start + stop)
    if options["hazard"] == "weibull" and competing:
        return held | {"edges": cell_edges(start, stop), "middle": middle}
    if options["hazard"] == "weibull":
        return held | {"start": start, "middle": middle, "stop": stop}
    if options["hazard"] == "constant":
        return held | {"width": stop - start}
    return held | {
        "exposure": _months_by_period(start, stop, options["periods"]),
        "exposure_half": _months_by_period(start, middle, options["periods"]),
    }


def _first(group: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Number of the study of each centre."""
    _, rows = np.unique(group, return_index=True)
    return cluster[rows].astype(np.int64)


def _months_by_period(start: np.ndarray, stop: np.ndarray, periods: tuple[float, ...]) -> np.ndarray:
    """Months before stop less months before start in each period, shape (rows, periods)."""
    first = np.array([0.0, *periods[:-1]])
    length = np.append(np.diff(first), np.inf)
    before = [np.clip(t[:, None] - first, 0.0, length) for t in (start, stop)]
    return np.asarray(before[1] - before[0])


def build(case: Case) -> Any:
    """The model with these options; every number a `pm.Data`."""
    import pymc as pm
    import pytensor.tensor as pt

    options, priors = case.options, case.priors
    with pm.Model() as model:
        data = data_variables(model_data(case))
        cells, half = _accumulated(case, data)
        if "moderators" in data:
            size = case.arrays["moderators"].shape[1]
            factor = pt.exp(pt.dot(data["moderators"], variable(priors["beta"], "beta", shape=(size,))))
            cells, half = cells * factor[:, None], half * factor
        death: Any = None
        if "h_death" in priors:
            death = pt.exp(variable(priors["h_death"], "h_death")) * _months_by_cell(case, data)
        if not common(options):
            factor = pt.exp(_shifts(case, data, pt.sum(cells, axis=1)))
            cells, half = cells * factor[:, None], half * factor
        whole = pt.sum(cells, axis=1)
        likelihood = -data["leaving"] * half - data["staying"] * whole
        if death is None:
            likelihood += data["relapses"] * pt.log(-pt.expm1(-whole))
        else:
            likelihood += _competing(cells, death, data)
        pm.Potential("likelihood", likelihood + _log_ways(data))
    return model


def _competing(relapse: Any, death: Any, data: dict[str, Any]) -> Any:
    """What death adds, and relapses as a cause beside it, from both intensities by cell (rows, cells)."""
    import pytensor.tensor as pt

    one, nothing = np.float64(1), np.float64(0)
    both = relapse + death
    until = pt.cumsum(both, axis=1) - both
    some = both > nothing
    length = pt.switch(some, both, one)
    free = pt.exp(-until) * pt.switch(some, -pt.expm1(-length) / length, one)
    result = -(data["staying"] + np.float64(0.5) * data["leaving"]) * pt.sum(death, axis=1)
    for counted, own in (("relapses", relapse), ("deaths", death)):
        total = pt.sum(own, axis=1)
        result += data[counted] * (pt.log(total) + pt.log(pt.sum(own / total[:, None] * free, axis=1)))
    return result


def _log_ways(data: dict[str, Any]) -> Any:
    """Log multinomial coefficients of relapsed, dead and others."""
    import pytensor.tensor as pt

    one = np.float64(1)
    relapses, deaths = data["relapses"], data.get("deaths", np.float64(0))
    others = data["leaving"] + data["staying"]
    n = relapses + deaths + others
    below = pt.gammaln(relapses + one) + pt.gammaln(deaths + one) + pt.gammaln(others + one)
    return pt.gammaln(n + one) - below


def _months_by_cell(case: Case, data: dict[str, Any]) -> Any:
    """Months of each cell of each row, (rows, cells)."""
    if case.options["hazard"] == "weibull":
        return data["edges"][:, 1:] - data["edges"][:, :-1]
    return data["width"][:, None] if case.options["hazard"] == "constant" else data["exposure"]


def _accumulated(case: Case, data: dict[str, Any]) -> tuple[Any, Any]:
    """Intensity of relapse over the cells of each interval, (rows, cells), and over its first half, (rows,).

    In a typical study. Cells are periods; those of a Weibull intensity are narrow where death competes, and
    else one.
    """
    import pytensor.tensor as pt

    priors, hazard = case.priors, case.options["hazard"]
    if hazard == "weibull":
        rate = pt.exp(variable(priors["log_rate"], "log_rate")) * np.float64(YEAR)
        shape = variable(priors["shape"], "shape", lower=0.0)
        edges = data["edges"] if "edges" in data else pt.stack([data["start"], data["stop"]], axis=1)
        grown, middle = ((months / np.float64(YEAR)) ** shape for months in (edges, data["middle"]))
        return rate * (grown[:, 1:] - grown[:, :-1]), rate * (middle - grown[:, 0])
    if hazard == "constant":
        width = data["width"]
        each = pt.exp(variable(priors["h"], "h"))
        return each * width[:, None], np.float64(0.5) * each * width
    lengths = np.diff([0.0, *case.options["periods"]])
    if hazard == "independent":
        h = variable(priors["h"], "h", shape=(lengths.size,))
    else:
        h = random_walk(priors["h"], "h", variable(priors["sigma_h"], "sigma_h", lower=0.0), lengths)
    return data["exposure"] * pt.exp(h), pt.dot(data["exposure_half"], pt.exp(h))


def _shifts(case: Case, data: dict[str, Any], whole: Any) -> Any:
    """Shift of each row, those of studies and centres sampled as sds from what their data make likely."""
    s = variable(case.priors["s"], "s", lower=0.0)
    k, zero = _number(case, "cluster"), np.float64(0)
    if case.options["centres"] == "none":
        return _around("u", k, *_seen(data, "cluster", whole, k), zero, s)[data["cluster"]]
    s_centre = variable(case.priors["s_centre"], "s_centre", lower=0.0)
    size, of = _number(case, "group"), data["study_of_centre"]
    estimate, variance = _seen(data, "group", whole, size)
    precision = 1 / (variance + s_centre**2)
    total = _summed(precision, of, k)
    u = _around("u", k, _summed(precision * estimate, of, k) / total, 1 / total, zero, s)
    return _around("u_centre", size, estimate, variance, u[of], s_centre)[data["group"]]


def _number(case: Case, level: str) -> int:
    """Number of studies or centres."""
    return int(case.arrays[level].max()) + 1


def _summed(values: Any, of: Any, size: int) -> Any:
    """Sums by study or centre."""
    import pytensor.tensor as pt

    return pt.inc_subtensor(pt.zeros(size)[of], values)


def _seen(data: dict[str, Any], level: str, whole: Any, size: int) -> tuple[Any, Any]:
    """Log of relapses seen by expected ones at shift 0, half a relapse added to both, and its variance."""
    import pytensor.tensor as pt

    half = np.float64(0.5)
    followed = data["staying"] + half * (data["relapses"] + data["leaving"])
    seen = _summed(data["relapses"], data[level], size) + half
    expected = _summed(followed * whole, data[level], size) + half
    return pt.log(seen / expected), 1 / seen


def _around(name: str, size: int, estimate: Any, variance: Any, mean: Any, sd: Any) -> Any:
    """Shifts from N(mean, sd^2), sampled as sds from their estimates shrunken to the mean."""
    import pymc as pm

    shrink = variance / (variance + sd**2)
    u = standardised(name, size, (1 - shrink) * estimate + shrink * mean, sd * shrink**0.5)
    pm.Potential(f"{name}_density", effect_density("normal", None, u, mean, sd))
    return u
