"""Figure: in which state are the patients of a cohort, month by month?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.plots import caption, style
from bayesma.plots.legend import Key
from bayesma.plots.months_page import WIDTH, Block, Page, Row, check_width, draw_page
from bayesma.plots.occupancy_draw import AREAS, draw_areas
from bayesma.plots.relapse_words import PERCENTS, share_text
from bayesma.plots.text import plain
from bayesma.words.numbers import Interval

type Array = NDArray[np.float64]

LEVELS = ("state", "month")
COLUMNS = ("mean", "ci_low", "ci_high")
NAMES = {
    "major": "major response",
    "partial": "partial response",
    "active": "active disease",
    "relapsed": "relapsed",
    "dead": "dead",
}
TOGETHER = 1e-6  # by which shares may miss 1


def occupancy(
    table: pd.DataFrame,
    *,
    ylabel: str = "patients (%)",
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """States of a cohort over the months, as areas on top of each other.

    Areas are posterior means, which add up to all patients. From the bottom stand major and partial
    response, active disease, relapsed, dead, as far as the table has them. The means stand under their
    months, above the graph the last month's with their intervals.

    Parameters
    ----------
    table
        Result of `bayesma.occupancy`: rows by ``state`` and ``month``, shares in the columns ``mean``,
        ``ci_low`` and ``ci_high``.
    ylabel
        Words of the vertical axis.
    title
        Words at the top.
    width
        Of the figure in inches, 4 to 20.

    Returns
    -------
    matplotlib.figure.Figure
        Axes labelled ``"sheet"`` (words, in inches) and ``"graph"`` (x: months, y: share of patients).

    Raises
    ------
    OptionError
        For a table without these rows and columns, an unknown state, one month only, months that not every
        state has, shares that do not add up to 1, a width that does not do.

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesma as bm
    >>> rows = pd.MultiIndex.from_product([["partial", "active"], [0, 6]], names=["state", "month"])
    >>> shares = {"mean": [0, 0.3, 1, 0.7], "ci_low": [0, 0.1, 1, 0.5], "ci_high": [0, 0.5, 1, 0.9]}
    >>> figure = bm.plots.occupancy(pd.DataFrame(shares, rows))
    >>> [axes.get_label() for axes in figure.axes]
    ['sheet', 'graph']
    """
    check_width(width)
    shares = _shares(table)
    month = shares.columns.to_numpy(dtype=np.float64)
    from_top = list(reversed(shares.index.tolist()))
    page = Page(
        title=None if title is None else plain(title),
        answers=[_answer(table, from_top, float(month[-1]))],
        ylabel=plain(ylabel),
        months=(float(month[0]), float(month[-1])),
        span=(0.0, 1.0),
        yticks=(PERCENTS, [f"{100 * share:.0f}" for share in PERCENTS]),
        blocks=[Block("Mean of the posterior (%)", [_row(shares, state) for state in from_top])],
        keys=[Key(NAMES[s], AREAS[s].fill, fill=AREAS[s].fill, line="") for s in from_top],
        caption=" ".join(_sentences(table)),
        width=width,
    )
    by_state = {state: shares.loc[state].to_numpy(dtype=np.float64) for state in shares.index}
    with style.defaults():
        return draw_page(page, _converged(table), lambda axes: draw_areas(axes, month, by_state, NAMES))


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """Posterior means, a row a state from the bottom, a column a month, once nothing is at fault."""
    if not isinstance(table, pd.DataFrame):
        raise OptionError(
            f"occupancy is drawn from a table, and a {type(table).__name__} was given; give what "
            "bayesma.occupancy returns"
        )
    if set(LEVELS) != set(table.index.names) or not set(COLUMNS) <= set(table.columns):
        raise OptionError(
            f"the table has rows by {', '.join(map(str, table.index.names))} and the columns "
            f"{', '.join(map(str, table.columns))}; it needs rows by state and month and the columns mean, "
            "ci_low and ci_high, as bayesma.occupancy returns them"
        )
    wide = table["mean"].unstack("month").sort_index(axis=1)
    if unknown := [str(state) for state in wide.index if state not in AREAS]:
        raise OptionError(f"the table has a state {unknown[0]!r}; known are: {', '.join(AREAS)}")
    if wide.shape[1] < 2 or wide.isna().any(axis=None):
        raise OptionError("every state needs its share at the same months, two at least; ask for more months")
    if not np.allclose(wide.sum(), 1.0, rtol=0.0, atol=TOGETHER):
        raise OptionError(f"the shares of all states add up to {wide.sum().iloc[-1]:.4g}; give all states")
    return wide.loc[[state for state in AREAS if state in wide.index]]


def _answer(table: pd.DataFrame, states: list[str], month: float) -> str:
    """Shares with their intervals at the last month."""
    rows = table.xs(month, level="month")
    texts = (share_text(Interval(*map(float, rows.loc[state, list(COLUMNS)]))) for state in states)
    parts = [f"{NAMES[state]} {text}" for state, text in zip(states, texts, strict=True)]
    return f"At month {month:g} (posterior mean [credible interval]): {', '.join(parts)}."


def _row(shares: pd.DataFrame, state: str) -> Row:
    """Shares at the months of the table."""
    months, own = (
        np.asarray(values, dtype=np.float64).tolist() for values in (shares.columns, shares.loc[state])
    )
    known = dict(zip(months, own, strict=True))
    return Row(NAMES[state], lambda month: f"{100 * known[month]:.0f}" if month in known else "")


def _sentences(table: pd.DataFrame) -> Iterator[str]:
    """Whether the fits may be believed, what is drawn, and what the table says of itself."""
    if not _converged(table):
        yield f"{caption.UNCONVERGED}."
    yield "Areas: posterior means of the share of patients in each state, which add up to all."
    for note in table.attrs.get("notes", []):
        text = plain(note)
        yield f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _converged(table: pd.DataFrame) -> bool:
    """Whether all fits behind the table did."""
    return bool(table.attrs.get("converged", True))
