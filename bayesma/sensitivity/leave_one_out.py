"""Question: does the answer depend on one study, or on one group of studies?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesma.errors import OptionError
from bayesma.evidence.subset import Mask, studies_of, study_column
from bayesma.posterior.marginals import label_text
from bayesma.priors import Prior
from bayesma.sensitivity.gathered import gathered, say
from bayesma.sensitivity.parts import Whole, check_something_stays, spread
from bayesma.sensitivity.question import Ask


def leave_one_out(
    evidence: Any,
    *,
    by: str | None = None,
    favours: str | None = None,
    mid: float | None = None,
    question: Ask = None,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    engine: str | None = None,
    random_seed: int | None = None,
    ci_prob: float = 0.95,
    **options: Any,
) -> pd.DataFrame:
    """The answer without each study, or without each group of studies.

    Priors are those of the analysis of all studies throughout, also defaults that follow the data, and so are
    the visits and the centres of moderators: what differs between rows is the studies alone.

    Parameters
    ----------
    evidence
        As in `fit`; two studies at least.
    by
        Column of the evidence's table (for example a research group, or a country): all studies with one
        value of it are left out together.
    favours, mid
        Which direction is benefit and, above 0, how much matters: as in `benefit`.
    question
        In place of benefit: ``"m[6] < 0"``, ``"tau > 0.5"``, or a function of a fit that returns a
        probability. It names the parameter whose estimate is shown. With `mid` as in `prior_sensitivity`.
    family, priors
        As in `fit`.
    engine
        ``"exact"``, ``"nuts"``, or None: exact where the model has an integral.
    random_seed
        Of NUTS, the same in every fit.
    ci_prob
        Probability of the equal-tailed intervals.
    **options
        Options of the family, and draws, tune, chains, cores and target_accept of NUTS.

    Returns
    -------
    pandas.DataFrame
        Index left_out: study, or value of `by`. Columns estimate (posterior mean; median where there is no
        mean), ci_low, ci_high, tau (posterior mean, where the model has one), p_benefit and p_mid as far as
        asked for, k (studies that stay), converged; for `Effects` without moderators frequentist_estimate,
        frequentist_ci_low, frequentist_ci_high (REML with Knapp and Hartung's interval; inverse variance
        under a common effect and for one study); and shift: estimate less that of all studies, in posterior
        sds of the latter (where there is no sd, that of the normal with the same 95 % interval). Analysis
        scale. ``attrs``: full (the same columns for all studies), base (the priors), defaults, parameter,
        question, favours, mid, by, engine, measure, k, ci_prob.

    Raises
    ------
    OptionError
        For one study, one group, or a column the table has not.
    DataError
        For a study without a value in the column `by`.
    PriorError
        As `fit`; and, with the study named, where the posterior without it is improper.

    Warns
    -----
    ConvergenceWarning
        With the number of fits that did not converge.
    DataWarning
        Where no study is left to have one of the visits.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> left_out = bm.leave_one_out(effects, favours="lower")
    >>> left_out[["estimate", "p_benefit", "shift"]].round(2).loc["C"].tolist()
    [-0.39, 0.95, -1.28]
    """
    whole = Whole.read(
        evidence,
        question=question,
        favours=favours,
        mid=mid,
        family=family,
        priors=priors,
        engine=engine,
        random_seed=random_seed,
        ci_prob=ci_prob,
        options=options,
    )
    check_something_stays(whole.studies, "leave_one_out")
    kept = groups(evidence, by)
    with gathered() as caught:
        everything = whole.solve(np.ones(whole.studies.size, dtype=np.bool_), "all studies")
        full = whole.row(everything)
        rows = [whole.row(whole.solve(keep, f"without {label}")) for label, keep in kept.items()]
    table = pd.DataFrame(rows, index=pd.Index(list(kept), name="left_out"))
    table["shift"] = (table["estimate"] - full["estimate"]) / spread(
        everything, whole.asked.parameter, whole.asked.element
    )
    failed = int((~table["converged"]).sum()) + int(not full["converged"])
    say(caught, failed, len(table) + 1, "fits")
    table.attrs.update(whole.attrs(full, favours, mid) | {"by": by})
    return table


def groups(evidence: Any, by: str | None) -> dict[str, Mask]:
    """Studies that stay, by the label of what is left out."""
    studies = studies_of(evidence)
    if by is None:
        return {str(label): studies != label for label in studies}
    values = [label_text(value) for value in study_column(evidence, by, "by")]
    labels = list(dict.fromkeys(values))
    if len(labels) < 2:
        raise OptionError(
            f"by is {by!r}, which is {labels[0]!r} in every study, so nothing is left without it; give a "
            "column with two values at least"
        )
    each = np.array(values)
    return {label: each != label for label in labels}
