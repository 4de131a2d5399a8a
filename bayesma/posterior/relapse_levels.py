"""Draws of the mean intensity of relapse over months in a typical study, after the data and before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.engines.tree import SAMPLE
from bayesma.families.relapse_hazards import HAZARDS
from bayesma.posterior.provenance import Provenance

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The intensity of a model, by draw.

    Attributes
    ----------
    draws
        Parameters by name, each (n,) or (n, periods).
    hazard
        Shape of the intensity.
    periods
        Months at which periods end.
    """

    draws: Mapping[str, Array]
    hazard: str
    periods: tuple[float, ...]

    @classmethod
    def of(cls, fit: xr.DataTree, origin: Provenance, group: str = "posterior") -> Levels:
        """Those of ``"posterior"`` or ``"prior"``."""
        variables = fit[group].dataset.data_vars.items()
        data = {str(n): v.transpose(*SAMPLE, ...).values for n, v in variables}
        draws = {name: values.reshape(-1, *values.shape[2:]) for name, values in data.items()}
        return cls(draws, origin.options["hazard"], tuple(origin.options.get("periods", ())))

    def mean(self, start: Array, stop: Array) -> Array:
        """Mean monthly intensity over intervals, (n, intervals)."""
        return HAZARDS[self.hazard].accumulated(start, stop, self.draws, self.periods) / (stop - start)
