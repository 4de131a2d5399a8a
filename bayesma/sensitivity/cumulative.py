"""Question: how did the answer come about, study after study?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesma.errors import OptionError
from bayesma.evidence.subset import studies_of, study_column
from bayesma.priors import Prior
from bayesma.sensitivity.gathered import gathered, say
from bayesma.sensitivity.parts import Whole, spread
from bayesma.sensitivity.question import Ask


def cumulative(
    evidence: Any,
    *,
    order: str | Sequence[str] | None = None,
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
    """The answer after each study, in the order given (Lau et al. 1992, doi 10.1056/NEJM199207233270406).

    Priors are those of the analysis of all studies throughout, also defaults that follow the data, and so are
    the visits and the centres of moderators: what differs between rows is the studies alone.

    Parameters
    ----------
    evidence
        As in `fit`.
    order
        Column of the evidence's table to sort by, such as the year (studies with equal values stay in their
        order), or the labels of all studies; the order of the evidence when not given.
    favours, mid, question, family, priors, engine, random_seed, ci_prob, **options
        As in `leave_one_out`.

    Returns
    -------
    pandas.DataFrame
        Index added: the study that came to those above it. Columns as of `leave_one_out`; k is the number of
        studies so far and shift the distance from the estimate of all studies, in posterior sds of the
        latter. ``attrs`` as there, with order in place of by.

    Raises
    ------
    OptionError
        For a column the table has not, and labels that are not those of the studies, each once.
    DataError
        For a study without a value in the column.
    PriorError
        As `fit`; and, with the study named, where the posterior after it is still improper.

    Warns
    -----
    ConvergenceWarning, DataWarning
        As `leave_one_out`.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> so_far = bm.cumulative(effects, order=["C", "A", "B"], favours="lower")
    >>> so_far[["estimate", "p_benefit", "k"]].round(2).loc["A"].tolist()
    [-0.05, 0.58, 2.0]
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
    labels, places = _in_order(evidence, order)
    keep = np.zeros(len(labels), dtype=np.bool_)
    rows = []
    with gathered() as caught:
        for label, place in zip(labels, places, strict=True):
            keep[place] = True
            posterior = whole.solve(keep.copy(), f"up to {label}")
            rows.append(whole.row(posterior))
    table = pd.DataFrame(rows, index=pd.Index(labels, name="added"))
    full = rows[-1]
    table["shift"] = (table["estimate"] - full["estimate"]) / spread(
        posterior, whole.asked.parameter, whole.asked.element
    )
    say(caught, int((~table["converged"]).sum()), len(table), "fits")
    named = order if isinstance(order, str) or order is None else labels
    table.attrs.update(whole.attrs(full, favours, mid) | {"order": named})
    return table


def _in_order(evidence: Any, order: str | Sequence[str] | None) -> tuple[list[str], list[int]]:
    """Labels of the studies, and their places in the evidence."""
    studies = [str(label) for label in studies_of(evidence)]
    if order is None:
        return studies, list(range(len(studies)))
    if isinstance(order, str):
        values = study_column(evidence, order, "order")
        try:
            places = sorted(range(len(studies)), key=lambda i: values[i])
        except TypeError as error:
            raise OptionError(
                f"order is {order!r}, whose values cannot be sorted ({error}); make them all "
                "numbers, or all text"
            ) from error
        return [studies[i] for i in places], places
    given = [str(label) for label in order]
    if sorted(given) != sorted(studies):
        missing = [label for label in studies if label not in given]
        unknown = [label for label in given if label not in studies]
        twice = [label for label in dict.fromkeys(given) if given.count(label) > 1]
        said = [
            f"{what} {', '.join(map(repr, found))}"
            for what, found in (("lacks", missing), ("has the unknown", unknown), ("repeats", twice))
            if found
        ]
        raise OptionError(f"order {'; '.join(said)}; give every study's label once, or a column of the table")
    return given, [studies.index(label) for label in given]
