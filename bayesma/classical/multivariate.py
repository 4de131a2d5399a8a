"""What is the classical answer over several visits? Multivariate random effects by REML or ML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bayesma.classical.intervals import checked_level
from bayesma.classical.multivariate_fit import BETWEEN, MEANS, Data, Optimum, design_of, optimise
from bayesma.errors import OptionError
from bayesma.evidence.moderators import read_moderators
from bayesma.evidence.trajectories import Trajectories

type Array = NDArray[np.float64]

METHODS = ("REML", "ML")


@dataclass(frozen=True, slots=True, eq=False)
class MultivariateFit:
    """A classical fit over visits, analysis scale.

    Attributes
    ----------
    table
        Index: ``m[3]`` ... or ``intercept``, ``slope``; then ``beta[...]`` and ``beta_slope[...]``.
        Columns estimate, se, ci_low, ci_high, p_value, by normal quantiles.
    covariance
        Of the coefficients, shape (p, p).
    tau2, rho
        Between-study variances, one a visit or one for all; the correlation, NaN where there is none and
        where no study was seen at two visits that vary between studies, so that nothing tells it.
    between_covariance
        Of study effects over visits, shape (t, t).
    log_likelihood
        Restricted or full.
    k, n_estimates
        Studies, and estimates in all.
    method, between, trajectory, level
        As asked.
    notes
        What must be read with it: variances at 0, a correlation at its limit.
    """

    table: pd.DataFrame
    covariance: Array
    tau2: Array
    rho: float
    between_covariance: Array
    log_likelihood: float
    k: int
    n_estimates: int
    method: str
    between: str
    trajectory: str
    level: float
    notes: tuple[str, ...]

    @property
    def tau(self) -> Array:
        """Between-study standard deviations."""
        return np.sqrt(self.tau2)

    @property
    def aic(self) -> float:
        """Akaike's criterion; coefficients count under REML too, as in metafor."""
        free = BETWEEN[self.between].free(len(self.between_covariance))
        return 2.0 * (len(self.table) + free - self.log_likelihood)

    def to_series(self) -> pd.Series:
        """Every number by name.

        ``m[6]`` and ``se_m[6]`` (or ``slope``), ``tau2[6]`` (or ``tau2``), ``rho``, ``log_likelihood`` and
        ``aic``.
        """
        numbers = self.table["estimate"].to_dict()
        numbers |= {f"se_{name}": se for name, se in self.table["se"].items()}
        alone = self.tau2.size == 1
        visits = [str(name).removeprefix("m") for name in self.table.index]
        numbers |= {f"tau2{'' if alone else visits[i]}": float(v) for i, v in enumerate(self.tau2)}
        numbers |= {"rho": self.rho, "log_likelihood": self.log_likelihood, "aic": self.aic}
        return pd.Series(numbers, dtype=float)

    def contrast(self, weights: ArrayLike) -> pd.Series:
        """A weighted sum of the coefficients: estimate, se, ci_low, ci_high, p_value.

        Parameters
        ----------
        weights
            One a coefficient, in the order of `table`.

        Raises
        ------
        OptionError
            When there are not as many weights as coefficients, or they are not finite, or all 0.
        """
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != (len(self.table),):
            raise OptionError(f"contrast takes {len(self.table)} weights, one a coefficient; got {w.size}")
        if not np.all(np.isfinite(w)) or not np.any(w):
            raise OptionError(f"contrast takes finite weights, not all of them 0; got {w.tolist()}")
        estimate = float(w @ self.table["estimate"].to_numpy())
        return _rows(np.array([estimate]), np.array([math.sqrt(w @ self.covariance @ w)]), self.level).iloc[0]


def multivariate(
    trajectories: Trajectories,
    *,
    between: str = "har",
    trajectory: str = "visit",
    method: str = "REML",
    level: float = 0.95,
    moderators: Sequence[str] = (),
    slope_moderators: Sequence[str] = (),
) -> MultivariateFit:
    """Multivariate random-effects meta-analysis over visits by restricted or full maximum likelihood.

    Parameters
    ----------
    trajectories
        Estimates by study and visit with a known within-study covariance.
    between
        Covariance of study effects: ``"diagonal"``, ``"cs"``, ``"har"`` or ``"ou"``, as in `fit`; the
        correlation of ``"cs"`` may be negative, as far as the matrix stays positive definite.
    trajectory
        ``"visit"`` or ``"linear"``.
    method
        ``"REML"`` or ``"ML"``.
    level
        Coverage of the intervals.
    moderators, slope_moderators
        Columns of the evidence's `table` that shift the effect, and its change a month; centred and scaled as
        in `fit` (`bayesma.evidence.moderators`).

    Raises
    ------
    OptionError
        For unknown options, a within-study correlation that is a prior, one study, a line through one visit,
        a visit of one study that is to have a variance of its own, fewer estimates than parameters, and
        moderators that cannot be told apart.

    References
    ----------
    Jackson, Riley and White 2011, doi 10.1002/sim.4172; Ishak et al. 2007, doi 10.1177/1740774507083567.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> frame = pd.DataFrame({"study": list("AABBCC"), "month": [3, 6] * 3, "se": 0.2})
    >>> frame["y"] = [-1.0, -1.4, -0.6, -0.7, -1.3, -2.1]
    >>> months = bm.Trajectories.from_estimates(
    ...     frame, study="study", month="month", estimate="y", se="se", within_correlation=0.5
    ... )
    >>> bm.multivariate(months, between="cs").table["estimate"].round(2).to_dict()
    {'m[3]': -0.97, 'm[6]': -1.4}
    """
    _check(trajectories, between, trajectory, method)
    level = checked_level(level)
    month = trajectories.visit
    design, further = _with_moderators(
        trajectories, design_of(trajectory, month), moderators, slope_moderators
    )
    data = Data.padded(trajectories.y, trajectories.within.sum(axis=-1), month, design)
    p, free = data.design.shape[2], BETWEEN[between].free(month.size)
    _check_size(trajectories.k, trajectory, month.size, data.size, p, free)
    if further and np.linalg.matrix_rank(data.design.reshape(-1, p)) < p:
        raise OptionError(
            f"multivariate: {', '.join(further)} cannot be told apart in these studies; leave one or more out"
        )
    if method == "REML" and trajectory == "visit" and BETWEEN[between].each:
        _check_alone(data)
    best = optimise(data, BETWEEN[between], restricted=method == "REML")
    covariance = np.linalg.inv(best.information)
    labels = [f"m[{m:g}]" for m in month] if trajectory == "visit" else ["intercept", "slope"]
    table = _rows(best.coefficients, np.sqrt(np.diag(covariance)), level)
    table.index = pd.Index([*labels, *further], name="coefficient")
    return MultivariateFit(
        table=table,
        covariance=covariance,
        tau2=best.tau2,
        rho=best.rho,
        between_covariance=best.between,
        log_likelihood=best.log_likelihood,
        k=trajectories.k,
        n_estimates=data.size,
        method=method,
        between=between,
        trajectory=trajectory,
        level=level,
        notes=_notes(best, trajectories, between),
    )


def _with_moderators(
    trajectories: Trajectories, design: Array, moderators: Sequence[str], slope_moderators: Sequence[str]
) -> tuple[Array, list[str]]:
    """The design with each study's own columns beside those of the mean, (k, t, p), and their labels."""
    month, studies = trajectories.visit, trajectories.study.tolist()
    parts = [np.broadcast_to(design, (trajectories.k, *design.shape))]
    labels: list[str] = []
    kinds = (("beta", moderators, np.ones_like(month)), ("beta_slope", slope_moderators, month))
    for name, columns, time in kinds:
        if columns:
            read = read_moderators(trajectories.table, columns, studies, trajectories.source)
            parts.append(read.values[:, None, :] * time[:, None])
            labels += [f"{name}[{label}]" for label in read.labels]
    return np.concatenate(parts, axis=-1), labels


def _check(trajectories: Trajectories, between: str, trajectory: str, method: str) -> None:
    """Refuse what has no classical answer."""
    if not isinstance(trajectories, Trajectories):
        raise OptionError(f"multivariate takes Trajectories; a {type(trajectories).__name__} was given")
    for name, value, known in (
        ("between", between, tuple(BETWEEN)),
        ("trajectory", trajectory, MEANS),
        ("method", method, METHODS),
    ):
        if value not in known:
            raise OptionError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, known))}")
    if trajectories.lag.size > 1:
        raise OptionError(
            "multivariate needs a number for the within-study correlation, and this evidence has a prior on "
            f"it ({trajectories.within_correlation}); build it again with, say, within_correlation=0.7"
        )


def _check_size(k: int, trajectory: str, visits: int, size: int, p: int, free: int) -> None:
    """Refuse what the evidence is too small for."""
    if k == 1:
        raise OptionError(
            "multivariate: 1 study cannot tell how studies differ; read its own estimates, or use fit(...) "
            "with priors"
        )
    if visits < 2 and trajectory == "linear":
        raise OptionError(
            "trajectory='linear' needs at least 2 visits, and there is 1; use trajectory='visit'"
        )
    if size < p + free:
        raise OptionError(
            f"multivariate: {size} estimates cannot tell {p} coefficients and {free} covariance parameters; "
            "use a `between` or `trajectory` with fewer ('cs', 'linear'), or fit(...) with priors"
        )


def _check_alone(data: Data) -> None:
    """Refuse a visit of one study: its free mean takes up its estimate, and REML is flat in its variance."""
    alone = data.month[data.seen.sum(axis=0) == 1]
    if alone.size:
        raise OptionError(
            f"multivariate: one study alone was seen at months {', '.join(f'{m:g}' for m in alone)}, which "
            "cannot tell a variance of their own; use between='cs' or 'ou' (one variance for all), leave "
            "them out, or fit(...) with priors"
        )


def _rows(estimate: Array, se: Array, level: float) -> pd.DataFrame:
    """Wald intervals and two-sided p-values."""
    half = stats.norm.ppf(0.5 + level / 2.0) * se
    p_value = 2.0 * stats.norm.sf(np.abs(estimate) / se)
    columns = {"estimate": estimate, "se": se, "ci_low": estimate - half, "ci_high": estimate + half}
    return pd.DataFrame({**columns, "p_value": p_value})


def _notes(best: Optimum, trajectories: Trajectories, between: str) -> tuple[str, ...]:
    """Estimates at the edge of what they can be."""
    notes = [*trajectories.notes]
    zero = best.tau2 <= best.smallest
    if np.any(zero):
        each = best.tau2.size > 1
        where = ", ".join(f"{m:g}" for m in trajectories.visit[zero]) if each else "all visits"
        notes.append(f"the between-study variance is estimated at 0 (months: {where})")
    if BETWEEN[between].correlated(trajectories.visit.size) and np.isnan(best.rho):
        notes.append(
            "the between-study correlation cannot be estimated: no study was seen at two visits that vary "
            "between studies"
        )
    if best.rho_at_limit:
        notes.append(
            f"the between-study correlation is estimated at its limit ({best.rho:.4f}): the data do not "
            "determine it, and standard errors take it as known"
        )
    seen = np.isfinite(trajectories.y).sum(axis=0)
    if np.any(seen == 1):
        alone = ", ".join(f"{m:g}" for m in trajectories.visit[seen == 1])
        notes.append(f"one study alone was seen at months {alone}")
    return tuple(notes)
