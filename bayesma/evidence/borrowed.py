"""SDs that were not printed: borrowed from those that were, with what is uncertain about them."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import DataWarning
from bayesma.evidence.columns import Array, Columns, Mask
from bayesma.evidence.log_sds import Loan, lend

FEWEST = 3  # printed SDs: the model has three parameters
MEND = "give the SD, or leave the visit out"


def borrow(
    columns: Columns, missing: Mask, printed: Mask, sd: Array, study: NDArray[np.str_], role: str
) -> Loan:
    """Log SDs of the rows that miss them, from the printed ones; all of shape (rows,).

    `study` has labels without arms, and `role` is that of the spread, for messages.
    """
    lenders = np.unique(study[printed])
    columns.refuse(
        missing & (np.count_nonzero(printed) < FEWEST),
        role,
        f"an SD is borrowed from at least {FEWEST} printed ones, and there are {np.count_nonzero(printed)}",
        MEND,
    )
    columns.refuse(
        missing & (lenders.size < 2) & ~np.isin(study, lenders),
        role,
        f"one study prints SDs, {''.join(lenders[:1])}, and does not tell how SDs differ between studies",
        MEND,
    )
    return lend(sd[printed], columns["n"][printed], study[printed], study[missing])


def borrowing_notes(
    columns: Columns, month: Array, missing: Mask, printed: Mask, study: NDArray[np.str_], loan: Loan
) -> tuple[str, ...]:
    """One note an SD, and how they came to be."""
    studies = np.unique(study[printed]).size
    lenders = f"{np.count_nonzero(printed)} printed SDs in {studies} {'study' if studies == 1 else 'studies'}"
    low, high = loan.interval()
    each = [
        f"{columns.studies[i]} (month {month[i]:g}): the SD was not printed; {used:.3g} was borrowed "
        f"(95 % predictive range {a:.3g} to {b:.3g}) from {lenders}."
        for i, used, a, b in zip(np.flatnonzero(missing), loan.root_mean_square(), low, high, strict=True)
    ]
    sigma = f"{np.sqrt(loan.between_visits):.2g}"
    spread = f"{sigma} in all, between studies or visits"
    if loan.between_studies is not None:
        spread = f"{np.sqrt(loan.between_studies):.2g} between studies and {sigma} between visits and arms"
    return (
        *each,
        f"Borrowed SDs follow a model of log SDs fitted by REML, which vary by {spread} (as SDs). What is "
        "uncertain about them widens the variance of the estimates, which are taken as normal all the same.",
    )


def warn_of_borrowing(columns: Columns, missing: Mask, printed: Mask, *, stacklevel: int) -> None:
    """Warn that SDs were borrowed; `stacklevel` is that of `warnings.warn`, counted from here."""
    names = ", ".join(columns.place(int(i)) for i in np.flatnonzero(missing))
    warnings.warn(
        f"{names}: the SD was not printed, and was borrowed from {np.count_nonzero(printed)} others by a "
        "model of log SDs; see the notes",
        DataWarning,
        stacklevel=stacklevel,
    )
