"""What are the 2 x 2 tables behind counts in two arms, and which studies tell nothing?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from bayesma.evidence.counts import TwoArmCounts

type FloatArray = NDArray[np.float64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Cells and margins of 2 x 2 tables, float64 of shape (k,) each.

    Attributes
    ----------
    a, b
        Events and non-events of the treated arm.
    c, d
        Events and non-events of the control arm.
    n1, n2
        Patients of the treated and of the control arm.
    events, total
        Events and patients of both arms.
    """

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    n1: FloatArray
    n2: FloatArray
    events: FloatArray
    total: FloatArray

    @classmethod
    def of(cls, counts: TwoArmCounts) -> Tables:
        """The tables of all studies.

        Examples
        --------
        >>> from bayesma.classical.tables import Tables
        >>> from bayesma.evidence.counts import TwoArmCounts
        >>> Tables.of(TwoArmCounts.from_counts([2], [10], [3], [12])).cells.ravel().tolist()
        [2.0, 8.0, 3.0, 9.0]
        """
        a, n1 = counts.events_treat.astype(np.float64), counts.n_treat.astype(np.float64)
        c, n2 = counts.events_ctrl.astype(np.float64), counts.n_ctrl.astype(np.float64)
        return cls(a, n1 - a, c, n2 - c, n1, n2, a + c, n1 + n2)

    @property
    def double_zero(self) -> Mask:
        """Studies in which every patient had the same outcome, shape (k,)."""
        return np.asarray((self.events == 0) | (self.events == self.total))

    def only(self, kept: Mask) -> Tables:
        """The tables of some studies."""
        return Tables(*(getattr(self, field.name)[kept] for field in fields(self)))

    @property
    def cells(self) -> FloatArray:
        """a, b, c and d, shape (4, k)."""
        return np.stack([self.a, self.b, self.c, self.d])


def named(study: Iterable[object]) -> str:
    """Labels in a sentence."""
    return ", ".join(str(label) for label in study).rstrip(".")


def silent_note(study: NDArray[np.str_], silent: Mask, because: str) -> tuple[str, ...]:
    """The sentence that names the studies that contribute nothing, if there are any."""
    if not silent.any():
        return ()
    who = (
        "the only study contributes"
        if silent.size == 1
        else f"{int(silent.sum())} of {silent.size} studies contribute"
    )
    return (f"{who} nothing ({because}): {named(study[silent])}.",)
