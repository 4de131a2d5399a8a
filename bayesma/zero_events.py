"""What do studies without events, or with nothing but events, contribute to an answer? Measured, and said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesma.engines.fit import fit
from bayesma.evidence.counts import ArmCounts, TwoArmCounts
from bayesma.posterior.marginals import moments_below
from bayesma.posterior.provenance import provenance
from bayesma.posterior.summary import summary
from bayesma.spec.rows import Evidence

SMALL = 0.001  # posterior sds; a shift below is printed as such


@dataclass(frozen=True, slots=True)
class ZeroEvents:
    """Studies in which all patients had the same outcome, and what they do to the answer.

    Attributes
    ----------
    studies
        Each with its counts in words.
    contribution
        What they contribute, one sentence.
    moved
        By how many posterior standard deviations their presence moves the mean of mu; None where that was
        not computed.
    """

    studies: tuple[str, ...]
    contribution: str
    moved: float | None = None

    def __str__(self) -> str:
        return f"Kept, nothing added to a zero: {'; '.join(self.studies)}. {self.contribution}"


def zero_events(evidence: Evidence, tree: xr.DataTree) -> ZeroEvents | None:
    """What the studies without contrast contribute to a fit of counts; None when there are none.

    Parameters
    ----------
    evidence
        What was fitted; estimates have no counts, and so no answer.
    tree
        The fit. For its own priors the model is integrated again without these studies.
    """
    if isinstance(evidence, TwoArmCounts) and evidence.double_zero.any():
        return _two_arms(evidence, tree)
    if isinstance(evidence, ArmCounts):
        return _single_arms(evidence)
    return None


def _two_arms(counts: TwoArmCounts, tree: xr.DataTree) -> ZeroEvents:
    """Trials in which both arms had no event, or nothing but events."""
    silent, baseline = counts.double_zero, provenance(tree).options["baseline"]
    studies = tuple(
        f"{study} ({a}/{n1} v {c}/{n2})"
        for study, a, n1, c, n2 in zip(
            counts.study[silent],
            counts.events_treat[silent],
            counts.n_treat[silent],
            counts.events_ctrl[silent],
            counts.n_ctrl[silent],
            strict=True,
        )
    )
    if baseline == "conditional":
        nothing = (
            "Given its margins only one table is possible for each: under the conditional likelihood they "
            "contribute nothing to mu and tau, exactly."
        )
        return ZeroEvents(studies, nothing, 0.0)
    if silent.all():
        return ZeroEvents(
            studies,
            "No study has a contrast between its arms: what is known of mu comes from its prior, and through "
            "the prior of the baselines.",
        )
    if baseline != "fixed":
        return ZeroEvents(
            studies,
            "They inform the distribution of the baselines, and through it, weakly, mu; by how much was not "
            "computed (this model has no exact integral).",
        )
    moved = _moved(counts, tree)
    if moved is None:
        return ZeroEvents(studies, "mu has no mean or sd under these priors: no shift can be given.")
    size = f"{moved:+.3f}".replace("-", "\u2212") if abs(moved) >= SMALL else f"less than {SMALL:g}"
    return ZeroEvents(
        studies,
        f"They move the posterior mean of mu by {size} of its standard deviations (refitted without them by "
        "exact integration); the wider the prior of the baselines, the less.",
        moved,
    )


def _moved(counts: TwoArmCounts, tree: xr.DataTree) -> float | None:
    """Mean of mu with the silent studies minus that without them, in posterior sds."""
    if moments_below(tree, "mu") <= 2:
        return None
    origin = provenance(tree)
    priors = {name: str(prior) for name, prior in origin.priors.items()}
    keep = ~counts.double_zero
    rest = TwoArmCounts.from_counts(
        counts.events_treat[keep],
        counts.n_treat[keep],
        counts.events_ctrl[keep],
        counts.n_ctrl[keep],
        counts.study[keep].tolist(),
    )
    seed = int(tree.attrs["random_seed"])
    fits = [
        tree
        if one is counts and origin.engine == "exact"
        else fit(one, priors=priors, engine="exact", random_seed=seed, draws=1, chains=1, **origin.options)
        for one in (counts, rest)
    ]
    whole, part = (summary(one, parameters="mu") for one in fits)
    return float(whole["mean"]["mu"] - part["mean"]["mu"]) / float(whole["sd"]["mu"])


def _single_arms(counts: ArmCounts) -> ZeroEvents | None:
    """Arms without events, or with nothing but events: they count in full."""
    edge = (counts.events == 0) | (counts.events == counts.n)
    if not edge.any():
        return None
    studies = [
        f"{label} ({e}/{n})"
        for label, e, n in zip(counts.label[edge], counts.events[edge], counts.n[edge], strict=True)
    ]
    bounds = [
        words
        for words, here in (
            ("no event: the larger the arm, the lower the risk it still allows", np.any(counts.events == 0)),
            (
                "only events: the larger the arm, the higher the risk it asks for",
                np.any(counts.events == counts.n),
            ),
        )
        if here
    ]
    return ZeroEvents(tuple(studies), f"They count in full ({'; '.join(bounds)}).")
