"""How are freedom from relapse and the studies drawn over months? Bands, points by size, letters."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from bayesma.plots import style
from bayesma.plots.bands import Band, Look, draw_band
from bayesma.plots.relapse_observed import Followed
from bayesma.plots.spreading import spread
from bayesma.plots.text import line_height, text_width, write

type Array = NDArray[np.float64]

TYPICAL = Look("typical", style.POSTERIOR, style.POSTERIOR_FILL)
NEW = Look("new", style.NEW, style.NEW_FILL, line="", ends=(0, (4, 1.5)))
DEATH = Look("death", style.INK, style.OTHER_FILL, line=(0, (5, 1.2, 1, 1.2)))
GAP_LINE = (0, (1, 2))
SMALLEST, LARGEST = 3.0, 10.0  # points, diameters of a study of few and of many patients
NAMED = 12  # studies that get a letter
BESIDE = 0.09  # inches from a point to its letter
LETTER = 7.5


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What the graph shows, as shares of patients.

    Attributes
    ----------
    typical, new
        Free of relapse in a typical study and in a new one; None where all studies have one intensity.
    newcomer
        Whether that is a new study, or a new centre of one, in words.
    death
        Dead before a relapse in a typical study; None where death is not modelled.
    studies
        What was seen.
    """

    typical: Band
    new: Band | None
    newcomer: str
    death: Band | None
    studies: Sequence[Followed]


def letter(number: int) -> str:
    """Name of a study in the graph: A, B, C."""
    return string.ascii_uppercase[number]


def sizes(studies: Sequence[Followed]) -> list[Array]:
    """Diameters in points for the patients at risk, areas in proportion as far as they can be seen."""
    most = max(float(study.at_risk.max()) for study in studies)
    return [np.maximum(SMALLEST, LARGEST * np.sqrt(study.at_risk / most)) for study in studies]


def draw_curves(axes: Axes, curves: Curves) -> None:
    """Everything inside the graph, whose limits must be set."""
    for band, look, zorder in ((curves.new, NEW, 1.0), (curves.death, DEATH, 1.2)):
        if band is not None:
            draw_band(axes, band, look, zorder)
    draw_band(axes, curves.typical, TYPICAL, 1.3)
    many = len(curves.studies) > NAMED
    for study, size in zip(curves.studies, sizes(curves.studies), strict=True):
        _study(axes, study, curves.typical, size, 0.45 if many else 1.0)
    if 1 < len(curves.studies) <= NAMED:
        _letters(axes, curves)


def _study(axes: Axes, study: Followed, typical: Band, size: Array, boldness: float) -> None:
    """Its life table: a step at the end of each interval, and there a point by the patients at risk."""
    before, after = study.free(typical.at)
    began = np.concatenate([[0.0], study.stop[:-1]]), np.concatenate([[1.0], after[:-1]])
    apart = study.start != began[0]
    broken = np.where(apart, np.nan, study.start)  # no line where nobody was followed
    month = np.ravel(np.column_stack([broken, study.start, study.stop, study.stop]))
    level = np.ravel(np.column_stack([before, before, before, after]))
    axes.plot(month, level, color=style.INK, linewidth=0.7, alpha=boldness, zorder=3.5, label="_study")
    gaps = np.array([began[0], study.start])[:, apart], np.array([began[1], before])[:, apart]
    axes.plot(
        *gaps, color=style.INK, linewidth=0.7, linestyle=GAP_LINE, alpha=boldness, zorder=3.5, label="_gap"
    )
    axes.scatter(
        study.stop,
        after,
        s=np.square(size),
        color=style.INK,
        edgecolors="white",
        linewidths=0.6,
        alpha=boldness,
        zorder=4.5,
        label="_observed",
        clip_on=False,
    )


def _letters(axes: Axes, curves: Curves) -> None:
    """A letter right of the last point of each study; those that would touch are moved apart."""
    box = axes.get_window_extent()
    width, height = box.width / axes.figure.dpi, box.height / axes.figure.dpi
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    diameters = sizes(curves.studies)
    month = np.array([study.stop[-1] for study in curves.studies])
    last = np.array([study.free(curves.typical.at)[1][-1] for study in curves.studies])
    x = (month - left) / (right - left) * width
    y = (last - low) / (high - low) * height
    free = np.ones(month.size, dtype=np.bool_)
    for i in np.argsort(x, kind="stable"):
        if not free[i]:
            continue
        near = free & (np.abs(x - x[i]) < 2.5 * BESIDE)
        free &= ~near
        members = np.flatnonzero(near)
        members = members[np.argsort(y[members], kind="stable")]
        centres = spread(y[members], np.full(members.size, line_height(LETTER)), (0.0, height))
        beside = max(float(x[j]) + 0.5 * float(diameters[j][-1]) / style.POINTS for j in members) + 0.04
        for j, centre in zip(members, centres, strict=True):
            name = letter(int(j))
            place = left + (beside + 0.5 * text_width(name, LETTER, True)) / width * (right - left)
            level = low + float(centre) / height * (high - low)
            (text,) = write(axes, place, level, name, size=LETTER, bold=True, align="center")
            text.set_zorder(6.0)
            text.set_path_effects([withStroke(linewidth=1.6, foreground="white")])
