"""What is the effect common to all 2 x 2 tables, weighted as Mantel and Haenszel do?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.classical.common_effect import Scatter, common_effect, scatter
from bayesma.classical.intervals import checked_level
from bayesma.classical.result import FrequentistFit
from bayesma.classical.tables import Mask, Tables, named, silent_note
from bayesma.evidence.counts import TwoArmCounts
from bayesma.measures.binary import log_odds_ratio, log_risk_ratio, risk_difference
from bayesma.measures.zero_cells import ZeroCells, corrected_tables
from bayesma.registry import Registry

FloatArray = NDArray[np.float64]

# A variance that is this small beside its two parts is the rounding of an exact 0.
CANCELLED = 1e-12


@dataclass(frozen=True, slots=True)
class Weighting:
    """One measure: how the tables are pooled, what a single table says, and which tables are silent.

    Attributes
    ----------
    pooled
        Estimate and variance from all tables, analysis scale, not finite where undefined.
    single
        Estimates and variances of single tables from their four cells, for Q.
    silent
        Tables that change neither estimate nor variance, shape (k,), and why in words.
    """

    pooled: Callable[[Tables], tuple[float, float]]
    single: Callable[..., tuple[FloatArray, FloatArray]]
    silent: Callable[[Tables], tuple[Mask, str]]


WEIGHTINGS: Registry[Weighting] = Registry("Mantel-Haenszel measure")


def mantel_haenszel(counts: TwoArmCounts, measure: str = "OR", *, level: float = 0.95) -> FrequentistFit:
    """Mantel-Haenszel odds ratio, risk ratio or risk difference; nothing is added to any zero.

    Parameters
    ----------
    counts
        k studies with two arms.
    measure
        ``"OR"``, ``"RR"`` (both pooled on the analysis scale, the log) or ``"RD"``.
    level
        Coverage of the confidence interval, between 0 and 1.

    Returns
    -------
    FrequentistFit
        Analysis scale; `method` is ``"MH OR"`` and so on, tau2 is 0 by assumption, `k` counts the studies
        that contribute, and the notes name the others. Q, I2 and H2 need an estimate of every single study:
        for them, and for them alone, 1/2 is added to the cells of tables with a zero, and studies without
        or with only events are left out (as in metafor). A ratio that does not exist is NaN or infinite,
        without se, interval and p, and a note says why.

    Raises
    ------
    OptionError
        For an unknown `measure` or a `level` that is not between 0 and 1.

    References
    ----------
    Mantel and Haenszel 1959, doi 10.1093/jnci/22.4.719; variance of the log OR: Robins, Breslow and Greenland
    1986, doi 10.2307/2531052; log RR: Greenland and Robins 1985, doi 10.2307/2530643; RD: Sato 1989,
    Biometrics 45:1323-1324.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([1, 0, 4], [40, 22, 61], [5, 3, 9], [41, 20, 60])
    >>> fit = bm.mantel_haenszel(counts)
    >>> round(fit.estimate, 3), round(fit.se, 3)
    (-1.35, 0.528)
    """
    chosen, level = WEIGHTINGS[measure], checked_level(level)
    tables = Tables.of(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = chosen.pooled(tables)
    se = math.sqrt(variance) if math.isfinite(estimate) and variance > 0 else math.nan
    silent, because = chosen.silent(tables)
    spread, corrected = _spread(tables, chosen, estimate)
    q_notes = _q_notes(counts.study, corrected, tables.double_zero & ~silent)
    notes = (
        *counts.notes,
        *silent_note(counts.study, silent, because),
        *_undefined(estimate, se, measure),
        *(() if math.isnan(spread.q) else q_notes),
    )
    used = counts.k - int(silent.sum())
    return common_effect(estimate, se, spread, k=used, method=f"MH {measure}", level=level, notes=notes)


def _spread(tables: Tables, chosen: Weighting, estimate: float) -> tuple[Scatter, Mask]:
    """Q over the studies with both outcomes, and which of them were corrected for it, shape (k,)."""
    informative = ~tables.double_zero
    cells, changed = corrected_tables(tables.cells, ZeroCells())
    y, v = chosen.single(*cells[:, informative])
    return scatter(y, v, estimate), changed & informative


def _q_notes(study: NDArray[np.str_], corrected: Mask, left_out: Mask) -> tuple[str, ...]:
    """For Q a zero needs a correction, for the estimate not: that has to be said."""
    notes = []
    if corrected.any():
        which = named(study[corrected])
        notes.append(f"For Q, I2 and H2, not for the estimate, 1/2 was added to the cells of: {which}.")
    if left_out.any():
        which = named(study[left_out])
        notes.append(f"Q, I2 and H2 leave out the studies in which all had the same outcome: {which}.")
    return tuple(notes)


def _undefined(estimate: float, se: float, measure: str) -> tuple[str, ...]:
    """Why there is no estimate, or no standard error."""
    if math.isfinite(estimate) and math.isfinite(se):
        return ()
    if math.isfinite(estimate):
        return (
            f"All patients of an arm had the same outcome: the {measure} has no standard error, no interval.",
        )
    what = f"the Mantel-Haenszel {measure}"
    if math.isnan(estimate):
        return (f"No study that contributes is left: {what} does not exist.",)
    size = "0 (its log minus infinity)" if estimate < 0 else "infinite"
    no_events, only_events = ("treated", "control") if estimate < 0 else ("control", "treated")
    or_only = f" or the {only_events} arm only events" if measure == "OR" else ""
    return (
        f"In every study that contributes the {no_events} arm has no events{or_only}: {what} is {size}, "
        "without standard error and interval.",
    )


def _odds_ratio(tables: Tables) -> tuple[float, float]:
    """Log odds ratio with the variance of Robins, Breslow and Greenland."""
    p, q = (tables.a + tables.d) / tables.total, (tables.b + tables.c) / tables.total
    r, s = tables.a * tables.d / tables.total, tables.b * tables.c / tables.total
    r_all, s_all = r.sum(), s.sum()
    variance = 0.5 * (
        (p * r).sum() / r_all**2 + (p * s + q * r).sum() / (r_all * s_all) + (q * s).sum() / s_all**2
    )
    return float(np.log(r_all / s_all)), float(variance)


def _risk_ratio(tables: Tables) -> tuple[float, float]:
    """Log risk ratio with the variance of Greenland and Robins."""
    r, s = tables.a * tables.n2 / tables.total, tables.c * tables.n1 / tables.total
    r_all, s_all = r.sum(), s.sum()
    spread = (tables.n1 * tables.n2 * tables.events - tables.a * tables.c * tables.total) / tables.total**2
    return float(np.log(r_all / s_all)), float(spread.sum() / (r_all * s_all))


def _risk_difference(tables: Tables) -> tuple[float, float]:
    """Risk difference with the variance of Sato, which holds for few large and for many small studies."""
    share1, share2 = tables.n1 / tables.total, tables.n2 / tables.total
    weight = (tables.n1 * share2).sum()
    # The products are whole numbers: arms that are equal give an exact 0.
    estimate = ((tables.a * tables.n2 - tables.c * tables.n1) / tables.total).sum() / weight
    p = tables.c * share1**2 - tables.a * share2**2 + share1 * share2 * (tables.n2 - tables.n1) / 2
    q = tables.a * (tables.n2 - tables.c) / tables.total + tables.c * (tables.n1 - tables.a) / tables.total
    parts = np.array([estimate * p.sum(), q.sum() / 2])
    variance = parts.sum() if parts.sum() > CANCELLED * np.abs(parts).sum() else 0.0
    return float(estimate), float(variance / weight**2)


WEIGHTINGS.register(
    "OR",
    Weighting(_odds_ratio, log_odds_ratio, lambda tables: (tables.double_zero, "no events, or only events")),
)
WEIGHTINGS.register(
    "RR", Weighting(_risk_ratio, log_risk_ratio, lambda tables: (tables.events == 0, "no events"))
)
WEIGHTINGS.register(
    "RD", Weighting(_risk_difference, risk_difference, lambda tables: (tables.total == 0, "no patients"))
)
