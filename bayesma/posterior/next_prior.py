"""Question: what does this answer, or a published one, say before the next analysis?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import xarray as xr
from scipy.stats import norm

from bayesma.errors import OptionError, PriorError
from bayesma.measures import MEASURES
from bayesma.posterior.marginals import Marginal, marginal, moments_below, parameter_names
from bayesma.posterior.nearest_mixture import nearest_mixture, rounded
from bayesma.posterior.nodes import merged, nodes_of
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import provenance, require_fit
from bayesma.priors import Prior

LEVELS = np.linspace(0.005, 0.995, 199)  # at which probabilities are compared
HAZARD_RATIO = "HR"  # published, and no measure here: nothing is computed into it
RATIOS = frozenset({HAZARD_RATIO, *(code for code, one in MEASURES.items() if one.scale == "log")})
SKEWED = 0.15  # of half the width: an interval's ends may lie so unequally far, for printed digits


@dataclass(frozen=True, slots=True)
class Approximation:
    """A prior that stands for a posterior, and how well it does.

    Attributes
    ----------
    prior
        The distribution; its text is ``str(...)`` of this object, too.
    gap
        Largest difference of the two in the probability of lying below any value.
    low_shift, high_shift
        How far the prior's 2.5 and 97.5 % points lie from the posterior's, in posterior sds.
    """

    prior: Prior
    gap: float
    low_shift: float
    high_shift: float

    def __str__(self) -> str:
        return str(self.prior)

    @property
    def words(self) -> str:
        """The error in a sentence."""
        return (
            f"{self.prior} in place of the posterior: no probability is off by more than "
            f"{100 * self.gap:.2g} percentage points; the ends of the 95 % interval lie "
            f"{self.low_shift:+.2f} and {self.high_shift:+.2f} sd from the posterior's"
        )


def as_prior(
    fit: xr.DataTree, parameter: str = "mu", *, components: int = 1, widen: float = 1.0
) -> Approximation:
    """A posterior as the prior of the next analysis.

    Parameters
    ----------
    fit
        A result of `fit`.
    parameter
        One number: ``"mu"`` when the next studies come from the same population of studies, ``"theta_new"``
        (``"delta_new"``) when the next analysis is one new setting: the meta-analytic-predictive prior
        (Schmidli et al. 2014, doi 10.1111/biom.12242); ``"tau"``, and others above 0, become log-normal, a
        risk or a correlation a normal cut off at its bounds.
    components
        1, or 2 for a mixture of two normals, which follows heavy tails and skewness (as RBesT's mixtures do:
        Weber et al. 2021, doi 10.18637/jss.v100.i19), cut off where the parameter ends.
    widen
        Factor of the sd (of each component), above 1 to trust the past less.

    Returns
    -------
    Approximation
        ``Normal``, or ``LogNormal`` for what lies above 0: mean and sd (of the log) are the
        posterior's, which of all such distributions is the nearest in Kullback-Leibler divergence (but for
        those cut off).
        ``NormalMixture`` with two components: the nearest that was found. With the error it makes.

    Raises
    ------
    OptionError
        For a parameter the fit has not, or one of several numbers, `widen` not above 0, and more than two
        components.
    PriorError
        Where the posterior has no variance.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2, -0.4], [0.2, 0.3, 0.2], measure="SMD")
    >>> fit = bm.fit(effects, engine="exact", random_seed=1)
    >>> found = bm.as_prior(fit, "mu")
    >>> print(found, round(found.gap, 3))
    Normal(-0.393254, 0.168232) 0.019
    >>> later = bm.fit(effects, engine="exact", priors={"mu": found.prior}, random_seed=1)
    >>> round(bm.as_prior(fit, "mu", components=2).gap, 4)
    0.0016
    """
    require_fit(fit)
    if parameter not in parameter_names(fit):
        raise OptionError(
            f"as_prior: the fit has no parameter {parameter!r}; it has: {', '.join(parameter_names(fit))}"
        )
    _check_widen(widen)
    if components not in (1, 2):
        raise OptionError(f"components is {components!r}; it must be 1 or 2")
    posterior = marginal(fit, parameter)
    if posterior.mean().size != 1:
        raise OptionError(f"as_prior: {parameter} is several numbers; name one that is a single number")
    if not moments_below(fit, parameter) > 2.0:
        raise PriorError(
            f"as_prior: the posterior of {parameter} has no variance, so no normal stands for it; give the "
            "fit priors with lighter tails"
        )
    origin = provenance(fit)
    (declared,) = (p for p in origin.family.parameters(origin.options) if p.name == parameter)
    bounds = declared.lower, declared.upper
    if components == 2:
        nodes = nodes_of(posterior)
        prior = nearest_mixture(nodes.values, nodes.weight, *bounds, widen=widen)
    else:
        prior = _of_moments(posterior, bounds, widen)
    low, high = posterior.quantile([0.025, 0.975])[0]
    own = prior.ppf([0.025, 0.975])
    unit = float(posterior.sd()[0])
    gap = np.max(np.abs(prior.cdf(merged(posterior).quantile(LEVELS)[0]) - LEVELS))
    return Approximation(prior, float(gap), float((own[0] - low) / unit), float((own[1] - high) / unit))


def _check_widen(widen: object) -> None:
    """Refuse a factor that is none."""
    if not (isinstance(widen, Real) and is_number(widen) and 0.0 < float(widen) < math.inf):
        raise OptionError(f"widen is {widen!r}; it must be a number above 0, for example 2")


def _of_moments(posterior: Marginal, bounds: tuple[float, float], widen: float) -> Prior:
    """The normal, or above 0 the log-normal, with the posterior's mean and sd; cut off at other bounds."""
    if bounds != (0.0, math.inf):
        numbers = rounded(float(posterior.mean()[0])), rounded(widen * float(posterior.sd()[0]))
        return Prior("Normal", numbers, *bounds)
    nodes = nodes_of(posterior)
    logs = np.log(nodes.values)
    mean = float(nodes.weight @ logs)
    sd = math.sqrt(float(nodes.weight @ (logs - mean) ** 2))
    return Prior("LogNormal", (rounded(mean), rounded(widen * sd)))


def published_prior(
    estimate: float,
    ci_low: float,
    ci_high: float,
    *,
    measure: str | None = None,
    level: float = 0.95,
    widen: float = 1.0,
) -> Prior:
    """A published estimate with its interval as a normal prior.

    Parameters
    ----------
    estimate, ci_low, ci_high
        As printed; for ratios (measures OR, RR and HR) the ratios, not their logs.
    measure
        Code of the effect measure (`list_measures`), or ``"HR"`` for a hazard ratio; without one the
        numbers are taken as they are.
    level
        Of the interval.
    widen
        Factor of the sd, above 1 to trust the publication less.

    Returns
    -------
    Prior
        Normal on the analysis scale: the estimate, and half the interval's width over the normal quantile.

    Raises
    ------
    OptionError
        For an unknown measure, and a level or factor out of range.
    PriorError
        For what is no number, ends out of order, a ratio not above 0, and an interval so far from symmetric
        about the estimate on the analysis scale that no normal has it.

    Examples
    --------
    >>> import bayesma as bm
    >>> str(bm.published_prior(0.5, 0.25, 1.0, measure="OR"))
    'Normal(-0.693147, 0.353653)'
    """
    known = sorted({*MEASURES, *RATIOS})
    if measure is not None and measure not in known:
        raise OptionError(f"measure is {measure!r}; it must be one of {', '.join(known)}")
    if not (is_number(level) and 0.0 < level < 1.0):
        raise OptionError(f"level is {level!r}; it must be a number between 0 and 1, for example 0.95")
    _check_widen(widen)
    ratios = measure in RATIOS
    printed = (ci_low, estimate, ci_high)
    if not all(is_number(one) and math.isfinite(one) for one in printed):
        raise PriorError(f"ci_low, estimate, ci_high are {printed}; give finite numbers")
    if ratios and not min(printed) > 0.0:
        raise PriorError(
            f"{measure} is a ratio, and the numbers are {printed}; give ratios above 0, not their logs"
        )
    low, middle, high = (math.log(one) if ratios else float(one) for one in printed)
    if not low < middle < high:
        raise PriorError(f"ci_low, estimate, ci_high are {printed}; they must rise")
    half = 0.5 * (high - low)
    if abs(middle - 0.5 * (high + low)) > SKEWED * half:
        raise PriorError(
            f"the interval {ci_low:g} to {ci_high:g} is not symmetric about {estimate:g}"
            f"{' on the log scale' if ratios else ''}, so that no normal has it; check the digits"
            + ("" if ratios else ", or name the measure if these are ratios")
        )
    return Prior("Normal", (rounded(middle), rounded(widen * half / float(norm.isf(0.5 * (1.0 - level))))))
