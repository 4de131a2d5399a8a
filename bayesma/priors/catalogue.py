"""Published priors by name: heterogeneity by outcome and comparison, effects by medical subfield."""

from __future__ import annotations

import csv
import difflib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bayesma.errors import DataWarning, PriorError
from bayesma.priors.prior import Prior
from bayesma.resources import DATA

FOLDER = "priors"
OUTCOMES = {  # what a file calls an outcome type, and the measure it is
    "continuous: standardised mean difference": "SMD",
    "standardised mean difference": "SMD",
    "dichotomous: log odds ratio": "OR",
    "dichotomous: log risk ratio": "RR",
    "dichotomous: risk difference": "RD",
    "time-to-event: log hazard ratio": "HR",
}
READY = "GEN"  # estimates of whatever measure
WRITTEN = re.compile(r"\s*[A-Za-z][A-Za-z. ]*\d{4}\s*:")  # how a name begins: who, when, colon
CLOSE = 3  # names offered in place of one that is unknown


@dataclass(frozen=True, slots=True)
class Published:
    """One prior of the catalogue.

    Attributes
    ----------
    name
        As users write it.
    prior
        On the parameter itself (a published prior on tau^2 is the one it implies on tau).
    parameter
        ``"mu"`` or ``"tau"``.
    measure
        Code of the effect measure it is for.
    source, doi
        Citation.
    """

    name: str
    prior: Prior
    parameter: str
    measure: str
    source: str
    doi: str


@cache
def catalogue() -> dict[str, Published]:
    """Every published prior, by its name in small letters and single blanks."""
    found: dict[str, Published] = {}
    for entry in (*_weakly(), *_turner(), *_rhodes(), *_informed()):
        if found.setdefault(key_of(entry.name), entry) is not entry:
            raise PriorError(f"the catalogue has two priors called {entry.name!r}")
    return found


def key_of(name: str) -> str:
    """A name as it is looked up."""
    spaced = re.sub(r"\s*([,:/])\s*", r" \1 ", name.casefold())
    return " ".join(re.sub(r"\bvs?\b\.?", "v", spaced).split())


def is_name(text: str) -> bool:
    """Whether a text means a published prior: its source, a colon, and what it is about."""
    return WRITTEN.match(text) is not None


def published(text: str) -> Published:
    """The entry of this name.

    Raises
    ------
    PriorError
        When there is none; with the nearest names, and the part of the name that differs.
    """
    entries, key = catalogue(), key_of(text)
    if key in entries:
        return entries[key]
    heads = sorted({name.partition(":")[0].strip() for name in entries})
    head = key.partition(":")[0].strip()
    if head not in heads:
        (meant,) = difflib.get_close_matches(head, heads, n=1, cutoff=0.0)
        known = ", ".join(sorted({entry.name.partition(":")[0] for entry in entries.values()}))
        raise PriorError(
            f"prior {text!r}, character 1: {head!r} is no known source; did you mean {_title(meant)!r}? "
            f"known are: {known}"
        )
    own = [name for name in entries if name.startswith(f"{head} :")]
    near = [entries[name].name for name in difflib.get_close_matches(key, own, n=CLOSE, cutoff=0.0)]
    at = _differs(text, near[0])
    raise PriorError(
        f"prior {text!r}, character {at}: no published prior has this name; the nearest are: "
        f"{'; '.join(map(repr, near))}; list_priors(search={_title(head)!r}) shows all {len(own)}"
    )


def check_use(prior: object, parameter: str, measure: str) -> None:
    """Refuse a published prior for another parameter; warn where it was made for another measure.

    Parameters
    ----------
    prior
        As given: only a name of the catalogue is checked.
    parameter, measure
        What it is given for.

    Raises
    ------
    PriorError
        For a heterogeneity prior on anything but tau, or an effect prior on tau.

    Warns
    -----
    DataWarning
        Where its effect measure is not that of the evidence.
    """
    if not (isinstance(prior, str) and is_name(prior)):
        return
    entry = published(prior)
    if (entry.parameter == "tau") != (parameter == "tau"):
        what = "heterogeneity, tau" if entry.parameter == "tau" else "an effect"
        raise PriorError(
            f"prior {prior!r} was published for {what}, and is given for {parameter}; choose another of "
            f"list_priors() with parameter {parameter!r}"
        )
    if entry.measure != measure:
        why = (
            f"whose scale only you know; see that the estimates are {entry.measure} as it is analysed"
            if measure == READY
            else f"so its numbers are on another scale; choose one for {measure}, or say why it carries over"
        )
        warnings.warn(
            f"prior {prior!r} of {parameter} was published for {entry.measure}, and the evidence is "
            f"{measure}, {why}",
            DataWarning,
            stacklevel=4,
        )


def _differs(text: str, name: str) -> int:
    """The first character, counted from 1, that differs from a name in more than case and blanks."""
    there = iter(name.casefold().replace(" ", ""))
    for i, letter in enumerate(text.casefold(), 1):
        if not letter.isspace() and letter != next(there, ""):
            return i
    return len(text) + 1


def _title(head: str) -> str:
    """A source as it is written in names."""
    return next(e.name.partition(":")[0] for k, e in catalogue().items() if k.startswith(f"{head} :"))


def _rows(file: str) -> Iterator[dict[str, str]]:
    """Rows of one file."""
    with (DATA.folder() / FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def _compared(row: dict[str, str]) -> str:
    """Outcome and comparators."""
    return f"{row['outcome']}, {row['comparator1']} v {row['comparator2']}"


def _weakly() -> Iterator[Published]:
    """Half-normal on tau, for few and small studies."""
    for row in _rows("weakly_informative_priors"):
        prior = Prior(row["distribution"], (float(row["scale"]),))
        name = f"{row['source'].split()[0]} {row['source'].partition('(')[2][:4]}: {row['name']}"
        yield Published(name, prior, row["parameter"], row["measure"], row["source"], row["doi"])


def _turner() -> Iterator[Published]:
    """Log-normal on tau^2 of log odds ratios."""
    for row in _rows("turner2015_heterogeneity_priors"):
        prior = Prior("LogNormal", (float(row["tau_meanlog"]), float(row["tau_sdlog"])))
        yield Published(f"Turner 2015: {_compared(row)}", prior, "tau", "OR", row["source"], row["doi"])


def _rhodes() -> Iterator[Published]:
    """Log-Student-t on tau^2 of standardised mean differences."""
    for row in _rows("rhodes2015_heterogeneity_priors"):
        numbers = (float(row["df"]), float(row["tau_location"]), float(row["tau_scale"]))
        name = f"Rhodes 2015: {_compared(row)}, {row['area']}"
        yield Published(name, Prior("LogStudentT", numbers), "tau", "SMD", row["source"], row["doi"])


def _informed() -> Iterator[Published]:
    """Effects and heterogeneity by subfield."""
    for row in _rows("bartos_informed_priors"):
        measure, effect = OUTCOMES[row["outcome_type"]], row["parameter"] == "effect"
        authors, _, rest = row["source"].partition(" (")
        surname = authors.partition(",")[0].rpartition(" ")[0]
        name = f"{surname} {rest[:4]}: {row['subfield']}, {measure}, {row['parameter']}"
        parameter = "mu" if effect else "tau"
        yield Published(name, _informed_prior(row), parameter, measure, row["source"], row["doi"])


def _informed_prior(row: dict[str, str]) -> Prior:
    """From its family and numbers."""
    family = row["family"]
    low = -math.inf if row["lower_truncation"] == "NA" else float(row["lower_truncation"])
    if family == "invgamma":
        return Prior("InverseGamma", (float(row["shape"]), float(row["scale"])))
    if family == "t":
        numbers = (float(row["df"]), float(row["location_or_mean"]), float(row["scale"]))
        return Prior("StudentT", numbers, lower=low)
    if family != "normal":
        raise PriorError(f"the catalogue has a prior of the unknown family {family!r}")
    return Prior("Normal", (float(row["location_or_mean"]), float(row["sd"])), lower=low)
