"""What does a classical meta-regression answer? Its numbers, and the effect at stated moderators."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.classical.intervals import normal_quantile, t_quantile
from bayesma.classical.result import FrequentistFit
from bayesma.errors import OptionError
from bayesma.evidence.moderators import at_values, main_labels, require_moderators


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RegressionFit(FrequentistFit):
    """A classical meta-regression: a `FrequentistFit` at the centre of the moderators.

    Its estimate, intervals and p belong to studies at the mean of every moderator; tau2, Q, I2 and H2 are
    residual: what the moderators leave.

    Attributes
    ----------
    coefficients
        One row a coefficient, ``intercept`` (the effect at the centre) and the moderators' labels; columns
        ``estimate se ci_low ci_high statistic p_value``. Numbers count in standard deviations (or in their
        own unit, if asked), categories against the first. `statistic` is z for ``ci="wald"``, else t.
    per_unit
        The same per unit of each moderator; ``intercept`` is where all are 0 (and categories the first).
        Beside an interaction, a moderator's coefficient, here and above, is that where the others are 0.
    covariance
        Of `coefficients`, shape (p, p), as `ci` has it.
    df
        Degrees of freedom of t and of F's denominator, k - p; NaN for ``ci="wald"``.
    qm, qm_df, qm_p
        Test of all moderators together: chi-squared (Wald), or F with `qm_df` and `df` (Knapp-Hartung).
    tau2_without
        tau2 of the same studies without moderators.
    r2
        Per cent of `tau2_without` that the moderators take away, cut at 0; NaN where there is none to take.
    centre, scale
        What was taken from each moderator and what it was divided by, shapes (q,).
    """

    coefficients: pd.DataFrame
    per_unit: pd.DataFrame
    covariance: NDArray[np.float64]
    df: float
    qm: float
    qm_df: int
    qm_p: float
    tau2_without: float
    r2: float
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def predict(self, at: Mapping[str, Sequence[object]]) -> pd.DataFrame:
        """The effect where moderators have stated values: of the average study there, and of a new one.

        Parameters
        ----------
        at
            Values by moderator, equally many of each, on the scale of the table; a moderator that is not
            stated is at the mean of the studies (a category: at its share).

        Returns
        -------
        DataFrame
            One row a value: the stated ones, then ``estimate se ci_low ci_high pi_low pi_high``, analysis
            scale. The prediction interval is ``estimate +- quantile * sqrt(tau2 + se^2)``.

        Raises
        ------
        OptionError
            For what is no moderator or category of the fit, a value that is no number, or numbers of values
            that differ.

        Examples
        --------
        >>> import pandas as pd
        >>> from bayesma.classical.frequentist import frequentist
        >>> from bayesma.evidence.effects import Effects
        >>> table = pd.DataFrame({"dose": [1.0, 3.0, 5.0, 7.0]})
        >>> effects = Effects.from_estimates([0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], table=table)
        >>> fit = frequentist(effects, moderators=["dose"])
        >>> fit.predict({"dose": [3, 9]})["estimate"].round(6).tolist()
        [1.0, 4.0]
        """
        labels = [str(label) for label in self.coefficients.index[1:]]
        require_moderators(at, list(dict.fromkeys(label.split(": ")[0] for label in main_labels(labels))))
        for name, values in at.items():
            if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
                raise OptionError(f"at holds {name} = {values!r}; give a list of values, [{values!r}]")
        sizes = {len(values) for values in at.values()}
        if len(sizes) != 1 or sizes == {0}:
            raise OptionError(
                f"at holds {dict(at)!r}; give equally many values of each moderator, at least one"
            )
        stated = [dict(zip(at, row, strict=True)) for row in zip(*at.values(), strict=True)]
        places = np.array([at_values(row, labels, self.centre, self.scale) for row in stated])
        design = np.column_stack([np.ones(len(places)), places])
        mean = design @ self.coefficients["estimate"].to_numpy(dtype=np.float64)
        se = np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        quantile = normal_quantile(self.level) if math.isnan(self.df) else t_quantile(self.level, self.df)
        half, new = quantile * se, quantile * np.sqrt(self.tau2 + se**2)
        if math.isnan(self.pi_low):
            new = np.full_like(se, math.nan)
        ends = {"ci_low": mean - half, "ci_high": mean + half, "pi_low": mean - new, "pi_high": mean + new}
        return pd.DataFrame(stated).assign(estimate=mean, se=se, **ends)
