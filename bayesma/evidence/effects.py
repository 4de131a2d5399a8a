"""Study-level estimates with their standard errors: the evidence of the normal family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.evidence.suspicions import Suspicion, of_estimates, of_labels, repeated_estimates, warn
from bayesma.evidence.validation import (
    SIZE,
    check_unique,
    checked_event,
    given_labels,
    no_size,
    number_vector,
    numbered,
    place,
    require_equal_lengths,
    require_studies,
    row_error,
)

SMALLEST, LARGEST = 1e-60, 1e60  # beyond these, squares of squares leave double precision


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Estimates on the analysis scale (log for ratios), one per study.

    Attributes
    ----------
    y
        Observed effects, shape (k,), analysis scale.
    se
        Standard errors, shape (k,), analysis scale, above 0.
    study
        Unique labels, shape (k,).
    measure
        Code of the effect measure, for example ``"SMD"``; ``"GEN"`` when none applies.
    n
        Total sample size per study, shape (k,), or None when not known.
    table
        Further columns, one row a study (moderators, and the counts or means the effects came from).
    source
        Name of the file the rows were read from, for messages and reports.
    notes
        Sentences the reader of any result must see: corrections made, rows left out.
    event
        What was counted, for measures of counts, in one or two words: ``"alive"``; None where not named.
    """

    y: NDArray[np.float64]
    se: NDArray[np.float64]
    study: NDArray[np.str_]
    measure: str
    n: NDArray[np.float64] | None = None
    table: pd.DataFrame | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()
    event: str | None = None

    @classmethod
    def from_estimates(
        cls,
        y: ArrayLike,
        se: ArrayLike,
        study: Sequence[object] | None = None,
        measure: str = "GEN",
        *,
        n: ArrayLike | None = None,
        table: pd.DataFrame | None = None,
        source: str | None = None,
        notes: Sequence[str] = (),
        event: str | None = None,
    ) -> Effects:
        """Validate estimates and standard errors and hold them.

        Parameters
        ----------
        y, se
            Estimates and standard errors, shape (k,), both on the analysis scale (log for OR, RR).
        study
            Labels, shape (k,), unique; ``study 1``, ``study 2`` ... when not given.
        measure
            Measure code; decides the null value, the default priors and the back-transformation.
        n
            Total sample sizes, shape (k,); lets the unit-information sd be computed.
        table
            One row a study, aligned with `y`.
        source
            File name for messages.
        notes
            Sentences to carry into every result.
        event
            What was counted, for measures of counts, in one or two words: tables and figures call it so.

        Raises
        ------
        OptionError
            For an event that is no short text.
        DataError
            For an empty input, lengths that differ, a value that is not finite, an SE at or below 0,
            a sample size that is no whole number of at least 1, or a label that appears twice; the message
            names the row.

        Warns
        -----
        DataWarning
            For what is possible but nearly always a slip: an SMD beyond 3, proportions or per cent in place
            of logits, ratios in place of their logs, an estimate with its standard error twice, a label that
            is another one but for capitals, several that begin alike, and one of a total.

        Examples
        --------
        >>> from bayesma.evidence.effects import Effects
        >>> Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD").k
        2
        """
        held = cls.computed(y, se, study, measure, n=n, table=table, source=source, notes=notes, event=event)
        labels = held.study.tolist()
        between = [*of_labels(labels), *repeated_estimates(held.y, held.se, labels)]
        held.warn([*between, *of_estimates(held.y, held.se, measure, typed=True)])
        return held

    @classmethod
    def computed(
        cls,
        y: ArrayLike,
        se: ArrayLike,
        study: Sequence[object] | None = None,
        measure: str = "GEN",
        *,
        n: ArrayLike | None = None,
        table: pd.DataFrame | None = None,
        source: str | None = None,
        notes: Sequence[str] = (),
        event: str | None = None,
    ) -> Effects:
        """Hold estimates that were computed and not typed: as `from_estimates`, without its warnings."""
        rows = list(table.index) if table is not None else list(range(np.size(np.asarray(y))))
        values, errors = number_vector(y, "y"), number_vector(se, "se")
        k = values.size
        require_studies(k, source)
        sizes = None if n is None else number_vector(n, "n")
        lengths = {"y": k, "se": errors.size, "study": k if study is None else len(study)}
        if sizes is not None:
            lengths["n"] = sizes.size
        if table is not None:
            lengths["table"] = len(table)
        require_equal_lengths(lengths)
        names = numbered(k) if study is None else given_labels(study, source, rows)
        labels = names.tolist()
        _check(values, errors, sizes, labels, source, rows)
        check_unique(labels, source, rows)
        return cls(
            values,
            errors,
            names,
            measure,
            sizes,
            None if table is None else table.copy(),
            source,
            tuple(notes),
            checked_event(event),
        )

    def warn(self, found: Sequence[Suspicion]) -> None:
        """Warn of rows, named by file, row and study."""
        rows = range(self.k) if self.table is None else self.table.index
        warn(found, lambda i: place(self.source, rows[i], self.study[i]))

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.y.size)

    def to_frame(self) -> pd.DataFrame:
        """Study, y, se and, where known, n: one row a study."""
        columns: dict[str, object] = {"study": self.study, "y": self.y, "se": self.se}
        if self.n is not None:
            columns["n"] = self.n
        return pd.DataFrame(columns)


def _check(
    y: NDArray[np.float64],
    se: NDArray[np.float64],
    n: NDArray[np.float64] | None,
    labels: Sequence[str],
    source: str | None,
    rows: Sequence[object],
) -> None:
    """Raise on the first value no analysis can use."""
    for i, label in enumerate(labels):
        where = (source, rows[i], label)
        if not abs(y[i]) <= LARGEST:
            raise row_error(
                *where,
                "the estimate",
                y[i],
                f"at most {LARGEST:g} can be used" if np.isfinite(y[i]) else "it must be a finite number",
                "fill it in or leave the study out",
            )
        if not SMALLEST <= se[i] <= LARGEST:
            raise row_error(
                *where,
                "the standard error (se)",
                se[i],
                "it must be finite and above 0"
                if not 0 < se[i] < np.inf
                else f"{SMALLEST:g} to {LARGEST:g} can be used",
                "correct it or leave the study out",
            )
        if n is not None and (np.isnan(n[i]) or no_size(n)[i]):
            raise row_error(*where, "the sample size (n)", n[i], *SIZE)
