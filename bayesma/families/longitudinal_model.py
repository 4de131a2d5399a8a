"""The PyMC route of the longitudinal family: study effects integrated out of one batched multivariate normal.

Every study is padded to all visits: where one is missing, the covariance has a row of the identity and the
residual is 0, which adds nothing. The Cholesky factor is written out element by element over visits, each
element a vector over studies: several times faster to differentiate than a batched factorisation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bayesma.families.base import Array, Case
from bayesma.families.mean_shapes import JITTER, KNOTS
from bayesma.families.visit_covariances import lkj_shifts
from bayesma.priors.packing import data_variables

POSITIVE = {"decay_within", "tau", "et50", "change", "amplitude", "length"}
TIMED = {"linear", "emax", "changepoint", "gp"}  # means that are computed from months
SHIFTS = {"moderators": "beta", "slope_moderators": "beta_slope"}  # columns (k, q) and their coefficients
LOG_2PI = np.float64(math.log(2.0 * math.pi))


def model_data(case: Case) -> dict[str, Array]:
    """The numbers the model uses, missing estimates as 0: one the density does not use cannot be swapped."""
    arrays, options = case.arrays, case.options
    data = {
        "y": np.nan_to_num(arrays["y"]),
        "seen": np.isfinite(arrays["y"]).astype(np.float64),
        "within": arrays["within"],
    }
    if options["within"] != "given":
        data["lag"] = arrays["lag"]
    data |= {name: arrays[name] for name in SHIFTS if name in arrays}
    if options["trajectory"] in TIMED or options["between"] == "ou" or "slope_moderators" in data:
        data["month"] = arrays["month"]
    if options["trajectory"] == "spline":
        data["basis"] = spline_basis(arrays["month"])
    return data


def spline_basis(month: Array) -> Array:
    """Natural cubic splines at the months, one column a knot, from truncated powers.

    The basis of Hastie, Tibshirani & Friedman 2009 (doi 10.1007/978-0-387-84858-7), section 5.2.1, divided by
    its values at the knots, so that each column is 1 at its own knot.
    """
    knots = np.quantile(month, np.linspace(0.0, 1.0, min(KNOTS, month.size)))

    def powers(x: Array) -> Array:
        """1, x, and differences of truncated cubes that are straight beyond the last knot."""
        cubes = [np.maximum(x - k, 0.0) ** 3 for k in knots]
        steps = [(cubes[j] - cubes[-1]) / (knots[-1] - knots[j]) for j in range(len(knots) - 1)]
        curved = [step - steps[-1] for step in steps[:-1]]
        return np.column_stack([np.ones_like(x), x, *curved][: len(knots)])

    return np.asarray(powers(month) @ np.linalg.inv(powers(knots)))


def build(case: Case) -> Any:
    """The model: hyper-parameters only."""
    import pymc as pm

    from bayesma.priors.variables import variable

    visits = case.arrays["y"].shape[1]
    length = {"m": visits, "deviate": visits, "coef": min(KNOTS, visits)}
    length |= {SHIFTS[name]: case.arrays[name].shape[1] for name in SHIFTS if name in case.arrays}
    if case.options["between"] in {"diagonal", "har", "unstructured"}:
        length["tau"] = visits
    if case.options["between"] == "unstructured":
        length["rho"] = visits * (visits - 1) // 2
    with pm.Model() as model:
        data = data_variables(model_data(case))
        value = {
            name: variable(
                prior,
                name,
                lower=0.0 if name in POSITIVE else -math.inf,
                shape=(length[name],) if name in length else None,
                shift=lkj_shifts(visits) if name == "rho" and "rho" in length else None,
            )
            for name, prior in case.priors.items()
        }
        mean = _mean(case.options["trajectory"], value, data, visits)
        between = _between(case.options["between"], value, data, visits)
        within = data["within"][..., 0]
        if "lag" in data:
            within = (data["within"] * value["rho_within"] ** _powers(value, data["lag"])).sum(axis=-1)
        y = _without_moderators(value, data, length)
        pm.Potential("y_observed", _log_density(y, data["seen"], mean, between, within, visits))
    return model


def _without_moderators(value: dict[str, Any], data: dict[str, Any], columns: dict[str, int]) -> Any:
    """Estimates less what the moderators of their study add to the mean."""
    y = data["y"]
    for name, coefficient in SHIFTS.items():
        if name in data:
            # column by column: a matrix product need not round the same from one process to the next
            added = sum(data[name][:, j] * value[coefficient][j] for j in range(columns[coefficient]))
            y = y - added[:, None] * (data["month"] if name == "slope_moderators" else np.float64(1.0))
    return y


def _powers(value: dict[str, Any], lag: Any) -> Any:
    """What the within-study correlation is raised to: the lags, or these to the power of their decay."""
    import pytensor.tensor as pt

    if "decay_within" not in value:
        return lag
    apart = pt.gt(lag, np.float64(0.0))
    return pt.switch(apart, pt.where(apart, lag, np.float64(1.0)) ** value["decay_within"], np.float64(0.0))


def _mean(shape: str, value: dict[str, Any], data: dict[str, Any], visits: int) -> list[Any]:
    """Mean at each visit."""
    import pytensor.tensor as pt

    if shape == "visit":
        return [value["m"][t] for t in range(visits)]
    if shape == "spline":
        return [(data["basis"][t] * value["coef"]).sum() for t in range(visits)]
    month = [data["month"][t] for t in range(visits)]
    if shape == "linear":
        return [value["intercept"] + value["slope"] * t for t in month]
    if shape == "emax":
        return [value["e0"] + value["emax"] * t / (value["et50"] + t) for t in month]
    if shape == "gp":
        return _process(value, month)
    change = value["change"]
    return [
        value["level"]
        + value["slope1"] * pt.minimum(t, change)
        + value["slope2"] * pt.maximum(t - change, np.float64(0.0))
        for t in month
    ]


def _process(value: dict[str, Any], month: list[Any]) -> list[Any]:
    """A Gaussian process at the visits: level plus amplitude times the factor of its correlations."""
    import pytensor.tensor as pt

    factor: list[list[Any]] = []
    for i, at in enumerate(month):
        row: list[Any] = []
        for j in range(i + 1):
            scaled = np.float64(math.sqrt(3.0)) * (at - month[j]) / value["length"]
            entry = (np.float64(1.0) + scaled) * pt.exp(-scaled)
            if i == j:
                entry = entry + np.float64(JITTER)
            for a, b in zip(row, factor[j] if j < i else row, strict=False):
                entry = entry - a * b
            row.append(pt.sqrt(entry) if i == j else entry / factor[j][j])
        factor.append(row)
    z = value["deviate"]
    return [value["level"] + value["amplitude"] * sum(a * z[j] for j, a in enumerate(row)) for row in factor]


def _between(structure: str, value: dict[str, Any], data: dict[str, Any], visits: int) -> list[list[Any]]:
    """Lower triangle of the covariance of study effects."""
    import pytensor.tensor as pt

    tau: Any = value["tau"]
    rho: Any = value.get("rho")
    zero = np.float64(0.0)
    if structure == "unstructured":
        return _free(tau, rho, visits)

    def entry(i: int, j: int) -> Any:
        """Covariance of visits i and j, j at most i."""
        if structure == "diagonal":
            return tau[i] ** 2 if i == j else zero
        if structure == "har":
            return tau[i] * tau[j] * rho ** (i - j)
        if i == j:
            return tau**2
        if structure == "cs":
            return tau**2 * rho
        return tau**2 * pt.exp(pt.log(rho) * (data["month"][i] - data["month"][j]))

    return [[entry(i, j) for j in range(i + 1)] for i in range(visits)]


def _free(tau: Any, rho: Any, visits: int) -> list[list[Any]]:
    """Any covariance: the factor of its correlations row by row, a stick broken by each partial one."""
    import pytensor.tensor as pt

    at = {pair: i for i, pair in enumerate((k, j) for k in range(visits) for j in range(k + 1, visits))}
    rows: list[list[Any]] = []
    for j in range(visits):
        row: list[Any] = []
        left: Any = np.float64(1.0)
        for k in range(j):
            partial = rho[at[k, j]]
            row.append(partial * pt.sqrt(left))
            left = left * (np.float64(1.0) - partial**2)
        rows.append([*row, pt.sqrt(left)])
    return [
        [tau[i] * tau[j] * sum(a * b for a, b in zip(rows[i], rows[j], strict=False)) for j in range(i + 1)]
        for i in range(visits)
    ]


def _log_density(
    y: Any, seen: Any, mean: list[Any], between: list[list[Any]], within: Any, visits: int
) -> Any:
    """Sum over studies of the log density of what each has seen."""
    import pytensor.tensor as pt

    factor: list[list[Any]] = []
    total = -np.float64(0.5) * LOG_2PI * seen.sum()
    whitened: list[Any] = []
    for i in range(visits):
        row: list[Any] = []
        for j in range(i + 1):
            both = seen[:, i] * seen[:, j]
            value = both * (between[i][j] + within[:, i, j])
            if i == j:
                value = value + np.float64(1.0) - seen[:, i]
            for a, b in zip(row, factor[j] if j < i else row, strict=False):
                value = value - a * b
            row.append(pt.sqrt(value) if i == j else value / factor[j][j])
        factor.append(row)
        residual = seen[:, i] * (y[:, i] - mean[i])
        for a, b in zip(row, whitened, strict=False):
            residual = residual - a * b
        whitened.append(residual / row[i])
        total = total - (pt.log(row[i]) + np.float64(0.5) * whitened[i] ** 2).sum()
    return total
