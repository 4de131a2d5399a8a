"""Question: what goes into the one line of a summary-of-findings table?"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import xarray as xr

from bayesma.errors import OptionError
from bayesma.posterior.benefit import DIRECTIONS, decision
from bayesma.posterior.estimands import NEW, STANDARDISED, TYPICAL
from bayesma.posterior.location import location
from bayesma.posterior.predict import (
    CONTROL,
    DIFFERENCE,
    INTERVAL,
    ODDS,
    RATIO,
    TREATED,
    events_label,
    predict,
)
from bayesma.posterior.prior_share import RULES, prior_overlap, prior_share
from bayesma.posterior.provenance import Provenance, case_of, provenance, require_one_effect
from bayesma.priors import Prior
from bayesma.words.numbers import fixed, patient_decimals, patients, probability_text, share, with_interval

ESTIMANDS = (TYPICAL, STANDARDISED, NEW)
COLUMNS = [
    "studies", "participants", "relative_effect", "control_risk", "treated_risk", "difference", "nnt",
    "p_benefit", "prior",
]  # fmt: skip
UNKNOWN = "not known"
NO_CONTRAST = (
    "No trial has a contrast between its arms (no event at all, or nothing but events): the data say nothing "
    "of the effect, and no odds ratio and no number needed to treat is given; the risks are those that the "
    "arms allow."
)

type Values = tuple[float, float, float]


def summary_of_findings(
    fit: xr.DataTree,
    *,
    outcome: str,
    favours: str,
    baseline: float | str | Prior | None = None,
    estimand: str = TYPICAL,
    per: int = 1000,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """One row of a summary-of-findings table, every cell as it is printed.

    The layout follows GRADE (Guyatt et al. 2011, doi 10.1016/j.jclinepi.2010.04.026); intervals are posterior
    ones, and the probability of benefit and the part of the prior stand beside them.

    Parameters
    ----------
    fit
        Counts in two arms, or log odds or risk ratios.
    outcome
        What an event is, in words: the row's name.
    favours
        ``"lower"`` when an event harms, ``"higher"`` when it is hoped for.
    baseline
        The risk in the control arm, as in `predict`.
    estimand
        ``"typical setting"``, ``"standardised"`` or ``"new setting"``, as in `predict`.
    per
        Patients to whom risks are referred.
    ci_prob
        Probability of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        Index outcome, one row of text (studies: a number): studies, participants, relative_effect (median and
        interval of the odds or risk ratio), control_risk and treated_risk (events per so many patients),
        difference (fewer or more), nnt (through infinity where the difference may be 0), p_benefit, prior
        (what the prior contributed). Where no trial has a contrast between its arms there is no relative
        effect and no nnt. ``attrs``: headings (what to print above each column), baseline,
        estimand (in words) and notes.

    Raises
    ------
    OptionError
        For an unknown direction or estimand, one the fit has not, several visits or follow-up, and as in
        `predict`.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([2, 0, 1], [60, 40, 55], [6, 3, 4], [58, 42, 50])
    >>> fit = bm.fit(counts, engine="exact", random_seed=1)
    >>> row = bm.summary_of_findings(fit, outcome="infection", favours="lower", baseline=0.1)
    >>> row.loc["infection", ["participants", "control_risk", "difference"]].tolist()
    ['305', '100', '80 fewer [96 fewer to 29 fewer]']
    """
    require_one_effect(fit, "summary_of_findings")
    origin = provenance(fit)
    if favours not in DIRECTIONS:
        raise OptionError(
            f"favours is {favours!r}; give 'lower' (an event harms) or 'higher' (it is hoped for)"
        )
    if estimand not in ESTIMANDS:
        raise OptionError(f"estimand is {estimand!r}; it must be one of {', '.join(map(repr, ESTIMANDS))}")
    if origin.measure.code == "PLO":
        raise OptionError("summary_of_findings compares two arms; for single arms see predict")
    risks = predict(fit, baseline=baseline, per=per, ci_prob=ci_prob, above=0.0, favours=favours)
    if estimand not in risks.attrs["estimands"]:
        raise OptionError(f"estimand {estimand!r}: {risks.attrs['refused'][estimand]}")
    one = risks[risks.index.get_level_values("estimand") == estimand].droplevel("estimand")
    studies, participants = _sizes(fit)
    cells = {
        "studies": studies,
        "participants": participants,
        "relative_effect": _relative(fit, origin, one, estimand, ci_prob),
        "control_risk": _risk(_values(one, CONTROL, per)),
        "treated_risk": _risk(_values(one, TREATED, per)),
        "difference": _difference(_values(one, events_label(per))),
        "nnt": risks.attrs["nnt"][estimand],
        "p_benefit": _benefit(fit, one, favours, estimand),
        "prior": prior_words(fit),
    }
    notes = list(risks.attrs["notes"])
    if not _has_contrast(fit, origin):
        cells |= {"relative_effect": f"{UNKNOWN}: the data say nothing of the effect", "nnt": UNKNOWN}
        notes = [NO_CONTRAST, *notes]
    table = pd.DataFrame([cells], index=pd.Index([outcome], name="outcome"))[COLUMNS]
    table.attrs = {
        "headings": _headings(origin, per, ci_prob),
        "baseline": risks.attrs["baseline"],
        "estimand": risks.attrs["estimands"][estimand],
        "notes": notes,
    }
    return table


def prior_words(fit: xr.DataTree) -> str:
    """What the priors contributed to each hyper-parameter, in a sentence or two."""
    parts, overlap = prior_share(fit), prior_overlap(fit)
    words = f"The prior supplies {_list([f'{share(value)} of {name}' for name, value in parts.items()])}"
    ruled = [str(name) for name, value in overlap.items() if value >= RULES]
    if not ruled:
        return f"{words}."
    return f"{words}. THE PRIOR RATHER THAN THE DATA SETS {_list(ruled)} (overlap {RULES:g} or more)."


def _has_contrast(fit: xr.DataTree, origin: Provenance) -> bool:
    """Whether any study by itself has an estimate of the effect."""
    estimate, _ = origin.family.crude(case_of(fit, origin).arrays)
    return bool(np.isfinite(estimate).any())


def _relative(fit: xr.DataTree, origin: Provenance, one: pd.DataFrame, estimand: str, ci_prob: float) -> str:
    """Odds or risk ratio with its interval; of the typical setting the mean effect, as every table has it."""
    if estimand == TYPICAL:
        values = location(fit, origin, (0.5 - 0.5 * ci_prob, 0.5 + 0.5 * ci_prob))
    else:
        ratio = _values(one, RATIO if origin.measure.code == "RR" else ODDS)
        middle, low, high = (math.log(value) if value > 0.0 else -math.inf for value in ratio)
        values = middle, low, high
    return with_interval(origin.measure, *values)


def _benefit(fit: xr.DataTree, one: pd.DataFrame, favours: str, estimand: str) -> str:
    """Of the typical and the new setting the probability of `benefit`; of the average a share of draws."""
    if estimand != STANDARDISED:
        table = decision(fit, favours=favours)
        row, column = str(table.index[int(estimand == NEW)]), str(table.columns[0])
        return probability_text(float(table[column].loc[row]), table.attrs["mcse"][row][column])
    more = float(one["P(> 0)"][DIFFERENCE])
    return probability_text(1.0 - more if favours == "lower" else more, math.nan)


def _values(one: pd.DataFrame, quantity: str, times: float = 1.0) -> Values:
    """Median and ends of a row."""
    median, low, high = (times * float(one[name][quantity]) for name in INTERVAL)
    return median, low, high


def _risk(values: Values) -> str:
    """Events per so many patients; a known risk has no interval."""
    if values[1] == values[2]:
        return fixed(values[0], 0 if values[0] >= 10 else 1)
    return patients(values)


def _difference(values: Values) -> str:
    """``76 fewer [94 fewer to 28 fewer]``."""
    decimals = patient_decimals(values)

    def one(value: float) -> str:
        return f"{fixed(abs(value), decimals)} {'fewer' if value < 0.0 else 'more'}"

    median, low, high = values
    return f"{one(median)} [{one(low)} to {one(high)}]"


def _sizes(fit: xr.DataTree) -> tuple[int, str]:
    """Studies, and patients where the fit knows them."""
    constants = fit["constant_data"].dataset
    studies = int(fit["observed_data"].sizes["study"])
    if "n_treat" not in constants:
        return studies, UNKNOWN
    return studies, f"{float(constants['n_treat'].sum() + constants['n_ctrl'].sum()):,.0f}"


def _headings(origin: Provenance, per: int, ci_prob: float) -> dict[str, str]:
    """What to print above each column."""
    interval = f"{100 * ci_prob:g} % CrI"
    name = origin.measure.name
    control, treated = "Assumed risk in the control arm", "Corresponding risk in the treated arm"
    if origin.event:
        event = f"{origin.event[:1].upper()}{origin.event[1:]}"
        control, treated = f"{event}: control arm, assumed", f"{event}: treated arm"
    return {
        "studies": "Studies",
        "participants": "Participants",
        "relative_effect": f"{name[0].upper()}{name[1:]} ({interval})",
        "control_risk": f"{control}, per {per:,}",
        "treated_risk": f"{treated}, per {per:,} ({interval})",
        "difference": f"Difference per {per:,} ({interval})",
        "nnt": f"Number needed to treat ({interval})",
        "p_benefit": "P(benefit)",
        "prior": "What the prior contributed",
    }


def _list(items: list[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
