"""Estimates at several visits with the covariance between them: the evidence of the longitudinal family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.evidence.visit_estimates import read_estimates
from bayesma.evidence.within import Given
from bayesma.priors import Prior


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Estimates on the analysis scale by study and month, each study with the covariance of its visits.

    Attributes
    ----------
    y
        Estimates, shape (k, t), analysis scale; NaN where a visit is missing.
    se
        Standard errors, shape (k, t), analysis scale, NaN where a visit is missing; where they depend on a
        correlation with a prior, at its median.
    study
        Unique labels, shape (k,), in order of first appearance.
    visit
        Months since the baseline at which any study was measured, shape (t,), above 0, sorted.
    within
        Coefficients of the within-study covariance by power of the correlation, shape (k, t, t, l); 0 where
        a visit is missing. The covariance of study i is the sum over l of
        ``within[i, :, :, l] * rho ** lag[l]``, with ``0 ** 0 = 1``.
    lag
        The powers, shape (l,), of which 0 is the first. A correlation that is known, and a covariance given
        in full, leave one coefficient with power 0.
    within_correlation
        The correlation, or its prior; None where each study has its own or the covariance is given.
    within_structure
        ``"ar1-visit"``, ``"ar1-month"``, ``"cs"``, or ``"given"`` for a covariance given in full.
    n
        Patients behind each estimate, shape (k, t), NaN where not known; None when known nowhere.
    measure
        Code of the effect measure; ``"GEN"`` when none applies.
    table
        Columns that do not vary within a study, one row a study; they may serve as moderators.
    source
        Name of the file the rows were read from, for messages and reports.
    notes
        Sentences the reader of any result must see.
    """

    y: NDArray[np.float64]
    se: NDArray[np.float64]
    study: NDArray[np.str_]
    visit: NDArray[np.float64]
    within: NDArray[np.float64]
    lag: NDArray[np.float64]
    within_correlation: float | Prior | None
    within_structure: str
    n: NDArray[np.float64] | None = None
    measure: str = "GEN"
    table: pd.DataFrame | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_estimates(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        month: str,
        estimate: str,
        se: str | None = None,
        n: str | None = None,
        within_correlation: Given | None = None,
        within_structure: str = "ar1-visit",
        covariance: Mapping[str, ArrayLike] | None = None,
        measure: str = "GEN",
        time_unit: str = "months",
        time_unit_column: str | None = None,
    ) -> Trajectories:
        """Take estimates and standard errors from the columns of a table with one row a study and visit.

        Parameters
        ----------
        frame
            One row a study and visit, in any order. A row without estimate and standard error is a missing
            visit, and so is a row that is not there.
        study
            Column of the labels, or several to be joined by a space.
        month, estimate, se
            Columns of the time since the baseline, of the estimates and of their standard errors, both on
            the analysis scale. `se` may be left out where `covariance` has every study.
        n
            Column of the number of patients; empty cells are not known.
        within_correlation
            Correlation between the estimates of one study at two visits: a number between -1 and 1, a
            mapping from study to number, or a prior on 0 to 1 such as ``"Beta(2, 2)"``. Papers hardly ever
            print it; there is no default, and 0 says that visits are independent.
        within_structure
            ``"ar1-visit"``: the correlation to the power of the number of visits between, counted among all
            visits of the table; ``"ar1-month"``: of the number of months; ``"cs"``: the same between any two.
        covariance
            Mapping from study to its covariance in full, one row and column for each visit it has, in order
            of time. Studies that are not in it take `within_correlation`.
        measure
            Measure code; decides the null value, the default priors and the back-transformation.
        time_unit
            Unit of `month`: ``"months"``, ``"weeks"`` or ``"days"`` (30.4375 days a month).
        time_unit_column
            Column that names the unit in each row, in place of `time_unit`; all rows must agree.

        Raises
        ------
        OptionError
            For an unknown structure or unit, and for a correlation beside covariances of all studies.
        PriorError
            For a prior that reaches beyond 0 to 1.
        DataError
            For no rows, a missing column, a visit at or before the baseline, two rows for one study and
            visit, units of time that differ, an estimate or standard error that cannot be used, a
            correlation that is not stated or not inside (-1, 1), a covariance that is not symmetric or not
            positive definite. The message names file, row, study, value and mend.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.trajectories import Trajectories
        >>> rows = [("Ash", 1, -0.5, 0.2), ("Ash", 6, -0.9, 0.3), ("Birch", 6, -0.4, 0.2)]
        >>> frame = pd.DataFrame(rows, columns=["study", "month", "y", "se"])
        >>> months = Trajectories.from_estimates(
        ...     frame, study="study", month="month", estimate="y", se="se", within_correlation=0.5
        ... )
        >>> months.k, months.visit.tolist(), months.within[0, :, :, 0].round(3).tolist()
        (2, [1.0, 6.0], [[0.04, 0.03], [0.03, 0.09]])
        """
        roles = {"month": month, "estimate": estimate, "se": se, "n": n}
        return cls(
            **read_estimates(
                frame,
                study,
                {role: column for role, column in roles.items() if column is not None},
                (within_correlation, within_structure),
                covariance,
                (time_unit, time_unit_column),
            ),
            measure=measure,
        )

    @property
    def k(self) -> int:
        """Number of studies."""
        return int(self.study.size)

    def to_frame(self) -> pd.DataFrame:
        """Study, month, y, se and, where known, n: one row a study and visit it has."""
        i, j = np.nonzero(np.isfinite(self.y))
        columns: dict[str, object] = {
            "study": self.study[i],
            "month": self.visit[j],
            "y": self.y[i, j],
            "se": self.se[i, j],
        }
        if self.n is not None:
            columns["n"] = self.n[i, j]
        return pd.DataFrame(columns)
