"""How is a curve with its intervals drawn over months? A line, a darker band about it and a lighter one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import style
from bayesma.plots.legend import Key
from bayesma.posterior.numbers import is_number
from bayesma.words.numbers import Interval

type Array = NDArray[np.float64]

INNER = 0.5  # probability of the darker band
WHITE = 3.2  # points, under a line


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A median or mean with its intervals over months, (months,) each; the inner interval may be missing."""

    month: Array
    middle: Array
    low: Array
    high: Array
    inner: tuple[Array, Array] | None = None

    def at(self, month: Array) -> Array:
        """The middle between its months."""
        return np.interp(month, self.month, self.middle)

    @property
    def intervals(self) -> list[Interval]:
        """One a month."""
        rows = zip(self.middle, self.low, self.high, strict=True)
        return [Interval(*map(float, row)) for row in rows]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a band and its line.

    Attributes
    ----------
    name
        In the labels of its artists, and in the legend.
    color, fill, inner
        Of line and ends, of the outer and of the inner interval.
    line
        Style of the median; empty for none.
    ends
        Style of the ends.
    alpha
        Of the outer interval.
    """

    name: str
    color: str
    fill: str
    inner: str = style.MID_FILL
    line: Any = "-"
    ends: Any = "-"
    alpha: float = 0.75

    def key(self, words: str) -> Key:
        """Its entry in the legend."""
        return Key(words, self.color, fill=self.fill, line=self.line or self.ends)


def check_outer(ci_prob: float) -> None:
    """Raise unless an interval can have this probability and holds the inner one."""
    if not (is_number(ci_prob) and INNER < ci_prob < 1.0):
        raise OptionError(
            f"ci_prob is {ci_prob!r}; it must lie between {INNER:g}, the darker band, and 1, for example 0.95"
        )


def draw_band(axes: Axes, band: Band, look: Look, zorder: float) -> None:
    """Outer interval, its ends, inner interval, and the median from `zorder` to 2 above it."""
    axes.fill_between(
        band.month,
        band.low,
        band.high,
        facecolor=look.fill,
        edgecolor="none",
        alpha=look.alpha,
        zorder=zorder,
        label=f"_{look.name} band",
    )
    for end in (band.low, band.high):
        axes.plot(
            band.month,
            end,
            color=look.color,
            linewidth=0.7,
            linestyle=look.ends,
            alpha=0.8,
            zorder=zorder + 0.1,
            label=f"_{look.name} end",
        )
    if band.inner is not None:
        axes.fill_between(
            band.month,
            *band.inner,
            facecolor=look.inner,
            edgecolor="none",
            alpha=0.75,
            zorder=zorder + 0.2,
            label=f"_{look.name} inner band",
        )
    if look.line:
        axes.plot(
            band.month,
            band.middle,
            color=look.color,
            linewidth=1.8,
            linestyle=look.line,
            zorder=zorder + 2.0,
            label=f"_{look.name} median",
        )
