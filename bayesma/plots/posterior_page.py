"""How is the picture of one posterior put together? Heading, claims, density, axis, legend, caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayesma.measures.base import Measure
from bayesma.plots import caption, scale, style
from bayesma.plots.legend import Key, legend_height, write_legend
from bayesma.plots.posterior_claims import Claim, claims_height, write_claims
from bayesma.plots.text import line_height, wrap, write
from bayesma.posterior.provenance import Provenance
from bayesma.words.numbers import Interval

type Array = NDArray[np.float64]

WIDTH, GRAPH = 6.6, 2.5  # inches: of the figure, and the height of the graph
SIZE = 9.0
BLOCK = 0.1
TICKS = 0.26
BELOW = 0.09  # of the peak, room for the interval below the curve
PRIOR_ROOM = 1.6  # the prior may rise to this many posterior peaks before it is cut
PRIOR_LINE = (0, (4, 2))
MID_LINE = (0, (1, 1.5))


@dataclass(frozen=True, slots=True, eq=False)
class Shading:
    """A part of the area below the curve, and what it means."""

    low: float
    high: float
    color: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What the graph shows, on the analysis scale: curves as values and heights."""

    curve: tuple[Array, Array]
    prior: tuple[Array, Array] | None
    interval: Interval
    span: tuple[float, float]
    shadings: Sequence[Shading]
    null: float | None
    mid: float | None


@dataclass(frozen=True, slots=True)
class Words:
    """Everything written around the graph."""

    title: str
    estimate: str
    xlabel: str
    interval: str
    claims: Sequence[Claim]
    caption: str


def draw_page(shown: Shown, words: Words, origin: Provenance, measure: Measure | None) -> Figure:
    """The whole figure, from top to bottom."""
    keys = _keys(shown, words, measure)
    label = wrap(words.xlabel, WIDTH - 2 * style.MARGIN, SIZE)
    below = wrap(words.caption, WIDTH - 2 * style.MARGIN, style.CAPTION)
    estimate = wrap(words.estimate, WIDTH - 2 * style.MARGIN, SIZE)
    y = style.MARGIN + caption.heading_height(words.title, origin.converged, WIDTH)
    under_title = y
    y += line_height(SIZE) * len(estimate) + 2 * BLOCK
    strip = y
    y += claims_height(words.claims, WIDTH) + (BLOCK if words.claims else 0.0)
    top, axis = y, y + GRAPH
    y = axis + TICKS
    foot = line_height(SIZE) * len(label) + 2 * BLOCK + legend_height(keys, WIDTH, style.CAPTION)
    height = y + foot + line_height(style.CAPTION) * len(below) + style.MARGIN
    figure = style.picture(WIDTH, height)
    sheet = style.sheet(figure, WIDTH, height)
    caption.write_heading(sheet, style.MARGIN, words.title, origin.converged, WIDTH)
    write(sheet, style.MARGIN, under_title, estimate, size=SIZE, top=True)
    write_claims(sheet, words.claims, strip, WIDTH)
    graph = style.graph(figure, 2 * style.MARGIN, WIDTH - 2 * style.MARGIN, top, axis)
    scale.dress(graph, shown.span, WIDTH - 4 * style.MARGIN, measure, SIZE)
    _draw_graph(graph, shown)
    write(sheet, 0.5 * WIDTH, y, label, size=SIZE, align="center", top=True)
    y += line_height(SIZE) * len(label) + BLOCK
    write_legend(sheet, keys, y, WIDTH, style.CAPTION)
    y += legend_height(keys, WIDTH, style.CAPTION) + BLOCK
    write(sheet, style.MARGIN, y, below, size=style.CAPTION, color=style.MUTED, top=True)
    return figure


def _draw_graph(graph: Axes, shown: Shown) -> None:
    """Shaded density, prior, null, minimal important difference, and the interval below."""
    x, height = shown.curve
    peak = float(height.max())
    top = peak
    for part in shown.shadings:
        inside = (x >= part.low) & (x <= part.high)
        graph.fill_between(
            x[inside], 0.0, height[inside], facecolor=part.color, edgecolor="none", label=f"_{part.words}"
        )
    graph.plot(x, height, color=style.POSTERIOR, linewidth=1.4, label="_posterior density")
    if shown.prior is not None:
        graph.plot(
            *shown.prior, color=style.MUTED, linewidth=1.2, linestyle=PRIOR_LINE, label="_prior density"
        )
        top = max(top, min(float(shown.prior[1].max()), PRIOR_ROOM * peak))
    bottom = -BELOW * top
    if shown.null is not None:
        graph.axvline(shown.null, color=style.INK, linewidth=1.0, label="_null", zorder=3)
    if shown.mid is not None:
        graph.axvline(shown.mid, color=style.INK, linewidth=1.0, linestyle=MID_LINE, label="_mid", zorder=3)
    one, y = shown.interval, 0.55 * bottom
    graph.plot(
        [one.low, one.high],
        [y, y],
        color=style.POSTERIOR,
        linewidth=3.0,
        solid_capstyle="butt",
        label="_interval",
    )
    graph.plot(
        [one.point],
        [y],
        marker="o",
        markersize=7.0,
        color=style.POSTERIOR,
        markeredgecolor="white",
        linestyle="none",
        label="_point",
    )
    graph.set_ylim(bottom, 1.04 * top)


def _keys(shown: Shown, words: Words, measure: Measure | None) -> list[Key]:
    """Shadings, prior, interval and reference lines, as far as they are there."""
    keys = [Key(part.words, style.POSTERIOR, fill=part.color, line="") for part in shown.shadings]
    keys.append(Key(words.interval, style.POSTERIOR, "o"))
    if shown.prior is not None:
        keys.append(Key("prior", style.MUTED, line=PRIOR_LINE))
    if shown.null is not None:
        keys.append(Key("no effect" if measure is None else f"no {measure.noun}", style.INK))
    return keys
