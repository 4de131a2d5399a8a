"""Studies in which every patient had the same outcome: what they do to an answer, measured by `fit` and said.

Such a study has no contrast between its arms. By itself it says nothing of the effect, and under a likelihood
given the margins of its table (Stijnen, Hamza & Oezdemir 2010, doi 10.1002/sim.4040) exactly that; where the
model has baselines it may move the effect through their prior, and every fit says by how much.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace

import xarray as xr

from bayesma.engines.exact import exact_group
from bayesma.engines.marginals import Marginal, marginal, moments_below, stored
from bayesma.engines.tree import Setting
from bayesma.errors import BayesmaWarning, DataWarning
from bayesma.evidence.subset import subset
from bayesma.families.base import Silent

SMALL = 0.001  # posterior sds, or of a probability; a number below is printed as such
DIRECTION = 0.02  # a shift of P(mu < 0) from which studies without contrast make a direction: a warning
NO_CONTRAST = "No study has a contrast between its arms: the data say nothing of the effect"
NAMED = 6  # studies that a sentence names; of more it gives the number
ATTRIBUTE = "zero_events"


@dataclass(frozen=True, slots=True)
class ZeroEvents:
    """Studies in which all patients had the same outcome, and what they do to the answer.

    Attributes
    ----------
    studies
        Each with its counts in words.
    contribution
        What they contribute, one sentence or two.
    moved
        By how many posterior standard deviations their presence moves the mean of mu; None where that was
        not computed.
    nothing
        Whether no study has a contrast, so that the data say nothing of the effect.
    """

    studies: tuple[str, ...]
    contribution: str
    moved: float | None = None
    nothing: bool = False

    def __str__(self) -> str:
        named = "; ".join(self.studies[:NAMED])
        more = f"; and {len(self.studies) - NAMED} more" if len(self.studies) > NAMED else ""
        return f"Kept, nothing added to a zero: {named}{more}. {self.contribution}"


def zero_events(tree: xr.DataTree) -> ZeroEvents | None:
    """What `fit` found that studies without contrast contribute; None when there are none."""
    if ATTRIBUTE not in tree.attrs:
        return None
    found = json.loads(tree.attrs[ATTRIBUTE])
    return ZeroEvents(tuple(found["studies"]), found["contribution"], found["moved"], found["nothing"])


def note_zero_events(setting: Setting, tree: xr.DataTree) -> None:
    """Measure what studies without contrast do to a fit, and write it into its attributes and notes.

    Warns
    -----
    DataWarning
        When they move P(mu < 0) by more than 0.02 all by themselves.
    """
    silent = setting.family.silent(setting.evidence, setting.options)
    if silent is None:
        return
    if silent.words:
        found = ZeroEvents(silent.studies, silent.words, nothing=silent.nothing)
    else:
        found = _measured(setting, tree, silent)
    tree.attrs[ATTRIBUTE] = json.dumps(
        {name: getattr(found, name) for name in ("studies", "contribution", "moved", "nothing")}
    )
    tree.attrs["notes"] = json.dumps([*json.loads(tree.attrs["notes"]), str(found)])


def _measured(setting: Setting, tree: xr.DataTree, silent: Silent) -> ZeroEvents:
    """Against the likelihood under which they say nothing and, where that can be integrated, without them."""
    studies, own = silent.studies, _below(marginal(tree, "mu"))
    yardstick = _posterior(_under(setting, silent))
    given = 0.0 if yardstick is None else _below(yardstick)
    beside = (
        "" if yardstick is None else f"{_printed(given)} under the {silent.named}, where they say nothing"
    )
    if silent.nothing:
        if beside:
            _warn(setting, own, given, silent)
        said = f"P(mu < 0) is {_printed(own)}{', and ' * bool(beside)}{beside}."
        return ZeroEvents(
            studies, f"{NO_CONTRAST}. What is known of mu comes from priors: {said}", nothing=True
        )
    pair = _with_and_without(setting, tree, silent) if silent.separable else None
    if pair is None:
        said = f" P(mu < 0) is {_printed(own)}, and {beside}." if beside else ""
        return ZeroEvents(studies, f"They inform the distribution of the baselines, and through it mu.{said}")
    both, rest = pair
    below, without = _below(both), _below(rest)
    _warn(setting, below, without, silent)
    said = f"P(mu < 0) from {_printed(without)} to {_printed(below)}"
    moved = None
    if moments_below(tree, "mu") > 2:
        moved = float(both.mean()[0] - rest.mean()[0]) / float(both.sd()[0])
        size = f"{moved:+.3f}".replace("-", "\u2212") if abs(moved) >= SMALL else f"less than {SMALL:g}"
        said = f"the posterior mean of mu by {size} of its standard deviations, and {said}"
    said += f" (refitted without them by exact integration){'; it is ' * bool(beside)}{beside}."
    return ZeroEvents(studies, f"They move {said}", moved)


def _with_and_without(
    setting: Setting, tree: xr.DataTree, silent: Silent
) -> tuple[Marginal, Marginal] | None:
    """Posteriors of mu with and without these studies by exact integration, where there is one."""
    both = marginal(tree, "mu") if "exact" in tree.children else _posterior(setting)
    if both is None:
        return None
    rest = _posterior(replace(setting, evidence=subset(setting.evidence, ~silent.mask)))
    return None if rest is None else (both, rest)


def _under(setting: Setting, silent: Silent) -> Setting:
    """The same evidence under the likelihood in which these studies say nothing."""
    kept = {p.name: setting.priors[p.name] for p in setting.family.with_priors(silent.options)}
    return replace(setting, options=silent.options, priors=kept)


def _posterior(setting: Setting) -> Marginal | None:
    """Of mu, by exact integration; None where there is none, or none that is accurate."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", BayesmaWarning)
        try:
            grid = exact_group(setting)
        except BayesmaWarning:
            return None
    return None if grid is None else stored(grid, "mu")


def _below(posterior: Marginal) -> float:
    """P(mu < 0)."""
    return float(posterior.probability(0.0, above=False)[0])


def _printed(probability: float) -> str:
    """Three digits, and never certain."""
    if probability < SMALL:
        return f"<{SMALL:g}"
    return f">{1.0 - SMALL:g}" if probability > 1.0 - SMALL else f"{probability:.3f}"


def _warn(setting: Setting, with_: float, without: float, silent: Silent) -> None:
    """Say so loudly where studies without contrast make a direction."""
    if abs(with_ - without) <= DIRECTION:
        return
    stated = ", ".join(
        f"{n} ~ {p}" for n, p in setting.priors.items() if n not in _under(setting, silent).priors
    )
    warnings.warn(
        f"{len(silent.studies)} of {len(setting.study)} studies have the same outcome in every patient and "
        f"move P(mu < 0) from {_printed(without)} to {_printed(with_)}, through the model of the baselines "
        f"alone ({stated}); use the {silent.named}, or the default coding and baseline priors",
        DataWarning,
        stacklevel=5,
    )
