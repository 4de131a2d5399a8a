"""Two arms, means and standard deviations: mean difference and standardised mean difference."""

from __future__ import annotations

import numpy as np
from scipy.special import poch

from bayesma.evidence.columns import Columns
from bayesma.evidence.suspicions import COMBINE, Arm, Suspicion, repeated_arms, warn
from bayesma.measures.base import MEASURES, Array, Design, Measure, Raw, unchanged
from bayesma.measures.zero_cells import ZeroCells

LARGE_DIFFERENCE = 3.0  # in SDs; beyond it the spread given is almost always a standard error


def mean_difference(
    mean_treat: Array, sd_treat: Array, n_treat: Array, mean_ctrl: Array, sd_ctrl: Array, n_ctrl: Array
) -> tuple[Array, Array]:
    """Difference of means, treated minus control, and its variance sd1^2/n1 + sd2^2/n2.

    Parameters
    ----------
    mean_treat, sd_treat, n_treat, mean_ctrl, sd_ctrl, n_ctrl
        Means, SDs (unit of the outcome) and sample sizes per arm, shape (k,).

    Returns
    -------
    tuple of numpy.ndarray
        Differences (unit of the outcome) and variances (its square), shape (k,) each. The variances are
        not pooled: Viechtbauer 2010, doi 10.18637/jss.v036.i03.
    """
    return mean_treat - mean_ctrl, sd_treat**2 / n_treat + sd_ctrl**2 / n_ctrl


def hedges_correction(df: Array) -> Array:
    """Exact small-sample correction J = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)) of Hedges 1981.

    Parameters
    ----------
    df
        Degrees of freedom m of the pooled SD, above 1, any shape.

    Returns
    -------
    numpy.ndarray
        Factors between 0 and 1, shape of `df`. Paper: doi 10.3102/10769986006002107.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.continuous import hedges_correction
    >>> float(hedges_correction(np.array(2.0)).round(6))
    0.56419
    """
    half = df / 2
    # poch(x, 1/2) = Gamma(x + 1/2) / Gamma(x): no loss of digits at large df, unlike a difference of gammaln
    return np.asarray(poch(half - 0.5, 0.5) / np.sqrt(half), dtype=np.float64)


def standardised_mean_difference(
    mean_treat: Array, sd_treat: Array, n_treat: Array, mean_ctrl: Array, sd_ctrl: Array, n_ctrl: Array
) -> tuple[Array, Array]:
    """Hedges' g and its large-sample variance 1/n1 + 1/n2 + g^2 / (2 (n1 + n2)).

    Parameters
    ----------
    mean_treat, sd_treat, n_treat, mean_ctrl, sd_ctrl, n_ctrl
        Means, SDs (unit of the outcome) and sample sizes per arm, shape (k,).

    Returns
    -------
    tuple of numpy.ndarray
        Differences in pooled SDs, with `hedges_correction`, and their variances, shape (k,) each.
        Infinite or NaN where both SDs are 0. Paper: Hedges 1981, doi 10.3102/10769986006002107.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesma.measures.continuous import standardised_mean_difference
    >>> arm = np.array([1.0]), np.array([2.0]), np.array([20.0])
    >>> y, v = standardised_mean_difference(*arm, np.array([0.0]), np.array([2.0]), np.array([20.0]))
    >>> round(float(y[0]), 4), round(float(v[0]), 4)
    (0.4901, 0.103)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        d = (mean_treat - mean_ctrl) / pooled_sd(sd_treat, n_treat, sd_ctrl, n_ctrl)
    g = hedges_correction(n_treat + n_ctrl - 2) * d
    return g, 1 / n_treat + 1 / n_ctrl + g**2 / (2 * (n_treat + n_ctrl))


def pooled_sd(sd_treat: Array, n_treat: Array, sd_ctrl: Array, n_ctrl: Array) -> Array:
    """SD within arms on n1 + n2 - 2 degrees of freedom, shape (k,), unit of the outcome."""
    squares = (n_treat - 1) * sd_treat**2 + (n_ctrl - 1) * sd_ctrl**2
    return np.asarray(np.sqrt(squares / (n_treat + n_ctrl - 2)), dtype=np.float64)


def read_means(columns: Columns, zero_cells: ZeroCells) -> Raw:
    """Checked means, SDs and sample sizes; no correction applies to them."""
    for arm in ("treat", "ctrl"):
        sd, size = f"sd_{arm}", f"n_{arm}"
        columns.refuse(columns[sd] < 0, sd, "a standard deviation cannot be negative", "correct it")
        columns.refuse(columns[size] % 1 != 0, size, "a sample size must be a whole number", "correct it")
        columns.refuse(
            columns[size] < 2,
            size,
            "an arm needs at least 2 patients to have a standard deviation",
            "correct it or leave the study out",
        )
    _warn_of_standard_errors(columns)
    arrays = tuple(columns[role] for role in TWO_ARM_MEANS.roles)
    n = columns["n_treat"] + columns["n_ctrl"]
    unusable = (columns["sd_treat"] == 0) | (columns["sd_ctrl"] == 0)
    return Raw(arrays, n, unusable=unusable, suspicions=_repeated(columns))


def _warn_of_standard_errors(columns: Columns) -> None:
    """Warn of arms so far apart, in SDs, that the SDs are probably standard errors."""
    sd = pooled_sd(columns["sd_treat"], columns["n_treat"], columns["sd_ctrl"], columns["n_ctrl"])
    apart = np.abs(columns["mean_treat"] - columns["mean_ctrl"])
    found = [
        Suspicion(
            i,
            f"the arms lie {apart[i] / sd[i]:.1f} standard deviations apart; check that the spread given is "
            "an SD and not a standard error",
        )
        for i in np.flatnonzero((sd > 0) & (apart > LARGE_DIFFERENCE * sd)).tolist()
    ]
    warn(found, columns.place)


def _repeated(columns: Columns) -> list[Suspicion]:
    """Return the rows with an arm, or both, of another row.

    One arm tells only where mean and SD both carry decimals: round numbers coincide by chance.
    """
    words = [("treat", "numbers of the treated arm", ""), ("ctrl", "numbers of the control arm", COMBINE)]
    arms = []
    for arm, what, mend in words:
        numbers = np.stack([columns[f"{part}_{arm}"] for part in ("mean", "sd", "n")]).T
        telling = np.asarray((numbers[:, :2] % 1 != 0).all(axis=1))
        arms.append(Arm(what, numbers, telling, telling, mend))
    every = np.full(len(columns.rows), True)
    both = Arm("numbers of the two arms", np.hstack([arm.numbers for arm in arms]), every, every)
    return repeated_arms([both, *arms], columns.studies.tolist())


TWO_ARM_MEANS = Design(
    name="means in two arms",
    roles=("mean_treat", "sd_treat", "n_treat", "mean_ctrl", "sd_ctrl", "n_ctrl"),
    instead={},
    read=read_means,
)

MD = MEASURES.register(
    "MD",
    Measure(
        code="MD",
        name="mean difference",
        label="Mean difference",
        display_label="Mean difference",
        scale="identity",
        null=0.0,
        back=unchanged,
        display_null=0.0,
        design=TWO_ARM_MEANS,
        formula=mean_difference,
        needs="a mean difference needs standard deviations above 0 in both arms",
        doi="10.18637/jss.v036.i03",
        means=2,
    ),
)

SMD = MEASURES.register(
    "SMD",
    Measure(
        code="SMD",
        name="standardised mean difference (Hedges' g)",
        label="Standardised mean difference (Hedges' g)",
        display_label="Standardised mean difference (Hedges' g)",
        scale="identity",
        null=0.0,
        back=unchanged,
        display_null=0.0,
        design=TWO_ARM_MEANS,
        formula=standardised_mean_difference,
        needs="a standardised mean difference needs standard deviations above 0 in both arms",
        doi="10.3102/10769986006002107",
        means=2,
        unit_sd=2.0,
        unit_where="at no difference in equal arms",
    ),
)
