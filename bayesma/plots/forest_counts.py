"""Which counts stand beside each study of a forest plot, and why some have no estimate of their own?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesma.posterior.provenance import Provenance, case_of

HEAD = "events/patients"


@dataclass(frozen=True, slots=True)
class Counts:
    """Text columns of counts by header, and remarks by study; empty where a fit is not of counts.

    Attributes
    ----------
    columns
        ``{"events/patients": ["0/118", ...]}``, for two arms with the name of the arm on a line above.
    remarks
        Why a study has no estimate of its own; empty for those that have one.
    corrected
        Whether the estimate of any study needed 1/2 added to its cells.
    """

    columns: dict[str, list[str]]
    remarks: list[str]
    corrected: bool = False


def counts_of(fit: xr.DataTree, origin: Provenance, k: int, treatment: str, control: str) -> Counts:
    """Counts of every study of a fit."""
    arrays = case_of(fit, origin).arrays
    if "events_treat" in arrays:
        arms = [(arrays[f"events_{arm}"], arrays[f"n_{arm}"]) for arm in ("treat", "ctrl")]
        heads = [f"{name}\n{HEAD}" for name in (treatment, control)]
    elif {"events", "n", "cluster"} <= set(arrays):
        cluster = arrays["cluster"].astype(np.int64)
        arms = [(np.bincount(cluster, arrays["events"]), np.bincount(cluster, arrays["n"]))]
        heads = [HEAD]
    else:
        return Counts({}, [""] * k)
    columns = {
        head: [f"{e:.0f}/{n:.0f}" for e, n in zip(*arm, strict=True)]
        for head, arm in zip(heads, arms, strict=True)
    }
    none = np.all([events == 0 for events, _ in arms], axis=0)
    every = np.all([events == n for events, n in arms], axis=0)
    remarks = [""] * k
    if len(arms) > 1:
        remarks = [
            f"no estimate: {'no event' if zero else 'only events'} in either arm" if zero or full else ""
            for zero, full in zip(none, every, strict=True)
        ]
    edge = np.any([(events == 0) | (events == n) for events, n in arms], axis=0)
    return Counts(columns, remarks, bool(np.any(edge & ~none) or np.any(edge & ~every)))
