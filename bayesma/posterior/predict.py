"""Question: what does the effect mean for patients, as risks rather than ratios?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesma.errors import OptionError
from bayesma.families.settings import Settings
from bayesma.posterior import nnt
from bayesma.posterior.baseline import Baseline, baseline_of
from bayesma.posterior.benefit import DIRECTIONS
from bayesma.posterior.curves import has_visits
from bayesma.posterior.estimands import Estimands, Quantity, Risks, chains_of, two_arm_risks
from bayesma.posterior.mean_shapes import STACKING, averaged
from bayesma.posterior.numbers import limits_of, tails
from bayesma.posterior.over_time import asked_of, course
from bayesma.posterior.provenance import Provenance, provenance
from bayesma.posterior.regression import effects_at
from bayesma.posterior.relapse_course import is_course
from bayesma.posterior.relapse_months import HORIZONS, months_free
from bayesma.posterior.single_arm import single_arm_risks
from bayesma.posterior.spread import Spread, table_of
from bayesma.priors import Prior
from bayesma.words.numbers import probability_text

Array = NDArray[np.float64]

CONTROL, TREATED, DIFFERENCE = "risk in the control arm", "risk in the treated arm", "risk difference"
RATIO, ODDS = "risk ratio", "odds ratio"
INTERVAL = ["median", "ci_low", "ci_high"]
MOMENTS = ["mean", "sd", "mcse_mean"]
WORTH_A_NOTE = 0.005  # probability that a risk ratio lifts a risk above 1
SURE = 1e-12  # from 1, where a risk has no odds any more


def predict(
    fit: xr.DataTree | Mapping[str, xr.DataTree],
    *,
    baseline: float | str | Prior | None = None,
    per: int = 1000,
    ci_prob: float = 0.95,
    above: float | Sequence[float] = (),
    favours: str | None = None,
    studies: bool = False,
    months: Sequence[float] | None = None,
    rebound: tuple[float, float] | None = None,
    weights: str | Mapping[str, float] = STACKING,
    at: Mapping[str, object] | None = None,
    to: float | Sequence[float] | None = None,
) -> pd.DataFrame:
    """What follows from a fit: risks from counts and ratios, the course over months from visits or relapses.

    Under engine ``exact`` quantities that follow one parameter have its exact quantiles; those of mu and tau
    together come from a deterministic grid (quantiles to 1e-3 sd; to 1e-2 sd where a control risk with a
    distribution comes in as well). Risks of the settings analysed are averages over draws of their baselines
    and effects, under either engine. Draws have a Monte Carlo error, given for the mean.

    Parameters
    ----------
    fit
        Counts in two arms (`binomial`), effects that are log odds ratios or log risk ratios (`normal`,
        measures OR and RR), or single arms (`proportion`, or `normal` with measure PLO). Several visits: also
        fits of the same data by label, with other shapes of the mean, to be averaged. Follow-up (`relapse`).
    baseline
        Two arms: the risk in the **control arm**, whatever the coding of the model. A number (``0.1``); a
        distribution on (0, 1) as `Prior` or text (``"Beta(4, 36)"``), independent of the effect; or
        ``"pooled"``, the settings of this analysis (the default for `binomial`), from the joint posterior of
        baselines and effects: under the fit's own distribution of baselines with ``baseline="random"`` or
        ``"correlated"``, under the prior of ``alpha`` where one was stated, else under a prior of their own
        for risks, Logistic(0, 1) on the logit midway between the arms of a setting, given its effect.
    per
        The number of patients in the row of events.
    ci_prob
        Probability of the equal-tailed intervals.
    above
        Thresholds: each adds a column ``P(> x)``, the posterior probability that the quantity of the row, on
        its own scale, exceeds x. With 0 events of n and a uniform prior on the risk, P(risk > 3 / n) is near
        0.05: the rule of three (Hanley and Lippman-Hand 1983, doi 10.1001/jama.1983.03330370053031).
    favours
        ``"lower"`` when an event harms, ``"higher"`` when it is hoped for: names the numbers needed to treat
        in ``attrs["nnt"]`` as for benefit (NNTB) or harm (NNTH).
    studies
        Single arms: also a row for the risk in each study.
    months
        Several visits: the months asked about, measured or not; the visits of the data when not given.
        Follow-up: the months; the ends of periods and of the follow-up when not given.
    rebound
        Several visits: two months whose difference is a row of its own, with p_benefit one minus the
        probability of a rebound; 6 and 12 when not given and the follow-up has both.
    weights
        Several fits: ``"stacking"`` of PSIS-LOO over studies (Yao et al. 2018, doi 10.1214/17-BA1091),
        ``"evidence"`` (posterior probabilities of the fits, equal before the data; exact fits), or a number
        for each. They stand in ``attrs["weights"]``.
    at
        Values of moderators in their own unit, ``{"dose": 2, "cells": "UC"}``; the others, and all when not
        given, at their mean over the studies. One effect a study: also several values,
        ``{"dose": [1, 2, 4]}``, equally many of each moderator that has a list.
    to
        Follow-up: months to which the time free of relapse is counted; 12 and 24 when not given.

    Returns
    -------
    pandas.DataFrame
        Columns mean, sd, median, ci_low, ci_high, mcse_mean (NaN under ``exact``), and those of `above`.

        Two arms: index (estimand, quantity). Estimands: ``typical setting`` (baseline and effect at the
        middle, mu), ``standardised`` (both risks averaged over the baselines and effects of the settings
        analysed; with a baseline given, over the distribution of effects) and ``new setting`` (one new
        setting: delta_new or theta_new, and a baseline that is given or has a distribution in the model).
        ``attrs["refused"]`` says why one is missing. Quantities: risk in the control arm,
        risk in the treated arm, risk difference (treated minus control), risk ratio, odds ratio,
        ``more events per 1,000`` (negative: fewer), and the number needed to treat in two rows, ``NNT, one
        event fewer`` and ``NNT, one event more``: where the interval of the risk difference holds 0, the
        interval of the number needed to treat runs through infinity, from the ci_low of one row to infinity
        and back to the ci_low of the other (Altman 1998, doi 10.1136/bmj.317.7168.1309). Means and sds of
        numbers needed to treat, and of ratios over an uncertain or low baseline, need not exist and are NaN.

        Single arms: index quantity: ``median risk`` (expit(mu)), ``mean risk`` (E expit(theta_new), the
        average over settings), ``risk in a new study``, and ``risk[study]``.

        Several visits: index (estimand, quantity). Estimands ``average study`` and ``new study``. Quantities:
        the effect at each month; the area under the curve over the follow-up and its mean (between visits the
        trapezoid rule); with `favours` also the month of the best effect, the best effect, and ``benefit at
        every month`` and ``benefit at some month`` of those asked about; the change between the two months
        of `rebound`. Column p_benefit is the probability that the quantity lies on the favoured side of no
        effect (of no change); NaN without `favours`, for risks of single arms, and for the best effect,
        which was picked for being it. Column p_prior is what the priors alone say of every and of some month:
        1 / 2^T and 1 - 1 / 2^T for T independent months. Changes without a control have ``p_improved`` and
        ``improved at every month`` in place of benefit.

        One effect a study, and `at`: index (estimand, quantity). Estimands ``average study`` and ``new
        study``; a row for every place, on the analysis scale (the log of a ratio), with `favours` also
        p_benefit (p_improved without a control).

        Follow-up: index (estimand, quantity). Estimands ``typical study`` (its shift is 0), ``new study``
        and, where centres are a level, ``new centre``. Quantities at each month: ``relapse-free``, the
        probability to be alive and free of relapse; ``relapsed by``, the cumulative incidence, in which who
        died cannot relapse any more; ``died free of relapse by``, where death is a cause of its own; and
        ``relapse-free months to`` each horizon, the restricted mean (Royston and Parmar 2013,
        doi 10.1186/1471-2288-13-152). All from draws.

        ``attrs``: baseline (in words, with the prior behind it), estimands or quantities (what each means),
        refused (sentences by estimand the fit has not), nnt (in words, by estimand), computed (how), notes.

    Raises
    ------
    OptionError
        For a measure without absolute risks, a baseline that is no risk or is missing, and options outside
        their range.
    PriorError
        For a baseline distribution that does not parse.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([2, 0, 1], [60, 40, 55], [6, 3, 4], [58, 42, 50])
    >>> fit = bm.fit(counts, engine="exact", random_seed=1)
    >>> risks = bm.predict(fit, baseline=0.1, favours="lower")
    >>> risks.loc[("typical setting", "more events per 1,000"), ["median", "ci_high"]].round().tolist()
    [-80.0, -29.0]
    >>> risks.attrs["nnt"]["typical setting"]
    'NNTB 13 (10 to 34)'
    """
    ends = tails(ci_prob)
    limits = limits_of(above)
    _check(per, favours)
    at = None if at is None else _values(at)
    if isinstance(fit, Mapping) and not isinstance(fit, xr.DataTree | xr.Dataset):
        _check_no_risks(baseline, studies)
        return averaged(fit, weights, months, rebound, favours, ends, limits, at or {})
    origin = provenance(fit)
    if weights != STACKING:
        raise OptionError("predict: weights are for several fits; leave weights out")
    if to is not None and not is_course(fit):
        raise OptionError("predict: to is for follow-up after a response (family 'relapse'); leave to out")
    if has_visits(fit):
        _check_no_risks(baseline, studies)
        table = course(
            fit, origin, asked_of([fit], [origin], months, rebound, favours, ends, limits, at or {})
        )
        table.attrs["notes"] = [*table.attrs["notes"], *origin.notes]
        return _described(table, fit, origin)
    if is_course(fit):
        _check_no_risks(baseline, studies)
        _check_no_benefit(favours, rebound)
        horizons = HORIZONS if to is None else to
        table = months_free(fit, origin, months, horizons, at or {}, ends, limits)
        table.attrs["notes"] = [*table.attrs["notes"], *origin.notes]
        return _described(table, fit, origin)
    if months is not None or rebound is not None:
        raise OptionError("predict: this fit has no months; leave months and rebound out")
    if at is not None:
        if baseline is not None or studies:
            raise OptionError("predict: at is about effects, not risks; leave baseline and studies out")
        return _described(effects_at(fit, origin, at, ends, limits, favours), fit, origin)
    if origin.measure.code == "PLO":
        if baseline is not None:
            raise OptionError(
                "predict: a single-arm fit holds no effect to put on a baseline; leave baseline out"
            )
        rows, meanings = single_arm_risks(fit, origin, studies=studies)
        table = table_of(rows, ends, limits)
        table.index.name = origin.measure.display_label
        table.attrs |= {"quantities": meanings}
    elif origin.measure.code in {"OR", "RR"}:
        table = _two_arms(fit, origin, baseline, per, ends, limits, favours)
    else:
        raise OptionError(
            f"predict: a {origin.measure.name} has no absolute risks; they follow from counts, or from odds "
            "ratios, risk ratios (OR, RR) and proportions (PLO)"
        )
    table.attrs["notes"] = [*table.attrs.get("notes", []), *origin.notes]
    return _described(table, fit, origin)


def _check_no_risks(baseline: object, studies: bool) -> None:
    """Refuse what is asked of risks where effects run over months."""
    if baseline is not None or studies:
        raise OptionError(
            "predict: a course over months takes no baseline, and its studies are in shrinkage; leave "
            "baseline and studies out"
        )


def _check_no_benefit(favours: object, rebound: object) -> None:
    """Refuse what is asked of effects where there are relapses."""
    if favours is not None or rebound is not None:
        raise OptionError("predict: of relapses none is a benefit; leave favours and rebound out")


def _described(table: pd.DataFrame, fit: xr.DataTree, origin: Provenance) -> pd.DataFrame:
    """Say how it was computed, and whether to trust it."""
    if chains_of(fit) > 0:
        computed = "draws of NUTS; mcse_mean is the Monte Carlo error of each mean"
    elif table["mcse_mean"].notna().any():
        computed = "independent draws; rows without mcse_mean are exact"
    else:
        computed = "exact integration, no Monte Carlo error"
    table.attrs |= {"computed": computed, "converged": origin.converged, "event": origin.event}
    return table


def _two_arms(
    fit: xr.DataTree,
    origin: Provenance,
    baseline: float | str | Prior | None,
    per: int,
    ends: tuple[float, float],
    limits: Sequence[float],
    favours: str | None,
) -> pd.DataFrame:
    """Rows of every estimand."""
    control = baseline_of(fit, origin, baseline)
    known = isinstance(control, Baseline) and control.risk.certain
    parts, words = {}, {}
    estimands = two_arm_risks(fit, origin, control)
    for estimand, one in estimands.risks.items():
        part = table_of(_quantities(one, per), ends, limits)
        if not known:
            part.loc[[RATIO, ODDS], MOMENTS] = np.nan
        part.loc[ODDS, MOMENTS] = np.nan
        treated, odds = (part.loc[name, INTERVAL].to_numpy(dtype=np.float64) for name in (TREATED, ODDS))
        part.loc[ODDS, INTERVAL] = np.where(treated >= 1.0 - SURE, np.inf, odds)  # such a risk has no odds
        median, low, high = map(float, part.loc[DIFFERENCE, INTERVAL].to_numpy(dtype=np.float64))
        for name, side in ((nnt.FEWER, "fewer"), (nnt.MORE, "more")):
            needed = nnt.needed(median, low, high, side)  # type: ignore[arg-type]
            part.loc[name, INTERVAL] = [needed.median, needed.ci_low, needed.ci_high]
        words[estimand] = nnt.in_words(median, low, high, favours)
        parts[estimand] = part
    table = pd.concat(parts, names=["estimand", "quantity"])
    table.attrs = {
        "baseline": control.words,
        "estimands": estimands.meanings,
        "refused": estimands.refused,
        "nnt": words,
        "notes": [
            *(f"no {name}: {why}" for name, why in estimands.refused.items()),
            *_ceilings(estimands, control),
        ],
    }
    return table


def _ceilings(estimands: Estimands, control: Baseline | Settings) -> list[str]:
    """Say so where a risk ratio would lift a risk above 1."""
    share = max(one.ceiling for one in estimands.risks.values())
    if share < WORTH_A_NOTE or isinstance(control, Settings):
        return []
    return [
        f"a risk ratio cannot carry to a control-arm risk of {control.short}: with a probability of up to "
        f"{probability_text(share)} it would lift the treated risk above 1, where it is cut off; give a "
        "baseline like those of the trials, or analyse odds ratios"
    ]


def _quantities(risks: Risks, per: int) -> dict[str, Spread]:
    """What is asked of the two risks."""
    asked: Mapping[str, Quantity] = {
        TREATED: lambda control, treated: treated + 0.0 * control,
        DIFFERENCE: lambda control, treated: treated - control,
        RATIO: lambda control, treated: treated / control,
    }
    events: Quantity = lambda control, treated: per * (treated - control)  # noqa: E731
    return (
        {CONTROL: risks.of_control}
        | {name: risks.of(quantity, difference=name == DIFFERENCE) for name, quantity in asked.items()}
        | {ODDS: risks.odds_ratio(), events_label(per): risks.of(events, difference=True)}
    )


def events_label(per: int) -> str:
    """Name of the row that counts events among so many patients."""
    return f"more events per {per:,}"


def _values(at: object) -> dict[str, object]:
    """Values of moderators, every kind of array as a list."""
    if not isinstance(at, Mapping):
        raise OptionError(f"at is {at!r}; give values by moderator, as in at={{'dose': 2, 'cells': 'UC'}}")
    return {name: list(value) if pd.api.types.is_list_like(value) else value for name, value in at.items()}


def _check(per: object, favours: object) -> None:
    """Refuse what cannot be counted or named."""
    if not isinstance(per, int) or isinstance(per, bool) or per < 1:
        raise OptionError(f"per is {per!r}; it must be a whole number of patients, for example 1000")
    if favours is not None and favours not in DIRECTIONS:
        raise OptionError(
            f"favours is {favours!r}; give 'lower' (an event harms) or 'higher' (it is hoped for)"
        )
