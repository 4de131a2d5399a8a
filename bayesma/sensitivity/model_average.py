"""Question: is there an effect at all, are there differences between studies, and what if we do not know?"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from bayesma.engines.fit import make_setting
from bayesma.engines.marginals import Marginal
from bayesma.errors import OptionError, PriorError
from bayesma.families import FAMILIES, family_of
from bayesma.families.effect_mixtures import BELONGS
from bayesma.families.effects import RANDOM_EFFECTS
from bayesma.measures import MEASURES
from bayesma.posterior.benefit import check_asked, require_control
from bayesma.posterior.marginals import existing_moments
from bayesma.posterior.mixed import Mixed
from bayesma.posterior.numbers import is_number, tails
from bayesma.priors import Prior
from bayesma.sensitivity.cells import Posterior, with_bayes_factors
from bayesma.sensitivity.defaults import widened
from bayesma.sensitivity.prior_sensitivity import changed

type Array = NDArray[np.float64]

KINDS = ("common", "random")
MODELS = tuple(itertools.product(KINDS, ("null", "effect")))
COLUMNS = ["mean", "sd", "ci_low", "ci_high", "p_benefit"]
DIGITS = 3  # of the widths that are tried
WIDTHS = (10**-0.5, 10**-0.25, 1.0, 10**0.25, 10**0.5)  # of mu's prior: ten times from end to end
RANDOM_ONLY = {RANDOM_EFFECTS, *BELONGS}  # options that a common effect has not


@dataclass(frozen=True, slots=True, eq=False)
class ModelAverage:
    """Four models of the same studies, and what they say together.

    Attributes
    ----------
    models
        Index (heterogeneity, effect): ``common`` or ``random``, ``null`` or ``effect``; columns log_evidence,
        prior and posterior: probabilities of the models.
    bayes_factors
        Index: ``effect_common``, ``effect_random`` and ``effect`` (averaged over both), for an effect against
        none; ``heterogeneity`` (averaged over null and effect), for random effects against a common one.
    inclusion
        Index effect, heterogeneity; columns prior and posterior: probability that the model has it.
    estimate
        Index: ``common`` and ``random`` (given an effect), ``averaged`` (given an effect) and ``with null``
        (an effect of exactly 0 counted in); columns mean, sd, ci_low, ci_high, p_benefit. Analysis scale.
    by_width
        How the Bayes factor of an effect hangs on the width of mu's prior, over a tenfold range of it: index
        mu_prior, from the narrowest to the widest, that of the analysis in the middle; columns bayes_factor
        and posterior (probability of an effect). Empty where the prior has no width that could be multiplied.
    priors
        Of the model with random effects.
    """

    models: pd.DataFrame
    bayes_factors: pd.Series
    inclusion: pd.DataFrame
    estimate: pd.DataFrame
    by_width: pd.DataFrame
    priors: dict[str, str]

    def __str__(self) -> str:
        factor = float(self.bayes_factors["effect"])
        before, chance = (float(self.inclusion[name]["effect"]) for name in ("prior", "posterior"))
        if math.isnan(factor):
            return "The prior probability of an effect is 1, so there is no Bayes factor against none."
        return (
            f"The data are {_times(factor)} as probable under an effect as under none (averaged over common "
            f"and random effects); from a prior probability of {_percent(before)} the probability of an "
            f"effect becomes {_percent(chance)}.{self._over_widths()}"
        )

    def _over_widths(self) -> str:
        """How far factor and probability hang on the width of the effect's prior."""
        if self.by_width.empty:
            return ""
        first, last = self.by_width.iloc[0], self.by_width.iloc[-1]
        factors, chances = self.by_width["bayes_factor"], self.by_width["posterior"]
        return (
            f" Under a prior of mu from {first.name} to {last.name}, a tenfold range, the factor lies "
            f"between {_factor_text(factors.min())} and {_factor_text(factors.max())}, and that probability "
            f"between {_percent(chances.min())} and {_percent(chances.max())}."
        )


def model_average(
    evidence: Any,
    *,
    family: str | None = None,
    priors: Mapping[str, str | Prior] | None = None,
    prior_probabilities: Mapping[tuple[str, str], float] | None = None,
    favours: str | None = None,
    ci_prob: float = 0.95,
    **options: Any,
) -> ModelAverage:
    """Bayes factors and posterior probabilities of {common, random} effects x {null, effect}, and their mean.

    Gronau et al. 2017, doi 10.1080/23743603.2017.1326760; Gronau et al. 2021, doi 10.1177/25152459211031256.
    All by integration.

    Parameters
    ----------
    evidence
        Effects or counts whose family has random effects that can be left out.
    family
        As in `fit`.
    priors
        Of mu and tau, as in `fit`, and of what else the model has; all proper. What is said of mu is said of
        an effect that there is.
    prior_probabilities
        Of the four models, ``{("common", "null"): 0.25, ...}``; all alike when not given.
    favours
        ``"lower"`` or ``"higher"``: for p_benefit.
    ci_prob
        Probability of the equal-tailed intervals.
    **options
        Options of the family; ``random_effects`` is that of the random models.

    Returns
    -------
    ModelAverage
        Models, Bayes factors, inclusion probabilities and averaged estimates; printed, the sentence that
        names the prior probability of an effect and how far the factor hangs on the width of its prior.

    Raises
    ------
    OptionError
        For a family without the four models, probabilities that are none, and an unknown direction.
    PriorError
        For an improper prior, which leaves a Bayes factor undefined, and where there is no integral.

    Examples
    --------
    >>> import bayesma as bm
    >>> effects = bm.Effects.from_estimates([-0.5, -0.2], [0.2, 0.3], ["A", "B"], measure="SMD")
    >>> found = bm.model_average(effects, favours="lower")
    >>> round(float(found.bayes_factors["effect"]), 2)
    0.88
    """
    if favours is not None:
        check_asked(favours, None)
        require_control(MEASURES[getattr(evidence, "measure", "GEN")])
    ends, chances = tails(ci_prob), _chances(prior_probabilities)
    posteriors = {name: _solved(evidence, family, priors, options, common=name == "common") for name in KINDS}
    models = _models(posteriors, chances)
    setting = posteriors["random"].setting
    return ModelAverage(
        models=models,
        bayes_factors=_bayes_factors(models),
        inclusion=_inclusion(models),
        estimate=_estimates(models, posteriors, favours, ends),
        by_width=_by_width(posteriors, models, chances),
        priors={name: str(prior) for name, prior in setting.priors.items()},
    )


def _models(posteriors: Mapping[str, Posterior], chances: pd.Series) -> pd.DataFrame:
    """Evidence and probabilities of the four models."""
    levels = pd.Series({key: _log_evidence(posteriors[key[0]], key[1]) for key in MODELS})
    models = pd.DataFrame({"log_evidence": levels, "prior": chances})
    models["posterior"] = softmax(_log_weights(models))
    models.index.names = ["heterogeneity", "effect"]
    return models


def _by_width(posteriors: Mapping[str, Posterior], models: pd.DataFrame, chances: pd.Series) -> pd.DataFrame:
    """Bayes factor and probability of an effect under narrower and wider priors of mu."""
    own = posteriors["random"].setting.priors["mu"]
    rows: dict[str, tuple[float, float]] = {}
    for factor in WIDTHS:
        prior = widened(own, factor, DIGITS)
        if prior is None:
            break
        found = models
        if factor != 1.0:
            tried = {
                name: with_bayes_factors(changed(one.setting, {"mu": prior}))
                for name, one in posteriors.items()
            }
            found = _models(tried, chances)
        chance = float(_inclusion(found)["posterior"]["effect"])
        rows[str(prior)] = (_factor(found, "effect", "effect"), chance)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["bayes_factor", "posterior"])
    return table.rename_axis("mu_prior")


def _solved(
    evidence: Any,
    family: str | None,
    priors: Mapping[str, str | Prior] | None,
    options: Mapping[str, Any],
    *,
    common: bool,
) -> Posterior:
    """The model with an effect, of one kind of heterogeneity, integrated."""
    model = family_of(evidence) if family is None else FAMILIES[family]
    effects = options.get(RANDOM_EFFECTS, "normal")
    if RANDOM_EFFECTS not in model.options or effects == "none":
        raise OptionError(
            f"model_average compares models of family {model.name!r} with and without random effects; it "
            f"needs a family with the option {RANDOM_EFFECTS}, and one other than 'none'"
        )
    chosen, given = dict(options), dict(priors or {})
    if common:
        known = {name for name in model.options if name not in RANDOM_ONLY}
        chosen = {name: value for name, value in options.items() if name in known}
        chosen[RANDOM_EFFECTS] = "none"
        held = {p.name for p in model.with_priors(model.checked_options(chosen))}
        given = {name: prior for name, prior in given.items() if name in held}
    setting = make_setting(evidence, family, given, 0, chosen)
    for name, prior in setting.priors.items():
        if not prior.is_proper:
            raise PriorError(
                f"prior {prior} for {name} is improper, which leaves Bayes factors undefined; give a proper "
                "one"
            )
    return with_bayes_factors(setting)


def _log_evidence(posterior: Posterior, effect: str) -> float:
    """Log p(y) of a model with an effect, or with mu = 0."""
    attrs = posterior.evidence()
    null = "log_bf01_mu"
    if math.isnan(attrs.get(null, math.nan)):  # a model without one mean effect has no such number at all
        why = json.loads(attrs.get("reasons", "{}")).get(null, "it has no mean effect")
        raise OptionError(
            f"model_average: an effect of 0 is no null value of this model: {why}; it is for effects and "
            "counts in two arms"
        )
    return float(attrs["log_evidence"] + (attrs[null] if effect == "null" else 0.0))


def _chances(given: Mapping[tuple[str, str], float] | None) -> pd.Series:
    """Prior probabilities of the models, scaled to sum to 1."""
    if given is None:
        return pd.Series({key: 0.25 for key in MODELS})
    if set(given) != set(MODELS):
        raise OptionError(f"prior_probabilities names {sorted(given)}; name each of: {sorted(MODELS)}")
    for key, value in given.items():
        if not (is_number(value) and 0.0 <= value < math.inf):
            raise OptionError(f"prior_probabilities gives {key} {value!r}; give numbers of at least 0")
    chances = pd.Series({key: float(given[key]) for key in MODELS})
    if not chances.xs("effect", level=1).sum() > 0.0:
        raise OptionError(
            f"prior_probabilities is {dict(given)}, which leaves nothing to a model with an effect, so that "
            "there is no effect to average; give ('common', 'effect') or ('random', 'effect') more than 0"
        )
    return chances / chances.sum()


def _bayes_factors(models: pd.DataFrame) -> pd.Series:
    """Ratios of evidence; averaged ones over the models' prior probabilities."""
    level = models["log_evidence"]
    return pd.Series(
        {
            **{f"effect_{kind}": _ratio(level[kind, "effect"] - level[kind, "null"]) for kind in KINDS},
            "effect": _factor(models, "effect", "effect"),
            "heterogeneity": _factor(models, "heterogeneity", "random"),
        }
    )


def _factor(models: pd.DataFrame, level: str, value: str) -> float:
    """Posterior odds of a property over its prior odds; NaN where these are 0 or infinite."""
    has = models.index.get_level_values(level) == value
    terms, prior = _log_weights(models), models["prior"].to_numpy()
    if not 0.0 < prior[has].sum() < 1.0:
        return math.nan
    odds = logsumexp(terms[has]) - logsumexp(terms[~has])
    return _ratio(odds - math.log(prior[has].sum() / prior[~has].sum()))


def _log_weights(models: pd.DataFrame) -> Array:
    """Log of prior probability times evidence, (models,); -inf where the former is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(models["prior"].to_numpy()) + models["log_evidence"].to_numpy())


def _ratio(log: float) -> float:
    """From its log; infinite from 1.8e308 on."""
    with np.errstate(over="ignore"):
        return float(np.exp(log))


def _inclusion(models: pd.DataFrame) -> pd.DataFrame:
    """Probability of models with a property."""
    rows = {
        level: models[models.index.get_level_values(level) == value][["prior", "posterior"]].sum()
        for level, value in (("effect", "effect"), ("heterogeneity", "random"))
    }
    return pd.DataFrame(rows).T


def _estimates(
    models: pd.DataFrame,
    posteriors: Mapping[str, Posterior],
    favours: str | None,
    ends: tuple[float, float],
) -> pd.DataFrame:
    """Posteriors of mu: of each kind, averaged, and with the share of models in which it is 0."""
    parts: dict[str, Marginal] = {kind: posteriors[kind].marginal("mu") for kind in KINDS}
    share = models["posterior"].xs("effect", level="effect")
    given = softmax(_log_weights(models.loc[[(kind, "effect") for kind in KINDS]]))
    averaged = Mixed(tuple(parts.values()), tuple(given.tolist()))
    with_null = Mixed(
        tuple(parts.values()), tuple(float(share[kind]) for kind in KINDS), 1.0 - float(share.sum())
    )
    rows: dict[str, Marginal | Mixed] = {**parts, "averaged": averaged, "with null": with_null}
    limits = {kind: _limit(posteriors[kind]) for kind in KINDS}
    mixed = min([limits[kind] for kind in KINDS if share[kind] > 0.0], default=math.inf)
    table = {name: _line(one, limits.get(name, mixed), favours, ends) for name, one in rows.items()}
    return pd.DataFrame.from_dict(
        table, orient="index", columns=["mean", "sd", "ci_low", "ci_high", "p_benefit"]
    )


def _limit(posterior: Posterior) -> float:
    """Below which moments of mu exist."""
    setting = posterior.setting
    return setting.family.moments_below(setting.case).get("mu", math.inf)


def _line(
    posterior: Marginal | Mixed, limit: float, favours: str | None, ends: tuple[float, float]
) -> list[float]:
    """Columns of one estimate."""
    low, high = posterior.quantile(ends)[0]
    above = favours == "higher"
    chance = math.nan if favours is None else float(posterior.probability(0.0, above=above)[0])
    mean, sd = existing_moments(posterior, limit)
    return [float(mean[0]), float(sd[0]), float(low), float(high), chance]


def _percent(chance: float) -> str:
    """A probability in per cent."""
    return f"{100.0 * chance:.1f} %".replace(".0 %", " %")


def _times(factor: float) -> str:
    """A Bayes factor in words."""
    return f"{_factor_text(factor)} times"


def _factor_text(factor: float) -> str:
    """A Bayes factor, or one over its inverse where it is below 1."""
    with np.errstate(divide="ignore"):
        inverse = float(np.float64(1.0) / factor)
    size = "1e308 or more" if math.isinf(factor + inverse) else f"{max(factor, inverse):.3g}"
    return size if factor >= 1.0 else f"1 / {size}"
