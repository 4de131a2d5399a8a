"""How is the gain of repeating drawn against its month? A line for each belief, intervals side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.plots import style
from bayesma.plots.bands import Band
from bayesma.plots.legend import Key

type Array = NDArray[np.float64]

ASIDE = 0.2  # of the least distance between months, from one belief to the next
OUTER, INNER = 1.0, 3.2  # points, of the two intervals


@dataclass(frozen=True, slots=True)
class Mark:
    """How one belief is drawn."""

    color: str
    marker: str
    line: Any

    def key(self, words: str) -> Key:
        """Its entry in the legend."""
        return Key(words, self.color, self.marker, line=self.line)


MARKS = (
    Mark(style.MUTED, "s", (0, (1, 1.2))),
    Mark(style.POSTERIOR, "o", "-"),
    Mark(style.NEW, "^", (0, (5, 1.5))),
)


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """What one belief promises.

    Attributes
    ----------
    belief
        Its name.
    law
        Distribution of the restoration as it is written.
    band
        Months free of relapse gained, over months of the repeat.
    above
        Probability that something is gained, as printed, by month.
    mark
        How it is drawn.
    """

    belief: str
    law: str
    band: Band
    above: tuple[str, ...]
    mark: Mark


def draw_gains(axes: Axes, gains: Sequence[Gain]) -> None:
    """Everything inside the graph, whose limits must be set."""
    axes.axhline(0.0, color=style.INK, linewidth=0.9, zorder=1.5, label="_zero")
    middle = 0.5 * (len(gains) - 1)
    for number, gain in enumerate(gains):
        month = gain.band.month + (number - middle) * ASIDE * _least(gain.band.month)
        _draw(axes, gain, month)


def reach(months: Array) -> float:
    """Months that bars and markers take left of the first month and right of the last."""
    return 0.5 * _least(months)


def _least(months: Array) -> float:
    """Least distance between months; 1 where there is one only."""
    return float(np.diff(months).min()) if months.size > 1 else 1.0


def _draw(axes: Axes, gain: Gain, month: Array) -> None:
    """Both intervals at every month, and the expected gains joined."""
    band, mark = gain.band, gain.mark
    spans = [(OUTER, (band.low, band.high))]
    spans += [] if band.inner is None else [(INNER, band.inner)]
    for width, ends in spans:
        axes.vlines(month, *ends, colors=mark.color, linewidth=width, zorder=2.0, label="_interval")
    axes.plot(
        month, band.middle, color=mark.color, linewidth=1.2, linestyle=mark.line, zorder=3.0, label="_gain"
    )
    axes.plot(
        month,
        band.middle,
        color=mark.color,
        linestyle="none",
        marker=mark.marker,
        markersize=5.0,
        markeredgecolor="white",
        markeredgewidth=0.6,
        zorder=3.5,
        label="_gain point",
    )
