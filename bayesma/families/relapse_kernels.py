"""Likelihoods of intervals of follow-up as functions of a study's shift in log intensity, and its integral.

The NumPy route of family `relapse`; the PyMC route is written separately.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from bayesma.numerics.jit import compiled, unlocked
from bayesma.numerics.threads import by_rows

type Array = NDArray[np.float64]
type Rows = NDArray[np.intp]

POINTS = 56  # at least, of the trapezoid rule on the window where the integrand matters
STEP, MOST = 0.2, 4001  # log intensities between two points, at most; points, at most
DROP = 38.0  # the integrand is followed until it has fallen to exp(-38) of its peak
FINE, DRAWN = 100, 20.0  # least points of the table that draws are inverted from, and where it ends
FARTHEST = 1e6  # standardised shifts beyond which no peak is looked for
HALVINGS, MOST_HALVINGS = 12, 80  # of the bracket of the peak, which must be exact only where it is steep
TINY = 1e-300  # intensities a float can hold
FARTHEST_SHIFT = 350.0  # beyond which the likelihood is level: everybody has relapsed
CLOSER = 5  # halvings of the bracket of an end
MANY = 0.9  # share lost in a cell from which on what is left is not told by its difference to 1
IMPOSSIBLE = -1e9  # log likelihoods below are not integrated: rounding would outweigh the prior
WIDTH = 7  # numbers that `terms` holds of a cell
FEWEST = 200  # draws for which a thread is worth starting


@compiled
def terms(
    rows: Rows, first: Rows, relapse: Array, half: Array, death: Array, counts: Array, events: Array
) -> tuple[int, Array]:
    """What the log likelihood of a study is made of, as a function of its shift.

    Parameters
    ----------
    rows
        Its intervals.
    first
        Number of the first cell of every interval, and of all cells.
    relapse, death
        Intensity of relapse over each cell at shift 0, and of death; 0 where death is not modelled.
    half
        Intensity of relapse over the first half of each interval at shift 0.
    counts
        Relapses, deaths, patients who leave inside, patients followed to the end, by interval.
    events
        Filled, for every cell of intervals with relapses or deaths: both intensities, their shares in those
        of the interval, relapses and deaths of the interval, and whether the cell is its last; (cells, 7).

    Returns
    -------
    The number of these cells, and: a constant, the factor of the shift, the factor of exp(shift).
    """
    fixed = np.zeros(3)
    n = 0
    for row in rows:
        relapses, deaths, leaving, staying = counts[row]
        begin, end = first[row], first[row + 1]
        own, other = 0.0, 0.0
        for cell in range(begin, end):
            own += relapse[cell]
            other += death[cell]
        fixed[0] -= (staying + 0.5 * leaving) * other
        fixed[1] += relapses
        fixed[2] -= staying * own + leaving * half[row]
        if relapses > 0.0:
            fixed[0] += relapses * (math.log(own) if own > 0.0 else -np.inf)
        if deaths > 0.0:
            fixed[0] += deaths * (math.log(other) if other > 0.0 else -np.inf)
        if relapses + deaths > 0.0:
            for cell in range(begin, end):
                events[n, 0], events[n, 1] = relapse[cell], death[cell]
                events[n, 2] = relapse[cell] / own if own > 0.0 else 0.0
                events[n, 3] = death[cell] / other if other > 0.0 else 0.0
                events[n, 4], events[n, 5] = relapses, deaths
                events[n, 6] = 1.0 if cell == end - 1 else 0.0
                n += 1
    return n, fixed


@compiled
def _height(shift: float, events: Array, n: int, fixed: Array) -> float:
    """Log likelihood of a study at a shift, without multinomial coefficients.

    Who relapses in an interval does so in one of its cells, free of both until then: the cumulative incidence
    is summed over the cells, as that of death is.
    """
    shift = min(shift, FARTHEST_SHIFT)
    factor = math.exp(shift)
    value = fixed[0] + fixed[1] * shift + fixed[2] * factor
    free, relapsed, died = 1.0, 0.0, 0.0
    for i in range(n):
        both = events[i, 0] * factor + events[i, 1]
        lost = -math.expm1(-both)
        gone = free * (lost / both if both > 0.0 else 1.0)
        relapsed += events[i, 2] * gone
        died += events[i, 3] * gone
        if events[i, 6] == 0.0:
            free *= 1.0 - lost if lost < MANY else math.exp(-both)
            continue
        if events[i, 4] > 0.0:
            value += events[i, 4] * (math.log(relapsed) if relapsed > 0.0 else -np.inf)
        if events[i, 5] > 0.0:
            value += events[i, 5] * (math.log(died) if died > 0.0 else -np.inf)
        free, relapsed, died = 1.0, 0.0, 0.0
    return float(value)


@compiled
def _slope(shift: float, events: Array, n: int, fixed: Array) -> float:
    """Derivative of `_height`."""
    factor = math.exp(min(shift, FARTHEST_SHIFT))
    value = fixed[1] + fixed[2] * factor
    free, before = 1.0, 0.0
    relapsed, died, more_relapsed, more_died = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        own = events[i, 0] * factor
        both = own + events[i, 1]
        gone, change, lost = free, -before, -math.expm1(-both)
        if both > TINY:
            gone *= lost / both
            change += own * ((1.0 - lost if lost < MANY else math.exp(-both)) / lost - 1.0 / both)
        relapsed += events[i, 2] * gone
        died += events[i, 3] * gone
        if gone > 0.0:
            more_relapsed += events[i, 2] * gone * change
            more_died += events[i, 3] * gone * change
        if events[i, 6] == 0.0:
            free *= 1.0 - lost if lost < MANY else math.exp(-both)
            before += own
            continue
        if relapsed > 0.0:
            value += events[i, 4] * more_relapsed / relapsed
        if died > 0.0:
            value += events[i, 5] * more_died / died
        free, before = 1.0, 0.0
        relapsed, died, more_relapsed, more_died = 0.0, 0.0, 0.0, 0.0
    return float(value)


@compiled
def _window(s: float, drop: float, events: Array, n: int, fixed: Array) -> tuple[float, float, float]:
    """Where likelihood times N(u; 0, s^2) matters: low, high, and the log of its peak; u = s z."""
    low, high = -1.0, 1.0
    while s * _slope(s * low, events, n, fixed) <= low and low > -FARTHEST:
        low *= 2.0
    while s * _slope(s * high, events, n, fixed) >= high and high < FARTHEST:
        high *= 2.0
    top = 0.5 * (low + high)
    for halving in range(MOST_HALVINGS):
        slope = s * _slope(s * top, events, n, fixed) - top
        if (
            halving >= HALVINGS and abs(slope) * (high - low) <= 1.0
        ):  # concave: the peak is no higher than that
            break
        if slope > 0.0:
            low = top
        else:
            high = top
        top = 0.5 * (low + high)
    peak = _height(s * top, events, n, fixed) - 0.5 * top * top
    ends = np.empty(2)
    for side in range(2):
        sign = 2.0 * side - 1.0
        near, far = 0.0, 1.0
        while far < FARTHEST:
            z = top + sign * far
            if not _height(s * z, events, n, fixed) - 0.5 * z * z >= peak - drop:
                break
            near, far = far, 2.0 * far
        for _ in range(CLOSER):
            middle = 0.5 * (near + far)
            z = top + sign * middle
            if _height(s * z, events, n, fixed) - 0.5 * z * z < peak - drop:
                far = middle
            else:
                near = middle
        ends[side] = top + sign * far
    return ends[0], ends[1], peak


@compiled
def _points(width: float, fewest: int, step: float) -> int:
    """Points of a table over so many shifts that likelihoods, which bend over about 1, are resolved."""
    return int(min(max(fewest, math.ceil(width / step) + 1), MOST))


@compiled
def integral(s: float, events: Array, n: int, fixed: Array) -> float:
    """Log of the likelihood of `terms` integrated over a shift from N(0, s^2)."""
    if s == 0.0 or not np.isfinite(fixed.sum()):
        return float(_height(0.0, events, n, fixed))
    low, high, peak = _window(s, DROP, events, n, fixed)
    if not peak > IMPOSSIBLE:
        return -np.inf
    points = _points(s * (high - low), POINTS, STEP)
    step = (high - low) / (points - 1)
    total = 0.0
    for m in range(points):
        z = low + m * step
        total += math.exp(_height(s * z, events, n, fixed) - 0.5 * z * z - peak)
    return float(peak + math.log(total * step) - 0.5 * math.log(2.0 * math.pi))


@unlocked
def _marginals(
    s: Array, relapse: Array, half: Array, death: Array, first: Rows, counts: Array, cluster: Rows, k: int
) -> Array:
    """See `log_marginals`."""
    result = np.empty((s.size, k))
    events = np.empty((relapse.shape[1], WIDTH))
    for i in range(k):
        rows = np.flatnonzero(cluster == i)
        for j in range(s.size):
            n, fixed = terms(rows, first, relapse[j], half[j], death[j], counts, events)
            result[j, i] = integral(s[j], events, n, fixed)
    return result


def log_marginals(
    s: Array, relapse: Array, half: Array, death: Array, first: Rows, counts: Array, cluster: Rows, k: int
) -> Array:
    """Log likelihood of each study integrated over u ~ N(0, s^2), (n, k); u = 0 where s is 0.

    Multinomial coefficients are left out.

    Parameters
    ----------
    s
        Shape (n,).
    relapse, half, death
        Intensities at u = 0 as in `terms`, shapes (n, cells), (n, rows), (n, cells).
    first
        First cells, shape (rows + 1,), as in `terms`.
    counts
        Shape (rows, 4), as in `terms`.
    cluster
        Number of each row's study, shape (rows,).
    k
        Number of studies.
    """
    return by_rows(
        lambda part: _marginals(s[part], relapse[part], half[part], death[part], first, counts, cluster, k),
        s.size,
        FEWEST,
    )


@unlocked
def _draws(
    uniform: Array,
    s: Array,
    relapse: Array,
    half: Array,
    death: Array,
    first: Rows,
    counts: Array,
    cluster: Rows,
) -> Array:
    """See `draws`."""
    size, k = uniform.shape
    result = np.empty((size, k))
    events, mass = np.empty((relapse.shape[1], WIDTH)), np.empty(MOST)
    for i in range(k):
        rows = np.flatnonzero(cluster == i)
        for j in range(size):
            n, fixed = terms(rows, first, relapse[j], half[j], death[j], counts, events)
            low, high, peak = _window(s[j], DRAWN, events, n, fixed)
            if not peak > IMPOSSIBLE:  # no data come from such parameters, so that any shift will do
                result[j, i] = 0.0
                continue
            points = _points(s[j] * (high - low), FINE, STEP)
            step = (high - low) / (points - 1)
            for m in range(points):
                z = low + m * step
                mass[m] = math.exp(_height(s[j] * z, events, n, fixed) - 0.5 * z * z - peak)
            target, m = uniform[j, i] * (mass[:points].sum() - 0.5 * (mass[0] + mass[points - 1])), 1
            while m < points - 1 and target > 0.5 * (mass[m] + mass[m - 1]):
                target -= 0.5 * (mass[m] + mass[m - 1])
                m += 1
            start, slope = mass[m - 1], mass[m] - mass[m - 1]  # a density linear between two points
            root = math.sqrt(max(start * start + 2.0 * slope * target, 0.0))
            share = 2.0 * target / (start + root) if start + root > 0.0 else 0.5
            result[j, i] = s[j] * (low + step * (m - 1 + min(max(share, 0.0), 1.0)))
    return result


def draws(
    uniform: Array,
    s: Array,
    relapse: Array,
    half: Array,
    death: Array,
    first: Rows,
    counts: Array,
    cluster: Rows,
) -> Array:
    """Shifts u given their study's rows and N(0, s^2) by inversion, at probabilities of shape (n, k)."""
    return by_rows(
        lambda part: _draws(
            uniform[part], s[part], relapse[part], half[part], death[part], first, counts, cluster
        ),
        s.size,
        FEWEST,
    )


def log_ways(counts: Array) -> Array:
    """Log of the number of ways to choose who relapses and who dies, shape (rows,)."""
    rest = counts[:, 2] + counts[:, 3]
    result = gammaln(counts.sum(axis=1) + 1.0) - gammaln(rest + 1.0)
    return np.asarray(result - gammaln(counts[:, 0] + 1.0) - gammaln(counts[:, 1] + 1.0))


@unlocked
def at_intensities(log_intensity: Array, width: Array, counts: Array, cluster: Rows) -> Array:
    """Log likelihood of each study at a constant log monthly intensity, both (k, g); width (rows,) in months.

    Death is not modelled.
    """
    result = np.empty(log_intensity.shape)
    events, first = np.empty((width.size, WIDTH)), np.arange(width.size + 1)
    for i in range(result.shape[0]):
        rows = np.flatnonzero(cluster == i)
        n, fixed = terms(rows, first, width, 0.5 * width, np.zeros(width.size), counts, events)
        for j in range(result.shape[1]):
            result[i, j] = _height(log_intensity[i, j], events, n, fixed)
    return result
