"""Estimates at several visits with the covariance between them: the evidence of the longitudinal family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bayesma.evidence.correlation import Given, Stated
from bayesma.evidence.sides import Arms
from bayesma.evidence.visit_arms import read_arms
from bayesma.evidence.visit_estimates import read_estimates
from bayesma.evidence.visit_patients import read_patients
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
        The powers, shape (l,), of which 0 is the first; under a prior on the decay what it will be the
        exponent of. A correlation that is known, and a covariance given in full, leave one coefficient with
        power 0.
    within_correlation
        The correlation, or its prior; None where each study has its own or the covariance is given.
    within_structure
        ``"ar1-visit"``, ``"ar1-month"``, ``"cs"``, or ``"given"`` for a covariance given in full.
    within_decay
        Exponent of the number of visits, or months, between; or its prior.
    within_distance
        Months apart at which a prior on the correlation holds, where it decays over months; else None.
    se_apart
        What `se` would be were visits and baseline not correlated, shape (k, t): free of a correlation that
        was assumed, as default priors have to be. None where `se` was given, or computed from patients.
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
    within_decay: float | Prior = 1.0
    within_distance: float | None = None
    se_apart: NDArray[np.float64] | None = None
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
        within_structure: str | None = None,
        within_decay: float | str | Prior | None = None,
        within_distance: float | None = None,
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
            Column of the number of patients; an empty cell is not known.
        within_correlation
            Correlation between the estimates of one study at two visits: a number between -1 and 1, a
            mapping from study to number, or a prior on 0 to 1 such as ``"Beta(2, 2)"``. Papers hardly ever
            print it; there is no default, and 0 says that visits are independent.
        within_structure
            ``"ar1-visit"``: the correlation to the power of the number of visits between, counted among all
            visits of the table; ``"ar1-month"``: of the number of months; ``"cs"``: the same between any two.
            When not given ``"ar1-visit"`` for numbers, and ``"cs"`` for a prior: of one month, to the power
            of twelve, Beta(2, 2) would be almost independence over a year (mean 0.03).
        within_decay
            Exponent of the number of visits, or months, between: 1 when not given, 0 for a correlation that
            does not decay, or a prior within 0 to 2 such as ``"Uniform(0, 1)"`` beside a prior of the
            correlation (damped exponential, Munoz et al., Biometrics 1992;48:733-742).
        within_distance
            Months apart at which a prior on the correlation holds under ``"ar1-month"``: 6 when not given. A
            number is the correlation of one month. What the prior implies for the first and the last visit,
            or the baseline and the last visit, stands in `notes`.
        covariance
            Mapping from study to its covariance in full, one row and column for each visit it has, in order
            of time. Studies that are not in it take `within_correlation`.
        measure
            Measure code; decides null value, default priors and back-transformation.
        time_unit
            Unit of `month`: ``"months"``, ``"weeks"`` or ``"days"`` (30.4375 days a month).
        time_unit_column
            Column that names the unit in each row, in place of `time_unit`; all rows must agree.

        Raises
        ------
        OptionError
            For an unknown structure or unit, a distance without a prior that decays over months, and for a
            correlation beside covariances of all studies.
        PriorError
            For a prior that reaches beyond 0 to 1.
        DataError
            For no rows, a missing column, a visit at or before the baseline, two rows for one visit, units
            of time that differ, a number that cannot be used, a correlation not stated or not inside (-1, 1),
            a covariance not symmetric or not positive definite. The message names row, value and mend.

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
        named = {"month": month, "estimate": estimate, "se": se, "n": n}
        roles = {role: column for role, column in named.items() if column is not None}
        correlation = Stated(within_correlation, within_structure, within_decay, within_distance).settled(
            "ar1-visit"
        )
        unit = (time_unit, time_unit_column)
        return cls(
            **read_estimates(frame, study, roles, correlation, covariance, unit, measure), measure=measure
        )

    @classmethod
    def from_arms(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        month: str,
        n: str,
        mean: str | None = None,
        sd: str | None = None,
        se: str | None = None,
        ci_low: str | None = None,
        ci_high: str | None = None,
        level: float = 0.95,
        missing_sd: str = "refuse",
        median: str | None = None,
        q1: str | None = None,
        q3: str | None = None,
        minimum: str | None = None,
        maximum: str | None = None,
        arm: str | None = None,
        treatment: str | None = None,
        control: str | None = None,
        adjust: str = "change",
        within_correlation: Given | None = None,
        within_structure: str | None = None,
        within_decay: float | str | Prior | None = None,
        within_distance: float | None = None,
        time_unit: str = "months",
        time_unit_column: str | None = None,
    ) -> Trajectories:
        """Take means of arms at their visits, the baseline (month 0) among them.

        Without `arm` the estimates are changes from baseline (measure ``"MC"``); with it, differences of the
        treated minus the control arm (``"MD"``). The covariance follows from SDs, n and the correlation of a
        patient's values: shared baselines and shared patients are in it; drop-out is taken as nested.

        Parameters
        ----------
        frame
            One row an arm and visit, in any order. A row without mean and spread is a missing visit.
        study, month, within_structure, within_decay, within_distance, time_unit, time_unit_column
            As in `from_estimates`; ``"ar1-visit"`` counts the baseline as the first visit, and numbers have
            ``"ar1-month"`` when no structure is given.
        mean, n
            Columns of the means and of the patients behind them, at least 2; with medians alone, no `mean`.
        sd, se, ci_low, ci_high, level
            Column of the SD of the patients, of the standard error of the mean, or of the ends of its normal
            confidence interval at `level`.
        missing_sd
            ``"refuse"`` a mean without its spread, or ``"borrow"`` the SD from the printed ones: log SDs vary
            between studies and visits, by REML (`bayesma.evidence.log_sds`). The covariance has the exact
            expectation over what is uncertain; the normal likelihood has lighter tails than that mixture.
        median, q1, q3, minimum, maximum
            Columns of medians with quartiles, extremes or both. A row without spread takes mean and SD from
            them, averaged over normal and, where they are positive, log-normal values
            (`bayesma.evidence.five_numbers`; n of at least 5), and a variance of the mean that has the
            conversion's own uncertainty; a mean that is printed is kept. Such SDs are not lent to other rows.
        arm, treatment, control
            Column of the arms and its values for the two of them.
        adjust
            ``"change"``: changes from baseline (of two arms, their difference); ``"final"``: differences of
            the means at each visit, for which no baseline is needed.
        within_correlation
            As in `from_estimates`, but of a patient's values at two visits, the baseline among them.

        Raises
        ------
        OptionError, PriorError, DataError
            As in `from_estimates`; also for an arm or a baseline that is missing, a mean without its spread,
            one patient, an SD at or below 0, too few SDs to borrow from, a median with too little around it.
            A `DataWarning` for an interval not centred on its mean, SDs that were borrowed, skewed quantiles.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.trajectories import Trajectories
        >>> rows = [("Ash", 0, 12.0, 3.0, 25), ("Ash", 6, 7.0, 4.0, 25)]
        >>> frame = pd.DataFrame(rows, columns=["study", "month", "mean", "sd", "n"])
        >>> months = Trajectories.from_arms(
        ...     frame, study="study", month="month", mean="mean", sd="sd", n="n", within_correlation=0.0
        ... )
        >>> months.y.tolist(), months.se.tolist()
        ([[-5.0]], [[1.0]])
        """
        named = {
            "month": month,
            "mean": mean,
            "n": n,
            "sd": sd,
            "se": se,
            "ci_low": ci_low,
            "ci_high": ci_high,
        }
        named |= {"minimum": minimum, "q1": q1, "median": median, "q3": q3, "maximum": maximum}
        roles = {role: column for role, column in named.items() if column is not None}
        arms = Arms(arm, treatment, control, adjust)
        correlation = Stated(within_correlation, within_structure, within_decay, within_distance).settled(
            "ar1-month"
        )
        unit = (time_unit, time_unit_column)
        spread = (level, missing_sd)
        return cls(**read_arms(frame, study, roles, arms, correlation, unit, spread), measure=arms.measure)

    @classmethod
    def from_patients(
        cls,
        frame: pd.DataFrame,
        *,
        study: str | Sequence[str],
        patient: str,
        month: str,
        value: str,
        arm: str | None = None,
        treatment: str | None = None,
        control: str | None = None,
        adjust: str = "change",
        time_unit: str = "months",
        time_unit_column: str | None = None,
    ) -> Trajectories:
        """Take the values of single patients at their visits, the baseline (month 0) among them.

        Held are mean changes from baseline (or differences between arms) and their sample covariance, each
        pair of visits from the patients seen at both.

        Parameters
        ----------
        frame
            One row a patient and visit, in any order; without value it is a missing visit.
        study, month, time_unit, time_unit_column
            As in `from_estimates`.
        patient
            Column of the patients, unique within a study and arm.
        value
            Column of the values.
        arm, treatment, control, adjust
            As in `from_arms`.

        Raises
        ------
        OptionError, DataError
            As in `from_arms`; also for a visit with one patient, and too few for a covariance.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.evidence.trajectories import Trajectories
        >>> frame = pd.DataFrame(
        ...     {"study": "Ash", "id": [1, 2, 3] * 2, "month": [0] * 3 + [6] * 3, "value": [9, 8, 7, 4, 5, 3]}
        ... )
        >>> months = Trajectories.from_patients(
        ...     frame, study="study", patient="id", month="month", value="value"
        ... )
        >>> months.y.tolist(), months.se.round(4).tolist()
        ([[-4.0]], [[0.5774]])
        """
        roles, unit = {"month": month, "value": value}, (time_unit, time_unit_column)
        arms = Arms(arm, treatment, control, adjust)
        return cls(**read_patients(frame, study, patient, roles, arms, unit), measure=arms.measure)

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
