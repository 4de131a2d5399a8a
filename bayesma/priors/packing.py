"""The numbers of a PyMC model, each by its name, in few arrays while one is compiled.

nutpie unpacks every `pm.Data` in compiled code that grows with their number squared: of the 20 s that a model
of two arms took to compile, 11 went there. Alike numbers are therefore rows of one array, and the model takes
its row.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Arrays = Mapping[str, NDArray[Any]]

_places: ContextVar[Mapping[str, Any] | None] = ContextVar("places", default=None)


def data_variable(name: str, value: NDArray[Any]) -> Any:
    """The numbers of this name in the PyMC model on the context stack: its `pm.Data`, made when it is new.

    While `packed`, the place of the name in the packed arrays.
    """
    import pymc as pm

    places = _places.get()
    if places is not None:
        return places[name]
    model = pm.modelcontext(None)
    return model[name] if name in model.named_vars else pm.Data(name, value)


def data_variables(values: Arrays) -> dict[str, Any]:
    """`data_variable` of each, by name."""
    return {name: data_variable(name, value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which numbers are rows of one array.

    Attributes
    ----------
    groups
        Names by array.
    """

    groups: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, values: Arrays, kinds: Mapping[str, Hashable]) -> Layout:
        """Numbers of one shape, type and kind together: kinds tell apart what has a shape by chance."""
        found: dict[Hashable, list[str]] = {}
        for name, value in values.items():
            array = np.asarray(value)
            found.setdefault((array.shape, array.dtype.str, kinds.get(name)), []).append(name)
        return cls(tuple(map(tuple, found.values())))

    def pack(self, values: Arrays) -> dict[str, NDArray[Any]]:
        """The arrays, by their names."""
        return {
            _name(i): np.stack([np.asarray(values[name]) for name in names])
            for i, names in enumerate(self.groups)
        }


@contextmanager
def packed(layout: Layout, values: Arrays) -> Iterator[None]:
    """Within, `data_variable` gives rows of shared arrays with these numbers."""
    import pytensor

    places: dict[str, Any] = {}
    arrays = layout.pack(values)
    for i, names in enumerate(layout.groups):
        array = arrays[_name(i)]
        rest = (None,) * (array.ndim - 1)
        shared = pytensor.shared(array, name=_name(i), shape=(len(names), *rest))
        places |= {name: shared[row] for row, name in enumerate(names)}
    before = _places.set(places)
    try:
        yield
    finally:
        _places.reset(before)


def _name(i: int) -> str:
    """Of an array; no parameter is called so."""
    return f"numbers_{i}"
