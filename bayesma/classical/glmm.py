"""What does a mixed model of the counts themselves estimate, by maximum likelihood?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bayesma.classical.glmm_fit import Estimates, estimate
from bayesma.classical.glmm_models import ONE_ARM, QUADRATURES, TWO_ARM, Model
from bayesma.classical.intervals import checked_level, wald
from bayesma.classical.result import GlmmFit
from bayesma.classical.tables import Tables, silent_note
from bayesma.errors import OptionError
from bayesma.evidence.counts import ArmCounts, TwoArmCounts


@dataclass(frozen=True, slots=True)
class Side:
    """What a mean effect at infinity means, in words: the data behind it, and the effect."""

    minus: str
    plus: str


ODDS_RATIO = Side(
    "the treated arm has no events or the control arm only events: "
    "the odds ratio is 0 (its log minus infinity)",
    "the control arm has no events or the treated arm only events: the odds ratio is infinite",
)
PROPORTION = Side(
    "no patient has an event: the proportion is 0 (its logit minus infinity)",
    "every patient has an event: the proportion is 1 (its logit infinite)",
)


def glmm(
    counts: TwoArmCounts | ArmCounts,
    model: str | None = None,
    *,
    random_effects: bool = True,
    quadrature: str = "exact",
    level: float = 0.95,
    drop_double_zero: bool = False,
) -> GlmmFit:
    """Mixed model of counts by maximum likelihood; nothing is added to any zero.

    Parameters
    ----------
    counts
        k studies with two arms, or single arms.
    model
        For two arms, the effect in study i being ``theta_i ~ N(mu, tau2)`` and the logits of its arms
        ``alpha_i + theta_i / 2`` (treated) and ``alpha_i - theta_i / 2`` (control):
        ``"UM.FS"`` (default; each alpha_i has its best value), ``"UM.RS"`` (``alpha_i ~ N(alpha, sigma2)``,
        independent of the effects), ``"CM.EL"`` (given the margins: non-central hypergeometric),
        ``"CM.AL"`` (its binomial approximation for rare events). For single arms ``"logit-normal"``: logits
        ``theta_i ~ N(mu, tau2)``.
    random_effects
        False takes the effect to be the same in all studies (tau2 = 0).
    quadrature
        ``"exact"`` (error of the log likelihood below 1e-8), or ``"laplace"`` (what glmer does with one node;
        metafor's UM.RS).
    level
        Coverage of the confidence and the prediction interval, between 0 and 1.
    drop_double_zero
        True leaves out, in model UM.RS, studies in which every patient had the same outcome, as metafor
        does. They say something there, namely about the intercepts; to the other models for two arms they
        say nothing.

    Returns
    -------
    GlmmFit
        Log odds ratio, or logit of the proportion; Wald interval from the observed information of all
        parameters. `k` counts the studies that contribute, notes name the others. The notes also say when
        tau2 is at its edge 0, when the likelihood has several peaks, when the counts are separated (the
        estimate is infinite, se NaN), and when no maximum or no standard error could be confirmed (NaN).

    Raises
    ------
    OptionError
        For a `model` that does not suit the counts, an unknown `quadrature`, a wrong `level`.
    BayesmaError
        If an integral did not settle.

    References
    ----------
    Stijnen, Hamza and Ozdemir 2010, doi 10.1002/sim.4040; Jackson, Law, Stijnen, Viechtbauer and White 2018,
    doi 10.1002/sim.7588, whose modified models with the coding of plus and minus 1/2 are UM.FS and UM.RS.

    Examples
    --------
    >>> import bayesma as bm
    >>> counts = bm.TwoArmCounts.from_counts([1, 0, 4], [40, 22, 61], [5, 3, 9], [41, 20, 60])
    >>> fit = bm.glmm(counts, "CM.EL")
    >>> round(fit.estimate, 3), fit.tau2
    (-1.34, 0.0)
    """
    level = checked_level(level)
    two_arms = isinstance(counts, TwoArmCounts)
    if not two_arms and not isinstance(counts, ArmCounts):
        raise OptionError(f"glmm needs TwoArmCounts or ArmCounts, not {type(counts).__name__}")
    name = model if model is not None else ("UM.FS" if two_arms else "logit-normal")
    chosen = (TWO_ARM if two_arms else ONE_ARM)[name]
    integrate = QUADRATURES[quadrature]
    tables = _tables(counts)
    dropped = tables.double_zero & (drop_double_zero or not chosen.keeps_double_zero) & two_arms
    used = tables.only(~dropped)
    k = used.a.size
    found, silent = _separated(chosen, used, ODDS_RATIO if two_arms else PROPORTION, random=random_effects)
    if found is None:
        found = estimate(chosen, used, integrate, _start(used), random=random_effects and k > 1)
    notes = (
        *counts.notes,
        *silent_note(counts.study, dropped, "no events, or only events"),
        *silent,
        *_notes(counts, found, k, random_effects=random_effects, quadrature=quadrature),
        *found.notes,
    )
    label = name if quadrature == "exact" else f"{name}, {quadrature}"
    return _fit(found, k, label, level, notes, predicts=random_effects and k > 1)


def _tables(counts: TwoArmCounts | ArmCounts) -> Tables:
    """The tables; single arms have a second one without patients."""
    if isinstance(counts, TwoArmCounts):
        return Tables.of(counts)
    a, n = counts.events.astype(np.float64), counts.n.astype(np.float64)
    none = np.zeros_like(a)
    return Tables(a, n - a, none, none, n, none, a, n)


def _start(tables: Tables) -> float:
    """First guess of mu: the log odds ratio, or logit, of all patients thrown together."""
    a, b, c, d = (float(cell.sum()) + 0.5 for cell in (tables.a, tables.b, tables.c, tables.d))
    return math.log(a * d / (b * c))


def _separated(
    model: Model, tables: Tables, side: Side, *, random: bool
) -> tuple[Estimates | None, tuple[str, ...]]:
    """Counts without a finite maximum: the estimates that can be given, and the sentence that says why."""
    lower, upper = model.edges(tables)
    where = "Separation: in every study that contributes "
    ending = "; no standard error and no interval."
    if tables.a.size == 0 or (lower & upper).all():
        mu, note = math.nan, "No study that contributes is left: there is nothing to estimate."
    elif lower.all():
        mu, note = -math.inf, where + side.minus + ending
    elif upper.all():
        mu, note = math.inf, where + side.plus + ending
    elif random and tables.a.size > 1 and (lower | upper).all():
        mu = math.nan
        note = where + "one arm has no events or only events, in both directions: the likelihood rises with "
        note += "tau2 for ever, and there is no estimate."
    else:
        return None, ()
    return Estimates(mu, math.nan, math.nan, math.nan, math.nan, ()), (note,)


def _notes(
    counts: TwoArmCounts | ArmCounts, found: Estimates, k: int, *, random_effects: bool, quadrature: str
) -> tuple[str, ...]:
    """Sentences on tau2, on the integrals and on what is taken as independent."""
    notes = []
    if isinstance(counts, ArmCounts) and counts.centre is not None:
        notes.append("Centres of one study are taken as independent.")
    if k == 1 and random_effects:
        notes.append("With 1 study tau2 cannot be estimated: it is taken as 0, and nothing is predicted.")
    elif random_effects and found.tau == 0:
        notes.append(
            "tau2 is estimated as 0, the edge of its range; that does not show that the studies agree."
        )
    if quadrature != "exact":
        notes.append("Integrals by Laplace's approximation: not exactly the maximum likelihood estimates.")
    return tuple(notes)


def _fit(
    found: Estimates, k: int, method: str, level: float, notes: tuple[str, ...], *, predicts: bool
) -> GlmmFit:
    """The estimates with their intervals; what does not apply is NaN."""
    inference = wald(found.mu, found.se, math.nan, k, level)
    half_ci = inference.quantile * found.se
    half_pi = inference.quantile * math.hypot(found.tau, found.se) if predicts else math.nan
    return GlmmFit(
        estimate=found.mu,
        se=found.se,
        ci_low=found.mu - half_ci,
        ci_high=found.mu + half_ci,
        p_value=inference.p_value,
        tau2=found.tau**2,
        tau=found.tau,
        i2=math.nan,
        i2_q=math.nan,
        h2=math.nan,
        q=math.nan,
        q_df=math.nan,
        q_p=math.nan,
        pi_low=found.mu - half_pi,
        pi_high=found.mu + half_pi,
        k=k,
        method=method,
        ci="wald",
        level=level,
        notes=notes,
        log_likelihood=found.log_likelihood,
        baseline_tau2=found.sigma**2,
    )
