"""The columns that play a role in an analysis, and how a bad cell of one is named."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.errors import DataError
from bayesma.evidence.validation import numeric_column, place, row_error, source_of

type Array = NDArray[np.float64]
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Numbers by role, with what is needed to say where each one stands.

    Attributes
    ----------
    values
        Role to numbers, each of shape (k,); an empty cell is NaN.
    names
        Role to the name of its column.
    rows
        Index labels of the rows, shape (k,).
    positions
        Positions of the rows in the frame they came from, shape (k,).
    studies
        Labels of the studies, shape (k,).
    source
        File name, if known.
    """

    values: Mapping[str, Array]
    names: Mapping[str, str]
    rows: list[Hashable]
    positions: NDArray[np.int64]
    studies: NDArray[np.str_]
    source: str | None

    @classmethod
    def read(cls, frame: pd.DataFrame, roles: Mapping[str, str], studies: NDArray[np.str_]) -> Columns:
        """Columns of a frame as numbers; text that is no number raises `DataError`."""
        labels = studies.tolist()
        values = {role: numeric_column(frame, name, role, labels) for role, name in roles.items()}
        return cls(values, dict(roles), list(frame.index), np.arange(len(frame)), studies, source_of(frame))

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, Array],
        studies: NDArray[np.str_],
        rows: Sequence[Hashable],
        source: str | None,
    ) -> Columns:
        """Arrays given by hand, each called after its role; `rows` says where they stand in the file."""
        names = {role: role for role in arrays}
        return cls(arrays, names, list(rows), np.arange(len(rows)), studies, source)

    def __getitem__(self, role: str) -> Array:
        return self.values[role]

    def __contains__(self, role: object) -> bool:
        return role in self.values

    def select(self, keep: Mask) -> Columns:
        """Columns with the rows where `keep` is true."""
        values = {role: array[keep] for role, array in self.values.items()}
        rows = [row for row, kept in zip(self.rows, keep, strict=True) if kept]
        return Columns(values, self.names, rows, self.positions[keep], self.studies[keep], self.source)

    def blank(self, *, optional: tuple[str, ...] = ()) -> Mask:
        """Rows with an empty cell in a role that is not optional, shape (k,)."""
        needed = [array for role, array in self.values.items() if role not in optional]
        return np.asarray(np.isnan(np.stack(needed)).any(axis=0), dtype=np.bool_)

    def refuse_blank(
        self, *, optional: tuple[str, ...] = (), mend: str = "fill it in or leave the study out"
    ) -> None:
        """Raise for the first empty cell."""
        for i in np.flatnonzero(self.blank(optional=optional)):
            for role, array in self.values.items():
                if role not in optional and np.isnan(array[i]):
                    raise row_error(
                        self.source,
                        self.rows[i],
                        self.studies[i],
                        self.what(role),
                        None,
                        "every study needs it",
                        mend,
                    )

    def refuse(self, bad: Mask, role: str, rule: str, mend: str) -> None:
        """Raise for the first row where `bad` is true, naming the cell under `role`."""
        for i in np.flatnonzero(bad):
            value = self.values[role][i]
            raise row_error(
                self.source,
                self.rows[i],
                self.studies[i],
                self.what(role),
                None if np.isnan(value) else value,
                rule,
                mend,
            )

    def refuse_infinite(self) -> None:
        """Raise for the first infinite number."""
        for role, array in self.values.items():
            self.refuse(np.isinf(array), role, "it must be a finite number", "correct it")

    def error(self, i: int, sentence: str) -> DataError:
        """Error for row `i` in free words."""
        return DataError(f"{self.place(i)}: {sentence}")

    def place(self, i: int) -> str:
        """File, row and study of row `i`."""
        return place(self.source, self.rows[i], self.studies[i])

    def what(self, role: str) -> str:
        """A column with the role it plays."""
        name = self.names[role]
        return role if name == role else f"{name} ({role})"
