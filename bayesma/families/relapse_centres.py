"""Likelihood of studies with several centres: the centres' shifts integrated out, then the study's.

The NumPy route of family `relapse`; the PyMC route samples both.
"""

from __future__ import annotations

import math

import numpy as np

from bayesma.families.relapse_kernels import WIDTH, Array, Rows, integral, terms
from bayesma.numerics.jit import compiled, unlocked
from bayesma.numerics.threads import by_rows

POINTS = 41  # of the trapezoid rule over a study's shift
DROP = 38.0  # the integrand is followed until it has fallen to exp(-38) of its peak
FARTHEST = 1e6  # standardised shifts beyond which no peak is looked for
NARROWINGS, CLOSER = 20, 5  # of the brackets of the peak and of the ends, which need not be exact
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
FARTHEST_SHIFT = 150.0  # of a study, beyond which everybody has relapsed; a centre's own comes on top
FEWEST = 16  # draws for which a thread is worth starting


@compiled
def _height(z: float, sd: Array, parts: Array, numbers: Rows, fixed: Array) -> float:
    """Log of the likelihood of all centres and density of the study's shift sd[0] z, but for a constant."""
    value, shift = -0.5 * z * z, min(sd[0] * z, FARTHEST_SHIFT)
    factor = math.exp(shift)
    moved, events = np.empty(3), np.empty((parts.shape[1], WIDTH))
    for c in range(numbers.size):
        moved[0], moved[1] = fixed[c, 0] + fixed[c, 1] * shift, fixed[c, 1]
        moved[2] = fixed[c, 2] * factor
        for row in range(numbers[c]):
            events[row, 0] = parts[c, row, 0] * factor
            events[row, 1:] = parts[c, row, 1:]
        value += integral(sd[1], events, numbers[c], moved)
    return float(value)


@compiled
def _top(sd: Array, parts: Array, numbers: Rows, fixed: Array) -> float:
    """Where the integrand, which is log-concave, is about highest."""
    ends = np.empty(2)
    middle = _height(0.0, sd, parts, numbers, fixed)
    for side in range(2):
        sign, last, far = 2.0 * side - 1.0, middle, 1.0
        while far < FARTHEST:
            value = _height(sign * far, sd, parts, numbers, fixed)
            if not value > last:
                break
            last, far = value, 2.0 * far
        ends[side] = sign * far
    low, high = ends
    points = np.array([high - GOLDEN * (high - low), low + GOLDEN * (high - low)])
    values = np.array([_height(z, sd, parts, numbers, fixed) for z in points])
    for _ in range(NARROWINGS):
        if values[0] > values[1]:
            high = points[1]
            points[1], values[1] = points[0], values[0]
            points[0] = high - GOLDEN * (high - low)
            values[0] = _height(points[0], sd, parts, numbers, fixed)
        else:
            low = points[0]
            points[0], values[0] = points[1], values[1]
            points[1] = low + GOLDEN * (high - low)
            values[1] = _height(points[1], sd, parts, numbers, fixed)
    return 0.5 * (low + high)


@compiled
def _end(
    top: float,
    sign: float,
    least: float,
    sd: Array,
    parts: Array,
    numbers: Rows,
    fixed: Array,
) -> float:
    """Where the integrand has fallen to `least` on one side of its top."""
    near, far = 0.0, 1.0
    while far < FARTHEST and _height(top + sign * far, sd, parts, numbers, fixed) >= least:
        near, far = far, 2.0 * far
    for _ in range(CLOSER):
        middle = 0.5 * (near + far)
        if _height(top + sign * middle, sd, parts, numbers, fixed) < least:
            far = middle
        else:
            near = middle
    return top + sign * far


@compiled
def _study(sd: Array, parts: Array, numbers: Rows, fixed: Array) -> float:
    """Log likelihood of the centres of a study."""
    if numbers.size == 1 or sd[0] == 0.0:
        value = 0.0
        for c in range(numbers.size):
            value += integral(math.hypot(sd[0], sd[1]), parts[c], numbers[c], fixed[c])
        return value
    top = _top(sd, parts, numbers, fixed)
    peak = _height(top, sd, parts, numbers, fixed)
    if not np.isfinite(peak):
        return -np.inf
    low = _end(top, -1.0, peak - DROP, sd, parts, numbers, fixed)
    high = _end(top, 1.0, peak - DROP, sd, parts, numbers, fixed)
    step, total = (high - low) / (POINTS - 1), 0.0
    for m in range(POINTS):
        total += math.exp(_height(low + m * step, sd, parts, numbers, fixed) - peak)
    return peak + math.log(total * step) - 0.5 * math.log(2.0 * math.pi)


@unlocked
def _marginals(
    sd: Array,
    relapse: Array,
    half: Array,
    death: Array,
    first: Rows,
    counts: Array,
    cluster: Rows,
    group: Rows,
    k: int,
) -> Array:
    """See `log_marginals`."""
    result = np.empty((len(sd), k))
    for i in range(k):
        groups = np.unique(group[cluster == i])
        numbers, fixed = np.empty(groups.size, dtype=np.intp), np.empty((groups.size, 3))
        parts = np.empty((groups.size, relapse.shape[1], WIDTH))
        for j in range(len(sd)):
            for c in range(groups.size):
                rows = np.flatnonzero(group == groups[c])
                numbers[c], fixed[c] = terms(rows, first, relapse[j], half[j], death[j], counts, parts[c])
            result[j, i] = _study(sd[j], parts, numbers, fixed)
    return result


def log_marginals(
    sd: Array,
    relapse: Array,
    half: Array,
    death: Array,
    first: Rows,
    counts: Array,
    cluster: Rows,
    group: Rows,
    k: int,
) -> Array:
    """Log likelihood of each study integrated over u ~ N(0, s^2) and its centres around u, (n, k).

    Multinomial coefficients are left out.

    Parameters
    ----------
    sd
        Of the shifts between studies, and between centres of a study: shape (n, 2).
    group
        Number of each row's centre, shape (rows,).
    relapse, half, death, first, counts, cluster, k
        As in `relapse_kernels.log_marginals`.
    """
    return by_rows(
        lambda part: _marginals(
            sd[part], relapse[part], half[part], death[part], first, counts, cluster, group, k
        ),
        len(sd),
        FEWEST,
    )
