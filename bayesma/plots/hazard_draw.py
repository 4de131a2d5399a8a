"""How are intensities drawn over months? As steps with intervals, the prior behind the posterior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from bayesma.plots import style
from bayesma.plots.bands import Band, Look, draw_band

POSTERIOR = Look("posterior", style.POSTERIOR, style.POSTERIOR_FILL)
PRIOR = Look("prior", style.MUTED, style.OTHER_FILL, line=(0, (4, 2)), ends=(0, (1, 1.5)), alpha=0.9)
CUT = (0, (1, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Intensities:
    """What the graph shows, logs of relapses per 100 patients and month.

    Attributes
    ----------
    posterior, prior
        Over months; both ends of every step where the intensity has periods.
    cuts
        Months at which one period ends and the next begins.
    """

    posterior: Band
    prior: Band
    cuts: tuple[float, ...]


def reaches_beyond(band: Band, span: tuple[float, float]) -> bool:
    """Whether an interval leaves the axis."""
    return bool(np.any(band.low < span[0]) or np.any(band.high > span[1]))


def draw_intensities(axes: Axes, shown: Intensities) -> None:
    """Everything inside the graph, whose limits must be set."""
    draw_band(axes, shown.prior, PRIOR, 1.0)
    draw_band(axes, shown.posterior, POSTERIOR, 1.4)
    for month in shown.cuts:
        axes.axvline(month, color=style.RULE, linewidth=0.7, linestyle=CUT, zorder=0.5, label="_cut")
