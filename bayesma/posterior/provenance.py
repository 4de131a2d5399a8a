"""What a fit says of itself: family, options, priors, measure, read back from its attributes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesma.errors import OptionError
from bayesma.families import FAMILIES
from bayesma.families.base import Case, Family, Options, Priors
from bayesma.measures import MEASURES, Measure
from bayesma.priors import Prior


@dataclass(frozen=True, slots=True)
class Provenance:
    """The model behind a fit.

    Attributes
    ----------
    family, options, priors
        As fitted.
    default_priors
        Parameters whose prior nobody gave.
    measure
        Declaration of the effect measure, by the name of what was counted.
    event
        What was counted, in one or two words; empty where nobody named it.
    engine
        ``"nuts"`` or ``"exact"``.
    route
        How it computed, in words.
    converged
        Whether the engine met its standard.
    notes
        Sentences about the data that every result must carry.
    """

    family: Family[Any]
    options: Options
    priors: Priors
    default_priors: tuple[str, ...]
    measure: Measure
    event: str
    engine: str
    route: str
    converged: bool
    notes: tuple[str, ...]


def require_fit(fit: object) -> None:
    """Refuse what no question can be asked of.

    Raises
    ------
    OptionError
        When it is no result of `fit`, or when draws or weights in it are not finite: a share of draws beyond
        a threshold would count those as lying on the other side.
    """
    if not isinstance(fit, xr.DataTree):
        raise OptionError(
            f"this question is asked of a fit, and a {type(fit).__name__} was given; give the DataTree that "
            "fit(evidence) returns"
        )
    if missing := [name for name in ("family", "priors", "options") if name not in fit.attrs]:
        raise OptionError(
            f"this DataTree is no result of fit: it lacks the attribute {missing[0]!r}; give what "
            "fit(evidence) returns, or the whole tree that was stored"
        )
    for group, starts in (("posterior", ""), ("exact", "weight")):
        if group in fit.children:
            _require_finite(fit[group].dataset, starts, "draws" if group == "posterior" else "weights")


def _require_finite(group: xr.Dataset, starts: str, what: str) -> None:
    """Refuse variables of a group, of those whose names start so, that hold NaN or infinity."""
    for name, variable in group.variables.items():
        if name in group.dims or not str(name).startswith(starts) or variable.dtype.kind != "f":
            continue
        finite = np.isfinite(variable.values)
        if not finite.all():
            raise OptionError(
                f"{finite.size - int(finite.sum())} of {finite.size} {what} {name!r} in this fit are not "
                "finite numbers (NaN or infinite), so no question can be asked of it; fit again, and where "
                "the evidence or the prior is extreme, rescale it"
            )


def provenance(fit: xr.DataTree) -> Provenance:
    """Read the model back from a fit's attributes, also from one that was stored as netCDF.

    Raises
    ------
    OptionError
        When it is no result of `fit`.
    """
    require_fit(fit)
    attrs = fit.attrs
    event = str(attrs.get("event", ""))
    return Provenance(
        family=FAMILIES[attrs["family"]],
        options={n: tuple(v) if isinstance(v, list) else v for n, v in json.loads(attrs["options"]).items()},
        priors={name: Prior.parse(text) for name, text in json.loads(attrs["priors"]).items()},
        default_priors=tuple(json.loads(attrs["default_priors"])),
        measure=MEASURES[attrs["measure"] if attrs["measure"] in MEASURES else "GEN"].of_event(event),
        event=event,
        engine=str(attrs["engine"]),
        route=_route(fit),
        converged=bool(attrs["converged"]),
        notes=tuple(json.loads(attrs["notes"])),
    )


def _route(fit: xr.DataTree) -> str:
    """How the posterior was computed."""
    if "exact" not in fit.children:
        return "NUTS"
    sampled = "error_quantiles" in fit["exact"].attrs
    return "importance sampling, its error measured" if sampled else "exact integration"


def case_of(fit: xr.DataTree, origin: Provenance) -> Case:
    """The numbers a fit was computed from, as its family needs them."""
    groups = (fit[name].dataset for name in ("observed_data", "constant_data"))
    arrays = {str(n): v.values for group in groups for n, v in group.data_vars.items()}
    return Case(arrays, origin.priors, origin.options)


def require_effect(fit: xr.DataTree, question: str) -> None:
    """Refuse a fit of intensities over follow-up, where a question is about effects.

    Raises
    ------
    OptionError
        When the studies of the fit are followed by intervals.
    """
    if "interval" in fit["posterior_predictive"].dims:
        raise OptionError(
            f"{question} is about effects, and this fit has intensities over months of follow-up; ask "
            "predict(fit) for the course free of relapse, hazard(fit) for the change of the intensity"
        )


def require_one_effect(fit: xr.DataTree, question: str) -> None:
    """Refuse a fit whose mean effect differs from month to month, where a question is about one number.

    Raises
    ------
    OptionError
        When the effects of the fit run over visits.
    """
    require_effect(fit, question)
    if "visit" in fit["posterior"].dims:
        raise OptionError(
            f"{question} is about one mean effect, and this fit has one at every visit; ask predict(fit) for "
            "the course over months, or benefit(fit, favours=...) for the probabilities"
        )
