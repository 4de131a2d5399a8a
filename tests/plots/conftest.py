"""Fits to draw, and the questions every figure is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

import bayesma as bm

type Fitter = Callable[..., xr.DataTree]

TOUCH = 0.5  # pixels at 150 dpi that two boxes may share: antialiasing, invisible


def simulated(k: int, measure: str = "SMD") -> bm.Effects:
    """Reproducible studies of very different sizes."""
    rng = np.random.default_rng(k)
    se = np.exp(rng.normal(-1.2, 0.5, k))
    y = rng.normal(-0.3, 0.2, k) + se * rng.normal(size=k)
    return bm.Effects.from_estimates(y, se, [f"Trial {i + 1} of {k}" for i in range(k)], measure)


@pytest.fixture(scope="session")
def fitted() -> Fitter:
    """Exact fits of k simulated studies, each computed once."""
    known: dict[tuple[int, str, str], xr.DataTree] = {}

    def fit(k: int, measure: str = "SMD", random_effects: str = "normal") -> xr.DataTree:
        key = (k, measure, random_effects)
        if key not in known:
            effects = simulated(k, measure)
            known[key] = bm.fit(
                effects, engine="exact", random_seed=1, draws=50, random_effects=random_effects
            )
        return known[key].copy()

    return fit


@pytest.fixture(scope="session")
def bcg() -> bm.Effects:
    """Thirteen trials of the BCG vaccine, risk ratios."""
    return bm.effect_sizes(
        bm.load_data("bcg"),
        "RR",
        events_treat="tpos",
        nonevents_treat="tneg",
        events_ctrl="cpos",
        nonevents_ctrl="cneg",
        study=["author", "year"],
    )


@pytest.fixture(scope="session")
def bcg_fit(bcg: bm.Effects) -> xr.DataTree:
    """Their exact posterior."""
    return bm.fit(bcg, engine="exact", random_seed=1, draws=50)


def axes_of(figure: Figure, label: str) -> Axes:
    """The sheet or the graph."""
    return next(axes for axes in figure.axes if axes.get_label() == label)


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every visible text with its box in pixels."""
    figure.canvas.draw()
    graph = axes_of(figure, "graph")
    texts = [text for axes in figure.axes for text in axes.texts] + list(graph.get_xticklabels())
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]


def collisions(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts whose boxes overlap, and texts that leave the figure."""
    boxes = text_boxes(figure)
    x0, y0, x1, y1 = np.array([box.extents for _, box in boxes]).T
    width = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
    height = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    over = np.triu((width > TOUCH) & (height > TOUCH), 1)
    pairs = [(boxes[i][0], boxes[j][0]) for i, j in np.argwhere(over)]
    whole = figure.bbox
    out = (x0 < 0) | (y0 < 0) | (x1 > whole.width) | (y1 > whole.height)
    return pairs + [(boxes[i][0], "outside the figure") for i in np.flatnonzero(out)]


def points(figure: Figure, label: str) -> np.ndarray:
    """Markers or ends of lines with a label: x values, one row an artist, in drawing order."""
    lines = [line for line in axes_of(figure, "graph").lines if line.get_label() == label]
    return np.array([np.asarray(line.get_xdata(), dtype=float) for line in lines])


def words(figure: Figure) -> str:
    """All texts in drawing order."""
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
