"""Where is the likelihood of a mixed model of counts highest? The search, its nodes and its checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesma.classical.glmm_models import Integrate, Model
from bayesma.classical.jets import FloatArray
from bayesma.classical.optimum import (
    AT_PEAK,
    NO_SCALE,
    SAME_HEIGHT,
    SECOND_AGREES,
    Peak,
    Surface,
    climb,
    distinct,
    second_se,
    together,
)
from bayesma.classical.tables import Tables
from bayesma.errors import BayesmaError

# The search for tau begins at each of these SDs of log odds ratios.
STARTS = (0.1, 0.5, 1.5)
FIRST_NODES, MOST_NODES = 48, 1536
# Without a peak at this many nodes the integrals are not what hides it.
ENOUGH_NODES = 192
# With twice the nodes the log likelihood may move by this much, the place of the peak by AT_PEAK, and the
# curvature by the root of this.
STABLE = 1e-8


@dataclass(frozen=True, slots=True)
class Estimates:
    """Maximum likelihood estimates, logit scale; NaN where there is no maximum.

    Attributes
    ----------
    mu, se, tau, sigma
        Mean effect, its standard error, SD of effects and of intercepts (NaN without).
    log_likelihood
        At the maximum.
    notes
        What the reader must know of the search.
    """

    mu: float
    se: float
    tau: float
    sigma: float
    log_likelihood: float
    notes: tuple[str, ...]


NO_MAXIMUM = "No finite maximum of the likelihood could be confirmed from any start: there is no estimate."


def estimate(
    model: Model, tables: Tables, quadrature: Callable[[int], Integrate], start: float, *, random: bool
) -> Estimates:
    """Fit a model, with nodes doubled until nothing changes.

    Parameters
    ----------
    model
        What to fit.
    tables
        Studies that contribute, at least one.
    quadrature
        Way to integrate from a number of nodes.
    start
        A first guess of mu.
    random
        False holds tau at 0.

    Returns
    -------
    Estimates
        Logit scale.

    Raises
    ------
    BayesmaError
        If the integrals have not settled with `MOST_NODES` nodes.

    Examples
    --------
    >>> from bayesma.classical.glmm_fit import estimate
    >>> from bayesma.classical.glmm_models import TWO_ARM, exact
    >>> from bayesma.classical.tables import Tables
    >>> from bayesma.evidence.counts import TwoArmCounts
    >>> tables = Tables.of(TwoArmCounts.from_counts([1, 0, 4], [40, 22, 61], [5, 3, 9], [41, 20, 60]))
    >>> round(estimate(TWO_ARM["UM.FS"], tables, exact, 0.0, random=True).mu, 3)
    -1.355
    """
    nodes, k = FIRST_NODES, tables.a.size
    first = np.zeros(len(model.names))
    first[model.names.index("mu")] = start
    if "alpha" in model.names:
        share = (tables.events.sum() + 0.5) / (tables.total.sum() + 1.0)
        first[model.names.index("alpha")] = math.log(share / (1 - share))
        first[model.names.index("sigma")] = 0.5
    taus = STARTS if random else ()
    surface = together(model.build(tables, quadrature(nodes)), k)
    peaks = _search(surface, model.names, first, taus)
    while nodes < MOST_NODES:
        finer = together(model.build(tables, quadrature(2 * nodes)), k)
        if peaks and _stable(surface, finer, peaks[0]):
            return _estimates(model, tables, surface, peaks)
        if not peaks and nodes >= ENOUGH_NODES:
            return Estimates(*(math.nan,) * 5, notes=(NO_MAXIMUM,))
        nodes, surface = 2 * nodes, finer
        if peaks:
            first = peaks[0].point
        peaks = _search(surface, model.names, first, taus)
    raise BayesmaError(f"an integral has not settled with {nodes} nodes; please report these counts")


def _search(
    surface: Surface, names: tuple[str, ...], first: FloatArray, taus: tuple[float, ...]
) -> list[Peak]:
    """Peaks from tau = 0 and from each start, the highest first; 0 counts if the likelihood falls from it."""
    place = names.index("tau")
    held = np.where(np.arange(first.size) == place, 0.0, first)
    common = climb(surface, held, [i for i in range(first.size) if i != place])
    if not taus:
        return [] if common is None else [common]
    peaks = []
    for tau in taus:
        begin = (held if common is None else common.point).copy()
        begin[place] = tau
        if "sigma" in names:
            begin[names.index("sigma")] = max(0.3, abs(begin[names.index("sigma")]))
        peak = climb(surface, begin, range(first.size))
        if peak is not None and abs(peak.point[place]) > NO_SCALE:
            point = peak.point.copy()
            signs = np.ones(point.size)
            for name in {"tau", "sigma"} & set(names):
                signs[names.index(name)] = -1.0 if point[names.index(name)] < 0 else 1.0
            peaks.append(Peak(point * signs, peak.height, peak.covariance * np.outer(signs, signs)))
    if common is not None and surface(common.point).hessian[place, place] <= 0:
        peaks.append(common)
    return distinct(peaks)


def _stable(surface: Surface, finer: Surface, peak: Peak) -> bool:
    """Whether twice the nodes change height, place or curvature of the peak."""
    here, there = surface(peak.point), finer(peak.point)
    change = there.gradient - here.gradient
    moved = float(change @ peak.covariance @ change)
    bent = np.abs((there.hessian - here.hessian) @ peak.covariance).max()
    return abs(float(there.value - here.value)) <= STABLE and moved <= AT_PEAK and bool(bent <= STABLE**0.5)


def _estimates(model: Model, tables: Tables, surface: Surface, peaks: list[Peak]) -> Estimates:
    """The numbers of the highest peak, once its standard error has been confirmed."""
    best, names = peaks[0], model.names
    mu, tau = names.index("mu"), names.index("tau")
    se = math.sqrt(best.covariance[mu, mu])
    free = [i for i in range(len(names)) if best.covariance[i, i] > 0]
    scales = [i for i, name in enumerate(names) if name in {"tau", "sigma"}]
    second = second_se(surface, best, free, mu, scales)
    least = 1.0 / math.sqrt(float(model.information(tables).sum()))
    notes = []
    if not abs(second / se - 1.0) <= SECOND_AGREES or se < 0.5 * least:
        notes.append(
            f"The standard error is not given: the Hessian says {se:.3g}, a second computation {second:.3g}, "
            f"and these counts cannot give less than {least:.3g}."
        )
        se = math.nan
    lower = [peak for peak in peaks[1:] if peak.height < best.height - SAME_HEIGHT]
    if lower:
        places = "; ".join(f"mu {peak.point[mu]:.3g}, tau2 {peak.point[tau] ** 2:.3g}" for peak in lower)
        notes.append(
            f"The likelihood has several peaks; the highest is reported, lower ones lie at: {places}."
        )
    sigma = float(best.point[names.index("sigma")]) if "sigma" in names else math.nan
    return Estimates(float(best.point[mu]), se, float(best.point[tau]), abs(sigma), best.height, tuple(notes))
