"""What was seen of relapse in each study? Its life table, and who was at risk at a month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesma.evidence.intervals import interval_label
from bayesma.posterior.provenance import Provenance, case_of

type Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """The intervals of one study, or of one of its centres, in the order of months.

    Attributes
    ----------
    label
        Study, with its centre where centres are told apart.
    start, stop
        Months, shape (rows,).
    at_risk
        Patients at the start.
    lost
        Those who relapse in the interval, or die where death is modelled.
    left
        Those who leave inside it.
    """

    label: str
    start: Array
    stop: Array
    at_risk: Array
    lost: Array
    left: Array

    def free(self, typical: Callable[[Array], Array]) -> tuple[Array, Array]:
        """Share free at start and stop of each interval, by life table: (rows,) each.

        Who leaves inside an interval counts half at risk in it. Where months were not followed the share
        falls as that of `typical`, the curve of a typical study over months.
        """
        kept = 1.0 - self.lost / (self.at_risk - 0.5 * self.left)
        begun = typical(self.start) / typical(np.concatenate([[0.0], self.stop[:-1]]))
        stop = np.cumprod(begun * kept)
        return begun * np.concatenate([[1.0], stop[:-1]]), stop

    def patients(self, month: float) -> int | None:
        """Those at risk at the start of the interval that holds a month; at the end of all, those left."""
        held = np.flatnonzero((self.start <= month) & (month < self.stop))
        if held.size:
            return int(self.at_risk[held[0]])
        if month == self.stop[-1]:
            return int(self.at_risk[-1] - self.lost[-1] - self.left[-1])
        return None

    @property
    def gaps(self) -> bool:
        """Whether months before or between its intervals were not followed."""
        return bool(np.any(self.start != np.concatenate([[0.0], self.stop[:-1]])))


def followed(fit: xr.DataTree, origin: Provenance) -> Sequence[Followed]:
    """Every study and centre of a fit, in the order of the evidence."""
    counts = case_of(fit, origin).arrays
    labels = fit["constant_data"].dataset["interval"].values.astype(str)
    ends = zip(labels, counts["start"], counts["stop"], strict=True)
    names = [label.removesuffix(f" {interval_label(start, stop)}") for label, start, stop in ends]
    competing = origin.options["deaths"] == "competing"
    lost = counts["relapses"] + (counts["deaths"] if competing else 0.0)
    left = counts["censored"] + (0.0 if competing else counts["deaths"])
    result = []
    for name in dict.fromkeys(names):
        rows = np.flatnonzero([one == name for one in names])
        rows = rows[np.argsort(counts["start"][rows], kind="stable")]
        parts = (values[rows] for values in (counts["start"], counts["stop"], counts["at_risk"], lost, left))
        result.append(Followed(name, *parts))
    return result


def patients_at_risk(studies: Sequence[Followed], month: float) -> str:
    """Sum over the studies that are followed at a month; empty where there is none."""
    known = [n for study in studies if (n := study.patients(month)) is not None]
    return f"{sum(known)}" if known else ""
