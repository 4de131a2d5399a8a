"""Numbers and labels that are possible but nearly always slips: one list of checks, one way to warn of them.

A check is a pure function of arrays and labels. It returns a `Suspicion` for each row at fault; `warn` says
where that row stands. No check changes a number.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bayesma.errors import DataWarning

type Array = NDArray[np.float64]
type Mask = NDArray[np.bool_]
type EstimateCheck = Callable[[Array, Array], list["Suspicion"]]

PACKAGE = str(Path(__file__).parents[1])  # a warning points at the line outside of it

LARGE_SMD = 3.0  # an SMD beyond this is almost always an SE read as an SD
PATIENTS_OF_PROPORTION = (
    5.0  # fewer than these behind a standard error make the reading as proportion unlikely
)
LARGE_LOGIT = 15.0  # a proportion within 3 in ten million of 1
NEAR_ONE = 3.0  # ratios between a third and three are near one
CERTAIN = 2.0  # standard errors by which logs that were all above 0 would be above it
DIGITS = (
    4  # significant digits that an estimate and its standard error share by chance only if they have fewer
)
ARM_COUNT, ARM_COUNT_BESIDE = 15, 3  # fewer events, or non-events, agree by chance, apart or in next rows
BOTH_ARMS_EVENTS = 5  # two equal tables with fewer events in all than this happen by chance
PERSON_TIME = 2.0  # times the patients, and the patients per event, of any other study
PERSON_TIME_STUDIES = 4  # with fewer, the largest study has the smallest risk too often
NEAR_VISITS, NEAR_MONTHS = 0.1, 0.5  # of the later visit, and months: visits nearer than both are one

TOTALS = frozenset({"total", "totals", "subtotal", "subtotals", "overall", "pooled", "gesamt"})
SUMS = frozenset({"sum", "sums", "summary"})  # also parts of names; totals only at the beginning
YEAR = r"(?:18|19|20)\d\d[a-z]?"
THROUGH_YEAR = re.compile(rf"^.*?\b{YEAR}\b")
BEFORE_SIGN = re.compile(r"\s*([:;|(]|\s[-\u2013]\s|,\s*[a-z0-9]|\s\d+\s*(mg|days?|weeks?|months?|years?)\b)")
POOLED_PHRASE = re.compile(r"all (studies|trials)|(random|fixed|common)[- ]effects?( model)?|meta-?analysis")
PERSON_TIME_NAME = re.compile(
    r"(person|patient|participant|subject)s?[\W_]*(years?|yrs?|months?|weeks?|days?|time)\b"
    r"|(?:^|[\W_])(py|pys|pyrs|pyears|pt[\W_]?yrs?|exposure)(?:$|[\W_])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A row at fault, by position, and what is wrong with it: value, reason and mend."""

    row: int
    what: str


def warn(found: Iterable[Suspicion], place: Callable[[int], str]) -> None:
    """Warn of each suspicion once, where the user called; `place` names the file, row and study of a row."""
    for suspicion in found:
        message = f"{place(suspicion.row)}: {suspicion.what}"
        warnings.warn(message, DataWarning, skip_file_prefixes=(PACKAGE,))


def of_labels(labels: Sequence[str]) -> list[Suspicion]:
    """Return the rows called like a total, another study but for capitals, or parts of one study."""
    rows = _first_rows(labels)
    return [*_totals(labels, rows), *_spellings(labels, rows), *_parts(labels, rows)]


def _first_rows(labels: Sequence[str]) -> list[int]:
    """Return the row in which each label stands first."""
    return sorted({label: i for i, label in reversed(list(enumerate(labels)))}.values())


def _totals(labels: Sequence[str], rows: Sequence[int]) -> list[Suspicion]:
    """Return the rows that are called like a total of the others."""
    found = []
    for i in rows:
        text = re.sub(r"\bsub[- ]", "sub", labels[i].casefold())
        words = re.findall(r"[^\W\d_]+", text)
        named = bool(words) and (bool({words[0], words[-1]} & TOTALS) or words[0] in SUMS)
        if (named or POOLED_PHRASE.fullmatch(text)) and not THROUGH_YEAR.match(labels[i]):
            found.append(
                Suspicion(
                    i,
                    f"the label {labels[i]!r} is that of a total and not of a study; its patients would "
                    "count twice; leave the row out, or call the study by its author and year",
                )
            )
    return found


def _spellings(labels: Sequence[str], rows: Sequence[int]) -> list[Suspicion]:
    """Return the rows whose label is another one but for capitals and blanks."""
    seen: dict[str, int] = {}
    found = []
    for i in rows:
        j = seen.setdefault(_plain(labels[i]), i)
        if j != i:
            found.append(
                Suspicion(
                    i,
                    f"the label {labels[i]!r} is {labels[j]!r} but for capitals and blanks, and counts as "
                    "another study; spell them alike, or add what tells the two apart",
                )
            )
    return found


def _parts(
    labels: Sequence[str], rows: Sequence[int], *, apart: Callable[[set[str]], bool] | None = None
) -> list[Suspicion]:
    """Return the second row of those under labels that begin alike, where they are not told `apart`.

    The first part of a label ends with its year or, where it has none, before a colon, a semicolon, a
    bracket, a dash between blanks, a comma with a small letter or a number behind it, a dose or a time.
    """
    begun: dict[str, list[int]] = {}
    for i in rows:
        begun.setdefault(_plain(first_part(labels[i])), []).append(i)
    several = [m for m in begun.values() if len({_plain(labels[i]) for i in m}) > 1]
    return [
        Suspicion(
            members[1],
            f"the labels {_listed([labels[i] for i in members])} begin alike: several effects of one study "
            "are not independent, and its patients would count several times; keep one effect a study, "
            "combine them, or give its visits one label",
        )
        for members in several
        if apart is None or not apart({labels[i] for i in members})
    ]


def first_part(label: str) -> str:
    """Return what a label names a study by, without what tells its effects apart."""
    dated = THROUGH_YEAR.match(label)
    if dated is not None:
        return dated[0]
    sign = BEFORE_SIGN.search(label)
    return label if sign is None or not sign.start() else label[: sign.start()]


def _plain(label: str) -> str:
    """Return a label without capitals and further blanks."""
    return " ".join(label.casefold().split())


def _listed(labels: Sequence[str], most: int = 3) -> str:
    """Return the first few labels, and how many more there are."""
    shown = ", ".join(repr(label) for label in labels[:most])
    return shown if len(labels) <= most else f"{shown} and {len(labels) - most} more"


def of_estimates(y: Array, se: Array, measure: str, *, typed: bool) -> list[Suspicion]:
    """Return what is suspicious of estimates and standard errors, shape (k,) each, on the analysis scale.

    `typed` says that they were given as they are, so that their scale may be mistaken.
    """
    found = large_smds(y) if measure == "SMD" else []
    return [*found, *(TYPED[measure](y, se) if typed and measure in TYPED else [])]


def large_smds(y: Array) -> list[Suspicion]:
    """Return the standardised mean differences that are hardly ever real."""
    return [
        Suspicion(
            i,
            f"an SMD of {y[i]:g} is hardly ever real; check that the spread given is an SD and not a "
            "standard error",
        )
        for i in np.flatnonzero(np.abs(y) > LARGE_SMD).tolist()
    ]


def proportions_for_logits(y: Array, se: Array) -> list[Suspicion]:
    """Return a row when all logits look like proportions, or one like per cent.

    A proportion p of n patients has the standard error sqrt(p (1 - p) / n), so a pair implies n; a logit has
    one of at least 2 / sqrt(n), which as that of a proportion leaves hardly a patient.
    """
    large = np.flatnonzero(y > LARGE_LOGIT)
    if large.size:
        i = int(large[0])
        return [
            Suspicion(
                i,
                f"the estimate is {y[i]:g}, and a logit of {y[i]:g} is a proportion that no study could tell "
                "from 1; it looks like per cent; give logits, log(p / (1 - p)), with their standard errors, "
                "or events and n",
            )
        ]
    inside = bool(np.all((y > 0.0) & (y < 1.0)))
    if not (inside and np.all(y * (1.0 - y) >= PATIENTS_OF_PROPORTION * se**2)):
        return []
    return [
        Suspicion(
            0,
            f"the estimate is {y[0]:g} with the standard error {se[0]:g}, and all lie between 0 and 1 as "
            "proportions do; PLO takes logits; give log(p / (1 - p)) with the standard error "
            "se / (p (1 - p)), or events and n",
        )
    ]


def ratios_for_logs(y: Array, se: Array) -> list[Suspicion]:
    """Return a row when all logs of ratios are positive and near 1, as ratios are."""
    near = bool(np.all((y > 1.0 / NEAR_ONE) & (y < NEAR_ONE)))
    if y.size < 2 or not near or float(np.sum(y / se**2)) <= CERTAIN * np.sqrt(np.sum(1.0 / se**2)):
        return []
    return [
        Suspicion(
            0,
            f"the estimate is {y[0]:g}, and all of them are positive and near 1 as ratios are; the analysis "
            f"scale is the logarithm, on which {y[0]:g} is a ratio of {np.exp(y[0]):.3g}; give the logs "
            "(effect_sizes with ci_low, ci_high and ratio=True takes them), or be sure that these are logs",
        )
    ]


TYPED: Mapping[str, EstimateCheck] = {  # what is typed in place of the analysis scale, by measure
    "PLO": proportions_for_logits,
    "OR": ratios_for_logs,
    "RR": ratios_for_logs,
}


def repeated_estimates(y: Array, se: Array, labels: Sequence[str]) -> list[Suspicion]:
    """Return the rows with estimate and standard error of another study, if too precise for chance."""
    seen: dict[tuple[float, float], int] = {}
    found = []
    for i, pair in enumerate(zip(y.tolist(), se.tolist(), strict=True)):
        j = seen.setdefault(pair, i)
        if labels[j] != labels[i] and sum(map(_digits, pair)) >= DIGITS:
            found.append(
                Suspicion(
                    i,
                    f"the estimate {y[i]:g} with the standard error {se[i]:g} is that of {labels[j]}; check "
                    "that the same patients are not counted twice",
                )
            )
    return found


def _digits(value: float) -> int:
    """Return how many significant digits a number needs."""
    text = np.format_float_scientific(abs(value), trim="-")
    return len(text.partition("e")[0].replace(".", "")) if value else 0


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Numbers that may stand in two rows, in words such as ``"numbers of the control arm"``.

    Attributes
    ----------
    what
        The words.
    numbers
        Shape (k, p).
    apart, beside
        Rows whose numbers do not coincide by chance with those of any other, and of the row before, shape
        (k,).
    mend
        What to do beyond checking.
    """

    what: str
    numbers: Array
    apart: Mask
    beside: Mask
    mend: str = ""


COMBINE = "; combine the arms of a study that share a control group"


def repeated_arms(arms: Sequence[Arm], labels: Sequence[str]) -> list[Suspicion]:
    """Return the rows with the numbers of an earlier row, one suspicion a row: both arms first, then one."""
    found: dict[int, Suspicion] = {}
    for arm in arms:
        first: dict[tuple[float, ...], int] = {}
        last: dict[tuple[float, ...], int] = {}
        for i in np.flatnonzero(arm.apart | arm.beside).tolist():
            key = tuple(arm.numbers[i].tolist())
            if key in first and (arm.apart[i] or last[key] == i - 1):
                what = f"the {arm.what} are those of {labels[first[key]]}"
                mend = f"check that the same patients are not counted twice{arm.mend}"
                found.setdefault(i, Suspicion(i, f"{what}; {mend}"))
            first.setdefault(key, i)
            last[key] = i
    return [found[i] for i in sorted(found)]


def of_counts(cells: Sequence[tuple[Array, Array]], labels: Sequence[str]) -> list[Suspicion]:
    """Counts of the arms of each study, as in `repeated_counts`: patients twice, and person-time."""
    events, without = (np.sum([arm[part] for arm in cells], axis=0) for part in (0, 1))
    return [*repeated_counts(cells, labels), *person_time(events, events + without)]


def repeated_counts(cells: Sequence[tuple[Array, Array]], labels: Sequence[str]) -> list[Suspicion]:
    """Return the rows that hold the counts of an earlier row: of both arms, or of one of them.

    `cells` has events and patients without one, shape (k,) each, of the treated and the control arm, or of
    the only one.
    """
    words = [("counts of the treated arm", ""), ("counts of the control arm", COMBINE)]
    arms = [
        Arm(
            what,
            np.stack(arm, axis=1),
            np.asarray(np.minimum(*arm) >= ARM_COUNT),
            np.asarray(np.minimum(*arm) >= ARM_COUNT_BESIDE),
            mend,
        )
        for (what, mend), arm in zip(words if len(cells) > 1 else [("counts", "")], cells, strict=True)
    ]
    if len(cells) > 1:
        enough = np.asarray(np.sum([arm[0] for arm in cells], axis=0) >= BOTH_ARMS_EVENTS)
        both = np.hstack([arm.numbers for arm in arms])
        arms = [Arm("four counts", both, enough, enough), *arms]
    return repeated_arms(arms, labels)


def person_time(events: Array, n: Array) -> list[Suspicion]:
    """Return the study whose n is rather person-time, if there is one: shape (k,) each.

    Its n is more than twice that of any other study, and so are its patients per event. Either alone is no
    sign: large studies and rare events are both common.
    """
    if n.size < PERSON_TIME_STUDIES:
        return []
    i = int(np.argmax(n))
    others = np.delete(np.arange(n.size), i)
    per_event = (n + 1.0) / (events + 0.5)  # half an event keeps a study without any comparable
    if n[i] <= PERSON_TIME * n[others].max() or per_event[i] <= PERSON_TIME * per_event[others].max():
        return []
    return [
        Suspicion(
            i,
            f"n is {n[i]:g} with {events[i]:g} events, and both n and the patients per event are more than "
            f"twice those of any other study ({n[others].max():g} at most); check that n counts patients and "
            "not person-time, which gives a rate and not a risk",
        )
    ]


def named_person_time(names: Mapping[str, str]) -> list[Suspicion]:
    """Return a suspicion for each number of patients whose column is called like person-time."""
    return [
        Suspicion(
            0,
            f"the column {name} is called like person-time, and {role} counts patients; name the column of "
            "the patients; person-time gives a rate and not a risk",
        )
        for role, name in names.items()
        if role.startswith(("n", "at_risk")) and PERSON_TIME_NAME.search(name)
    ]


def of_visits(studies: Sequence[str], months: Array) -> list[Suspicion]:
    """Return what is suspicious of the labels and months of rows that are visits, one value a row each.

    Labels that begin alike are series of their own, arms or groups of patients, where two of them have a
    visit after the baseline in common; otherwise they are mostly the visits of one series.
    """
    at: dict[str, set[float]] = {}
    for study, month in zip(studies, months.tolist(), strict=True):
        at.setdefault(study, set()).update({month} - {0.0})

    def groups(labels: set[str]) -> bool:
        return sum(len(at[label]) for label in labels) > len(set().union(*(at[label] for label in labels)))

    rows = _first_rows(studies)
    named = [*_totals(studies, rows), *_spellings(studies, rows), *_parts(studies, rows, apart=groups)]
    return [*named, *near_visits(studies, months)]


def near_visits(studies: Sequence[str], months: Array) -> list[Suspicion]:
    """Return a row for each two visits that are probably one: months so near, and no study with both.

    One value a row: the label of the study and its month, with the baseline at 0.
    """
    who: dict[float, set[str]] = {}
    for study, month in zip(studies, months.tolist(), strict=True):
        who.setdefault(month, set()).add(study)
    found = []
    for one, other in itertools.pairwise(sorted(m for m in who if m > 0.0)):
        apart = other - one
        if apart < NEAR_MONTHS and apart < NEAR_VISITS * other and not who[one] & who[other]:
            row = int(np.flatnonzero(months == other)[0])
            found.append(
                Suspicion(
                    row,
                    f"month {other:.4g} is a visit of its own beside month {one:.4g} of "
                    f"{_listed(sorted(who[one]))}, and no study has both; visits so near are mostly one in "
                    "another unit; give both the same month if they are",
                )
            )
    return found
