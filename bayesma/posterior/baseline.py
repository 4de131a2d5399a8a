"""The risk in the control arm that absolute effects start from: stated, or those of the settings analysed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from bayesma.errors import OptionError
from bayesma.families.settings import Settings
from bayesma.posterior.marginals import Marginal
from bayesma.posterior.nodes import Nodes, draws_of, thinned
from bayesma.posterior.numbers import is_number
from bayesma.posterior.provenance import Provenance, case_of
from bayesma.posterior.spread import Law, Spread
from bayesma.priors import Prior

Array = NDArray[np.float64]

SMALLEST, LEAST = 1e-300, 1e-16  # of a risk and of its complement, so that logits are finite
ANALYSED = "pooled"  # the word for the settings of the analysis
SEED = 20261201  # of the baselines that are drawn given the effects of a fit
HOW = (
    "give the risk in the control arm as a number (0.1), as a distribution on probabilities ('Beta(4, 36)'), "
    "or as 'pooled', which are the settings of the analysis"
)


@dataclass(frozen=True, slots=True, eq=False)
class ControlRisk:
    """A control risk, known or distributed.

    Attributes
    ----------
    logit
        Its nodes on the logit scale.
    posterior
        Its distribution on the logit scale; None when it is one number.
    """

    logit: Nodes
    posterior: Marginal | None

    @property
    def certain(self) -> bool:
        """Whether it is one number."""
        return self.posterior is None

    def spread(self) -> Spread:
        """The distribution of the risk itself."""
        law = None if self.posterior is None else Law(self.posterior, _expit)
        nodes = np.zeros(self.logit.values.size, dtype=np.int64)
        return Spread(expit(self.logit.values)[:, None], self.logit.weight[:, None], law, 0, nodes)


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """A prior on a probability, seen on the logit scale; what `Law` asks of a marginal posterior."""

    prior: Prior

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles, shape (1, m)."""
        return np.asarray(logit(np.clip(self.prior.ppf(q), SMALLEST, 1.0 - LEAST)))[None]

    def probability(self, threshold: float, *, above: bool) -> Array:
        """Tail probability, shape (1,)."""
        below = float(self.prior.cdf(expit(threshold)))
        return np.array([1.0 - below if above else below])

    def mean(self) -> Array:
        """Mean logit, by nodes, shape (1,)."""
        nodes = thinned(self)
        return np.array([nodes.values @ nodes.weight])

    def sd(self) -> Array:
        """Standard deviation of the logit, shape (1,)."""
        nodes = thinned(self)
        return np.array([np.sqrt(np.square(nodes.values - self.mean()[0]) @ nodes.weight)])

    def density(self, x: Array) -> Array:
        """Density of the logit."""
        return np.asarray(np.exp(self.prior.logpdf(expit(x))) * expit(x) * expit(-x))


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A control risk independent of the effect.

    Attributes
    ----------
    words
        What it is, for tables and reports.
    short
        The same in a word.
    risk
        In any setting.
    """

    words: str
    short: str
    risk: ControlRisk


def baseline_of(
    fit: xr.DataTree, origin: Provenance, baseline: float | str | Prior | None
) -> Baseline | Settings:
    """The control risk asked for, independent of the effect; or those of the settings, jointly with it.

    Raises
    ------
    OptionError
        When it is no risk, or is to come from a fit without control arms.
    PriorError
        For a distribution that does not parse.
    """
    if baseline is None or (isinstance(baseline, str) and baseline == ANALYSED):
        return _analysed(fit, origin, baseline)
    if is_number(baseline):
        risk = float(baseline)  # type: ignore[arg-type]
        if not 0.0 < risk < 1.0:
            raise OptionError(
                f"baseline is {baseline!r}; the risk in the control arm must lie between 0 and 1; write 10 % "
                "as 0.1"
            )
        stated = ControlRisk(Nodes.point(float(logit(risk))), None)
        return Baseline(f"a control-arm risk of {risk:g}, taken as known", f"{risk:g}", stated)
    if not isinstance(baseline, str | Prior):
        raise OptionError(f"baseline is {baseline!r}; {HOW}")
    prior = Prior.parse(baseline)
    low, high = prior.support
    if low < 0.0 or high > 1.0 or not prior.is_proper:
        raise OptionError(
            f"baseline {prior} is no distribution of a risk: it must lie on (0, 1); use a Beta, or "
            f"Truncated({prior}, lower=0, upper=1)"
        )
    words = f"a control-arm risk distributed as {prior}, independent of the effect"
    return Baseline(words, str(prior), ControlRisk(thinned(Stated(prior)), Stated(prior)))


def _analysed(fit: xr.DataTree, origin: Provenance, baseline: str | None) -> Settings:
    """The settings of the analysis."""
    rng = np.random.default_rng(SEED)
    stated = set(origin.priors) - set(origin.default_priors)
    settings = origin.family.settings(draws_of(fit), case_of(fit, origin), stated, rng)
    if settings is None:
        what = "needs a baseline" if baseline is None else "cannot pool control arms"
        raise OptionError(
            f"predict {what}: this fit holds effects and no control arms; give the control-arm risk as a "
            "number (0.1) or a distribution ('Beta(4, 36)')"
        )
    return settings


def _expit(value: Array) -> Array:
    """From the logit to the risk."""
    return np.asarray(expit(value))
