"""Has every study of the shrinkage trace its name, apart from the others, and the caption what is drawn?"""

from __future__ import annotations

import itertools

import pytest

import bayesma as bm

from .conftest import Fitter


@pytest.mark.parametrize("k", [3, 40])
def test_every_name_is_seen_and_the_caption_says_what_is_drawn(fitted: Fitter, k: int) -> None:
    figure = bm.plots.shrinkage_trace(bm.shrinkage_trace(fitted(k), ci_prob=0.9))
    figure.canvas.draw()
    axes, below = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts if text.get_text().startswith("Trial")] and len(boxes) == k
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(
        below.bbox.y1 < box.y0 and box.y1 < figure.bbox.y1 and box.x1 < figure.bbox.x1 for box in boxes
    )
    assert axes.get_xlim()[1] == axes.lines[0].get_xdata()[-1]
    (caption,) = figure.texts
    written = caption.get_text().replace("\n", " ")
    assert "thick line and shade, the mean effect mu with its 90 % interval" in written
    assert "Lower panel: posterior density of tau" in written
    assert caption.get_window_extent().y1 < below.xaxis.label.get_window_extent().y0
