"""What to add to tables of counts with empty cells, and to which of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesma.evidence.columns import Columns

type Array = NDArray[np.float64]

TO = ("only0", "all", "if0all", "none")  # tables that a continuity correction may go to


@dataclass(frozen=True, slots=True)
class ZeroCells:
    """What is added to the cells of tables of counts: `correction`, to the tables that `to` names."""

    correction: float = 0.5
    to: str = "only0"


def corrected_tables(tables: Array, zero_cells: ZeroCells) -> tuple[Array, NDArray[np.bool_]]:
    """Add the continuity correction to all cells of the tables that get one.

    Parameters
    ----------
    tables
        Cells, shape (4, k) for two arms, (2, k) for one.
    zero_cells
        ``to="only0"``: tables with an empty cell; ``"all"``: every table; ``"if0all"``: every table as soon
        as one has an empty cell; ``"none"``: no table. What the choice does to sparse data: Sweeting 2004,
        doi 10.1002/sim.1761.

    Returns
    -------
    tuple
        Tables, of the same shape, and which of them were changed, shape (k,).
    """
    has_zero = (tables == 0).any(axis=0)
    changed = {
        "only0": has_zero,
        "all": np.full(has_zero.shape, True),
        "if0all": np.full(has_zero.shape, bool(has_zero.any())),
        "none": np.full(has_zero.shape, False),
    }[zero_cells.to]
    if zero_cells.correction == 0:
        changed = np.full(has_zero.shape, False)
    return tables + zero_cells.correction * changed, changed


def notes_on(
    columns: Columns, zero_cells: ZeroCells, changed: NDArray[np.bool_], *, cells: str = "all four cells"
) -> tuple[str, ...]:
    """Name the studies whose tables were changed; `cells` is what they consist of, in words."""
    if not changed.any():
        return ()
    which = ", ".join(columns.studies[changed])
    return (
        f"{zero_cells.correction:g} was added to {cells} of {int(changed.sum())} of {changed.size} "
        f'studies (to="{zero_cells.to}"): {which.rstrip(".")}.',
    )
