"""Question: do some of the studies say another thing than the others?

Every subset is analysed, or a random sample of them (GOSH: Olkin, Dahabreh & Trikalinos 2012,
doi 10.1002/jrsm.1053).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesma.engines import gaussian
from bayesma.errors import OptionError, PriorError
from bayesma.evidence.subset import Mask
from bayesma.families.base import Case
from bayesma.families.problems import GaussianProblem
from bayesma.numerics import mixture
from bayesma.priors import Prior
from bayesma.sensitivity.gathered import gathered, say
from bayesma.sensitivity.parts import Whole, check_something_stays
from bayesma.sensitivity.quick import GaussianPosterior

COLUMNS = ("size", "estimate", "tau", "p_benefit", "converged")
MOST = 2**15 - 1  # all subsets of 15 studies
type Answer = dict[str, float | bool]


def subsets(
    evidence: Any,
    *,
    favours: str | None = None,
    min_size: int = 1,
    max_subsets: int = MOST,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    engine: str | None = None,
    random_seed: int = 0,
    **options: Any,
) -> pd.DataFrame:
    """Mean effect and heterogeneity in every subset of the studies, or in a random sample of subsets.

    Clusters of subsets that differ in whether they hold a study show what that study does
    (`plots.subsets`). Priors are those of the analysis of all studies throughout, also defaults that follow
    the data.

    Parameters
    ----------
    evidence
        As in `fit`; two studies at least.
    favours
        Which direction is benefit, as in `benefit`; without it there is no p_benefit.
    min_size
        Number of studies a subset has at least.
    max_subsets
        All subsets are analysed when they are no more than this (all of 15 studies); otherwise so many
        different ones, each as probable as any other.
    family, priors, engine
        As in `leave_one_out`. Without a Gaussian integral (`Effects` with normal effects and no moderators)
        every fit takes long: ask for fewer.
    random_seed
        Of the sample, and of NUTS.
    **options
        As in `leave_one_out`.

    Returns
    -------
    pandas.DataFrame
        One row a subset: size, estimate and tau (posterior means, medians where there is no mean; tau where
        the model has one), p_benefit, converged, and for every study a column of its label: whether it is in
        the subset. Analysis scale. ``attrs``: studies, sampled (whether these are not all), full (the same
        for all studies), base (the priors), defaults, parameter, question, favours, engine, measure, k.

    Raises
    ------
    OptionError
        For one study; a size or number below 1; a study with the name of another column.
    PriorError
        As `fit`; and where the posterior of a subset is improper: raise min_size, or give proper priors.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, 0.4], [0.2, 0.3, 0.2], ["A", "B", "C"], "SMD")
    >>> every = bm.subsets(effects)
    >>> len(every), every.groupby("C")["estimate"].mean().round(2).to_dict()
    (7, {False: -0.36, True: 0.11})
    """
    whole = Whole.read(
        evidence,
        question=None,
        favours=favours,
        mid=None,
        family=family,
        priors=priors,
        engine=engine,
        random_seed=random_seed,
        ci_prob=0.95,
        options=options,
    )
    studies = [str(label) for label in whole.studies]
    check_something_stays(studies, "subsets")
    if taken := [label for label in studies if label in COLUMNS]:
        raise OptionError(f"study {taken[0]!r} has the name of a column of the answer; call it otherwise")
    kept, sampled = _chosen(len(studies), min_size, max_subsets, random_seed)
    answer = _answers(whole)
    with gathered() as caught:
        full = answer(np.ones(len(studies), dtype=np.bool_))
        rows = [answer(keep) for keep in kept]
    table = pd.concat([pd.DataFrame(rows), pd.DataFrame(kept, columns=studies)], axis=1)
    table.insert(0, "size", kept.sum(axis=1))
    say(caught, int((~table["converged"]).sum()), len(table), "fits")
    said = whole.attrs(full, favours, None) | {"studies": studies, "sampled": sampled}
    table.attrs.update(said)
    return table


def _chosen(k: int, least: int, most: int, seed: int) -> tuple[Mask, bool]:
    """Subsets as rows of True and False, shape (n, k), smaller ones first; and whether they are a sample."""
    for name, value, top in (("min_size", least, k), ("max_subsets", most, None)):
        if not isinstance(value, int) or value < 1 or (top is not None and value > top):
            raise OptionError(
                f"{name} is {value!r}; it must be a whole number of at least 1"
                + (f" and at most {top}, the number of studies" if top is not None else "")
            )
    count = sum(math.comb(k, size) for size in range(least, k + 1))
    if count <= most:
        return _every(k, least, count), False
    kept = _sample(k, least, most, np.random.default_rng(seed))
    return kept[np.argsort(kept.sum(axis=1), kind="stable")], True


def _every(k: int, least: int, count: int) -> Mask:
    """All subsets of at least so many studies."""
    kept = np.zeros((count, k), dtype=np.bool_)
    sizes = (itertools.combinations(range(k), size) for size in range(least, k + 1))
    for row, members in zip(kept, itertools.chain.from_iterable(sizes), strict=True):
        row[list(members)] = True
    return kept


def _sample(k: int, least: int, most: int, rng: np.random.Generator) -> Mask:
    """Different subsets: first sizes, in proportion to how many there are of each, then studies."""
    sizes = np.arange(least, k + 1)
    logs = np.array([math.lgamma(k + 1) - math.lgamma(s + 1) - math.lgamma(k - s + 1) for s in sizes])
    share = np.exp(logs - logs.max())
    found: dict[bytes, NDArray[np.bool_]] = {}
    while len(found) < most:
        for size in rng.choice(sizes, size=most - len(found), p=share / share.sum()):
            keep = np.zeros(k, dtype=np.bool_)
            keep[rng.choice(k, size=size, replace=False)] = True
            found[keep.tobytes()] = keep
    return np.array(list(found.values()))


def _answers(whole: Whole) -> Callable[[Mask], Answer]:
    """What is computed of a subset."""
    problem = whole.setting.family.problem(whole.setting.case) if whole.engine == "exact" else None
    if isinstance(problem, GaussianProblem):
        return lambda keep: _gaussian(whole, problem, keep)

    def fitted(keep: Mask) -> Answer:
        """From a fit."""
        row = whole.row(whole.solve(keep, f"with {keep.sum()} of the studies"))
        return {name: row[name] for name in COLUMNS if name in row}

    return fitted


def _gaussian(whole: Whole, problem: GaussianProblem, keep: Mask) -> Answer:
    """From the nodes of the integral."""
    family, case, asked = whole.setting.family, whole.setting.case, whole.asked
    arrays = {name: values[keep] for name, values in case.arrays.items()}
    try:
        limits = family.moments_below(Case(arrays, case.priors, case.options))
    except PriorError as error:
        raise PriorError(f"with {keep.sum()} of the studies: {error}; or raise min_size") from error
    part = replace(problem, y=problem.y[keep], se=problem.se[keep])
    found = gaussian.solve(part, limits.get("tau", np.inf))
    answer: Answer = {}
    nodes = {"estimate": ("mu", found.mu_mean), "tau": ("tau", found.tau)}
    for column, (name, values) in nodes.items():
        if limits.get(name, np.inf) > 1.0:
            answer[column] = float(found.weight @ values)
        else:  # no mean
            answer[column] = float(
                GaussianPosterior(whole.setting, found).marginal(name).quantile([0.5])[0, 0]
            )
    if problem.tau is None:
        del answer["tau"]
    if whole.has_question:
        chance = mixture.probability(
            asked.threshold, found.weight, found.mu_mean[None], found.mu_sd[None], above=asked.above
        )
        answer["p_benefit"] = min(float(chance[0]), 1.0)
    return answer | {"converged": True}
