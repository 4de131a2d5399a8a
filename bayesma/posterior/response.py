"""Question: how many patients respond, and how many of them in full? A continuation ratio of two fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayesma.engines.tree import SAMPLE
from bayesma.errors import OptionError
from bayesma.posterior.nodes import draws_of, effect_rule
from bayesma.posterior.numbers import limits_of, tails
from bayesma.posterior.provenance import Provenance, provenance
from bayesma.posterior.single_arm import unchanged
from bayesma.posterior.spread import Spread, table_of

Array = NDArray[np.float64]

MEDIAN, MEAN, NEW = "median setting", "mean over settings", "new setting"
MEANINGS = {
    MEDIAN: "the medians of both proportions over settings: any response, and major among responders",
    MEAN: "both proportions averaged over settings, which vary in one independently of the other",
    NEW: "one new setting",
    "study": "a study that is in both fits, after learning from the others",
    "centre": "a centre that is in both fits, after learning from the others",
}


def response(
    any_response: xr.DataTree,
    major: xr.DataTree,
    *,
    ci_prob: float = 0.95,
    above: float | Sequence[float] = (),
) -> pd.DataFrame:
    """Proportions with major, partial and no response, from a fit of any response and one of major given any.

    The likelihood of three ordered outcomes factorises into the two (continuation ratio: Fienberg 1980,
    ISBN 978-0-262-56023-9, chapter 6), and with independent priors so does the posterior.

    Parameters
    ----------
    any_response
        Fit of family `proportion`: responders among patients.
    major
        The same of major responders among the *responders*.
    ci_prob
        Probability of the equal-tailed intervals.
    above
        Thresholds: each adds a column ``P(> x)``.

    Returns
    -------
    pandas.DataFrame
        Index (setting, quantity). Settings: ``median setting``, ``mean over settings``, ``new setting`` (all
        one under a common proportion), ``study X`` and ``centre X`` for those in both fits. Quantities: any,
        major, partial and no response. Columns mean, sd, median, ci_low, ci_high, mcse_mean, and those of
        `above`, all from draws. ``attrs``: settings (in words), computed, converged, notes.

    Raises
    ------
    OptionError
        For fits of another family, and where the major responses of an arm were not counted among its
        responders.

    Examples
    --------
    >>> import bayesma as bm
    >>> any_response = bm.ArmCounts.from_counts([24, 9], [40, 12], ["Wang 2014", "Ash"])
    >>> major = bm.ArmCounts.from_counts([13, 5], [24, 9], ["Wang 2014", "Ash"])
    >>> fits = [bm.fit(counts, engine="exact", random_seed=1) for counts in (any_response, major)]
    >>> table = bm.response(*fits)
    >>> table["mean"]["study Wang 2014"].round(2).to_dict()
    {'any response': 0.62, 'major response': 0.34, 'partial response': 0.28, 'no response': 0.38}
    """
    ends, limits = tails(ci_prob), limits_of(above)
    origins = [single_arms(any_response, "any_response", "response"), single_arms(major, "major", "response")]
    notes = counted_among_responders(any_response, major, "response")
    first, second = (risks_of(fit, one) for fit, one in zip((any_response, major), origins, strict=True))
    chains, draws = (min(a, b) for a, b in zip(_size(any_response), _size(major), strict=True))
    tables = {}
    for setting in first:
        if setting in second:
            responds = first[setting][:chains, :draws]
            # apart by half a chain: fits that share a seed share the numbers their draws were made from
            fully = np.roll(second[setting][:chains, :draws], draws // 2, axis=1)
            quantities = {
                "any response": responds,
                "major response": responds * fully,
                "partial response": responds * (1.0 - fully),
                "no response": 1.0 - responds,
            }
            rows = {name: Spread.of_draws(values, len(values)) for name, values in quantities.items()}
            tables[setting] = table_of(rows, ends, limits)
    table = pd.concat(tables, names=["setting", "quantity"])
    kinds = {name.split(" ")[0] if name not in MEANINGS else name for name in tables}
    table.attrs = {
        "settings": {name: words for name, words in MEANINGS.items() if name in kinds},
        "computed": "draws of both fits; mcse_mean is the Monte Carlo error of each mean",
        "converged": all(one.converged for one in origins),
        "notes": [*notes, *(note for one in origins for note in one.notes)],
    }
    return table


def single_arms(fit: xr.DataTree, name: str, question: str) -> Provenance:
    """The model of a fit of single arms.

    Raises
    ------
    OptionError
        For a fit of another family.
    """
    origin = provenance(fit)
    if origin.family.risks(origin.options) is None or "events" not in fit["observed_data"]:
        raise OptionError(
            f"{question}: {name} is a fit of family {origin.family.name!r}; it takes fits of family "
            "'proportion' (ArmCounts): any response among patients, and major response among responders"
        )
    return origin


def _arms(fit: xr.DataTree) -> pd.DataFrame:
    """Events and n by arm."""
    groups = (fit["observed_data"].dataset["events"], fit["constant_data"].dataset["n"])
    return pd.DataFrame({one.name: one.values for one in groups}, index=groups[0]["arm"].values.astype(str))


def counted_among_responders(any_response: xr.DataTree, major: xr.DataTree, question: str) -> list[str]:
    """Refuse major responses counted among others than the responders; name arms that one fit alone has.

    Raises
    ------
    OptionError
        Where the major responses of an arm have another denominator.
    """
    responders, fully = _arms(any_response), _arms(major)
    both = responders.index.intersection(fully.index)
    for arm in both:
        events, n = responders.loc[arm, "events"], fully.loc[arm, "n"]
        if events != n:
            raise OptionError(
                f"{question}: {arm} has {events:g} responders, and its major responses were counted among "
                f"{n:g}; give major responses among the responders (n = {events:g})"
            )
    alone = {"any response": responders.index, "major response": fully.index}
    return [
        f"{name} alone is known in {', '.join(map(str, index.difference(both)))}"
        for name, index in alone.items()
        if len(index.difference(both))
    ]


def _size(fit: xr.DataTree) -> tuple[int, int]:
    """Chains and draws."""
    return int(fit["posterior"].sizes["chain"]), int(fit["posterior"].sizes["draw"])


def risks_of(fit: xr.DataTree, origin: Provenance) -> dict[str, Array]:
    """Draws of the proportion in each setting, (chain, draw)."""
    posterior = fit["posterior"].dataset
    draws = {str(name): v.transpose(*SAMPLE, ...).values for name, v in posterior.data_vars.items()}
    over, flat = origin.family.risks(origin.options), draws_of(fit)
    assert over is not None
    location = flat[over.location]
    if over.scale is None:
        one = over.median(location, location).reshape(_size(fit))
        return dict.fromkeys((MEDIAN, MEAN, NEW), one)
    effects = origin.family.effects(flat, origin.options)
    average = unchanged if effects is None else effect_rule(effects).average
    risks = {
        MEDIAN: over.median(location, flat[over.scale]).reshape(_size(fit)),
        MEAN: over.mean(location, flat[over.scale], average).reshape(_size(fit)),
    }
    risks[NEW] = np.asarray(expit(draws["theta_new"]))
    for name, dim, kind in (("theta", "study", "study"), ("theta_centre", "arm", "centre")):
        if name in draws:
            for i, label in enumerate(posterior[dim].values):
                risks[f"{kind} {label}"] = np.asarray(expit(draws[name][..., i]))
    return risks
